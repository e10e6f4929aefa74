//! A camera's numbers, written by its ingest and read by whoever asks.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use media::wall::Wall;

/// Counters of one stream over all its connections. Each stands alone; no order between them is promised.
#[derive(Debug, Default)]
pub struct Vitals {
    /// Arrival of the newest frame in microseconds since the epoch; 0 before the first.
    last_frame_micros: AtomicI64,
    frames: AtomicU64,
    bytes: AtomicU64,
    packets_lost: AtomicU64,
    bitrate: AtomicU64,
}

impl Vitals {
    pub(super) fn frame(&self, arrived: Wall, bytes: usize) {
        self.last_frame_micros.store(arrived.micros(), Ordering::Relaxed);
        self.frames.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn lost(&self, packets: u64) {
        self.packets_lost.fetch_add(packets, Ordering::Relaxed);
    }

    /// Takes up the bits of the time since the last call.
    pub(super) fn measure(&self, bytes: u64, over: Duration) {
        let seconds = over.as_secs_f64();
        if seconds > 0.0 {
            let now = bytes as f64 * 8.0 / seconds;
            let before = self.bitrate.load(Ordering::Relaxed) as f64;
            // Half of the newest second, a quarter of the one before, and so on: steady over a keyframe interval.
            let smooth = if before == 0.0 { now } else { (before + now) / 2.0 };
            self.bitrate.store(smooth as u64, Ordering::Relaxed);
        }
    }

    /// When the newest frame came.
    pub fn last_frame(&self) -> Option<Wall> {
        match self.last_frame_micros.load(Ordering::Relaxed) {
            0 => None,
            micros => Some(Wall::from_micros(micros)),
        }
    }

    /// Frames published.
    pub fn frames(&self) -> u64 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Payload bytes published.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// RTP packets known to be lost.
    pub fn packets_lost(&self) -> u64 {
        self.packets_lost.load(Ordering::Relaxed)
    }

    /// Bits per second over the last few seconds.
    pub fn bitrate(&self) -> u64 {
        self.bitrate.load(Ordering::Relaxed)
    }
}
