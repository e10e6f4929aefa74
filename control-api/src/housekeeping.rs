//! What is done now and then: what is over leaves the store (sign-ins, kept answers, old rows), every rule and hold is handed to the
//! recorder once more, the day that ended is attested and refusals are counted. One task with one slow timer.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use crate::attestation;
use crate::deps::Deps;
use crate::error::ApiError;
use crate::http::idempotency;
use crate::reports;

/// How often. What is over is refused at once; this only keeps the store small. A day is attested this long after midnight.
const EVERY: Duration = Duration::from_secs(600);

/// Runs until `stop` is done.
pub async fn run(deps: Arc<Deps>, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    let mut timer = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = &mut stop => return,
            _ = timer.tick() => {}
        }
        tokio::select! {
            () = &mut stop => return,
            () = turn(&deps) => {}
        }
    }
}

/// One turn. Each part is tried whatever became of the others. May be broken off.
async fn turn(deps: &Arc<Deps>) {
    let sweeping = Arc::clone(deps);
    let swept = tokio::task::spawn_blocking(move || {
        if let Err(error) = sweeping.retention.apply_all() {
            tracing::error!(%error, "rules and holds could not all be handed to the recorder; they are tried again");
        }
        sweep(&sweeping)
    });
    if let Ok(Ok(rows)) = swept.await {
        tracing::debug!(rows, "swept what is over");
    }
    let counting = Arc::clone(deps);
    if let Ok(Err(error)) = tokio::task::spawn_blocking(move || reports::count_denials(&counting)).await {
        tracing::error!(%error, "refusals could not be counted; it is tried again");
    }
    match attestation::attest_due(deps).await {
        Ok(0) => {}
        Ok(attestations) => tracing::info!(attestations, "attested the days that ended"),
        Err(error) => tracing::error!(%error, "a day could not be attested; it is tried again"),
    }
}

/// One sweep; returns the rows taken out. Blocks.
pub fn sweep(deps: &Deps) -> Result<usize, ApiError> {
    let kept = deps.retention.sweep().map_err(|error| failed(&error))?;
    let attested = attestation::sweep(deps).map_err(|error| failed(&error))?;
    Ok(deps.authn.sweep()? + idempotency::sweep(deps)? + kept + attested)
}

fn failed(error: &dyn std::error::Error) -> ApiError {
    tracing::error!(%error, "what is over could not be taken out");
    crate::error::Code::Internal.into()
}
