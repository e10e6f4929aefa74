//! Which policies are in force: taken up at start, replaced as one by a reload, never by a set with a fault in it. Each change is on
//! the ledger before it holds, and its texts are in the archive before that.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use media::wall::Clock;
use parking_lot::{Mutex, RwLock};
use prometheus::{IntCounter, IntGauge, Registry};
use serde::{Deserialize, Serialize};

use super::rule_set::RuleSet;
use super::text::{PolicyFault, Texts};
use super::{InForce, archive, site};
use crate::ledger::{Actor, Event, Kind, Ledger, LedgerUnavailable};
use crate::stamp::Stamp;
use crate::store::{CommitError, Store, StoreError};

/// A set of policies came in force; the detail names it and its file in the archive.
pub const POLICY_LOADED: Kind = Kind::named("policy.loaded");
/// A set was refused; the detail has each fault. What was in force stays so.
pub const POLICY_REFUSED: Kind = Kind::named("policy.refused");
/// The row that says what is in force, and since when.
const IN_FORCE: &str = "policy/in-force";
/// Faults that one event names; the rest are counted.
const FAULTS_TOLD_MAX: usize = 20;

/// Where policies lie.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The site's own, if it has a folder for them.
    pub folder: Option<PathBuf>,
    /// Every set that was ever in force.
    pub archive: PathBuf,
}

/// Why the policies could not be taken up, or not be replaced.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Faults in the texts. What was in force stays so.
    #[error("the policies are refused: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Faults(Vec<PolicyFault>),
    /// The archive could not be read or written.
    #[error("the archive of policies: {0}")]
    Archive(#[from] std::io::Error),
    /// The ledger takes nothing, so nothing changes.
    #[error(transparent)]
    Ledger(#[from] LedgerUnavailable),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store could not be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// A metric of the same name is registered already.
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
}

/// What is in force, as the store has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    version: String,
    since: Stamp,
}

/// The policies in force, and how they are replaced.
pub struct Policies {
    setup: Setup,
    store: Store,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    current: RwLock<InForce>,
    /// One reload at a time.
    reloading: Mutex<()>,
    refused: IntCounter,
    stale: IntGauge,
}

impl Policies {
    /// Takes up the shipped policies with the site's own. Where the site's have a fault, those that were in force last; where there
    /// are none, the start fails: without them more would be given than the site wants. Blocks.
    pub fn open(
        setup: Setup,
        store: Store,
        ledger: Ledger,
        clock: Arc<dyn Clock>,
        registry: &Registry,
    ) -> Result<Arc<Self>, PolicyError> {
        let refused =
            IntCounter::new("sluice_policy_refused_total", "Sets of policies that were refused for a fault.")?;
        let stale = IntGauge::new(
            "sluice_policy_stale",
            "1 while the site's policies on disk have a fault and those before them are in force.",
        )?;
        registry.register(Box::new(refused.clone()))?;
        registry.register(Box::new(stale.clone()))?;
        let kept = store.get_json::<Kept>(IN_FORCE)?.map(|row| row.value);
        let (rules, faults) = match read_and_compile(setup.folder.as_deref()) {
            Ok(rules) => (rules, Vec::new()),
            Err(faults) => (last(&setup, kept.as_ref())?.ok_or_else(|| PolicyError::Faults(faults.clone()))?, faults),
        };
        let now = Stamp(clock.wall());
        let since = kept.as_ref().filter(|kept| *kept.version == **rules.version()).map_or(now, |kept| kept.since);
        let current = RwLock::new(InForce { rules: Arc::new(rules), since });
        let book = Self { setup, store, ledger, clock, current, reloading: Mutex::new(()), refused, stale };
        let in_force = book.in_force();
        let hash = archive::keep(&book.setup.archive, in_force.rules.texts())?;
        if since == now {
            book.put_on_record(&in_force, &hash, None)?;
        }
        if !faults.is_empty() {
            book.tell_refused(&faults, None)?;
        }
        Ok(Arc::new(book))
    }

    /// What is in force at this moment.
    pub fn in_force(&self) -> InForce {
        self.current.read().clone()
    }

    /// Reads the site's policies anew and puts them in force, or tells every fault and changes nothing. Blocks.
    pub fn reload(&self, by: Option<&Actor>) -> Result<InForce, PolicyError> {
        let _one = self.reloading.lock();
        let rules = match read_and_compile(self.setup.folder.as_deref()) {
            Ok(rules) => rules,
            Err(faults) => {
                self.tell_refused(&faults, by)?;
                return Err(PolicyError::Faults(faults));
            }
        };
        let now = self.in_force();
        if rules.version() == now.rules.version() {
            self.stale.set(0);
            return Ok(now);
        }
        let next = InForce { rules: Arc::new(rules), since: Stamp(self.clock.wall()) };
        let hash = archive::keep(&self.setup.archive, next.rules.texts())?;
        self.put_on_record(&next, &hash, by)?;
        *self.current.write() = next.clone();
        self.stale.set(0);
        Ok(next)
    }

    fn put_on_record(&self, next: &InForce, hash: &str, by: Option<&Actor>) -> Result<(), PolicyError> {
        let version = next.rules.version().to_string();
        tracing::info!(version, policies = next.rules.rules().len(), "policies in force");
        let event = Event::new(POLICY_LOADED, next.since.0)
            .object(format!("policy/{version}"))
            .articles(["J-29"])
            .with("archived", hash)
            .with("policies", next.rules.rules().len())
            .with("files", next.rules.texts().site.keys().cloned().collect::<Vec<_>>());
        self.ledger.append(&signed(event, by))?;
        self.store.put_json(IN_FORCE, &Kept { version, since: next.since })?;
        Ok(())
    }

    fn tell_refused(&self, faults: &[PolicyFault], by: Option<&Actor>) -> Result<(), PolicyError> {
        self.refused.inc();
        self.stale.set(1);
        faults.iter().for_each(|fault| tracing::error!(%fault, "a policy is refused; those in force stay"));
        let told: Vec<_> = faults.iter().take(FAULTS_TOLD_MAX).map(ToString::to_string).collect();
        let event = Event::new(POLICY_REFUSED, self.clock.wall())
            .object(format!("policy/{}", self.in_force().rules.version()))
            .articles(["J-29"])
            .with("faults", told)
            .with("faults_in_all", faults.len());
        self.ledger.append(&signed(event, by))?;
        Ok(())
    }
}

fn signed(event: Event, by: Option<&Actor>) -> Event {
    match by {
        Some(actor) => event.actor(actor.clone()),
        None => event,
    }
}

/// The shipped policies with those in `folder`, or every fault in them. Blocks.
pub fn read_and_compile(folder: Option<&Path>) -> Result<RuleSet, Vec<PolicyFault>> {
    let site = folder.map(site::read).transpose()?.unwrap_or_default();
    RuleSet::compile(Texts::with_site(site))
}

/// The site's policies that were in force last, under the shipped ones of this version.
fn last(setup: &Setup, kept: Option<&Kept>) -> Result<Option<RuleSet>, PolicyError> {
    let Some(kept) = kept else { return Ok(None) };
    let texts = archive::find(&setup.archive, &kept.version)?;
    Ok(texts.and_then(|texts| RuleSet::compile(Texts::with_site(texts.site)).ok()))
}
