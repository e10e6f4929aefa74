//! A viewer's tracks by UDP: one pair of ports for the session, datagrams cut out of the same image that serves TCP.
//! Packets of equal size in a row leave in one call (UDP segmentation offload), which costs a third of one call each.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use media::frame::TrackId;
use media::rtp;
use quinn_udp::{Transmit, UdpSockRef, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::outbox::Flushed;
use crate::admission::Admitted;

/// Tries to find two neighbouring free ports.
const PAIR_TRIES: u32 = 64;
/// Bytes of one call: what fits an IP datagram, with room for headers.
const RUN_BYTES_MAX: usize = 60_000;
/// Bytes sent before a pause. A receiver's socket holds about 90 packets by default; a keyframe must not flood it.
const BURST_BYTES: usize = 32 << 10;
/// The pause. Together: 8 MB/s, well above any camera and below what floods a receiver.
pub(super) const BURST_PAUSE: Duration = Duration::from_millis(4);
/// Largest datagram read; receiver reports are about 60 bytes, and what is longer is cut.
const REPORT_BYTES_MAX: usize = 512;

pub(super) struct Udp {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    state: UdpSocketState,
    ports: (u16, u16),
    destinations: Vec<(TrackId, SocketAddr, SocketAddr)>,
    waiting: VecDeque<Image>,
    scratch: Vec<u8>,
    /// Bytes that may be sent before the next pause.
    burst: usize,
}

struct Image {
    bytes: Bytes,
    sent: usize,
    to: SocketAddr,
}

impl Udp {
    /// A pair of ports on this address: an even one for RTP and the next for RTCP (RFC 3550 section 11). `range` of
    /// zeros takes any.
    pub(super) fn open(local: IpAddr, range: (u16, u16)) -> io::Result<Self> {
        let (rtp, rtcp) = open_pair(local, range)?;
        let state = UdpSocketState::new(UdpSockRef::from(&rtp))?;
        let ports = (rtp.local_addr()?.port(), rtcp.local_addr()?.port());
        Ok(Self {
            rtp,
            rtcp,
            state,
            ports,
            destinations: Vec::new(),
            waiting: VecDeque::new(),
            scratch: Vec::new(),
            burst: BURST_BYTES,
        })
    }

    pub(super) fn ports(&self) -> (u16, u16) {
        self.ports
    }

    /// Sends this track to these ports of the viewer from now on.
    pub(super) fn aim(&mut self, track: TrackId, viewer: IpAddr, rtp: u16, rtcp: u16) {
        self.destinations.retain(|(id, _, _)| *id != track);
        self.destinations.push((track, SocketAddr::new(viewer, rtp), SocketAddr::new(viewer, rtcp)));
    }

    pub(super) fn push(&mut self, track: TrackId, image: Bytes) {
        if let Some((_, to, _)) = self.destinations.iter().find(|(id, _, _)| *id == track) {
            self.waiting.push_back(Image { bytes: image, sent: 0, to: *to });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Frames that were not sent when sending stopped.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Hands over what the socket takes and the pace allows. A datagram that the kernel refuses is lost, as datagrams
    /// are, and told to `failed`.
    pub(super) fn flush(
        &mut self,
        admitted: &Admitted,
        mut sent: impl FnMut(u64),
        mut failed: impl FnMut(&io::Error),
    ) -> Flushed {
        while let Some(image) = self.waiting.front_mut() {
            if admitted.has_ended() {
                return Flushed::Ended;
            }
            if self.burst == 0 {
                return Flushed::Paced;
            }
            let run = Run::gather(image.bytes.get(image.sent..).unwrap_or_default(), &mut self.scratch, &self.state);
            if run.image_bytes == 0 {
                self.waiting.pop_front();
                continue;
            }
            let transmit = Transmit {
                destination: image.to,
                ecn: None,
                contents: &self.scratch,
                segment_size: (run.packets > 1).then_some(run.packet_bytes),
                src_ip: None,
            };
            let result = self.rtp.try_io(Interest::WRITABLE, || self.state.try_send((&self.rtp).into(), &transmit));
            match result {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Flushed::Full,
                Err(error) => failed(&error),
                Ok(()) => sent(self.scratch.len() as u64),
            }
            image.sent += run.image_bytes;
            self.burst = self.burst.saturating_sub(self.scratch.len());
        }
        Flushed::All
    }

    pub(super) async fn writable(&self) -> io::Result<()> {
        self.rtp.writable().await
    }

    /// Another burst may leave: the viewer had `BURST_PAUSE` to take the last one.
    pub(super) fn rest(&mut self) {
        self.burst = BURST_BYTES;
    }

    /// Sends an RTCP packet to a track's viewer; lost where the socket is full.
    pub(super) fn report(&self, track: TrackId, packet: &[u8]) -> io::Result<()> {
        let Some((_, _, to)) = self.destinations.iter().find(|(id, _, _)| *id == track) else { return Ok(()) };
        match self.rtcp.try_send_to(packet, *to) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }

    /// Waits for a sign of life from the viewer's own address. Safe to drop.
    pub(super) async fn heard(&self, viewer: IpAddr) {
        let mut report = [0; REPORT_BYTES_MAX];
        loop {
            match self.rtcp.recv_from(&mut report).await {
                Ok((_, from)) if from.ip() == viewer => return,
                Ok(_) => {}
                // Such as a port that is unreachable for now; the session's own timer judges.
                Err(_) => tokio::time::sleep(BURST_PAUSE).await,
            }
        }
    }
}

/// Packets of one size in a row, the last one possibly shorter, as `UDP_SEGMENT` wants them.
struct Run {
    packets: usize,
    packet_bytes: usize,
    /// Bytes of the image they came from.
    image_bytes: usize,
}

impl Run {
    fn gather(image: &[u8], scratch: &mut Vec<u8>, state: &UdpSocketState) -> Self {
        scratch.clear();
        let mut run = Self { packets: 0, packet_bytes: 0, image_bytes: 0 };
        for packet in rtp::datagrams(image) {
            let begins = run.packets == 0;
            if !begins
                && (packet.len() > run.packet_bytes
                    || run.packets >= state.max_gso_segments()
                    || scratch.len() + packet.len() > RUN_BYTES_MAX)
            {
                break;
            }
            if begins {
                run.packet_bytes = packet.len();
            }
            scratch.extend_from_slice(packet);
            run.packets += 1;
            run.image_bytes += rtp::INTERLEAVED_HEADER_BYTES + packet.len();
            if packet.len() < run.packet_bytes {
                break;
            }
        }
        run
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
    async fn runs_are_cut_where_the_size_changes() {
        let udp = Udp::open(IpAddr::from([127, 0, 0, 1]), (0, 0)).unwrap();
        let mut image = Vec::new();
        for len in [20_u16, 100, 100, 40, 100] {
            image.extend_from_slice(&[b'$', 0]);
            image.extend_from_slice(&len.to_be_bytes());
            image.resize(image.len() + usize::from(len), 7);
        }
        let (mut at, mut scratch, mut runs) = (0, Vec::new(), Vec::new());
        loop {
            let run = Run::gather(&image[at..], &mut scratch, &udp.state);
            if run.image_bytes == 0 {
                break;
            }
            at += run.image_bytes;
            runs.push((run.packets, scratch.len()));
        }
        let offload = udp.state.max_gso_segments() > 1;
        let wanted = if offload {
            vec![(1, 20), (3, 240), (1, 100)]
        } else {
            vec![(1, 20), (1, 100), (1, 100), (1, 40), (1, 100)]
        };
        assert_eq!((runs, at), (wanted, image.len()));
    }
}
