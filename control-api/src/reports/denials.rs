//! Refusals by article and code. Whole hours are counted out of the ledger once and kept as rows, so that a report of three years
//! reads some thousand rows and not every entry.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use media::wall::Wall;

use super::ledger_walk::{first_at_or_after, walk};
use super::{Asked, Cell, Part, READERS, Report, Takes, Words, column, unreadable};
use crate::deps::Deps;
use crate::error::ApiError;
use crate::ledger::{Event, Kind, LedgerError, READ_ENTRIES_MAX};
use crate::store::{Batch, CommitError, RANGE_ROWS_MAX, StoreError};

/// The report.
pub(super) const REPORT: Report = Report {
    name: "denials",
    title: Words { zh: "按条款统计的拒绝", en: "Denials by article" },
    articles: &["J-1", "MLPS3"],
    columns: &[column("article", "条款"), column("code", "代码"), column("count", "次数")],
    takes: &[Takes::Period],
    readers: READERS,
    own_unit: &[],
    read,
};

/// Refusals by article and code.
type Counts = BTreeMap<String, BTreeMap<String, u64>>;

const HOUR_MICROS: i64 = 3_600_000_000;
/// Rows of whole hours.
const HOURS: &str = "denials/hour/";
/// The entry up to which the rows count.
const COUNTED: &str = "denials/counted";
/// Entries counted in one commit.
const ENTRIES_PER_COMMIT: u64 = 20_000;
/// Entries of an hour's part that is walked at an edge: some hundred refusals a second for the whole hour.
const EDGE_ENTRIES_MAX: u64 = 1_000_000;

/// Why refusals could not be counted.
#[derive(Debug, thiserror::Error)]
pub enum CountError {
    /// Ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Store.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

fn read(asked: &Asked, _: Option<&str>, _: usize) -> Result<Part, ApiError> {
    let counts = counted(asked).map_err(|error| unreadable(&error))?;
    let row = |article: &String, (code, count): (String, u64)| {
        vec![Cell::Text(article.clone()), Cell::Text(code), Cell::Count(count)]
    };
    let rows = counts
        .into_iter()
        .flat_map(|(article, codes)| codes.into_iter().map(|code| row(&article, code)).collect::<Vec<_>>());
    Ok(Part::last(rows.collect()))
}

/// Whole hours from the rows, the parts of hours at both ends from the ledger.
fn counted(asked: &Asked) -> Result<Counts, CountError> {
    catch_up(&asked.deps)?;
    let mut counts = Counts::new();
    let (first, end) = (hour_of(asked.from - Duration::from_micros(1)) + 1, hour_of(asked.to));
    if first >= end {
        walk_into(asked, (asked.from, asked.to), &mut counts)?;
        return Ok(counts);
    }
    walk_into(asked, (asked.from, start_of(first)), &mut counts)?;
    let mut after = Some(hour_key(first - 1));
    while let Some(last) = after.take() {
        let rows = asked.deps.store.range_json::<Counts>(HOURS, Some(&last), RANGE_ROWS_MAX)?;
        for (key, row) in rows {
            if key >= hour_key(end) {
                break;
            }
            add(&mut counts, row.value);
            after = Some(key);
        }
    }
    walk_into(asked, (start_of(end), asked.to), &mut counts)?;
    Ok(counts)
}

fn walk_into(asked: &Asked, (from, to): (Wall, Wall), counts: &mut Counts) -> Result<(), LedgerError> {
    if from >= to {
        return Ok(());
    }
    let ledger = &asked.deps.ledger;
    let walked = walk(ledger, (from, to), first_at_or_after(ledger, from)?, EDGE_ENTRIES_MAX, &mut |event| {
        count(event, counts);
        ControlFlow::Continue(())
    })?;
    if !walked.complete {
        tracing::warn!("an hour has more entries than a report of refusals walks; its count is too small");
    }
    Ok(())
}

/// Counts what the ledger has taken since the last time. Two at once do no harm: one of them begins again. Blocks.
pub fn catch_up(deps: &Deps) -> Result<(), CountError> {
    loop {
        let done = deps.store.get_json::<u64>(COUNTED)?;
        let from = done.as_ref().map_or(0, |row| row.value);
        let (hours, next) = of_entries(deps, from)?;
        if next == from {
            return Ok(());
        }
        let batch = match done {
            Some(row) => Batch::new().expect_version(COUNTED, row.version),
            None => Batch::new().expect_absent(COUNTED),
        };
        let mut batch = batch.put_json(COUNTED, &next)?;
        for (hour, new) in hours {
            let key = hour_key(hour);
            let mut counts = deps.store.get_json::<Counts>(&key)?.map(|row| row.value).unwrap_or_default();
            add(&mut counts, new);
            batch = batch.put_json(key, &counts)?;
        }
        match deps.store.commit(batch) {
            Ok(_) | Err(CommitError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The refusals of some entries by hour, and the entry after them.
fn of_entries(deps: &Deps, from: u64) -> Result<(BTreeMap<i64, Counts>, u64), LedgerError> {
    let (mut hours, mut at) = (BTreeMap::<i64, Counts>::new(), from);
    while at < from + ENTRIES_PER_COMMIT {
        let entries = deps.ledger.read(at, READ_ENTRIES_MAX)?;
        let Some(last) = entries.last() else { break };
        at = last.index + 1;
        for event in entries.iter().filter_map(|entry| entry.event().ok()) {
            if event.kind == Kind::DENIED {
                count(&event, hours.entry(hour_of(event.at.0)).or_default());
            }
        }
    }
    Ok((hours, at))
}

/// A refusal that rests on several articles counts under each.
fn count(event: &Event, counts: &mut Counts) {
    let Some(code) = event.code.as_ref().filter(|_| event.kind == Kind::DENIED) else { return };
    for article in &event.articles {
        *counts.entry(article.clone()).or_default().entry(code.clone()).or_default() += 1;
    }
}

fn add(counts: &mut Counts, more: Counts) {
    for (article, codes) in more {
        let into = counts.entry(article).or_default();
        codes.into_iter().for_each(|(code, count)| *into.entry(code).or_default() += count);
    }
}

fn hour_of(at: Wall) -> i64 {
    at.micros().div_euclid(HOUR_MICROS)
}

fn start_of(hour: i64) -> Wall {
    Wall::from_micros(hour.saturating_mul(HOUR_MICROS))
}

/// Hours since 1970 sort as text; those before it, of a clock that was wrong, sort first and count for nothing.
fn hour_key(hour: i64) -> String {
    format!("{HOURS}{:010}", hour.max(0))
}
