//! What a running connection shares with the table: whether it must stop, and what it has sent. Both are read and
//! written on the sending path, so neither takes a lock.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use media::wall::Wall;
use tokio::sync::Notify;

use super::{EndReason, Protocol};

/// One connection under a lease.
pub(crate) struct Line {
    pub(crate) protocol: Protocol,
    ended: OnceLock<EndReason>,
    signal: Notify,
    /// It has sent a media byte.
    playing: AtomicBool,
}

impl Line {
    pub(super) fn new(protocol: Protocol) -> Self {
        Self { protocol, ended: OnceLock::new(), signal: Notify::new(), playing: AtomicBool::new(false) }
    }

    /// Tells the connection to stop. The first reason stays.
    pub(super) fn end(&self, reason: EndReason) {
        let _ = self.ended.set(reason);
        self.signal.notify_waiters();
    }

    pub(crate) fn end_reason(&self) -> Option<EndReason> {
        self.ended.get().copied()
    }

    pub(crate) async fn ended(&self) -> EndReason {
        loop {
            let mut signal = std::pin::pin!(self.signal.notified());
            // Registered before the look, so that an end in between is not missed.
            signal.as_mut().enable();
            if let Some(reason) = self.end_reason() {
                return reason;
            }
            signal.await;
        }
    }

    /// True the first time.
    pub(crate) fn begins_to_play(&self) -> bool {
        !self.playing.load(Ordering::Relaxed) && !self.playing.swap(true, Ordering::Relaxed)
    }

    pub(super) fn is_playing(&self) -> bool {
        self.playing.load(Ordering::Relaxed)
    }
}

/// What a session has sent, over all its connections.
#[derive(Default)]
pub(crate) struct Meter {
    bytes: AtomicU64,
    /// Wall-clock microseconds of the newest byte.
    last_byte_at: AtomicI64,
}

impl Meter {
    pub(crate) fn count(&self, bytes: u64, at: Wall) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.last_byte_at.store(at.micros(), Ordering::Relaxed);
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn last_byte_at(&self) -> Option<Wall> {
        let micros = self.last_byte_at.load(Ordering::Relaxed);
        (micros != 0).then_some(Wall::from_micros(micros))
    }
}
