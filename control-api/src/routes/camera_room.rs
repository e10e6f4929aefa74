//! Whether the volumes have room for what is to be recorded besides: a floor that could not be kept is refused before it is
//! promised. And what of a camera's entry the recorder is told.

use std::sync::Arc;
use std::time::Duration;

use media::id::{CameraId, Profile, StreamKey};

use crate::deps::Deps;
use crate::error::{ApiError, Code};
use crate::ports::KeepRule;
use crate::registers::camera::Camera;

/// A camera that is to be recorded: its rule, and what it is taken to record.
pub type More = (KeepRule, u64);

/// `RETENTION_CAPACITY` where not all floors would hold with these besides. Nothing is promised on a guess: where the
/// recorder cannot say, the answer is an error.
pub async fn check(deps: &Arc<Deps>, more: Vec<More>) -> Result<(), ApiError> {
    if more.is_empty() {
        return Ok(());
    }
    let asking = Arc::clone(deps);
    let asked = tokio::task::spawn_blocking(move || asking.retention.has_room_for(&more)).await;
    match asked.map_err(|_| Code::Internal)? {
        Ok(true) => Ok(()),
        Ok(false) => Err(Code::RetentionCapacity.into()),
        Err(error) => {
            tracing::error!(%error, "the recorder cannot say whether there is room for another camera");
            Err(Code::Internal.into())
        }
    }
}

/// What a camera that is enrolled takes.
pub fn of_one_more(deps: &Deps, camera: &Camera) -> More {
    (deps.retention.rule_of(camera), bits_per_second(deps, &camera.id))
}

/// What a change takes besides: the days by which the floor grows.
pub fn of_change(deps: &Deps, before: &Camera, after: &Camera) -> Vec<More> {
    let (was, rule) = (deps.retention.rule_of(before), deps.retention.rule_of(after));
    let floor = rule.floor.saturating_sub(was.floor);
    if floor > Duration::ZERO {
        vec![(KeepRule { floor, ..rule }, bits_per_second(deps, &after.id))]
    } else {
        Vec::new()
    }
}

/// What the camera sends, or is taken to send before it was ever seen.
fn bits_per_second(deps: &Deps, id: &CameraId) -> u64 {
    let main = StreamKey { camera: id.clone(), profile: Profile::Main };
    let seen = deps.cameras.stream(&main).map(|stream| stream.bits_per_second).filter(|bits| *bits > 0);
    seen.unwrap_or(deps.retention.settings().assumed_bits_per_second)
}

/// Hands the camera's rule to the recorder. A failure is logged and made good by housekeeping: the entry stands.
pub fn tell_rule(deps: &Deps, id: &CameraId) {
    if let Err(error) = deps.retention.apply_rule(id) {
        tracing::error!(camera = %id, %error, "the recorder was not told how long to keep the recordings; it is tried again");
    }
}
