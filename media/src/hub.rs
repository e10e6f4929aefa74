//! One stream, one publisher, any number of readers. The publisher never waits: it appends to a ring that is bounded in
//! bytes, and a reader that falls behind is told so and goes on at the newest keyframe. The ring always reaches back to
//! the last keyframe (as far as its bytes allow), so a new reader starts at once.
//!
//! A reader holds a position, not a queue; a frame is stored once however many read it. Waking is by `Waker` alone: a
//! reader that comes by at its own pace (the recorder) registers none and costs the publisher nothing. Many viewers on one
//! thread share one reader that is woken, and each keep a [`Cursor`] of their own.

mod cursor;
mod decode;
mod numbering;
mod published;
mod ring;
mod subscriber;
mod sync;
#[cfg(all(test, not(feature = "loom")))]
mod tests;
mod wakers;

use std::sync::Arc;

use crate::frame::{Frame, StreamInfo, TrackId};
use crate::rtp;
pub use cursor::{Budget, Cursor, Delivery, Lag, Start};
use numbering::Numbering;
pub use published::Published;
use ring::Ring;
pub use subscriber::Subscriber;
use sync::Mutex;
use wakers::Wakers;

/// A hub's bounds.
#[derive(Clone, Copy, Debug)]
pub struct HubLimits {
    /// Bytes of frames kept at most; wire images that viewers asked for come on top, of about the same size. A keyframe
    /// interval that does not fit costs new readers their instant start.
    pub ring_bytes_max: usize,
    /// Wall-clock microseconds of history kept behind the last keyframe for readers that come by at their own pace.
    pub history_micros: i64,
}

/// 16 MiB hold 8 s of a 16 Mbit/s camera; three visits of a reader that comes every 250 ms fit in 1 s.
impl Default for HubLimits {
    fn default() -> Self {
        Self { ring_bytes_max: 16 << 20, history_micros: 1_000_000 }
    }
}

/// The meeting point of a stream's publisher and its readers.
pub struct Hub {
    state: Mutex<State>,
}

struct State {
    ring: Ring,
    info: Option<Arc<StreamInfo>>,
    numbering: Numbering,
    readers: Wakers,
    closed: bool,
}

impl Hub {
    /// An empty hub. `seed` makes the SSRCs, first sequence numbers and timestamp offsets, which RFC 3550 section 5.1
    /// wants unpredictable: hand in random bits.
    pub fn new(limits: HubLimits, seed: u64) -> Arc<Self> {
        let state = State {
            ring: Ring::new(limits),
            info: None,
            numbering: Numbering::new(seed),
            readers: Wakers::default(),
            closed: false,
        };
        Arc::new(Self { state: Mutex::new(state) })
    }

    /// Appends a frame, drops what the bounds no longer allow, and wakes the readers that wait.
    pub fn publish(&self, frame: Frame, info: &Arc<StreamInfo>) -> Arc<Published> {
        let track = info.track(frame.track);
        let cut = track.map_or(rtp::Cut { packets: 0, picture: false }, |t| rtp::cut(&t.params, &frame));
        let mut state = self.state.lock();
        let stamp = state.numbering.number(&frame, cut, track.map_or(0, |t| t.clock_rate));
        let media_time = state.numbering.place(&frame, track);
        state.info = Some(Arc::clone(info));
        let published = state.ring.push(frame, Arc::clone(info), stamp, media_time);
        let waiting = state.readers.take_waiting();
        drop(state);
        for waker in waiting {
            waker.wake();
        }
        published
    }

    /// The description of the newest frame; none before the first one.
    pub fn info(&self) -> Option<Arc<StreamInfo>> {
        self.state.lock().info.clone()
    }

    /// A new reader that can be woken.
    pub fn subscribe(self: &Arc<Self>, start: Start, budget: Budget) -> Subscriber {
        let mut state = self.state.lock();
        let (slot, cursor) = (state.readers.add(), Cursor::new(&state.ring, budget, start));
        drop(state);
        Subscriber::new(Arc::clone(self), slot, cursor)
    }

    /// A position for a reader that nobody wakes and nobody counts.
    pub fn cursor(&self, start: Start, budget: Budget) -> Cursor {
        Cursor::new(&self.state.lock().ring, budget, start)
    }

    /// The next delivery at a position, if one is there.
    pub fn read(&self, cursor: &mut Cursor) -> Option<Delivery> {
        let state = self.state.lock();
        cursor.take(&state.ring, state.closed)
    }

    /// Readers that can be woken, at this moment.
    pub fn readers(&self) -> usize {
        self.state.lock().readers.count()
    }

    /// Bytes that the ring holds: payloads, and what each frame costs beside its own.
    pub fn ring_bytes(&self) -> usize {
        self.state.lock().ring.held_bytes()
    }

    /// Ends the stream for good (the camera left the register): readers get what is in the ring, then the end.
    pub fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let waiting = state.readers.take_waiting();
        drop(state);
        for waker in waiting {
            waker.wake();
        }
    }

    /// Sequence number and RTP timestamp that a frame of this track would begin with if it were published next.
    pub fn rtp_next(&self, track: TrackId, pts: i64) -> (u16, u32) {
        self.state.lock().numbering.next(track, pts)
    }

    /// A track's SSRC, and what is added to its pts to make RTP timestamps; none before its first frame.
    pub fn rtp_offset(&self, track: TrackId) -> Option<(u32, u32)> {
        self.state.lock().numbering.offset(track)
    }
}
