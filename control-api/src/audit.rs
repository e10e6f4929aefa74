//! One event put on the ledger for a request, or the request refused. Deliberately absent: a change that goes with the event;
//! the outbox keeps those two together.

use crate::error::{ApiError, Code};
use crate::ledger::{Event, Ledger};

/// Puts the event on the ledger, or fails closed: on disk when it returns, else `AUDIT_UNAVAILABLE`.
pub(crate) async fn record(ledger: &Ledger, event: &Event) -> Result<(), ApiError> {
    match ledger.append_async(event).await {
        Ok(_) => Ok(()),
        Err(error) => {
            tracing::error!(%error, kind = event.kind.as_str(), "an event could not be put on the ledger");
            Err(Code::AuditUnavailable.into())
        }
    }
}
