//! How a codec carries a mark: bytes around a place of 44 characters, and where in a frame they stand. H.264 and H.265 have
//! SEI `user_data_unregistered` (ITU-T H.264 D.1.7, H.265 D.2.7), JPEG the COM segment (ITU-T T.81 B.2.4.5). Decoders pass over both.

use super::text::{TEXT_BYTES, Text};
use crate::codec::{CodecParams, h264, h265};

/// Names our units among all `user_data_unregistered`. It holds neither 00 nor ff, so that neither emulation prevention nor
/// byte stuffing changes it.
pub const UUID: [u8; 16] =
    [0x53, 0x6c, 0x75, 0x69, 0x63, 0x65, 0x4d, 0x61, 0xb2, 0x6b, 0x2d, 0x76, 0x31, 0x9c, 0xe7, 0x5a];

/// Longest unit: H.265's two bytes of header, type, size, UUID, text, stop bit.
pub const UNIT_BYTES_MAX: usize = 2 + 2 + UUID.len() + TEXT_BYTES + 1;

/// SEI payload type `user_data_unregistered`.
const USER_DATA_UNREGISTERED: u8 = 5;
/// UUID and text.
const DATA_BYTES: u8 = (UUID.len() + TEXT_BYTES) as u8;
/// `rbsp_trailing_bits` behind a whole number of bytes.
const STOP: u8 = 0x80;

/// The unit of a codec, with a hole for the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    bytes: [u8; UNIT_BYTES_MAX],
    len: usize,
    text_at: usize,
}

impl Unit {
    /// The unit for a frame of this track; none where its codec has no place for one. `payload` as in `Frame::payload`.
    pub fn of(params: &CodecParams, payload: &[u8]) -> Option<Self> {
        match params {
            CodecParams::H264(_) => Some(Self::around(&h264::SEI_HEADER, true)),
            CodecParams::H265(_) => Some(Self::around(&h265::sei_header(payload), true)),
            CodecParams::Mjpeg(_) => Some(Self::around(&[0xff, 0xfe, 0, DATA_BYTES + 2], false)),
            CodecParams::Aac(_) | CodecParams::G711(_) => None,
        }
    }

    fn around(head: &[u8], sei: bool) -> Self {
        let (kind, stop): (&[u8], &[u8]) =
            if sei { (&[USER_DATA_UNREGISTERED, DATA_BYTES], &[STOP]) } else { (&[], &[]) };
        let before = [head, kind, &UUID].concat();
        let mut unit = Self { bytes: [0; UNIT_BYTES_MAX], len: 0, text_at: before.len() };
        for byte in before.iter().chain(&[b'.'; TEXT_BYTES]).chain(stop) {
            if let Some(place) = unit.bytes.get_mut(unit.len) {
                *place = *byte;
                unit.len += 1;
            }
        }
        unit
    }

    /// The unit, with dots where its text belongs.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Where in it the text belongs.
    pub fn text_at(&self) -> usize {
        self.text_at
    }

    /// The same with this text in its place.
    #[must_use]
    pub fn filled(mut self, text: &Text) -> Self {
        if let Some(place) = self.bytes.get_mut(self.text_at..self.text_at + TEXT_BYTES) {
            place.copy_from_slice(text);
        }
        self
    }
}

/// Where in a frame's payload the unit goes: before the first unit of the coded picture, behind a JPEG's start. A NAL unit
/// there is behind its length of 4 bytes, like the others. None where the codec has no place, or the frame no picture.
pub fn insertion(params: &CodecParams, payload: &[u8]) -> Option<usize> {
    match params {
        CodecParams::H264(_) => h264::picture_at(payload),
        CodecParams::H265(_) => h265::picture_at(payload),
        CodecParams::Mjpeg(_) => payload.starts_with(&[0xff, 0xd8]).then_some(2),
        CodecParams::Aac(_) | CodecParams::G711(_) => None,
    }
}
