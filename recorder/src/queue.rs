//! What waits for the disk, bounded in bytes. A full queue refuses media and says so; the word that a segment ended or a
//! camera went down is small and always taken, up to a bound on their number.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use media::fmp4::{Fragment, Note};
use media::id::CameraId;
use media::wall::Wall;
use parking_lot::{Condvar, Mutex};

use crate::gap::GapReason;

/// Jobs that may wait; each camera makes a few a second.
const JOBS_MAX: usize = 200_000;

/// What the reader and the writer share of one camera's recording.
pub(crate) struct Lane {
    pub(crate) camera: CameraId,
    /// The writer gave up its segment: the reader begins a new one at the next keyframe.
    pub(crate) broken: AtomicBool,
}

impl Lane {
    pub(crate) fn new(camera: CameraId) -> Arc<Self> {
        Arc::new(Self { camera, broken: AtomicBool::new(false) })
    }

    pub(crate) fn take_broken(&self) -> bool {
        self.broken.swap(false, Ordering::Relaxed)
    }
}

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

/// The queue.
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    bytes_max: usize,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    bytes: usize,
    closed: bool,
}

impl Queue {
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::default()), wake: Condvar::new(), bytes_max })
    }

    /// Hands a job in, for the writer to find once it is told that all are [`Queue::ready`]. False, and the job is gone, where it
    /// is media and the queue is full.
    pub(crate) fn push(&self, job: Job) -> bool {
        let bytes = job.bytes();
        let mut state = self.state.lock();
        let full = bytes > 0 && state.bytes > 0 && state.bytes.saturating_add(bytes) > self.bytes_max;
        if full || state.jobs.len() >= JOBS_MAX {
            return false;
        }
        state.bytes += bytes;
        state.jobs.push_back(job);
        true
    }

    /// Wakes the writer: once for all that was handed in.
    pub(crate) fn ready(&self) {
        self.wake.notify_one();
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
        let mut state = self.state.lock();
        state.bytes = state.bytes.saturating_sub(job.bytes());
    }

    /// Nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.state.lock().jobs.is_empty()
    }

    /// Bytes of media that wait or are being written.
    pub(crate) fn bytes(&self) -> usize {
        self.state.lock().bytes
    }

    /// No more jobs will come.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.wake.notify_all();
    }
}
