//! What all simulated cameras share, the clock and the switches, and how each of them is described and played; and a pair
//! of UDP sockets, of which each connection has its own: a socket that all shared would have room for a few cameras only.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use media::frame::{StreamInfo, TrackId};
use media::rtsp::{self, Wish};
use media::wall::Clock;
use tokio::net::UdpSocket;

use super::playback::Playback;
use super::switches::Switches;

/// Added to the monotonic line, so that a loop may have begun before the process did.
const BEFORE_START: Duration = Duration::from_secs(7 * 86_400);

/// Even port pairs tried before giving up.
const PORT_PAIRS_TRIED_MAX: usize = 64;

/// Fraction of the loop between one camera and the next: the golden ratio spreads any number of them evenly.
const PHASE_STEP: f64 = 0.618_033_988_749_895;

pub(super) struct Site {
    pub(super) switches: Arc<[Switches]>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) listen: IpAddr,
}

impl Site {
    pub(super) fn now(&self) -> Duration {
        self.clock.monotonic() + BEFORE_START
    }

    pub(super) fn random_u128(&self) -> u128 {
        let half = || u128::from(getrandom::u64().unwrap_or_default());
        half() << 64 | half()
    }

    /// `/cam/N` or `/N`, from 1. The number given is from 0.
    pub(super) fn camera_of(&self, path: &str) -> Option<usize> {
        let path = path.trim_start_matches('/');
        let number: usize = path.strip_prefix("cam/").unwrap_or(path).parse().ok()?;
        number.checked_sub(1).filter(|n| *n < self.switches.len())
    }

    pub(super) fn describe(&self, camera: usize) -> Option<String> {
        let switches = self.switches.get(camera)?;
        if switches.has_garbage_sdp() {
            return Some("v=0\r\nm=video\r\n\u{0}\u{1}garbage without end".to_owned());
        }
        let (reel, _) = switches.reel();
        let name = format!("Simulated camera {}", camera + 1);
        Some(sdp(&reel.info, &name, !switches.lacks_parameter_sets()))
    }

    pub(super) fn play(&self, camera: usize, set_up: &[(TrackId, Wish)]) -> Option<Playback> {
        let switches = self.switches.get(camera)?;
        let (reel, _) = switches.reel();
        let phase = reel.lap.mul_f64((camera as f64 * PHASE_STEP).fract());
        let mut random = || getrandom::u32().unwrap_or_default();
        Some(Playback::new(switches, set_up, phase, self.now(), &mut random))
    }
}

/// The SDP of a camera. One that forgets its parameter sets has none in the SDP either.
fn sdp(info: &StreamInfo, name: &str, parameter_sets: bool) -> String {
    let sdp = rtsp::describe(info, name);
    if parameter_sets {
        return sdp;
    }
    let lines = sdp.split_inclusive("\r\n");
    lines.filter(|line| !(line.starts_with("a=fmtp:") && line.contains("sprop-"))).collect()
}

/// RTP from an even port and RTCP from the next one, as RFC 3550 section 11 wants it.
pub(super) struct Udp {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    ports: (u16, u16),
}

impl Udp {
    pub(super) fn bind(ip: IpAddr) -> std::io::Result<Self> {
        let mut last = None;
        for _ in 0..PORT_PAIRS_TRIED_MAX {
            match Self::try_pair(ip) {
                Ok(Some(pair)) => return Ok(pair),
                Ok(None) => {}
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| std::io::Error::other("no pair of free UDP ports")))
    }

    fn try_pair(ip: IpAddr) -> std::io::Result<Option<Self>> {
        let rtp = socket(ip, 0)?;
        let port = rtp.local_addr()?.port();
        let Some(next) = port.checked_add(1).filter(|_| port % 2 == 0) else { return Ok(None) };
        let rtcp = socket(ip, next)?;
        Ok(Some(Self { rtp, rtcp, ports: (port, next) }))
    }

    pub(super) fn ports(&self) -> (u16, u16) {
        self.ports
    }

    /// A datagram that the kernel does not take is lost, as on any network.
    pub(super) fn send_rtp(&self, to: SocketAddr, packet: &[u8]) {
        let _ = self.rtp.try_send_to(packet, to);
    }

    pub(super) fn send_rtcp(&self, to: SocketAddr, packet: &[u8]) {
        let _ = self.rtcp.try_send_to(packet, to);
    }
}

fn socket(ip: IpAddr, port: u16) -> std::io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind(SocketAddr::new(ip, port))?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}
