//! The cameras: one supervisor for each stream, which dials, runs, and backs off, forever, and says why. A stream's hub
//! outlives its connections, so viewers and the recorder stay through a camera's absence. Which cameras there are is told
//! from above; nothing here is stored.

mod backoff;
mod dials;
mod metrics;
mod status;
mod supervisor;

use std::collections::BTreeMap;
use std::sync::Arc;

use media::hub::{Hub, HubLimits};
use media::id::StreamKey;
use media::wall::Clock;
use parking_lot::Mutex;
use prometheus::Registry;
use tokio::sync::{broadcast, watch};

use crate::core::{Cores, NotSpawned, Placed, Task};
use crate::directory::{Stream, Streams};
use crate::ingest::{IngestConfig, IngestErrors, Source};
pub use backoff::{BackoffConfig, Waits};
use dials::Dials;
use status::Shared;
pub use status::{CameraStatus, State, StateChange};
use supervisor::{Orders, Site};

/// State changes kept for a reader of `watch` that is late; after that it is told that it missed some. All cameras of a
/// full appliance going away and coming back twice fit.
const CHANGES_QUEUED_MAX: usize = 8_192;

/// Settings of the cameras' side.
#[derive(Clone, Debug)]
pub struct FleetConfig {
    /// Streams at most.
    pub streams_max: usize,
    /// Dials begun per second at most, over all cameras.
    pub dials_per_second_max: u32,
    /// Dials going on at the same time at most.
    pub dials_concurrent_max: usize,
    /// Waits between dials.
    pub backoff: BackoffConfig,
    /// Time-outs of a connection.
    pub ingest: IngestConfig,
    /// Bounds of each stream's hub.
    pub hub: HubLimits,
    /// What a stream counts for when cores are balanced, in bits per second, until more is known of it.
    pub expected_bitrate: u64,
}

impl Default for FleetConfig {
    fn default() -> Self {
        Self {
            streams_max: 4_096,
            dials_per_second_max: 50,
            dials_concurrent_max: 32,
            backoff: BackoffConfig::default(),
            ingest: IngestConfig::default(),
            hub: HubLimits::default(),
            expected_bitrate: 4_000_000,
        }
    }
}

/// A stream to pull.
#[derive(Clone, Debug)]
pub struct CameraStream {
    /// Its name.
    pub key: StreamKey,
    /// Where it comes from.
    pub source: Source,
}

/// Why a stream was not added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// It is there already; `update` changes it.
    #[error("stream {camera} is in the fleet already", camera = .0.camera)]
    Present(StreamKey),
    /// The fleet is full.
    #[error("the fleet holds {0} streams, which is its limit; raise streams_max or remove some")]
    Full(usize),
    /// The core did not take it.
    #[error(transparent)]
    NotSpawned(#[from] NotSpawned),
    /// The system gave no random bits.
    #[error("no random numbers from the system")]
    NoRandom,
}

/// All cameras of this appliance.
pub struct Fleet {
    cores: Arc<Cores>,
    streams: Arc<Streams>,
    site: Arc<Site>,
    members: Mutex<BTreeMap<StreamKey, Member>>,
}

struct Member {
    shared: Arc<Shared>,
    orders: watch::Sender<Orders>,
    task: Task<()>,
    _place: Placed,
}

impl Fleet {
    /// An empty fleet. Its metrics are registered with `registry`; streams show up in `streams`.
    pub fn new(
        cores: Arc<Cores>,
        streams: Arc<Streams>,
        clock: Arc<dyn Clock>,
        config: FleetConfig,
        registry: &Registry,
    ) -> Result<Arc<Self>, prometheus::Error> {
        let dials = Dials::new(config.dials_per_second_max, config.dials_concurrent_max, Arc::clone(&clock));
        let site = Site {
            dials,
            errors: IngestErrors::register(registry)?,
            changes: broadcast::Sender::new(CHANGES_QUEUED_MAX),
            clock: Arc::clone(&clock),
            config,
        };
        let fleet = Arc::new(Self { cores, streams, site: Arc::new(site), members: Mutex::default() });
        registry.register(Box::new(metrics::Cameras::new(Arc::downgrade(&fleet), clock)))?;
        Ok(fleet)
    }

    /// Begins to pull a stream and gives its hub. Returns at once; `status` tells how it goes.
    pub fn add(&self, camera: CameraStream) -> Result<Arc<Hub>, AddError> {
        let seed = getrandom::u64().map_err(|_| AddError::NoRandom)?;
        let mut members = self.members.lock();
        if members.contains_key(&camera.key) {
            return Err(AddError::Present(camera.key));
        }
        if members.len() >= self.site.config.streams_max {
            return Err(AddError::Full(members.len()));
        }
        let hub = Hub::new(self.site.config.hub, seed);
        let shared = Shared::new(camera.key.clone(), Arc::clone(&hub), self.site.clock.wall());
        let (orders, receiver) = watch::channel(Orders { source: Arc::new(camera.source), stop: false });
        let place = self.cores.place(self.site.config.expected_bitrate);
        let (site, seen) = (Arc::clone(&self.site), Arc::clone(&shared));
        let task = self.cores.spawn_on(place.core(), move |local| {
            supervisor::supervise(site, seen, receiver, std::rc::Rc::clone(local))
        })?;
        let stream = Stream { key: camera.key.clone(), hub: Arc::clone(&hub), core: place.core() };
        if let Some(old) = self.streams.insert(stream) {
            old.hub.close();
        }
        members.insert(camera.key, Member { shared, orders, task, _place: place });
        Ok(hub)
    }

    /// Changes where a stream comes from. Where that is a change it is dialled anew, and viewers stay. False: no such
    /// stream.
    pub fn update(&self, key: &StreamKey, source: Source) -> bool {
        let members = self.members.lock();
        let Some(member) = members.get(key) else { return false };
        member.orders.send_if_modified(|orders| {
            let changed = *orders.source != source;
            if changed {
                orders.source = Arc::new(source);
            }
            changed
        });
        true
    }

    /// Ends a stream for good: its viewers and its recording end with it. It has left the fleet when this returns, so
    /// that one of the same name can be added at once; the future is done when the camera's connection is closed. False:
    /// no such stream.
    pub fn remove(&self, key: &StreamKey) -> impl Future<Output = bool> + Send + use<> {
        let member = self.members.lock().remove(key);
        if let Some(member) = &member {
            self.streams.remove(key);
            member.orders.send_modify(|orders| orders.stop = true);
        }
        async move {
            let Some(member) = member else { return false };
            // None where the core was stopped first: the connection is closed then too.
            let _ = member.task.await;
            member.shared.hub.close();
            true
        }
    }

    /// One stream's status.
    pub fn status(&self, key: &StreamKey) -> Option<CameraStatus> {
        let shared = Arc::clone(&self.members.lock().get(key)?.shared);
        Some(shared.status())
    }

    /// How busy the core is that a new viewer of this stream would be seated on, from 0 to 1.
    pub fn busy_share(&self, key: &StreamKey) -> Option<f64> {
        let home = self.streams.lookup(key)?.core;
        Some(self.cores.busy_share(self.cores.seat(home)))
    }

    /// All streams' status, by name.
    pub fn statuses(&self) -> Vec<CameraStatus> {
        self.cameras().iter().map(|camera| camera.status()).collect()
    }

    /// State changes from now on. A reader that is thousands of changes late gets `Lagged`: read `statuses` then.
    pub fn watch(&self) -> broadcast::Receiver<StateChange> {
        self.site.changes.subscribe()
    }

    /// Ends all supervisors and waits for them, then closes the hubs. Call it before the cores are stopped.
    pub async fn shutdown(&self) {
        let members = std::mem::take(&mut *self.members.lock());
        for member in members.values() {
            member.orders.send_modify(|orders| orders.stop = true);
        }
        for (key, member) in members {
            let _ = member.task.await;
            self.streams.remove(&key);
            member.shared.hub.close();
        }
    }

    fn cameras(&self) -> Vec<Arc<Shared>> {
        self.members.lock().values().map(|m| Arc::clone(&m.shared)).collect()
    }
}

#[cfg(test)]
mod tests;
