//! Hands each camera's rule and holds to the recorder: all of them before anything is deleted, each again when it changes,
//! and all now and then, so that a rule that has run out or a call that failed is made good. What is newer in the store wins,
//! whichever caller comes last.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use media::id::CameraId;
use media::wall::{Clock, Wall};
use parking_lot::Mutex;
use serde::de::DeserializeOwned;

use super::{RetentionMetrics, Settings};
use crate::ports::{HeldStretch, KeepRule, Kept, RecordingError, RetentionPort, VolumeOutlook};
use crate::registers::camera::{self, CAMERAS, Camera};
use crate::registers::hold;
use crate::registers::retired::{self, RETIRED, Retired};
use crate::store::{Batch, CommitError, RANGE_ROWS_MAX, Revision, Store, StoreError};

/// The wall clock may run ahead of the time since the start by this much before it is taken to be wrong; the recorder's bound too.
const CLOCK_AHEAD_MAX: Duration = Duration::from_secs(3_600);

/// Why a rule or a hold did not reach the recorder.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The register could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The register could not be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The recorder did not take it, or could not answer.
    #[error(transparent)]
    Recorder(#[from] RecordingError),
}

/// The recorder's retention, and what it was told last.
pub struct Keeper {
    settings: Settings,
    port: Arc<dyn RetentionPort>,
    store: Store,
    clock: Arc<dyn Clock>,
    /// Wall clock and monotonic line at the start.
    opened: (Wall, Duration),
    told: Mutex<Told>,
    metrics: RetentionMetrics,
}

/// Of which state of the store each camera's rule and holds are.
#[derive(Default)]
struct Told {
    rules: BTreeMap<CameraId, Revision>,
    holds: BTreeMap<CameraId, (Revision, usize)>,
}

impl Keeper {
    /// Tells nothing yet.
    pub fn new(
        settings: Settings,
        port: Arc<dyn RetentionPort>,
        store: Store,
        clock: Arc<dyn Clock>,
        metrics: RetentionMetrics,
    ) -> Self {
        let opened = (clock.wall(), clock.monotonic());
        Self { settings, port, store, clock, opened, told: Mutex::default(), metrics }
    }

    /// Its settings.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) const fn metrics(&self) -> &RetentionMetrics {
        &self.metrics
    }

    /// The wall clock, unless it ran ahead of the time that passed: no promise runs out, and no day is attested, by a clock that
    /// jumps to another year.
    pub fn now(&self) -> Wall {
        let (wall, monotonic) = self.opened;
        let passed = self.clock.monotonic().saturating_sub(monotonic);
        self.clock.wall().min(wall + passed + CLOCK_AHEAD_MAX)
    }

    /// The camera's rule at this moment.
    pub fn rule_of(&self, camera: &Camera) -> KeepRule {
        self.settings.rule_at(camera, self.now())
    }

    /// Since when nothing of the camera may be gone.
    pub fn promised_since(&self, camera: &Camera, now: Wall) -> Wall {
        self.settings.promised_since(camera, now)
    }

    /// Hands over every rule and every hold, those of cameras that left the catalogue included. All are tried; the first
    /// failure is the answer. Gives the number of cameras. Blocks.
    pub fn apply_all(&self) -> Result<usize, KeepError> {
        let (rules, holds) = (self.apply_rules(), self.apply_all_holds());
        holds.and(rules)
    }

    fn apply_rules(&self) -> Result<usize, KeepError> {
        let of = self.store.revision();
        let (cameras, mut failed) = (self.cameras()?, None);
        for (camera, _) in &cameras {
            failed = self.tell_rule(camera, of).err().or(failed);
        }
        failed.map_or(Ok(cameras.len()), |error| Err(error.into()))
    }

    fn apply_all_holds(&self) -> Result<(), KeepError> {
        let of = self.store.revision();
        let mut held: BTreeMap<CameraId, Vec<HeldStretch>> = BTreeMap::new();
        let mut after = None::<String>;
        loop {
            let rows = self.store.range_json::<HeldStretch>(hold::ACTIVE, after.as_deref(), RANGE_ROWS_MAX)?;
            let Some((last, _)) = rows.last() else { break };
            after = Some(last.clone());
            for (key, row) in rows {
                if let Some(camera) = hold::camera_of(&key) {
                    held.entry(camera).or_default().push(row.value);
                }
            }
        }
        // Those whose last hold was released too: the recorder may not have heard of it.
        let told: BTreeSet<CameraId> = self.told.lock().holds.keys().cloned().collect();
        let mut failed = None;
        for camera in held.keys().cloned().chain(told).collect::<BTreeSet<_>>() {
            let stretches = held.get(&camera).map_or(&[] as &[HeldStretch], Vec::as_slice);
            failed = self.tell_holds(&camera, of, stretches).err().or(failed);
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Hands over the rule of a camera that was enrolled or changed. Blocks.
    pub fn apply_rule(&self, id: &CameraId) -> Result<(), KeepError> {
        let of = self.store.revision();
        match camera::load(&self.store, id)? {
            Some(row) => Ok(self.tell_rule(&row.value, of)?),
            None => Ok(()),
        }
    }

    /// Hands over the holds of a camera, after one was placed or released. Blocks.
    pub fn apply_holds(&self, id: &CameraId) -> Result<(), KeepError> {
        let of = self.store.revision();
        Ok(self.tell_holds(id, of, &hold::active(&self.store, id)?)?)
    }

    fn tell_rule(&self, camera: &Camera, of: Revision) -> Result<(), RecordingError> {
        let mut told = self.told.lock();
        if told.rules.get(&camera.id).is_some_and(|newer| of < *newer) {
            return Ok(());
        }
        self.port.set_rule(&camera.id, self.settings.rule_at(camera, self.now()))?;
        told.rules.insert(camera.id.clone(), of);
        Ok(())
    }

    fn tell_holds(&self, id: &CameraId, of: Revision, holds: &[HeldStretch]) -> Result<(), RecordingError> {
        let mut told = self.told.lock();
        if told.holds.get(id).is_some_and(|(newer, _)| of < *newer) {
            return Ok(());
        }
        self.port.set_holds(id, holds)?;
        told.holds.insert(id.clone(), (of, holds.len()));
        let active: usize = told.holds.values().map(|(_, count)| count).sum();
        self.metrics.holds_active.set(i64::try_from(active).unwrap_or(i64::MAX));
        Ok(())
    }

    /// Forgets cameras that left the catalogue once nothing of theirs can be left. Gives how many. Blocks.
    pub fn sweep(&self) -> Result<usize, KeepError> {
        let now = self.now();
        let mut over = Vec::new();
        self.each(RETIRED, |row: Retired| {
            if now > row.at + self.settings.rule_at(&row.camera, row.at).ceiling {
                over.push(row.camera.id);
            }
        })?;
        for id in &over {
            self.store.commit(Batch::new().delete(retired::key(id)))?;
        }
        Ok(over.len())
    }

    /// Every camera of the catalogue, and those that left it with when. Blocks.
    pub fn cameras(&self) -> Result<Vec<(Camera, Option<Wall>)>, KeepError> {
        let mut all = Vec::new();
        // In this order: a camera that is removed meanwhile is in one of the two at least.
        self.each(CAMERAS, |camera: Camera| all.push((camera, None)))?;
        let present: BTreeSet<CameraId> = all.iter().map(|(camera, _)| camera.id.clone()).collect();
        self.each(RETIRED, |row: Retired| {
            if !present.contains(&row.camera.id) {
                all.push((row.camera, Some(row.at)));
            }
        })?;
        Ok(all)
    }

    /// Each volume, and when it is in danger. Blocks.
    pub fn outlook(&self) -> Result<Vec<VolumeOutlook>, KeepError> {
        Ok(self.port.outlook()?)
    }

    /// What there is of a camera's recording. Blocks.
    pub fn kept(&self, camera: &CameraId, from: Wall, to: Wall) -> Result<Kept, KeepError> {
        Ok(self.port.kept(camera, from, to)?)
    }

    /// Would all floors hold if each of these rules had one more camera of its rate? Blocks.
    pub fn has_room_for(&self, more: &[(KeepRule, u64)]) -> Result<bool, KeepError> {
        let Some((longest, _)) = more.iter().max_by_key(|(rule, _)| rule.floor) else { return Ok(true) };
        // What a floor takes is rate times floor, so all of them together are one camera of the longest floor.
        let share = |rule: &KeepRule| match longest.floor.as_secs_f64() {
            0.0 => 1.0,
            floor => rule.floor.as_secs_f64() / floor,
        };
        let rate: f64 = more.iter().map(|(rule, bits)| share(rule) * *bits as f64).sum();
        Ok(self.port.has_room_for(longest, rate.ceil() as u64)?)
    }

    fn each<T: DeserializeOwned>(&self, prefix: &str, mut visit: impl FnMut(T)) -> Result<(), StoreError> {
        let mut after = None::<String>;
        loop {
            let rows = self.store.range_json::<T>(prefix, after.as_deref(), RANGE_ROWS_MAX)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = Some(last.clone());
            rows.into_iter().for_each(|(_, row)| visit(row.value));
        }
    }
}
