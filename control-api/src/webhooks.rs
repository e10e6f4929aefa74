//! Events told to other systems: each subscription follows the ledger with a cursor of its own and POSTs what it asked for, signed
//! as standardwebhooks.com has it, in order and at least once. The cursor moves after a 2xx only, and survives a restart. Whatever a
//! receiver does, nothing else waits for it. Deliberately absent: addresses that the configuration does not name.

mod courier;
mod metrics;
pub mod signing;
pub mod subscription;

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use media::wall::Clock;
use prometheus::Registry;
use tokio::task::{AbortHandle, JoinSet};
use url::Url;

use crate::ledger::Ledger;
use crate::outbound::Outbound;
use crate::store::{Store, StoreError};
use courier::{Courier, Parcel};
use metrics::WebhookMetrics;
use subscription::{SUBSCRIPTIONS, Subscription};

/// Subscriptions at most: each is a task and a series of metrics.
pub const SUBSCRIPTIONS_MAX: usize = 32;
/// How often it is looked which subscriptions there are.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Where events may go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `host` for https at port 443, or `host:port` for http and https at that port. None: there are no webhooks.
    pub hosts: Vec<String>,
}

impl Settings {
    /// Whether events may be sent to this address. A system administrator makes subscriptions, and must not be able to have the
    /// appliance knock at every door of the network it stands in.
    pub fn allows(&self, url: &Url) -> bool {
        let Some(host) = url.host_str() else { return false };
        let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
        let port = url.port_or_known_default();
        let named = |allowed: &String| {
            let https = url.scheme() == "https" && port == Some(443) && allowed == host;
            https || port.is_some_and(|port| *allowed == format!("{host}:{port}"))
        };
        plain && matches!(url.scheme(), "http" | "https") && self.hosts.iter().any(named)
    }
}

/// All subscriptions' deliveries.
pub struct Webhooks {
    store: Store,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    outbound: Outbound,
    settings: Settings,
    metrics: Arc<WebhookMetrics>,
}

impl Webhooks {
    /// Nothing is sent before `run`.
    pub fn new(
        settings: Settings,
        store: Store,
        ledger: Ledger,
        clock: Arc<dyn Clock>,
        outbound: Outbound,
        registry: &Registry,
    ) -> prometheus::Result<Arc<Self>> {
        let metrics = Arc::new(WebhookMetrics::new(registry)?);
        Ok(Arc::new(Self { store, ledger, clock, outbound, settings, metrics }))
    }

    /// Where events may go.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Sends one event that is none, now, and tells what came of it: the status, or why there is none.
    pub async fn try_out(&self, subscription: &Subscription) -> Result<u16, String> {
        let parcel = Parcel::trial(subscription, self.clock.wall()).map_err(|error| error.to_string())?;
        self.courier(subscription.clone()).hand_over(&parcel).await
    }

    fn courier(&self, subscription: Subscription) -> Courier {
        Courier {
            subscription,
            store: self.store.clone(),
            ledger: self.ledger.clone(),
            clock: Arc::clone(&self.clock),
            outbound: self.outbound.clone(),
            metrics: Arc::clone(&self.metrics),
        }
    }

    /// Delivers until `stop` is done. A delivery under way is broken off, and made again at the next start.
    pub async fn run(self: Arc<Self>, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut couriers = JoinSet::new();
        let mut running: HashMap<String, AbortHandle> = HashMap::new();
        loop {
            match self.active() {
                Ok(active) => self.follow(active, &mut couriers, &mut running),
                Err(error) => tracing::error!(%error, "subscriptions to events could not be read"),
            }
            tokio::select! {
                () = &mut stop => break,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
        couriers.shutdown().await;
    }

    fn follow(
        &self,
        active: Vec<Subscription>,
        couriers: &mut JoinSet<()>,
        running: &mut HashMap<String, AbortHandle>,
    ) {
        while couriers.try_join_next().is_some() {}
        running.retain(|id, courier| {
            let wanted = active.iter().any(|subscription| subscription.id == *id);
            if !wanted {
                courier.abort();
                self.metrics.forget(id);
            }
            // One that has ended by itself is started again.
            wanted && !courier.is_finished()
        });
        for subscription in active {
            if !running.contains_key(&subscription.id) {
                let id = subscription.id.clone();
                let courier = self.courier(subscription);
                running.insert(id, couriers.spawn(courier.run()));
            }
        }
    }

    /// Blocks on a store read of a few rows.
    fn active(&self) -> Result<Vec<Subscription>, StoreError> {
        let rows = self.store.range_json::<Subscription>(SUBSCRIPTIONS, None, SUBSCRIPTIONS_MAX)?;
        // One whose host the configuration no longer names is not served.
        let served = |row: &Subscription| row.active && self.settings.allows(&row.url);
        Ok(rows.into_iter().map(|(_, row)| row.value).filter(served).collect())
    }
}

#[cfg(test)]
mod tests;
