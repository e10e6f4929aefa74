//! 异常停用: an account whose viewing is suspended for unusual use until it has been reviewed (J-26). The appliance files it, or the
//! Bureau.

use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::register::inbox::Waiter;
use crate::register::{Column, Filing, Move, Reading, Record, Register, Touch, Who, rows, text};
use crate::registers::field::{line, prose};
use crate::registers::{Role, UserId};
use crate::store::{Store, StoreError};

/// A suspension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Suspension {
    /// Whose viewing.
    pub user: UserId,
    /// Which rule of unusual use, or `manual`.
    #[schema(min_length = 1, max_length = 120)]
    pub rule: String,
    /// What was counted, and against which bound.
    #[schema(min_length = 1, max_length = 2000)]
    pub evidence: String,
}

crate::register::states! {
    /// Where a suspension stands.
    SuspensionState {
        /// In force; the review is to come.
        Suspended = "suspended",
        /// Reviewed: the use was in order.
        Lifted = "lifted",
        /// Reviewed: it was not. It stays in force until it is lifted.
        Upheld = "upheld",
    }
}

use SuspensionState::{Lifted, Suspended, Upheld};

impl Register for Suspension {
    const NAME: &'static str = "suspensions";
    const ABOUT: &'static str = "Accounts whose viewing is suspended for unusual use.";
    const ARTICLES: &'static [&'static str] = &["J-26"];
    type State = SuspensionState;
    const FIRST: SuspensionState = Suspended;
    const FILING: Who = Who::any(&[Role::BureauApprover, Role::SecurityAdmin]);
    const READING: Reading = Reading {
        all: &[Role::BureauApprover, Role::SecurityAdmin, Role::AuditAdmin],
        own: &[Role::UnitPrincipal, Role::UnitAdmin],
        subject: true,
    };
    const MOVES: &'static [Move<SuspensionState>] = &[
        Move {
            step: "lift",
            from: &[Suspended, Upheld],
            to: Lifted,
            who: Who::any(&[Role::BureauApprover]).apart(),
            needs_reason: true,
        },
        Move {
            step: "uphold",
            from: &[Suspended],
            to: Upheld,
            who: Who::any(&[Role::BureauApprover]).apart(),
            needs_reason: true,
        },
    ];
    const COLUMNS: &'static [Column] = &[text("user"), text("rule"), text("evidence")];

    fn checked(self, _: &Filing<'_>) -> Result<Self, ApiError> {
        Ok(Self { rule: line("rule", &self.rule)?, evidence: prose("evidence", &self.evidence)?, ..self })
    }

    fn subject(&self) -> Option<&UserId> {
        Some(&self.user)
    }

    fn keys(record: &Record<Self>) -> Vec<String> {
        let key = Record::<Self>::user_key(&record.fields.user);
        record.is_in(&[Suspended, Upheld]).then_some(key).into_iter().collect()
    }

    fn touches(record: &Record<Self>) -> Vec<Touch> {
        vec![Touch::User(record.fields.user.clone())]
    }

    fn waits_for(record: &Record<Self>) -> Vec<Waiter> {
        let reviewer = Waiter::Role(Role::BureauApprover);
        record.is_in(&[Suspended]).then_some(reviewer).into_iter().collect()
    }
}

/// True while the user's viewing is suspended.
pub fn is_suspended(store: &Store, user: &UserId) -> Result<bool, StoreError> {
    Ok(!rows::find::<Suspension>(store, &Record::<Suspension>::user_key(user))?.is_empty())
}
