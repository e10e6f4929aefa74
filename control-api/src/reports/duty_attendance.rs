//! Duty attendance (J-5): each shift of the roster on a working day, and whether its person had a session within it. Attendance is
//! read from the usage register, so that nobody can tick a shift off.

use std::time::Duration;

use media::wall::Wall;

use super::names::Names;
use super::{Asked, Cell, Part, READERS, Report, Takes, Words, column, unreadable};
use crate::attestation;
use crate::books::calendar_day::is_working;
use crate::books::duty_shift::{DutyShift, ShiftState};
use crate::error::ApiError;
use crate::register::{Record, rows};
use crate::registers::Role;
use crate::usage::{Filter, UsageRecord};

/// Shifts of one part: each asks for the sessions of its hours.
const SHIFTS_PER_PART: usize = 100;
/// Longest viewing: one that was opened before the shift may reach into it. A session's life is a shift's.
const BEFORE: Duration = Duration::from_secs(86_400);
/// Records read at a time.
const RECORDS_FETCHED: usize = 500;

/// The report.
pub(super) const REPORT: Report = Report {
    name: "duty-attendance",
    title: Words { zh: "值守出勤", en: "Duty attendance" },
    articles: &["J-5"],
    columns: &[
        column("unit", "单位"),
        column("user", "值守人员"),
        column("from", "班次开始"),
        column("to", "班次结束"),
        column("post", "岗位"),
        column("working_day", "工作日"),
        column("attendance", "出勤"),
        column("sessions", "会话数"),
    ],
    takes: &[Takes::Period, Takes::Unit],
    readers: READERS,
    own_unit: &[Role::UnitPrincipal, Role::UnitAdmin],
    read,
};

/// Shifts by the order of their filing; those that begin within the stretch.
fn read(asked: &Asked, place: Option<&str>, limit: usize) -> Result<Part, ApiError> {
    let prefix = rows::prefix::<DutyShift>();
    let (mut names, mut found) = (Names::of(asked), Vec::new());
    let wanted = limit.min(SHIFTS_PER_PART);
    let shifts = asked.deps.store.range_json::<Record<DutyShift>>(&prefix, place, RECORDS_FETCHED)?;
    let whole = shifts.len() < RECORDS_FETCHED;
    let mut last = None;
    for (key, shift) in shifts {
        let shift = shift.value;
        last = Some(key);
        if is_asked_for(asked, &shift) {
            found.push(row(asked, &mut names, &shift)?);
            if found.len() >= wanted {
                return Ok(Part { rows: found, next: last });
            }
        }
    }
    Ok(Part { rows: found, next: last.filter(|_| !whole) })
}

fn is_asked_for(asked: &Asked, shift: &Record<DutyShift>) -> bool {
    let begins = shift.fields.from.0;
    shift.state != ShiftState::Cancelled
        && asked.from <= begins
        && begins < asked.to
        && asked.unit.as_ref().is_none_or(|unit| shift.unit == *unit)
}

fn row(asked: &Asked, names: &mut Names<'_>, shift: &Record<DutyShift>) -> Result<Vec<Cell>, ApiError> {
    let fields = &shift.fields;
    let day = attestation::date_of(asked.zone(), fields.from.0);
    let working = day.map(|day| is_working(&asked.deps.store, day)).transpose()?.unwrap_or(true);
    let sessions = sessions(asked, fields)?;
    Ok(vec![
        names.unit(shift.unit.as_str())?,
        names.user(fields.user.as_str())?,
        Cell::At(fields.from.0),
        Cell::At(fields.to.0),
        Cell::Text(fields.post.clone()),
        Cell::Flag(working),
        Cell::Word(attendance(asked.now, fields, working, sessions)),
        Cell::Count(sessions),
    ])
}

const fn word(zh: &'static str, en: &'static str) -> Words {
    Words { zh, en }
}

/// A shift is missed on a working day alone (J-5), and not before it is over.
fn attendance(now: Wall, shift: &DutyShift, working: bool, sessions: u64) -> Words {
    match sessions {
        1.. => word("到岗", "attended"),
        0 if !working => word("非工作日", "no_working_day"),
        0 if now < shift.to.0 => word("未结束", "not_over"),
        0 => word("缺岗", "missed"),
    }
}

/// Sessions of the person that media flowed in during the shift.
fn sessions(asked: &Asked, shift: &DutyShift) -> Result<u64, ApiError> {
    let filter = Filter {
        user: Some(shift.user.to_string()),
        from: Some(shift.from.0 - BEFORE),
        to: Some(shift.to.0),
        ..Filter::default()
    };
    let (mut count, mut after) = (0, None::<String>);
    loop {
        let page = asked.deps.usage.list(&filter, after.as_deref(), RECORDS_FETCHED);
        let page = page.map_err(|error| unreadable(&error))?;
        count += page.items.iter().filter(|record| watched(record, shift)).count() as u64;
        after = page.next;
        if after.is_none() {
            return Ok(count);
        }
    }
}

fn watched(record: &UsageRecord, shift: &DutyShift) -> bool {
    let Some(started) = record.started_at else { return false };
    started.0 < shift.to.0 && record.closed_at.is_none_or(|closed| shift.from.0 < closed.0)
}
