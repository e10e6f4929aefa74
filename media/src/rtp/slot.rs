//! The one packet of a marked frame that is the viewer's own: a mark's unit in a packet of its own, of the same length and
//! number for every viewer.

use super::{HEADER_BYTES, INTERLEAVED_HEADER_BYTES};
use crate::codec::CodecParams;
use crate::mark::{Carrier, Marked, Slot};

/// The packet for a mark of this frame, with its interleaved header; none where the codec has no place for one.
pub(super) fn build(params: &CodecParams, payload: &[u8], channel: u8, header: [u8; HEADER_BYTES]) -> Option<Slot> {
    let unit = Carrier::of(params)?.unit(payload);
    let head = params.mark_head(payload);
    let length = HEADER_BYTES + head.len() + unit.bytes().len();
    let [high, low] = (length as u16).to_be_bytes();
    Some(Slot::behind(&[&[b'$', channel, high, low], &header, &head], &unit))
}

/// The packet as it goes by UDP.
pub fn as_datagram(marked: &Marked) -> &[u8] {
    marked.bytes().get(INTERLEAVED_HEADER_BYTES..).unwrap_or_default()
}
