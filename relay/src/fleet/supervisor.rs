//! One stream's life: dial, run, back off, again. Whatever goes wrong has a reason and is followed by a wait.

use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use media::wall::Clock;
use tokio::sync::{broadcast, watch};

use super::FleetConfig;
use super::backoff::Backoff;
use super::dials::Dials;
use super::status::{Shared, State, StateChange};
use crate::core::Local;
use crate::ingest::{Ingest, IngestErrors, Reason, Source};

/// What all supervisors share.
pub(super) struct Site {
    pub(super) config: FleetConfig,
    pub(super) dials: Dials,
    pub(super) errors: IngestErrors,
    pub(super) changes: broadcast::Sender<StateChange>,
    pub(super) clock: Arc<dyn Clock>,
}

/// What a supervisor shall do.
#[derive(Clone)]
pub(super) struct Orders {
    pub(super) source: Arc<Source>,
    pub(super) stop: bool,
}

/// How a connection ended, and how long frames had come over it.
struct End {
    reason: Reason,
    lived: Duration,
}

/// Runs until told to stop, or until the fleet is gone.
pub(super) async fn supervise(
    site: Arc<Site>,
    shared: Arc<Shared>,
    mut orders: watch::Receiver<Orders>,
    local: Rc<Local>,
) {
    let supervisor = Supervisor { site: &site, shared: &shared };
    let ingest = &site.config.ingest;
    let hub = Arc::clone(&shared.hub);
    let mut ingest = Ingest::new(hub, Arc::clone(&shared.vitals), *ingest, site.errors.clone(), &local);
    let mut backoff = Backoff::new(site.config.backoff);
    while let ControlFlow::Continue(()) = supervisor.once(&mut ingest, &mut backoff, &mut orders).await {}
    supervisor.enter(State::Stopped, Some(Reason::Shutdown));
}

struct Supervisor<'a> {
    site: &'a Site,
    shared: &'a Shared,
}

impl Supervisor<'_> {
    /// One connection and the wait after it.
    async fn once(
        &self,
        ingest: &mut Ingest,
        backoff: &mut Backoff,
        orders: &mut watch::Receiver<Orders>,
    ) -> ControlFlow<()> {
        let now = orders.borrow_and_update().clone();
        if now.stop {
            return ControlFlow::Break(());
        }
        self.enter(State::Dialing, None);
        let end = tokio::select! {
            biased;
            order = orders.changed() => match order {
                Ok(()) if !orders.borrow().stop => End { reason: Reason::Updated, lived: Duration::ZERO },
                _ => return ControlFlow::Break(()),
            },
            end = self.connection(&now.source, ingest) => end,
        };
        self.shared.count_end(end.reason);
        self.enter(State::BackingOff, Some(end.reason));
        if end.reason == Reason::Updated {
            return ControlFlow::Continue(());
        }
        let wait = backoff.next(end.reason, end.lived, random());
        tracing::info!(camera = %self.shared.stream.camera, reason = %end.reason, ?wait, "camera is away");
        tokio::select! {
            () = tokio::time::sleep(wait) => ControlFlow::Continue(()),
            order = orders.changed() => if order.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) },
        }
    }

    async fn connection(&self, source: &Source, ingest: &mut Ingest) -> End {
        let turn = self.site.dials.turn().await;
        let dialed = ingest.dial(source).await;
        drop(turn);
        let mut connection = match dialed {
            Ok(connection) => connection,
            Err(failure) => {
                tracing::debug!(camera = %self.shared.stream.camera, %failure, "dialling failed");
                return End { reason: failure.reason, lived: Duration::ZERO };
            }
        };
        if let Err(failure) = connection.until_first_frame().await {
            tracing::debug!(camera = %self.shared.stream.camera, %failure, "no frame came");
            return End { reason: failure.reason, lived: Duration::ZERO };
        }
        let began = self.site.clock.monotonic();
        self.enter(State::Running, None);
        let failure = connection.run().await;
        tracing::debug!(camera = %self.shared.stream.camera, %failure, "connection ended");
        End { reason: failure.reason, lived: self.site.clock.monotonic().saturating_sub(began) }
    }

    fn enter(&self, state: State, reason: Option<Reason>) {
        let change = self.shared.enter(state, reason, self.site.clock.wall());
        // Nobody may be watching.
        let _ = self.site.changes.send(change);
    }
}

/// From 0 to below 1. Without random bits from the system the wait is the middle one.
fn random() -> f64 {
    getrandom::u32().map_or(0.5, |bits| f64::from(bits) / (f64::from(u32::MAX) + 1.0))
}
