//! 个人责任书: each member of staff signs with the unit (J-24(2)): the person first, then the unit's principal for the unit.

use media::wall::Wall;
use serde::{Deserialize, Serialize};

use super::statement_text::{self, Signer};
use super::term;
use crate::error::ApiError;
use crate::register::inbox::Waiter;
use crate::register::{Due, Filing, Move, Reading, Record, Register, Touch, Who, rows, text};
use crate::registers::{Role, UserId};
use crate::stamp::Stamp;
use crate::store::{Store, StoreError};

/// A signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StaffStatement {
    /// Who signs: oneself.
    pub user: UserId,
    /// The version of the text that is signed; it has to be the one in force.
    pub text_version: String,
    /// Until when it holds; at most five years from now.
    pub valid_to: Stamp,
}

crate::register::states! {
    /// Where a statement stands.
    StaffStatementState {
        /// Signed by the person; the unit has yet to sign.
        SignedByStaff = "signed_by_staff",
        /// Signed by both.
        InForce = "in_force",
        /// Its time is over.
        Expired = "expired",
        /// The unit or the Bureau took it back.
        Revoked = "revoked",
    }
}

use StaffStatementState::{Expired, InForce, Revoked, SignedByStaff};

impl Register for StaffStatement {
    const NAME: &'static str = "staff-statements";
    const ABOUT: &'static str = "Responsibility statements of the units' staff.";
    const ARTICLES: &'static [&'static str] = &["J-24(2)"];
    type State = StaffStatementState;
    const FIRST: StaffStatementState = SignedByStaff;
    const FILING: Who = Who::SUBJECT;
    const READING: Reading = Reading {
        all: &[Role::BureauApprover, Role::AuditAdmin, Role::SecurityAdmin],
        own: &[Role::UnitPrincipal, Role::UnitAdmin],
        subject: true,
    };
    const MOVES: &'static [Move<StaffStatementState>] = &[
        Move {
            step: "countersign",
            from: &[SignedByStaff],
            to: InForce,
            who: Who::own(&[Role::UnitPrincipal]),
            needs_reason: false,
        },
        Move {
            step: "revoke",
            from: &[SignedByStaff, InForce],
            to: Revoked,
            who: Who::own(&[Role::UnitPrincipal]).or_any(&[Role::BureauApprover]),
            needs_reason: true,
        },
        Move { step: "expire", from: &[SignedByStaff, InForce], to: Expired, who: Who::APPLIANCE, needs_reason: false },
    ];
    const COLUMNS: &'static [crate::register::Column] = &[text("user"), text("text_version"), text("valid_to")];

    fn checked(self, filing: &Filing<'_>) -> Result<Self, ApiError> {
        statement_text::check_version(filing.store, Signer::Staff, &self.text_version)?;
        term::check(self.valid_to, filing.now)?;
        Ok(self)
    }

    fn subject(&self) -> Option<&UserId> {
        Some(&self.user)
    }

    fn keys(record: &Record<Self>) -> Vec<String> {
        record.is_in(&[InForce]).then(|| Record::<Self>::user_key(&record.fields.user)).into_iter().collect()
    }

    fn touches(record: &Record<Self>) -> Vec<Touch> {
        vec![Touch::User(record.fields.user.clone())]
    }

    fn due(record: &Record<Self>) -> Option<Due> {
        record.is_in(&[SignedByStaff, InForce]).then_some(Due { at: record.fields.valid_to.0, step: "expire" })
    }

    fn waits_for(record: &Record<Self>) -> Vec<Waiter> {
        let head = Waiter::Unit(Role::UnitPrincipal, record.unit.clone());
        record.is_in(&[SignedByStaff]).then_some(head).into_iter().collect()
    }
}

/// True where the user and the unit have signed the version in force, and that still holds.
pub fn is_signed(store: &Store, user: &UserId, now: Wall) -> Result<bool, StoreError> {
    let Some(version) = statement_text::version_in_force(store, Signer::Staff)? else { return Ok(false) };
    let signed = rows::find::<StaffStatement>(store, &Record::<StaffStatement>::user_key(user))?;
    Ok(signed.iter().any(|record| record.fields.text_version == version && now < record.fields.valid_to.0))
}
