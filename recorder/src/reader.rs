//! The thread that visits every hub a few times a second. It comes by at its own pace and wakes nobody; all it holds of a
//! camera is a position in its hub and the fragment that is being filled.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use media::hub::{Budget, Hub, Start, Subscriber};
use media::id::CameraId;
use media::wall::Clock;

use crate::gap::GapReason;
use crate::queue::{Job, Lane, Op, Queue};
use crate::recording::{Cuts, Now, Recording};

/// Frames taken from one camera in one visit, so that a flood does not hold up the others: 4 s at 500 frames per second.
const FRAMES_PER_VISIT: usize = 2000;

/// What the reader is told.
pub(crate) enum Command {
    Start { lane: Arc<Lane>, hub: Arc<Hub> },
    Stop { camera: CameraId, reason: GapReason },
    Down { camera: CameraId, at: media::wall::Wall, reason: GapReason },
    Close,
}

/// The reader's state.
pub(crate) struct Reader {
    pub(crate) commands: Receiver<Command>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) poll_interval: Duration,
    pub(crate) segment_duration: Duration,
    pub(crate) fragment_duration: Duration,
    pub(crate) cameras: BTreeMap<CameraId, Visited>,
}

/// One camera.
pub(crate) struct Visited {
    lane: Arc<Lane>,
    subscriber: Subscriber,
    recording: Recording,
}

impl Reader {
    /// Works until it is told to close or nobody can tell it anything any more; then hands in all that is pending.
    pub(crate) fn run(mut self) {
        let mut next = self.clock.monotonic();
        loop {
            let wait = next.saturating_sub(self.clock.monotonic());
            match self.commands.recv_timeout(wait) {
                Ok(Command::Close) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(command) => self.obey(command),
                Err(RecvTimeoutError::Timeout) => {
                    self.visit_all();
                    next = (next + self.poll_interval).max(self.clock.monotonic());
                }
            }
        }
        self.visit_all();
        for camera in self.cameras.keys().cloned().collect::<Vec<_>>() {
            self.with(&camera, |visited, _, out| visited.recording.end(out));
        }
        self.queue.close();
    }

    fn now(&self) -> Now {
        Now { wall: self.clock.wall(), monotonic: self.clock.monotonic() }
    }

    fn obey(&mut self, command: Command) {
        let at = self.clock.wall();
        match command {
            Command::Start { lane, hub } => {
                let camera = lane.camera.clone();
                if self.cameras.contains_key(&camera) {
                    self.with(&camera, |visited, _, out| visited.recording.end(out));
                }
                let cuts = self.cuts(&camera);
                let mut subscriber = hub.subscribe(Start::LastKeyframe, Budget::default());
                subscriber.keep_unread();
                self.cameras.insert(camera.clone(), Visited { lane, subscriber, recording: Recording::new(cuts) });
                self.with(&camera, |_, _, out| out.push(Op::Start { at }));
            }
            Command::Stop { camera, reason } => {
                self.visit(&camera);
                self.with(&camera, |visited, _, out| {
                    visited.recording.end(out);
                    out.push(Op::Stop { at, reason });
                });
                self.cameras.remove(&camera);
            }
            Command::Down { camera, at, reason } => {
                self.visit(&camera);
                self.with(&camera, |_, _, out| out.push(Op::Down { at, reason }));
            }
            Command::Close => {}
        }
    }

    /// The camera's id spreads its segment borders over the segment's duration.
    fn cuts(&self, camera: &CameraId) -> Cuts {
        let segment_micros = i64::try_from(self.segment_duration.as_micros()).unwrap_or(i64::MAX).max(1_000_000);
        let spread = crate::segment::init_hash(camera.as_str().as_bytes()) >> 1;
        let stagger_micros = (spread % segment_micros.unsigned_abs()) as i64;
        Cuts { segment_micros, fragment: self.fragment_duration, stagger_micros }
    }

    fn visit_all(&mut self) {
        for camera in self.cameras.keys().cloned().collect::<Vec<_>>() {
            self.visit(&camera);
        }
    }

    fn visit(&mut self, camera: &CameraId) {
        self.with(camera, |visited, now, out| {
            if visited.lane.take_broken() {
                visited.recording.abandon();
            }
            for _ in 0..FRAMES_PER_VISIT {
                let Some(delivery) = visited.subscriber.try_next() else { break };
                visited.recording.handle(delivery, now, out);
            }
            visited.recording.flush_stale(now, out);
        });
    }

    /// Lets `act` fill a camera's list of what is to be done, and hands that in. Where the queue is full the camera's
    /// media is dropped up to its next keyframe, with the reason on record.
    fn with(&mut self, camera: &CameraId, act: impl FnOnce(&mut Visited, Now, &mut Vec<Op>)) {
        let now = self.now();
        let Some(visited) = self.cameras.get_mut(camera) else { return };
        let mut out = Vec::new();
        act(visited, now, &mut out);
        let mut dropped = false;
        for op in out {
            let media = matches!(op, Op::Fragment { .. });
            if media && dropped {
                continue;
            }
            let job = Job { lane: Arc::clone(&visited.lane), op, at: now.monotonic };
            if !self.queue.push(job) && media {
                dropped = true;
            }
        }
        if dropped {
            visited.recording.abandon();
            let op = Op::Seal { lost: Some(GapReason::DiskSlow) };
            self.queue.push(Job { lane: Arc::clone(&visited.lane), op, at: now.monotonic });
        }
    }
}
