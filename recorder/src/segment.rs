//! What the index knows of one recording file, and its stored form. The path follows from the camera and the start.

use std::fmt;

use media::fmp4::Note;
use media::id::CameraId;
use media::wall::Wall;

/// Version of the stored form. Rows of version 1 have no volume and no hash.
const VERSION: u8 = 2;
/// Flags of a row.
const SEALED: u8 = 1;
const HASHED: u8 = 2;
/// Most fragments taken from a stored row; the writer ends a segment long before.
const FRAGMENTS_MAX: u64 = 100_000;

/// A recording file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The volume it is on; [`VolumeId::UNTOLD`] in rows from before there were several.
    pub volume: VolumeId,
    /// Path below the volume's root.
    pub path: String,
    /// Capture time of its first sample.
    pub start: Wall,
    /// End of its last sample.
    pub end: Wall,
    /// Length of the file as far as it is durable and whole.
    pub bytes: u64,
    /// Length of ftyp and moov at its beginning.
    pub init_bytes: u32,
    /// Tells one header from another: equal headers have equal values.
    pub init_hash: u64,
    /// Its place in its run.
    pub note: Note,
    /// Nothing will be added to it.
    pub sealed: bool,
    /// BLAKE3 of the whole file, once it is sealed.
    pub hash: Option<Hash>,
    /// Its fragments, back to back from `first_offset` on. Empty in the stored row of an open segment.
    pub fragments: Vec<Piece>,
}

/// A volume's own number, which it carries with it; given at random when it is first used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VolumeId(pub u32);

impl VolumeId {
    /// Not said.
    pub const UNTOLD: Self = Self(0);
}

impl fmt::Display for VolumeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// BLAKE3 of a file; `b3sum` prints the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A fragment's place in time and in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where it begins in the file.
    pub offset: u64,
    /// Its length.
    pub bytes: u64,
    /// Capture time of its first sample.
    pub start: Wall,
    /// Media time in it.
    pub duration_micros: i64,
    /// A decoder can begin here.
    pub keyframe: bool,
}

impl Piece {
    /// End of its last sample.
    pub fn end(&self) -> Wall {
        Wall::from_micros(self.start.micros().saturating_add(self.duration_micros))
    }
}

impl Segment {
    /// Takes one more fragment at the end.
    pub fn add(&mut self, piece: Piece) {
        self.bytes = piece.offset + piece.bytes;
        self.end = self.end.max(piece.end());
        self.fragments.push(piece);
    }

    /// Keeps the first `count` fragments.
    pub(crate) fn truncate(&mut self, count: usize) {
        let kept: Vec<Piece> = self.fragments.drain(..).take(count).collect();
        (self.end, self.bytes) = (self.start, kept.first().map_or(self.bytes, |first| first.offset));
        kept.into_iter().for_each(|piece| self.add(piece));
    }

    /// The stored form.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.path.len() + self.fragments.len() * 8);
        let flags = if self.sealed { SEALED } else { 0 } | if self.hash.is_some() { HASHED } else { 0 };
        out.extend([VERSION, flags]);
        out.extend(self.volume.0.to_be_bytes());
        out.extend(self.hash.iter().flat_map(|hash| hash.0));
        put_text(&mut out, &self.path);
        for value in [self.start, self.end, self.note.run_origin] {
            put_signed(&mut out, value.micros());
        }
        put_signed(&mut out, self.note.base_micros);
        put(&mut out, self.bytes);
        put(&mut out, u64::from(self.init_bytes));
        out.extend(self.init_hash.to_be_bytes());
        put(&mut out, self.fragments.len() as u64);
        let (mut offset, mut at) = (0, self.start.micros());
        for piece in &self.fragments {
            put(&mut out, piece.offset.wrapping_sub(offset));
            put(&mut out, piece.bytes << 1 | u64::from(piece.keyframe));
            put_signed(&mut out, piece.start.micros().wrapping_sub(at));
            put_signed(&mut out, piece.duration_micros);
            (offset, at) = (piece.offset + piece.bytes, piece.end().micros());
        }
        out
    }

    /// From the stored form; none where it is damaged.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let mut segment = Self::decode_head(&mut rest)?;
        let count = take(&mut rest)?;
        let (mut offset, mut at) = (0u64, segment.start.micros());
        for _ in 0..Some(count).filter(|c| *c <= FRAGMENTS_MAX)? {
            offset = offset.wrapping_add(take(&mut rest)?);
            let length = take(&mut rest)?;
            let start = Wall::from_micros(at.wrapping_add(take_signed(&mut rest)?));
            let duration_micros = take_signed(&mut rest)?;
            let piece = Piece { offset, bytes: length >> 1, start, duration_micros, keyframe: length & 1 == 1 };
            (offset, at) = (offset.checked_add(piece.bytes)?, piece.end().micros());
            segment.fragments.push(piece);
        }
        rest.is_empty().then_some(segment)
    }

    /// All of it but its fragments, which are most of a row.
    pub(crate) fn decode_sketch(mut bytes: &[u8]) -> Option<Self> {
        Self::decode_head(&mut bytes)
    }

    fn decode_head(rest: &mut &[u8]) -> Option<Self> {
        let (version @ 1..=VERSION, flags) = (take_byte(rest)?, take_byte(rest)?) else { return None };
        let volume = if version == 1 { VolumeId::UNTOLD } else { VolumeId(u32::from_be_bytes(take_array(rest)?)) };
        let hashed = version > 1 && flags & HASHED != 0;
        let hash = if hashed { Some(Hash(take_array(rest)?)) } else { None };
        let path = take_text(rest)?;
        let (start, end) = (take_signed(rest)?, take_signed(rest)?);
        let run_origin = Wall::from_micros(take_signed(rest)?);
        let note = Note { run_origin, base_micros: take_signed(rest)? };
        let bytes = take(rest)?;
        let init_bytes = u32::try_from(take(rest)?).ok()?;
        let init_hash = u64::from_be_bytes(take_array(rest)?);
        Some(Self {
            volume,
            path,
            start: Wall::from_micros(start),
            end: Wall::from_micros(end),
            bytes,
            init_bytes,
            init_hash,
            note,
            sealed: flags & SEALED != 0,
            hash,
            fragments: Vec::new(),
        })
    }
}

/// Path of a segment below the volume's root: `camera/YYYY-MM-DD/HHMMSS.mmm.mp4`, UTC. `copy` tells files of the same
/// millisecond apart. None for a time no calendar has.
pub fn path(camera: &CameraId, start: Wall, copy: u32) -> Option<String> {
    let time = jiff::Timestamp::from_microsecond(start.micros()).ok()?;
    let day = time.strftime("%Y-%m-%d/%H%M%S");
    let millis = start.millis().rem_euclid(1000);
    let copy = if copy == 0 { String::new() } else { format!("-{copy}") };
    Some(format!("{camera}/{day}.{millis:03}{copy}.mp4"))
}

/// When a segment of this path began.
pub(crate) fn start_of(path: &str) -> Option<Wall> {
    let name = path.split_once('/')?.1.strip_suffix(".mp4")?;
    let (name, copy) = name.rsplit_once('-').filter(|(_, copy)| copy.len() <= 2).unwrap_or((name, ""));
    let (second, millis) = name.rsplit_once('.').filter(|_| copy.bytes().all(|b| b.is_ascii_digit()))?;
    let time = jiff::Timestamp::strptime("%Y-%m-%d/%H%M%S %z", format!("{second} +0000")).ok()?;
    let millis: i64 = millis.parse().ok().filter(|millis| (0..1000).contains(millis))?;
    Some(Wall::from_micros(time.as_microsecond() + millis * 1000))
}

/// A header's `init_hash`: FNV-1a, 64 bits. It tells parameter changes apart and is no proof of anything.
pub fn init_hash(init: &[u8]) -> u64 {
    init.iter().fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

/// LEB128.
fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Zigzag, so that small negative values stay short.
fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, ((value << 1) ^ (value >> 63)) as u64);
}

pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn take_byte(rest: &mut &[u8]) -> Option<u8> {
    let (byte, after) = rest.split_first()?;
    *rest = after;
    Some(*byte)
}

fn take_array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (array, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*array)
}

fn take(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = take_byte(rest)?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take_signed(rest: &mut &[u8]) -> Option<i64> {
    let value = take(rest)?;
    Some((value >> 1) as i64 ^ -((value & 1) as i64))
}

pub(crate) fn take_text(rest: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(take(rest)?).ok()?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn segment() -> Segment {
        let start = Wall::from_micros(1_764_000_000_123_456);
        let note = Note { run_origin: Wall::from_micros(1_764_000_000_000_000), base_micros: 123_456 };
        let mut segment = Segment {
            volume: VolumeId(0x0bad_cafe),
            path: "cam/2025-11-24/160000.123.mp4".into(),
            start,
            end: start,
            bytes: 0,
            init_bytes: 700,
            init_hash: 0x0123_4567_89ab_cdef,
            note,
            sealed: true,
            hash: Some(Hash([0xab; 32])),
            fragments: Vec::new(),
        };
        for i in 0..2 {
            let start = Wall::from_micros(start.micros() + i * 500_000);
            let keyframe = i == 0;
            segment.add(Piece {
                offset: 744 + i as u64 * 1000,
                bytes: 1000,
                start,
                duration_micros: 500_000,
                keyframe,
            });
        }
        segment
    }

    /// Rows of these layouts are on disks: these texts may be added to, never changed.
    #[test]
    fn the_stored_form_is_frozen() {
        let first = "01011d63616d2f323032352d31312d32342f3136303030302e3132332e6d7034\
            8089a196a896a20680929b97a896a20680809296a896a20680890fb815bc050123456789abcdef02e805d10f00c0843d00d00f00c0843d";
        let second = format!("02030badcafe{}{}", "ab".repeat(32), &first[4..]);
        let row = segment();
        let hex: String = row.encode().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(Segment::decode(&row.encode()), Some(row.clone()));
        assert_eq!(hex, second);
        let bytes = |hex: &str| -> Vec<u8> {
            (0..hex.len() / 2).map(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap()).collect()
        };
        let before = Segment { volume: VolumeId::UNTOLD, hash: None, ..row };
        assert_eq!(Segment::decode(&bytes(first)), Some(before));
    }

    #[test]
    fn paths_are_utc_and_refuse_times_without_a_calendar() {
        let camera: CameraId = "cam-1".parse().unwrap();
        let at = Wall::from_micros(1_764_000_000_123_456);
        assert_eq!(path(&camera, at, 0).unwrap(), "cam-1/2025-11-24/160000.123.mp4");
        assert_eq!(path(&camera, at, 2).unwrap(), "cam-1/2025-11-24/160000.123-2.mp4");
        assert_eq!(path(&camera, Wall::from_micros(i64::MAX), 0), None);
        let to_the_milli = Some(Wall::from_micros(1_764_000_000_123_000));
        assert_eq!([0, 2].map(|copy| start_of(&path(&camera, at, copy).unwrap())), [to_the_milli; 2]);
        for other in ["cam-1/160000.123.mp4", "cam-1/2025-11-24/160000.mp4", "cam-1/2025-11-24/x.123.mp4", ""] {
            assert_eq!(start_of(other), None, "{other}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn damaged_rows_are_refused_or_read_but_never_panic(
            cut in 0usize..100, flip in any::<(usize, u8)>(), noise in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let mut bytes = segment().encode();
            let at = flip.0 % bytes.len();
            bytes[at] ^= flip.1;
            bytes.truncate(bytes.len().saturating_sub(cut));
            let _ = Segment::decode(&bytes);
            let _ = Segment::decode(&noise);
        }
    }
}
