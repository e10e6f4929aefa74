//! 处置预案: what a unit does when it sees something (J-5): written by the unit, adopted by its principal.

use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::register::inbox::Waiter;
use crate::register::{Column, Filing, Move, Reading, Record, Register, Who, text};
use crate::registers::Role;
use crate::registers::field::{line, prose};

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DisposalPlan {
    /// Its title.
    #[schema(min_length = 1, max_length = 120)]
    pub title: String,
    /// What it is for: the kind of event.
    #[schema(min_length = 1, max_length = 120)]
    pub event: String,
    /// What is done, by whom.
    #[schema(min_length = 1, max_length = 2000)]
    pub text: String,
}

crate::register::states! {
    /// Where a plan stands.
    PlanState {
        /// Being written.
        Draft = "draft",
        /// Adopted by the unit's principal.
        InForce = "in_force",
        /// It counts no more.
        Retired = "retired",
    }
}

impl Register for DisposalPlan {
    const NAME: &'static str = "disposal-plans";
    const ABOUT: &'static str = "The units' handling plans.";
    const ARTICLES: &'static [&'static str] = &["J-5"];
    type State = PlanState;
    const FIRST: PlanState = PlanState::Draft;
    const FILING: Who = Who::own(&[Role::UnitAdmin]);
    const READING: Reading = Reading {
        all: &[Role::BureauApprover, Role::AuditAdmin],
        own: &[Role::UnitPrincipal, Role::UnitAdmin, Role::Operator, Role::IncidentCommander],
        subject: false,
    };
    const MOVES: &'static [Move<PlanState>] = &[
        Move {
            step: "adopt",
            from: &[PlanState::Draft],
            to: PlanState::InForce,
            who: Who::own(&[Role::UnitPrincipal]),
            needs_reason: false,
        },
        Move {
            step: "retire",
            from: &[PlanState::Draft, PlanState::InForce],
            to: PlanState::Retired,
            who: Who::own(&[Role::UnitPrincipal]),
            needs_reason: true,
        },
    ];
    const CORRECTED_IN: &'static [PlanState] = &[PlanState::Draft];
    const COLUMNS: &'static [Column] = &[text("title"), text("event"), text("text")];

    fn checked(self, _: &Filing<'_>) -> Result<Self, ApiError> {
        Ok(Self { title: line("title", &self.title)?, event: line("event", &self.event)?, text: prose("text", &self.text)? })
    }

    fn waits_for(record: &Record<Self>) -> Vec<Waiter> {
        let head = Waiter::Unit(Role::UnitPrincipal, record.unit.clone());
        record.is_in(&[PlanState::Draft]).then_some(head).into_iter().collect()
    }
}
