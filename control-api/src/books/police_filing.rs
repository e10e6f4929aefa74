//! 公安备案: the filing with the police of a system in use (O-14): within 30 days of its use, and again when what was filed changes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::register::inbox::Waiter;
use crate::register::{Column, Due, Filing, Move, Reading, Record, Register, Who, text};
use crate::registers::Role;
use crate::registers::field::{line, prose};
use crate::stamp::Stamp;

/// Filed within 30 days of use (O-14).
const FILE_WITHIN: Duration = Duration::from_secs(30 * 86_400);

/// What is to be filed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PoliceFiling {
    /// What it is about: the system, or what changed of it.
    #[schema(min_length = 1, max_length = 2000)]
    pub what: String,
    /// Since when it is in use, or changed.
    pub in_use_since: Stamp,
    /// The public security organ.
    #[schema(min_length = 1, max_length = 120)]
    pub authority: String,
    /// The number of its receipt, once filed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 120)]
    pub receipt: Option<String>,
}

crate::register::states! {
    /// Where a filing stands.
    FilingState {
        /// It is to be filed.
        ToFile = "to_file",
        /// It should have been filed by now.
        Overdue = "overdue",
        /// It was filed.
        Filed = "filed",
    }
}

use FilingState::{Filed, Overdue, ToFile};

impl Register for PoliceFiling {
    const NAME: &'static str = "police-filings";
    const ABOUT: &'static str = "Filings with the police.";
    const ARTICLES: &'static [&'static str] = &["O-14"];
    type State = FilingState;
    const FIRST: FilingState = ToFile;
    const FILING: Who = Who::any(&[Role::CatalogueAdmin]);
    const READING: Reading = Reading {
        all: &[Role::CatalogueAdmin, Role::BureauApprover, Role::AuditAdmin],
        own: &[],
        subject: false,
    };
    const MOVES: &'static [Move<FilingState>] = &[
        Move {
            step: "filed",
            from: &[ToFile, Overdue],
            to: Filed,
            who: Who::any(&[Role::CatalogueAdmin]),
            needs_reason: false,
        },
        Move { step: "escalate", from: &[ToFile], to: Overdue, who: Who::APPLIANCE, needs_reason: false },
    ];
    const CORRECTED_IN: &'static [FilingState] = &[ToFile, Overdue, Filed];
    const COLUMNS: &'static [Column] = &[text("what"), text("in_use_since"), text("authority"), text("receipt")];

    fn checked(self, _: &Filing<'_>) -> Result<Self, ApiError> {
        let (what, authority) = (prose("what", &self.what)?, line("authority", &self.authority)?);
        let receipt = self.receipt.as_deref().map(|receipt| line("receipt", receipt)).transpose()?;
        Ok(Self { what, authority, receipt, ..self })
    }

    fn due(record: &Record<Self>) -> Option<Due> {
        let at = record.fields.in_use_since.0 + FILE_WITHIN;
        record.is_in(&[ToFile]).then_some(Due { at, step: "escalate" })
    }

    fn waits_for(record: &Record<Self>) -> Vec<Waiter> {
        match record.state {
            ToFile => vec![Waiter::Role(Role::CatalogueAdmin)],
            Overdue => vec![Waiter::Role(Role::CatalogueAdmin), Waiter::Role(Role::BureauApprover)],
            Filed => Vec::new(),
        }
    }
}
