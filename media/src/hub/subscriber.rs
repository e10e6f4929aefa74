//! A reader's position in a hub, and what happens when it falls behind: it is told how much it missed and goes on at the
//! newest keyframe.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::{Hub, Published, State};
use crate::frame::StreamInfo;

/// Where a reader begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the newest keyframe in the ring: pictures at once. Where it holds none, at the next one to come.
    LastKeyframe,
    /// At the oldest frame in the ring.
    Oldest,
    /// At the next frame to come.
    Live,
}

/// How far a reader may fall behind before it must skip.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Payload bytes between its position and the newest frame.
    pub bytes_max: u64,
    /// Wall-clock microseconds between the capture of its next frame and of the newest.
    pub age_micros_max: i64,
}

/// As far as the ring itself reaches.
impl Default for Budget {
    fn default() -> Self {
        Self { bytes_max: u64::MAX, age_micros_max: i64::MAX }
    }
}

/// What a reader gets.
#[derive(Debug)]
pub enum Delivery {
    /// The next frame.
    Frame(Arc<Published>),
    /// The reader was too far behind: this many frames were passed over. The next delivery is a keyframe, unless the
    /// stream has no video or ends before the next one.
    Lagged {
        /// Frames of all tracks that it will not get.
        frames: u64,
    },
}

/// A reader of a hub. Dropping it ends the reading.
pub struct Subscriber {
    hub: Arc<Hub>,
    slot: usize,
    next: u64,
    budget: Budget,
    /// Nothing but a keyframe may come next.
    awaiting_keyframe: bool,
    /// Frames passed over that the reader has not been told of.
    missed: u64,
    /// It has got a frame: what is passed over from now on is a loss.
    started: bool,
}

impl Subscriber {
    pub(super) fn new(hub: Arc<Hub>, slot: usize, next: u64, budget: Budget, start: Start) -> Self {
        let awaiting_keyframe = start == Start::LastKeyframe;
        Self { hub, slot, next, budget, awaiting_keyframe, missed: 0, started: false }
    }

    /// The next delivery if one is there. `Ready(None)` is the end of the stream.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Delivery>> {
        let hub = Arc::clone(&self.hub);
        let mut state = hub.state.lock();
        if let Some(delivery) = self.take_and_tell(&mut state) {
            return Poll::Ready(Some(delivery));
        }
        if state.closed {
            return Poll::Ready(None);
        }
        state.readers.wait(self.slot, cx.waker());
        Poll::Pending
    }

    /// The next delivery, awaited. Safe to drop at any point: nothing is lost.
    pub async fn next(&mut self) -> Option<Delivery> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The next delivery if one is there, without waiting for more.
    pub fn try_next(&mut self) -> Option<Delivery> {
        let hub = Arc::clone(&self.hub);
        let mut state = hub.state.lock();
        self.take_and_tell(&mut state)
    }

    /// From now on the ring keeps what this reader has not read, as far as its bytes allow and however old that is by the
    /// camera's clock: a burst after a stall of the network must not push out frames between two visits. For a reader
    /// that comes by for sure; one that stops reading fills the ring.
    pub fn keep_unread(&mut self) {
        self.hub.state.lock().ring.keep_unread(self.slot, self.next);
    }

    /// True once the hub is closed and all that was in it has been read.
    pub fn ended(&self) -> bool {
        let state = self.hub.state.lock();
        state.closed && self.next >= state.ring.end()
    }

    /// The description in force now.
    pub fn info(&self) -> Option<Arc<StreamInfo>> {
        self.hub.info()
    }

    fn take_and_tell(&mut self, state: &mut State) -> Option<Delivery> {
        let delivery = self.take(state);
        state.ring.advance(self.slot, self.next);
        delivery
    }

    fn take(&mut self, state: &State) -> Option<Delivery> {
        while self.next < state.ring.end() {
            let frame = match state.ring.at(self.next) {
                Some(frame) if !self.behind(state, frame) => frame,
                _ => {
                    self.skip(state);
                    continue;
                }
            };
            // A stream of sound alone has no keyframes, and can begin anywhere.
            if self.awaiting_keyframe && !frame.frame.keyframe && frame.info.video().is_some() {
                self.pass_over(self.next + 1);
                continue;
            }
            if let Some(lagged) = self.lagged() {
                return Some(lagged);
            }
            (self.awaiting_keyframe, self.started) = (false, true);
            self.next += 1;
            return Some(Delivery::Frame(Arc::clone(frame)));
        }
        if state.closed { self.lagged() } else { None }
    }

    fn lagged(&mut self) -> Option<Delivery> {
        let frames = std::mem::take(&mut self.missed);
        (frames > 0).then_some(Delivery::Lagged { frames })
    }

    fn pass_over(&mut self, to: u64) {
        self.missed += if self.started { to - self.next } else { 0 };
        self.next = to;
    }

    fn behind(&self, state: &State, next: &Published) -> bool {
        let newest = state.ring.at(state.ring.end() - 1).map_or(0, |f| f.frame.wall.micros());
        let age = newest.saturating_sub(next.frame.wall.micros());
        // The newest GOP is always allowed: skipping forward within it would only lose its keyframe.
        let in_newest_gop = state.ring.keyframe().is_some_and(|k| next.index >= k);
        let bytes = state.ring.end_offset() - next.byte_offset;
        !in_newest_gop && (bytes > self.budget.bytes_max || age > self.budget.age_micros_max)
    }

    /// Moves on to the newest keyframe, or to the end where the ring holds none that is ahead.
    fn skip(&mut self, state: &State) {
        let keyframe = state.ring.keyframe().filter(|k| *k > self.next);
        self.pass_over(keyframe.unwrap_or(state.ring.end()));
        self.awaiting_keyframe = true;
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let mut state = self.hub.state.lock();
        state.ring.release(self.slot);
        state.readers.remove(self.slot);
    }
}
