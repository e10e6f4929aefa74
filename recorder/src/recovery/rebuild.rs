//! Gaps that the index does not know, by what is told of them beside the recordings: all of them where it is made anew, and where
//! nothing is told between two recordings then, a gap whose reason is not known; else those that a power cut kept from the index.

use std::collections::BTreeMap;
use std::time::Duration;

use media::id::CameraId;
use media::wall::Wall;

use super::{Recovery, RecoveryError, failed};
use crate::gap::{Gap, GapReason};
use crate::gap_log::{self, Told};
use crate::index::Changes;
use crate::kept;

/// A camera's clock may be so far from ours, by which notes are dated.
const CLOCKS_APART: Duration = Duration::from_secs(3600);

impl Recovery<'_> {
    /// Puts in what the volumes tell of gaps, before anything else, where the index knows nothing at all: one that a crash leaves half
    /// made knows the gaps, and one in which cameras have rules was in use.
    pub(super) fn recall(&mut self) -> Result<(), RecoveryError> {
        self.rebuilding = self.whole && self.index.cameras()?.is_empty() && self.index.rules()?.is_empty();
        if !self.rebuilding {
            return Ok(());
        }
        let mut changes = Changes::default();
        let (mut put, told) = (0, self.told(Wall::from_micros(i64::MIN))?);
        for (camera, gaps) in told {
            gaps.values().for_each(|gap| changes.put_gap(camera, gap));
            put += gaps.len();
        }
        self.report.gaps_recalled += put;
        Ok(self.index.commit(&changes)?)
    }

    /// What the volumes tell of gaps that were open at this instant, and of those since. They are read as far back as anybody asked.
    fn told(&mut self, since: Wall) -> Result<&Told, RecoveryError> {
        let first = gap_log::name(since - CLOCKS_APART).unwrap_or_default();
        if self.told.as_ref().is_none_or(|(from, _)| first < *from) {
            let told = match gap_log::recall(self.volumes.iter().copied(), &first) {
                // A word is not worth a start. What cannot be read may be read by the next one, where a hole is left to ask for it.
                Err(error) if !self.rebuilding => {
                    tracing::warn!(%error, "what is told of gaps beside the recordings cannot be read");
                    Told::new()
                }
                told => told.map_err(|source| match self.volumes.first() {
                    Some(volume) => failed(volume, "_gaps", source),
                    None => RecoveryError::Volume { path: String::new(), source },
                })?,
            };
            self.told = Some((first, told));
        }
        Ok(self.told.as_ref().map(|(_, told)| told).expect("it was read just now"))
    }

    /// The reason of a gap that was told of as open where the last recording ends.
    pub(super) fn told_as_open(&mut self, camera: &CameraId, at: Wall) -> Result<Option<GapReason>, RecoveryError> {
        let open = self.told(at)?.get(camera).and_then(|gaps| gaps.get(&at)).filter(|gap| gap.end.is_none());
        Ok(open.map(|gap| gap.reason.clone()))
    }

    /// After the camera's files were looked at: gaps that were told of as open end where a recording begins, and stretches
    /// between recordings of which the index tells nothing are what is told beside the recordings.
    pub(super) fn explain(
        &mut self,
        camera: &CameraId,
        recorded: &BTreeMap<Wall, Wall>,
    ) -> Result<Changes, RecoveryError> {
        let mut changes = Changes::default();
        let (first, last) = (Wall::from_micros(i64::MIN), Wall::from_micros(i64::MAX));
        let mut gaps = self.index.gaps(camera, first, last, usize::MAX)?;
        for gap in &mut gaps {
            if end_where_recorded(gap, recorded) {
                changes.put_gap(camera, gap);
            }
        }
        let mut holes = kept::unexplained(recorded, gaps.clone());
        if let Some((start, _)) = holes.first().filter(|_| !self.rebuilding) {
            let of_camera = self.told(*start)?.get(camera).cloned().unwrap_or_default();
            for mut gap in of_camera.into_values().filter(|told| gaps.iter().all(|known| known.start != told.start)) {
                end_where_recorded(&mut gap, recorded);
                let in_hole = |(start, end): &(Wall, Wall)| gap.start < *end && gap.end.is_some_and(|end| end > *start);
                if holes.iter().any(in_hole) {
                    changes.put_gap(camera, &gap);
                    self.report.gaps_recalled += 1;
                }
            }
            // What is left of them nobody can explain; the index was not made anew, so that a deletion may be the reason.
            holes.clear();
        }
        for (start, end) in holes {
            changes.put_gap(camera, &Gap { start, end: Some(end), reason: GapReason::Unknown });
            self.report.gaps_unknown += 1;
        }
        Ok(changes)
    }
}

/// A gap without an end has one where a recording begins behind it. True where that changed it.
fn end_where_recorded(gap: &mut Gap, recorded: &BTreeMap<Wall, Wall>) -> bool {
    let next = recorded.keys().find(|start| **start > gap.start).filter(|_| gap.end.is_none());
    gap.end = gap.end.or(next.copied());
    next.is_some()
}
