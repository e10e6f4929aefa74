//! The bytes of all sessions together, counted apart from the sessions' own meters, so that the two can be held against each other.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters that the sessions are spread over, so that cores do not take one cache line from each other at each send.
const SHARDS: usize = 16;

/// A cache line of its own, and the one that the CPU fetches with it.
#[repr(align(128))]
#[derive(Default)]
struct Shard(AtomicU64);

/// What was sent under any lease, and what the closed sessions were told to have sent.
#[derive(Default)]
pub(crate) struct Tally {
    sent: [Shard; SHARDS],
    closed: AtomicU64,
}

/// Media bytes since the start, in three counts that fit together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Handed to the kernel under any lease.
    pub sent: u64,
    /// Of sessions that are open.
    pub open: u64,
    /// Of sessions that have closed, as their closing told.
    pub closed: u64,
}

impl Tally {
    /// Counts bytes of the session with this place.
    pub(crate) fn count(&self, place: usize, bytes: u64) {
        if let Some(Shard(shard)) = self.sent.get(place % SHARDS) {
            shard.fetch_add(bytes, Ordering::Release);
        }
    }

    /// All bytes. Whatever is in it is in a session's meter already.
    pub(super) fn sent(&self) -> u64 {
        self.sent.iter().map(|Shard(shard)| shard.load(Ordering::Acquire)).fold(0, u64::wrapping_add)
    }

    pub(super) fn close(&self, bytes: u64) {
        self.closed.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn closed(&self) -> u64 {
        self.closed.load(Ordering::Relaxed)
    }
}
