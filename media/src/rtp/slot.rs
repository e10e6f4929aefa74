//! The one packet of a marked frame that is the viewer's own: a mark's unit in a packet of its own, of the same length and
//! number for every viewer. The frame makes it with a hole; each viewer's text fills it.

use super::{HEADER_BYTES, INTERLEAVED_HEADER_BYTES};
use crate::codec::CodecParams;
use crate::mark::{Carrier, Text, UNIT_BYTES_MAX};

/// Longest header that a payload format puts before the unit: RFC 2435's main and restart headers.
const HEAD_BYTES_MAX: usize = 12;
/// Longest packet with a mark, its interleaved header included.
pub const SLOT_BYTES_MAX: usize = INTERLEAVED_HEADER_BYTES + HEADER_BYTES + HEAD_BYTES_MAX + UNIT_BYTES_MAX;

/// A packet with a hole for the viewer's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    packet: Marked,
    text_at: usize,
}

/// A packet with a viewer's text in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marked {
    bytes: [u8; SLOT_BYTES_MAX],
    len: usize,
}

impl Slot {
    /// The packet for a mark of this frame; none where the codec has no place for one.
    pub(super) fn build(params: &CodecParams, payload: &[u8], channel: u8, header: [u8; HEADER_BYTES]) -> Option<Self> {
        let unit = Carrier::of(params)?.unit(payload);
        let head = params.mark_head(payload);
        let length = HEADER_BYTES + head.len() + unit.bytes().len();
        let [high, low] = (length as u16).to_be_bytes();
        let mut packet = Marked { bytes: [0; SLOT_BYTES_MAX], len: 0 };
        for part in [&[b'$', channel, high, low][..], &header, &head, unit.bytes()] {
            packet.append(part);
        }
        let text_at = INTERLEAVED_HEADER_BYTES + HEADER_BYTES + head.len() + unit.text_at();
        Some(Self { packet, text_at })
    }

    /// Bytes of the packet with its interleaved header.
    pub fn interleaved_bytes(&self) -> usize {
        self.packet.len
    }

    /// The packet with this text.
    pub fn filled(&self, text: &Text) -> Marked {
        let mut packet = self.packet;
        if let Some(place) = packet.bytes.get_mut(self.text_at..self.text_at + text.len()) {
            place.copy_from_slice(text);
        }
        packet
    }
}

impl Marked {
    fn append(&mut self, part: &[u8]) {
        if let Some(place) = self.bytes.get_mut(self.len..self.len + part.len()) {
            place.copy_from_slice(part);
            self.len += part.len();
        }
    }

    /// As it goes over TCP.
    pub fn interleaved(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// As it goes by UDP.
    pub fn datagram(&self) -> &[u8] {
        self.interleaved().get(INTERLEAVED_HEADER_BYTES..).unwrap_or_default()
    }
}
