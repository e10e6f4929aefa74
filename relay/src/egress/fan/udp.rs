//! A viewer's UDP side: one pair of ports for the session, and what is owed by it. Datagrams of equal size in a row leave in
//! one call (UDP segmentation offload), which costs a third of one call each.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd as _;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use media::frame::TrackId;
use media::rtp::SEGMENT_BYTES;
use tokio::net::UdpSocket;

/// Tries to find two neighbouring free ports.
const PAIR_TRIES: u32 = 64;
/// Bytes sent before a pause. A receiver's socket holds about 90 packets by default; a keyframe must not flood it.
pub(super) const BURST_BYTES: usize = 32 << 10;
/// The pause. Together: 8 MB/s, well above any camera and below what floods a receiver.
pub(super) const BURST_PAUSE: Duration = Duration::from_millis(4);
/// A wait after a socket that cannot be read for now.
const DEAF_PAUSE: Duration = Duration::from_millis(50);
/// Largest datagram read; receiver reports are about 60 bytes, and what is longer is cut.
const REPORT_BYTES_MAX: usize = 512;

/// The two sockets: RTP on an even port, RTCP on the next.
pub(crate) struct Pair {
    rtp: UdpSocket,
    rtcp: UdpSocket,
}

impl Pair {
    pub(super) fn rtp(&self) -> &UdpSocket {
        &self.rtp
    }

    /// Waits for a sign of life from the viewer's own address. Safe to drop.
    pub(crate) async fn heard(&self, viewer: IpAddr) {
        let mut report = [0; REPORT_BYTES_MAX];
        loop {
            match self.rtcp.recv_from(&mut report).await {
                Ok((_, from)) if from.ip() == viewer => return,
                Ok(_) => {}
                // Such as a port that is unreachable for now; the session's own timer judges.
                Err(_) => tokio::time::sleep(DEAF_PAUSE).await,
            }
        }
    }
}

pub(crate) struct Udp {
    pair: Rc<Pair>,
    /// The kernel cuts runs into datagrams; where it cannot, each goes by itself.
    segmented: bool,
    ports: (u16, u16),
    destinations: Vec<(TrackId, SocketAddr, SocketAddr)>,
    owed: VecDeque<(Bytes, SocketAddr)>,
}

impl Udp {
    /// A pair of ports on this address: an even one for RTP and the next for RTCP (RFC 3550 section 11). `range` of
    /// zeros takes any.
    pub(crate) fn open(local: IpAddr, range: (u16, u16)) -> io::Result<Self> {
        let (rtp, rtcp) = open_pair(local, range)?;
        let segmented = uring::set_udp_segment(rtp.as_fd(), SEGMENT_BYTES as u16).is_ok();
        let ports = (rtp.local_addr()?.port(), rtcp.local_addr()?.port());
        let pair = Rc::new(Pair { rtp, rtcp });
        Ok(Self { pair, segmented, ports, destinations: Vec::new(), owed: VecDeque::new() })
    }

    pub(crate) fn ports(&self) -> (u16, u16) {
        self.ports
    }

    pub(crate) fn pair(&self) -> &Rc<Pair> {
        &self.pair
    }

    /// Bytes that one send may hold.
    pub(super) fn send_bytes_max(&self) -> usize {
        if self.segmented { usize::MAX } else { SEGMENT_BYTES }
    }

    /// The kernel took a run and its device cannot cut it (EIO): one datagram a send from now on. False where that was so
    /// already.
    pub(super) fn stop_segmenting(&mut self) -> bool {
        let was = std::mem::replace(&mut self.segmented, false);
        // Zero switches it off; a socket that was told once can be told again.
        was && uring::set_udp_segment(self.pair.rtp.as_fd(), 0).is_ok()
    }

    /// Sends this track to these ports of the viewer from now on.
    pub(crate) fn aim(&mut self, track: TrackId, viewer: IpAddr, rtp: u16, rtcp: u16) {
        self.destinations.retain(|(id, _, _)| *id != track);
        self.destinations.push((track, SocketAddr::new(viewer, rtp), SocketAddr::new(viewer, rtcp)));
    }

    /// Where a track's packets go.
    pub(super) fn destination(&self, track: TrackId) -> Option<SocketAddr> {
        self.destinations.iter().find(|(id, _, _)| *id == track).map(|(_, rtp, _)| *rtp)
    }

    /// Datagrams that must wait, in order; those that are too long for one send are cut.
    pub(super) fn owe(&mut self, mut run: Bytes, to: SocketAddr) {
        while !run.is_empty() {
            let piece = run.split_to(run.len().min(self.send_bytes_max()));
            self.owed.push_back((piece, to));
        }
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

    /// What a turn could not send goes before all that is owed.
    pub(super) fn owe_first(&mut self, pieces: Vec<(Bytes, SocketAddr)>) {
        let later = std::mem::take(&mut self.owed);
        pieces.into_iter().for_each(|(bytes, to)| self.owe(bytes, to));
        self.owed.extend(later);
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

    #[tokio::test]
    async fn a_pair_is_even_and_next() {
        let udp = Udp::open(IpAddr::from([127, 0, 0, 1]), (0, 0)).unwrap();
        let (rtp, rtcp) = udp.ports();
        assert_eq!((rtp % 2, rtcp), (0, rtp + 1));
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
    async fn without_segmentation_each_datagram_is_a_send_of_its_own() {
        let mut udp = Udp::open(IpAddr::from([127, 0, 0, 1]), (0, 0)).unwrap();
        let to: SocketAddr = "127.0.0.1:9".parse().unwrap();
        udp.owe(Bytes::from(vec![0; 2 * SEGMENT_BYTES + 1]), to);
        assert_eq!(udp.owed.len(), 1);
        assert!(udp.stop_segmenting());
        udp.cut_owed();
        let lengths = |burst: Vec<(Bytes, SocketAddr)>| burst.iter().map(|(b, _)| b.len()).collect::<Vec<_>>();
        assert_eq!(lengths(udp.next_burst(usize::MAX)), [SEGMENT_BYTES, SEGMENT_BYTES, 1]);
        assert_eq!(lengths(udp.next_burst(SEGMENT_BYTES + 1)), [SEGMENT_BYTES, SEGMENT_BYTES]);
        udp.settle(&[true, true]);
        assert_eq!(udp.owed.len(), 1);
        assert!(!udp.stop_segmenting(), "once is enough");
    }
}
