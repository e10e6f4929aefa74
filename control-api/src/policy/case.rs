//! One case: what is known and what is asked, under one of the grants that cover the camera, as yes-or-no facts. What a fact means
//! is said here and nowhere else.

use std::time::Duration;

use media::id::Profile;

use super::fact::{Fact, FactSet};
use super::facts::{Action, Caller, Candidate, Facts, Sight};
use super::values::Values;
use crate::grants::{Grant, GrantState, Verb};
use crate::registers::Area;
use crate::registers::purpose::PublicSecurity;

/// All facts, and one grant of those that cover the camera.
pub(super) struct Case<'a> {
    pub(super) facts: &'a Facts<'a>,
    pub(super) action: &'a Action,
    pub(super) candidate: Option<&'a Candidate>,
}

impl Case<'_> {
    /// What holds in this case.
    pub(super) fn holds(&self) -> FactSet {
        let set = self.about_grant(self.about_caller(self.about_appliance(FactSet::default())));
        self.about_wish(self.about_camera(set))
    }

    fn about_appliance(&self, set: FactSet) -> FactSet {
        let facts = self.facts;
        set.with(Fact::AuditAvailable, facts.audit_available)
            .with(Fact::ClockTrusted, facts.clock_trusted)
            .with(Fact::InNetworkZone, facts.standing.in_network_zone)
            .with(Fact::TerminalRegistered, facts.standing.terminal_registered)
            .with(Fact::Room, !facts.overloaded)
    }

    fn about_caller(&self, set: FactSet) -> FactSet {
        let Some(caller) = &self.facts.caller else { return set };
        let standing = &self.facts.standing;
        set.with(Fact::SignedIn, true)
            .with(Fact::SecondFactor, caller.strong)
            .with(Fact::Unlocked, !caller.locked)
            .with(Fact::Awake, caller.awake)
            .with(Fact::PasswordFresh, caller.password_fresh)
            .with(Fact::Enabled, !caller.disabled)
            .with(Fact::Approved, caller.approved)
            .with(Fact::UnitRegistered, caller.unit.registered)
            .with(Fact::UnitInUse, standing.unit_in_use)
            .with(Fact::PrincipalNamed, standing.principal_named)
            .with(Fact::StatementSigned, standing.statement_signed)
            .with(Fact::StaffStatementSigned, standing.staff_statement_signed)
            .with(Fact::Trained, standing.trained)
            .with(Fact::MayView, caller.roles.iter().any(|role| role.may_view()))
            .with(Fact::PlaceForUser, caller.places_max.is_none_or(|max| caller.open_sessions < max))
            .with(Fact::Unsuspicious, standing.unsuspicious)
    }

    fn about_grant(&self, set: FactSet) -> FactSet {
        // Where no grant names terminals none is wrong.
        let set = set.with(Fact::TerminalFits, true);
        let Some(candidate) = self.candidate else { return set };
        let (grant, now) = (&candidate.grant, self.facts.now);
        let (terms, state) = (grant.terms(), grant.state());
        set.with(Fact::TerminalFits, self.terminal_fits(grant))
            .with(Fact::Granted, true)
            .with(Fact::GrantBegun, terms.valid_from.0 <= now)
            .with(Fact::GrantUnexpired, now < terms.valid_to.0 && state != GrantState::Expired)
            .with(Fact::GrantUnrevoked, state != GrantState::Revoked)
            .with(Fact::GrantUnsuspended, state != GrantState::Suspended)
            .with(Fact::VerbGranted, self.action.is_within(grant))
            .with(Fact::PurposeInDuties, self.purpose_in_duties(grant))
            .with(Fact::Cleared, self.facts.camera.as_ref().is_some_and(|seen| seen.level <= terms.security_level))
            .with(Fact::WithinHours, self.facts.open_until(grant).is_some())
            .with(Fact::OnDuty, !terms.on_duty || self.facts.standing.on_duty_until.is_some())
            .with(Fact::WithinDepth, self.within_depth(terms.playback_depth_s))
            .with(Fact::PlaceUnderGrant, terms.max_concurrent.is_none_or(|max| candidate.open_sessions < max))
    }

    fn about_camera(&self, set: FactSet) -> FactSet {
        let (Some(camera), Some(caller)) = (&self.facts.camera, &self.facts.caller) else { return set };
        set.with(Fact::CameraKnown, lies_within(camera, &caller.unit.areas))
            .with(Fact::InJurisdiction, lies_within(camera, &caller.unit.duty_areas))
            .with(Fact::RecordingKept, camera.recording_kept)
            .with(Fact::CarriesMark, camera.carries_marks)
            .with(Fact::CameraOnline, camera.online)
    }

    fn about_wish(&self, set: FactSet) -> FactSet {
        let (action, facts) = (self.action, self.facts);
        let emergency = self.candidate.and_then(|candidate| candidate.grant.emergency());
        set.with(Fact::PurposeGiven, !action.purpose.trim().is_empty())
            .with(Fact::ReasonGiven, !action.reason.trim().is_empty())
            .with(Fact::PurposeInForce, facts.purpose.is_none_or(|purpose| purpose.in_force))
            .with(Fact::ProfileFitsPurpose, self.profile_fits_purpose())
            .with(Fact::Ordinary, emergency.is_none())
            .with(Fact::WithinEmergency, action.emergency.is_none() || action.emergency.as_deref() == emergency)
            .with(Fact::EmergenciesReviewed, emergency.is_none() || facts.standing.emergencies_reviewed)
            .with(Fact::SecondPerson, facts.handling.second_person)
            .with(Fact::ReleaseApproved, facts.handling.release_approved)
            .with(Fact::Redacted, facts.handling.redacted)
            .with(Fact::OfNow, action.is_of_now())
    }

    fn terminal_fits(&self, grant: &Grant) -> bool {
        let Some(caller) = &self.facts.caller else { return true };
        grant.terms().terminals.is_empty() || grant.terms().terminals.contains(&caller.terminal)
    }

    fn purpose_in_duties(&self, grant: &Grant) -> bool {
        let (Some(code), Some(caller)) = (self.action.purpose_code(), &self.facts.caller) else { return false };
        caller.unit.purposes.contains(&code) && grant.terms().purposes.contains(&code)
    }

    /// Where the site holds what does not serve public security to the sub-stream, that goes for purposes it does not know, too;
    /// a purpose that does in part has been settled by whoever gave it to the unit.
    fn profile_fits_purpose(&self) -> bool {
        let serves = self.facts.purpose.is_some_and(|purpose| purpose.ps != PublicSecurity::N);
        !self.facts.non_security_sub_stream || serves || self.action.profile == Profile::Sub
    }

    fn within_depth(&self, depth_s: Option<u64>) -> bool {
        match (self.action.range, depth_s) {
            (Some((from, _)), Some(depth_s)) => from >= self.facts.now - Duration::from_secs(depth_s),
            _ => true,
        }
    }
}

/// What a site's own policies may look at. The same for each grant.
pub(super) fn values(facts: &Facts<'_>, action: &Action) -> Values {
    let seconds = |length: Duration| i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
    let camera = facts.camera.as_ref();
    let local =
        jiff::Timestamp::from_microsecond(facts.now.micros()).ok().map(|t| t.to_zoned_datetime(facts.zone.clone()));
    let roles = |caller: &Caller| caller.roles.iter().map(|role| role.text().to_owned()).collect();
    Values {
        unit: facts.caller.as_ref().map(|caller| caller.unit.id.to_string()).unwrap_or_default(),
        roles: facts.caller.as_ref().map(roles).unwrap_or_default(),
        purpose: action.purpose_code().map(|code| code.to_string()).unwrap_or_default(),
        public_security: facts.purpose.map(|purpose| format!("{:?}", purpose.ps)).unwrap_or_default(),
        profile: if action.profile == Profile::Sub { "sub" } else { "main" }.into(),
        area: camera.and_then(|seen| seen.area.as_ref()).map(|area| area.as_str().to_owned()).unwrap_or_default(),
        level: camera.map_or(0, |seen| i64::from(seen.level)),
        hour: local.as_ref().map_or(0, |local| i64::from(local.hour())),
        weekday: local.as_ref().map_or(0, |local| i64::from(local.weekday().to_monday_one_offset())),
        seconds_back: action.range.map_or(0, |(from, _)| seconds(facts.now.since(from))),
        seconds_long: action.range.map_or(0, |(from, to)| seconds(to.since(from))),
    }
}

/// No area at all means everywhere.
fn lies_within(camera: &Sight, areas: &[Area]) -> bool {
    areas.is_empty() || camera.area.as_ref().is_some_and(|place| areas.iter().any(|area| area.covers(place)))
}

impl Action {
    /// True where it is about the camera's picture of this moment.
    const fn is_of_now(&self) -> bool {
        matches!(self.verb, Verb::Live) || matches!((self.verb, self.range), (Verb::Snapshot, None))
    }

    /// True where the grant names the verb, and a presentation as large as the one asked for.
    fn is_within(&self, grant: &Grant) -> bool {
        let profile_fits = grant.terms().profile == Profile::Main || self.profile == Profile::Sub;
        grant.terms().verbs.contains(&self.verb) && profile_fits
    }
}
