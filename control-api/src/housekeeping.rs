//! What is taken out of the store once its time is over: sign-ins and kept answers. One task with one slow timer.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use crate::deps::Deps;
use crate::error::ApiError;
use crate::http::idempotency;

/// How often. What is over is refused at once; this only keeps the store small.
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
        let deps = Arc::clone(&deps);
        let swept = tokio::task::spawn_blocking(move || sweep(&deps)).await;
        if let Ok(Ok(rows)) = swept {
            tracing::debug!(rows, "swept what is over");
        }
    }
}

/// One sweep; returns the rows taken out. Blocks.
pub fn sweep(deps: &Deps) -> Result<usize, ApiError> {
    Ok(deps.authn.sweep()? + idempotency::sweep(deps)?)
}
