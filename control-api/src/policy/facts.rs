//! What a decision is made from: who asks, for what, of which camera, under which grants, at what time.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::tz::TimeZone;
use media::id::{CameraId, Profile};
use media::wall::Wall;

use crate::books::site_purpose::PurposeStanding;
use crate::grants::{Grant, Verb};
use crate::registers::{Area, PurposeCode, Roles, UnitId, UserId};

/// All that is known at the time of the decision.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The time of the decision.
    pub now: Wall,
    /// The site's time zone, which daily hours are read in.
    pub zone: &'a TimeZone,
    /// The ledger can be written.
    pub audit_available: bool,
    /// The clock is synchronised and has not stepped back.
    pub clock_trusted: bool,
    /// Another session of this stream is more than network or core can bear.
    pub overloaded: bool,
    /// What does not serve public security is held to the sub-stream (PIPL-26).
    pub non_security_sub_stream: bool,
    /// What the registers say of caller, unit and terminal.
    pub standing: Standing,
    /// Who asks; none where nobody has signed in.
    pub caller: Option<Caller>,
    /// The camera asked for; none where the register has no such one.
    pub camera: Option<Sight>,
    /// The grants that cover the camera for this caller, in whatever state.
    pub grants: Vec<Candidate>,
    /// The purpose that is asked for, where anybody knows it.
    pub purpose: Option<PurposeStanding>,
    /// What has been done for an export.
    pub handling: Handling,
}

/// What the registers say of caller, unit and terminal. Nothing is in order by default: what is not known is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The address lies in a registered zone (J-27).
    pub in_network_zone: bool,
    /// The terminal is registered, or the site does not ask for that (J-27).
    pub terminal_registered: bool,
    /// The unit's use is not suspended (J-22).
    pub unit_in_use: bool,
    /// The unit has named its first responsible person (J-24(1)).
    pub principal_named: bool,
    /// The unit has signed the statement in force (J-22).
    pub statement_signed: bool,
    /// The person has signed the staff statement in force (J-24(2)).
    pub staff_statement_signed: bool,
    /// The person's training holds (J-9).
    pub trained: bool,
    /// Until when the person is on the duty roster; none where they are not on it at this hour (J-5).
    pub on_duty_until: Option<Wall>,
    /// Viewing is not suspended for unusual use (J-26).
    pub unsuspicious: bool,
    /// No emergency of the unit waits for its review past the time (J-8).
    pub emergencies_reviewed: bool,
}

impl Standing {
    /// All in order.
    pub const GOOD: Self = Self {
        in_network_zone: true,
        terminal_registered: true,
        unit_in_use: true,
        principal_named: true,
        statement_signed: true,
        staff_statement_signed: true,
        trained: true,
        on_duty_until: Some(Wall::from_micros(i64::MAX)),
        unsuspicious: true,
        emergencies_reviewed: true,
    };
}

/// What has been done for an export. In order where nothing is said, for whatever is no export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handling {
    /// The step is by another person than the steps before.
    pub second_person: bool,
    /// It is not for the media, or its release is approved.
    pub release_approved: bool,
    /// It is not for the media, or redacted.
    pub redacted: bool,
}

impl Default for Handling {
    fn default() -> Self {
        Self { second_person: true, release_approved: true, redacted: true }
    }
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The account.
    pub user: UserId,
    /// The sign-in is as strong as the account wants.
    pub strong: bool,
    /// The account is locked after failed logins.
    pub locked: bool,
    /// The sign-in is not idle.
    pub awake: bool,
    /// The password is their own and not too old.
    pub password_fresh: bool,
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
    /// Sessions that they have open, the one that is being renewed not counted.
    pub open_sessions: u32,
    /// Sessions that one person may have open; none means no limit.
    pub places_max: Option<u32>,
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
    /// Its jurisdiction, and with it what it may know of; empty means the whole zone.
    pub areas: Vec<Area>,
    /// The part of it that its duties are for; empty means all of it.
    pub duty_areas: Vec<Area>,
}

/// The camera asked for.
#[derive(Clone, Debug)]
pub struct Sight {
    /// Its id.
    pub id: CameraId,
    /// Where it stands, where the register says so.
    pub area: Option<Area>,
    /// Its security level, 1 to 3.
    pub level: u8,
    /// The stretch that is asked for has not been deleted as due.
    pub recording_kept: bool,
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
    /// The emergency that is claimed; the grant that came with it is the only one that counts then.
    pub emergency: Option<String>,
}

impl Action {
    /// The purpose, where what was given has the form of a code.
    pub fn purpose_code(&self) -> Option<PurposeCode> {
        self.purpose.trim().parse().ok()
    }
}

impl Facts<'_> {
    /// How long a permit under the grant would hold: its hours from now on, the shift where it is for those on duty, at most to its
    /// end. None where its hours are closed.
    pub(super) fn open_until(&self, grant: &Grant) -> Option<Wall> {
        let shift = self.standing.on_duty_until.filter(|_| grant.terms().on_duty);
        let end = grant.terms().valid_to.0;
        let end = shift.map_or(end, |shift| end.min(shift));
        match &grant.terms().hours {
            None => Some(end),
            Some(hours) => hours.open_until(self.zone, self.now).map(|close| close.min(end)),
        }
    }
}
