//! H.264 access units to RTP payloads (RFC 6184, packetization mode 1): single NAL units, and FU-A for those that do not fit.

use super::depacketize::FU_A;
use super::{NAL_SPS, Params, is_picture, nal_type};
use crate::codec::nal;
use crate::codec::packetize::Part;

/// Puts the parameter sets before a keyframe that does not carry them itself, so that a reader can begin there.
pub(in crate::codec) fn packetize(
    params: &Params,
    payload: &[u8],
    keyframe: bool,
    room: usize,
    out: &mut dyn FnMut(Part<'_>),
) {
    let carries_sets = || nal::units(payload).any(|unit| unit.first().is_some_and(|b| nal_type(*b) == NAL_SPS));
    if keyframe && !carries_sets() {
        params.sets().for_each(|set| one(set, false, room, out));
    }
    let mut units = nal::units(payload).peekable();
    while let Some(unit) = units.next() {
        one(unit, units.peek().is_none(), room, out);
    }
}

fn one(unit: &[u8], last: bool, room: usize, out: &mut dyn FnMut(Part<'_>)) {
    let Some((&header, body)) = unit.split_first() else { return };
    let picture = is_picture(nal_type(header));
    if unit.len() <= room {
        out(Part { head: &[], body: unit, marker: last, ticks: 0, picture });
        return;
    }
    let indicator = header & 0xe0 | FU_A;
    nal::fragments(body, room - 2, |start, end, body| {
        let fragment = start << 7 | end << 6 | nal_type(header);
        out(Part { head: &[indicator, fragment], body, marker: last && end == 1, ticks: 0, picture });
    });
}
