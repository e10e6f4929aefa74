//! How many bytes of each camera lie on each volume, by day: what forecasts are made of, and what is not worth reading millions of
//! rows for. In memory; made from the index at a start, kept by those who add and delete.

use std::collections::BTreeMap;

use media::id::CameraId;
use media::wall::Wall;
use parking_lot::Mutex;
use prometheus::IntGauge;

use crate::segment::{Segment, VolumeId};

const DAY_MICROS: i64 = 86_400_000_000;

/// Bytes that began in one day, UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lot {
    pub(crate) camera: CameraId,
    pub(crate) volume: VolumeId,
    pub(crate) day: Day,
    pub(crate) bytes: u64,
}

/// A day, counted from 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(i64);

impl Day {
    pub(crate) fn of(at: Wall) -> Self {
        Self(at.micros().div_euclid(DAY_MICROS))
    }

    pub(crate) fn start(self) -> Wall {
        Wall::from_micros(self.0.saturating_mul(DAY_MICROS))
    }

    pub(crate) fn end(self) -> Wall {
        Self(self.0.saturating_add(1)).start()
    }

    pub(crate) fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

/// All of it.
pub(crate) struct Stock {
    state: Mutex<State>,
    stored_bytes: IntGauge,
}

#[derive(Default)]
struct State {
    lots: BTreeMap<(CameraId, Day, VolumeId), u64>,
    volumes: BTreeMap<VolumeId, u64>,
}

impl Stock {
    pub(crate) fn new(stored_bytes: IntGauge) -> Self {
        Self { state: Mutex::new(State::default()), stored_bytes }
    }

    /// A segment was sealed, or found.
    pub(crate) fn add(&self, camera: &CameraId, segment: &Segment) {
        self.add_bytes(camera, segment.start, segment.volume, segment.bytes);
    }

    pub(crate) fn add_bytes(&self, camera: &CameraId, start: Wall, volume: VolumeId, bytes: u64) {
        let mut state = self.state.lock();
        *state.lots.entry((camera.clone(), Day::of(start), volume)).or_default() += bytes;
        *state.volumes.entry(volume).or_default() += bytes;
        self.stored_bytes.add(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// A segment is gone.
    pub(crate) fn remove(&self, camera: &CameraId, start: Wall, volume: VolumeId, bytes: u64) {
        let mut state = self.state.lock();
        let key = (camera.clone(), Day::of(start), volume);
        if let Some(lot) = state.lots.get_mut(&key) {
            *lot = lot.saturating_sub(bytes);
            if *lot == 0 {
                state.lots.remove(&key);
            }
        }
        if let Some(of_volume) = state.volumes.get_mut(&volume) {
            *of_volume = of_volume.saturating_sub(bytes);
        }
        self.stored_bytes.sub(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Bytes on a volume.
    pub(crate) fn on(&self, volume: VolumeId) -> u64 {
        self.state.lock().volumes.get(&volume).copied().unwrap_or(0)
    }

    /// Everything, in order of cameras and days.
    pub(crate) fn lots(&self) -> Vec<Lot> {
        let lot = |((camera, day, volume), bytes): (&(CameraId, Day, VolumeId), &u64)| Lot {
            camera: camera.clone(),
            volume: *volume,
            day: *day,
            bytes: *bytes,
        };
        self.state.lock().lots.iter().map(lot).collect()
    }
}
