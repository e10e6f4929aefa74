//! What the reader and the writers share of one camera's recording: which volume it goes to, and what it has covered.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use media::id::CameraId;
use parking_lot::Mutex;

use crate::coverage::Coverage;

/// No volume.
const NONE: usize = usize::MAX;

/// All cameras' lanes.
pub(crate) type Lanes = Arc<Mutex<BTreeMap<CameraId, Arc<Lane>>>>;

/// A camera's recording, from its first start to the end of the appliance.
pub(crate) struct Lane {
    pub(crate) camera: CameraId,
    /// Held for a moment at a time, never over a write.
    pub(crate) coverage: Mutex<Coverage>,
    /// The volume that its next segment, and the one that is open, go to: its place in the list.
    home: AtomicUsize,
    /// The volume that gave its segment up: the reader begins a new one.
    broken: AtomicUsize,
    /// What the last segment of it took, in bytes a second.
    rate: AtomicUsize,
    /// It is not recorded for want of room.
    pub(crate) paused: AtomicBool,
    /// It is to be recorded: started, and not stopped since.
    pub(crate) wanted: AtomicBool,
}

impl Lane {
    pub(crate) fn new(camera: CameraId, coverage: Coverage) -> Arc<Self> {
        Arc::new(Self {
            camera,
            coverage: Mutex::new(coverage),
            home: AtomicUsize::new(NONE),
            broken: AtomicUsize::new(NONE),
            rate: AtomicUsize::new(0),
            paused: AtomicBool::new(false),
            wanted: AtomicBool::new(false),
        })
    }

    /// Where it is recorded; none before its first segment.
    pub(crate) fn home(&self) -> Option<usize> {
        Some(self.home.load(Ordering::Acquire)).filter(|home| *home != NONE)
    }

    pub(crate) fn is_at(&self, volume: usize) -> bool {
        self.home() == Some(volume)
    }

    /// It is recorded there from its next segment on.
    pub(crate) fn move_to(&self, volume: usize) {
        self.home.store(volume, Ordering::Release);
    }

    /// This volume has given its segment up.
    pub(crate) fn break_off(&self, volume: usize) {
        self.broken.store(volume, Ordering::Release);
    }

    /// True once after the volume that it is at has given its segment up. What a volume says that it has left counts no more.
    pub(crate) fn take_broken(&self) -> bool {
        let by = self.broken.swap(NONE, Ordering::AcqRel);
        by != NONE && self.is_at(by)
    }

    /// The same, and it stays so.
    pub(crate) fn is_broken(&self) -> bool {
        let by = self.broken.load(Ordering::Acquire);
        by != NONE && self.is_at(by)
    }

    /// Bytes a second that it is taken to need.
    pub(crate) fn rate(&self) -> usize {
        self.rate.load(Ordering::Relaxed)
    }

    pub(crate) fn set_rate(&self, bytes_per_second: usize) {
        self.rate.store(bytes_per_second, Ordering::Relaxed);
    }
}
