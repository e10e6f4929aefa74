//! What a segment file says of itself beyond the media, in a box of its own that players pass over (a `uuid` box, ISO/IEC
//! 14496-12 section 11.1): enough to rebuild the index from the files alone.

use super::head::{HEADER_BYTES, plain_box, put32, put64};
use crate::wall::Wall;

/// The box's extended type. Chosen once; a changed layout gets a new version, not a new id.
const UUID: [u8; 16] = *b"sluice/segment/\x01";
/// Version of the layout below.
const VERSION: u32 = 1;
/// Length of the whole box.
pub const NOTE_BYTES: usize = HEADER_BYTES + 16 + 4 + 8 + 8;

/// Where a segment lies in its run: an unbroken line of time over one or more segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    /// Zero of the run's line on the wall clock.
    pub run_origin: Wall,
    /// Zero of the segment's decode times on the run's line, in microseconds.
    pub base_micros: i64,
}

impl Note {
    /// The box.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(NOTE_BYTES);
        plain_box(&mut out, b"uuid", |out| {
            out.extend_from_slice(&UUID);
            put32(out, VERSION);
            put64(out, self.run_origin.micros() as u64);
            put64(out, self.base_micros as u64);
        });
        out
    }

    /// From a `uuid` box's bytes behind its header; none where it is somebody else's.
    pub fn decode(body: &[u8]) -> Option<Self> {
        let rest = body.strip_prefix(&UUID)?.strip_prefix(&VERSION.to_be_bytes())?;
        let (origin, rest) = rest.split_first_chunk::<8>()?;
        let (base, _) = rest.split_first_chunk::<8>()?;
        Some(Self {
            run_origin: Wall::from_micros(i64::from_be_bytes(*origin)),
            base_micros: i64::from_be_bytes(*base),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_comes_back_as_written_and_foreign_ones_do_not() {
        let note = Note { run_origin: Wall::from_micros(-5), base_micros: 1 << 40 };
        let bytes = note.encode();
        assert_eq!(bytes.len(), NOTE_BYTES);
        assert_eq!(Note::decode(&bytes[HEADER_BYTES..]), Some(note));
        assert_eq!(Note::decode(&bytes[HEADER_BYTES..NOTE_BYTES - 1]), None);
        assert_eq!(Note::decode(&[0; 36]), None);
    }
}
