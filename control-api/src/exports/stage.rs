//! The way of an export, as a table: which step leads from which stages to which, and by whose hand. A new step is a line. Who
//! takes the steps of judgement are different persons, whatever roles they hold.

use serde::{Deserialize, Serialize};

use crate::registers::unit::BUREAU;
use crate::registers::{Role, Roles, UnitId, UserId};

/// Where an export stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ExportStage)]
pub enum Stage {
    /// Asked for.
    Draft,
    /// Carries the opinion of the unit's principal.
    Endorsed,
    /// Approved by the Bureau.
    Approved,
    /// Released by a second person; waits to be rendered.
    Released,
    /// Being rendered.
    Rendering,
    /// The package can be collected.
    Ready,
    /// The package was collected at least once.
    Collected,
    /// Over; the package is deleted.
    Closed,
    /// Refused; the reason is in the history.
    Refused,
    /// Taken back by its unit.
    Withdrawn,
    /// It could not be rendered; the reason is in the history. It can be released once more.
    Failed,
}

/// What can be done to an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ExportStep)]
pub enum Step {
    /// The unit's principal puts their name to it.
    Endorse,
    /// The Bureau approves it.
    Approve,
    /// Whoever has to decide refuses it, with a reason.
    Refuse,
    /// A second person releases it.
    Release,
    /// The unit takes it back.
    Withdraw,
    /// The appliance renders it; again after a restart.
    Render,
    /// The package is whole.
    Finish,
    /// It cannot be rendered.
    Fail,
    /// The package was handed out.
    Collect,
    /// It is over.
    Close,
}

/// Whose step it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    /// The principal of the unit that asks.
    Principal,
    /// The Bureau's approver, of another unit.
    Bureau,
    /// An export officer of the unit or of the Bureau.
    Officer,
    /// The requester, or the unit's principal.
    Unit,
    /// The requester, or an export officer of the unit or of the Bureau.
    Collector,
    /// The appliance.
    Appliance,
}

/// A line of the table.
struct Way {
    step: Step,
    from: &'static [Stage],
    to: Stage,
    hand: Hand,
}

use Stage::{Approved, Closed, Collected, Draft, Endorsed, Failed, Ready, Refused, Released, Rendering, Withdrawn};

/// All ways there are.
#[rustfmt::skip]
const WAYS: [Way; 12] = [
    Way { step: Step::Endorse, from: &[Draft], to: Endorsed, hand: Hand::Principal },
    Way { step: Step::Approve, from: &[Endorsed], to: Approved, hand: Hand::Bureau },
    Way { step: Step::Release, from: &[Approved, Failed], to: Released, hand: Hand::Officer },
    Way { step: Step::Refuse, from: &[Draft], to: Refused, hand: Hand::Principal },
    Way { step: Step::Refuse, from: &[Endorsed], to: Refused, hand: Hand::Bureau },
    Way { step: Step::Refuse, from: &[Approved], to: Refused, hand: Hand::Officer },
    Way { step: Step::Withdraw, from: &[Draft, Endorsed, Approved, Released, Failed], to: Withdrawn, hand: Hand::Unit },
    Way { step: Step::Render, from: &[Released, Rendering], to: Rendering, hand: Hand::Appliance },
    Way { step: Step::Finish, from: &[Rendering], to: Ready, hand: Hand::Appliance },
    Way { step: Step::Fail, from: &[Rendering], to: Failed, hand: Hand::Appliance },
    Way { step: Step::Collect, from: &[Ready, Collected], to: Collected, hand: Hand::Collector },
    Way { step: Step::Close, from: &[Ready, Collected, Failed], to: Closed, hand: Hand::Collector },
];

impl Stage {
    /// The stage that `step` leads to; none where it is not allowed from here.
    pub fn after(self, step: Step) -> Option<Self> {
        self.way(step).map(|way| way.to)
    }

    fn way(self, step: Step) -> Option<&'static Way> {
        WAYS.iter().find(|way| way.step == step && way.from.contains(&self))
    }

    /// True where nothing can follow.
    pub fn is_final(self) -> bool {
        !WAYS.iter().any(|way| way.from.contains(&self))
    }
}

impl Step {
    /// All steps.
    pub const ALL: [Self; 10] = [
        Self::Endorse,
        Self::Approve,
        Self::Refuse,
        Self::Release,
        Self::Withdraw,
        Self::Render,
        Self::Finish,
        Self::Fail,
        Self::Collect,
        Self::Close,
    ];

    /// True where the step is worth nothing without its reason.
    pub const fn needs_reason(self) -> bool {
        matches!(self, Self::Refuse)
    }

    /// The step's word in paths and on the ledger.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Endorse => "endorse",
            Self::Approve => "approve",
            Self::Refuse => "refuse",
            Self::Release => "release",
            Self::Withdraw => "withdraw",
            Self::Render => "render",
            Self::Finish => "finish",
            Self::Fail => "fail",
            Self::Collect => "collect",
            Self::Close => "close",
        }
    }

    /// True where it is a judgement on what others have done.
    const fn judges(self) -> bool {
        matches!(self, Self::Endorse | Self::Approve | Self::Refuse | Self::Release)
    }
}

/// Who wants to act.
#[derive(Clone, Copy, Debug)]
pub struct Actor<'a> {
    /// The person.
    pub user: &'a UserId,
    /// Their unit.
    pub unit: &'a UnitId,
    /// Their roles.
    pub roles: &'a Roles,
}

/// Whose export it is, and who has judged it.
#[derive(Clone, Copy, Debug)]
pub struct Trail<'a> {
    /// Where it stands.
    pub stage: Stage,
    /// The unit that asks.
    pub unit: &'a UnitId,
    /// Who asked.
    pub requester: &'a UserId,
    /// Who endorsed it.
    pub endorser: Option<&'a UserId>,
    /// Who approved it.
    pub approver: Option<&'a UserId>,
}

/// Why somebody may not take a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Barred {
    /// The step does not fit the stage.
    #[error("the export does not stand where this step begins")]
    Stage,
    /// No role for it, or the role in another unit.
    #[error("this step is for {0}")]
    Role(&'static str),
    /// The same person has acted on it before.
    #[error("requester, endorser, approver and releaser are four persons")]
    SamePerson,
}

/// Whether `actor` may take `step` on the export of `trail`.
pub fn allows(step: Step, actor: Actor<'_>, trail: Trail<'_>) -> Result<(), Barred> {
    // Where it stands somewhere else, the role is asked all the same: who may not act learns nothing of the stage.
    let here = trail.stage.way(step);
    let hands = WAYS.iter().filter(|way| way.step == step && here.is_none_or(|here| here.hand == way.hand));
    let mut barred = Barred::Stage;
    let mut fits = false;
    for hand in hands.map(|way| way.hand) {
        match holds(hand, actor, trail) {
            Ok(()) => fits = true,
            Err(why) => barred = why,
        }
    }
    if !fits {
        return Err(barred);
    }
    let earlier = [Some(trail.requester), trail.endorser, trail.approver];
    if step.judges() && earlier.contains(&Some(actor.user)) {
        return Err(Barred::SamePerson);
    }
    if here.is_none() { Err(Barred::Stage) } else { Ok(()) }
}

fn holds(hand: Hand, actor: Actor<'_>, trail: Trail<'_>) -> Result<(), Barred> {
    let own = actor.unit == trail.unit;
    let requester = actor.user == trail.requester;
    let principal = own && actor.roles.has(Role::UnitPrincipal);
    let officer = actor.roles.has(Role::ExportOfficer) && (own || actor.unit.as_str() == BUREAU);
    let (may, who) = match hand {
        Hand::Principal => (principal, "the unit_principal of the unit that asks"),
        Hand::Bureau => (!own && actor.roles.has(Role::BureauApprover), "a bureau_approver of another unit"),
        Hand::Officer => (officer, "an export_officer of the unit or of the Bureau"),
        Hand::Unit => (requester || principal, "the requester, or the unit's unit_principal"),
        Hand::Collector => (requester || officer, "the requester, or an export_officer of the unit or of the Bureau"),
        Hand::Appliance => (false, "the appliance itself"),
    };
    if may { Ok(()) } else { Err(Barred::Role(who)) }
}

/// Whether `actor` may see an export: the requester, the unit's head and officers, those who decide and those who audit.
pub fn may_read(actor: Actor<'_>, unit: &UnitId, requester: &UserId) -> bool {
    let overseers = [Role::BureauApprover, Role::AuditAdmin];
    let hands = [Role::UnitPrincipal, Role::ExportOfficer, Role::UnitAdmin];
    let officer = actor.roles.has(Role::ExportOfficer) && actor.unit.as_str() == BUREAU;
    actor.user == requester
        || officer
        || actor.roles.has_any(&overseers)
        || (actor.unit == unit && actor.roles.has_any(&hands))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_straight_way_leads_to_closed_and_no_step_of_it_can_be_left_out() {
        let way = [Step::Endorse, Step::Approve, Step::Release, Step::Render, Step::Finish, Step::Collect, Step::Close];
        assert_eq!(way.into_iter().try_fold(Draft, Stage::after), Some(Closed));
        for missing in 0..5 {
            let short = way.iter().enumerate().filter(|(i, _)| *i != missing).map(|(_, step)| *step);
            assert_eq!(short.into_iter().try_fold(Draft, Stage::after), None, "without {:?}", way[missing]);
        }
        for last in [Closed, Refused, Withdrawn] {
            assert!(last.is_final());
        }
        assert_eq!(Rendering.after(Step::Render), Some(Rendering), "a restart renders again");
    }

    /// Every role alone, of the unit, of the Bureau and of a third, against every step at the stage where it begins.
    #[test]
    fn each_step_is_for_its_role_in_its_unit() {
        let units: [UnitId; 3] = ["gaj", BUREAU, "jtj"].map(|unit| unit.parse().unwrap());
        let (person, requester): (UserId, UserId) = ("me".parse().unwrap(), "req".parse().unwrap());
        for way in &WAYS {
            for role in Role::ALL {
                let roles = Roles::try_from(vec![role]).unwrap();
                for (place, unit) in units.iter().enumerate() {
                    let actor = Actor { user: &person, unit, roles: &roles };
                    let trail = Trail {
                        stage: way.from[0],
                        unit: &units[0],
                        requester: &requester,
                        endorser: None,
                        approver: None,
                    };
                    let expected = match way.hand {
                        Hand::Principal | Hand::Unit => role == Role::UnitPrincipal && place == 0,
                        Hand::Bureau => role == Role::BureauApprover && place != 0,
                        Hand::Officer | Hand::Collector => role == Role::ExportOfficer && place != 2,
                        Hand::Appliance => false,
                    };
                    let allowed = allows(way.step, actor, trail);
                    assert_eq!(allowed.is_ok(), expected, "{role:?} of {unit} {:?} {:?}", way.step, way.from);
                }
            }
        }
    }

    #[test]
    fn whoever_has_acted_judges_nothing_more() {
        let (unit, bureau): (UnitId, UnitId) = ("gaj".parse().unwrap(), BUREAU.parse().unwrap());
        let person: UserId = "me".parse().unwrap();
        let other: UserId = "other".parse().unwrap();
        let roles = |role| Roles::try_from(vec![role]).unwrap();
        let head = roles(Role::UnitPrincipal);
        let officer = roles(Role::ExportOfficer);
        let approver = roles(Role::BureauApprover);
        let at = |stage, requester, endorser, approver| Trail { stage, unit: &unit, requester, endorser, approver };
        let hand = |unit, roles| Actor { user: &person, unit, roles };
        let cases = [
            (Step::Endorse, hand(&unit, &head), at(Draft, &person, None, None)),
            (Step::Approve, hand(&bureau, &approver), at(Endorsed, &person, Some(&other), None)),
            (Step::Approve, hand(&bureau, &approver), at(Endorsed, &other, Some(&person), None)),
            (Step::Release, hand(&unit, &officer), at(Approved, &person, Some(&other), Some(&other))),
            (Step::Release, hand(&unit, &officer), at(Approved, &other, Some(&person), Some(&other))),
            (Step::Release, hand(&unit, &officer), at(Approved, &other, Some(&other), Some(&person))),
            (Step::Release, hand(&unit, &officer), at(Failed, &person, Some(&other), Some(&other))),
        ];
        for (step, actor, trail) in cases {
            assert_eq!(allows(step, actor, trail), Err(Barred::SamePerson), "{step:?} {trail:?}");
        }
    }

    #[test]
    fn a_step_out_of_turn_is_told_only_to_who_may_take_it() {
        let unit: UnitId = "gaj".parse().unwrap();
        let (person, requester): (UserId, UserId) = ("me".parse().unwrap(), "req".parse().unwrap());
        let trail = Trail { stage: Draft, unit: &unit, requester: &requester, endorser: None, approver: None };
        let step = |role| {
            let roles = Roles::try_from(vec![role]).unwrap();
            allows(Step::Release, Actor { user: &person, unit: &unit, roles: &roles }, trail)
        };
        assert_eq!(step(Role::ExportOfficer), Err(Barred::Stage));
        assert!(matches!(step(Role::Operator), Err(Barred::Role(_))));
    }
}
