//! A unit's approval that a stretch may be published by the media (J-23): given by the unit's principal, who thereby answers for
//! it. An export for the media names one, and is refused without.

use media::id::CameraId;
use media::wall::Wall;
use serde::{Deserialize, Serialize};

use super::ExportForm;
use crate::error::ApiError;
use crate::registers::field::{line, prose};
use crate::registers::{UnitId, UserId};
use crate::stamp::Stamp;
use crate::store::{Store, StoreError};

/// All releases.
pub const RELEASES: &str = "media-release/";

/// What is approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MediaReleaseForm {
    /// The camera.
    #[schema(value_type = String)]
    pub camera: CameraId,
    /// Beginning of what may be published.
    pub from: Stamp,
    /// Its end.
    pub to: Stamp,
    /// Which medium publishes it.
    #[schema(example = "济源电视台")]
    pub outlet: String,
    /// Why.
    pub reason: String,
}

/// The approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MediaRelease {
    /// Its id.
    pub id: String,
    /// The unit that answers for it.
    pub unit: UnitId,
    /// Its principal, who approved.
    pub approver: UserId,
    /// When.
    pub at: Stamp,
    /// What.
    #[serde(flatten)]
    pub form: MediaReleaseForm,
}

impl MediaReleaseForm {
    /// The form with its texts trimmed, or the first field that is wrong.
    pub fn checked(mut self) -> Result<Self, ApiError> {
        if self.from >= self.to {
            return Err(ApiError::field("from", "须早于 to。", "It must be before `to`."));
        }
        self.outlet = line("outlet", &self.outlet)?;
        self.reason = prose("reason", &self.reason)?;
        Ok(self)
    }
}

impl MediaRelease {
    /// A unit's principal approves.
    pub(super) fn given(id: String, unit: UnitId, approver: UserId, form: MediaReleaseForm, now: Wall) -> Self {
        Self { id, unit, approver, at: now.into(), form }
    }

    /// Whether it approves this export of `unit`, asked for by `requester`, who cannot have approved it.
    pub(super) fn covers(&self, export: &ExportForm, unit: &UnitId, requester: &UserId) -> bool {
        self.unit == *unit
            && self.approver != *requester
            && self.form.camera.as_str() == export.camera
            && self.form.from <= export.from
            && export.to <= self.form.to
    }
}

/// The key of one.
pub(super) fn key(id: &str) -> String {
    format!("{RELEASES}{id}")
}

/// One of them.
pub(super) fn load(store: &Store, id: &str) -> Result<Option<MediaRelease>, StoreError> {
    Ok(store.get_json(&key(id))?.map(|row| row.value))
}
