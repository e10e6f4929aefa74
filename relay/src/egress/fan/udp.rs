//! Viewers by UDP: one pair of ports for all of a core's viewers at one address of ours, where each one's packets go, and what
//! is owed to him. Datagrams of equal size in a row leave in one call (UDP segmentation offload), which costs a third of one
//! call each.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd as _;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use media::frame::TrackId;
use media::rtp::SEGMENT_BYTES;
use media::wall::Clock;
use socket2::SockRef;
use tokio::net::UdpSocket;

/// Tries to find two neighbouring free ports.
const PAIR_TRIES: u32 = 64;
/// Bytes sent before a pause: what the kernel takes in one call. A receiver's socket holds about 90 packets by default; two
/// such bursts in a row would flood it.
pub(super) const BURST_BYTES: usize = 46 * SEGMENT_BYTES;
/// The pause. Together: 16 MB/s, well above any camera and below what floods a receiver.
pub(super) const BURST_PAUSE: Duration = Duration::from_millis(4);
/// Room for what all viewers of a core are sent at once: a keyframe of 128 KiB to 32 of them. The kernel may give less.
const SEND_ROOM_BYTES: usize = 4 << 20;
/// A wait after a socket that cannot be read for now.
const DEAF_PAUSE: Duration = Duration::from_millis(50);
/// Largest datagram read; receiver reports are about 60 bytes, and what is longer is cut.
const REPORT_BYTES_MAX: usize = 512;

/// The pairs of a core, by our own address.
#[derive(Default)]
pub(super) struct Pairs(RefCell<HashMap<IpAddr, Weak<Pair>>>);

/// Two sockets: RTP on an even port, RTCP on the next (RFC 3550 section 11).
pub(super) struct Pair {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    ports: (u16, u16),
    /// The kernel cuts runs into datagrams; where it cannot, each goes by itself.
    segmented: Cell<bool>,
    /// When each viewer was last heard of, by where his reports come from.
    heard: RefCell<HashMap<SocketAddr, Rc<Cell<Duration>>>>,
}

impl Pairs {
    /// The pair at this address; opened where nobody uses one. `range` of zeros takes any ports.
    pub(super) fn at(&self, local: IpAddr, range: (u16, u16), clock: &Arc<dyn Clock>) -> io::Result<Rc<Pair>> {
        let mut pairs = self.0.borrow_mut();
        if let Some(pair) = pairs.get(&local).and_then(Weak::upgrade) {
            return Ok(pair);
        }
        pairs.retain(|_, pair| pair.strong_count() > 0);
        let pair = Rc::new(Pair::open(local, range)?);
        pairs.insert(local, Rc::downgrade(&pair));
        tokio::task::spawn_local(listen(Rc::downgrade(&pair), Arc::clone(clock)));
        Ok(pair)
    }
}

/// Hears reports for as long as somebody uses the pair.
async fn listen(pair: Weak<Pair>, clock: Arc<dyn Clock>) {
    let mut report = [0; REPORT_BYTES_MAX];
    // Looked at between reports, so that an unused pair closes.
    let look = Duration::from_secs(5);
    while let Some(pair) = pair.upgrade() {
        match tokio::time::timeout(look, pair.rtcp.recv_from(&mut report)).await {
            Ok(Ok((_, from))) => {
                if let Some(at) = pair.heard.borrow().get(&canonical(from)) {
                    at.set(clock.monotonic());
                }
            }
            // Such as a port that is unreachable for now; the viewer's own timer judges.
            Ok(Err(_)) => tokio::time::sleep(DEAF_PAUSE).await,
            Err(_) => {}
        }
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

impl Pair {
    fn open(local: IpAddr, range: (u16, u16)) -> io::Result<Self> {
        let (rtp, rtcp) = open_pair(local, range)?;
        // What the system does not allow it cuts by itself.
        let _ = SockRef::from(&rtp).set_send_buffer_size(SEND_ROOM_BYTES);
        let segmented = Cell::new(uring::set_udp_segment(rtp.as_fd(), SEGMENT_BYTES as u16).is_ok());
        let ports = (rtp.local_addr()?.port(), rtcp.local_addr()?.port());
        Ok(Self { rtp, rtcp, ports, segmented, heard: RefCell::default() })
    }

    pub(super) fn rtp(&self) -> &UdpSocket {
        &self.rtp
    }

    /// Bytes that one send may hold.
    pub(super) fn send_bytes_max(&self) -> usize {
        if self.segmented.get() { usize::MAX } else { SEGMENT_BYTES }
    }

    /// A device cannot cut a run (EIO): one datagram a send from now on. False where that was so already.
    pub(super) fn stop_segmenting(&self) -> bool {
        // Zero switches it off; a socket that was told once can be told again.
        self.segmented.replace(false) && uring::set_udp_segment(self.rtp.as_fd(), 0).is_ok()
    }
}

/// One viewer's side.
pub(super) struct Udp {
    pair: Rc<Pair>,
    destinations: Vec<(TrackId, SocketAddr, SocketAddr)>,
    owed: VecDeque<(Bytes, SocketAddr)>,
    heard: Rc<Cell<Duration>>,
}

impl Udp {
    pub(super) fn new(pair: Rc<Pair>) -> Self {
        Self { pair, destinations: Vec::new(), owed: VecDeque::new(), heard: Rc::default() }
    }

    pub(super) fn ports(&self) -> (u16, u16) {
        self.pair.ports
    }

    pub(super) fn pair(&self) -> &Rc<Pair> {
        &self.pair
    }

    /// When the viewer last gave a sign of life by RTCP; zero if never.
    pub(super) fn heard_at(&self) -> Duration {
        self.heard.get()
    }

    /// Sends this track to these ports of the viewer from now on.
    pub(super) fn aim(&mut self, track: TrackId, viewer: IpAddr, rtp: u16, rtcp: u16) {
        self.forget_destination(track);
        let (rtp, rtcp) = (SocketAddr::new(viewer, rtp), SocketAddr::new(viewer, rtcp));
        self.destinations.push((track, rtp, rtcp));
        self.pair.heard.borrow_mut().insert(canonical(rtcp), Rc::clone(&self.heard));
    }

    fn forget_destination(&mut self, track: TrackId) {
        let (pair, mine) = (&self.pair, &self.heard);
        self.destinations.retain(|(id, _, rtcp)| {
            if *id == track {
                // Another viewer behind the same address may have taken the port over.
                let mut heard = pair.heard.borrow_mut();
                if heard.get(&canonical(*rtcp)).is_some_and(|of| Rc::ptr_eq(of, mine)) {
                    heard.remove(&canonical(*rtcp));
                }
            }
            *id != track
        });
    }

    /// Where a track's packets go.
    pub(super) fn destination(&self, track: TrackId) -> Option<SocketAddr> {
        self.destinations.iter().find(|(id, _, _)| *id == track).map(|(_, rtp, _)| *rtp)
    }

    /// Datagrams that must wait, in order; those that are too long for one send are cut.
    pub(super) fn owe(&mut self, mut run: Bytes, to: SocketAddr) {
        while !run.is_empty() {
            let piece = run.split_to(run.len().min(self.pair.send_bytes_max()));
            self.owed.push_back((piece, to));
        }
    }

    /// What a turn could not send goes before all that is owed.
    pub(super) fn owe_first(&mut self, pieces: Vec<(Bytes, SocketAddr)>) {
        let later = std::mem::take(&mut self.owed);
        pieces.into_iter().for_each(|(bytes, to)| self.owe(bytes, to));
        self.owed.extend(later);
    }

    /// What is owed, from the first on until there are so many bytes.
    pub(super) fn next_burst(&self, bytes: usize) -> Vec<(Bytes, SocketAddr)> {
        let mut left = bytes;
        let fits = self.owed.iter().take_while(|(piece, _)| {
            let before = left;
            left = left.saturating_sub(piece.len());
            before > 0
        });
        fits.cloned().collect()
    }

    pub(super) fn owes(&self) -> bool {
        !self.owed.is_empty()
    }

    /// Of the first pieces owed those have left, or are lost, of which this says so.
    pub(super) fn settle(&mut self, left: &[bool]) {
        let mut left = left.iter();
        self.owed.retain(|_| !left.next().copied().unwrap_or(false));
        if self.owed.is_empty() {
            // A viewer that keeps up again costs no memory for having been slow.
            self.owed = VecDeque::new();
        }
    }

    /// What is owed is sent again one datagram at a time.
    pub(super) fn cut_owed(&mut self) {
        for (run, to) in std::mem::take(&mut self.owed) {
            self.owe(run, to);
        }
    }

    /// Frames that were not sent when sending stopped.
    pub(super) fn forget(&mut self) {
        self.owed = VecDeque::new();
    }

    /// Sends an RTCP packet to a track's viewer; lost where the socket is full.
    pub(super) fn report(&self, track: TrackId, packet: &[u8]) -> io::Result<()> {
        let Some((_, _, to)) = self.destinations.iter().find(|(id, _, _)| *id == track) else { return Ok(()) };
        match self.pair.rtcp.try_send_to(packet, *to) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }
}

impl Drop for Udp {
    fn drop(&mut self) {
        while let Some((track, _, _)) = self.destinations.last() {
            self.forget_destination(*track);
        }
    }
}

fn open_pair(local: IpAddr, (low, high): (u16, u16)) -> io::Result<(UdpSocket, UdpSocket)> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..PAIR_TRIES {
        let first = match even_port(low, high) {
            Some(port) => bind(local, port),
            None => bind(local, 0),
        };
        let pair = first.and_then(|rtp| {
            let port = rtp.local_addr()?.port();
            if port % 2 == 1 {
                return Err(io::ErrorKind::AddrInUse.into());
            }
            Ok((rtp, bind(local, port + 1)?))
        });
        match pair {
            Ok(pair) => return Ok(pair),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// An even port of the range at random, with its neighbour in the range too; none where the range is none.
fn even_port(low: u16, high: u16) -> Option<u16> {
    let first = low.checked_next_multiple_of(2).filter(|_| low > 0)?;
    let pairs = high.checked_sub(first)?.div_ceil(2);
    let random = u16::from_ne_bytes({
        let mut bytes = [0; 2];
        getrandom::fill(&mut bytes).expect("the kernel has random bits");
        bytes
    });
    Some(first + 2 * random.checked_rem(pairs)?)
}

fn bind(local: IpAddr, port: u16) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind((local, port))?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[tokio::test]
    async fn a_pair_is_even_and_next() {
        let pair = Pair::open(LOCAL, (0, 0)).unwrap();
        assert_eq!((pair.ports.0 % 2, pair.ports.1), (0, pair.ports.0 + 1));
    }

    #[test]
    fn a_range_gives_pairs_within_itself() {
        for _ in 0..100 {
            let port = even_port(5001, 5008).unwrap();
            assert!([5002, 5004, 5006].contains(&port), "{port}");
        }
        assert_eq!(even_port(5000, 5001), Some(5000));
        assert_eq!(even_port(5001, 5002), None);
        assert_eq!(even_port(0, 0), None);
    }

    #[tokio::test]
    async fn a_viewer_is_heard_under_his_own_port_alone() {
        let pair = Rc::new(Pair::open(LOCAL, (0, 0)).unwrap());
        let (mut one, mut other) = (Udp::new(Rc::clone(&pair)), Udp::new(Rc::clone(&pair)));
        one.aim(TrackId(0), LOCAL, 5_000, 5_001);
        other.aim(TrackId(0), LOCAL, 5_002, 5_003);
        pair.heard.borrow()[&"127.0.0.1:5003".parse().unwrap()].set(Duration::from_secs(7));
        assert_eq!((one.heard_at(), other.heard_at()), (Duration::ZERO, Duration::from_secs(7)));
        // The same port again, by another viewer: the first one's end does not silence him.
        let mut third = Udp::new(Rc::clone(&pair));
        third.aim(TrackId(0), LOCAL, 5_002, 5_003);
        drop(other);
        assert_eq!(pair.heard.borrow().len(), 2);
        drop((one, third));
        assert!(pair.heard.borrow().is_empty());
    }

    #[tokio::test]
    async fn without_segmentation_each_datagram_is_a_send_of_its_own() {
        let mut udp = Udp::new(Rc::new(Pair::open(LOCAL, (0, 0)).unwrap()));
        let to: SocketAddr = "127.0.0.1:9".parse().unwrap();
        udp.owe(Bytes::from(vec![0; 2 * SEGMENT_BYTES + 1]), to);
        assert_eq!(udp.owed.len(), 1);
        assert!(udp.pair.stop_segmenting());
        udp.cut_owed();
        let lengths = |burst: Vec<(Bytes, SocketAddr)>| burst.iter().map(|(b, _)| b.len()).collect::<Vec<_>>();
        assert_eq!(lengths(udp.next_burst(usize::MAX)), [SEGMENT_BYTES, SEGMENT_BYTES, 1]);
        assert_eq!(lengths(udp.next_burst(SEGMENT_BYTES + 1)), [SEGMENT_BYTES, SEGMENT_BYTES]);
        udp.settle(&[true, true]);
        assert_eq!(udp.owed.len(), 1);
        assert!(!udp.pair.stop_segmenting(), "once is enough");
    }
}
