//! Filings with the police that are due (O-14): what is in use, or changed, and was not filed yet, with the day by which it has to be.

use std::time::Duration;

use super::{Asked, Cell, Part, Report, Takes, Words, column};
use crate::books::police_filing::{FilingState, PoliceFiling};
use crate::error::ApiError;
use crate::register::{Record, Register, rows};
use crate::registers::Role;

const DAY: Duration = Duration::from_secs(86_400);
/// Records read at a time.
const RECORDS_FETCHED: usize = 500;

/// The report.
pub(super) const REPORT: Report = Report {
    name: "filings-due",
    title: Words { zh: "待备案事项", en: "Filing changes due" },
    articles: &["O-14"],
    columns: &[
        column("id", "编号"),
        column("what", "备案事项"),
        column("authority", "备案机关"),
        column("in_use_since", "启用或变更时间"),
        column("state", "状态"),
        column("due", "备案期限"),
    ],
    takes: &[Takes::Days],
    readers: &[Role::BureauApprover, Role::AuditAdmin, Role::CatalogueAdmin],
    own_unit: &[],
    read,
};

fn read(asked: &Asked, place: Option<&str>, limit: usize) -> Result<Part, ApiError> {
    let prefix = rows::prefix::<PoliceFiling>();
    let fetched = limit.min(RECORDS_FETCHED);
    let filings = asked.deps.store.range_json::<Record<PoliceFiling>>(&prefix, place, fetched)?;
    let next = filings.last().filter(|_| filings.len() >= fetched).map(|(key, _)| key.clone());
    let due = |record: &Record<PoliceFiling>| match record.state {
        FilingState::Filed => false,
        FilingState::Overdue => true,
        FilingState::ToFile => PoliceFiling::due(record).is_none_or(|due| due.at <= asked.now + asked.days * DAY),
    };
    let rows = filings.into_iter().map(|(_, row)| row.value).filter(due).map(cells).collect();
    Ok(Part { rows, next })
}

fn cells(record: Record<PoliceFiling>) -> Vec<Cell> {
    let state = match record.state {
        FilingState::ToFile => Words { zh: "待备案", en: "to_file" },
        FilingState::Overdue => Words { zh: "已逾期", en: "overdue" },
        FilingState::Filed => Words { zh: "已备案", en: "filed" },
    };
    let due = PoliceFiling::due(&record).map(|due| due.at);
    // One that is overdue is due no more by the register's clock; its time was the same.
    let due =
        due.or_else(|| PoliceFiling::due(&Record { state: FilingState::ToFile, ..record.clone() }).map(|due| due.at));
    vec![
        Cell::Text(record.id.0),
        Cell::Text(record.fields.what),
        Cell::Text(record.fields.authority),
        Cell::At(record.fields.in_use_since.0),
        Cell::Word(state),
        Cell::at(due),
    ]
}
