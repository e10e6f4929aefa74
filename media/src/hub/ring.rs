//! The hub's memory: frames since the last keyframe, and a little history behind it, within a budget of bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{HubLimits, Published};
use crate::fmp4::MediaTime;
use crate::frame::{Frame, StreamInfo};
use crate::rtp::RtpStamp;

/// What a frame costs beside its payload: without it a camera that sends frames of one byte would fill the memory.
pub(super) const FRAME_COST_BYTES: usize = 256;

pub(super) struct Ring {
    limits: HubLimits,
    frames: VecDeque<Arc<Published>>,
    held_bytes: usize,
    next_index: u64,
    next_offset: u64,
    /// Index of the newest keyframe ever published; it may have left the ring already.
    last_keyframe: Option<u64>,
    /// Next frame of each reader whose unread frames are kept, by the reader's slot: one or two at most.
    keepers: Vec<(usize, u64)>,
}

impl Ring {
    pub(super) fn new(limits: HubLimits) -> Self {
        Self {
            limits,
            frames: VecDeque::new(),
            held_bytes: 0,
            next_index: 0,
            next_offset: 0,
            last_keyframe: None,
            keepers: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, frame: Frame, info: Arc<StreamInfo>, rtp: RtpStamp, at: MediaTime) -> Arc<Published> {
        let bytes = frame.payload.len();
        self.held_bytes += bytes + FRAME_COST_BYTES;
        if frame.keyframe {
            self.last_keyframe = Some(self.next_index);
        }
        let published = Published::new(frame, info, (self.next_index, self.next_offset), rtp, at);
        let published = Arc::new(published);
        self.next_index += 1;
        self.next_offset += bytes as u64;
        self.frames.push_back(Arc::clone(&published));
        self.evict(published.frame.wall.micros());
        published
    }

    fn evict(&mut self, now_micros: i64) {
        while let Some(oldest) = self.frames.front() {
            let over = self.held_bytes > self.limits.ring_bytes_max && self.frames.len() > 1;
            // Without a keyframe (audio only) all that is older than the history is let go.
            let needed = self.last_keyframe.is_some_and(|keyframe| oldest.index >= keyframe);
            let recent =
                now_micros.saturating_sub(oldest.frame.wall.micros()).saturating_abs() <= self.limits.history_micros;
            let unread = self.keepers.iter().any(|(_, next)| oldest.index >= *next);
            if !over && (needed || recent || unread) {
                return;
            }
            self.held_bytes -= oldest.frame.payload.len() + FRAME_COST_BYTES;
            self.frames.pop_front();
        }
    }

    /// Keeps what this reader has not read, from `next` on.
    pub(super) fn keep_unread(&mut self, slot: usize, next: u64) {
        self.release(slot);
        self.keepers.push((slot, next));
    }

    /// A reader came as far as `next`.
    pub(super) fn advance(&mut self, slot: usize, next: u64) {
        if let Some(keeper) = self.keepers.iter_mut().find(|(of, _)| *of == slot) {
            keeper.1 = next;
        }
    }

    /// A reader is gone.
    pub(super) fn release(&mut self, slot: usize) {
        self.keepers.retain(|(of, _)| *of != slot);
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Payload bytes published so far, dropped ones included.
    pub(super) fn end_offset(&self) -> u64 {
        self.next_offset
    }

    pub(super) fn end(&self) -> u64 {
        self.next_index
    }

    pub(super) fn at(&self, index: u64) -> Option<&Arc<Published>> {
        let first = self.frames.front()?.index;
        self.frames.get(usize::try_from(index.checked_sub(first)?).ok()?)
    }

    /// Index of the newest keyframe that is still here.
    pub(super) fn keyframe(&self) -> Option<u64> {
        self.last_keyframe.filter(|index| self.at(*index).is_some())
    }

    /// The oldest frame that is still here; the next to come where none is.
    pub(super) fn first(&self) -> u64 {
        self.frames.front().map_or(self.next_index, |f| f.index)
    }
}
