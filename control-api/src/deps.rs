//! What every handler is given: the store, the ledger, the clock, the floor below, and the services made of them. Made once,
//! by the binary or a test. Deliberately absent: logic; the two methods keep the order "on record first, then changed".

use std::sync::Arc;

use media::wall::{Clock, Wall};
use relay::lease::Leases;

use crate::authn::password::BadCost;
use crate::authn::{Authn, Principal};
use crate::config::Config;
use crate::error::{ApiError, Code};
use crate::ledger::{Actor, Event, Kind, Ledger};
use crate::ports::{CameraPort, RecordingPort};
use crate::store::{Batch, CommitError, Revision, Store};

/// What the binary brings.
pub struct Parts {
    /// State.
    pub store: Store,
    /// The audit log.
    pub ledger: Ledger,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The relay's table of leases.
    pub leases: Arc<Leases>,
    /// The relay's fleet of cameras.
    pub cameras: Arc<dyn CameraPort>,
    /// The recorder's index.
    pub recordings: Arc<dyn RecordingPort>,
    /// Settings.
    pub config: Config,
}

/// The state of the API, shared by all handlers.
pub struct Deps {
    /// State.
    pub store: Store,
    /// The audit log.
    pub ledger: Ledger,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The relay's table of leases.
    pub leases: Arc<Leases>,
    /// The relay's fleet of cameras.
    pub cameras: Arc<dyn CameraPort>,
    /// The recorder's index.
    pub recordings: Arc<dyn RecordingPort>,
    /// Sign-ins.
    pub authn: Authn,
    /// Settings.
    pub config: Config,
}

impl Deps {
    /// Joins the parts. Hashes one password, so it takes some tens of milliseconds.
    pub fn new(parts: Parts) -> Result<Arc<Self>, BadCost> {
        let Parts { store, ledger, clock, leases, cameras, recordings, config } = parts;
        let authn = Authn::new(store.clone(), ledger.clone(), Arc::clone(&clock), &config)?;
        Ok(Arc::new(Self { store, ledger, clock, leases, cameras, recordings, authn, config }))
    }

    /// The time of the decision at hand.
    pub fn now(&self) -> Wall {
        self.clock.wall()
    }

    /// An event of `kind` by `principal`, now, with where it came from.
    pub fn event(&self, kind: Kind, principal: &Principal) -> Event {
        Event::new(kind, self.now()).actor(actor(principal)).terminal(principal.terminal().to_string())
    }

    /// Puts the event on the ledger; on disk when it returns, else `AUDIT_UNAVAILABLE`.
    pub async fn record(&self, event: &Event) -> Result<(), ApiError> {
        record(&self.ledger, event).await
    }

    /// A change of a register: on the ledger first, then in the store. Where the store then refuses, that is recorded as well.
    pub async fn change(&self, event: Event, batch: Batch) -> Result<Revision, ApiError> {
        self.record(&event).await?;
        match self.store.commit_async(batch).await {
            Ok(revision) => Ok(revision),
            Err(error) => {
                let error = ApiError::from(error);
                self.record(&event.with("outcome", "not_done").code(error.code().text())).await?;
                Err(error)
            }
        }
    }
}

/// `principal` as the ledger names them.
pub fn actor(principal: &Principal) -> Actor {
    Actor { user: principal.user().to_string(), unit: Some(principal.unit().to_string()), role: None }
}

/// Puts the event on the ledger, or fails closed.
pub(crate) async fn record(ledger: &Ledger, event: &Event) -> Result<(), ApiError> {
    match ledger.append_async(event).await {
        Ok(_) => Ok(()),
        Err(error) => {
            tracing::error!(%error, kind = event.kind.as_str(), "an event could not be put on the ledger");
            Err(Code::AuditUnavailable.into())
        }
    }
}

/// A lost race is the caller's to repeat; anything else is ours, and logged here.
impl From<CommitError> for ApiError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict { .. } => Code::Conflict.into(),
            error => {
                tracing::error!(%error, "a commit failed");
                Code::Internal.into()
            }
        }
    }
}

impl From<crate::store::StoreError> for ApiError {
    fn from(error: crate::store::StoreError) -> Self {
        tracing::error!(%error, "the store could not be read");
        Code::Internal.into()
    }
}
