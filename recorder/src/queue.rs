//! What waits for the disk, bounded in bytes. A full queue refuses media and says so; the word that a segment ended or a
//! camera went down is small and always taken, up to a bound on their number.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use media::fmp4::{Fragment, Note};
use media::wall::Wall;
use parking_lot::{Condvar, Mutex};

use crate::gap::GapReason;
use crate::lane::Lane;

/// Jobs that may wait; each camera makes a few a second.
const JOBS_MAX: usize = 200_000;

/// The beginning of a segment.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) init: Bytes,
    pub(crate) note: Note,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Op {
    /// Recording of the camera begins.
    Start { at: Wall },
    /// A fragment, first of a new segment where it brings an opening.
    Fragment { fragment: Fragment, opening: Option<Box<Opening>> },
    /// The segment ends. A cause says that frames were lost behind it.
    Seal { lost: Option<GapReason> },
    /// The camera is down since then.
    Down { at: Wall, reason: GapReason },
    /// Recording of the camera ends.
    Stop { at: Wall, reason: GapReason },
}

pub(crate) struct Job {
    pub(crate) lane: Arc<Lane>,
    pub(crate) op: Op,
    /// When it was handed in, on the monotonic line.
    pub(crate) at: Duration,
}

impl Job {
    fn bytes(&self) -> usize {
        match &self.op {
            Op::Fragment { fragment, .. } => usize::try_from(fragment.bytes).unwrap_or(usize::MAX),
            _ => 0,
        }
    }
}

/// Media that waits, of all volumes together.
pub(crate) struct Waiting {
    bytes: AtomicUsize,
    bytes_max: usize,
}

impl Waiting {
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { bytes: AtomicUsize::new(0), bytes_max })
    }

    /// Bytes of media that wait or are being written.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// As many may at most.
    pub(crate) const fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// There is room for so much more; something that is too large for any room finds it where nothing waits.
    fn has_room_for(&self, bytes: usize) -> bool {
        let waiting = self.bytes();
        waiting == 0 || waiting.saturating_add(bytes) <= self.bytes_max
    }
}

/// A volume's queue.
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    waiting: Arc<Waiting>,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Queue {
    pub(crate) fn new(waiting: Arc<Waiting>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::default()), wake: Condvar::new(), waiting })
    }

    /// Hands a job in, for the writer to find once it is told that all are [`Queue::ready`]. False, and the job is gone, where it
    /// is media and the queue is full.
    pub(crate) fn push(&self, job: Job) -> bool {
        let bytes = job.bytes();
        let mut state = self.state.lock();
        // Only one thread hands in, so nothing comes between the question and the count.
        if (bytes > 0 && !self.waiting.has_room_for(bytes)) || state.jobs.len() >= JOBS_MAX {
            return false;
        }
        self.waiting.bytes.fetch_add(bytes, Ordering::Relaxed);
        state.jobs.push_back(job);
        true
    }

    /// Wakes the writer, once for all that was handed in; not where that is nothing.
    pub(crate) fn ready(&self) {
        if !self.is_empty() {
            self.wake.notify_one();
        }
    }

    /// Takes up to `max` jobs, waiting for the first one no longer than `wait`. None once it is closed and empty.
    pub(crate) fn take(&self, wait: Duration, max: usize) -> Option<Vec<Job>> {
        let mut state = self.state.lock();
        if state.jobs.is_empty() && !state.closed {
            self.wake.wait_for(&mut state, wait);
        }
        if state.jobs.is_empty() && state.closed {
            return None;
        }
        let count = state.jobs.len().min(max);
        Some(state.jobs.drain(..count).collect())
    }

    /// The writer is done with a fragment of this size: its room is free again.
    pub(crate) fn release(&self, job: &Job) {
        self.waiting.bytes.fetch_sub(job.bytes(), Ordering::Relaxed);
    }

    /// Nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.state.lock().jobs.is_empty()
    }

    /// No more jobs will come.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.wake.notify_all();
    }
}
