//! 责任书 (Attachment 3): a unit's responsibility statement, signed by its principal under one version of the text (J-22).

use media::wall::Wall;
use serde::{Deserialize, Serialize};

use super::statement_text::{self, Signer};
use super::term;
use crate::error::ApiError;
use crate::register::{Due, Filing, Move, Reading, Record, Register, Touch, Who, rows, text};
use crate::registers::field::line;
use crate::registers::{Role, UnitId};
use crate::stamp::Stamp;
use crate::store::{Store, StoreError};

/// A signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnitStatement {
    /// The version of the text that is signed; it has to be the one in force.
    pub text_version: String,
    /// 主要负责人, by name.
    #[schema(min_length = 1, max_length = 120)]
    pub principal: String,
    /// Until when it holds; at most five years from now.
    pub valid_to: Stamp,
}

crate::register::states! {
    /// Where a statement stands.
    StatementState {
        /// Signed and in force, as long as its version is.
        Signed = "signed",
        /// Its time is over.
        Expired = "expired",
        /// The Bureau took it back.
        Revoked = "revoked",
    }
}

impl Register for UnitStatement {
    const NAME: &'static str = "unit-statements";
    const ABOUT: &'static str = "Responsibility statements of the units (Attachment 3).";
    const ARTICLES: &'static [&'static str] = &["J-22"];
    type State = StatementState;
    const FIRST: StatementState = StatementState::Signed;
    const FILING: Who = Who::own(&[Role::UnitPrincipal]);
    const READING: Reading = Reading {
        all: &[Role::BureauApprover, Role::AuditAdmin, Role::SecurityAdmin],
        own: &[Role::UnitPrincipal, Role::UnitAdmin, Role::Operator],
        subject: false,
    };
    const MOVES: &'static [Move<StatementState>] = &[
        Move {
            step: "revoke",
            from: &[StatementState::Signed],
            to: StatementState::Revoked,
            who: Who::any(&[Role::BureauApprover]),
            needs_reason: true,
        },
        Move {
            step: "expire",
            from: &[StatementState::Signed],
            to: StatementState::Expired,
            who: Who::APPLIANCE,
            needs_reason: false,
        },
    ];
    const COLUMNS: &'static [crate::register::Column] = &[text("text_version"), text("principal"), text("valid_to")];

    fn checked(self, filing: &Filing<'_>) -> Result<Self, ApiError> {
        statement_text::check_version(filing.store, Signer::Unit, &self.text_version)?;
        term::check(self.valid_to, filing.now)?;
        Ok(Self { principal: line("principal", &self.principal)?, ..self })
    }

    fn keys(record: &Record<Self>) -> Vec<String> {
        record.is_in(&[StatementState::Signed]).then(|| Record::<Self>::unit_key(&record.unit)).into_iter().collect()
    }

    fn touches(record: &Record<Self>) -> Vec<Touch> {
        vec![Touch::Unit(record.unit.clone())]
    }

    fn due(record: &Record<Self>) -> Option<Due> {
        record.is_in(&[StatementState::Signed]).then_some(Due { at: record.fields.valid_to.0, step: "expire" })
    }
}

/// True where the unit has signed the version in force, and its statement still holds.
pub fn is_signed(store: &Store, unit: &UnitId, now: Wall) -> Result<bool, StoreError> {
    let Some(version) = statement_text::version_in_force(store, Signer::Unit)? else { return Ok(false) };
    let signed = rows::find::<UnitStatement>(store, &Record::<UnitStatement>::unit_key(unit))?;
    Ok(signed.iter().any(|record| record.fields.text_version == version && now < record.fields.valid_to.0))
}
