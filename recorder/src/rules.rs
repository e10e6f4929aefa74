//! How long each camera's recordings are kept: a floor below which nothing is deleted, a ceiling beyond which nothing is kept, and
//! stretches that are held whatever their age. Kept in the index too, so that they hold before anybody says them again, and for
//! cameras that left the register.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use media::id::CameraId;
use media::wall::{Clock, Wall};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use crate::index::{Index, IndexError};

/// How long a camera's recordings are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Nothing younger is deleted.
    pub floor: Duration,
    /// Nothing older is kept, unless it is held.
    pub ceiling: Duration,
    /// The law wants it recorded: it goes on where others are stopped for want of room.
    pub statutory: bool,
}

/// 30 days (State Council Order 799, article 17), and as long again where there is room.
impl Default for Rule {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(86_400);
        Self { floor: 30 * DAY, ceiling: 60 * DAY, statutory: true }
    }
}

/// What kind of promise a rule is, by what it promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The law wants it, for as long as is usual.
    Ordinary,
    /// The law wants it for longer than is usual. Where no floor is longer there is none of this class.
    KeyTarget,
    /// The law does not want it.
    Voluntary,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ordinary, Self::KeyTarget, Self::Voluntary];

    /// One word, as in the metric.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary",
            Self::KeyTarget => "key_target",
            Self::Voluntary => "voluntary",
        }
    }
}

/// A stretch that is not deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Beginning, inclusive.
    pub from: Wall,
    /// End, exclusive.
    pub to: Wall,
}

impl Held {
    pub(crate) fn touches(&self, from: Wall, to: Wall) -> bool {
        self.from < to && from < self.to
    }
}

/// What is kept of one camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keep {
    pub(crate) rule: Rule,
    pub(crate) holds: Vec<Held>,
    /// When it was first heard of.
    pub(crate) since: Wall,
}

impl Keep {
    pub(crate) fn holds(&self, from: Wall, to: Wall) -> bool {
        self.holds.iter().any(|held| held.touches(from, to))
    }
}

/// All cameras' rules.
pub(crate) struct Rules {
    index: Arc<Index>,
    cameras: RwLock<BTreeMap<CameraId, Keep>>,
    default: Rule,
    version: AtomicU64,
    clock: Arc<dyn Clock>,
}

/// As it is stored: JSON, so that a later version may add to it.
#[derive(Serialize, Deserialize)]
struct Row {
    floor_seconds: u64,
    ceiling_seconds: u64,
    statutory: bool,
    since_micros: i64,
    /// Beginning and end.
    holds: Vec<(i64, i64)>,
}

impl Rules {
    /// As they were left.
    pub(crate) fn open(index: Arc<Index>, default: Rule, clock: Arc<dyn Clock>) -> Result<Self, IndexError> {
        let mut cameras = BTreeMap::new();
        for (camera, row) in index.rules()? {
            match serde_json::from_slice::<Row>(&row) {
                Ok(row) => drop(cameras.insert(camera, Keep::from(&row))),
                // The default is the law's; a hold is said again by who placed it.
                Err(error) => tracing::error!(%camera, %error, "a camera's rule cannot be read; the default holds"),
            }
        }
        Ok(Self { index, cameras: RwLock::new(cameras), default, version: AtomicU64::new(0), clock })
    }

    /// The camera's; the default where nobody said any.
    pub(crate) fn of(&self, camera: &CameraId) -> Keep {
        let default = || Keep { rule: self.default, holds: Vec::new(), since: Wall::EPOCH };
        self.cameras.read().get(camera).cloned().unwrap_or_else(default)
    }

    /// The class of a rule.
    pub(crate) fn class(&self, rule: &Rule) -> Class {
        match rule {
            rule if !rule.statutory => Class::Voluntary,
            rule if rule.floor > self.default.floor => Class::KeyTarget,
            _ => Class::Ordinary,
        }
    }

    /// Nothing older than this is kept of any camera.
    pub(crate) fn oldest_kept(&self, now: Wall) -> Wall {
        let of = |keep: &Keep| {
            let held = keep.holds.iter().map(|held| held.from);
            held.fold(now - keep.rule.ceiling, Wall::min)
        };
        self.cameras.read().values().map(of).fold(now - self.default.ceiling, Wall::min)
    }

    /// Rises with every change.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// The camera's recordings are kept like this from now on.
    pub(crate) fn set_rule(&self, camera: &CameraId, rule: Rule) -> Result<(), IndexError> {
        self.change(camera, |keep| keep.rule = rule)
    }

    /// These stretches of the camera are held from now on, and no others.
    pub(crate) fn set_holds(&self, camera: &CameraId, holds: &[Held]) -> Result<(), IndexError> {
        self.change(camera, |keep| keep.holds = holds.to_vec())
    }

    fn change(&self, camera: &CameraId, change: impl FnOnce(&mut Keep)) -> Result<(), IndexError> {
        let before = self.cameras.read().get(camera).cloned();
        let fresh = || Keep { rule: self.default, holds: Vec::new(), since: self.clock.wall() };
        let mut after = before.clone().unwrap_or_else(fresh);
        change(&mut after);
        if before.as_ref() == Some(&after) {
            return Ok(());
        }
        let row = serde_json::to_vec(&Row::from(&after)).expect("a rule is plain data");
        self.index.set_rule(camera, &row)?;
        self.cameras.write().insert(camera.clone(), after);
        self.version.fetch_add(1, Ordering::Release);
        Ok(())
    }
}

impl From<&Keep> for Row {
    fn from(keep: &Keep) -> Self {
        Self {
            floor_seconds: keep.rule.floor.as_secs(),
            ceiling_seconds: keep.rule.ceiling.as_secs(),
            statutory: keep.rule.statutory,
            since_micros: keep.since.micros(),
            holds: keep.holds.iter().map(|held| (held.from.micros(), held.to.micros())).collect(),
        }
    }
}

impl From<&Row> for Keep {
    fn from(row: &Row) -> Self {
        let held = |(from, to): &(i64, i64)| Held { from: Wall::from_micros(*from), to: Wall::from_micros(*to) };
        Self {
            rule: Rule {
                floor: Duration::from_secs(row.floor_seconds),
                ceiling: Duration::from_secs(row.ceiling_seconds),
                statutory: row.statutory,
            },
            holds: row.holds.iter().map(held).collect(),
            since: Wall::from_micros(row.since_micros),
        }
    }
}
