//! Bytes of a fragment's head: prft, moof, and the header of the mdat that follows. Hot path, so written by hand: a
//! fragment's head is a few hundred bytes in one buffer.

use super::ntp_from_wall;
use crate::wall::Wall;

/// One sample as a trun entry (ISO/IEC 14496-12 section 8.8.8).
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) duration: u32,
    pub(super) size: u32,
    pub(super) sync: bool,
    pub(super) composition: i32,
}

/// A frame's place on its track's line, in ticks of the track's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct MediaTime {
    /// Decode time. Rises from frame to frame.
    pub decode: u64,
    /// What is added to it for the time of presentation.
    pub composition: i32,
    /// How long it lasts, as far as can be said before the next one.
    pub duration: u32,
}

/// One track's part of a fragment.
#[derive(Debug)]
pub(super) struct Run {
    /// Track id as in the moov, from 1.
    pub(super) track: u32,
    /// Decode time of its first sample, in ticks from the segment's beginning.
    pub(super) decode_time: u64,
    pub(super) entries: Vec<Entry>,
}

/// `sample_flags`: depends on no other sample (ISO/IEC 14496-12 section 8.8.3.1).
const SYNC: u32 = 0x0200_0000;
/// `sample_flags`: depends on others, no place to begin.
const NON_SYNC: u32 = 0x0101_0000;
/// `tf_flags`: offsets count from the moof.
pub(super) const DEFAULT_BASE_IS_MOOF: u32 = 0x02_0000;
/// `tr_flags`: data offset, and per sample duration, size, flags and composition offset.
pub(super) const TRUN_FLAGS: u32 = 0x00_0f01;
/// `prft` flags: the time is that of the scene itself (ISO/IEC 14496-12 section 8.16.5).
const PRFT_REAL_TIME: u32 = 24;
/// Length of the prft box, version 1.
pub(super) const PRFT_BYTES: usize = 32;
/// Length of a plain box header.
pub(super) const HEADER_BYTES: usize = 8;

/// The head of a fragment whose sample data, in the order of `runs`, follows it. `start` is when the first sample of the
/// first run was captured, `media_time` its place on that track's line, in ticks.
pub(super) fn write(sequence: u32, start: Wall, media_time: u64, runs: &[Run]) -> Vec<u8> {
    let samples: usize = runs.iter().map(|r| r.entries.len()).sum();
    let mut out = Vec::with_capacity(PRFT_BYTES + 32 + runs.len() * 72 + samples * 16 + HEADER_BYTES);
    full_box(&mut out, b"prft", 1, PRFT_REAL_TIME, |out| {
        put32(out, runs.first().map_or(1, |r| r.track));
        put64(out, ntp_from_wall(start));
        put64(out, media_time);
    });
    moof(&mut out, sequence, runs);
    out
}

/// The moof, and the header of the mdat.
fn moof(out: &mut Vec<u8>, sequence: u32, runs: &[Run]) {
    let mut offset_places = Vec::with_capacity(runs.len());
    let moof_at = out.len();
    plain_box(out, b"moof", |out| {
        full_box(out, b"mfhd", 0, 0, |out| put32(out, sequence));
        for run in runs {
            plain_box(out, b"traf", |out| offset_places.push(traf(out, run)));
        }
    });
    patch_offsets(out, moof_at, &offset_places, runs);
    let data: u64 = runs.iter().map(data_bytes).sum();
    put32(out, u32::try_from(data + HEADER_BYTES as u64).unwrap_or(u32::MAX));
    out.extend_from_slice(b"mdat");
}

/// moof and mdat header of a fragment that is one sample of this many bytes, of the track with this id in the moov.
pub fn fragment_of_one(sequence: u32, track: u32, at: MediaTime, sample_bytes: usize, sync: bool) -> Vec<u8> {
    let size = u32::try_from(sample_bytes).unwrap_or(u32::MAX);
    let entry = Entry { duration: at.duration, size, sync, composition: at.composition };
    let mut out = Vec::with_capacity(32 + 72 + 16 + HEADER_BYTES);
    moof(&mut out, sequence, &[Run { track, decode_time: at.decode, entries: vec![entry] }]);
    out
}

/// Writes the boxes of a traf and returns where its data offset is to be put.
fn traf(out: &mut Vec<u8>, run: &Run) -> usize {
    full_box(out, b"tfhd", 0, DEFAULT_BASE_IS_MOOF, |out| put32(out, run.track));
    full_box(out, b"tfdt", 1, 0, |out| put64(out, run.decode_time));
    let mut offset_place = 0;
    full_box(out, b"trun", 1, TRUN_FLAGS, |out| {
        put32(out, run.entries.len() as u32);
        offset_place = out.len();
        put32(out, 0);
        for entry in &run.entries {
            put32(out, entry.duration);
            put32(out, entry.size);
            put32(out, if entry.sync { SYNC } else { NON_SYNC });
            out.extend_from_slice(&entry.composition.to_be_bytes());
        }
    });
    offset_place
}

/// Each run's data begins behind the mdat header and the data of the runs before it, counted from the moof.
fn patch_offsets(out: &mut [u8], moof_at: usize, places: &[usize], runs: &[Run]) {
    let mut offset = (out.len() - moof_at + HEADER_BYTES) as u64;
    for (place, run) in places.iter().zip(runs) {
        if let Some(bytes) = out.get_mut(*place..*place + 4) {
            bytes.copy_from_slice(&(offset as u32).to_be_bytes());
        }
        offset += data_bytes(run);
    }
}

fn data_bytes(run: &Run) -> u64 {
    run.entries.iter().map(|e| u64::from(e.size)).sum()
}

/// Writes a box: its header, the body that `body` adds, and the length once it is known.
pub(super) fn plain_box(out: &mut Vec<u8>, kind: &[u8; 4], body: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    put32(out, 0);
    out.extend_from_slice(kind);
    body(out);
    let length = (out.len() - at) as u32;
    if let Some(place) = out.get_mut(at..at + 4) {
        place.copy_from_slice(&length.to_be_bytes());
    }
}

/// Writes a full box: version and flags before the body.
pub(super) fn full_box(out: &mut Vec<u8>, kind: &[u8; 4], version: u8, flags: u32, body: impl FnOnce(&mut Vec<u8>)) {
    plain_box(out, kind, |out| {
        put32(out, u32::from(version) << 24 | flags);
        body(out);
    });
}

pub(super) fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(super) fn put64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_be_bytes());
}
