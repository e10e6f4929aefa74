//! The outlook of the volumes as they stand now: joins stock, rules and lanes for `outlook`, which reckons.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use media::id::CameraId;
use media::wall::Wall;

use crate::lane::{Lane, Lanes};
use crate::outlook::{self, VolumeOutlook};
use crate::placement;
use crate::retention::{Bounds, Retention};
use crate::rules::{Class, Rule, Rules};
use crate::stock::{Lot, Stock};
use crate::volumes::{Slot, Volumes};

/// What is foreseen of all volumes.
pub(crate) struct Forecast<'a> {
    pub(crate) volumes: &'a Volumes,
    pub(crate) stock: &'a Stock,
    pub(crate) rules: &'a Rules,
    pub(crate) bounds: Bounds,
    pub(crate) lanes: &'a Lanes,
    pub(crate) now: Wall,
}

impl Forecast<'_> {
    /// Of each volume.
    pub(crate) fn volumes(&self) -> Vec<VolumeOutlook> {
        let lots = self.stock.lots();
        let rates = self.rates(&lots);
        self.volumes.slots.iter().map(|slot| self.volume(slot, &lots, &rates)).collect()
    }

    /// True where all floors still hold in the long run with one more camera.
    pub(crate) fn has_room_for(&self, rule: &Rule, bytes_per_second: u64) -> bool {
        let lots = self.stock.lots();
        let rates = self.rates(&lots);
        let needs = |(camera, rate): (&CameraId, &u64)| outlook::needed(&self.rules.of(camera).rule, *rate);
        let needed: u64 = rates.iter().map(needs).fold(outlook::needed(rule, bytes_per_second), u64::saturating_add);
        let capacity = self.volumes.slots.iter().filter(|slot| slot.is_ready()).map(|slot| self.capacity(slot));
        needed <= capacity.fold(0, u64::saturating_add)
    }

    /// What each camera that is recorded writes.
    fn rates(&self, lots: &[Lot]) -> BTreeMap<CameraId, u64> {
        // Lots come in the order of their days: the last one put in is the first.
        let firsts: BTreeMap<&CameraId, Wall> = lots.iter().rev().map(|lot| (&lot.camera, lot.day.start())).collect();
        let first =
            |camera: &CameraId| firsts.get(camera).copied().unwrap_or(self.now).max(self.rules.of(camera).since);
        let reckoned = outlook::rates(lots, self.now, first);
        let lanes = self.lanes.lock();
        let rate = |lane: &Arc<Lane>| {
            let measured = Some(u64::try_from(lane.rate()).unwrap_or(u64::MAX)).filter(|rate| *rate > 0);
            let reckoned = || reckoned.get(&lane.camera).copied().filter(|rate| *rate > 0);
            (lane.camera.clone(), measured.or_else(reckoned).unwrap_or(placement::RATE_BEFORE as u64))
        };
        lanes.values().filter(|lane| lane.wanted.load(Ordering::Relaxed)).map(rate).collect()
    }

    fn volume(&self, slot: &Slot, lots: &[Lot], rates: &BTreeMap<CameraId, u64>) -> VolumeOutlook {
        let here: BTreeMap<CameraId, u64> = {
            let lanes = self.lanes.lock();
            let is_here = |camera: &CameraId| lanes.get(camera).is_some_and(|lane| lane.is_at(slot.number));
            rates.iter().filter(|(camera, _)| is_here(camera)).map(|(camera, rate)| (camera.clone(), *rate)).collect()
        };
        let shares = outlook::shares(lots, slot.volume.id(), &here, |camera| {
            let keep = self.rules.of(camera);
            let class = self.rules.class(&keep.rule);
            (keep, class)
        });
        let stored = self.stock.on(slot.volume.id());
        let (capacity, rate) = (self.capacity(slot), here.values().sum::<u64>());
        let free = capacity.saturating_sub(stored);
        VolumeOutlook {
            volume: slot.name.clone(),
            state: slot.state().as_str(),
            capacity_bytes: capacity,
            free_bytes: free,
            protected_bytes: outlook::protected(&shares, self.now, 0),
            bytes_per_second: rate,
            full_in: (rate > 0).then(|| std::time::Duration::from_secs(free / rate.max(1))),
            floor_danger_in: outlook::danger(&shares, capacity, self.now),
            classes: Class::ALL.map(|class| (class, outlook::danger_of(class, &shares, capacity, self.now))),
        }
    }

    /// What recordings may take of a volume: what they have, and what is free but for what is to stay free. Less than they have where
    /// that is missing.
    fn capacity(&self, slot: &Slot) -> u64 {
        let stored = self.stock.on(slot.volume.id());
        let room = stored.saturating_add(slot.space().free).saturating_sub(self.bounds.free_bytes_min);
        self.bounds.volume_bytes_max.map_or(room, |max| max.min(room))
    }
}

impl Retention {
    /// What is foreseen of each volume.
    pub(crate) fn outlook(&self, lanes: &Lanes) -> Vec<VolumeOutlook> {
        let Self { volumes, stock, rules, bounds, .. } = self;
        Forecast { volumes, stock, rules, bounds: *bounds, lanes, now: self.now() }.volumes()
    }
}
