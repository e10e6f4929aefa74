//! The newest frames of a stream on one core: those that some viewer in step still waits for. Everything older is the hub's.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use media::hub::Published;

#[derive(Default)]
pub(super) struct Window {
    frames: VecDeque<Arrived>,
    /// Index behind the newest frame seen.
    end: u64,
}

pub(super) struct Arrived {
    pub(super) published: Arc<Published>,
    /// On the monotonic line.
    pub(super) at: Duration,
}

impl Window {
    pub(super) fn push(&mut self, published: Arc<Published>, at: Duration) {
        if published.index != self.end {
            // Frames were passed over: whoever waited for them is out of step.
            self.frames.clear();
        }
        self.end = published.index + 1;
        self.frames.push_back(Arrived { published, at });
    }

    /// Index behind the newest frame.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Index of the oldest frame.
    pub(super) fn begin(&self) -> u64 {
        self.end - self.frames.len() as u64
    }

    pub(super) fn arrived(&self, index: u64) -> Option<&Arrived> {
        self.frames.get(usize::try_from(index.checked_sub(self.begin())?).ok()?)
    }

    pub(super) fn frame(&self, index: u64) -> Option<&Arc<Published>> {
        self.arrived(index).map(|arrived| &arrived.published)
    }

    pub(super) fn newest(&self) -> Option<&Arrived> {
        self.frames.back()
    }

    /// Frames before this one are no longer waited for.
    pub(super) fn forget_before(&mut self, index: u64) {
        while self.begin() < index && self.frames.pop_front().is_some() {}
    }
}
