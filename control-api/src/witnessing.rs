//! Checkpoints shown to a witness outside the appliance, which cosigns only what grows out of all that it has seen before
//! (c2sp.org/tlog-witness). So whoever owns the disk and the key cannot rewrite what the witness has seen. Beside the log: nothing
//! waits for the witness, and a witness that is away, wrong or hostile costs an alarm and no entry.

mod metrics;
mod protocol;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use media::wall::{Clock, Wall};
use parking_lot::Mutex;
use prometheus::Registry;
use serde::Serialize;
use url::Url;

use crate::ledger::cosignature::{CosignedNote, WitnessKey};
use crate::ledger::note::BadNote;
use crate::ledger::{Checkpoint, Ledger, LedgerError};
use crate::outbound::{Outbound, OutboundError};
use crate::stamp::Stamp;
use protocol::Reply;

/// A witness answers within milliseconds; one that takes longer is taken for away until the next turn.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Questions of one turn: one that tells how far the witness is, and one from there.
const TRIES_MAX: usize = 2;

/// The witness, as configured.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it takes checkpoints: the address under which `add-checkpoint` lies.
    pub url: Url,
    /// Its public key.
    pub key: WitnessKey,
    /// How often it is asked.
    pub every: Duration,
}

/// Why the witness has not cosigned.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// It could not be asked.
    #[error(transparent)]
    Unreached(#[from] OutboundError),
    /// It does not know this log, or trusts another key of it.
    #[error("it refuses this log (HTTP {0}): give its operator the ledger's verifier.pub")]
    Unknown(u16),
    /// It has seen more than there is: the log was put back, or somebody else writes under its key.
    #[error(
        "it has seen {theirs} entries and the ledger has signed {ours}: the ledger was put back to an older state, or its key is in use elsewhere. Run `sluice ledger verify`"
    )]
    Ahead {
        /// Entries that the witness has seen.
        theirs: u64,
        /// Entries under the last checkpoint.
        ours: u64,
    },
    /// What it saw is not the beginning of what there is.
    #[error(
        "it says that the ledger of {0} entries is not what it saw: the ledger was rewritten. Run `sluice ledger verify` with its key"
    )]
    Rewritten(u64),
    /// Its answer is none of the protocol, or does not hold under its key.
    #[error("its answer is no cosignature: {0}")]
    Answer(#[from] BadNote),
    /// A status that the protocol does not have.
    #[error("it answered HTTP {0}")]
    Status(u16),
    /// It changed its word within one turn.
    #[error("it does not say the same twice about how far it is")]
    Unsteady,
    /// The log could not be read, or the cosigned checkpoint not be kept.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The work was broken off.
    #[error("the work was broken off")]
    Task,
}

/// How it stands with the witness.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Standing {
    /// The witness's name.
    pub name: String,
    /// Entries under the last checkpoint that it cosigned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// When it did, by this appliance's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Stamp>,
    /// Why it has not since, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

#[derive(Default)]
struct State {
    /// Entries that the witness is known to have seen.
    seen: u64,
    last: Option<(u64, Wall)>,
    trouble: Option<String>,
}

/// Keeps the witness informed.
pub struct Witnessing {
    settings: Option<Settings>,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    outbound: Outbound,
    state: Mutex<State>,
    started: Wall,
}

impl Witnessing {
    /// Takes up what the last run has kept. Blocks on a file read.
    pub fn new(
        settings: Option<Settings>,
        ledger: Ledger,
        clock: Arc<dyn Clock>,
        outbound: Outbound,
        registry: &Registry,
    ) -> prometheus::Result<Arc<Self>> {
        let state = Mutex::new(settings.as_ref().map_or_else(State::default, |settings| kept(settings, &ledger)));
        if settings.is_none() {
            tracing::warn!(
                "no witness outside: who owns the disk and the key could rewrite the ledger unseen; set ledger.witness_url"
            );
        }
        let started = clock.wall();
        let witnessing = Arc::new(Self { settings, ledger, clock, outbound, state, started });
        metrics::register(registry, &witnessing)?;
        Ok(witnessing)
    }

    /// How it stands; none where no witness is configured.
    pub fn standing(&self) -> Option<Standing> {
        let settings = self.settings.as_ref()?;
        let state = self.state.lock();
        Some(Standing {
            name: settings.key.name().to_owned(),
            size: state.last.map(|(size, _)| size),
            at: state.last.map(|(_, at)| Stamp(at)),
            trouble: state.trouble.clone(),
        })
    }

    /// How long ago the witness has last cosigned, or since the start if it never did; none where there is no witness.
    fn age(&self) -> Option<Duration> {
        self.settings.as_ref()?;
        let since = self.state.lock().last.map_or(self.started, |(_, at)| at);
        Some(self.clock.wall().since(since))
    }

    /// Asks the witness now and then, until `stop` is done.
    pub async fn run(self: Arc<Self>, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let Some(every) = self.settings.as_ref().map(|settings| settings.every) else { return stop.await };
        loop {
            tokio::select! {
                () = &mut stop => return,
                () = self.turn() => {}
            }
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep(every) => {}
            }
        }
    }

    async fn turn(&self) {
        let Some(settings) = &self.settings else { return };
        let outcome = self.ask(settings).await.map_err(|trouble| trouble.to_string());
        let mut state = self.state.lock();
        let before = state.trouble.take();
        state.trouble = outcome.err();
        match (&before, &state.trouble) {
            (_, Some(now)) if before.as_ref() != Some(now) => {
                tracing::error!(witness = settings.key.name(), trouble = %now, "the witness has not cosigned");
            }
            (Some(_), None) => tracing::info!(witness = settings.key.name(), "the witness cosigns again"),
            _ => {}
        }
    }

    /// One turn: the newest checkpoint is cosigned when it returns, and kept.
    async fn ask(&self, settings: &Settings) -> Result<(), Trouble> {
        let checkpoint = self.ledger.checkpoint();
        for _ in 0..TRIES_MAX {
            let old = self.state.lock().seen.min(checkpoint.size);
            match self.ask_from(settings, old, &checkpoint).await? {
                Reply::Cosigned(lines) => return self.take(settings, &checkpoint, &lines).await,
                Reply::Has(theirs) if theirs > checkpoint.size => {
                    return Err(Trouble::Ahead { theirs, ours: checkpoint.size });
                }
                // It stands where we said, and yet it is a conflict: one size, two roots.
                Reply::Has(theirs) if theirs == old => return Err(Trouble::Rewritten(theirs)),
                Reply::Has(theirs) => self.state.lock().seen = theirs,
            }
        }
        Err(Trouble::Unsteady)
    }

    async fn ask_from(&self, settings: &Settings, old: u64, checkpoint: &Checkpoint) -> Result<Reply, Trouble> {
        let (ledger, new) = (self.ledger.clone(), checkpoint.size);
        let proof = tokio::task::spawn_blocking(move || ledger.prove_consistency(old, new)).await;
        let proof = proof.map_err(|_| Trouble::Task)??.unwrap_or_default();
        let body = protocol::request(old, &proof, &checkpoint.note);
        let answer = self.outbound.post(&protocol::address(&settings.url), HeaderMap::new(), body, TIMEOUT).await?;
        protocol::reply(&answer, old)
    }

    async fn take(&self, settings: &Settings, checkpoint: &Checkpoint, lines: &str) -> Result<(), Trouble> {
        let line = protocol::own_line(&settings.key, &checkpoint.note, lines)?;
        let text = format!("{}{line}", checkpoint.note);
        let ledger = self.ledger.clone();
        tokio::task::spawn_blocking(move || ledger.keep_cosigned(&text)).await.map_err(|_| Trouble::Task)??;
        let mut state = self.state.lock();
        state.seen = checkpoint.size;
        state.last = Some((checkpoint.size, self.clock.wall()));
        Ok(())
    }
}

/// What the cosigned checkpoint of the last run says. One that does not hold is told, and the witness asked from the beginning.
fn kept(settings: &Settings, ledger: &Ledger) -> State {
    let opened = || -> Result<Option<State>, Trouble> {
        let Some(text) = ledger.cosigned()? else { return Ok(None) };
        let said = CosignedNote::parse(&text)?.open(&ledger.verifier_key()?, &settings.key)?;
        let at = Wall::from_micros(i64::try_from(said.at_seconds.saturating_mul(1_000_000)).unwrap_or(i64::MAX));
        Ok(Some(State { seen: said.head.size, last: Some((said.head.size, at)), trouble: None }))
    };
    opened()
        .unwrap_or_else(|trouble| {
            tracing::warn!(%trouble, "the cosigned checkpoint that was kept does not hold under ledger.witness_key");
            None
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
