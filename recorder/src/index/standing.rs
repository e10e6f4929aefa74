//! What the index keeps beside segments and gaps: what is to be kept of each camera, which volume each path held, and which sealed
//! segments nobody was told of yet.

use media::id::CameraId;
use media::wall::Wall;
use rocksdb::IteratorMode;

use super::{Index, IndexError, RULES, UNPROVEN, VOLUMES};
use crate::segment::VolumeId;

impl Index {
    /// The volume that recordings were last written to at this path.
    pub(crate) fn volume_at(&self, path: &str) -> Result<Option<VolumeId>, IndexError> {
        let row = self.db.get_cf(&self.family(VOLUMES), path)?;
        Ok(row.and_then(|row| row.try_into().ok()).map(|id| VolumeId(u32::from_be_bytes(id))))
    }

    /// Recordings are written to this volume at this path from now on.
    pub(crate) fn set_volume_at(&self, path: &str, volume: VolumeId) -> Result<(), IndexError> {
        self.put(VOLUMES, path.as_bytes(), &volume.0.to_be_bytes())
    }

    /// Each camera's rule, as it was put in.
    pub(crate) fn rules(&self) -> Result<Vec<(CameraId, Vec<u8>)>, IndexError> {
        let mut rules = Vec::new();
        for row in self.db.iterator_cf(&self.family(RULES), IteratorMode::Start) {
            let (camera, rule) = row?;
            let camera = std::str::from_utf8(&camera).ok().and_then(|id| id.parse().ok());
            rules.extend(camera.map(|camera| (camera, rule.into_vec())));
        }
        Ok(rules)
    }

    /// Puts a camera's rule in. It does not wait for the disk: after a power cut it is said again before anything is deleted.
    pub(crate) fn set_rule(&self, camera: &CameraId, rule: &[u8]) -> Result<(), IndexError> {
        Ok(self.db.put_cf(&self.family(RULES), camera.as_str(), rule)?)
    }

    /// Nobody was told that this segment was sealed.
    pub(crate) fn is_unproven(&self, camera: &CameraId, start: Wall) -> Result<bool, IndexError> {
        Ok(self.db.get_pinned_cf(&self.family(UNPROVEN), super::key(camera, start))?.is_some())
    }

    /// Sealed segments that nobody was told of, `max` at most.
    pub(crate) fn unproven(&self, max: usize) -> Result<Vec<(CameraId, Wall)>, IndexError> {
        let mut found = Vec::new();
        for row in self.db.iterator_cf(&self.family(UNPROVEN), IteratorMode::Start).take(max) {
            let (key, _) = row?;
            found.extend(camera_and_start(&key));
        }
        Ok(found)
    }
}

/// A key of segments, taken apart.
fn camera_and_start(key: &[u8]) -> Option<(CameraId, Wall)> {
    let end = key.iter().position(|byte| *byte == 0)?;
    let camera: CameraId = std::str::from_utf8(key.get(..end)?).ok()?.parse().ok()?;
    let start = super::start_of(&camera, key)?;
    Some((camera, start))
}
