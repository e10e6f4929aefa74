//! 值班日志: what those on duty write down (J-10). A line that was written stays as it is.

use media::id::CameraId;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::register::{Column, Filing, Move, Reading, Register, Who, text};
use crate::registers::Role;
use crate::registers::field::prose;

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DutyLog {
    /// What happened, or that nothing did.
    #[schema(min_length = 1, max_length = 2000)]
    pub text: String,
    /// The camera it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub camera: Option<CameraId>,
}

crate::register::states! {
    /// Where an entry stands.
    DutyLogState {
        /// It was written.
        Written = "written",
    }
}

impl Register for DutyLog {
    const NAME: &'static str = "duty-logs";
    const ABOUT: &'static str = "What those on duty write down.";
    const ARTICLES: &'static [&'static str] = &["J-10"];
    type State = DutyLogState;
    const FIRST: DutyLogState = DutyLogState::Written;
    const FILING: Who = Who::own(&[Role::Operator, Role::IncidentCommander]);
    const READING: Reading = Reading {
        all: &[Role::BureauApprover, Role::AuditAdmin],
        own: &[Role::UnitPrincipal, Role::UnitAdmin, Role::Operator, Role::IncidentCommander],
        subject: false,
    };
    const MOVES: &'static [Move<DutyLogState>] = &[];
    const COLUMNS: &'static [Column] = &[text("text"), text("camera")];

    fn checked(self, filing: &Filing<'_>) -> Result<Self, ApiError> {
        filing.must_see(self.camera.as_ref())?;
        Ok(Self { text: prose("text", &self.text)?, ..self })
    }
}
