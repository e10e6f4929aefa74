//! What every handler is given: the store, the ledger, the clock, the floor below, and the services made of them. Made once,
//! by the binary or a test. Deliberately absent: logic; the methods see to it that
//! nothing happens off the record.

use std::sync::Arc;

use media::mark::MarkKey;
use media::wall::{Clock, Wall};
use prometheus::Registry;
use relay::egress::Stage;
use relay::egress::hls::Hls;
use relay::egress::whep::Whep;
use relay::lease::Leases;

use crate::applications::ApplicationDesk;
use crate::audit::record;
use crate::authn::otp::OtpKey;
use crate::authn::{Authn, AuthnStartError, Principal};
use crate::clock_trust::{self, ClockTrust};
use crate::config::Config;
use crate::console::Console;
use crate::error::{ApiError, Code};
use crate::exports::{self, Exports};
use crate::grants::GrantBook;
use crate::ledger::{Event, Kind, Ledger, LedgerError};
use crate::log_tail::LogTail;
use crate::outbound::Outbound;
use crate::outbox::{ChangeError, Outbox};
use crate::playback::PlaybackPort;
use crate::policy::book::PolicyError;
use crate::policy::{self, InForce, Policies};
use crate::ports::{CameraPort, RecordingPort, RetentionPort};
use crate::register::desk::Desk;
use crate::retention::{self, Keeper, RetentionMetrics};
use crate::sessions::desk::Tools;
use crate::sessions::{self, SessionDesk, SessionMetrics};
use crate::setting::Setting;
use crate::snapshots::Snapshots;
use crate::store::{Batch, CommitError, Store, StoreError};
use crate::usage::{Register, UsageError};
use crate::webhooks::{self, Webhooks};
use crate::witnessing::{self, Witnessing};

/// What the binary brings.
pub struct Parts {
    /// State.
    pub store: Store,
    /// The audit log.
    pub ledger: Ledger,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The relay's ways out, and its table of leases.
    pub stage: Arc<Stage>,
    /// The console's files.
    pub console: Console,
    /// The log's newest lines.
    pub log: Arc<LogTail>,
    /// The configuration in force.
    pub settings: Vec<Setting>,
    /// WebRTC towards viewers.
    pub whep: Arc<Whep>,
    /// The relay's fleet of cameras.
    pub cameras: Arc<dyn CameraPort>,
    /// The recorder's index.
    pub recordings: Arc<dyn RecordingPort>,
    /// The recorder's retention.
    pub retention: Arc<dyn RetentionPort>,
    /// The recorder's pieces.
    pub playback: Arc<dyn PlaybackPort>,
    /// The appliance's key for second factors.
    pub otp_key: OtpKey,
    /// What exports and snapshots are made with.
    pub exports: exports::Setup,
    /// Settings.
    pub config: Config,
    /// How long recordings are kept.
    pub keeping: retention::Settings,
    /// Settings of viewing sessions.
    pub sessions: sessions::Settings,
    /// Where policies lie.
    pub policy: policy::book::Setup,
    /// What is asked of the clock.
    pub clock_trust: clock_trust::Settings,
    /// The witness outside, if there is one.
    pub witness: Option<witnessing::Settings>,
    /// Where events may be sent.
    pub webhooks: webhooks::Settings,
    /// Where the counters are registered.
    pub registry: Registry,
}

/// Why the API could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Nobody could sign in.
    #[error(transparent)]
    Authn(#[from] AuthnStartError),
    /// What the last run owed the ledger could not be put on it.
    #[error(transparent)]
    Outbox(#[from] ChangeError),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The usage register could not be taken up.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// The policies could not be taken up.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The ledger could not be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A counter of the same name is registered already.
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
}

/// The state of the API, shared by all handlers.
pub struct Deps {
    /// State.
    pub store: Store,
    /// The audit log.
    pub ledger: Ledger,
    /// Who outside has seen it.
    pub witness: Arc<Witnessing>,
    /// Who is told of its events.
    pub webhooks: Arc<Webhooks>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The relay's ways out.
    pub stage: Arc<Stage>,
    /// The console's files.
    pub console: Console,
    /// The log's newest lines.
    pub log: Arc<LogTail>,
    /// The configuration in force.
    pub settings: Vec<Setting>,
    /// Live HLS towards viewers.
    pub hls: Arc<Hls>,
    /// WebRTC towards viewers.
    pub whep: Arc<Whep>,
    /// The relay's table of leases.
    pub leases: Arc<Leases>,
    /// The relay's fleet of cameras.
    pub cameras: Arc<dyn CameraPort>,
    /// The recorder's index.
    pub recordings: Arc<dyn RecordingPort>,
    /// How long recordings are kept, and what is held.
    pub retention: Arc<Keeper>,
    /// The recorder's pieces.
    pub playback: Arc<dyn PlaybackPort>,
    /// The appliance's key for marks.
    pub marks: MarkKey,
    /// Changes that the ledger hears of.
    pub outbox: Outbox,
    /// Sign-ins.
    pub authn: Authn,
    /// Grants.
    pub grants: Arc<GrantBook>,
    /// The usage register.
    pub usage: Register,
    /// Viewing sessions.
    pub sessions: Arc<SessionDesk>,
    /// The registers that the regulation wants kept.
    pub registers: Desk,
    /// Applications.
    pub applications: ApplicationDesk,
    /// Exports.
    pub exports: Arc<Exports>,
    /// Snapshots.
    pub snapshots: Arc<Snapshots>,
    /// The policies in force.
    pub policies: Arc<Policies>,
    /// Whether the clock can be trusted.
    pub clock_trust: Arc<ClockTrust>,
    /// Settings.
    pub config: Config,
    /// What is counted.
    pub registry: Registry,
}

impl Deps {
    /// Joins the parts. Blocks: it settles what the last run owed the ledger, reads the grants and hashes one password.
    pub fn new(parts: Parts) -> Result<Arc<Self>, StartError> {
        let Parts {
            store, ledger, clock, stage, whep, cameras, recordings, playback, exports, config, sessions, ..
        } = parts;
        let (console, log, settings) = (parts.console, parts.log, parts.settings);
        let (hls, outbound) = (Hls::new(Arc::clone(&stage), &parts.registry)?, Outbound::new());
        let (leases, marks) = (Arc::clone(&stage.leases), stage.marks.clone());
        let (port, registry, otp_key) = (parts.retention, parts.registry, parts.otp_key);
        let metrics = RetentionMetrics::new(&registry, Arc::clone(&clock))?;
        let retention = Keeper::new(parts.keeping, Arc::clone(&port), store.clone(), Arc::clone(&clock), metrics);
        let retention = Arc::new(retention);
        let authn = Authn::new(store.clone(), ledger.clone(), Arc::clone(&clock), otp_key, outbound.clone(), &config)?;
        let (witness, webhooks) = outside(parts.witness, parts.webhooks, outbound, &store, &ledger, &clock, &registry)?;
        let outbox = Outbox::start(store.clone(), ledger.clone())?;
        let grants = Arc::new(GrantBook::open(store.clone(), outbox.clone())?);
        let usage = usage_register(&store, &ledger, &clock)?;
        let clock_trust = ClockTrust::new(Arc::clone(&clock), parts.clock_trust, newest_time(&ledger)?, &registry)?;
        let policies = Policies::open(parts.policy, store.clone(), ledger.clone(), Arc::clone(&clock), &registry)?;
        let ground = Ground { store: &store, ledger: &ledger, outbox: &outbox, clock: &clock, registry: &registry };
        let registers = ground.registers(&grants, &retention, &sessions);
        let sessions = SessionDesk::new(Tools {
            store: store.clone(),
            ledger: ledger.clone(),
            clock: Arc::clone(&clock),
            leases: Arc::clone(&leases),
            cameras: Arc::clone(&cameras),
            register: usage.clone(),
            grants: Arc::clone(&grants),
            policies: Arc::clone(&policies),
            clock_trust: Arc::clone(&clock_trust),
            registers: registers.clone(),
            kept: port,
            settings: sessions,
            metrics: SessionMetrics::new(&registry)?,
        });
        let applications = ground.applications(&grants, &sessions);
        let (snapshots, exports) = ground.exports(&sessions, &usage, &recordings, &marks, exports)?;
        Ok(Arc::new(Self {
            store,
            ledger,
            witness,
            webhooks,
            clock,
            stage,
            console,
            log,
            settings,
            hls,
            whep,
            leases,
            cameras,
            recordings,
            retention,
            playback,
            marks,
            outbox,
            authn,
            grants,
            usage,
            sessions,
            registers,
            applications,
            exports,
            snapshots,
            policies,
            clock_trust,
            config,
            registry,
        }))
    }

    /// Reads the site's policies anew, and decides anew about what runs. Blocks.
    pub fn reload_policies(&self, by: Option<&crate::ledger::Actor>) -> Result<InForce, PolicyError> {
        let in_force = self.policies.reload(by)?;
        let ended = self.sessions.look_at_all();
        tracing::info!(ended, "sessions were looked at again under the policies");
        Ok(in_force)
    }

    /// The time of the decision at hand.
    pub fn now(&self) -> Wall {
        self.clock.wall()
    }

    /// An event of `kind` by `principal`, now, with where it came from.
    pub fn event(&self, kind: Kind, principal: &Principal) -> Event {
        Event::new(kind, self.now()).actor(principal.actor()).terminal(principal.terminal().to_string())
    }

    /// Puts the event on the ledger; on disk when it returns, else `AUDIT_UNAVAILABLE`.
    pub async fn record(&self, event: &Event) -> Result<(), ApiError> {
        record(&self.ledger, event).await
    }

    /// A change of a register and its event as one. While the ledger takes nothing, nothing is changed.
    pub async fn change(&self, event: Event, batch: Batch) -> Result<(), ApiError> {
        if self.ledger.status().poisoned.is_some() {
            return Err(Code::AuditUnavailable.into());
        }
        Ok(self.outbox.change(self.now(), batch, event, || {}).await?)
    }
}

/// The time of the newest entry, which a clock that is right is past.
fn newest_time(ledger: &Ledger) -> Result<Option<Wall>, LedgerError> {
    let newest = ledger.read(ledger.size().saturating_sub(1), 1)?;
    Ok(newest.first().and_then(|entry| entry.event().ok()).map(|event| event.at.0))
}

/// What everything stands on.
struct Ground<'a> {
    store: &'a Store,
    ledger: &'a Ledger,
    outbox: &'a Outbox,
    clock: &'a Arc<dyn Clock>,
    registry: &'a Registry,
}

impl Ground<'_> {
    fn applications(&self, grants: &Arc<GrantBook>, sessions: &Arc<SessionDesk>) -> ApplicationDesk {
        let (store, outbox, clock) = (self.store.clone(), self.outbox.clone(), Arc::clone(self.clock));
        ApplicationDesk::new(store, outbox, clock, Arc::clone(grants), Arc::clone(sessions))
    }

    /// The registers that the regulation wants kept.
    fn registers(&self, grants: &Arc<GrantBook>, keeper: &Arc<Keeper>, settings: &sessions::Settings) -> Desk {
        let (store, outbox, clock) = (self.store.clone(), self.outbox.clone(), Arc::clone(self.clock));
        Desk::new(store, outbox, clock, Arc::clone(grants), Arc::clone(keeper), settings.zone.clone())
    }

    /// Snapshots and exports, which are made with the same tools.
    fn exports(
        &self,
        sessions: &Arc<SessionDesk>,
        usage: &Register,
        recordings: &Arc<dyn RecordingPort>,
        marks: &MarkKey,
        setup: exports::Setup,
    ) -> Result<(Arc<Snapshots>, Arc<Exports>), prometheus::Error> {
        let tools = exports::Tools {
            store: self.store.clone(),
            ledger: self.ledger.clone(),
            outbox: self.outbox.clone(),
            clock: Arc::clone(self.clock),
            sessions: Arc::clone(sessions),
            usage: usage.clone(),
            recordings: Arc::clone(recordings),
            marks: marks.clone(),
            metrics: exports::ExportMetrics::new(self.registry)?,
            setup,
        };
        Ok((Snapshots::new((&tools).into()), Exports::new(tools)))
    }
}

/// Whoever outside is shown what is on the ledger; and from here on its personal words are commitments.
fn outside(
    witness: Option<witnessing::Settings>,
    webhooks: webhooks::Settings,
    outbound: Outbound,
    store: &Store,
    ledger: &Ledger,
    clock: &Arc<dyn Clock>,
    registry: &Registry,
) -> Result<(Arc<Witnessing>, Arc<Webhooks>), prometheus::Error> {
    ledger.keep_openings(store);
    let seen = Witnessing::new(witness, ledger.clone(), Arc::clone(clock), outbound.clone(), registry)?;
    let told = Webhooks::new(webhooks, store.clone(), ledger.clone(), Arc::clone(clock), outbound, registry)?;
    Ok((seen, told))
}

fn usage_register(store: &Store, ledger: &Ledger, clock: &Arc<dyn Clock>) -> Result<Register, UsageError> {
    let (usage, crashed) = Register::start(store.clone(), ledger.clone(), Arc::clone(clock))?;
    if crashed > 0 {
        tracing::warn!(crashed, "sessions of the last run were closed with `crash`");
    }
    Ok(usage)
}

/// A lost race is the caller's to repeat; anything else is ours, and logged here.
impl From<CommitError> for ApiError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict { .. } => Code::Conflict.into(),
            error => {
                tracing::error!(%error, "a commit failed");
                Code::Internal.into()
            }
        }
    }
}

impl From<crate::store::StoreError> for ApiError {
    fn from(error: crate::store::StoreError) -> Self {
        tracing::error!(%error, "the store could not be read");
        Code::Internal.into()
    }
}
