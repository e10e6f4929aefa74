//! 工作日历: the days that are working days against the week, or are none against it (J-5): holidays and the days worked for them.

use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::register::{Column, Filing, Move, Reading, Record, Register, Who, plain, rows, text};
use crate::registers::Role;
use crate::registers::field::line;
use crate::store::{Store, StoreError};

/// A day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CalendarDay {
    /// The day.
    #[schema(value_type = String, format = Date, example = "2026-10-01")]
    pub date: Date,
    /// Whether it is worked.
    pub working: bool,
    /// What it is, for example 国庆节.
    #[schema(min_length = 1, max_length = 120)]
    pub name: String,
}

crate::register::states! {
    /// Where it stands.
    CalendarState {
        /// It counts.
        InForce = "in_force",
        /// It does not.
        Removed = "removed",
    }
}

impl Register for CalendarDay {
    const NAME: &'static str = "calendar-days";
    const ABOUT: &'static str = "Holidays, and the days worked for them.";
    const ARTICLES: &'static [&'static str] = &["J-5"];
    type State = CalendarState;
    const FIRST: CalendarState = CalendarState::InForce;
    const FILING: Who = Who::any(&[Role::BureauApprover]);
    const READING: Reading = Reading { all: &Role::ALL, own: &[], subject: false };
    const MOVES: &'static [Move<CalendarState>] = &[Move {
        step: "remove",
        from: &[CalendarState::InForce],
        to: CalendarState::Removed,
        who: Who::any(&[Role::BureauApprover]),
        needs_reason: false,
    }];
    const COLUMNS: &'static [Column] = &[text("date"), plain("working"), text("name")];

    fn checked(self, _: &Filing<'_>) -> Result<Self, ApiError> {
        Ok(Self { name: line("name", &self.name)?, ..self })
    }

    fn keys(record: &Record<Self>) -> Vec<String> {
        record.is_in(&[CalendarState::InForce]).then(|| key(record.fields.date)).into_iter().collect()
    }
}

fn key(date: Date) -> String {
    format!("date/{date}")
}

/// True where the day is worked: as the calendar says last, else Monday to Friday.
pub fn is_working(store: &Store, date: Date) -> Result<bool, StoreError> {
    let said = rows::find::<CalendarDay>(store, &key(date))?.pop();
    let weekday = !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
    Ok(said.map_or(weekday, |record| record.fields.working))
}
