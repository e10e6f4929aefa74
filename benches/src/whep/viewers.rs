//! WebRTC viewers, all in one thread of a process of its own on a CPU of its own; and bare sockets that take what the floor sends.

use std::net::UdpSocket;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::peer::{Peer, Seen, socket};

/// Time between two visits: no wake-up per send, and far from filling a socket at 4 Mbit/s.
const VISIT: Duration = Duration::from_millis(5);
/// For all handshakes together.
const PATIENCE: Duration = Duration::from_secs(60);
/// What was sent while the others connected is not counted, and everybody has caught up.
const SETTLE: Duration = Duration::from_secs(4);
const DATAGRAM_BYTES_MAX: usize = 2_048;

/// A viewer of either kind.
pub(crate) enum Viewer {
    Peer(Box<Peer>),
    Bare { socket: UdpSocket, seen: Seen },
}

impl Viewer {
    /// A WHEP URL, or `udp://ADDRESS` for what needs no handshake.
    pub(crate) fn join(url: &str) -> anyhow::Result<Self> {
        let Some(address) = url.strip_prefix("udp://") else { return Ok(Self::Peer(Box::new(Peer::join(url)?))) };
        let socket = socket()?;
        socket.send_to(b"to me", address)?;
        Ok(Self::Bare { socket, seen: Seen::default() })
    }

    pub(crate) fn seen(&self) -> &Seen {
        match self {
            Self::Peer(peer) => &peer.seen,
            Self::Bare { seen, .. } => seen,
        }
    }

    fn forget(&mut self) {
        match self {
            Self::Peer(peer) => peer.seen.forget(),
            Self::Bare { seen, .. } => seen.forget(),
        }
    }

    fn is_connected(&self) -> bool {
        match self {
            Self::Peer(peer) => peer.connected,
            Self::Bare { .. } => true,
        }
    }

    fn visit(&mut self, buffer: &mut [u8]) {
        match self {
            Self::Peer(peer) => peer.visit(buffer),
            Self::Bare { socket, seen } => {
                while let Ok(read) = socket.recv(buffer) {
                    let datagram = buffer.get(..read).unwrap_or_default();
                    seen.datagram(datagram, Instant::now());
                    if let [_, _, high, low, ..] = *datagram {
                        seen.follow(u16::from_be_bytes([high, low]));
                    }
                }
            }
        }
    }
}

/// All of them.
pub(crate) struct Audience {
    pub(crate) viewers: Vec<Viewer>,
    buffer: Vec<u8>,
}

impl Audience {
    /// Joins all URLs, and waits until each is connected.
    pub(crate) fn join<'a>(urls: impl Iterator<Item = &'a str>) -> anyhow::Result<Self> {
        let mut audience = Self { viewers: Vec::new(), buffer: vec![0; DATAGRAM_BYTES_MAX] };
        for url in urls {
            audience.viewers.push(Viewer::join(url).with_context(|| format!("watching {url}"))?);
            // Those who watch already are not kept waiting while the others come.
            audience.visit();
        }
        audience.watch(PATIENCE, VISIT, |viewers| viewers.iter().all(Viewer::is_connected));
        let missing = audience.viewers.iter().filter(|viewer| !viewer.is_connected()).count();
        ensure!(missing == 0, "{missing} viewers never connected");
        Ok(audience)
    }

    /// Reads for that long, or until `over`, with this time between two visits.
    pub(crate) fn watch(&mut self, time: Duration, visit: Duration, over: impl Fn(&[Viewer]) -> bool) {
        let until = Instant::now() + time;
        while Instant::now() < until && !over(&self.viewers) {
            let began = Instant::now();
            self.visit();
            std::thread::sleep(visit.saturating_sub(began.elapsed()));
        }
    }

    fn visit(&mut self) {
        self.viewers.iter_mut().for_each(|viewer| viewer.visit(&mut self.buffer));
    }
}

/// Joins each URL in the file, prints `playing`, reads for `seconds`, prints `over` and what came.
pub(crate) fn run(urls: &Path, seconds: u64) -> anyhow::Result<()> {
    let urls = std::fs::read_to_string(urls)?;
    let mut audience = Audience::join(urls.lines().filter(|line| !line.is_empty()))?;
    audience.watch(SETTLE, VISIT, |_| false);
    audience.viewers.iter_mut().for_each(Viewer::forget);
    println!("playing");
    audience.watch(Duration::from_secs(seconds), VISIT, |_| false);
    println!("over");
    let of = |what: fn(&Seen) -> u64| audience.viewers.iter().map(move |viewer| what(viewer.seen()));
    let bytes = || of(|seen| seen.bytes);
    let closed = of(|seen| u64::from(seen.closed.is_some())).sum::<u64>();
    println!("bytes {} {} {} {closed}", bytes().sum::<u64>(), bytes().min().unwrap_or(0), bytes().max().unwrap_or(0));
    println!("packets {} {}", of(|seen| seen.datagrams).sum::<u64>(), of(Seen::lost).sum::<u64>());
    Ok(())
}
