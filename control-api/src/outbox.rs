//! A change and its ledger event as one: the event is committed with the change, and leaves the store once the ledger has it.
//! So the ledger never tells of what did not happen, and what happened is told at the next start at the latest. A failed
//! ledger takes nothing more in until then, and without it no session opens.

use futures_util::future::try_join_all;
use media::wall::Wall;

use crate::error::{ApiError, Code};
use crate::ledger::{Event, Ledger, LedgerUnavailable};
use crate::mint::{NoEntropy, sortable_id};
use crate::store::{Batch, CommitError, Store, StoreError};

/// Events that the ledger has yet to hear of.
const OWED: &str = "ledger/owed/";
/// Rows read at a time while settling.
const ROWS_FETCHED_MAX: usize = 500;

/// Why a change was not made, or was made and is not on the ledger yet.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The store refused; nothing was changed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The store could not be read.
    #[error(transparent)]
    Read(#[from] StoreError),
    /// The change was made; the ledger hears of it at the next start.
    #[error(transparent)]
    Ledger(#[from] LedgerUnavailable),
    /// No id could be made; nothing was changed.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The task that changes things failed; whether something was changed is not known.
    #[error("the change was broken off: {0}")]
    Task(tokio::task::JoinError),
}

impl From<ChangeError> for ApiError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Commit(CommitError::Conflict { .. }) => Code::Conflict.into(),
            ChangeError::Ledger(error) => {
                tracing::error!(%error, "a change waits for the ledger");
                Code::AuditUnavailable.into()
            }
            other => {
                tracing::error!(error = %other, "a change could not be made");
                Code::Internal.into()
            }
        }
    }
}

/// The store and the ledger, for changes that need both.
#[derive(Clone)]
pub struct Outbox {
    store: Store,
    ledger: Ledger,
}

impl Outbox {
    /// Puts on the ledger what the last run still owed it. Blocks; runs before anything is served.
    pub fn start(store: Store, ledger: Ledger) -> Result<Self, ChangeError> {
        loop {
            let owed = store.range_json::<Event>(OWED, None, ROWS_FETCHED_MAX)?;
            if owed.is_empty() {
                return Ok(Self { store, ledger });
            }
            for (key, row) in owed {
                ledger.append(&row.value)?;
                store.commit(Batch::new().delete(key))?;
            }
        }
    }

    /// `AUDIT_UNAVAILABLE` while the ledger takes nothing: then nothing is given either. What takes rights away does not ask.
    pub fn require_ledger(&self) -> Result<(), ApiError> {
        if self.ledger.status().poisoned.is_none() { Ok(()) } else { Err(Code::AuditUnavailable.into()) }
    }

    /// Commits the batch, then calls `committed`, then puts the event on the ledger.
    pub async fn change(
        &self,
        now: Wall,
        batch: Batch,
        event: Event,
        committed: impl FnOnce() + Send + 'static,
    ) -> Result<(), ChangeError> {
        self.change_all(now, batch, vec![event], committed).await
    }

    /// As [`Self::change`], with several events, queued in their order. Once begun it goes on to its end even if the caller is
    /// dropped: a client that hangs up must not leave a change half told.
    pub async fn change_all(
        &self,
        now: Wall,
        batch: Batch,
        events: Vec<Event>,
        committed: impl FnOnce() + Send + 'static,
    ) -> Result<(), ChangeError> {
        let outbox = self.clone();
        let change = tokio::spawn(async move { outbox.change_to_end(now, batch, events, committed).await });
        change.await.unwrap_or_else(|failed| Err(ChangeError::Task(failed)))
    }

    async fn change_to_end(
        &self,
        now: Wall,
        mut batch: Batch,
        events: Vec<Event>,
        committed: impl FnOnce() + Send,
    ) -> Result<(), ChangeError> {
        let id = sortable_id(now)?;
        let mut paid = Batch::new();
        for (place, event) in events.iter().enumerate() {
            let key = format!("{OWED}{id}-{place:04}");
            batch = batch.put_json(&key, event)?;
            paid = paid.delete(key);
        }
        self.store.commit_async(batch).await?;
        committed();
        // Side by side, so that many share a sync; each is queued in its turn as it is first polled.
        try_join_all(events.iter().map(|event| self.ledger.append_async(event))).await?;
        if let Err(error) = self.store.commit_async(paid).await {
            // The ledger has them; the next start tells them once more.
            tracing::warn!(%error, "events stay in the outbox");
        }
        Ok(())
    }
}
