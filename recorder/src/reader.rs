//! The thread that visits each hub a little more than once a second, every hub at another moment, and takes what has come as one fragment. It
//! comes by at its own pace and wakes nobody; all it holds of a camera is a position in its hub and a frame or two.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use media::hub::{Budget, Delivery, Hub, Start, Subscriber};
use media::id::CameraId;
use media::wall::Clock;

use crate::gap::GapReason;
use crate::lane::Lane;
use crate::metrics::Metrics;
use crate::placement::{self, Patience};
use crate::queue::{Job, Op};
use crate::recording::{Cuts, Now, Recording};
use crate::volumes::{Slot, Volumes};

/// Frames taken from one camera in one visit, so that a flood does not hold up the others: 4 s at 500 frames per second.
const FRAMES_PER_VISIT: usize = 2000;

/// A write that takes longer is told of while it is under way.
const STANDS_STILL: Duration = Duration::from_secs(2);

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
    pub(crate) volumes: Arc<Volumes>,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) poll_interval: Duration,
    /// How often it looks who is due. What those sent is a batch of writes.
    pub(crate) look_interval: Duration,
    pub(crate) segment_duration: Duration,
    pub(crate) fragment_duration: Duration,
    /// How long a write may take before its volume is not waited for.
    pub(crate) stall_max: Duration,
    pub(crate) cameras: BTreeMap<CameraId, Visited>,
}

/// One camera.
pub(crate) struct Visited {
    lane: Arc<Lane>,
    hub: Arc<Hub>,
    subscriber: Subscriber,
    recording: Recording,
    /// When it is visited next.
    due: Duration,
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
                    self.visit_due();
                    next = (next + self.look_interval).max(self.clock.monotonic());
                }
            }
            self.volumes.slots.iter().for_each(|slot| slot.queue.ready());
        }
        self.visit_all();
        for camera in self.cameras.keys().cloned().collect::<Vec<_>>() {
            self.with(&camera, |visited, _, out| visited.recording.end(out));
        }
        self.volumes.slots.iter().for_each(|slot| slot.queue.close());
    }

    fn now(&self) -> Now {
        Now { wall: self.clock.wall(), monotonic: self.clock.monotonic() }
    }

    fn obey(&mut self, command: Command) {
        let at = self.clock.wall();
        match command {
            Command::Start { lane, hub } => {
                let camera = lane.camera.clone();
                lane.wanted.store(true, Ordering::Relaxed);
                if self.cameras.contains_key(&camera) {
                    self.with(&camera, |visited, _, out| visited.recording.end(out));
                }
                let cuts = self.cuts(&camera);
                let subscriber = subscribe(&hub);
                let due = self.clock.monotonic() + self.phase(&camera);
                let recording = Recording::new(cuts);
                self.cameras.insert(camera.clone(), Visited { lane, hub, subscriber, recording, due });
                self.place(&camera);
                self.with(&camera, |_, _, out| out.push(Op::Start { at }));
            }
            Command::Stop { camera, reason } => {
                self.visit(&camera);
                self.with(&camera, |visited, _, out| {
                    visited.recording.end(out);
                    out.push(Op::Stop { at, reason });
                });
                if let Some(visited) = self.cameras.remove(&camera) {
                    visited.lane.wanted.store(false, Ordering::Relaxed);
                }
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
        let stagger_micros = (spread(camera) % segment_micros.unsigned_abs()) as i64;
        Cuts { segment_micros, fragment: self.fragment_duration, stagger_micros }
    }

    /// And its visits over their interval.
    fn phase(&self, camera: &CameraId) -> Duration {
        let interval = u64::try_from(self.poll_interval.as_micros()).unwrap_or(u64::MAX).max(1);
        Duration::from_micros(spread(camera) % interval)
    }

    fn visit_due(&mut self) {
        self.leave_stalled();
        let now = self.clock.monotonic();
        let is_due = |c: &Visited| c.due <= now || c.lane.is_broken();
        let due: Vec<CameraId> = self.cameras.iter().filter(|(_, c)| is_due(c)).map(|(id, _)| id.clone()).collect();
        for camera in due {
            if let Some(visited) = self.cameras.get_mut(&camera) {
                // After a halt of the whole machine no visit is made up for.
                visited.due =
                    (visited.due + if visited.due <= now { self.poll_interval } else { Duration::ZERO }).max(now);
            }
            self.mend(&camera);
            self.visit(&camera);
        }
    }

    fn patience(&self) -> Patience {
        Patience { now: self.clock.monotonic(), stall_max: self.stall_max }
    }

    /// Cameras of a volume on which a write stands still go on elsewhere, where there is an elsewhere; what waits there is lost. And it is
    /// told how long a write stands still: the one who writes cannot.
    fn leave_stalled(&mut self) {
        let patience = self.patience();
        let longest = self.volumes.slots.iter().map(|slot| slot.busy_for(patience.now)).max().unwrap_or_default();
        if longest > STANDS_STILL {
            self.metrics.lag_seconds.set(longest.as_secs_f64());
        }
        let stalled = |slot: &&Arc<Slot>| patience.is_over(slot);
        let stalled: Vec<usize> = self.volumes.slots.iter().filter(stalled).map(|slot| slot.number).collect();
        let takes = |slot: &Arc<Slot>| slot.is_ready() && !patience.is_over(slot);
        if stalled.is_empty() || !self.volumes.slots.iter().any(takes) {
            return;
        }
        let there = |visited: &&Visited| visited.lane.home().is_some_and(|home| stalled.contains(&home));
        let left: Vec<CameraId> = self.cameras.values().filter(there).map(|c| c.lane.camera.clone()).collect();
        for camera in left {
            if let Some(visited) = self.cameras.get(&camera) {
                visited.lane.break_off(visited.lane.home().unwrap_or_default());
                visited.lane.coverage.lock().lose(GapReason::DiskSlow);
            }
            self.mend(&camera);
        }
    }

    /// Where the volume has given the camera's segment up, the next begins elsewhere: at the last keyframe, which the hub
    /// still has. On the same volume it begins at the next one.
    fn mend(&mut self, camera: &CameraId) {
        let Some(visited) = self.cameras.get_mut(camera).filter(|visited| visited.lane.take_broken()) else { return };
        visited.recording.abandon();
        let home = visited.lane.home();
        if self.place(camera) != home
            && let Some(visited) = self.cameras.get_mut(camera)
        {
            visited.subscriber = subscribe(&visited.hub);
            self.metrics.moves.inc();
        }
    }

    /// Chooses where the camera's next segment goes. What is open where it was is ended.
    fn place(&self, camera: &CameraId) -> Option<usize> {
        let lane = &self.cameras.get(camera)?.lane;
        let lanes = self.cameras.values().map(|visited| &*visited.lane);
        let offers = placement::offers(&self.volumes, lane, lanes, self.patience());
        let home = lane.home();
        let chosen = placement::choose(&offers, home, lane.rate()).or(home).unwrap_or(0);
        if Some(chosen) != home {
            if let Some(old) = home.and_then(|home| self.volumes.slots.get(home)) {
                let at = self.clock.monotonic();
                old.queue.push(Job { lane: Arc::clone(lane), op: Op::Seal { lost: None }, at });
            }
            lane.move_to(chosen);
        }
        Some(chosen)
    }

    fn visit_all(&mut self) {
        for camera in self.cameras.keys().cloned().collect::<Vec<_>>() {
            self.visit(&camera);
        }
    }

    fn visit(&mut self, camera: &CameraId) {
        self.with(camera, |visited, now, out| {
            let fresh: Vec<Delivery> =
                std::iter::from_fn(|| visited.subscriber.try_next()).take(FRAMES_PER_VISIT).collect();
            if visited.lane.paused.load(Ordering::Relaxed) {
                visited.recording.end(out);
                out.push(Op::Down { at: now.wall, reason: GapReason::NoRoom });
                return;
            }
            let last = last_place_to_cut(&fresh);
            for (place, delivery) in fresh.into_iter().enumerate() {
                if Some(place) == last
                    && let Delivery::Frame(next) = &delivery
                {
                    visited.recording.cut_before(next, out);
                }
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
            if matches!(op, Op::Fragment { opening: Some(_), .. }) {
                self.place(camera);
            }
            if !self.push(camera, op, now) && media {
                dropped = true;
            }
        }
        if dropped {
            if let Some(visited) = self.cameras.get_mut(camera) {
                visited.recording.abandon();
            }
            self.push(camera, Op::Seal { lost: Some(GapReason::DiskSlow) }, now);
        }
    }

    fn push(&self, camera: &CameraId, op: Op, now: Now) -> bool {
        let Some(lane) = self.cameras.get(camera).map(|visited| &visited.lane) else { return false };
        let Some(slot) = lane.home().and_then(|home| self.volumes.slots.get(home)) else { return false };
        slot.queue.push(Job { lane: Arc::clone(lane), op, at: now.monotonic })
    }
}

/// From the last keyframe on, and nothing is let go before it was read.
fn subscribe(hub: &Arc<Hub>) -> Subscriber {
    let mut subscriber = hub.subscribe(Start::LastKeyframe, Budget::default());
    subscriber.keep_unread();
    subscriber
}

/// A camera's own number, so that all do not do the same thing at the same moment.
fn spread(camera: &CameraId) -> u64 {
    crate::segment::init_hash(camera.as_str().as_bytes()) >> 1
}

/// The last picture (or sound, where there are no pictures) that is shown after all before it: a fragment may end in front of it.
fn last_place_to_cut(fresh: &[Delivery]) -> Option<usize> {
    let (mut shown_until, mut last) = (i64::MIN, None);
    for (place, delivery) in fresh.iter().enumerate() {
        let Delivery::Frame(published) = delivery else { continue };
        let (frame, video) = (&published.frame, published.info.video());
        if video.is_none_or(|video| video.id == frame.track) && frame.pts > shown_until {
            (shown_until, last) = (frame.pts, Some(place));
        }
    }
    last
}
