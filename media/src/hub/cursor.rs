//! A reader's position in a ring, and what happens when it falls behind: it is told how much it missed and why, and goes on
//! at the newest keyframe.

use std::sync::Arc;

use super::Published;
use super::ring::Ring;

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

impl Start {
    fn within(self, ring: &Ring) -> u64 {
        match self {
            Self::LastKeyframe => ring.keyframe().unwrap_or(ring.end()),
            Self::Oldest => ring.first(),
            Self::Live => ring.end(),
        }
    }
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

/// Why a reader had to skip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lag {
    /// More bytes behind than its budget.
    Bytes,
    /// Further behind in time than its budget.
    Age,
    /// The ring did not reach back to it any more.
    Ring,
}

impl Lag {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Bytes, Self::Age, Self::Ring];

    /// Its word in a metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Age => "age",
            Self::Ring => "ring",
        }
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
        /// What it ran into first.
        why: Lag,
    },
}

/// A position in a hub's ring.
#[derive(Debug)]
pub struct Cursor {
    next: u64,
    budget: Budget,
    /// Nothing but a keyframe may come next.
    awaiting_keyframe: bool,
    /// Frames passed over that the reader has not been told of.
    missed: u64,
    why: Lag,
    /// It has got a frame: what is passed over from now on is a loss.
    started: bool,
}

impl Cursor {
    pub(super) fn new(ring: &Ring, budget: Budget, start: Start) -> Self {
        let next = start.within(ring);
        let awaiting_keyframe = start == Start::LastKeyframe;
        Self { next, budget, awaiting_keyframe, missed: 0, why: Lag::Ring, started: false }
    }

    /// Index of the next frame that it will look at.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// True where nothing stands between it and the frame at `next()`: it may be given that frame by other hands than the
    /// hub's, and then [`Cursor::pass`] it.
    pub fn takes_next(&self) -> bool {
        !self.awaiting_keyframe && self.missed == 0
    }

    /// It was given the frame at `next()`.
    pub fn pass(&mut self) {
        self.started = true;
        self.next += 1;
    }

    pub(super) fn take(&mut self, ring: &Ring, closed: bool) -> Option<Delivery> {
        while self.next < ring.end() {
            let (frame, lag) = match ring.at(self.next) {
                Some(frame) => (Some(frame), self.behind(ring, frame)),
                None => (None, Some(Lag::Ring)),
            };
            let frame = match (frame, lag) {
                (Some(frame), None) => frame,
                (_, lag) => {
                    self.skip(ring, lag.unwrap_or(Lag::Ring));
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
            self.awaiting_keyframe = false;
            self.pass();
            return Some(Delivery::Frame(Arc::clone(frame)));
        }
        if closed { self.lagged() } else { None }
    }

    fn lagged(&mut self) -> Option<Delivery> {
        let frames = std::mem::take(&mut self.missed);
        (frames > 0).then_some(Delivery::Lagged { frames, why: self.why })
    }

    fn pass_over(&mut self, to: u64) {
        self.missed += if self.started { to - self.next } else { 0 };
        self.next = to;
    }

    fn behind(&self, ring: &Ring, next: &Published) -> Option<Lag> {
        // The newest GOP is always allowed: skipping forward within it would only lose its keyframe.
        if ring.keyframe().is_some_and(|k| next.index >= k) {
            return None;
        }
        let newest = ring.at(ring.end() - 1).map_or(0, |f| f.frame.wall.micros());
        let age = newest.saturating_sub(next.frame.wall.micros());
        let bytes = ring.end_offset() - next.byte_offset;
        if bytes > self.budget.bytes_max {
            return Some(Lag::Bytes);
        }
        (age > self.budget.age_micros_max).then_some(Lag::Age)
    }

    /// Moves on to the newest keyframe, or to the end where the ring holds none that is ahead.
    fn skip(&mut self, ring: &Ring, why: Lag) {
        if self.missed == 0 {
            self.why = why;
        }
        let keyframe = ring.keyframe().filter(|k| *k > self.next);
        self.pass_over(keyframe.unwrap_or(ring.end()));
        self.awaiting_keyframe = true;
    }
}
