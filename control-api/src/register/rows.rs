//! A register's rows in the store: records, lines of history, lookups and due times, which every change keeps together in one commit.

use media::wall::Wall;

use super::inbox::{self, Task};
use super::{Due, Line, Move, Record, RecordId, Register, State};
use crate::error::{ApiError, Code};
use crate::stamp::Stamp;
use crate::store::{Batch, CommitError, Revision, Store, StoreError, Versioned};

/// All records of all registers.
pub const RECORDS: &str = "record/";
/// All due times, in order of time.
pub const DUES: &str = "record-due/";
/// Records that one lookup gives at most: a unit's statements, a user's trainings.
const FOUND_MAX: usize = 1_000;

/// The beginning of the keys of a register.
pub fn prefix<R: Register>() -> String {
    format!("{RECORDS}{}/", R::NAME)
}

/// A record's key.
pub fn key<R: Register>(id: &RecordId) -> String {
    format!("{RECORDS}{}/{}", R::NAME, id.0)
}

/// The beginning of the keys of a record's history.
pub fn lines<R: Register>(id: &RecordId) -> String {
    format!("record-line/{}/{}/", R::NAME, id.0)
}

fn line_key<R: Register>(id: &RecordId, number: u32) -> String {
    format!("{}{number:08}", lines::<R>(id))
}

fn lookup<R: Register>(key: &str) -> String {
    format!("record-by/{}/{key}/", R::NAME)
}

fn lookup_key<R: Register>(key: &str, id: &RecordId) -> String {
    format!("{}{}", lookup::<R>(key), id.0)
}

fn due_key<R: Register>(due: &Due, id: &RecordId) -> String {
    format!("{DUES}{:020}/{}/{}", due.at.micros().max(0), R::NAME, id.0)
}

/// When a due row falls due, of which register, for which record.
pub fn due_of(key: &str) -> Option<(Wall, &str, RecordId)> {
    let (micros, rest) = key.strip_prefix(DUES)?.split_once('/')?;
    let (name, id) = rest.split_once('/')?;
    Some((Wall::from_micros(micros.parse().ok()?), name, RecordId(id.into())))
}

/// One record.
pub fn load<R: Register>(store: &Store, id: &RecordId) -> Result<Option<Versioned<Record<R>>>, StoreError> {
    store.get_json(&key::<R>(id))
}

/// The records that stand under `key`, oldest first.
pub fn find<R: Register>(store: &Store, key: &str) -> Result<Vec<Record<R>>, StoreError> {
    let under = lookup::<R>(key);
    let mut found = Vec::new();
    for row in store.range(&under, None, FOUND_MAX)? {
        let id = RecordId(row.key.strip_prefix(&under).unwrap_or_default().into());
        found.extend(load::<R>(store, &id)?.map(|row| row.value));
    }
    Ok(found)
}

/// What the keys say that begin with `under`, newest record last; nothing of the records themselves is read.
pub fn words_under<R: Register>(store: &Store, under: &str) -> Result<Vec<String>, StoreError> {
    let prefix = format!("record-by/{}/{under}/", R::NAME);
    let rows = store.range(&prefix, None, FOUND_MAX)?;
    let word = |key: &str| Some(key.strip_prefix(&prefix)?.rsplit_once('/')?.0.to_owned());
    Ok(rows.iter().filter_map(|row| word(&row.key)).collect())
}

/// What commits a record with its line of history.
pub fn kept<R: Register>(
    before: Option<&Versioned<Record<R>>>,
    after: &Record<R>,
    line: &Line<R>,
) -> Result<Batch, CommitError> {
    let id = &after.id;
    let batch = match before {
        None => Batch::new().expect_absent(key::<R>(id)),
        Some(row) => Batch::new().expect_version(key::<R>(id), row.version),
    };
    let batch = batch.put_json(key::<R>(id), after)?;
    let batch = batch.expect_absent(line_key::<R>(id, after.lines)).put_json(line_key::<R>(id, after.lines), line)?;
    let before = before.map(|row| &row.value);
    indexed(batch, before, after)
}

/// What moves another record along with a change, by a step that is the appliance's own.
pub fn moved_along<R: Register>(store: &Store, id: &RecordId, step: &str, now: Wall) -> Result<Batch, ApiError> {
    let Some(row) = load::<R>(store, id)? else { return Ok(Batch::new()) };
    let fits = |taken: &&Move<R::State>| {
        taken.step == step && taken.who.is_appliance() && taken.from.contains(&row.value.state)
    };
    let taken = R::MOVES.iter().find(fits).ok_or(Code::Conflict)?;
    let mut next = row.value.clone();
    (next.state, next.since, next.lines) = (taken.to, now.into(), next.lines + 1);
    let line = Line { at: now.into(), by: None, step: step.into(), to: taken.to, reason: None, fields: None };
    Ok(kept(Some(&row), &next, &line)?)
}

/// Moves what leads to the record: lookups, its due time, the inboxes.
fn indexed<R: Register>(mut batch: Batch, before: Option<&Record<R>>, after: &Record<R>) -> Result<Batch, CommitError> {
    let id = &after.id;
    for key in before.map(R::keys).unwrap_or_default() {
        batch = batch.delete(lookup_key::<R>(&key, id));
    }
    for key in R::keys(after) {
        batch = batch.put(lookup_key::<R>(&key, id), Vec::new());
    }
    if let Some(due) = before.and_then(R::due) {
        batch = batch.delete(due_key::<R>(&due, id));
    }
    if let Some(due) = R::due(after) {
        batch = batch.put(due_key::<R>(&due, id), Vec::new());
    }
    let waited = before.map(|record| (task(record), R::waits_for(record)));
    let waited = waited.as_ref().map(|(task, waiters)| (task, waiters.as_slice()));
    inbox::passed_on(batch, waited, &task(after), &R::waits_for(after))
}

fn task<R: Register>(record: &Record<R>) -> Task {
    Task {
        register: R::NAME.into(),
        id: record.id.0.clone(),
        unit: record.unit.clone(),
        state: record.state.word().into(),
        since: record.since,
        due: R::due(record).map(|due| Stamp(due.at)),
    }
}

/// A record as the API shows it.
#[derive(Debug, serde::Serialize)]
#[serde(bound = "")]
pub struct View<R: Register> {
    id: RecordId,
    unit: crate::registers::UnitId,
    state: R::State,
    #[serde(skip_serializing_if = "Option::is_none")]
    filed_by: Option<crate::registers::UserId>,
    filed_at: Stamp,
    since: Stamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<Stamp>,
    version: u64,
    #[serde(flatten)]
    fields: R,
}

impl<R: Register> From<Versioned<Record<R>>> for View<R> {
    fn from(row: Versioned<Record<R>>) -> Self {
        let Revision(version) = row.version;
        let due = R::due(&row.value).map(|due| Stamp(due.at));
        let Record { id, unit, state, filed_by, filed_at, since, fields, .. } = row.value;
        Self { id, unit, state, filed_by, filed_at, since, due, version, fields }
    }
}
