//! How long recordings are kept: up to an age, and up to what the volume holds, the oldest first. Row, then file, then the
//! empty folder; a crash in between leaves a file that the next start finds and a later sweep deletes. Each deletion is
//! reported before the next one is made.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use media::id::CameraId;
use media::wall::{Clock, Wall};

use crate::disk::Volume;
use crate::index::{Changes, Index, IndexError};
use crate::metrics::Metrics;
use crate::segment::Segment;

/// The clock may run ahead of the time since the start by this much before it is taken to be wrong: a clock that jumps to
/// another year must not delete everything.
const CLOCK_AHEAD_MAX: Duration = Duration::from_secs(3600);
/// Deletions in one sweep, so that a stop is not held up.
const DELETIONS_MAX: usize = 1000;

/// Why a recording was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It was past the retention age.
    Age,
    /// The volume had reached its bound, or had too little room left.
    VolumeFull,
}

impl Why {
    /// One word, as in the metric.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::VolumeFull => "volume_full",
        }
    }
}

/// A deletion that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// Whose recording.
    pub camera: CameraId,
    /// Its beginning.
    pub start: Wall,
    /// Its end.
    pub end: Wall,
    /// Bytes freed.
    pub bytes: u64,
    /// Why.
    pub why: Why,
}

/// Each camera's oldest segment, the oldest of all first.
type Oldest = BTreeMap<(Wall, CameraId), Segment>;

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) age: Duration,
    pub(crate) volume_bytes_max: Option<u64>,
    pub(crate) free_bytes_min: u64,
}

/// Deletes what is past its bounds.
pub(crate) struct Retention {
    pub(crate) volume: Volume,
    pub(crate) volume_name: String,
    pub(crate) index: Arc<Index>,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) bounds: Bounds,
    /// Wall clock and monotonic line when the recorder was opened.
    pub(crate) opened: (Wall, Duration),
}

impl Retention {
    /// One round. Reports each deletion as it is made. True where more is to be done at once.
    pub(crate) fn sweep(&self, report: &mut dyn FnMut(&Deleted)) -> Result<bool, IndexError> {
        let free = self.volume.free_bytes();
        if let Ok(free) = free {
            self.metrics.free_bytes.with_label_values(&[&self.volume_name]).set(free as f64);
        }
        let mut made = self.by_age(report)?;
        made += self.by_size(self.excess(free.unwrap_or(u64::MAX)), report)?;
        Ok(made >= DELETIONS_MAX)
    }

    /// Deletes the oldest of all cameras' recordings until so many bytes are free.
    fn by_size(&self, mut excess: u64, report: &mut dyn FnMut(&Deleted)) -> Result<usize, IndexError> {
        let mut made = 0;
        let mut oldest = Oldest::new();
        if excess > 0 {
            for camera in self.index.cameras()? {
                self.add_oldest(camera, &mut oldest)?;
            }
        }
        while excess > 0 && made < DELETIONS_MAX {
            let Some(((_, camera), segment)) = oldest.pop_first() else { break };
            if !self.delete(&camera, &segment, Why::VolumeFull, report)? {
                break;
            }
            excess = excess.saturating_sub(segment.bytes);
            made += 1;
            self.add_oldest(camera, &mut oldest)?;
        }
        Ok(made)
    }

    fn add_oldest(&self, camera: CameraId, oldest: &mut Oldest) -> Result<(), IndexError> {
        let segment = self.index.first_segment(&camera)?.filter(|s| s.sealed);
        oldest.extend(segment.map(|segment| ((segment.start, camera), segment)));
        Ok(())
    }

    /// Bytes to be freed for the volume's bounds.
    fn excess(&self, free: u64) -> u64 {
        let stored = u64::try_from(self.metrics.stored_bytes.get()).unwrap_or(0);
        let over = self.bounds.volume_bytes_max.map_or(0, |max| stored.saturating_sub(max));
        over.max(self.bounds.free_bytes_min.saturating_sub(free))
    }

    fn by_age(&self, report: &mut dyn FnMut(&Deleted)) -> Result<usize, IndexError> {
        let limit = self.now() - self.bounds.age;
        let mut made = 0;
        for camera in self.index.cameras()? {
            while let Some(segment) = self.index.first_segment(&camera)?.filter(|s| s.sealed && s.end < limit) {
                if made >= DELETIONS_MAX || !self.delete(&camera, &segment, Why::Age, report)? {
                    return Ok(made);
                }
                made += 1;
            }
            let mut changes = Changes::default();
            let old = self.index.gaps(&camera, Wall::from_micros(i64::MIN), limit, DELETIONS_MAX)?;
            for gap in old.iter().filter(|gap| gap.end.is_some_and(|end| end < limit)) {
                changes.remove_gap(&camera, gap.start);
            }
            self.index.commit(&changes)?;
        }
        Ok(made)
    }

    /// The wall clock, unless it ran ahead of the time that passed.
    fn now(&self) -> Wall {
        let (wall, monotonic) = self.opened;
        let passed = self.clock.monotonic().saturating_sub(monotonic);
        self.clock.wall().min(wall + passed + CLOCK_AHEAD_MAX)
    }

    /// False where the file could not be removed; its row is then put back, so that it is tried again.
    fn delete(
        &self,
        camera: &CameraId,
        segment: &Segment,
        why: Why,
        report: &mut dyn FnMut(&Deleted),
    ) -> Result<bool, IndexError> {
        let mut changes = Changes::default();
        changes.remove_segment(camera, segment.start);
        self.index.commit(&changes)?;
        if let Err(error) = self.volume.remove(&segment.path) {
            tracing::error!(path = segment.path, %error, "a recording cannot be deleted; check the volume's permissions");
            let mut back = Changes::default();
            back.put_segment(camera, segment);
            self.index.commit(&back)?;
            return Ok(false);
        }
        self.metrics.stored_bytes.sub(i64::try_from(segment.bytes).unwrap_or(i64::MAX));
        self.metrics.deletions.with_label_values(&[why.as_str()]).inc();
        let margin = self.now().micros_since(segment.end) as f64 / 1e6 - self.bounds.age.as_secs_f64();
        self.metrics.floor_margin_seconds.set(margin);
        report(&Deleted { camera: camera.clone(), start: segment.start, end: segment.end, bytes: segment.bytes, why });
        Ok(true)
    }
}
