//! Grants: what an approved application lets a unit do, until when, and whether it still holds. A grant carries the id of
//! its application and has one maker. Deliberately absent: the decision itself (`policy`), and what ends with a grant
//! (`sessions`).

pub mod book;
pub mod hours;
pub mod index;

use std::collections::BTreeSet;
use std::net::IpAddr;

use media::id::{CameraId, Profile};
use media::wall::Wall;
use serde::{Deserialize, Serialize};

use crate::registers::{Area, PurposeCode, UnitId, UserId};
use crate::stamp::Stamp;
pub use book::GrantBook;
pub use hours::DailyHours;

/// An application's id: 26 characters, sortable by time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct ApplicationId(pub String);

/// A grant's id: 26 characters, sortable by time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct GrantId(pub String);

/// What can be done with a camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Watch it as it comes in.
    Live,
    /// Watch its recording.
    Playback,
    /// Take a still picture.
    Snapshot,
    /// Have a stretch exported.
    Export,
    /// Have the stream without a player of ours: RTSP.
    Raw,
    /// Steer it.
    Ptz,
    /// Fetch a stretch as a file.
    Download,
}

/// What is asked for in an application and holds in its grant, word for word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// The users of the unit it is for; none named means all of the unit.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub users: BTreeSet<UserId>,
    /// Cameras by name.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub cameras: BTreeSet<CameraId>,
    /// Cameras by where they stand, those that are added later included.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub areas: BTreeSet<Area>,
    /// The purposes it may be used for.
    pub purposes: BTreeSet<PurposeCode>,
    /// What may be done.
    pub verbs: BTreeSet<Verb>,
    /// `main` covers both presentations, `sub` the small one only.
    #[serde(default)]
    #[schema(value_type = String, example = "main")]
    pub profile: Profile,
    /// Beginning, inclusive.
    pub valid_from: Stamp,
    /// End, exclusive.
    pub valid_to: Stamp,
    /// Hours of the day and days of the week, on site time; none means at any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<DailyHours>,
    /// How far back playback reaches, in seconds before now; none means as far as the recording does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub playback_depth_s: Option<u64>,
    /// Sessions under the grant at one time; none means no limit of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_concurrent: Option<u32>,
    /// The addresses it may be used from; none named means any.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub terminals: BTreeSet<IpAddr>,
    /// The highest security level of a camera that it reaches, 1 to 3.
    #[serde(default = "lowest_level", skip_serializing_if = "is_lowest_level")]
    #[schema(minimum = 1, maximum = 3)]
    pub security_level: u8,
    /// Only for those who are on the duty roster at the time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_duty: bool,
}

/// The highest security level of a camera.
pub const SECURITY_LEVEL_MAX: u8 = 3;

/// What a grant reaches that says nothing.
const fn lowest_level() -> u8 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_lowest_level(level: &u8) -> bool {
    *level == lowest_level()
}

impl Terms {
    /// True where the terms name the camera, or the place it stands in.
    pub fn cover(&self, camera: &CameraId, area: Option<&Area>) -> bool {
        self.cameras.contains(camera) || area.is_some_and(|place| self.areas.iter().any(|a| a.covers(place)))
    }

    /// True where `user`, a member of the grant's unit, is one of those it is for.
    pub fn are_for(&self, user: &UserId) -> bool {
        self.users.is_empty() || self.users.contains(user)
    }
}

/// Whether a grant holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantState {
    /// Approved, its time has not come.
    Pending,
    /// In force.
    Active,
    /// Out of force until resumed; the reason is in the history.
    Suspended,
    /// Its time is over.
    Expired,
    /// Taken away for good; the reason is in the history.
    Revoked,
}

/// One line of a grant's history, never changed afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GrantChange {
    /// When.
    pub at: Stamp,
    /// Who; none where its time came or ran out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub by: Option<UserId>,
    /// The state it led to.
    pub to: GrantState,
    /// Why, where a person did it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// What can be done to a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantStep {
    /// Take it out of force for a while.
    Suspend,
    /// Put it back in force.
    Resume,
    /// Take it away for good.
    Revoke,
    /// Its time has come. Taken by the appliance.
    Begin,
    /// Its time is over. Taken by the appliance.
    Expire,
}

impl GrantStep {
    /// The step's word in paths and on the ledger.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Revoke => "revoke",
            Self::Begin => "begin",
            Self::Expire => "expire",
        }
    }
}

/// A right that was approved. Its fields are read through methods, so that nothing but this file can make or change one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Grant {
    id: GrantId,
    application: ApplicationId,
    unit: UnitId,
    approver: UserId,
    terms: Terms,
    /// The emergency that it came with; none for one that was applied for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    emergency: Option<String>,
    state: GrantState,
    history: Vec<GrantChange>,
}

impl Grant {
    /// The grant that comes with an emergency that was declared, for its cameras and its life (J-8); its id is the emergency's. Who
    /// declared it stands where else the approver does, until the Bureau's confirmation is in the emergency's own history.
    pub(crate) fn of_emergency(id: &str, unit: UnitId, declared_by: UserId, terms: Terms, now: Wall) -> Self {
        let application = ApplicationId(format!("emergencies/{id}"));
        let grant = Self::of_approval(GrantId(id.into()), application, unit, declared_by, terms, now);
        Self { emergency: Some(id.into()), ..grant }
    }

    /// The grant that an approval makes; `applications` calls it, for an application that has just been approved.
    pub(crate) fn of_approval(
        id: GrantId,
        application: ApplicationId,
        unit: UnitId,
        approver: UserId,
        terms: Terms,
        now: Wall,
    ) -> Self {
        let state = if now < terms.valid_from.0 { GrantState::Pending } else { GrantState::Active };
        let made = GrantChange { at: now.into(), by: Some(approver.clone()), to: state, reason: None };
        Self { id, application, unit, approver, terms, emergency: None, state, history: vec![made] }
    }

    /// The same grant one step on; none where the step does not fit its state.
    pub(crate) fn after(&self, step: GrantStep, at: Wall, by: Option<&UserId>, reason: Option<&str>) -> Option<Self> {
        let to = self.state.after(step, at, &self.terms)?;
        let mut next = self.clone();
        next.state = to;
        next.history.push(GrantChange { at: at.into(), by: by.cloned(), to, reason: reason.map(Into::into) });
        Some(next)
    }

    /// Its id.
    pub const fn id(&self) -> &GrantId {
        &self.id
    }

    /// The application it was approved under.
    pub const fn application(&self) -> &ApplicationId {
        &self.application
    }

    /// The unit it was given to.
    pub const fn unit(&self) -> &UnitId {
        &self.unit
    }

    /// Who approved it.
    pub const fn approver(&self) -> &UserId {
        &self.approver
    }

    /// What it allows.
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The emergency that it came with.
    pub fn emergency(&self) -> Option<&str> {
        self.emergency.as_deref()
    }

    /// The state as last written. Whether it holds at a given time is `state_at`.
    pub const fn state(&self) -> GrantState {
        self.state
    }

    /// What became of it, oldest first.
    pub fn history(&self) -> &[GrantChange] {
        &self.history
    }

    /// The state at `now`, whether or not the change has been written down yet.
    pub fn state_at(&self, now: Wall) -> GrantState {
        match self.state {
            GrantState::Revoked => GrantState::Revoked,
            _ if self.terms.valid_to.0 <= now => GrantState::Expired,
            GrantState::Suspended => GrantState::Suspended,
            _ if now < self.terms.valid_from.0 => GrantState::Pending,
            _ => GrantState::Active,
        }
    }

    /// When time alone will next change it.
    pub fn next_change(&self) -> Option<Wall> {
        match self.state {
            GrantState::Pending => Some(self.terms.valid_from.0),
            GrantState::Active | GrantState::Suspended => Some(self.terms.valid_to.0),
            GrantState::Expired | GrantState::Revoked => None,
        }
    }
}

impl GrantState {
    fn after(self, step: GrantStep, at: Wall, terms: &Terms) -> Option<Self> {
        match (self, step) {
            (Self::Pending | Self::Active, GrantStep::Suspend) => Some(Self::Suspended),
            (Self::Suspended, GrantStep::Resume) if at < terms.valid_from.0 => Some(Self::Pending),
            (Self::Suspended, GrantStep::Resume) => Some(Self::Active),
            (Self::Pending | Self::Active | Self::Suspended, GrantStep::Revoke) => Some(Self::Revoked),
            (Self::Pending, GrantStep::Begin) => Some(Self::Active),
            (Self::Pending | Self::Active | Self::Suspended, GrantStep::Expire) => Some(Self::Expired),
            _ => None,
        }
    }
}

/// A grant for tests all over the crate: unit `u1`, camera `cam-1`, all verbs, second 1,000 to 2,000.
#[cfg(test)]
pub(crate) fn sample(id: &str, change: impl FnOnce(&mut Terms)) -> Grant {
    let second = |s: i64| Stamp(Wall::from_micros(s * 1_000_000));
    let mut terms = Terms {
        users: BTreeSet::new(),
        cameras: BTreeSet::from(["cam-1".parse().unwrap()]),
        areas: BTreeSet::new(),
        purposes: BTreeSet::from(["GA-1".parse().unwrap()]),
        verbs: BTreeSet::from([Verb::Live, Verb::Playback, Verb::Raw]),
        profile: Profile::Main,
        valid_from: second(1_000),
        valid_to: second(2_000),
        hours: None,
        playback_depth_s: None,
        max_concurrent: None,
        terminals: BTreeSet::new(),
        security_level: 1,
        on_duty: false,
    };
    change(&mut terms);
    let unit = "u1".parse().unwrap();
    let approver = "boss".parse().unwrap();
    Grant::of_approval(GrantId(id.into()), ApplicationId("app".into()), unit, approver, terms, second(1_500).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Wall {
        Wall::from_micros(second * 1_000_000)
    }

    #[test]
    fn time_alone_opens_and_closes_a_grant() {
        let grant = sample("g", |_| ());
        assert_eq!(grant.state_at(at(999)), GrantState::Pending);
        assert_eq!(grant.state_at(at(1_000)), GrantState::Active);
        assert_eq!(grant.state_at(at(2_000)), GrantState::Expired);
    }

    #[test]
    fn a_revoked_grant_has_no_way_back() {
        let grant = sample("g", |_| ());
        let revoked = grant.after(GrantStep::Revoke, at(1_600), None, Some("misuse")).unwrap();
        for step in [GrantStep::Resume, GrantStep::Suspend, GrantStep::Begin, GrantStep::Expire, GrantStep::Revoke] {
            assert!(revoked.after(step, at(1_700), None, None).is_none(), "{step:?}");
        }
        assert_eq!(revoked.history().len(), 2);
        assert_eq!(revoked.history()[0], grant.history()[0]);
    }

    #[test]
    fn resuming_before_its_time_leaves_it_pending() {
        let grant = sample("g", |terms| terms.valid_from = Stamp(at(1_900)));
        assert_eq!(grant.state(), GrantState::Pending);
        let suspended = grant.after(GrantStep::Suspend, at(1_600), None, Some("check")).unwrap();
        assert_eq!(suspended.after(GrantStep::Resume, at(1_700), None, None).unwrap().state(), GrantState::Pending);
        assert_eq!(suspended.after(GrantStep::Resume, at(1_950), None, None).unwrap().state(), GrantState::Active);
    }

    #[test]
    fn terms_cover_named_cameras_and_those_within_an_area() {
        let grant = sample("g", |terms| {
            terms.areas.insert("济源/沁园".parse().unwrap());
        });
        let camera = |id: &str| id.parse::<CameraId>().unwrap();
        let area = |path: &str| path.parse::<Area>().unwrap();
        assert!(grant.terms().cover(&camera("cam-1"), None));
        assert!(grant.terms().cover(&camera("later"), Some(&area("济源/沁园/东街"))));
        assert!(!grant.terms().cover(&camera("later"), Some(&area("济源/天坛"))));
        assert!(!grant.terms().cover(&camera("later"), None));
    }
}
