//! A frame's message: WebSocket header, moof and mdat with its one sample, and in that the hole for the viewer's mark. Built once and
//! sent to every viewer.

use bytes::{BufMut as _, Bytes, BytesMut};

use super::{BINARY, MESSAGE_HEADER_BYTES_MAX, message_header};
use crate::codec::CodecParams;
use crate::fmp4::{self, MediaTime};
use crate::frame::Frame;
use crate::mark::{Carrier, Slot};

/// What a frame gets before its payload, at most: message header, moof, header of the mdat.
const HEAD_BYTES_MAX: usize = MESSAGE_HEADER_BYTES_MAX + 192;

/// A frame as its viewers get it by MSE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    bytes: Bytes,
    slot: Option<(usize, Slot)>,
}

impl Chunk {
    /// The message. `number` counts the stream's frames; `marked` says whether a mark's unit has a place before the picture.
    pub fn build(params: &CodecParams, frame: &Frame, at: MediaTime, number: u64, marked: bool) -> Self {
        let place = marked.then(|| slot(params, &frame.payload)).flatten();
        let own = place.as_ref().map_or(0, |(_, slot)| slot.bytes());
        let sample = frame.payload.len() + own;
        let sync = frame.keyframe || !params.is_video();
        let moof = fmp4::fragment_of_one(number as u32, u32::from(frame.track.0) + 1, at, sample, sync);
        let (header, len) = message_header(BINARY, moof.len() + sample);
        let mut bytes = BytesMut::with_capacity(HEAD_BYTES_MAX + frame.payload.len());
        bytes.put_slice(header.get(..len).unwrap_or_default());
        bytes.put_slice(&moof);
        let head = bytes.len();
        bytes.put_slice(&frame.payload);
        Self { bytes: bytes.freeze(), slot: place.map(|(at, slot)| (head + at, slot)) }
    }

    /// No message.
    pub fn empty() -> Self {
        Self { bytes: Bytes::new(), slot: None }
    }

    /// All that viewers share.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The viewer's own unit, and where in `bytes` it goes.
    pub fn slot(&self) -> Option<(usize, &Slot)> {
        self.slot.as_ref().map(|(at, slot)| (*at, slot))
    }
}

/// The unit as it stands in a sample, and where in the payload: behind its length where it is a NAL unit.
fn slot(params: &CodecParams, payload: &[u8]) -> Option<(usize, Slot)> {
    let carrier = Carrier::of(params)?;
    let (at, unit) = (carrier.insertion(payload)?, carrier.unit(payload));
    let length = (unit.bytes().len() as u32).to_be_bytes();
    let head: &[&[u8]] = if carrier == Carrier::Jpeg { &[] } else { &[&length] };
    Some((at, Slot::behind(head, &unit)))
}
