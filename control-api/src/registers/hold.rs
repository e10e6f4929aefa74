//! Holds: stretches of recordings that nothing deletes until a second person releases them. A hold is kept for good with who
//! placed it, who released it and why; the active ones have a row each beside it, by camera. Absent: who may, which the
//! routes decide, and the deleting itself, which is the recorder's.

use std::str::FromStr;
use std::time::Duration;

use media::id::CameraId;
use media::wall::Wall;
use serde::{Deserialize, Serialize};

use super::field::{line, prose};
use super::{BadId, UnitId, UserId, check_id};
use crate::error::{ApiError, Code};
use crate::stamp::Stamp;
use crate::store::{Batch, CommitError, RANGE_ROWS_MAX, Revision, Store, StoreError, Versioned};

/// Longest hold. 31 days: a longer matter is several holds, each with its reason.
pub const HOLD_MAX: Duration = Duration::from_secs(31 * 86_400);
/// How far a hold reaches into the future. 31 days: who holds what is yet to come has to say so again.
pub const AHEAD_MAX: Duration = Duration::from_secs(31 * 86_400);
/// Active holds of one camera, so that nobody can make the recorder's work endless.
pub const ACTIVE_PER_CAMERA_MAX: usize = 200;

/// A hold's id: 26 characters, sortable by time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct HoldId(pub String);

impl FromStr for HoldId {
    type Err = BadId;
    fn from_str(text: &str) -> Result<Self, BadId> {
        check_id(text).map(|()| Self(text.into()))
    }
}

/// A stretch of a recording that nothing deletes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldStretch {
    /// Beginning, inclusive.
    pub from: Wall,
    /// End, exclusive.
    pub to: Wall,
}

/// Whether a hold still protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HoldState {
    /// Nothing of its stretch is deleted.
    Active,
    /// It was released; floors and ceilings are what is left.
    Released,
}

/// One hold, from its placing to its release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// Whose recording. It may have left the catalogue since.
    #[schema(value_type = String)]
    pub camera: CameraId,
    /// Beginning, inclusive.
    pub from: Stamp,
    /// End, exclusive.
    pub to: Stamp,
    /// Why.
    pub reason: String,
    /// The incident it belongs to, in the caller's own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    /// Who placed it.
    pub placed_by: UserId,
    /// The unit they acted for.
    pub unit: UnitId,
    /// When.
    pub placed_at: Stamp,
    /// Who released it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_by: Option<UserId>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_at: Option<Stamp>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_reason: Option<String>,
}

impl Hold {
    /// Whether it protects.
    pub const fn state(&self) -> HoldState {
        if self.released_at.is_some() { HoldState::Released } else { HoldState::Active }
    }

    /// What it protects.
    pub const fn stretch(&self) -> HeldStretch {
        HeldStretch { from: self.from.0, to: self.to.0 }
    }
}

/// What a caller says of a hold: a stretch, or an instant that it reaches around.
#[derive(Clone, Debug, Default)]
pub struct HoldForm {
    /// See [`Hold::from`].
    pub from: Option<Stamp>,
    /// See [`Hold::to`].
    pub to: Option<Stamp>,
    /// The instant of what happened, in place of `from` and `to`.
    pub around: Option<Stamp>,
    /// See [`Hold::reason`].
    pub reason: String,
    /// See [`Hold::incident`].
    pub incident: Option<String>,
}

/// Who places a hold, on what, when, under which id.
pub struct Placing {
    /// Its id.
    pub id: HoldId,
    /// Whose recording.
    pub camera: CameraId,
    /// Who.
    pub by: UserId,
    /// For which unit.
    pub unit: UnitId,
    /// When.
    pub at: Wall,
    /// How far a hold around an instant reaches to each side.
    pub margin: Duration,
}

impl HoldForm {
    /// The hold it describes, or a refusal that names the first bad field.
    pub fn checked(self, placing: Placing) -> Result<Hold, ApiError> {
        if self.reason.trim().is_empty() {
            return Err(ApiError::new(Code::ReasonRequired).at("reason"));
        }
        let (from, to) = self.stretch(placing.margin)?;
        if from >= to || to.since(from) > HOLD_MAX {
            return Err(ApiError::field(
                "from",
                "须早于 to,且不超过31天;更长的请分几次保全。",
                "It has to lie before `to`, by at most 31 days; place several holds for more.",
            ));
        }
        if to > placing.at + AHEAD_MAX {
            return Err(ApiError::field("to", "最多晚于现在31天。", "At most 31 days from now."));
        }
        Ok(Hold {
            id: placing.id,
            camera: placing.camera,
            from: from.into(),
            to: to.into(),
            reason: prose("reason", &self.reason)?,
            incident: self
                .incident
                .filter(|text| !text.trim().is_empty())
                .map(|text| line("incident", &text))
                .transpose()?,
            placed_by: placing.by,
            unit: placing.unit,
            placed_at: placing.at.into(),
            released_by: None,
            released_at: None,
            release_reason: None,
        })
    }

    fn stretch(&self, margin: Duration) -> Result<(Wall, Wall), ApiError> {
        match (self.from, self.to, self.around) {
            (Some(from), Some(to), None) => Ok((from.0, to.0)),
            (None, None, Some(around)) => Ok((around.0 - margin, around.0 + margin)),
            _ => Err(ApiError::field(
                "from",
                "请填写 from 和 to,或只填 around。",
                "Give `from` and `to`, or `around` alone.",
            )),
        }
    }
}

/// All holds.
pub const HOLDS: &str = "hold/";
/// The active ones, by camera.
pub const ACTIVE: &str = "hold-active/";

/// A hold's key.
pub fn key(id: &HoldId) -> String {
    format!("{HOLDS}{}", id.0)
}

/// The keys of a camera's active holds.
pub fn active_of(camera: &CameraId) -> String {
    format!("{ACTIVE}{camera}/")
}

/// The camera that the key of an active hold names.
pub fn camera_of(active_key: &str) -> Option<CameraId> {
    active_key.strip_prefix(ACTIVE)?.split('/').next()?.parse().ok()
}

/// The cameras that a batch places holds on.
pub fn held_by(batch: &Batch) -> Vec<CameraId> {
    batch.stored_under(ACTIVE).filter_map(|(key, _)| camera_of(key)).collect()
}

fn active_key(hold: &Hold) -> String {
    format!("{}{}", active_of(&hold.camera), hold.id.0)
}

/// What places a hold.
pub fn placing(hold: &Hold) -> Result<Batch, CommitError> {
    let batch = Batch::new().expect_absent(key(&hold.id)).put_json(key(&hold.id), hold)?;
    batch.put_json(active_key(hold), &hold.stretch())
}

/// What releases a hold that was read with `version`.
pub fn releasing(hold: &Hold, version: Revision) -> Result<Batch, CommitError> {
    let batch = Batch::new().expect_version(key(&hold.id), version).put_json(key(&hold.id), hold)?;
    Ok(batch.delete(active_key(hold)))
}

/// One hold.
pub fn load(store: &Store, id: &HoldId) -> Result<Option<Versioned<Hold>>, StoreError> {
    store.get_json(&key(id))
}

/// The stretches that are held of a camera.
pub fn active(store: &Store, camera: &CameraId) -> Result<Vec<HeldStretch>, StoreError> {
    let rows = store.range_json::<HeldStretch>(&active_of(camera), None, RANGE_ROWS_MAX)?;
    Ok(rows.into_iter().map(|(_, row)| row.value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placing_at(second: i64) -> Placing {
        Placing {
            id: HoldId("h1".into()),
            camera: "cam-1".parse().unwrap(),
            by: "li".parse().unwrap(),
            unit: "gaj".parse().unwrap(),
            at: Wall::from_micros(second * 1_000_000),
            margin: Duration::from_secs(600),
        }
    }

    fn stamp(second: i64) -> Option<Stamp> {
        Some(Stamp(Wall::from_micros(second * 1_000_000)))
    }

    fn form(from: Option<Stamp>, to: Option<Stamp>, around: Option<Stamp>) -> HoldForm {
        HoldForm { from, to, around, reason: "事故".into(), incident: Some(" ".into()) }
    }

    #[test]
    fn a_hold_is_a_stretch_or_reaches_around_an_instant() {
        let hold = form(None, None, stamp(10_000)).checked(placing_at(10_050)).unwrap();
        assert_eq!((hold.from, hold.to), (stamp(9_400).unwrap(), stamp(10_600).unwrap()));
        assert_eq!((hold.state(), hold.incident), (HoldState::Active, None));
        for (from, to, around) in
            [(None, None, None), (stamp(1), None, None), (stamp(1), stamp(2), stamp(1)), (None, stamp(2), stamp(1))]
        {
            assert!(form(from, to, around).checked(placing_at(10)).is_err());
        }
    }

    #[test]
    fn endless_holds_and_those_of_next_year_are_refused_by_field() {
        let day = 86_400;
        let refused = |from, to| {
            let error = form(stamp(from), stamp(to), None).checked(placing_at(100 * day)).unwrap_err();
            error.body("r", false).field.unwrap()
        };
        assert_eq!(refused(5, 5), "from");
        assert_eq!(refused(0, 31 * day + 1), "from");
        assert_eq!(refused(130 * day, 131 * day + 1), "to");
        assert!(form(stamp(100 * day), stamp(131 * day), None).checked(placing_at(100 * day)).is_ok());
        let silent = HoldForm { reason: " ".into(), ..form(stamp(1), stamp(2), None) };
        assert_eq!(silent.checked(placing_at(3)).unwrap_err().body("r", false).field.as_deref(), Some("reason"));
    }

    #[test]
    fn an_active_row_names_its_camera() {
        assert_eq!(camera_of("hold-active/cam-1/01ABC"), "cam-1".parse().ok());
        assert_eq!(camera_of("hold/01ABC"), None);
    }
}
