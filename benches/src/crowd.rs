//! Many viewers in one thread that look at every packet: whether one is missing, and when the last byte came. What a viewer
//! of `reader` only throws away, these count.

use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::event::epoll;
use rustix::net::{RecvFlags, recv};

use crate::walk::Walk;
use crate::{rtsp, socket};

/// Read at once.
const READ_BYTES: usize = 256 << 10;
/// Viewers that play.
pub(crate) struct Crowd {
    queue: OwnedFd,
    pub(crate) viewers: Vec<Viewer>,
    buffer: Vec<u8>,
}

/// One of them.
pub(crate) struct Viewer {
    socket: TcpStream,
    walk: Walk,
    /// Stays away from his socket.
    pub(crate) idle: bool,
    pub(crate) bytes: u64,
    /// When media came for the last time, as opposed to words.
    pub(crate) last_media: Instant,
    /// When the server closed.
    pub(crate) closed: Option<Instant>,
}

impl Crowd {
    /// Plays all URLs, by RTSP over TCP or over a WebSocket, as they say.
    pub(crate) fn play(urls: &[String]) -> anyhow::Result<Self> {
        let queue = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut crowd = Self { queue, viewers: Vec::new(), buffer: vec![0; READ_BYTES] };
        for url in urls {
            let is_rtsp = url.starts_with("rtsp:");
            let socket = if is_rtsp { play_rtsp(url) } else { socket::open(url) };
            let socket = socket.with_context(|| format!("playing {url}"))?;
            let walk = if is_rtsp { Walk::packets() } else { Walk::fragments() };
            socket.set_nonblocking(true)?;
            let place = epoll::EventData::new_u64(crowd.viewers.len() as u64);
            epoll::add(&crowd.queue, &socket, place, epoll::EventFlags::IN | epoll::EventFlags::ET)?;
            crowd.viewers.push(Viewer {
                socket,
                walk,
                idle: false,
                bytes: 0,
                last_media: Instant::now(),
                closed: None,
            });
            // Those who play already are not kept waiting while the others come.
            crowd.read(Duration::ZERO)?;
        }
        Ok(crowd)
    }

    /// Reads for that long, or until `over`.
    pub(crate) fn watch(&mut self, time: Duration, over: impl Fn(&[Viewer]) -> bool) -> anyhow::Result<()> {
        let until = Instant::now() + time;
        while Instant::now() < until && !over(&self.viewers) {
            self.read(Duration::from_millis(20))?;
        }
        Ok(())
    }

    fn read(&mut self, wait: Duration) -> anyhow::Result<()> {
        let mut events = Vec::with_capacity(1_024);
        let wait = rustix::event::Timespec { tv_sec: 0, tv_nsec: i64::from(wait.subsec_nanos()) };
        epoll::wait(&self.queue, rustix::buffer::spare_capacity(&mut events), Some(&wait))?;
        for event in &events {
            if let Some(viewer) = self.viewers.get_mut(event.data.u64() as usize).filter(|v| !v.idle) {
                viewer.read(&mut self.buffer);
            }
        }
        Ok(())
    }
}

fn play_rtsp(url: &str) -> anyhow::Result<TcpStream> {
    let mut opened = rtsp::open(url, None)?;
    opened.play()?;
    Ok(opened.socket)
}

impl Viewer {
    /// Packets that were missing.
    pub(crate) fn lost(&self) -> u64 {
        self.walk.lost
    }

    /// Reads until there is nothing: an end that came with the last bytes is told by no event of its own.
    fn read(&mut self, buffer: &mut [u8]) {
        while self.closed.is_none() {
            match recv(&self.socket, &mut *buffer, RecvFlags::DONTWAIT) {
                Ok((0, _)) => self.closed = Some(Instant::now()),
                Ok((read, _)) => {
                    self.bytes += read as u64;
                    if self.walk.on(buffer.get(..read).unwrap_or_default()) {
                        self.last_media = Instant::now();
                    }
                }
                Err(rustix::io::Errno::AGAIN) => return,
                Err(_) => self.closed = Some(Instant::now()),
            }
        }
    }
}
