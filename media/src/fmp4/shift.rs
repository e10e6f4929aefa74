//! Moves a fragment along the line of time: adds to its tracks' decode times, in place; or lets a track last longer. The samples and
//! all offsets stay.

use std::ops::Range;

use super::boxes::children;
use super::head::{HEADER_BYTES, PRFT_BYTES, TRUN_FLAGS};
use super::wall_from_ntp;
use crate::wall::Wall;

/// Where a fragment's line of time meets the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The track it is said of.
    pub track: u32,
    /// When its first sample was captured.
    pub captured: Wall,
    /// That instant on the track's line, in ticks.
    pub media_time: u64,
}

/// What the prft at the beginning of a fragment says; none where there is none as we write it.
pub fn reference(fragment: &[u8]) -> Option<Reference> {
    let (kind, body) = children(fragment.get(..PRFT_BYTES)?, 0..PRFT_BYTES).next()?;
    let whole = &kind == b"prft" && body == (HEADER_BYTES..PRFT_BYTES) && fragment.get(HEADER_BYTES) == Some(&1);
    let word = |place: usize| fragment.get(HEADER_BYTES + place..)?.first_chunk::<8>().map(|b| u64::from_be_bytes(*b));
    let track = be32(fragment, HEADER_BYTES + 4)?;
    whole.then_some(Reference { track, captured: wall_from_ntp(word(8)?), media_time: word(16)? })
}

/// Adds `ticks_of(track id)` to the decode time of each track of the fragments in `bytes`, which holds whole boxes from a
/// prft or moof on; mdat boxes may be cut off. A sum below zero becomes zero. Returns how many tracks were moved.
pub fn shift(bytes: &mut [u8], ticks_of: impl Fn(u32) -> i64) -> usize {
    let mut places = Vec::new();
    for (kind, body) in children(bytes, 0..bytes.len()) {
        match &kind {
            b"moof" => {
                let trafs = children(bytes, body).filter(|c| &c.0 == b"traf");
                places.extend(trafs.filter_map(|c| traf(bytes, c.1)));
            }
            b"prft" => places.extend(media_time(bytes, body)),
            _ => {}
        }
    }
    let mut moved = 0;
    for (track, place, counts) in places {
        if let Some(field) = bytes.get_mut(place).and_then(|b| b.first_chunk_mut::<8>()) {
            let time = u64::from_be_bytes(*field);
            *field = time.saturating_add_signed(ticks_of(track)).to_be_bytes();
            moved += usize::from(counts);
        }
    }
    moved
}

/// Bytes of a trun before its samples, and of each: duration, size, flags, composition offset.
const TRUN_HEAD_BYTES: usize = 12;
const TRUN_SAMPLE_BYTES: usize = 16;

/// Lets the last sample of a track last so many ticks longer, in each fragment whose head is in `bytes`. False where there is none, or
/// it is not as we write it.
pub fn lengthen(bytes: &mut [u8], track: u32, ticks: u32) -> bool {
    let mut places = Vec::new();
    for (_, moof) in children(bytes, 0..bytes.len()).filter(|child| &child.0 == b"moof") {
        let trafs = children(bytes, moof).filter(|child| &child.0 == b"traf");
        places.extend(trafs.filter_map(|(_, traf)| last_duration(bytes, track, traf)));
    }
    for place in &places {
        if let Some(field) = bytes.get_mut(*place..).and_then(|b| b.first_chunk_mut::<4>()) {
            *field = u32::from_be_bytes(*field).saturating_add(ticks).to_be_bytes();
        }
    }
    !places.is_empty()
}

/// Where the duration of the track's last sample stands in a traf.
fn last_duration(bytes: &[u8], track: u32, traf: Range<usize>) -> Option<usize> {
    let of = |kind: &[u8; 4]| children(bytes, traf.clone()).find(|c| &c.0 == kind).map(|c| c.1);
    let trun = of(b"trun").filter(|_| of(b"tfhd").and_then(|tfhd| be32(bytes, tfhd.start + 4)) == Some(track))?;
    let flags = be32(bytes, trun.start)? & 0xff_ffff;
    let last = usize::try_from(be32(bytes, trun.start + 4)?).ok()?.checked_sub(1)?;
    let at = last.checked_mul(TRUN_SAMPLE_BYTES)?.checked_add(trun.start + TRUN_HEAD_BYTES)?;
    (flags == TRUN_FLAGS && at + TRUN_SAMPLE_BYTES <= trun.end).then_some(at)
}

/// Gives a fragment another number (`mfhd`, ISO/IEC 14496-12 section 8.8.5). None where it is not as we write them.
pub fn renumber(head: &mut [u8], sequence: u32) -> Option<()> {
    // Behind the moof's header, mfhd's own, and its version and flags.
    let mfhd = head.get_mut(PRFT_BYTES + HEADER_BYTES..)?;
    if mfhd.get(4..8) != Some(b"mfhd") {
        return None;
    }
    *mfhd.get_mut(HEADER_BYTES + 4..)?.first_chunk_mut::<4>()? = sequence.to_be_bytes();
    Some(())
}

/// Track id, place of the 64-bit decode time, and that it is one.
fn traf(bytes: &[u8], within: Range<usize>) -> Option<(u32, Range<usize>, bool)> {
    let of = |kind: &[u8; 4]| children(bytes, within.clone()).find(|c| &c.0 == kind).map(|c| c.1);
    let track = be32(bytes, of(b"tfhd")?.start + 4)?;
    let tfdt = of(b"tfdt")?;
    let wide = bytes.get(tfdt.start) == Some(&1);
    (wide && tfdt.len() >= 12).then(|| (track, tfdt.start + 4..tfdt.start + 12, true))
}

fn media_time(bytes: &[u8], body: Range<usize>) -> Option<(u32, Range<usize>, bool)> {
    let track = be32(bytes, body.start + 4)?;
    let wide = bytes.get(body.start) == Some(&1);
    (wide && body.len() >= 24).then(|| (track, body.start + 16..body.start + 24, false))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk::<4>().map(|b| u32::from_be_bytes(*b))
}
