//! JPEG pictures to RTP payloads (RFC 2435 section 3.1): main header, restart header, tables in the first packet.

use smallvec::SmallVec;

use super::jfif;
use crate::codec::packetize::Part;

/// Longest side that the header's byte of 8-pixel blocks can say.
const SIDE_MAX: u16 = 255 * 8;

/// Largest fragment offset: 24 bits.
const OFFSET_MAX: usize = (1 << 24) - 1;

/// `Q` of 255: the tables are in this picture's first packet and hold for it alone.
const Q_IN_BAND: u8 = 255;

/// Type 64 and above: a restart header follows.
pub(super) const RESTART_FLAG: u8 = 64;

/// First and last bits set and the count all ones: packets are not cut at restart intervals (section 3.1.7).
const RESTART_UNALIGNED: u16 = 0xffff;

pub(in crate::codec) fn packetize(payload: &[u8], room: usize, out: &mut dyn FnMut(Part<'_>)) {
    let Some((header, scan)) = jfif::read(payload) else { return };
    if header.width > SIDE_MAX || header.height > SIDE_MAX || scan.is_empty() || scan.len() > OFFSET_MAX {
        return;
    }
    let mut offset = 0usize;
    let mut head = Vec::with_capacity(8 + 4 + 4 + header.tables.len());
    while let Some(rest) = scan.get(offset..).filter(|rest| !rest.is_empty()) {
        head.clear();
        head.extend(fragment_head(&header, offset));
        if offset == 0 {
            head.extend([0, 0]); // must be zero; precision: 8 bits in both tables
            head.extend((header.tables.len() as u16).to_be_bytes());
            head.extend(header.tables);
        }
        let room = room.saturating_sub(head.len()).max(1);
        let (body, tail) = rest.split_at(room.min(rest.len()));
        out(Part { head: &head, body, marker: tail.is_empty(), ticks: 0, picture: true });
        offset += body.len();
    }
}

/// Main header and restart header of the fragment that begins at `offset`.
fn fragment_head(header: &jfif::Header, offset: usize) -> SmallVec<[u8; 12]> {
    let blocks = |side: u16| (side.div_ceil(8)) as u8;
    let restart = header.restart_interval != 0;
    let kind = header.sampling | if restart { RESTART_FLAG } else { 0 };
    let [_, high, middle, low] = (offset as u32).to_be_bytes();
    let mut head =
        SmallVec::from_slice(&[0, high, middle, low, kind, Q_IN_BAND, blocks(header.width), blocks(header.height)]);
    if restart {
        head.extend(header.restart_interval.to_be_bytes());
        head.extend(RESTART_UNALIGNED.to_be_bytes());
    }
    head
}

/// The head of a fragment behind the whole scan. Segments before the scan are not carried; one between the scan's data and
/// the end of the picture is, since a receiver only puts the fragments together.
pub(in crate::codec) fn mark_head(payload: &[u8]) -> SmallVec<[u8; 12]> {
    jfif::read(payload).map(|(header, scan)| fragment_head(&header, scan.len())).unwrap_or_default()
}
