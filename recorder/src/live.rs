//! What is recorded and not in the index yet: each camera's open segment, as far as it is durable, and its open gap. The
//! writer keeps it; timeline and playback read it.

use std::collections::BTreeMap;

use media::id::CameraId;
use parking_lot::RwLock;

use crate::gap::Gap;
use crate::segment::Segment;

/// One camera's.
#[derive(Clone, Debug, Default)]
pub(crate) struct LiveCamera {
    /// The segment being written; its fragments are those that are durable.
    pub(crate) segment: Option<Segment>,
    /// The gap that is open.
    pub(crate) gap: Option<Gap>,
}

/// All cameras'.
#[derive(Default)]
pub(crate) struct Live(RwLock<BTreeMap<CameraId, LiveCamera>>);

impl Live {
    pub(crate) fn of(&self, camera: &CameraId) -> LiveCamera {
        self.0.read().get(camera).cloned().unwrap_or_default()
    }

    /// Changes a camera's entry; cheap, for the lock is held.
    pub(crate) fn change(&self, camera: &CameraId, change: impl FnOnce(&mut LiveCamera)) {
        change(self.0.write().entry(camera.clone()).or_default());
    }

    pub(crate) fn open_segments(&self) -> usize {
        self.0.read().values().filter(|c| c.segment.is_some()).count()
    }
}
