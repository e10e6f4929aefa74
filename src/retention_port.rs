//! Joins the control API's retention to the recorder. Not joined yet: every call says so, and nothing is deleted by rules that
//! nobody took.

use control_api::ports::{HeldStretch, KeepRule, Kept, RecordingError, RetentionPort, VolumeOutlook};
use media::id::CameraId;
use media::wall::Wall;

/// The recorder's retention as the control API sees it.
pub(crate) struct Retention;

fn not_joined<T>() -> Result<T, RecordingError> {
    Err(RecordingError("this recorder takes no rules and no holds".into()))
}

impl RetentionPort for Retention {
    fn set_rule(&self, _: &CameraId, _: KeepRule) -> Result<(), RecordingError> {
        not_joined()
    }
    fn set_holds(&self, _: &CameraId, _: &[HeldStretch]) -> Result<(), RecordingError> {
        not_joined()
    }
    fn outlook(&self) -> Result<Vec<VolumeOutlook>, RecordingError> {
        not_joined()
    }
    fn has_room_for(&self, _: &KeepRule, _: u64) -> Result<bool, RecordingError> {
        not_joined()
    }
    fn kept(&self, _: &CameraId, _: Wall, _: Wall) -> Result<Kept, RecordingError> {
        not_joined()
    }
}
