//! The readers: N RTSP players in one thread that throw the media away in the kernel (`MSG_TRUNC`), so that what is measured is
//! the server; and beside them a few that read for real, on threads of their own, for latency and loss. Runs as a process of
//! its own, on a CPU of its own.

use std::io::Read;
use std::net::{TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use media::rtp;
use relay::sim::read_stamp;
use rustix::net::{RecvFlags, recv};

use crate::report::percentile;
use crate::rtsp;

/// Time between two visits of a socket: no wake-up per send, and far from filling a socket at 4 Mbit/s.
const VISIT: Duration = Duration::from_millis(5);
/// The same where there are so many that a round takes longer.
const VISIT_MANY: Duration = Duration::from_millis(20);
const MANY: usize = 1_000;
/// Discarded by one call at most.
const DISCARD_BYTES: usize = 1 << 20;
/// Room of a UDP reader's socket: two keyframes.
const UDP_ROOM_BYTES: usize = 1 << 20;
/// Viewers that join late, one after the other, to see how long the first picture takes.
pub(crate) const LATE: usize = 20;
/// What was sent while the others connected is not counted; and a core needs a moment to know its load.
const SETTLE: Duration = Duration::from_secs(3);

/// How a viewer takes his frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Way {
    /// RTSP over TCP.
    Tcp,
    /// RTSP, its frames by UDP.
    Udp,
    /// Fragments over a WebSocket.
    Mse,
}

/// What the readers are to do.
#[derive(clap::Args)]
pub(crate) struct Reading {
    /// URLs, one a line, in a file; the last ones join late, if `late` says so.
    pub(crate) urls: std::path::PathBuf,
    /// Seconds to read after all play.
    pub(crate) seconds: u64,
    /// By which way.
    #[arg(long, default_value = "tcp")]
    pub(crate) way: Way,
    /// Of the first ones, so many read for real.
    #[arg(long, default_value_t = 0)]
    pub(crate) probes: usize,
    /// The last `LATE` URLs are opened one by one once the others play.
    #[arg(long)]
    pub(crate) late: bool,
}

/// Connects to each URL in the file, plays, prints `playing`, reads for `seconds`, and prints what it saw, a line each.
pub(crate) fn run(reading: &Reading) -> anyhow::Result<()> {
    let urls = urls(&reading.urls)?;
    let late = if reading.late { LATE.min(urls.len()) } else { 0 };
    let (early, late) = urls.split_at(urls.len() - late);
    let mut discarding = Vec::new();
    let mut probing = Vec::new();
    for (number, url) in early.iter().enumerate() {
        let viewer = Viewer::play(url, reading.way).with_context(|| format!("playing {url}"))?;
        if number < reading.probes { probing.push(viewer) } else { discarding.push(viewer) }
    }
    let (stop, begun) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let probes: Vec<_> = probing.iter_mut().map(|viewer| scope.spawn(|| viewer.probe(&stop, &begun))).collect();
        let mut discard = vec![0_u8; DISCARD_BYTES];
        settle(&mut discarding, &mut discard, SETTLE);
        discarding.iter_mut().for_each(|p| p.bytes = 0);
        begun.store(true, Ordering::Relaxed);
        println!("playing");
        settle(&mut discarding, &mut discard, Duration::from_secs(reading.seconds));
        println!("over");
        stop.store(true, Ordering::Relaxed);
        let probes: Vec<Probe> = probes.into_iter().filter_map(|p| p.join().ok()).collect();
        report(&discarding, &probes);
        let first: Vec<f64> = late.iter().filter_map(|url| first_picture(url).ok()).collect();
        println!("first {} {:.6} {:.6}", first.len(), percentile(&first, 0.5), percentile(&first, 0.99));
        Ok(())
    })
}

fn urls(file: &Path) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read_to_string(file)?;
    Ok(text.lines().filter(|l| !l.is_empty()).map(str::to_owned).collect())
}

fn report(discarding: &[Viewer], probes: &[Probe]) {
    let closed = discarding.iter().filter(|v| v.closed).count() + probes.iter().filter(|p| p.closed).count();
    let bytes = || discarding.iter().map(|v| v.bytes);
    let all = bytes().sum::<u64>() + probes.iter().map(|p| p.bytes).sum::<u64>();
    println!("bytes {all} {} {} {closed}", bytes().min().unwrap_or(0), bytes().max().unwrap_or(0));
    let delays: Vec<f64> = probes.iter().flat_map(|p| p.delays.iter().copied()).collect();
    let lost: u64 = probes.iter().map(|p| p.lost).sum();
    println!(
        "latency {} {:.6} {:.6} {:.6} {lost}",
        delays.len(),
        percentile(&delays, 0.5),
        percentile(&delays, 0.99),
        percentile(&delays, 1.0)
    );
}

fn settle(viewers: &mut [Viewer], discard: &mut [u8], time: Duration) {
    let visit = if viewers.len() > MANY { VISIT_MANY } else { VISIT };
    let started = Instant::now();
    while started.elapsed() < time {
        let began = Instant::now();
        viewers.iter_mut().for_each(|viewer| viewer.read_dry(discard));
        std::thread::sleep(visit.saturating_sub(began.elapsed()));
    }
}

struct Viewer {
    socket: TcpStream,
    /// RTP and RTCP.
    udp: Option<(UdpSocket, UdpSocket)>,
    bytes: u64,
    closed: bool,
}

/// What a viewer that reads for real has seen.
#[derive(Default)]
struct Probe {
    bytes: u64,
    /// Seconds from the camera's stamp to the last packet of the picture.
    delays: Vec<f64>,
    lost: u64,
    closed: bool,
    sequence: Option<u16>,
    stamp: Option<f64>,
}

impl Viewer {
    fn play(url: &str, way: Way) -> anyhow::Result<Self> {
        if way == Way::Mse {
            return Ok(Self { socket: crate::socket::open(url)?, udp: None, bytes: 0, closed: false });
        }
        let sockets = if way == Way::Udp { Some(udp_sockets()?) } else { None };
        let port = |socket: &UdpSocket| socket.local_addr().map(|a| a.port());
        let ports = match &sockets {
            Some((rtp, rtcp)) => Some((port(rtp)?, port(rtcp)?)),
            None => None,
        };
        let mut opened = rtsp::open(url, ports)?;
        opened.play()?;
        Ok(Self { socket: opened.socket, udp: sockets, bytes: 0, closed: false })
    }

    fn read_dry(&mut self, discard: &mut [u8]) {
        match &self.udp {
            Some((rtp, _)) => while self.bytes_of(rtp.as_fd(), discard).map(|n| self.bytes += n).is_some() {},
            None => {
                while !self.closed {
                    match recv(&self.socket, &mut *discard, RecvFlags::TRUNC | RecvFlags::DONTWAIT) {
                        Ok((0, 0)) => self.closed = true,
                        Ok((_, bytes)) => {
                            self.bytes += bytes as u64;
                            if bytes < discard.len() {
                                return;
                            }
                        }
                        Err(rustix::io::Errno::AGAIN) => return,
                        Err(_) => self.closed = true,
                    }
                }
            }
        }
    }

    #[allow(clippy::unused_self, reason = "reads better beside its sibling")]
    fn bytes_of(&self, socket: std::os::fd::BorrowedFd<'_>, discard: &mut [u8]) -> Option<u64> {
        // One byte is enough: the kernel tells the length that it threw away.
        let datagram = recv(socket, discard.get_mut(..1)?, RecvFlags::TRUNC | RecvFlags::DONTWAIT).ok()?;
        Some(datagram.1 as u64)
    }

    /// Reads until `stop`; what came before `begun` is not counted.
    fn probe(&mut self, stop: &AtomicBool, begun: &AtomicBool) -> Probe {
        let mut probe = Probe::default();
        let mut buffer = vec![0; 256 << 10];
        let mut held = 0;
        let timeout = Some(Duration::from_millis(200));
        let socket = &self.socket;
        let _ = socket.set_read_timeout(timeout);
        if let Some((rtp, _)) = &self.udp {
            let _ = (rtp.set_nonblocking(false), rtp.set_read_timeout(timeout));
        }
        while !stop.load(Ordering::Relaxed) {
            let room = buffer.get_mut(held..).unwrap_or_default();
            let read = match &self.udp {
                Some((rtp, _)) => rtp.recv(room),
                None => Read::read(&mut &*socket, room),
            };
            let read = match read {
                Ok(0) => {
                    probe.closed = true;
                    break;
                }
                Ok(read) => read,
                Err(_) => continue,
            };
            let counts = begun.load(Ordering::Relaxed);
            probe.bytes += if counts { read as u64 } else { 0 };
            if self.udp.is_some() {
                probe.packet(buffer.get(..read).unwrap_or_default(), counts);
                continue;
            }
            held += read;
            let used = probe.interleaved(buffer.get(..held).unwrap_or_default(), counts);
            buffer.copy_within(used..held, 0);
            held -= used;
        }
        probe
    }
}

impl Probe {
    /// Takes whole packets; gives how many bytes they were. Words of the server between them are passed over.
    fn interleaved(&mut self, bytes: &[u8], counts: bool) -> usize {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| rest.len() >= 4) {
            let &[first, channel, high, low, ..] = rest else { break };
            let length = usize::from(u16::from_be_bytes([high, low]));
            if first != b'$' {
                at += 1;
                continue;
            }
            let Some(packet) = rest.get(4..4 + length) else { break };
            if channel == 0 {
                self.packet(packet, counts);
            }
            at += 4 + length;
        }
        at
    }

    fn packet(&mut self, packet: &[u8], counts: bool) {
        let Ok(packet) = rtp::parse(packet) else { return };
        let missing = self.sequence.map_or(0, |last| packet.sequence.wrapping_sub(last).wrapping_sub(1));
        self.sequence = Some(packet.sequence);
        if let Some(stamp) = read_stamp(packet.payload) {
            self.stamp = Some(stamp.micros() as f64 / 1e6);
        }
        // A stamp counts for its own picture only.
        let stamp = if packet.marker { self.stamp.take() } else { None };
        if counts {
            self.lost += u64::from(missing);
            self.delays.extend(stamp.map(|stamp| now() - stamp));
        }
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}

/// Seconds from PLAY to the last packet of the first picture.
fn first_picture(url: &str) -> anyhow::Result<f64> {
    let mut opened = rtsp::open(url, None)?;
    let began = Instant::now();
    opened.play()?;
    let socket: &TcpStream = &opened.socket;
    let (mut buffer, mut held) = (vec![0; 1 << 20], 0);
    loop {
        let read = Read::read(&mut &*socket, buffer.get_mut(held..).unwrap_or_default())?;
        anyhow::ensure!(read > 0, "closed before the first picture");
        held += read;
        let mut at = 0;
        while let Some(&[b'$', channel, high, low]) = buffer.get(at..held).and_then(|r| r.first_chunk::<4>()) {
            let length = usize::from(u16::from_be_bytes([high, low]));
            let Some(packet) = buffer.get(at + 4..at + 4 + length).filter(|_| at + 4 + length <= held) else { break };
            if channel == 0 && rtp::parse(packet).is_ok_and(|p| p.marker) {
                return Ok(began.elapsed().as_secs_f64());
            }
            at += 4 + length;
        }
    }
}

fn udp_sockets() -> anyhow::Result<(UdpSocket, UdpSocket)> {
    let (rtp, rtcp) = (UdpSocket::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
    rtp.set_nonblocking(true)?;
    // What this process may not have, it goes without.
    let _ = rustix::net::sockopt::set_socket_recv_buffer_size_force(&rtp, UDP_ROOM_BYTES)
        .or_else(|_| rustix::net::sockopt::set_socket_recv_buffer_size(&rtp, UDP_ROOM_BYTES));
    Ok((rtp, rtcp))
}
