//! What systemd is told: ready, stopping, and, where the unit sets WatchdogSec, that the appliance still works. It is only
//! told so while the store answers: a process that hangs on its disk is restarted.

use std::sync::Arc;

use control_api::deps::Deps;
use sd_notify::NotifyState;

/// Tells systemd that everything answers. Without systemd it does nothing.
pub(crate) fn ready() {
    notify(NotifyState::Ready);
}

/// Tells systemd that the stop has begun.
pub(crate) fn stopping() {
    notify(NotifyState::Stopping);
}

fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "systemd could not be told");
    }
}

/// Pets the watchdog at half its time, as sd_watchdog_enabled(3) advises, as long as a read of the store comes back.
pub(crate) async fn pet(deps: Arc<Deps>) {
    let Some(time) = sd_notify::watchdog_enabled() else { return };
    let mut timer = tokio::time::interval(time / 2);
    loop {
        timer.tick().await;
        let deps = Arc::clone(&deps);
        let answers = tokio::task::spawn_blocking(move || deps.store.revision()).await;
        if answers.is_ok() {
            notify(NotifyState::Watchdog);
        }
    }
}
