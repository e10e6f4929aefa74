//! The thread that sees to it that the rules are kept: sweeps out what may go, tells of what was sealed, notices a volume that went
//! away and takes one back that returned, and stops recordings that the law does not want where there is no room for those it does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::index::IndexError;
use crate::lane::{Lane, Lanes};
use crate::queue::Waiting;
use crate::record::{self, Record};
use crate::recovery::{Recovery, RecoveryError};
use crate::retention::{Retention, Swept};
use crate::volumes::{Slot, VolumeState};

/// How often volumes are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Time between two looks at what may be deleted, and what was sealed.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);
/// How often forecasts are made.
const FORECAST_INTERVAL: Duration = Duration::from_secs(60);
/// There must have been room for this long before a recording goes on that was stopped for want of it.
const CALM: Duration = Duration::from_secs(600);

/// What the thread works with.
pub(crate) struct Keeping {
    retention: Retention,
    lanes: Lanes,
    waiting: Arc<Waiting>,
    /// All rules and holds have been said.
    may_delete: Arc<AtomicBool>,
    swept_at: Option<Duration>,
    forecast_at: Option<Duration>,
    /// When a volume was last short of room.
    short_at: Option<Duration>,
}

impl Keeping {
    pub(crate) fn new(retention: Retention, lanes: Lanes, waiting: Arc<Waiting>, may_delete: Arc<AtomicBool>) -> Self {
        Self { retention, lanes, waiting, may_delete, swept_at: None, forecast_at: None, short_at: None }
    }

    /// Works until it is told to stop.
    pub(crate) fn run(mut self, stopped: &Receiver<()>, mut record: impl Record) {
        let mut wait = Duration::ZERO;
        while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
            wait = match self.round(&mut record) {
                Ok(true) => Duration::ZERO,
                Ok(false) => LOOK_INTERVAL,
                Err(error) => {
                    tracing::error!(%error, "retention could not read the index");
                    LOOK_INTERVAL
                }
            };
        }
        // What was sealed by the stop itself is told of by the next start.
    }

    /// One round of what is due. True where more is to be done at once.
    pub(crate) fn round(&mut self, record: &mut dyn Record) -> Result<bool, IndexError> {
        self.look_at_volumes()?;
        let (metrics, waiting) = (&self.retention.metrics, &self.waiting);
        metrics.queue_bytes.set(waiting.bytes() as i64);
        metrics.queue_bytes_max.set(waiting.bytes_max() as i64);
        let now = self.retention.clock.monotonic();
        let due = |at: Option<Duration>, interval| at.is_none_or(|at| now.saturating_sub(at) >= interval);
        if due(self.forecast_at, FORECAST_INTERVAL) {
            self.forecast_at = Some(now);
            self.forecast();
        }
        if !due(self.swept_at, SWEEP_INTERVAL) {
            return Ok(false);
        }
        let told = record::tell(&self.retention.index, record)?;
        let may_delete = self.may_delete.load(Ordering::Acquire);
        let swept = if may_delete { self.retention.sweep(record)? } else { Swept::default() };
        self.make_room(&swept, now);
        let more = told || swept.more;
        self.swept_at = (!more).then_some(now);
        Ok(more)
    }

    /// Notices what is not mounted any more, and takes back what can be used again.
    fn look_at_volumes(&self) -> Result<(), IndexError> {
        let volumes = &self.retention.volumes;
        for slot in volumes.slots.iter().filter(|slot| slot.is_ready()) {
            if let Err(error) = slot.volume.is_here() {
                volumes.set(slot, VolumeState::Away(error.to_string()));
            }
        }
        for slot in volumes.due() {
            self.take_back(&slot)?;
        }
        Ok(())
    }

    /// A volume that can be entered is looked through before it is written to.
    fn take_back(&self, slot: &Arc<Slot>) -> Result<(), IndexError> {
        let Retention { volumes, index, stock, clock, .. } = &self.retention;
        if !volumes.enter(slot, index)? {
            return Ok(());
        }
        let mut recovery = Recovery::of_one(&slot.volume, index, stock, Arc::clone(clock));
        match recovery.run() {
            Ok(_) => volumes.set(slot, VolumeState::Ready),
            Err(RecoveryError::Index(error)) => return Err(error),
            Err(error) => volumes.set(slot, VolumeState::Failed(error.to_string())),
        }
        Ok(())
    }

    /// Where a volume has nothing that may be deleted: stops the newest recording on it that the law does not want. One goes on
    /// again when there was room for a while.
    fn make_room(&mut self, swept: &Swept, now: Duration) {
        for slot in &self.retention.volumes.slots {
            let short = swept.short.iter().find(|(number, _)| *number == slot.number).map_or(0, |(_, bytes)| *bytes);
            self.retention.metrics.short_bytes.with_label_values(&[&slot.name]).set(short as f64);
        }
        for (number, bytes) in &swept.short {
            self.short_at = Some(now);
            let Some(slot) = self.retention.volumes.slots.get(*number) else { continue };
            match self.voluntary(|lane| lane.is_at(*number) && !lane.paused.load(Ordering::Relaxed)).pop() {
                Some(lane) => {
                    lane.paused.store(true, Ordering::Relaxed);
                    tracing::error!(
                        camera = %lane.camera, volume = slot.name, short_bytes = bytes,
                        "NOT RECORDED any more: the volume has no room, and the law wants what is on it; add a volume"
                    );
                }
                None => tracing::error!(
                    volume = slot.name,
                    short_bytes = bytes,
                    "the volume has no room and nothing on it may be deleted; recording will end with disk_full: add a volume"
                ),
            }
        }
        self.resume_statutory();
        let calm = self.short_at.is_none_or(|at| now.saturating_sub(at) >= CALM);
        if calm && let Some(lane) = self.voluntary(|lane| lane.paused.load(Ordering::Relaxed)).into_iter().next() {
            self.short_at = Some(now);
            lane.paused.store(false, Ordering::Relaxed);
            tracing::warn!(camera = %lane.camera, "there is room again: the camera is recorded");
        }
        let paused = self.voluntary(|lane| lane.paused.load(Ordering::Relaxed)).len();
        self.retention.metrics.paused_cameras.set(i64::try_from(paused).unwrap_or(i64::MAX));
    }

    /// A camera that was stopped as one that the law does not want, and is one that it does now, goes on.
    fn resume_statutory(&self) {
        let lanes = self.lanes.lock();
        for lane in lanes.values().filter(|lane| self.retention.rules.of(&lane.camera).rule.statutory) {
            if lane.paused.swap(false, Ordering::Relaxed) {
                tracing::warn!(camera = %lane.camera, "the law wants it recorded now: it goes on");
            }
        }
    }

    /// Cameras of some kind whose recording the law does not want, the newest last.
    fn voluntary(&self, of: impl Fn(&Lane) -> bool) -> Vec<Arc<Lane>> {
        let lanes = self.lanes.lock();
        let mut found: Vec<_> = lanes
            .values()
            .filter(|lane| lane.wanted.load(Ordering::Relaxed) && of(lane))
            .map(|lane| (self.retention.rules.of(&lane.camera), lane))
            .filter(|(keep, _)| !keep.rule.statutory)
            .map(|(keep, lane)| (keep.since, Arc::clone(lane)))
            .collect();
        found.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.camera.cmp(&b.1.camera)));
        found.into_iter().map(|(_, lane)| lane).collect()
    }

    fn forecast(&self) {
        let Retention { metrics, .. } = &self.retention;
        for outlook in self.retention.outlook(&self.lanes) {
            let seconds = |at: Option<Duration>| at.map_or(f64::INFINITY, |at| at.as_secs_f64());
            metrics.full_seconds.with_label_values(&[&outlook.volume]).set(seconds(outlook.full_in));
            metrics.floor_danger_seconds.with_label_values(&[&outlook.volume]).set(seconds(outlook.floor_danger_in));
            for (class, danger_in) in outlook.classes {
                let labels = [outlook.volume.as_str(), class.as_str()];
                metrics.class_danger_seconds.with_label_values(&labels).set(seconds(danger_in));
            }
        }
    }
}
