//! What time does to the registers: one task that sleeps until the first record is due, takes its step, and looks again. Nothing is
//! visited that is not due; the queue is in the store, so that a restart makes up for what fell due meanwhile.

use std::sync::Arc;
use std::time::Duration;

use media::wall::Wall;

use crate::books;
use crate::deps::Deps;
use crate::register::rows::{DUES, due_of};
use crate::store::WatchLag;

/// It looks at least this often, so that a clock that is set is followed.
const LOOK_AGAIN_MAX: Duration = Duration::from_secs(30);
/// After a step that failed it waits this long, so that it does not spin.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// Rows taken at a time.
const ROWS_FETCHED: usize = 500;

/// Takes what is due, for as long as the store is open.
pub async fn run(deps: Arc<Deps>) {
    let mut dues = deps.store.watch(DUES);
    loop {
        let wait = match take_due(&deps).await {
            Ok(Some(next)) => next.since(deps.now()).min(LOOK_AGAIN_MAX),
            Ok(None) => LOOK_AGAIN_MAX,
            Err(Failed) => AFTER_FAILURE,
        };
        // Else time passed, or the queue changed, or so much changed that it has to be looked at anew: the next turn does.
        if let Ok(Err(WatchLag::Closed)) = tokio::time::timeout(wait, dues.changed()).await {
            return;
        }
    }
}

/// Something due could not be taken; it was logged.
struct Failed;

/// Takes all that is due; gives when the next is.
async fn take_due(deps: &Arc<Deps>) -> Result<Option<Wall>, Failed> {
    let mut failed = false;
    let mut after: Option<String> = None;
    loop {
        let rows = deps.store.range(DUES, after.as_deref(), ROWS_FETCHED).map_err(|error| {
            tracing::error!(%error, "what is due could not be read; it is tried again");
            Failed
        })?;
        for row in &rows {
            after = Some(row.key.clone());
            let Some((at, name, id)) = due_of(&row.key) else { continue };
            if at > deps.now() {
                return if failed { Err(Failed) } else { Ok(Some(at)) };
            }
            let Some(book) = books::find(name) else { continue };
            if let Err(error) = (book.take_due)(&deps.registers, &id).await {
                failed = true;
                tracing::warn!(register = name, id = %id.0, code = error.code().text(), "a step that is due was not taken yet");
            }
        }
        if rows.len() < ROWS_FETCHED {
            return if failed { Err(Failed) } else { Ok(None) };
        }
    }
}
