//! What a decision is made from: who asks, for what, of which camera, under which grants, at what time.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::tz::TimeZone;
use media::id::{CameraId, Profile};
use media::wall::Wall;

use crate::grants::{Grant, Verb};
use crate::registers::{Area, PurposeCode, Roles, UnitId, UserId};

/// All that is known at the time of the decision.
pub struct Facts<'a> {
    /// The time of the decision.
    pub now: Wall,
    /// The site's time zone, which daily hours are read in.
    pub zone: &'a TimeZone,
    /// The ledger can be written.
    pub audit_available: bool,
    /// Another session of this stream is more than network or core can bear.
    pub overloaded: bool,
    /// Who asks; none where nobody has signed in.
    pub caller: Option<Caller>,
    /// The camera asked for; none where the register has no such one.
    pub camera: Option<Sight>,
    /// The grants that cover the camera for this caller, in whatever state.
    pub grants: Vec<Candidate>,
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The account.
    pub user: UserId,
    /// The account is locked after failed logins.
    pub locked: bool,
    /// The account is switched off.
    pub disabled: bool,
    /// The account's user application has been approved.
    pub approved: bool,
    /// What the account may be.
    pub roles: Roles,
    /// The account's unit.
    pub unit: UnitFacts,
    /// The address the request came from.
    pub terminal: IpAddr,
}

/// The caller's unit.
#[derive(Clone, Debug)]
pub struct UnitFacts {
    /// Its id.
    pub id: UnitId,
    /// It stands in the register and has not been withdrawn.
    pub registered: bool,
    /// The purposes of its duties.
    pub purposes: Vec<PurposeCode>,
    /// Its jurisdiction; empty means the whole zone.
    pub areas: Vec<Area>,
}

/// The camera asked for.
#[derive(Clone, Debug)]
pub struct Sight {
    /// Its id.
    pub id: CameraId,
    /// Where it stands, where the register says so.
    pub area: Option<Area>,
    /// The relay has its picture at this moment.
    pub online: bool,
    /// Copies of it can carry a mark.
    pub carries_marks: bool,
}

/// A grant that covers the camera.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The grant.
    pub grant: Arc<Grant>,
    /// Sessions that are open under it, the one that is being renewed not counted.
    pub open_sessions: u32,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Action {
    /// What is to be done.
    pub verb: Verb,
    /// Which presentation.
    pub profile: Profile,
    /// Purpose code as it was given; may be empty or no code at all.
    pub purpose: String,
    /// Reason as it was given; may be empty.
    pub reason: String,
    /// The stretch to be played back, beginning before its end.
    pub range: Option<(Wall, Wall)>,
}

impl Action {
    /// The purpose, where what was given has the form of a code.
    pub fn purpose_code(&self) -> Option<PurposeCode> {
        self.purpose.trim().parse().ok()
    }

    /// True where it takes a place on the network for a while.
    pub(super) const fn is_stream(&self) -> bool {
        matches!(self.verb, Verb::Live | Verb::Playback)
    }

    /// True where it is about the camera's picture of this moment.
    pub(super) const fn is_of_now(&self) -> bool {
        matches!(self.verb, Verb::Live) || matches!((self.verb, self.range), (Verb::Snapshot, None))
    }

    /// True where the grant names the verb, and a presentation as large as the one asked for.
    pub(super) fn is_within(&self, grant: &Grant) -> bool {
        let profile_fits = grant.terms().profile == Profile::Main || self.profile == Profile::Sub;
        grant.terms().verbs.contains(&self.verb) && profile_fits
    }
}

impl Facts<'_> {
    /// How long the grant's hours stay open from now on, at most to its end; none where they are closed.
    pub(super) fn open_until(&self, grant: &Grant) -> Option<Wall> {
        let end = grant.terms().valid_to.0;
        match &grant.terms().hours {
            None => Some(end),
            Some(hours) => hours.open_until(self.zone, self.now).map(|close| close.min(end)),
        }
    }
}
