//! One stream, one publisher, any number of readers. The publisher never waits: it appends to a ring that is bounded in
//! bytes, and a reader that falls behind is told so and goes on at the newest keyframe. The ring always reaches back to
//! the last keyframe (as far as its bytes allow), so a new reader starts at once.
//!
//! A reader holds a position, not a queue; a frame is stored once however many read it. Waking is by `Waker` alone: a
//! reader that comes by at its own pace (the recorder) registers none and costs the publisher nothing.

mod ring;
mod subscriber;
#[cfg(test)]
mod tests;

use std::sync::{Arc, OnceLock};
use std::task::Waker;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::frame::{Frame, StreamInfo, TrackId};
use crate::rtp::{self, RtpStamp};
use ring::Ring;
pub use subscriber::{Budget, Delivery, Start, Subscriber};

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

/// A frame in the ring: its place, its RTP numbering, and its wire image once somebody has asked for it.
#[derive(Debug)]
pub struct Published {
    /// The frame.
    pub frame: Frame,
    /// The description in force for it.
    pub info: Arc<StreamInfo>,
    /// Its place in the stream since the hub was made, from 0, all tracks counted.
    pub index: u64,
    /// Payload bytes published before it.
    pub byte_offset: u64,
    /// Its packets' numbering.
    pub rtp: RtpStamp,
    interleaved: OnceLock<Bytes>,
}

impl Published {
    /// RTSP-over-TCP image of the frame: built at the first call, shared by all later ones, dropped with the frame.
    pub fn interleaved(&self) -> &Bytes {
        self.interleaved.get_or_init(|| match self.info.track(self.frame.track) {
            Some(track) => rtp::interleaved(&track.params, &self.frame, self.rtp),
            None => Bytes::new(),
        })
    }
}

/// The meeting point of a stream's publisher and its readers.
pub struct Hub {
    state: Mutex<State>,
}

struct State {
    ring: Ring,
    info: Option<Arc<StreamInfo>>,
    numbering: Vec<Numbering>,
    seed: u64,
    readers: Slots,
    closed: bool,
}

/// A track's running RTP numbers.
struct Numbering {
    ssrc: u32,
    next_sequence: u16,
    timestamp_offset: u32,
}

/// Who reads, and which of them wait to be woken. A reader registers in constant time, however many there are.
#[derive(Default)]
struct Slots {
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
    waiting: Vec<usize>,
}

impl Slots {
    fn add(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.wakers.push(None);
            self.wakers.len() - 1
        })
    }

    fn remove(&mut self, slot: usize) {
        if let Some(waker) = self.wakers.get_mut(slot) {
            if waker.take().is_some() {
                self.waiting.retain(|s| *s != slot);
            }
            self.free.push(slot);
        }
    }

    fn wait(&mut self, slot: usize, waker: &Waker) {
        let Some(place) = self.wakers.get_mut(slot) else { return };
        match place {
            Some(old) => old.clone_from(waker),
            None => {
                *place = Some(waker.clone());
                self.waiting.push(slot);
            }
        }
    }

    fn take_waiting(&mut self) -> Vec<Waker> {
        let wakers = &mut self.wakers;
        self.waiting.drain(..).filter_map(|slot| wakers.get_mut(slot).and_then(Option::take)).collect()
    }

    fn count(&self) -> usize {
        self.wakers.len() - self.free.len()
    }
}

impl Hub {
    /// An empty hub. `seed` makes the SSRCs, first sequence numbers and timestamp offsets, which RFC 3550 section 5.1
    /// wants unpredictable: hand in random bits.
    pub fn new(limits: HubLimits, seed: u64) -> Arc<Self> {
        let state = State {
            ring: Ring::new(limits),
            info: None,
            numbering: Vec::new(),
            seed,
            readers: Slots::default(),
            closed: false,
        };
        Arc::new(Self { state: Mutex::new(state) })
    }

    /// Appends a frame, drops what the bounds no longer allow, and wakes the readers that wait.
    pub fn publish(&self, frame: Frame, info: &Arc<StreamInfo>) -> Arc<Published> {
        let packets = info.track(frame.track).map_or(0, |t| rtp::packet_count(&t.params, &frame));
        let mut state = self.state.lock();
        let rtp = state.number(&frame, packets);
        state.info = Some(Arc::clone(info));
        let published = state.ring.push(frame, Arc::clone(info), rtp);
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

    /// A new reader.
    pub fn subscribe(self: &Arc<Self>, start: Start, budget: Budget) -> Subscriber {
        let mut state = self.state.lock();
        let (slot, next) = (state.readers.add(), state.ring.start(start));
        drop(state);
        Subscriber::new(Arc::clone(self), slot, next, budget, start)
    }

    /// Readers at this moment.
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

    /// A track's SSRC, and what is added to its pts to make RTP timestamps; none before its first frame.
    pub fn rtp_offset(&self, track: TrackId) -> Option<(u32, u32)> {
        let state = self.state.lock();
        state.numbering.get(track.index()).map(|n| (n.ssrc, n.timestamp_offset))
    }
}

impl State {
    fn number(&mut self, frame: &Frame, packets: u16) -> RtpStamp {
        while self.numbering.len() <= frame.track.index() {
            let random = scramble(self.seed.wrapping_add(self.numbering.len() as u64 + 1));
            self.numbering.push(Numbering {
                ssrc: (random >> 32) as u32,
                next_sequence: (random & 0x7fff) as u16,
                timestamp_offset: scramble(random) as u32,
            });
        }
        let Some(track) = self.numbering.get_mut(frame.track.index()) else {
            unreachable!("the loop above made the track's numbering");
        };
        let stamp = RtpStamp {
            ssrc: track.ssrc,
            first_sequence: track.next_sequence,
            packets,
            timestamp: (frame.pts as u32).wrapping_add(track.timestamp_offset),
        };
        track.next_sequence = track.next_sequence.wrapping_add(packets);
        stamp
    }
}

/// One step of SplitMix64: spreads a seed over all 64 bits.
fn scramble(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
