//! What H.264 and H.265 share: NAL units behind 4-byte lengths, and lists of parameter sets.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;

use super::ParamsError;

/// Most parameter sets kept for a track. H.264 allows 32 SPS and 256 PPS; encoders send one of each, seldom a handful.
pub(super) const SETS_MAX: usize = 16;

/// Longest parameter set. An H.265 SPS with every scaling list and VUI field stays below.
pub(super) const SET_BYTES_MAX: usize = 4096;

/// Bytes of the length before each NAL unit of a payload.
pub(super) const LENGTH_BYTES: usize = 4;

/// Base64 whose padding may be missing, as some cameras write it.
const BASE64_LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Refuses a set that no encoder makes: too long, or with a start code inside, which a reader of Annex B would take for
/// its end.
pub(super) fn check_set(what: &'static str, set: &[u8]) -> Result<(), ParamsError> {
    if set.len() > SET_BYTES_MAX {
        return Err(ParamsError::TooLarge { what, bytes: set.len(), max: SET_BYTES_MAX });
    }
    if set.windows(3).any(|bytes| bytes == [0, 0, 1]) {
        return Err(ParamsError::StartCode(what));
    }
    Ok(())
}

/// The NAL units of a payload of 4-byte lengths. Ends at the first length that does not fit; skips empty units.
pub(super) fn units(payload: &[u8]) -> impl Iterator<Item = &[u8]> {
    places(payload).map(|(_, unit)| unit)
}

/// The same units, each with the place of its length.
pub(super) fn places(payload: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut rest = payload;
    std::iter::from_fn(move || {
        loop {
            let at = payload.len() - rest.len();
            let (length, tail) = rest.split_first_chunk::<LENGTH_BYTES>()?;
            let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
            let (unit, tail) = tail.split_at_checked(length)?;
            rest = tail;
            if !unit.is_empty() {
                return Some((at, unit));
            }
        }
    })
}

/// The value of one parameter of an `a=fmtp` line; names are compared without regard to case.
pub(super) fn fmtp_value<'a>(fmtp: &'a str, name: &str) -> Option<&'a str> {
    fmtp.split(';').find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Parameter sets as SDP has them: base64, separated by commas. What is no base64 is passed over; so are a trailing
/// start code and its zeros, which some cameras leave on.
pub(super) fn decode_sets(value: &str) -> Vec<Bytes> {
    let sets = value.split(',').take(SETS_MAX).filter_map(|text| BASE64_LENIENT.decode(text.trim()).ok());
    sets.map(|set| Bytes::copy_from_slice(trim_start_codes(&set))).filter(|set| !set.is_empty()).collect()
}

fn trim_start_codes(set: &[u8]) -> &[u8] {
    let set = set.strip_prefix(&[0, 0, 0, 1]).or_else(|| set.strip_prefix(&[0, 0, 1])).unwrap_or(set);
    set.strip_suffix(&[0, 0, 0, 1]).or_else(|| set.strip_suffix(&[0, 0, 1])).unwrap_or(set)
}

/// A set behind its length in 2 bytes, as configuration records have it. Lengths are bound by `SET_BYTES_MAX`.
pub(super) fn append_u16_prefixed(out: &mut Vec<u8>, set: &[u8]) {
    let length = set.len().min(SET_BYTES_MAX);
    out.extend((length as u16).to_be_bytes());
    out.extend(set.iter().take(length));
}

/// `scale / units` as a frame rate in lowest terms, where it is one: between 1 frame in 100 s and 1000 a second.
pub(super) fn frame_rate(scale: u32, units: u64) -> Option<(u32, u32)> {
    let scale = u64::from(scale);
    if units == 0 || scale == 0 || scale > units.saturating_mul(1000) || units > scale.saturating_mul(100) {
        return None;
    }
    let divisor = greatest_common_divisor(scale, units);
    Some((u32::try_from(scale / divisor).ok()?, u32::try_from(units / divisor).ok()?))
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// What the stream's own parameter sets make of those known so far; none where nothing changes. A unit that carries sets
/// of one kind replaces all of that kind, except the picture parameter sets, which come one by one and are replaced by
/// id until the sequence parameter set changes.
pub(super) fn merge_sets<'a>(
    known: &[Bytes],
    found: impl Iterator<Item = &'a [u8]>,
    kind: impl Fn(&[u8]) -> SetKind,
) -> Option<Vec<Bytes>> {
    let mut found_sets: Vec<&[u8]> = Vec::new();
    for set in found {
        if found_sets.len() < SETS_MAX && !found_sets.contains(&set) {
            found_sets.push(set);
        }
    }
    let rank = |set: &[u8]| match kind(set) {
        SetKind::Video => 0u8,
        SetKind::Sequence => 1,
        SetKind::Picture { .. } => 2,
    };
    let same = |wanted: u8| {
        let old = known.iter().map(|s| s.as_ref()).filter(|s| rank(s) == wanted);
        let new = found_sets.iter().copied().filter(|s| rank(s) == wanted);
        new.clone().next().is_none() || old.eq(new)
    };
    let new_sequence = !same(1);
    let replaced = |old: &[u8]| {
        found_sets.iter().any(|new| match (kind(old), kind(new)) {
            (SetKind::Picture { id: old }, SetKind::Picture { id: new }) => new_sequence || old == new,
            (old, new) => old == new,
        })
    };
    if same(0) && !new_sequence && found_sets.iter().all(|new| known.iter().any(|old| old == new)) {
        return None;
    }
    let mut merged: Vec<Bytes> = known.iter().filter(|old| !replaced(old)).cloned().collect();
    merged.extend(found_sets.iter().map(|set| Bytes::copy_from_slice(set)));
    merged.sort_by_key(|set| rank(set));
    merged.truncate(SETS_MAX);
    Some(merged)
}

/// What a parameter set describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SetKind {
    /// H.265's VPS.
    Video,
    /// SPS.
    Sequence,
    /// PPS, with its id where it could be read.
    Picture {
        /// `pps_pic_parameter_set_id`.
        id: Option<u32>,
    },
}

/// Splits a NAL unit's body into fragments of at most `bytes_max`; the first two arguments are the start and end bits.
pub(super) fn fragments(body: &[u8], bytes_max: usize, mut out: impl FnMut(u8, u8, &[u8])) {
    let mut chunks = body.chunks(bytes_max).peekable();
    let mut start = 1;
    while let Some(chunk) = chunks.next() {
        out(start, u8::from(chunks.peek().is_none()), chunk);
        start = 0;
    }
}
