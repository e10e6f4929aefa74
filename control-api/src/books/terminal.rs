//! 专用终端: the devices that the platform is used on, by their addresses (J-27).

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::register::{Filing, Move, Reading, Record, Register, Touch, Who, rows, text};
use crate::registers::field::line;
use crate::registers::{Role, UnitId, unit};
use crate::store::{Store, StoreError};

/// A device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Terminal {
    /// Its name or inventory number.
    #[schema(min_length = 1, max_length = 120)]
    pub name: String,
    /// Its address.
    #[schema(value_type = String, example = "10.20.1.7")]
    pub address: IpAddr,
    /// The unit that it serves.
    pub at_unit: UnitId,
}

crate::register::states! {
    /// Where a terminal stands.
    TerminalState {
        /// It may be used.
        InForce = "in_force",
        /// It may not, for now.
        Suspended = "suspended",
        /// It is gone.
        Removed = "removed",
    }
}

impl Register for Terminal {
    const NAME: &'static str = "terminals";
    const ABOUT: &'static str = "The devices on which the platform is used.";
    const ARTICLES: &'static [&'static str] = &["J-27"];
    type State = TerminalState;
    const FIRST: TerminalState = TerminalState::InForce;
    const FILING: Who = Who::any(&[Role::SecurityAdmin]);
    const READING: Reading = Reading {
        all: &[Role::SecurityAdmin, Role::AuditAdmin, Role::BureauApprover],
        own: &[Role::UnitAdmin, Role::UnitPrincipal],
        subject: false,
    };
    const MOVES: &'static [Move<TerminalState>] = &[
        Move {
            step: "suspend",
            from: &[TerminalState::InForce],
            to: TerminalState::Suspended,
            who: Who::any(&[Role::SecurityAdmin]),
            needs_reason: true,
        },
        Move {
            step: "resume",
            from: &[TerminalState::Suspended],
            to: TerminalState::InForce,
            who: Who::any(&[Role::SecurityAdmin]),
            needs_reason: true,
        },
        Move {
            step: "remove",
            from: &[TerminalState::InForce, TerminalState::Suspended],
            to: TerminalState::Removed,
            who: Who::any(&[Role::SecurityAdmin]),
            needs_reason: true,
        },
    ];
    const COLUMNS: &'static [crate::register::Column] = &[text("name"), text("address"), text("at_unit")];

    fn checked(self, filing: &Filing<'_>) -> Result<Self, ApiError> {
        if unit::load(filing.store, &self.at_unit)?.is_none() {
            return Err(ApiError::field("at_unit", "没有该单位。", "There is no such unit."));
        }
        Ok(Self { name: line("name", &self.name)?, address: self.address.to_canonical(), ..self })
    }

    fn unit(&self, _: &Store) -> Result<Option<UnitId>, ApiError> {
        Ok(Some(self.at_unit.clone()))
    }

    fn keys(record: &Record<Self>) -> Vec<String> {
        record.is_in(&[TerminalState::InForce]).then(|| key(record.fields.address)).into_iter().collect()
    }

    fn touches(_: &Record<Self>) -> Vec<Touch> {
        // Whoever was bound to it, of whatever unit.
        vec![Touch::Everything]
    }
}

fn key(address: IpAddr) -> String {
    format!("address/{address}")
}

/// The units whose terminal this address is; none where it is no terminal's.
pub fn units_at(store: &Store, address: IpAddr) -> Result<Vec<UnitId>, StoreError> {
    Ok(rows::find::<Terminal>(store, &key(address.to_canonical()))?.into_iter().map(|record| record.unit).collect())
}
