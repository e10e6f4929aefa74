//! The usage register of J-24(3): one record per viewing session, opened on disk and on the ledger before a lease can exist,
//! closed at its end with what was sent. Absent: who may view; and any way to delete a record.

mod opening;
mod record;
mod recovery;

use std::sync::Arc;
use std::time::Duration;

use media::wall::{Clock, Wall};
use relay::lease::{EndReason, Protocol, SessionId};

pub use opening::{Opening, Openings, openings};
pub use record::{Medium, UsageRecord, VideoContent};

use crate::ledger::{Ledger, LedgerUnavailable, Recordable, Recorded};
use crate::mint::{ID_CHARS, first_id_of};
use crate::store::{Batch, CommitError, Store, StoreError, Versioned};

/// Rows that one `list` reads at most to fill its page; past them it gives what it found and a cursor to go on from.
const ROWS_READ_MAX: usize = 5_000;
/// Rows fetched from the store at a time.
const ROWS_FETCHED_MAX: usize = 500;
/// Tries of a change that others race for: the relay's two events and one revocation are all that can meet.
const TRIES_MAX: usize = 8;

/// Why a usage record could not be kept. Without one there is no session.
#[derive(Debug, thiserror::Error)]
pub enum UsageError {
    /// The ledger refused.
    #[error(transparent)]
    Ledger(#[from] LedgerUnavailable),
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] StoreError),
    /// The store could not be written, or the session's id was used before.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// No record has this session's id.
    #[error("no usage record of session {}", .0.0)]
    Unknown(SessionId),
}

/// Which records to list; an empty filter lists all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only this user's.
    pub user: Option<String>,
    /// Only this unit's.
    pub unit: Option<String>,
    /// Only this camera's.
    pub camera: Option<String>,
    /// Only with this purpose code.
    pub purpose: Option<String>,
    /// Only opened at or after.
    pub from: Option<Wall>,
    /// Only opened before.
    pub to: Option<Wall>,
}

/// A page of records, oldest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// The records.
    pub items: Vec<UsageRecord>,
    /// The session id to go on after, if there may be more. A page can be empty and still have one.
    pub next: Option<String>,
}

/// The register; clones share it.
#[derive(Clone)]
pub struct Register {
    store: Store,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
}

impl Register {
    /// Takes up the register where the last run left it: every record still open is closed with `crash`, and closings that
    /// had not reached the ledger are put there. Gives how many were closed with `crash`. Blocks.
    pub fn start(store: Store, ledger: Ledger, clock: Arc<dyn Clock>) -> Result<(Self, usize), UsageError> {
        let register = Self { store, ledger, clock };
        let crashed = recovery::settle(&register)?;
        Ok((register, crashed))
    }

    /// Opens a session's record: first in the store, then on the ledger. Only with what this returns may a lease be made.
    pub async fn open(&self, record: UsageRecord) -> Result<Recorded<UsageRecord>, UsageError> {
        let id = record.session.clone();
        let batch = Batch::new()
            .expect_absent(record_key(&id))
            .put_json(record_key(&id), &record)?
            .put(open_key(&id), Vec::new());
        self.store.commit_async(batch).await?;
        match self.ledger.record_async(record).await {
            Ok(recorded) => Ok(recorded),
            Err(refused) => {
                // Nobody has seen it, and the ledger does not know it: it never was. If this fails too, the next start closes it.
                let undo = Batch::new().delete(record_key(&id)).delete(open_key(&id));
                if let Err(error) = self.store.commit_async(undo).await {
                    tracing::warn!(session = %id.0, %error, "a usage record without a ledger entry stays until the next start");
                }
                Err(refused.into())
            }
        }
    }

    /// Notes the first media byte. A second call, or one after the close, changes nothing.
    pub async fn started(&self, id: &SessionId, at: Wall, protocol: Protocol) -> Result<UsageRecord, UsageError> {
        for _ in 0..TRIES_MAX {
            let Versioned { value: before, version } = self.versioned(id)?;
            if before.started_at.is_some() || before.closed_at.is_some() {
                return Ok(before);
            }
            let after = before.started(at, protocol);
            let batch = Batch::new().expect_version(record_key(id), version).put_json(record_key(id), &after)?;
            match self.store.commit_async(batch).await {
                Ok(_) => {
                    self.ledger.append_async(&after.started_event(at)).await?;
                    return Ok(after);
                }
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(CommitError::Conflict { key: record_key(id) }.into())
    }

    /// Completes a session's record, in the store and on the ledger. A second call gives the record as it was closed first.
    /// If the ledger refuses, the closing is kept in the store and goes on the ledger at the next start.
    pub async fn close(&self, id: &SessionId, at: Wall, why: EndReason, bytes: u64) -> Result<UsageRecord, UsageError> {
        for _ in 0..TRIES_MAX {
            let Versioned { value: before, version } = self.versioned(id)?;
            if before.closed_at.is_some() {
                return Ok(before);
            }
            let after = before.closed(at, why, bytes);
            match self.store.commit_async(closing(&after, version)?).await {
                Ok(_) => {
                    self.ledger.append_async(&after.event()).await?;
                    self.store.commit_async(Batch::new().delete(unmirrored_key(id))).await?;
                    return Ok(after);
                }
                Err(CommitError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(CommitError::Conflict { key: record_key(id) }.into())
    }

    /// One session's record. Blocks on a store read.
    pub fn find(&self, id: &SessionId) -> Result<Option<UsageRecord>, UsageError> {
        Ok(self.store.get_json(&record_key(id))?.map(|row| row.value))
    }

    /// Records that fit the filter, oldest first, after the session id `after`, at most `limit`. Session ids sort by the moment
    /// at which their records were opened, so what lies outside the filter's time is not read. Blocks on store reads.
    pub fn list(&self, filter: &Filter, after: Option<&str>, limit: usize) -> Result<Page, UsageError> {
        let mut items = Vec::new();
        let mut cursor = after.map(str::to_owned);
        let (first, end) = (filter.from.map(first_id_of), filter.to.map(end_of_ids));
        if first.as_ref() > cursor.as_ref() {
            cursor = first;
        }
        for _ in 0..ROWS_READ_MAX.div_ceil(ROWS_FETCHED_MAX) {
            let from = cursor.as_ref().map(|id| format!("{RECORDS}{id}"));
            let rows = self.store.range_json::<UsageRecord>(RECORDS, from.as_deref(), ROWS_FETCHED_MAX)?;
            let last_rows = rows.len() < ROWS_FETCHED_MAX;
            for (_, row) in rows {
                if items.len() >= limit {
                    return Ok(Page { items, next: cursor });
                }
                if end.as_ref().is_some_and(|end| is_past(&row.value, end)) {
                    return Ok(Page { items, next: None });
                }
                cursor = Some(row.value.session.0.clone());
                if filter.fits(&row.value) {
                    items.push(row.value);
                }
            }
            if last_rows {
                return Ok(Page { items, next: None });
            }
        }
        Ok(Page { items, next: cursor })
    }

    /// Every record that is not closed. Blocks on store reads.
    pub fn open_ones(&self) -> Result<Vec<UsageRecord>, UsageError> {
        let mut open = Vec::new();
        for id in ids_under(&self.store, OPEN)? {
            open.push(self.versioned(&id)?.value);
        }
        Ok(open)
    }

    fn versioned(&self, id: &SessionId) -> Result<Versioned<UsageRecord>, UsageError> {
        self.store.get_json(&record_key(id))?.ok_or_else(|| UsageError::Unknown(id.clone()))
    }
}

impl Filter {
    fn fits(&self, record: &UsageRecord) -> bool {
        let same = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        same(&self.user, &record.user)
            && same(&self.unit, &record.unit)
            && same(&self.camera, record.content.camera.as_str())
            && same(&self.purpose, &record.purpose)
            && self.from.is_none_or(|from| record.opened_at.0 >= from)
            && self.to.is_none_or(|to| record.opened_at.0 < to)
    }
}

/// The least id of the millisecond after `to`.
fn end_of_ids(to: Wall) -> String {
    first_id_of(to + Duration::from_millis(1))
}

/// True where this record, and so each after it, was opened too late. An id of another make says nothing of its time.
fn is_past(record: &UsageRecord, end: &str) -> bool {
    record.session.0.len() == ID_CHARS && record.session.0.as_str() >= end
}

/// The batch that closes a record: it leaves a note that the ledger has yet to hear of it.
fn closing(closed: &UsageRecord, version: crate::store::Revision) -> Result<Batch, CommitError> {
    let id = &closed.session;
    Ok(Batch::new()
        .expect_version(record_key(id), version)
        .put_json(record_key(id), closed)?
        .delete(open_key(id))
        .put(unmirrored_key(id), Vec::new()))
}

/// All session ids that have a key under the prefix.
fn ids_under(store: &Store, prefix: &str) -> Result<Vec<SessionId>, StoreError> {
    let mut ids = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let rows = store.range(prefix, after.as_deref(), ROWS_FETCHED_MAX)?;
        let Some(last) = rows.last() else { return Ok(ids) };
        after = Some(last.key.clone());
        ids.extend(rows.iter().filter_map(|row| row.key.strip_prefix(prefix)).map(|id| SessionId(id.to_owned())));
    }
}

const RECORDS: &str = "usage/record/";
const OPEN: &str = "usage/open/";
const UNMIRRORED: &str = "usage/unmirrored/";

/// The key of a session's record.
pub fn record_key(id: &SessionId) -> String {
    format!("{RECORDS}{}", id.0)
}

fn open_key(id: &SessionId) -> String {
    format!("{OPEN}{}", id.0)
}

fn unmirrored_key(id: &SessionId) -> String {
    format!("{UNMIRRORED}{}", id.0)
}

#[cfg(test)]
mod tests;
