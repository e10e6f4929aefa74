//! 培训记录: who was trained in what, and until when that counts (J-9, O-16(1)).

use media::wall::Wall;
use serde::{Deserialize, Serialize};

use super::term;
use crate::error::ApiError;
use crate::register::{Due, Filing, Move, Reading, Record, Register, Touch, Who, rows, text};
use crate::registers::field::line;
use crate::registers::{Role, UserId};
use crate::stamp::Stamp;
use crate::store::{Store, StoreError};

/// A training that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Who was trained.
    pub user: UserId,
    /// In what.
    #[schema(min_length = 1, max_length = 120)]
    pub course: String,
    /// By whom.
    #[schema(min_length = 1, max_length = 120)]
    pub trainer: String,
    /// When.
    pub trained_at: Stamp,
    /// Until when it counts; at most five years from now.
    pub valid_to: Stamp,
}

crate::register::states! {
    /// Where a training stands.
    TrainingState {
        /// It counts.
        InForce = "in_force",
        /// Its time is over.
        Expired = "expired",
        /// It was entered in error, or counts no more.
        Revoked = "revoked",
    }
}

impl Register for Training {
    const NAME: &'static str = "training-records";
    const ABOUT: &'static str = "Trainings of the units' staff.";
    const ARTICLES: &'static [&'static str] = &["J-9", "O-16(1)"];
    type State = TrainingState;
    const FIRST: TrainingState = TrainingState::InForce;
    const FILING: Who = Who::own(&[Role::UnitAdmin]).or_any(&[Role::BureauApprover]);
    const READING: Reading = Reading {
        all: &[Role::BureauApprover, Role::AuditAdmin],
        own: &[Role::UnitPrincipal, Role::UnitAdmin],
        subject: true,
    };
    const MOVES: &'static [Move<TrainingState>] = &[
        Move {
            step: "revoke",
            from: &[TrainingState::InForce],
            to: TrainingState::Revoked,
            who: Self::FILING,
            needs_reason: true,
        },
        Move {
            step: "expire",
            from: &[TrainingState::InForce],
            to: TrainingState::Expired,
            who: Who::APPLIANCE,
            needs_reason: false,
        },
    ];
    const COLUMNS: &'static [crate::register::Column] =
        &[text("user"), text("course"), text("trainer"), text("trained_at"), text("valid_to")];

    fn checked(self, filing: &Filing<'_>) -> Result<Self, ApiError> {
        if self.trained_at.0 > filing.now {
            return Err(ApiError::field("trained_at", "不得晚于现在。", "It cannot lie ahead."));
        }
        term::check(self.valid_to, filing.now)?;
        let (course, trainer) = (line("course", &self.course)?, line("trainer", &self.trainer)?);
        Ok(Self { course, trainer, ..self })
    }

    fn subject(&self) -> Option<&UserId> {
        Some(&self.user)
    }

    fn keys(record: &Record<Self>) -> Vec<String> {
        let key = Record::<Self>::user_key(&record.fields.user);
        record.is_in(&[TrainingState::InForce]).then_some(key).into_iter().collect()
    }

    fn touches(record: &Record<Self>) -> Vec<Touch> {
        vec![Touch::User(record.fields.user.clone())]
    }

    fn due(record: &Record<Self>) -> Option<Due> {
        record.is_in(&[TrainingState::InForce]).then_some(Due { at: record.fields.valid_to.0, step: "expire" })
    }
}

/// True where the user has a training that counts.
pub fn is_in_force(store: &Store, user: &UserId, now: Wall) -> Result<bool, StoreError> {
    let taken = rows::find::<Training>(store, &Record::<Training>::user_key(user))?;
    Ok(taken.iter().any(|record| now < record.fields.valid_to.0))
}
