//! Reports that the Bureau prints (regulation.md section 7). A report is one file: its columns, what it takes, who reads it and
//! where its rows come from, and one line here. Formats, paging and the list of reports are made from that. Absent: HTTP.

mod asked;
mod camera_status;
mod catalogue;
mod catalogue_changes;
mod cell;
mod completeness;
mod connection;
mod deletions;
mod denials;
mod duty_attendance;
mod filings_due;
mod ledger_walk;
mod names;
mod online;
mod online_rate;
mod outlook;
mod retention;
mod reviews;
mod usage_register;
mod xlsx;

use crate::error::{ApiError, Code};
use crate::registers::Role;

pub use asked::Asked;
pub use cell::{Cell, Language, Words};
pub use denials::{CountError, catch_up as count_denials};
pub use xlsx::write as write_xlsx;

/// One column.
#[derive(Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name: the key in JSON, and the heading in English.
    pub name: &'static str,
    /// The heading in Chinese, as the Bureau prints it.
    pub zh: &'static str,
}

/// What a report can be asked for besides its format and page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// A stretch of time: `from` and `to`, or `month`.
    Period,
    /// One camera.
    Camera,
    /// One unit.
    Unit,
    /// How many days ahead.
    Days,
}

/// A place in a report's rows, in the words of the report itself.
pub type Place = String;

/// Some rows, and the place that the next ones are read from; none at the end. A part may be empty and lead on.
#[derive(Debug, Default)]
pub struct Part {
    /// A cell for each column.
    pub rows: Vec<Vec<Cell>>,
    /// Where to go on.
    pub next: Option<Place>,
}

impl Part {
    /// The last part.
    pub fn last(rows: Vec<Vec<Cell>>) -> Self {
        Self { rows, next: None }
    }
}

/// Reads rows from a place on, at most so many. Bounded in work too, so that a part is read in a second or so. Blocks.
pub type Read = fn(&Asked, Option<&str>, usize) -> Result<Part, ApiError>;

/// A report.
pub struct Report {
    /// Its name in paths.
    pub name: &'static str,
    /// Its title.
    pub title: Words,
    /// What it rests on.
    pub articles: &'static [&'static str],
    /// Its columns.
    pub columns: &'static [Column],
    /// What it takes.
    pub takes: &'static [Takes],
    /// Who reads all of it.
    pub readers: &'static [Role],
    /// Who reads of it what is their own unit's. A report that names some takes a unit.
    pub own_unit: &'static [Role],
    /// Where its rows come from.
    pub read: Read,
}

impl Report {
    /// True where it takes this.
    pub fn takes(&self, what: Takes) -> bool {
        self.takes.contains(&what)
    }
}

/// Who prints reports.
const READERS: &[Role] = &[Role::BureauApprover, Role::AuditAdmin];

/// All reports.
pub const ALL: [&Report; 14] = [
    &usage_register::REPORT,
    &denials::REPORT,
    &duty_attendance::REPORT,
    &connection::REPORT,
    &online_rate::REPORT,
    &camera_status::REPORT,
    &catalogue::REPORT,
    &catalogue_changes::REPORT,
    &completeness::REPORT,
    &retention::REPORT,
    &deletions::REPORT,
    &outlook::REPORT,
    &reviews::REPORT,
    &filings_due::REPORT,
];

/// The report of that name.
pub fn find(name: &str) -> Option<&'static Report> {
    ALL.into_iter().find(|report| report.name == name)
}

/// What a report rests on could not be read: logged here, and nothing of it told.
fn unreadable(error: &dyn std::error::Error) -> ApiError {
    tracing::error!(%error, "what a report rests on could not be read");
    Code::Internal.into()
}

const fn column(name: &'static str, zh: &'static str) -> Column {
    Column { name, zh }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_columns_are_told_apart_and_only_those_with_a_unit_are_for_owners() {
        for (i, report) in ALL.iter().enumerate() {
            assert!(ALL[..i].iter().all(|other| other.name != report.name), "{}", report.name);
            assert!(report.own_unit.is_empty() || report.takes(Takes::Unit), "{}", report.name);
            for (i, column) in report.columns.iter().enumerate() {
                assert!(report.columns[..i].iter().all(|other| other.name != column.name), "{}", column.name);
            }
        }
    }

    #[test]
    fn the_usage_register_has_exactly_the_columns_of_j_24_3() {
        let zh: Vec<_> = usage_register::REPORT.columns.iter().map(|column| column.zh).collect();
        assert_eq!(zh, ["具体用途", "使用人员", "批准人员", "视频内容", "获取时间", "介质类型"]);
    }
}
