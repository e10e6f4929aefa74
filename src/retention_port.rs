//! Joins the control API's retention to the recorder, which keeps to it.

use std::sync::Arc;

use control_api::ports::{HeldStretch, KeepRule, Kept, Missing, RecordingError, RetentionPort, VolumeOutlook};
use media::id::CameraId;
use media::wall::Wall;
use recorder::{Class, Held, Recorder, Rule};

/// The recorder's retention as the control API sees it.
pub(crate) struct Retention(pub(crate) Arc<Recorder>);

fn rule(of: &KeepRule) -> Rule {
    Rule { floor: of.floor, ceiling: of.ceiling, statutory: of.statutory }
}

fn failed(error: impl std::fmt::Display) -> RecordingError {
    RecordingError(error.to_string())
}

impl RetentionPort for Retention {
    fn set_rule(&self, camera: &CameraId, keep: KeepRule) -> Result<(), RecordingError> {
        self.0.set_rule(camera, rule(&keep)).map_err(failed)
    }

    fn set_holds(&self, camera: &CameraId, holds: &[HeldStretch]) -> Result<(), RecordingError> {
        let holds: Vec<Held> = holds.iter().map(|held| Held { from: held.from, to: held.to }).collect();
        self.0.set_holds(camera, &holds).map_err(failed)
    }

    fn outlook(&self) -> Result<Vec<VolumeOutlook>, RecordingError> {
        let in_class = |of: &recorder::VolumeOutlook, class| {
            let found = of.classes.iter().find(|(of, _)| *of == class);
            found.and_then(|(_, danger_in)| *danger_in).map(|at| at.as_secs())
        };
        let outlook = |of: recorder::VolumeOutlook| VolumeOutlook {
            ordinary_danger_seconds: in_class(&of, Class::Ordinary),
            key_target_danger_seconds: in_class(&of, Class::KeyTarget),
            voluntary_danger_seconds: in_class(&of, Class::Voluntary),
            volume: of.volume,
            state: of.state.to_owned(),
            capacity_bytes: of.capacity_bytes,
            free_bytes: of.free_bytes,
            protected_bytes: of.protected_bytes,
            bytes_per_second: of.bytes_per_second,
            full_seconds: of.full_in.map(|at| at.as_secs()),
            floor_danger_seconds: of.floor_danger_in.map(|at| at.as_secs()),
        };
        Ok(self.0.outlook().into_iter().map(outlook).collect())
    }

    fn has_room_for(&self, keep: &KeepRule, bits_per_second: u64) -> Result<bool, RecordingError> {
        Ok(self.0.has_room_for(&rule(keep), bits_per_second / 8))
    }

    fn kept(&self, camera: &CameraId, from: Wall, to: Wall) -> Result<Kept, RecordingError> {
        let kept = self.0.kept(camera, from, to).map_err(failed)?;
        let gap = |gap: &recorder::timeline::Hole| Missing {
            start: gap.start,
            end: gap.end,
            reason: gap.reason.as_str().to_owned(),
        };
        Ok(Kept {
            covered_micros: kept.covered_micros + kept.short_micros,
            gaps: kept.gaps.iter().map(gap).collect(),
            oldest: kept.oldest,
            lost_micros: kept.lost_micros,
        })
    }
}
