//! The decision: facts in, a permit or a denial out. One table of checks in the order of the rules, the first that fails
//! wins. Pure: the time is a fact like the others, nothing is looked up here and nothing is written down.

pub mod facts;
mod permit;

use crate::error::{ApiError, Code};
use crate::grants::{Grant, GrantId, GrantState, Verb};
use crate::registers::{PurposeCode, purpose};
pub use facts::{Action, Caller, Candidate, Facts, Sight, UnitFacts};
pub use permit::Permit;

/// Written into each decision, so that an old one can be replayed under the rules of its day (J-29).
pub const POLICY_VERSION: &str = "2026-11-1";

/// A refusal: the code, the articles that apply to this very case, and the grant that came closest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// Why.
    pub code: Code,
    /// What it rests on.
    pub articles: Vec<&'static str>,
    /// The grant that passed the most checks, where any covers the camera.
    pub grant: Option<GrantId>,
}

impl From<Denial> for ApiError {
    fn from(denial: Denial) -> Self {
        Self::new(denial.code).citing(denial.articles)
    }
}

/// What one check looks at: all facts, and one grant of those that cover the camera.
struct Case<'a> {
    facts: &'a Facts<'a>,
    action: &'a Action,
    candidate: Option<&'a Candidate>,
}

/// One row of the table.
struct Check {
    code: Code,
    /// The articles it carries out.
    basis: &'static [&'static str],
    /// True where the case does not pass.
    fails: fn(&Case<'_>) -> bool,
}

/// J-11 to J-21 as one: which of them applies depends on the purpose, and `Denial` then names that one.
const DUTIES: &[&str] =
    &["J-11", "J-12", "J-13", "J-14", "J-15", "J-16", "J-17", "J-18", "J-19", "J-20", "J-21", "J-23"];

/// The rules, in the order in which they are asked. Rules about the caller and the camera stand before the first that
/// asks for a grant, so that one pass over this table serves each grant alike.
#[rustfmt::skip]
const CHECKS: [Check; 27] = [
    Check { code: Code::AuditUnavailable, basis: &["J-24(3)", "MLPS3"], fails: |c| !c.facts.audit_available },
    Check { code: Code::TerminalMismatch, basis: &["J-27"], fails: |c| !c.terminal_fits() },
    Check { code: Code::AuthRequired, basis: &["MLPS3"], fails: |c| c.facts.caller.is_none() },
    Check { code: Code::AccountLocked, basis: &["MLPS3"], fails: |c| c.caller(|caller| caller.locked) },
    Check { code: Code::AccountDisabled, basis: &["J-7"], fails: |c| c.caller(|caller| caller.disabled) },
    Check { code: Code::UserNotApproved, basis: &["J-7"], fails: |c| c.caller(|caller| !caller.approved) },
    Check { code: Code::UnitNotRegistered, basis: &["J-2", "J-22"], fails: |c| c.caller(|caller| !caller.unit.registered) },
    Check { code: Code::RoleForbids, basis: &["MLPS3"], fails: |c| c.caller(|caller| !caller.roles.iter().any(|role| role.may_view())) },
    Check { code: Code::CameraUnknown, basis: &["J-4", "J-25"], fails: |c| !c.camera_in_scope() },
    Check { code: Code::NoGrant, basis: &["J-7"], fails: |c| c.candidate.is_none() },
    Check { code: Code::GrantNotYetValid, basis: &["J-7"], fails: |c| c.grant(|g| c.facts.now < g.terms().valid_from.0) },
    Check { code: Code::GrantExpired, basis: &["J-7"], fails: |c| c.grant(|g| g.terms().valid_to.0 <= c.facts.now || g.state() == GrantState::Expired) },
    Check { code: Code::GrantRevoked, basis: &["J-7"], fails: |c| c.grant(|g| g.state() == GrantState::Revoked) },
    Check { code: Code::GrantSuspended, basis: &["J-7"], fails: |c| c.grant(|g| g.state() == GrantState::Suspended) },
    Check { code: Code::ExportNotAuthorised, basis: &["J-7", "J-26"], fails: |c| c.action.verb == Verb::Export && c.grant(|g| !c.action.is_within(g)) },
    Check { code: Code::VerbNotGranted, basis: &["J-7", "J-26"], fails: |c| c.grant(|g| !c.action.is_within(g)) },
    Check { code: Code::PurposeRequired, basis: &["J-23", "J-24(3)", "O-16(3)"], fails: |c| c.action.purpose.trim().is_empty() },
    Check { code: Code::ReasonRequired, basis: &["J-23", "J-24(3)", "O-16(3)"], fails: |c| c.action.reason.trim().is_empty() },
    Check { code: Code::PurposeNotInDuties, basis: DUTIES, fails: |c| !c.purpose_in_duties() },
    Check { code: Code::PurposeExpired, basis: DUTIES, fails: |c| !c.purpose_in_force() },
    Check { code: Code::OutsideTimeWindow, basis: &["J-5"], fails: |c| c.grant(|g| c.facts.open_until(g).is_none()) },
    Check { code: Code::PlaybackDepth, basis: &["O-17", "PIPL-19"], fails: |c| c.grant(|g| !c.within_depth(g)) },
    Check { code: Code::WatermarkUnsupported, basis: &["J-26"], fails: |c| c.action.verb == Verb::Live && !c.facts.camera.as_ref().is_some_and(|seen| seen.carries_marks) },
    Check { code: Code::ConcurrencyLimit, basis: &["OPS"], fails: |c| c.action.is_stream() && c.is_crowded() },
    Check { code: Code::BandwidthLimit, basis: &["OPS"], fails: |c| c.action.is_stream() && c.facts.overloaded },
    Check { code: Code::CameraOffline, basis: &["J-6"], fails: |c| c.action.is_of_now() && !c.facts.camera.as_ref().is_some_and(|seen| seen.online) },
    // Nothing may pass on facts that contradict each other, whatever a later row does.
    Check { code: Code::NoGrant, basis: &["J-7"], fails: |c| c.facts.caller.is_none() || c.candidate.is_none() },
];

/// Decides. Among several grants the one that passes is taken (of those, the widest); where none passes, the refusal is
/// that of the grant that came furthest.
pub fn decide(facts: &Facts<'_>, action: &Action) -> Result<Permit, Denial> {
    let cases = candidates(facts).map(|candidate| Case { facts, action, candidate });
    let mut permits = Vec::new();
    let mut furthest: Option<(usize, &Check, Option<GrantId>)> = None;
    for case in cases {
        match CHECKS.iter().enumerate().find(|(_, check)| (check.fails)(&case)) {
            None => permits.extend(permit::of_passed(&case)),
            Some((place, check)) if furthest.as_ref().is_none_or(|(best, ..)| place > *best) => {
                furthest = Some((place, check, case.candidate.map(|c| c.grant.id().clone())));
            }
            Some(_) => {}
        }
    }
    if let Some(permit) = permits.into_iter().max_by(Permit::width) {
        return Ok(permit);
    }
    Err(match furthest {
        Some((_, check, grant)) => Denial { code: check.code, articles: articles(check, action), grant },
        None => Denial { code: Code::NoGrant, articles: Code::NoGrant.articles().to_vec(), grant: None },
    })
}

/// Each grant that covers the camera; one empty place where there is none, so that the other checks are still asked.
fn candidates<'a>(facts: &'a Facts<'_>) -> impl Iterator<Item = Option<&'a Candidate>> {
    let none = facts.grants.is_empty().then_some(None);
    facts.grants.iter().map(Some).chain(none)
}

/// A refused purpose cites the article that gave it to its department; one that no article gives, J-21.
fn articles(check: &Check, action: &Action) -> Vec<&'static str> {
    if !matches!(check.code, Code::PurposeNotInDuties | Code::PurposeExpired) {
        return check.basis.to_vec();
    }
    let known = action.purpose_code().and_then(|code| purpose::find(&code));
    vec![known.map_or("J-21", |purpose| purpose.article), "J-23"]
}

impl Case<'_> {
    fn caller(&self, test: impl Fn(&Caller) -> bool) -> bool {
        self.facts.caller.as_ref().is_some_and(test)
    }

    fn grant(&self, test: impl Fn(&Grant) -> bool) -> bool {
        self.candidate.is_some_and(|candidate| test(&candidate.grant))
    }

    fn terminal_fits(&self) -> bool {
        let Some(caller) = &self.facts.caller else { return true };
        !self.grant(|g| !g.terms().terminals.is_empty() && !g.terms().terminals.contains(&caller.terminal))
    }

    /// Known, and where the unit's jurisdiction says so. Unknown and out of scope answer alike.
    fn camera_in_scope(&self) -> bool {
        let (Some(camera), Some(caller)) = (&self.facts.camera, &self.facts.caller) else { return false };
        let areas = &caller.unit.areas;
        areas.is_empty() || camera.area.as_ref().is_some_and(|place| areas.iter().any(|area| area.covers(place)))
    }

    fn purpose_in_duties(&self) -> bool {
        let Some(code) = self.action.purpose_code() else { return false };
        let in_duties = self.caller(|caller| caller.unit.purposes.contains(&code));
        in_duties && !self.grant(|g| !g.terms().purposes.contains(&code))
    }

    fn purpose_in_force(&self) -> bool {
        let known = self.action.purpose_code().and_then(|code: PurposeCode| purpose::find(&code));
        known.is_none_or(|purpose| purpose.is_in_force(self.facts.now))
    }

    fn within_depth(&self, grant: &Grant) -> bool {
        match (self.action.range, grant.terms().playback_depth_s) {
            (Some((from, _)), Some(depth_s)) => from >= self.facts.now - std::time::Duration::from_secs(depth_s),
            _ => true,
        }
    }

    fn is_crowded(&self) -> bool {
        let Some(candidate) = self.candidate else { return false };
        candidate.grant.terms().max_concurrent.is_some_and(|max| candidate.open_sessions >= max)
    }
}

#[cfg(test)]
mod tests;
