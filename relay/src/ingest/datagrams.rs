//! A camera's media by UDP: a pair of ports of its own, and the window that puts datagrams in order.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use media::reorder::{InOrder, Limits, Window};
use media::rtp;
use socket2::SockRef;
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

/// Tries to find two neighbouring free ports.
const PAIR_TRIES: u32 = 64;
/// Room for a keyframe that comes in one burst. The kernel may give less.
const ROOM_BYTES: usize = 1 << 20;
/// Longest datagram taken; Ethernet carries less, and what is longer is cut and then no packet.
const DATAGRAM_BYTES_MAX: usize = 4 << 10;
/// Datagrams taken in one turn of a camera.
const TURN_DATAGRAMS: usize = 64;

/// RTP's socket and RTCP's, on neighbouring ports.
pub(super) struct Ports {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    local: (u16, u16),
    camera: Option<IpAddr>,
    /// Where reports go.
    reports_to: Option<SocketAddr>,
    window: Window<Waiting>,
}

/// A packet that waits for its turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) payload: Bytes,
}

impl Ports {
    pub(super) fn open(local: IpAddr) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..PAIR_TRIES {
            match pair(local) {
                Ok((rtp, rtcp)) => {
                    let local = (rtp.local_addr()?.port(), rtcp.local_addr()?.port());
                    let _ = SockRef::from(&rtp).set_recv_buffer_size(ROOM_BYTES);
                    let window = Window::new(Limits::default());
                    return Ok(Self { rtp, rtcp, local, camera: None, reports_to: None, window });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// RTP's port and RTCP's.
    pub(super) fn local(&self) -> (u16, u16) {
        self.local
    }

    /// Takes packets from this camera alone. A packet to each of its ports opens the way through a firewall between.
    pub(super) fn aim(&mut self, camera: IpAddr, server_ports: Option<(u16, u16)>) {
        self.camera = Some(camera);
        let Some((rtp, rtcp)) = server_ports else { return };
        self.reports_to = Some(SocketAddr::new(camera, rtcp));
        // An empty RTP packet of version 2; what it is lost to does not matter.
        let _ = self.rtp.try_send_to(&[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], SocketAddr::new(camera, rtp));
        self.report();
    }

    /// An empty receiver report (RFC 3550 section 6.4.2): the sign of life that some cameras wait for.
    pub(super) fn report(&self) {
        if let Some(to) = self.reports_to {
            let _ = self.rtcp.try_send_to(&[0x80, 201, 0, 1, 0, 0, 0, 0], to);
        }
    }

    /// Takes what has come, as far as a turn goes, into the window. Ready where there may be more.
    pub(super) fn poll_receive(&mut self, cx: &mut Context<'_>, now: Duration, bad: &mut impl FnMut()) -> Poll<()> {
        let mut room = [0; DATAGRAM_BYTES_MAX];
        for _ in 0..TURN_DATAGRAMS {
            let mut buffer = ReadBuf::new(&mut room);
            match ready!(self.rtp.poll_recv_from(cx, &mut buffer)) {
                Ok(from) if Some(from.ip().to_canonical()) == self.camera => match rtp::parse(buffer.filled()) {
                    Ok(packet) => {
                        let payload = Bytes::copy_from_slice(packet.payload);
                        let waiting = Waiting { timestamp: packet.timestamp, marker: packet.marker, payload };
                        self.window.push(packet.sequence, waiting, now);
                    }
                    Err(_) => bad(),
                },
                // From somebody else: none of our business.
                Ok(_) => {}
                // Such as a port that is unreachable for now; the camera's silence is judged elsewhere.
                Err(_) => {}
            }
        }
        Poll::Ready(())
    }

    /// The next packet in order.
    pub(super) fn pop(&mut self, now: Duration) -> Option<InOrder<Waiting>> {
        self.window.pop(now)
    }

    /// The next RTCP packet.
    pub(super) fn poll_report(&self, cx: &mut Context<'_>) -> Poll<rtp::Report> {
        let mut room = [0; DATAGRAM_BYTES_MAX];
        for _ in 0..TURN_DATAGRAMS {
            let mut buffer = ReadBuf::new(&mut room);
            match ready!(self.rtcp.poll_recv_from(cx, &mut buffer)) {
                Ok(from) if Some(from.ip().to_canonical()) == self.camera => {
                    if let Some(report) = rtp::read_sender_report(buffer.filled()) {
                        return Poll::Ready(report);
                    }
                }
                Ok(_) | Err(_) => {}
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

fn pair(local: IpAddr) -> io::Result<(UdpSocket, UdpSocket)> {
    let rtp = bind(local, 0)?;
    let port = rtp.local_addr()?.port();
    let next = port.checked_add(1).filter(|_| port % 2 == 0).ok_or(io::ErrorKind::AddrInUse)?;
    Ok((rtp, bind(local, next)?))
}

fn bind(local: IpAddr, port: u16) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind((local, port))?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}
