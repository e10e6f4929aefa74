//! The record that opened a session, by the mark that its pictures carry, out of a ledger's folder alone. Neither the store nor a
//! running appliance is asked: who traces a leak may have no more than a copy of the folder.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;

use media::mark::SessionMark;
use serde::Serialize;

use super::UsageRecord;
use crate::ledger::search::{Candidate, Searched, Standing, search};
use crate::ledger::{Event, Kind};

/// What stands before a mark in a canonical entry. In a text that somebody typed, its quotes would be behind backslashes.
const BEFORE_MARK: &str = "\"mark\":\"";
/// Characters of a session mark.
const MARK_CHARS: usize = 22;

/// A session's opening.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Opening {
    /// The usage record as it was opened.
    pub record: UsageRecord,
    /// The ledger's entry that has it.
    pub entry: u64,
    /// How that stands under the ledger's checkpoint.
    pub standing: Standing,
}

/// What was found, and what was read for it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Openings {
    /// Openings by mark; none of a mark that the ledger does not know.
    #[serde(skip)]
    pub found: BTreeMap<SessionMark, Opening>,
    /// The search.
    pub searched: Searched,
}

/// Finds the openings of these marks in the ledger in `dir`, which is only read. Blocks; `progress` as for `search`.
pub fn openings(dir: &Path, marks: &BTreeSet<SessionMark>, progress: &mut dyn FnMut(u64, u64)) -> Openings {
    let mut found: BTreeMap<SessionMark, Opening> = BTreeMap::new();
    let mut proven = 0;
    let visit = &mut |candidate: &Candidate<'_>| {
        if let Some((mark, opening)) = opening(candidate, marks) {
            let known = found.get(&mark).map(|known| known.standing);
            // One that is not proven may have been planted: a better one is looked for.
            if known.is_none_or(|known| known == Standing::Unproven) {
                proven += usize::from(opening.standing != Standing::Unproven);
                found.insert(mark, opening);
            }
        }
        if proven < marks.len() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let searched = if marks.is_empty() { Searched::default() } else { search(dir, visit, progress) };
    Openings { found, searched }
}

/// The opening in an entry, if it is one of these marks'.
fn opening(candidate: &Candidate<'_>, marks: &BTreeSet<SessionMark>) -> Option<(SessionMark, Opening)> {
    let text = std::str::from_utf8(candidate.bytes()).ok()?;
    // Entries are many and marks few: nothing is parsed that does not name one.
    let named = |(at, _): (usize, &str)| {
        let at = at + BEFORE_MARK.len();
        text.get(at..at + MARK_CHARS)?.parse().ok().filter(|mark| marks.contains(mark))
    };
    let mark: SessionMark = text.match_indices(BEFORE_MARK).find_map(named)?;
    let mut event = Event::parse(candidate.bytes()).ok().filter(|event| event.kind == Kind::SESSION_OPENED)?;
    let record: UsageRecord = serde_json::from_value(event.detail.remove("usage")?).ok()?;
    let fits = record.mark.as_ref().is_some_and(|text| text.parse() == Ok(mark));
    fits.then(|| (mark, Opening { record, entry: candidate.index(), standing: candidate.standing() }))
}
