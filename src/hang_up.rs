//! SIGHUP: the site's own policies are read anew; so is the certificate, by `tls`. Deliberately absent: any other setting; those take
//! a restart.

use std::sync::Arc;

use control_api::deps::Deps;
use tokio::signal::unix::{SignalKind, signal};

/// Reloads at each signal, until it is dropped. What a fault in the policies does is theirs: it is told, and nothing changes.
pub(crate) async fn reload_policies(deps: Arc<Deps>) {
    let mut hang_ups = match signal(SignalKind::hangup()) {
        Ok(hang_ups) => hang_ups,
        Err(error) => {
            tracing::error!(%error, "SIGHUP cannot be heard; reload policies over the API");
            return;
        }
    };
    while hang_ups.recv().await.is_some() {
        let deps = Arc::clone(&deps);
        let reloaded = tokio::task::spawn_blocking(move || deps.reload_policies(None)).await;
        match reloaded {
            Ok(Ok(in_force)) => tracing::info!(version = %in_force.rules.version(), "policies were read anew"),
            Ok(Err(error)) => tracing::error!(%error, "policies were not taken"),
            Err(error) => tracing::error!(%error, "reloading policies ended by a defect"),
        }
    }
}
