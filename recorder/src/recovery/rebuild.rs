//! An index that is made anew from the volumes alone: gaps by what is told of them beside the recordings, and where nothing is told
//! between two recordings, a gap whose reason is not known.

use std::collections::BTreeMap;

use media::id::CameraId;
use media::wall::Wall;

use super::{Recovery, RecoveryError, failed};
use crate::gap::{Gap, GapReason};
use crate::gap_log;
use crate::index::{Changes, IndexError};
use crate::kept;

impl Recovery<'_> {
    /// Puts in what the volumes tell of gaps, before anything else, where the index knows nothing at all: one that a crash leaves half
    /// made knows the gaps.
    pub(super) fn recall(&mut self) -> Result<(), RecoveryError> {
        self.rebuilding = self.whole && self.index.cameras()?.is_empty();
        if !self.rebuilding {
            return Ok(());
        }
        let told = gap_log::recall(self.volumes.iter().copied());
        let told = told.map_err(|source| match self.volumes.first() {
            Some(volume) => failed(volume, "_gaps", source),
            None => RecoveryError::Volume { path: String::new(), source },
        })?;
        let mut changes = Changes::default();
        for (camera, gaps) in &told {
            gaps.values().for_each(|gap| changes.put_gap(camera, gap));
            self.report.gaps_recalled += gaps.len();
        }
        Ok(self.index.commit(&changes)?)
    }

    /// After the camera's files were looked at: gaps that were told of as open end where a recording begins, and stretches
    /// between recordings of which nothing is told are gaps too.
    pub(super) fn explain(
        &mut self,
        camera: &CameraId,
        recorded: &BTreeMap<Wall, Wall>,
    ) -> Result<Changes, IndexError> {
        let mut changes = Changes::default();
        let (first, last) = (Wall::from_micros(i64::MIN), Wall::from_micros(i64::MAX));
        let mut gaps = self.index.gaps(camera, first, last, usize::MAX)?;
        for gap in gaps.iter_mut().filter(|gap| gap.end.is_none()) {
            let next = recorded.keys().find(|start| **start > gap.start);
            if let Some(start) = next {
                gap.end = Some(*start);
                changes.put_gap(camera, gap);
            }
        }
        for (start, end) in kept::unexplained(recorded, gaps) {
            changes.put_gap(camera, &Gap { start, end: Some(end), reason: GapReason::Unknown });
            self.report.gaps_unknown += 1;
        }
        Ok(changes)
    }
}
