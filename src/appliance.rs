//! The whole appliance: built from a configuration, run until a signal, drained. Build opens everything that can fail
//! before anything is served; a start that fails says where, and leaves nothing running.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use control_api::console::Console;
use control_api::deps::{Deps, Parts};
use control_api::ledger::{Event, Kind, Ledger};
use control_api::render::Studio;
use control_api::store::Store;
use control_api::{attend, bootstrap, housekeeping, routes};
use media::wall::Clock;
use prometheus::Registry;
use recorder::Recorder;
use relay::core::Cores;
use relay::directory::Streams;
use relay::egress::Stage;
use relay::egress::rtsp::{self, RtspServer};
use relay::egress::whep::Whep;
use relay::fleet::Fleet;
use relay::lease::{EventReceiver, Leases};
use relay::metrics::EgressMetrics;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::appliance_id;
use crate::camera_port::{Cameras, Recordings, follow_states};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::listeners::{ApiDoor, listen};
use crate::log::tail as log_tail;
use crate::on_ledger::OnLedger;
use crate::recordings::Tapes;
use crate::retention_port::Retention;
use crate::{mark_key, watchdog};

/// Viewers' connections get this long to end once the stop was asked for.
const VIEWERS_DRAIN: Duration = Duration::from_secs(5);
/// Between two tries to hand rules and holds to the recorder.
const RULES_RETRY: Duration = Duration::from_secs(30);
/// Where every set of policies that was ever in force is kept, in the folder of the state.
pub(crate) const POLICY_ARCHIVE: &str = "policies";
/// Threads of the control API; media has cores of its own.
const API_THREADS: usize = 2;

/// Where a started appliance can be reached; differs from the configuration where that says port 0.
#[derive(Clone, Debug)]
pub(crate) struct Reached {
    /// HTTP.
    pub(crate) api: SocketAddr,
    /// RTSP, the first of its addresses.
    pub(crate) rtsp: SocketAddr,
    /// WebRTC, by UDP.
    pub(crate) whep: SocketAddr,
    /// RTSP over TLS, the first of its addresses.
    pub(crate) rtsps: Option<SocketAddr>,
    /// Metrics.
    pub(crate) metrics: SocketAddr,
    /// What HTTP's certificate is checked by; none where it speaks none.
    pub(crate) trust: Option<PathBuf>,
}

impl Reached {
    /// The API's address as a URL.
    pub(crate) fn api_url(&self) -> String {
        format!("http{}://{}", if self.trust.is_some() { "s" } else { "" }, self.api)
    }
}

/// Builds, serves until SIGTERM or SIGINT, drains. `ready` is spawned once everything answers.
pub(crate) fn run<R>(config: Config, ready: impl FnOnce(Reached) -> R) -> anyhow::Result<()>
where
    R: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(API_THREADS)
        .thread_name("api")
        .enable_all()
        .build()
        .context("no runtime")?;
    runtime.block_on(async {
        let appliance = Appliance::build(config).await?;
        let ready = ready(appliance.reached.clone());
        appliance.serve(ready).await
    })
}

/// Everything, built and listening, serving nothing yet.
struct Appliance {
    reached: Reached,
    registry: Registry,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    cores: Arc<Cores>,
    fleet: Arc<Fleet>,
    recorder: Arc<Recorder>,
    leases: Arc<Leases>,
    events: EventReceiver,
    rtsp: RtspServer,
    api: ApiDoor,
    metrics: TcpListener,
    deps: Arc<Deps>,
}

impl Appliance {
    async fn build(mut config: Config) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let registry = Registry::new();
        register_process(&registry)?;
        let api = ApiDoor::open(&config, &clock, &registry).await?;
        let metrics = listen(config.metrics_listen, "metrics.listen").await?;

        make_folders(&config)?;
        config.recorder.appliance = appliance_id::load_or_make(&config.state_path).context("state.path")?;
        let marks = mark_key::load_or_make(&config.state_path).context("state.path")?;
        let store = Store::open(&config.state_path.join("store")).context("state.path")?;
        let ledger = Ledger::open(&config.ledger_path, Arc::clone(&clock), &registry).context("ledger.path")?;
        ledger.attach_witness(&store).context("ledger.path")?;
        bootstrap::seed_units(&store, clock.wall()).context("the shipped units")?;

        let cores = Cores::start(config.relay.cores, config.relay.engine, &clock).context("relay.engine")?;
        relay::metrics::register_cores(&registry, &cores)?;
        let streams = Streams::new();
        let fleet = Fleet::new(Arc::clone(&cores), Arc::clone(&streams), Arc::clone(&clock), config.fleet, &registry)?;
        let (leases, events) = Leases::new(Arc::clone(&clock), &config.relay);
        let recorder =
            Arc::new(Recorder::open(config.recorder, Arc::clone(&clock), &registry).context("recorder.path")?);
        let stage = Arc::new(Stage {
            clock: Arc::clone(&clock),
            leases: Arc::clone(&leases),
            streams,
            cores: Arc::clone(&cores),
            marks,
            metrics: EgressMetrics::register(&registry, &leases)?,
            config: config.relay,
        });
        let whep = Whep::bind(Arc::clone(&stage), &registry)?;
        let recordings = Tapes::new(recorder.playback());
        let rtsp = RtspServer::bind(rtsp::Parts { stage: Arc::clone(&stage), recordings, tls: api.rtsp_tls() })?;
        let reached = reached(&api, &rtsp, &whep, &metrics)?;
        config.sessions.http_port = reached.api.port();
        config.sessions.rtsp_port = reached.rtsp.port();
        config.sessions.rtsps_port = reached.rtsps.map(|address| address.port());
        let cameras = Cameras::new(Arc::clone(&fleet), Arc::clone(&recorder), Arc::clone(&clock), Handle::current());
        let parts = Parts {
            store,
            ledger: ledger.clone(),
            clock: Arc::clone(&clock),
            stage,
            console: Console(web::file),
            log: log_tail(),
            settings: config.shown,
            whep,
            cameras,
            recordings: Arc::new(Recordings(Arc::clone(&recorder))),
            retention: Arc::new(Retention(Arc::clone(&recorder))),
            playback: Arc::new(recorder.playback()),
            otp_key: mark_key::otp_key(&config.state_path).context("state.path")?,
            exports: exports(&config.exports_path, &config.state_path, &recorder, &clock)?,
            config: config.api.settings,
            keeping: config.retention,
            sessions: config.sessions,
            witness: config.witness,
            webhooks: config.webhooks,
            policy: policies(config.policy_path, &config.state_path),
            clock_trust: config.clock,
            registry: registry.clone(),
        };
        let deps = tokio::task::spawn_blocking(move || Deps::new(parts)).await??;
        Ok(Self { reached, registry, ledger, clock, cores, fleet, recorder, leases, events, rtsp, api, metrics, deps })
    }

    async fn serve(self, ready: impl Future<Output = anyhow::Result<()>> + Send + 'static) -> anyhow::Result<()> {
        self.ledger.append_async(&Event::new(Kind::APPLIANCE_STARTED, self.clock.wall())).await?;
        let (stop, stopped) = watch::channel(false);
        let told = || {
            let mut stopped = stopped.clone();
            async move { _ = stopped.wait_for(|stop| *stop).await }
        };
        let states = tokio::spawn(follow_states(Arc::clone(&self.fleet), Arc::clone(&self.recorder)));
        self.start_retention()?;
        let rules = tokio::spawn(hand_over(Arc::clone(&self.deps), Arc::clone(&self.recorder)));
        pull_cameras(Arc::clone(&self.deps)).await?;

        let leases = Arc::clone(&self.leases);
        let leases = tokio::spawn(async move { leases.run().await });
        let attending = tokio::spawn(attend::run(Arc::clone(&self.deps), self.events, told()));
        let witnessing = tokio::spawn(Arc::clone(&self.deps.witness).run(told()));
        let telling = tokio::spawn(Arc::clone(&self.deps.webhooks).run(told()));
        let exporting = tokio::spawn(Arc::clone(&self.deps.exports).run(told()));
        let sweeping = tokio::spawn(housekeeping::run(Arc::clone(&self.deps), told()));
        let scraping = tokio::spawn(crate::scrape::serve(self.metrics, self.registry));
        let rtsp = tokio::spawn(self.rtsp.run(stopped.clone(), VIEWERS_DRAIN));
        let router = routes::router(Arc::clone(&self.deps));
        let [api, renewing] = self.api.serve(router, self.deps.config.clone(), told());
        let whep = tokio::spawn(Arc::clone(&self.deps.whep).run(stopped.clone()));
        let alive = tokio::spawn(watchdog::pet(Arc::clone(&self.deps)));
        let policies = tokio::spawn(crate::hang_up::reload_policies(Arc::clone(&self.deps)));

        let reached = &self.reached;
        tracing::info!(api = %reached.api, rtsp = %reached.rtsp, whep = %reached.whep, metrics = %reached.metrics, "serving");
        watchdog::ready();
        let outcome = tokio::select! {
            outcome = ready_then_signal(ready) => outcome,
            ended = stop_signal() => ended,
        };

        watchdog::stopping();
        tracing::info!("stopping: viewers, cameras, recordings, records, in this order");
        stop.send_replace(true);
        for (name, task) in
            [("rtsp", rtsp), ("api", api), ("sessions", attending), ("exports", exporting), ("sweeping", sweeping)]
        {
            if let Err(error) = task.await {
                tracing::error!(%error, name, "a part of the appliance failed");
            }
        }
        self.fleet.shutdown().await;
        states.abort();
        close(Arc::clone(&self.recorder), Arc::clone(&self.cores)).await?;
        for task in [leases, whep, scraping, alive, rules, witnessing, telling, policies, renewing] {
            task.abort();
        }
        self.ledger.append_async(&Event::new(Kind::APPLIANCE_STOPPED, self.clock.wall())).await?;
        let ledger = self.ledger;
        tokio::task::spawn_blocking(move || ledger.close()).await?;
        outcome
    }

    /// Every rule and every hold is with the recorder before it deletes anything. Where they cannot be handed over nothing is
    /// deleted: a full disk can be made good, a deleted recording cannot.
    fn start_retention(&self) -> anyhow::Result<()> {
        let settings = self.deps.retention.settings();
        if settings.allow_unlawful_floors && settings.has_unlawful_floors() {
            tracing::warn!(
                floor = ?settings.floor, key_target_floor = ?settings.key_target_floor,
                "recordings are kept shorter than the law wants (O-17, AT-32): retention.allow_unlawful_floors is set"
            );
        }
        let record = OnLedger { ledger: self.ledger.clone(), clock: Arc::clone(&self.clock) };
        self.recorder.keep(record).context("retention")
    }
}

/// Where all listeners are, now that they are.
fn reached(api: &ApiDoor, rtsp: &RtspServer, whep: &Whep, metrics: &TcpListener) -> anyhow::Result<Reached> {
    Ok(Reached {
        api: api.address()?,
        rtsp: *rtsp.addresses().first().context("rtsp.listen names no address")?,
        rtsps: rtsp.tls_addresses().first().copied(),
        whep: whep.address(),
        metrics: metrics.local_addr()?,
        trust: api.trust.clone(),
    })
}

/// The folders of the configuration, made where they are not there.
fn make_folders(config: &Config) -> anyhow::Result<()> {
    for folder in [&config.ledger_path, &config.state_path, &config.exports_path] {
        private_folder(folder)?;
    }
    for root in &config.recorder.roots {
        // One that is away is the recorder's to tell, and to try again.
        if let Err(error) = private_folder(root) {
            tracing::error!(%error, "a volume's folder is not there");
        }
    }
    Ok(())
}

async fn pull_cameras(deps: Arc<Deps>) -> anyhow::Result<()> {
    let pulled = tokio::task::spawn_blocking(move || control_api::catalogue::pull_all(&deps)).await?;
    tracing::info!(cameras = pulled.context("the register of cameras")?, "pulling the register's cameras");
    Ok(())
}

/// Once nobody sends any more.
async fn close(recorder: Arc<Recorder>, cores: Arc<Cores>) -> anyhow::Result<()> {
    tokio::task::spawn_blocking(move || {
        recorder.close();
        cores.join();
    })
    .await?;
    Ok(())
}

/// Where policies lie: the site's own in a folder of its choice, every set that was ever in force in that of the state.
fn policies(folder: Option<PathBuf>, state: &Path) -> control_api::policy::book::Setup {
    control_api::policy::book::Setup { folder, archive: state.join(POLICY_ARCHIVE) }
}

/// What exports and snapshots are made with: this binary confines their renderer.
fn exports(
    folder: &Path,
    state: &Path,
    recorder: &Recorder,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<control_api::exports::Setup> {
    let program = std::env::current_exe().context("where this program lies")?;
    let studio = Studio::open(program, folder.join("work"), Arc::clone(clock)).context("exports.path")?;
    let key = mark_key::export_key(state).context("state.path")?;
    tracing::info!(key = key.public(), "exports are signed with this key; give it to whoever verifies them");
    Ok(control_api::exports::Setup { folder: folder.to_owned(), studio, key, source: Arc::new(recorder.playback()) })
}

/// Hands every rule and every hold to the recorder, and only then lets it delete; tries until that is done.
async fn hand_over(deps: Arc<Deps>, recorder: Arc<Recorder>) {
    loop {
        let deps = Arc::clone(&deps);
        let handed = tokio::task::spawn_blocking(move || deps.retention.apply_all()).await;
        if let Ok(Ok(cameras)) = handed {
            tracing::info!(cameras, "rules and holds are with the recorder");
            recorder.allow_deletion();
            return;
        }
        tracing::error!(?handed, "rules and holds could not be handed to the recorder; nothing is deleted");
        tokio::time::sleep(RULES_RETRY).await;
    }
}

/// A `ready` that fails stops the appliance; one that succeeds leaves it to the signal.
async fn ready_then_signal(ready: impl Future<Output = anyhow::Result<()>> + Send + 'static) -> anyhow::Result<()> {
    tokio::spawn(ready).await??;
    stop_signal().await
}

/// Until SIGTERM or SIGINT.
pub(crate) async fn stop_signal() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

fn register_process(registry: &Registry) -> anyhow::Result<()> {
    let info = prometheus::IntGauge::with_opts(
        prometheus::Opts::new("sluice_build_info", "1, with the version in its label.")
            .const_label("version", env!("CARGO_PKG_VERSION")),
    )?;
    info.set(1);
    registry.register(Box::new(info))?;
    registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
    Ok(())
}

/// The folder, made if need be, readable by its owner alone: it holds secrets.
pub(crate) fn private_folder(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("cannot make {}", path.display()))
}
