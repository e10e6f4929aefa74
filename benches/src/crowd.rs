//! Many viewers in one thread that look at every packet: whether one is missing, and when the last byte came. What a viewer
//! of `reader` only throws away, these count.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::event::epoll;
use rustix::net::{RecvFlags, recv};

use crate::rtsp::{self, Opened};

/// Read at once.
const READ_BYTES: usize = 256 << 10;
/// Of the first bytes of a packet, so many are looked at: `$`, channel, length, and RTP up to its sequence number.
const LOOK_BYTES: usize = 8;

/// Viewers that play.
pub(crate) struct Crowd {
    queue: OwnedFd,
    pub(crate) viewers: Vec<Viewer>,
    buffer: Vec<u8>,
}

/// One of them.
pub(crate) struct Viewer {
    opened: Opened,
    /// Stays away from his socket.
    pub(crate) idle: bool,
    pub(crate) bytes: u64,
    pub(crate) lost: u64,
    pub(crate) last_byte: Instant,
    /// When the server closed.
    pub(crate) closed: Option<Instant>,
    look: Vec<u8>,
    missing: usize,
    sequence: Option<u16>,
}

impl Crowd {
    /// Plays all URLs, by TCP.
    pub(crate) fn play(urls: &[String]) -> anyhow::Result<Self> {
        let queue = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut crowd = Self { queue, viewers: Vec::new(), buffer: vec![0; READ_BYTES] };
        for url in urls {
            let mut opened = rtsp::open(url, None)?;
            opened.play().with_context(|| format!("playing {url}"))?;
            opened.socket.set_nonblocking(true)?;
            let place = epoll::EventData::new_u64(crowd.viewers.len() as u64);
            epoll::add(&crowd.queue, &opened.socket, place, epoll::EventFlags::IN | epoll::EventFlags::ET)?;
            crowd.viewers.push(Viewer {
                opened,
                idle: false,
                bytes: 0,
                lost: 0,
                last_byte: Instant::now(),
                closed: None,
                look: Vec::new(),
                missing: 0,
                sequence: None,
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

impl Viewer {
    fn read(&mut self, buffer: &mut [u8]) {
        while self.closed.is_none() {
            match recv(&self.opened.socket, &mut *buffer, RecvFlags::DONTWAIT) {
                Ok((0, _)) => self.closed = Some(Instant::now()),
                Ok((read, _)) => {
                    self.last_byte = Instant::now();
                    self.bytes += read as u64;
                    self.walk(buffer.get(..read).unwrap_or_default());
                    if read < buffer.len() {
                        return;
                    }
                }
                Err(rustix::io::Errno::AGAIN) => return,
                Err(_) => self.closed = Some(Instant::now()),
            }
        }
    }

    /// Goes from packet to packet. An answer of the server's cannot stand between them: nothing is asked after PLAY.
    fn walk(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.missing == 0 {
                let (now, rest) = bytes.split_at((LOOK_BYTES - self.look.len()).min(bytes.len()));
                self.look.extend_from_slice(now);
                bytes = rest;
                if let &[b'$', channel, high, low, _, _, first, second] = self.look.as_slice() {
                    self.missing = usize::from(u16::from_be_bytes([high, low])) + 4 - LOOK_BYTES;
                    if channel == 0 {
                        self.count(u16::from_be_bytes([first, second]));
                    }
                    self.look.clear();
                }
                continue;
            }
            let here = self.missing.min(bytes.len());
            self.missing -= here;
            bytes = bytes.get(here..).unwrap_or_default();
        }
    }

    fn count(&mut self, sequence: u16) {
        let missing = self.sequence.map_or(0, |last| sequence.wrapping_sub(last).wrapping_sub(1));
        self.lost += u64::from(missing);
        self.sequence = Some(sequence);
    }
}
