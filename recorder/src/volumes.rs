//! The volumes that recordings are spread over, and how each is. One that failed is read, but takes nothing until it was looked
//! through again; one that is away, or another appliance's, is not touched.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use media::wall::Clock;
use parking_lot::Mutex;

use crate::disk::{Space, Volume, VolumeError};
use crate::index::{Index, IndexError};
use crate::metrics::Metrics;
use crate::queue::{Queue, Waiting};
use crate::segment::VolumeId;

/// Waits between two tries to take a volume back: the first, and doubled each time up to the longest.
const RETRY_FIRST: Duration = Duration::from_secs(5);
const RETRY_LONGEST: Duration = Duration::from_secs(300);

/// How a volume is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VolumeState {
    /// Recordings are written to it.
    Ready,
    /// A write or a sync failed; what is on it can be read.
    Failed(String),
    /// It is not mounted, or cannot be used.
    Away(String),
    /// It is another appliance's.
    Foreign(String),
}

impl VolumeState {
    /// One word, as in the metric.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Failed(_) => "failed",
            Self::Away(_) => "away",
            Self::Foreign(_) => "foreign",
        }
    }
}

impl fmt::Display for VolumeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready => f.write_str("ready"),
            Self::Failed(why) | Self::Away(why) => f.write_str(why),
            Self::Foreign(appliance) => write!(f, "it belongs to the appliance {appliance}"),
        }
    }
}

/// All states' words.
const STATES: [&str; 4] = ["ready", "failed", "away", "foreign"];

/// One volume.
pub(crate) struct Slot {
    /// Its place in the list.
    pub(crate) number: usize,
    /// Its path, which is its name too.
    pub(crate) name: String,
    pub(crate) volume: Arc<Volume>,
    pub(crate) queue: Arc<Queue>,
    /// It had no room when it was last written to.
    pub(crate) full: AtomicBool,
    /// When the write began that is under way, in microseconds of the monotonic line; 0 where none is.
    busy_since: AtomicU64,
    /// How often it was entered: what was open before was looked through since.
    entered: AtomicU64,
    free: AtomicU64,
    total: AtomicU64,
    standing: Mutex<Standing>,
}

/// Its state, and when to try again.
struct Standing {
    state: VolumeState,
    retry_at: Duration,
    wait: Duration,
}

/// All of them, in the order of the configuration.
pub(crate) struct Volumes {
    pub(crate) slots: Vec<Arc<Slot>>,
    /// Who records here.
    appliance: String,
    metrics: Metrics,
    clock: Arc<dyn Clock>,
}

impl Slot {
    pub(crate) fn state(&self) -> VolumeState {
        self.standing.lock().state.clone()
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.standing.lock().state == VolumeState::Ready
    }

    /// What is on it can be read.
    pub(crate) fn is_readable(&self) -> bool {
        matches!(self.standing.lock().state, VolumeState::Ready | VolumeState::Failed(_))
    }

    /// Rises each time that it is taken into use.
    pub(crate) fn entered(&self) -> u64 {
        self.entered.load(Ordering::Acquire)
    }

    /// A write to it begins.
    pub(crate) fn begin_write(&self, now: Duration) {
        let micros = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        self.busy_since.store(micros.max(1), Ordering::Relaxed);
    }

    /// It came back, whatever of it.
    pub(crate) fn end_write(&self) {
        self.busy_since.store(0, Ordering::Relaxed);
    }

    /// For how long the write that is under way has been.
    pub(crate) fn busy_for(&self, now: Duration) -> Duration {
        match self.busy_since.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            since => now.saturating_sub(Duration::from_micros(since)),
        }
    }

    /// Room on it, as last asked.
    pub(crate) fn space(&self) -> Space {
        Space { free: self.free.load(Ordering::Relaxed), total: self.total.load(Ordering::Relaxed) }
    }
}

impl Volumes {
    /// Enters each. Those that cannot be used now are tried again later.
    pub(crate) fn open(
        volumes: Vec<Volume>,
        appliance: &str,
        index: &Index,
        metrics: &Metrics,
        waiting: &Arc<Waiting>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, IndexError> {
        let slot = |(number, volume): (usize, Volume)| {
            let state = VolumeState::Away("not looked at yet".into());
            let standing = Standing { state, retry_at: Duration::ZERO, wait: RETRY_FIRST };
            Arc::new(Slot {
                number,
                name: volume.root().display().to_string(),
                volume: Arc::new(volume),
                queue: Queue::new(Arc::clone(waiting)),
                full: AtomicBool::new(false),
                busy_since: AtomicU64::new(0),
                entered: AtomicU64::new(0),
                free: AtomicU64::new(0),
                total: AtomicU64::new(0),
                standing: Mutex::new(standing),
            })
        };
        let slots: Vec<Arc<Slot>> = volumes.into_iter().enumerate().map(slot).collect();
        let volumes = Self { slots, appliance: appliance.to_owned(), metrics: metrics.clone(), clock };
        for slot in &volumes.slots {
            if volumes.enter(slot, index)? {
                volumes.set(slot, VolumeState::Ready);
            }
        }
        Ok(volumes)
    }

    /// Takes the volume into use, but for writing to it. False, and it stays away, where that cannot be.
    pub(crate) fn enter(&self, slot: &Slot, index: &Index) -> Result<bool, IndexError> {
        let entered = slot.volume.enter(&self.appliance, index.volume_at(&slot.name)?);
        let twin = |other: &&Arc<Slot>| other.number != slot.number && other.volume.id() == slot.volume.id();
        let state = match entered {
            Ok(()) => match self.slots.iter().find(twin) {
                None => {
                    index.set_volume_at(&slot.name, slot.volume.id())?;
                    self.measure(slot);
                    slot.entered.fetch_add(1, Ordering::Release);
                    return Ok(true);
                }
                Some(other) => VolumeState::Away(format!("it is the same volume as {}", other.name)),
            },
            Err(VolumeError::Foreign { appliance }) => VolumeState::Foreign(appliance),
            Err(VolumeError::Io(error)) if slot.volume.is_here().is_ok() => VolumeState::Failed(error.to_string()),
            Err(error) => VolumeState::Away(error.to_string()),
        };
        self.set(slot, state);
        Ok(false)
    }

    /// The volume is like this from now on.
    pub(crate) fn set(&self, slot: &Slot, state: VolumeState) {
        let now = self.clock.monotonic();
        let mut standing = slot.standing.lock();
        if standing.state != state {
            match &state {
                VolumeState::Ready => tracing::info!(volume = slot.name, "recordings are written to this volume"),
                VolumeState::Failed(why) => tracing::error!(
                    volume = slot.name,
                    why,
                    "writing failed: the volume takes no recordings until it was looked through; check the disk"
                ),
                VolumeState::Away(why) => tracing::error!(volume = slot.name, why, "a volume cannot be used"),
                VolumeState::Foreign(appliance) => tracing::error!(
                    volume = slot.name,
                    appliance,
                    "a volume belongs to another appliance and is left alone; to take it over, remove its _volume.json"
                ),
            }
        }
        if state == VolumeState::Ready {
            slot.full.store(false, Ordering::Relaxed);
        }
        let waits = state != VolumeState::Ready;
        standing.wait = if waits { (standing.wait * 2).min(RETRY_LONGEST) } else { RETRY_FIRST };
        standing.retry_at = now + if waits { standing.wait / 2 } else { Duration::ZERO };
        for word in STATES {
            let is = i64::from(word == state.as_str());
            self.metrics.volume_state.with_label_values(&[slot.name.as_str(), word]).set(is);
        }
        standing.state = state;
    }

    /// Those that are to be tried again.
    pub(crate) fn due(&self) -> Vec<Arc<Slot>> {
        let now = self.clock.monotonic();
        let due = |slot: &&Arc<Slot>| {
            let standing = slot.standing.lock();
            // What is being written there must come back first, or it would be written behind the back of who looks it through.
            standing.state != VolumeState::Ready && standing.retry_at <= now && slot.busy_for(now).is_zero()
        };
        self.slots.iter().filter(due).cloned().collect()
    }

    /// Asks for the room on it.
    pub(crate) fn measure(&self, slot: &Slot) {
        let Ok(space) = slot.volume.space() else { return };
        slot.free.store(space.free, Ordering::Relaxed);
        slot.total.store(space.total, Ordering::Relaxed);
        self.metrics.free_bytes.with_label_values(&[&slot.name]).set(space.free as f64);
        self.metrics.capacity_bytes.with_label_values(&[&slot.name]).set(space.total as f64);
    }

    /// The volume with that number, where it can be read.
    pub(crate) fn readable(&self, id: VolumeId) -> Option<Arc<Volume>> {
        let slot = self.slot(id)?;
        slot.is_readable().then(|| Arc::clone(&slot.volume))
    }

    /// The volume with that number, however it is.
    pub(crate) fn slot(&self, id: VolumeId) -> Option<&Arc<Slot>> {
        self.slots.iter().find(|slot| id != VolumeId::UNTOLD && slot.volume.id() == id)
    }
}
