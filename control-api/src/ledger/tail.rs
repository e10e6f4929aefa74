//! The newest part of the log, between its two threads: entries that are on disk in the journal and not yet under a signed
//! checkpoint, and whether the log may still be written. Also where readers look first.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::Checkpoint;

/// Entries waiting for a checkpoint at most; the writer then waits for the publisher. At 500 a second, half a minute.
const UNPUBLISHED_MAX: usize = 16_384;
/// So many entries are published at once, without waiting for more.
const PUBLISH_AT: usize = 4_096;

/// An entry in the journal that no checkpoint covers yet.
#[derive(Clone)]
struct Waiting {
    since: Duration,
    entry: Arc<[u8]>,
}

struct State {
    checkpoint: Checkpoint,
    waiting: VecDeque<Waiting>,
    poisoned: Option<String>,
    stopping: bool,
}

/// The shared tail.
pub(super) struct Tail {
    state: Mutex<State>,
    /// There is something to publish, or the log stops.
    filled: Condvar,
    /// There is room again, or nothing will be published any more.
    drained: Condvar,
}

/// What a reader sees at one moment.
pub(super) struct Glance {
    /// Entries under the last checkpoint; they are in the bundles.
    pub(super) published: u64,
    /// The wanted entries after those.
    pub(super) newest: Vec<Arc<[u8]>>,
}

impl Tail {
    pub(super) fn new(checkpoint: Checkpoint) -> Self {
        let state = State { checkpoint, waiting: VecDeque::new(), poisoned: None, stopping: false };
        Self { state: Mutex::new(state), filled: Condvar::new(), drained: Condvar::new() }
    }

    /// Takes in entries that are on disk, when there is room.
    pub(super) fn push(&self, entries: impl Iterator<Item = Arc<[u8]>>, now: Duration) {
        let mut state = self.state.lock();
        while state.waiting.len() >= UNPUBLISHED_MAX && state.poisoned.is_none() {
            self.drained.wait(&mut state);
        }
        state.waiting.extend(entries.map(|entry| Waiting { since: now, entry }));
        self.filled.notify_one();
    }

    /// Waits until there is something to publish, then up to `gather` for more; gives all of it. None when the log stops and
    /// all is published.
    pub(super) fn wait(&self, gather: Duration) -> Option<Vec<Arc<[u8]>>> {
        let mut state = self.state.lock();
        while state.waiting.is_empty() && !state.stopping {
            self.filled.wait(&mut state);
        }
        let enough = |state: &mut State| state.waiting.len() < PUBLISH_AT && !state.stopping;
        self.filled.wait_while_for(&mut state, enough, gather);
        let ready: Vec<_> = state.waiting.iter().map(|waiting| Arc::clone(&waiting.entry)).collect();
        (!ready.is_empty()).then_some(ready)
    }

    /// The first `count` entries are under this checkpoint now.
    pub(super) fn published(&self, count: usize, checkpoint: Checkpoint) {
        let mut state = self.state.lock();
        state.waiting.drain(..count);
        state.checkpoint = checkpoint;
        self.drained.notify_all();
    }

    /// The publisher is to end when everything is published.
    pub(super) fn stop(&self) {
        self.state.lock().stopping = true;
        self.filled.notify_all();
    }

    /// Nothing may be written any more; the first reason stays.
    pub(super) fn poison(&self, why: String) {
        let mut state = self.state.lock();
        state.poisoned.get_or_insert(why);
        self.drained.notify_all();
    }

    pub(super) fn poisoned(&self) -> Option<String> {
        self.state.lock().poisoned.clone()
    }

    pub(super) fn checkpoint(&self) -> Checkpoint {
        self.state.lock().checkpoint.clone()
    }

    /// Entries on disk.
    pub(super) fn size(&self) -> u64 {
        let state = self.state.lock();
        state.checkpoint.size + state.waiting.len() as u64
    }

    /// How long the oldest entry without a checkpoint has waited for one; zero when there is none.
    pub(super) fn lag(&self, now: Duration) -> Duration {
        self.state.lock().waiting.front().map_or(Duration::ZERO, |oldest| now.saturating_sub(oldest.since))
    }

    /// The unpublished ones among the entries from `from`, at most `limit`.
    pub(super) fn glance(&self, from: u64, limit: usize) -> Glance {
        let state = self.state.lock();
        let published = state.checkpoint.size;
        let bundled = usize::try_from(published.saturating_sub(from)).unwrap_or(usize::MAX);
        let skip = usize::try_from(from.saturating_sub(published)).unwrap_or(usize::MAX);
        let newest = state.waiting.iter().skip(skip).take(limit.saturating_sub(bundled));
        Glance { published, newest: newest.map(|waiting| Arc::clone(&waiting.entry)).collect() }
    }
}
