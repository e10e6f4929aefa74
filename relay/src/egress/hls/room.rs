//! The memory for live HLS, divided among the streams that are packaged: each may hold an equal share, and where the shares would become
//! too short for players no further stream is taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus::core::Collector;
use prometheus::{IntCounter, IntGauge, Registry};

/// The least share: two segments, without which no player plays, of a camera of 8 Mbit/s.
pub(super) const SHARE_MIN: usize = 8 << 20;

/// All of it.
pub(super) struct Room {
    bytes_max: usize,
    taken: AtomicUsize,
    packagers: IntGauge,
    bytes: IntGauge,
    refused: IntCounter,
}

/// One stream's share, given back when it is dropped.
pub(super) struct Place {
    room: Arc<Room>,
    bytes: i64,
}

impl Room {
    pub(super) fn new(bytes_max: usize, registry: &Registry) -> prometheus::Result<Arc<Self>> {
        let packagers = IntGauge::new("sluice_hls_packagers", "Streams that are being packaged for live HLS.")?;
        let bytes =
            IntGauge::new("sluice_hls_window_bytes", "Bytes of parts kept for live HLS, all streams together.")?;
        for collector in [&packagers, &bytes] {
            registry.register(Box::new(collector.clone()) as Box<dyn Collector>)?;
        }
        let refused =
            IntCounter::new("sluice_hls_refused_total", "Requests for live HLS that found no room for their stream.")?;
        registry.register(Box::new(refused.clone()))?;
        Ok(Arc::new(Self { bytes_max, taken: AtomicUsize::new(0), packagers, bytes, refused }))
    }

    /// A place for one stream more; none where the shares would be too small.
    pub(super) fn place(self: &Arc<Self>) -> Option<Place> {
        let places_max = (self.bytes_max / SHARE_MIN).max(1);
        let further = |taken| (taken < places_max).then_some(taken + 1);
        if self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, further).is_err() {
            self.refused.inc();
            return None;
        }
        self.packagers.inc();
        Some(Place { room: Arc::clone(self), bytes: 0 })
    }
}

impl Place {
    /// What the stream may hold; less as more of them come.
    pub(super) fn bytes_max(&self) -> usize {
        self.room.bytes_max / self.room.taken.load(Ordering::Relaxed).max(1)
    }

    /// So much it holds now.
    pub(super) fn holds(&mut self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.room.bytes.add(bytes - self.bytes);
        self.bytes = bytes;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(1, Ordering::Relaxed);
        self.room.packagers.dec();
        self.room.bytes.sub(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_shrink_until_they_are_too_small_and_grow_again() {
        let room = Room::new(3 * SHARE_MIN, &Registry::new()).unwrap();
        let mut first = room.place().unwrap();
        assert_eq!(first.bytes_max(), 3 * SHARE_MIN);
        first.holds(5);
        let (second, third) = (room.place().unwrap(), room.place().unwrap());
        assert_eq!(first.bytes_max(), SHARE_MIN);
        assert!(room.place().is_none());
        assert_eq!(room.refused.get(), 1);
        drop(second);
        assert!(room.place().is_some());
        drop((first, third));
        assert_eq!((room.packagers.get(), room.bytes.get()), (0, 0));
        assert_eq!(room.place().unwrap().bytes_max(), 3 * SHARE_MIN);
    }

    #[test]
    fn one_stream_is_always_packaged() {
        assert!(Room::new(1, &Registry::new()).unwrap().place().is_some());
    }
}
