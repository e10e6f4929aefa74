//! Who may take which step of an application: requester, endorser and approver are three persons, and nobody decides what
//! their own unit asks for. Which step fits which stage is in `stage`.

use super::stage::Step;
use crate::registers::{Role, Roles, UnitId, UserId};

/// Who wants to act.
#[derive(Clone, Copy, Debug)]
pub struct Hand<'a> {
    /// The person.
    pub user: &'a UserId,
    /// Their unit.
    pub unit: &'a UnitId,
    /// Their roles.
    pub roles: &'a Roles,
}

/// Whose application it is, and who has acted on it.
#[derive(Clone, Copy, Debug)]
pub struct Trail<'a> {
    /// The unit that applies.
    pub unit: &'a UnitId,
    /// Who filed it.
    pub requester: &'a UserId,
    /// Who endorsed it.
    pub endorser: Option<&'a UserId>,
}

/// Why somebody may not take a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Barred {
    /// No role for it.
    #[error("this step needs the role {0}")]
    Role(&'static str),
    /// Another unit's application.
    #[error("the application is another unit's")]
    OtherUnit,
    /// The approver's own unit.
    #[error("nobody decides an application of their own unit")]
    OwnUnit,
    /// The same person has acted on it before.
    #[error("requester, endorser and approver are three persons")]
    SamePerson,
}

/// Roles that may file and hand in.
pub const FILING: [Role; 1] = [Role::UnitAdmin];

/// Whether `hand` may take `step` on the application of `trail`.
pub fn allows(step: Step, hand: Hand<'_>, trail: Trail<'_>) -> Result<(), Barred> {
    match step {
        Step::Endorse => {
            own_unit(hand, trail, &[Role::UnitPrincipal])?;
            other_person(hand, Some(trail.requester))
        }
        Step::Submit | Step::Revise => own_unit(hand, trail, &FILING),
        Step::Withdraw => own_unit(hand, trail, &[Role::UnitAdmin, Role::UnitPrincipal]),
        Step::Accept | Step::Return | Step::Approve | Step::Refuse => bureau(hand, trail),
        Step::Grant | Step::Expire => Err(Barred::Role("none: the appliance takes it")),
    }
}

fn own_unit(hand: Hand<'_>, trail: Trail<'_>, roles: &[Role]) -> Result<(), Barred> {
    if !hand.roles.has_any(roles) {
        return Err(Barred::Role(roles.first().map_or("", |role| role.text())));
    }
    if hand.unit == trail.unit { Ok(()) } else { Err(Barred::OtherUnit) }
}

fn bureau(hand: Hand<'_>, trail: Trail<'_>) -> Result<(), Barred> {
    if !hand.roles.has(Role::BureauApprover) {
        return Err(Barred::Role(Role::BureauApprover.text()));
    }
    if hand.unit == trail.unit {
        return Err(Barred::OwnUnit);
    }
    other_person(hand, Some(trail.requester))?;
    other_person(hand, trail.endorser)
}

fn other_person(hand: Hand<'_>, earlier: Option<&UserId>) -> Result<(), Barred> {
    if earlier == Some(hand.user) { Err(Barred::SamePerson) } else { Ok(()) }
}

/// Whether `hand` may read an application of `unit`: the unit's own people, those who decide and those who audit.
pub fn may_read(hand: Hand<'_>, unit: &UnitId) -> bool {
    let overseers = [Role::BureauApprover, Role::AuditAdmin, Role::SecurityAdmin];
    hand.roles.has_any(&overseers) || (hand.unit == unit && hand.roles.has_any(&[Role::UnitAdmin, Role::UnitPrincipal]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every role alone, of the same unit and of another, against every step that a person takes.
    #[test]
    fn separation_of_duty_holds_over_the_whole_matrix() {
        let (own, other): (UnitId, UnitId) = ("u1".parse().unwrap(), "zwj".parse().unwrap());
        let (person, requester): (UserId, UserId) = ("me".parse().unwrap(), "req".parse().unwrap());
        let trail = Trail { unit: &own, requester: &requester, endorser: None };
        for role in Role::ALL {
            let roles = Roles::try_from(vec![role]).unwrap();
            for unit in [&own, &other] {
                let hand = Hand { user: &person, unit, roles: &roles };
                for step in Step::ALL {
                    let expected = match step {
                        Step::Endorse => role == Role::UnitPrincipal && unit == &own,
                        Step::Submit | Step::Revise => role == Role::UnitAdmin && unit == &own,
                        Step::Withdraw => matches!(role, Role::UnitAdmin | Role::UnitPrincipal) && unit == &own,
                        Step::Accept | Step::Return | Step::Approve | Step::Refuse => {
                            role == Role::BureauApprover && unit == &other
                        }
                        Step::Grant | Step::Expire => false,
                    };
                    assert_eq!(allows(step, hand, trail).is_ok(), expected, "{role:?} of {unit} {step:?}");
                }
            }
        }
    }

    #[test]
    fn nobody_acts_twice_on_one_application() {
        let (own, other): (UnitId, UnitId) = ("u1".parse().unwrap(), "zwj".parse().unwrap());
        let me: UserId = "me".parse().unwrap();
        let someone: UserId = "req".parse().unwrap();
        let principal = Roles::try_from(vec![Role::UnitPrincipal]).unwrap();
        let approver = Roles::try_from(vec![Role::BureauApprover]).unwrap();
        let mine = Trail { unit: &own, requester: &me, endorser: None };
        let hand = Hand { user: &me, unit: &own, roles: &principal };
        assert_eq!(allows(Step::Endorse, hand, mine), Err(Barred::SamePerson));
        let hand = Hand { user: &me, unit: &other, roles: &approver };
        assert_eq!(allows(Step::Approve, hand, mine), Err(Barred::SamePerson));
        let endorsed = Trail { unit: &own, requester: &someone, endorser: Some(&me) };
        assert_eq!(allows(Step::Approve, hand, endorsed), Err(Barred::SamePerson));
    }
}
