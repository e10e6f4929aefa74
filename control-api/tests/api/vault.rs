//! The recorder's retention as a table: what the API set, what was recorded and lost, and an answer computed from these.

use std::collections::BTreeMap;

use control_api::ports::{HeldStretch, KeepRule, Kept, Missing, RecordingError, RetentionPort, VolumeOutlook};
use media::id::CameraId;
use media::wall::Wall;
use parking_lot::Mutex;

/// What a camera of the table records, in bits per second.
pub(crate) const CAMERA_BITS: u64 = 4_000_000;

/// A recorder with one volume.
pub(crate) struct Vault {
    pub(crate) rules: Mutex<BTreeMap<CameraId, KeepRule>>,
    pub(crate) holds: Mutex<BTreeMap<CameraId, Vec<HeldStretch>>>,
    /// What is on disk of each camera; none means all of its time.
    pub(crate) recorded: Mutex<BTreeMap<CameraId, Vec<(Wall, Wall)>>>,
    /// What was recorded and is gone.
    pub(crate) lost: Mutex<BTreeMap<CameraId, Vec<(Wall, Wall)>>>,
    /// What is not on disk, and no gap says why.
    pub(crate) untold: Mutex<BTreeMap<CameraId, Vec<(Wall, Wall)>>>,
    /// Bytes that floors may take.
    pub(crate) capacity_bytes: Mutex<u64>,
    /// Set while it answers nothing.
    pub(crate) broken: Mutex<bool>,
    /// Days that were asked about.
    pub(crate) asked: Mutex<usize>,
}

impl Default for Vault {
    fn default() -> Self {
        Self {
            rules: Mutex::default(),
            holds: Mutex::default(),
            recorded: Mutex::default(),
            lost: Mutex::default(),
            untold: Mutex::default(),
            capacity_bytes: Mutex::new(u64::MAX),
            broken: Mutex::default(),
            asked: Mutex::default(),
        }
    }
}

impl Vault {
    fn answers(&self) -> Result<(), RecordingError> {
        if *self.broken.lock() { Err(RecordingError("/var/lib/secret/path is gone".into())) } else { Ok(()) }
    }

    fn floors_bytes(&self) -> u64 {
        self.rules.lock().values().map(|rule| bytes(rule, CAMERA_BITS)).sum()
    }

    pub(crate) fn rule(&self, camera: &str) -> Option<KeepRule> {
        self.rules.lock().get(&camera.parse::<CameraId>().unwrap()).copied()
    }

    pub(crate) fn held(&self, camera: &str) -> Vec<HeldStretch> {
        self.holds.lock().get(&camera.parse::<CameraId>().unwrap()).cloned().unwrap_or_default()
    }
}

fn bytes(rule: &KeepRule, bits_per_second: u64) -> u64 {
    rule.floor.as_secs() * bits_per_second / 8
}

/// What of the stretches lies between `from` and `to`.
fn within(stretches: &[(Wall, Wall)], from: Wall, to: Wall) -> Vec<(Wall, Wall)> {
    let cut = stretches.iter().map(|(a, b)| ((*a).max(from), (*b).min(to)));
    cut.filter(|(a, b)| a < b).collect()
}

fn micros(stretches: &[(Wall, Wall)]) -> i64 {
    stretches.iter().map(|(a, b)| b.micros_since(*a)).sum()
}

impl RetentionPort for Vault {
    fn set_rule(&self, camera: &CameraId, rule: KeepRule) -> Result<(), RecordingError> {
        self.answers()?;
        self.rules.lock().insert(camera.clone(), rule);
        Ok(())
    }

    fn set_holds(&self, camera: &CameraId, holds: &[HeldStretch]) -> Result<(), RecordingError> {
        self.answers()?;
        self.holds.lock().insert(camera.clone(), holds.to_vec());
        Ok(())
    }

    fn outlook(&self) -> Result<Vec<VolumeOutlook>, RecordingError> {
        self.answers()?;
        let (capacity_bytes, protected_bytes) = (*self.capacity_bytes.lock(), self.floors_bytes());
        let free_bytes = capacity_bytes.saturating_sub(protected_bytes);
        let bytes_per_second = self.rules.lock().len() as u64 * CAMERA_BITS / 8;
        Ok(vec![VolumeOutlook {
            volume: "a".into(),
            state: "healthy".into(),
            capacity_bytes,
            free_bytes,
            protected_bytes,
            bytes_per_second,
            full_seconds: free_bytes.checked_div(bytes_per_second),
            floor_danger_seconds: None,
            ordinary_danger_seconds: Some(90 * 86_400),
            key_target_danger_seconds: None,
            voluntary_danger_seconds: None,
        }])
    }

    fn has_room_for(&self, rule: &KeepRule, bits_per_second: u64) -> Result<bool, RecordingError> {
        self.answers()?;
        Ok(self.floors_bytes() + bytes(rule, bits_per_second) <= *self.capacity_bytes.lock())
    }

    fn kept(&self, camera: &CameraId, from: Wall, to: Wall) -> Result<Kept, RecordingError> {
        self.answers()?;
        *self.asked.lock() += 1;
        let recorded = self.recorded.lock().get(camera).cloned().unwrap_or_else(|| vec![(Wall::EPOCH, to)]);
        let of = |table: &Mutex<BTreeMap<_, Vec<_>>>| table.lock().get(camera).cloned().unwrap_or_default();
        let (lost, untold) = (of(&self.lost), of(&self.untold));
        let (there, mut gaps, mut at) = (within(&recorded, from, to), Vec::new(), from);
        for (start, end) in there.iter().copied().chain([(to, to)]) {
            if at < start && within(&untold, at, start).is_empty() {
                gaps.push(Missing { start: at, end: start, reason: "unreachable".into() });
            }
            at = end;
        }
        let lost_micros = micros(&within(&lost, from, to));
        Ok(Kept { covered_micros: micros(&there), gaps, oldest: recorded.first().map(|(a, _)| *a), lost_micros })
    }
}
