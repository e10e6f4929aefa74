//! What goes on beside the requests: the relay's events are put on record, changed registers end what hangs on them, grants
//! begin and run out in time, leases and records are compared. At the stop every session ends and its record closes.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use relay::lease::EventReceiver;
use tokio::task::JoinSet;

use crate::deps::Deps;

/// At the stop, the closes of all sessions are waited for at most this long; the next start closes the rest with `crash`.
const CLOSES_DUE_AFTER: Duration = Duration::from_secs(8);
/// How often it is looked at the clock: a step back is told apart from slewing by its size between two looks.
const LOOK_AT_CLOCK_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whether all closes are in.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Runs until `stop` is done, then ends all sessions and sees their records closed. `relay::lease::Leases::run` has to be
/// driven meanwhile, by whoever drives the relay.
pub async fn run(deps: Arc<Deps>, events: EventReceiver, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    let mut tasks = JoinSet::new();
    spawn_all(&mut tasks, &deps, events);
    tokio::select! {
        () = &mut stop => {}
        failed = tasks.join_next() => {
            tracing::error!(failed = ?failed, "a task beside the requests ended; sessions are no longer attended to");
            stop.await;
        }
    }
    deps.sessions.end_all();
    let closed = async {
        while deps.sessions.any_unclosed() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    if tokio::time::timeout(CLOSES_DUE_AFTER, closed).await.is_err() {
        tracing::warn!("some usage records are closed at the next start");
    }
    tasks.shutdown().await;
}

fn spawn_all(tasks: &mut JoinSet<()>, deps: &Arc<Deps>, events: EventReceiver) {
    let sessions = Arc::clone(&deps.sessions);
    tasks.spawn(async move { sessions.listen(events).await });
    let sessions = Arc::clone(&deps.sessions);
    tasks.spawn(async move { sessions.follow().await });
    let sessions = Arc::clone(&deps.sessions);
    tasks.spawn(async move { sessions.compare().await });
    tasks.spawn(crate::clerk::run(Arc::clone(deps)));
    let trust = Arc::clone(&deps.clock_trust);
    tasks.spawn(async move {
        let mut looks = tokio::time::interval(LOOK_AT_CLOCK_EVERY);
        loop {
            looks.tick().await;
            // Told in the metrics, and a step is noticed though nobody asks for a session.
            trust.is_trusted();
        }
    });
    let deps = Arc::clone(deps);
    tasks.spawn(async move {
        let expired = |grant: Arc<crate::grants::Grant>| {
            let deps = Arc::clone(&deps);
            async move {
                if let Err(error) = deps.applications.expire(grant.application()).await {
                    tracing::warn!(application = %grant.application().0, code = error.code().text(), "not marked as expired");
                }
            }
        };
        deps.sessions.keep_time(expired).await;
    });
}
