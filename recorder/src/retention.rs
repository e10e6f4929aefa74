//! What is deleted, and in which order: first what is past its ceiling, then, where a volume has no room, what is furthest above its
//! floor; never what is held or below its floor. A deletion is put on the record first, then the row goes, then the file, then
//! the empty folder; a crash in between leaves a file that the next start finds and a later sweep deletes.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use media::id::CameraId;
use media::wall::{Clock, Wall};

use crate::coverage::HOLE_MICROS_MAX;
use crate::gap::{Gap, GapReason};
use crate::gap_log;
use crate::index::{Changes, Index, IndexError};
use crate::metrics::Metrics;
use crate::record::{self, Deleted, Record, Why};
use crate::rules::{Keep, Rules};
use crate::segment::{Segment, VolumeId};
use crate::stock::Stock;
use crate::volumes::{Slot, Volumes};

/// The clock may run ahead of the time since the start by this much before it is taken to be wrong: a clock that jumps to
/// another year must not delete everything.
const CLOCK_AHEAD_MAX: Duration = Duration::from_secs(3600);
/// Deletions in one sweep, so that a stop is not held up.
const DELETIONS_MAX: usize = 1000;
/// Sweeps after which what was passed over is looked at again, whatever the reason was.
const SWEEPS_BEFORE_LOOKING_AGAIN: u32 = 360;

/// A camera's next segment to be deleted, by how far it is above its floor: the furthest first.
type Candidates = BTreeMap<(i64, CameraId), Segment>;

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Of recordings on one volume.
    pub(crate) volume_bytes_max: Option<u64>,
    /// Left free on each volume's file system.
    pub(crate) free_bytes_min: u64,
}

/// Deletes what is past its bounds.
pub(crate) struct Retention {
    pub(crate) volumes: Arc<Volumes>,
    pub(crate) index: Arc<Index>,
    pub(crate) stock: Arc<Stock>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) bounds: Bounds,
    /// Wall clock and monotonic line when the recorder was opened.
    pub(crate) opened: (Wall, Duration),
    pub(crate) passed: Passed,
}

/// Where to look on: what lies before was found to stay.
#[derive(Default)]
pub(crate) struct Passed {
    until: BTreeMap<(Option<VolumeId>, CameraId), Wall>,
    rules_version: u64,
    sweeps: u32,
}

/// What a sweep came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Swept {
    /// More is to be done at once.
    pub(crate) more: bool,
    /// Volumes that want room and have nothing that may be deleted, with the bytes they want.
    pub(crate) short: Vec<(usize, u64)>,
}

impl Retention {
    /// One round. Each deletion is put on the record before it is made.
    pub(crate) fn sweep(&mut self, record: &mut dyn Record) -> Result<Swept, IndexError> {
        self.passed.begin(self.rules.version());
        let mut made = self.by_age(record)?;
        let mut swept = Swept::default();
        for slot in self.volumes.slots.clone() {
            if !slot.is_ready() {
                continue;
            }
            self.volumes.measure(&slot);
            let mut excess = self.excess(&slot);
            if excess > 0 {
                made += self.by_size(&slot, &mut excess, record)?;
            }
            if excess > 0 && made < DELETIONS_MAX {
                swept.short.push((slot.number, excess));
            } else if slot.space().is_enough() {
                slot.full.store(false, Ordering::Relaxed);
            }
        }
        swept.more = made >= DELETIONS_MAX;
        if !swept.more {
            self.drop_notes();
        }
        Ok(swept)
    }

    /// What is told of gaps beside the recordings goes with the last recording that could lie beside them.
    fn drop_notes(&self) {
        let oldest = self.rules.oldest_kept(self.now());
        for slot in self.volumes.slots.iter().filter(|slot| slot.is_ready()) {
            if let Err(error) = gap_log::drop_before(&slot.volume, oldest) {
                tracing::warn!(%error, volume = slot.name, "old notes of gaps cannot be taken away");
            }
        }
    }

    /// Deletes what is furthest above its floor on this volume until so many bytes are free.
    fn by_size(&mut self, slot: &Slot, excess: &mut u64, record: &mut dyn Record) -> Result<usize, IndexError> {
        let mut made = 0;
        let mut candidates = Candidates::new();
        for camera in self.index.cameras()? {
            self.add_candidate(slot, camera, &mut candidates)?;
        }
        while *excess > 0 && made < DELETIONS_MAX {
            let Some(((_, camera), segment)) = candidates.pop_first() else { break };
            if !self.delete(&camera, &segment, Why::VolumeFull, record)? {
                break;
            }
            *excess = excess.saturating_sub(segment.bytes);
            made += 1;
            self.add_candidate(slot, camera, &mut candidates)?;
        }
        self.volumes.measure(slot);
        Ok(made)
    }

    fn add_candidate(&mut self, slot: &Slot, camera: CameraId, all: &mut Candidates) -> Result<(), IndexError> {
        let keep = self.rules.of(&camera);
        let limit = self.now() - keep.rule.floor;
        let id = slot.volume.id();
        if let Some(segment) = self.next(Some(id), &camera, &keep, limit)? {
            let above_micros = limit.micros_since(segment.end);
            all.insert((-above_micros, camera), segment);
        }
        Ok(())
    }

    /// Bytes to be freed for the volume's bounds.
    fn excess(&self, slot: &Slot) -> u64 {
        let stored = self.stock.on(slot.volume.id());
        let over = self.bounds.volume_bytes_max.map_or(0, |max| stored.saturating_sub(max));
        over.max(self.bounds.free_bytes_min.saturating_sub(slot.space().free))
    }

    fn by_age(&mut self, record: &mut dyn Record) -> Result<usize, IndexError> {
        let mut made = 0;
        for camera in self.index.cameras()? {
            let keep = self.rules.of(&camera);
            let limit = self.now() - keep.rule.ceiling;
            while let Some(segment) = self.next(None, &camera, &keep, limit)? {
                if made >= DELETIONS_MAX || !self.delete(&camera, &segment, Why::Age, record)? {
                    return Ok(made);
                }
                made += 1;
            }
            let mut changes = Changes::default();
            let old = self.index.gaps(&camera, Wall::from_micros(i64::MIN), limit, DELETIONS_MAX)?;
            for gap in old.iter().filter(|gap| gap.end.is_some_and(|end| end < limit && !keep.holds(gap.start, end))) {
                changes.remove_gap(&camera, gap.start);
            }
            self.index.commit(&changes)?;
        }
        Ok(made)
    }

    /// The camera's oldest segment, on this volume or any, that ended before `limit` and may be deleted.
    fn next(
        &mut self,
        on: Option<VolumeId>,
        camera: &CameraId,
        keep: &Keep,
        limit: Wall,
    ) -> Result<Option<Segment>, IndexError> {
        let from = self.passed.until.get(&(on, camera.clone())).copied().unwrap_or(Wall::from_micros(i64::MIN));
        let mut passed = from;
        let volumes = &self.volumes;
        let there = |id| volumes.slot(id).is_some_and(|slot| slot.is_ready());
        let found = self.index.find_segment(camera, from, |segment| {
            if segment.end >= limit {
                return ControlFlow::Break(false);
            }
            // From here on next time: what was deleted before would have to be stepped over row by row.
            passed = segment.start;
            let here = on.map_or_else(|| there(segment.volume), |id| segment.volume == id);
            if here && segment.sealed && !keep.holds(segment.start, segment.end) {
                return ControlFlow::Break(true);
            }
            ControlFlow::Continue(())
        })?;
        self.passed.until.insert((on, camera.clone()), passed);
        Ok(found)
    }

    /// The wall clock, unless it ran ahead of the time that passed.
    pub(crate) fn now(&self) -> Wall {
        let (wall, monotonic) = self.opened;
        let passed = self.clock.monotonic().saturating_sub(monotonic);
        self.clock.wall().min(wall + passed + CLOCK_AHEAD_MAX)
    }

    /// False where it could not be put on the record. A file that cannot be removed keeps its row, and is passed over for an hour.
    fn delete(
        &mut self,
        camera: &CameraId,
        segment: &Segment,
        why: Why,
        record: &mut dyn Record,
    ) -> Result<bool, IndexError> {
        let Some(slot) = self.volumes.slot(segment.volume) else { return Ok(false) };
        let (start, end, bytes) = (segment.start, segment.end, segment.bytes);
        // One without a floor may have been sealed since the sweep began; its hash goes on the record all the same.
        if !record::tell_of(&self.index, record, camera, start)? {
            return Ok(false);
        }
        if !record.deleting(&Deleted { camera: camera.clone(), start, end, bytes, why }) {
            return Ok(false);
        }
        let joined = self.deleted_before(camera, start)?;
        let mut changes = Changes::default();
        changes.remove_segment(camera, start);
        changes.proven(camera, start);
        // What was held, or lay on another volume, may go after what came behind it.
        let (from, to) =
            joined.as_ref().map_or((start, end), |before| (before.start, before.end.unwrap_or(end).max(end)));
        changes.put_gap(camera, &Gap { start: from, end: Some(to), reason: GapReason::Deleted });
        self.index.commit(&changes)?;
        if let Err(error) = slot.volume.remove(&segment.path) {
            tracing::error!(path = segment.path, volume = slot.name, %error, "a recording cannot be deleted");
            self.passed.over(camera, segment);
            let mut back = Changes::default();
            back.put_segment(camera, segment);
            back.remove_gap(camera, from);
            joined.iter().for_each(|before| back.put_gap(camera, before));
            self.index.commit(&back)?;
            return Ok(true);
        }
        self.stock.remove(camera, start, segment.volume, bytes);
        self.metrics.deletions.with_label_values(&[why.as_str()]).inc();
        let floor = self.rules.of(camera).rule.floor;
        let margin = self.now().micros_since(end) as f64 / 1e6 - floor.as_secs_f64();
        self.metrics.floor_margin_seconds.set(margin);
        Ok(true)
    }

    /// The deleted stretch that reaches to `start`: what is deleted next is one row with it.
    fn deleted_before(&self, camera: &CameraId, start: Wall) -> Result<Option<Gap>, IndexError> {
        let before = self.index.gap_at_or_before(camera, start)?;
        let joins = |end: Wall| start.micros_since(end) <= HOLE_MICROS_MAX;
        Ok(before.filter(|gap| gap.reason == GapReason::Deleted && gap.end.is_some_and(joins)))
    }
}

impl Passed {
    /// Looks on behind this segment.
    fn over(&mut self, camera: &CameraId, segment: &Segment) {
        let behind = Wall::from_micros(segment.start.micros().saturating_add(1));
        for on in [None, Some(segment.volume)] {
            self.until.insert((on, camera.clone()), behind);
        }
    }

    /// Forgets what was passed over where it may not stay any more.
    fn begin(&mut self, rules_version: u64) {
        self.sweeps += 1;
        if self.rules_version != rules_version || self.sweeps >= SWEEPS_BEFORE_LOOKING_AGAIN {
            *self = Self { rules_version, ..Self::default() };
        }
    }
}
