//! 问题: what was found while watching, and its rectification (J-10). It lies with the unit and its head until it is rectified; past
//! its time it lies with the Bureau as well.

use media::id::CameraId;
use serde::{Deserialize, Serialize};

use super::term;
use crate::error::ApiError;
use crate::register::inbox::Waiter;
use crate::register::{Column, Due, Filing, Move, Reading, Record, Register, Who, text};
use crate::registers::Role;
use crate::registers::field::prose;
use crate::stamp::Stamp;

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// What was found.
    #[schema(min_length = 1, max_length = 2000)]
    pub what: String,
    /// The camera that showed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub camera: Option<CameraId>,
    /// The session in which it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64)]
    pub session: Option<String>,
    /// Until when it is to be rectified.
    pub rectify_by: Stamp,
}

crate::register::states! {
    /// Where a finding stands.
    FindingState {
        /// Reported to the unit and its head.
        Open = "open",
        /// Being rectified.
        Rectifying = "rectifying",
        /// Its time is over, and it is not rectified; the Bureau hears of it.
        Overdue = "overdue",
        /// Said to be rectified.
        Rectified = "rectified",
        /// Looked at and closed.
        Verified = "verified",
    }
}

use FindingState::{Open, Overdue, Rectified, Rectifying, Verified};

impl Register for Finding {
    const NAME: &'static str = "findings";
    const ABOUT: &'static str = "What was found while watching, and its rectification.";
    const ARTICLES: &'static [&'static str] = &["J-10"];
    type State = FindingState;
    const FIRST: FindingState = Open;
    const FILING: Who = Who::own(&[Role::Operator, Role::IncidentCommander]);
    const READING: Reading = Reading {
        all: &[Role::BureauApprover, Role::AuditAdmin],
        own: &[Role::UnitPrincipal, Role::UnitAdmin, Role::Operator, Role::IncidentCommander],
        subject: false,
    };
    const MOVES: &'static [Move<FindingState>] = &[
        Move {
            step: "take_up",
            from: &[Open],
            to: Rectifying,
            who: Who::own(&[Role::UnitAdmin, Role::UnitPrincipal]),
            needs_reason: false,
        },
        Move {
            step: "rectify",
            from: &[Open, Rectifying, Overdue],
            to: Rectified,
            who: Who::own(&[Role::UnitAdmin, Role::UnitPrincipal]),
            needs_reason: true,
        },
        Move {
            step: "verify",
            from: &[Rectified],
            to: Verified,
            who: Who::own(&[Role::Operator, Role::IncidentCommander, Role::UnitPrincipal]),
            needs_reason: false,
        },
        Move {
            step: "reopen",
            from: &[Rectified],
            to: Open,
            who: Who::own(&[Role::Operator, Role::IncidentCommander, Role::UnitPrincipal]),
            needs_reason: true,
        },
        Move { step: "escalate", from: &[Open, Rectifying], to: Overdue, who: Who::APPLIANCE, needs_reason: false },
    ];
    const CORRECTED_IN: &'static [FindingState] = &[Open];
    const COLUMNS: &'static [Column] = &[text("what"), text("camera"), text("session"), text("rectify_by")];

    fn checked(self, filing: &Filing<'_>) -> Result<Self, ApiError> {
        filing.must_see(self.camera.as_ref())?;
        term::ahead("rectify_by", self.rectify_by, filing.now)?;
        Ok(Self { what: prose("what", &self.what)?, ..self })
    }

    fn due(record: &Record<Self>) -> Option<Due> {
        let at = record.fields.rectify_by.0;
        record.is_in(&[Open, Rectifying]).then_some(Due { at, step: "escalate" })
    }

    fn waits_for(record: &Record<Self>) -> Vec<Waiter> {
        let of_unit = |role| Waiter::Unit(role, record.unit.clone());
        match record.state {
            Open | Rectifying => vec![of_unit(Role::UnitAdmin), of_unit(Role::UnitPrincipal)],
            Overdue => {
                vec![of_unit(Role::UnitAdmin), of_unit(Role::UnitPrincipal), Waiter::Role(Role::BureauApprover)]
            }
            Rectified => vec![of_unit(Role::UnitPrincipal)],
            Verified => Vec::new(),
        }
    }
}
