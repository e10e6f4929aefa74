//! A permit: the proof that a decision was favourable. Its fields are private to this folder and `decide` is its only maker,
//! so that whoever needs one must have asked.

use std::cmp::Ordering;

use media::id::{CameraId, Profile};
use media::wall::Wall;
use serde::Serialize;

use super::case::Case;
use super::record::Basis;
use crate::grants::{GrantId, Verb};
use crate::registers::{PurposeCode, UnitId, UserId};
use crate::stamp::Stamp;

/// What was permitted, to whom, under which grant and until when.
#[derive(Clone, Debug, Serialize)]
pub struct Permit {
    user: UserId,
    unit: UnitId,
    camera: CameraId,
    verb: Verb,
    profile: Profile,
    purpose: PurposeCode,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<(Stamp, Stamp)>,
    grant: GrantId,
    #[serde(skip_serializing_if = "Option::is_none")]
    emergency: Option<String>,
    approver: UserId,
    raw: bool,
    steers: bool,
    until: Stamp,
    decided_at: Stamp,
    #[serde(flatten)]
    basis: Basis,
}

/// The permit of a case that passed every check; none where the facts contradict each other, which the table refuses.
pub(super) fn of_passed(case: &Case<'_>, basis: Basis) -> Option<Permit> {
    let (facts, action) = (case.facts, case.action);
    let (caller, camera, candidate) = (facts.caller.as_ref()?, facts.camera.as_ref()?, case.candidate?);
    let grant = &candidate.grant;
    Some(Permit {
        user: caller.user.clone(),
        unit: caller.unit.id.clone(),
        camera: camera.id.clone(),
        verb: action.verb,
        profile: action.profile,
        purpose: action.purpose_code()?,
        reason: action.reason.trim().into(),
        range: action.range.map(|(from, to)| (from.into(), to.into())),
        grant: grant.id().clone(),
        emergency: grant.emergency().map(str::to_owned),
        approver: grant.approver().clone(),
        raw: grant.terms().verbs.contains(&Verb::Raw),
        steers: grant.terms().verbs.contains(&Verb::Ptz),
        until: facts.open_until(grant)?.into(),
        decided_at: facts.now.into(),
        basis,
    })
}

impl Permit {
    /// Which of two permits for the same thing is the wider one: RTSP before none, then the longer one.
    pub(super) fn width(&self, other: &Self) -> Ordering {
        self.raw.cmp(&other.raw).then(self.until.cmp(&other.until)).then(other.grant.cmp(&self.grant))
    }

    /// To whom.
    pub const fn user(&self) -> &UserId {
        &self.user
    }

    /// Of which unit.
    pub const fn unit(&self) -> &UnitId {
        &self.unit
    }

    /// Which camera.
    pub const fn camera(&self) -> &CameraId {
        &self.camera
    }

    /// What may be done.
    pub const fn verb(&self) -> Verb {
        self.verb
    }

    /// Which presentation.
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// What for.
    pub const fn purpose(&self) -> &PurposeCode {
        &self.purpose
    }

    /// Why, in the caller's words.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The stretch to be played back.
    pub fn range(&self) -> Option<(Wall, Wall)> {
        self.range.map(|(from, to)| (from.0, to.0))
    }

    /// Under which grant.
    pub const fn grant(&self) -> &GrantId {
        &self.grant
    }

    /// The emergency that the grant came with.
    pub fn emergency(&self) -> Option<&str> {
        self.emergency.as_deref()
    }

    /// Who approved that grant.
    pub const fn approver(&self) -> &UserId {
        &self.approver
    }

    /// The stream may go to a player that is not ours.
    pub const fn raw(&self) -> bool {
        self.raw
    }

    /// Its viewer may steer the camera by what he sees.
    pub const fn steers(&self) -> bool {
        self.steers
    }

    /// The permit is void from then on: the grant's end, or the end of its hours.
    pub const fn until(&self) -> Wall {
        self.until.0
    }

    /// When it was decided.
    pub const fn decided_at(&self) -> Wall {
        self.decided_at.0
    }
}
