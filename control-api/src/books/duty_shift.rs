//! 值班表: who is on duty when (J-5). A grant may ask that its viewer is on shift; attendance is read from the sessions.

use std::time::Duration;

use media::wall::Wall;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::register::{Column, Due, Filing, Move, Reading, Record, Register, Touch, Who, rows, text};
use crate::registers::field::line;
use crate::registers::{Role, UserId};
use crate::stamp::Stamp;
use crate::store::{Store, StoreError};

/// Longest shift: a day.
const SHIFT_MAX: Duration = Duration::from_secs(86_400);

/// A shift.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DutyShift {
    /// Who is on duty.
    pub user: UserId,
    /// From then on.
    pub from: Stamp,
    /// Until then; at most a day.
    pub to: Stamp,
    /// Where, for example 指挥中心.
    #[schema(min_length = 1, max_length = 120)]
    pub post: String,
}

crate::register::states! {
    /// Where a shift stands.
    ShiftState {
        /// To come, or under way.
        Planned = "planned",
        /// Over.
        Over = "over",
        /// Called off before it began or while it ran.
        Cancelled = "cancelled",
    }
}

impl Register for DutyShift {
    const NAME: &'static str = "duty-shifts";
    const ABOUT: &'static str = "The duty roster.";
    const ARTICLES: &'static [&'static str] = &["J-5"];
    type State = ShiftState;
    const FIRST: ShiftState = ShiftState::Planned;
    const FILING: Who = Who::own(&[Role::UnitAdmin]);
    const READING: Reading = Reading {
        all: &[Role::BureauApprover, Role::AuditAdmin],
        own: &[Role::UnitPrincipal, Role::UnitAdmin, Role::Operator],
        subject: true,
    };
    const MOVES: &'static [Move<ShiftState>] = &[
        Move {
            step: "cancel",
            from: &[ShiftState::Planned],
            to: ShiftState::Cancelled,
            who: Who::own(&[Role::UnitAdmin]),
            needs_reason: true,
        },
        Move {
            step: "end",
            from: &[ShiftState::Planned],
            to: ShiftState::Over,
            who: Who::APPLIANCE,
            needs_reason: false,
        },
    ];
    const COLUMNS: &'static [Column] = &[text("user"), text("from"), text("to"), text("post")];

    fn checked(self, filing: &Filing<'_>) -> Result<Self, ApiError> {
        if self.from >= self.to || self.to.0.since(self.from.0) > SHIFT_MAX {
            return Err(ApiError::field("from", "须早于 to,且不超过24小时。", "It has to lie before `to`, by a day at most."));
        }
        if self.to.0 <= filing.now {
            return Err(ApiError::field("to", "须晚于现在。", "It has to lie ahead."));
        }
        Ok(Self { post: line("post", &self.post)?, ..self })
    }

    fn subject(&self) -> Option<&UserId> {
        Some(&self.user)
    }

    fn keys(record: &Record<Self>) -> Vec<String> {
        let key = Record::<Self>::user_key(&record.fields.user);
        record.is_in(&[ShiftState::Planned]).then_some(key).into_iter().collect()
    }

    fn touches(record: &Record<Self>) -> Vec<Touch> {
        vec![Touch::User(record.fields.user.clone())]
    }

    fn due(record: &Record<Self>) -> Option<Due> {
        record.is_in(&[ShiftState::Planned]).then_some(Due { at: record.fields.to.0, step: "end" })
    }
}

/// Until when the user is on shift; none where they are not.
pub fn on_shift_until(store: &Store, user: &UserId, now: Wall) -> Result<Option<Wall>, StoreError> {
    let planned = rows::find::<DutyShift>(store, &Record::<DutyShift>::user_key(user))?;
    let running = planned.iter().filter(|shift| shift.fields.from.0 <= now && now < shift.fields.to.0);
    Ok(running.map(|shift| shift.fields.to.0).max())
}
