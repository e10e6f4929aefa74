//! A fleet with short time-outs, and ways to wait for what it says.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use media::frame::{Frame, StreamInfo};
use media::hub::{Budget, Delivery, Hub, Start, Subscriber};
use media::id::{Profile, StreamKey};
use media::wall::{Clock, Wall};
use prometheus::Registry;
use tokio::sync::broadcast;

use crate::core::Cores;
use crate::directory::Streams;
use crate::fleet::*;
use crate::ingest::{Reason, Source, Transport};
use crate::sim::{Sim, SimConfig, SimHandle, demo_clip};

/// Nothing here takes longer than a fraction of this on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

pub(super) struct RealClock(Instant);

impl RealClock {
    // The simulator and the sockets run in real time.
    #[allow(clippy::disallowed_methods)]
    pub(super) fn shared() -> Arc<dyn Clock> {
        Arc::new(Self(Instant::now()))
    }
}

impl Clock for RealClock {
    #[allow(clippy::disallowed_methods)]
    fn wall(&self) -> Wall {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Wall::from_micros(since.as_micros() as i64)
    }

    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

pub(super) struct Rig {
    pub(super) fleet: Arc<Fleet>,
    pub(super) streams: Arc<Streams>,
    pub(super) registry: Registry,
    cores: Arc<Cores>,
    changes: broadcast::Receiver<StateChange>,
}

pub(super) fn quick() -> FleetConfig {
    let mut config = FleetConfig { dials_per_second_max: 1_000, ..FleetConfig::default() };
    let millis = Duration::from_millis;
    config.backoff.usual = Waits { floor: millis(10), first: millis(50), longest: millis(200) };
    config.ingest.dial_timeout = millis(1_500);
    config.ingest.first_packet_timeout = millis(1_500);
    config.ingest.first_keyframe_timeout = millis(4_000);
    config.ingest.stall_timeout = millis(1_500);
    config
}

impl Rig {
    pub(super) fn new(config: FleetConfig) -> Self {
        let cores = Cores::start(1, crate::core::test_engine(), &RealClock::shared()).unwrap();
        let (streams, registry) = (Streams::new(), Registry::new());
        let fleet =
            Fleet::new(Arc::clone(&cores), Arc::clone(&streams), RealClock::shared(), config, &registry).unwrap();
        let changes = fleet.watch();
        Self { fleet, streams, registry, cores, changes }
    }

    pub(super) fn add(&self, camera: &str, url: &str, transport: Transport) -> Arc<Hub> {
        let source = Source::parse(url, None, transport).unwrap();
        self.fleet.add(CameraStream { key: key(camera), source }).unwrap()
    }

    /// The next change of that camera to this state; changes before it are passed over.
    pub(super) async fn until(&mut self, camera: &str, state: State) -> StateChange {
        let wait = async {
            loop {
                let change = self.changes.recv().await.unwrap();
                if change.stream == key(camera) && change.state == state {
                    return change;
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{camera} did not become {state:?}"))
    }

    /// Why the camera's next connection ends.
    pub(super) async fn end(&mut self, camera: &str) -> Reason {
        self.until(camera, State::BackingOff).await.reason.unwrap()
    }

    pub(super) async fn stop(self) {
        self.fleet.shutdown().await;
        let cores = self.cores;
        tokio::task::spawn_blocking(move || cores.join()).await.unwrap();
    }
}

pub(super) fn key(camera: &str) -> StreamKey {
    StreamKey { camera: camera.parse().unwrap(), profile: Profile::Main }
}

pub(super) fn sim(cameras: usize) -> SimHandle {
    let clip = demo_clip().unwrap();
    let listen = "127.0.0.1:0".parse().unwrap();
    Sim::start(SimConfig { listen, cameras, clip, stamped: false, clock: RealClock::shared() }).unwrap()
}

/// A reader that waits for frames.
pub(super) struct Viewer(Subscriber);

impl Viewer {
    pub(super) fn new(hub: &Arc<Hub>) -> Self {
        Self(hub.subscribe(Start::Oldest, Budget::default()))
    }

    pub(super) async fn frame(&mut self) -> (Frame, Arc<StreamInfo>) {
        let delivery = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("a frame in time");
        match delivery.expect("the hub stays open") {
            Delivery::Frame(published) => (published.frame.clone(), Arc::clone(&published.info)),
            Delivery::Lagged { frames, .. } => panic!("missed {frames} frames"),
        }
    }

    pub(super) async fn until(&mut self, wanted: impl Fn(&Frame, &StreamInfo) -> bool) -> (Frame, Arc<StreamInfo>) {
        loop {
            let (frame, info) = self.frame().await;
            if wanted(&frame, &info) {
                return (frame, info);
            }
        }
    }
}
