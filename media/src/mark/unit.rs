//! How a codec carries a mark: bytes around a place of 44 characters, and where in a frame they stand. H.264 and H.265 have
//! SEI `user_data_unregistered` (ITU-T H.264 D.1.7, H.265 D.2.7), JPEG the COM segment (ITU-T T.81 B.2.4.5). Decoders pass over both.

use super::text::{TEXT_BYTES, Text};
use crate::codec::{CodecParams, h264, h265};

/// Names our units among all `user_data_unregistered`. It holds neither 00 nor ff, so that neither emulation prevention nor
/// byte stuffing changes it.
pub const UUID: [u8; 16] =
    [0x53, 0x6c, 0x75, 0x69, 0x63, 0x65, 0x4d, 0x61, 0xb2, 0x6b, 0x2d, 0x76, 0x31, 0x9c, 0xe7, 0x5a];

/// Longest unit: H.265's two bytes of header, type, size, UUID, text, stop bit.
pub const UNIT_BYTES_MAX: usize = 2 + SEI_BYTES;

/// SEI payload type `user_data_unregistered`.
const USER_DATA_UNREGISTERED: u8 = 5;
/// UUID and text.
const DATA_BYTES: u8 = (UUID.len() + TEXT_BYTES) as u8;
/// `rbsp_trailing_bits` behind a whole number of bytes.
const STOP: u8 = 0x80;
/// What stands behind the header of an SEI unit: type, size, UUID, text, stop bit.
const SEI_BYTES: usize = 2 + DATA_BYTES as usize + 1;
/// Marker and length before a COM segment's data.
const COM_HEADER: [u8; 4] = [0xff, 0xfe, 0, DATA_BYTES + 2];
/// `SOI`: a JPEG picture's first marker.
const JPEG_START: [u8; 2] = [0xff, 0xd8];

/// A codec that has a place for marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// H.264.
    H264,
    /// H.265.
    H265,
    /// JPEG pictures.
    Jpeg,
}

impl Carrier {
    /// The carrier of a track; none for sound.
    pub fn of(params: &CodecParams) -> Option<Self> {
        match params {
            CodecParams::H264(_) => Some(Self::H264),
            CodecParams::H265(_) => Some(Self::H265),
            CodecParams::Mjpeg(_) => Some(Self::Jpeg),
            CodecParams::Aac(_) | CodecParams::G711(_) => None,
        }
    }

    /// The carrier by the kind of an MP4 sample entry.
    pub fn of_sample_entry(kind: &[u8; 4]) -> Option<Self> {
        match kind {
            b"avc1" | b"avc3" => Some(Self::H264),
            b"hvc1" | b"hev1" => Some(Self::H265),
            b"jpeg" | b"mjpg" => Some(Self::Jpeg),
            _ => None,
        }
    }

    /// The unit for a frame of this payload, as in `Frame::payload`.
    pub fn unit(self, payload: &[u8]) -> Unit {
        match self {
            Self::H264 => Unit::sei(&h264::SEI_HEADER),
            Self::H265 => Unit::sei(&h265::sei_header(payload)),
            Self::Jpeg => Unit::around(&COM_HEADER, &[]),
        }
    }

    /// Where in a frame's payload the unit goes: before the first unit of the coded picture, behind a JPEG's start. A NAL unit
    /// there is behind its length of 4 bytes, like the others. None where the frame has no picture.
    pub fn insertion(self, payload: &[u8]) -> Option<usize> {
        match self {
            Self::H264 => h264::picture_at(payload),
            Self::H265 => h265::picture_at(payload),
            Self::Jpeg => payload.starts_with(&JPEG_START).then_some(JPEG_START.len()),
        }
    }
}

/// A codec's unit with a hole for the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    bytes: [u8; UNIT_BYTES_MAX],
    len: usize,
    text_at: usize,
}

impl Unit {
    fn sei(header: &[u8]) -> Self {
        Self::around(&[header, &[USER_DATA_UNREGISTERED, DATA_BYTES]].concat(), &[STOP])
    }

    fn around(head: &[u8], stop: &[u8]) -> Self {
        let mut unit = Self { bytes: [0; UNIT_BYTES_MAX], len: 0, text_at: head.len() + UUID.len() };
        for byte in head.iter().chain(&UUID).chain(&[b'.'; TEXT_BYTES]).chain(stop) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_what_the_standards_draw() {
        let text = [b'x'; TEXT_BYTES];
        let h264 = Carrier::H264.unit(&[]).filled(&text);
        assert_eq!(h264.bytes()[..3], [6, 5, 60]);
        assert_eq!((h264.bytes().len(), h264.bytes().last()), (64, Some(&0x80)));
        let jpeg = Carrier::Jpeg.unit(&[]).filled(&text);
        assert_eq!((&jpeg.bytes()[..4], jpeg.bytes().len()), (&[0xff, 0xfe, 0, 62][..], 64));
        // The temporal layer is the picture's own: 3 is layer 2.
        let h265 = Carrier::H265.unit(&[0, 0, 0, 3, 0x02, 0x03, 0x80]).filled(&text);
        assert_eq!(h265.bytes()[..4], [0x4e, 3, 5, 60]);
        for unit in [h264, jpeg, h265] {
            assert_eq!(&unit.bytes()[unit.text_at()..unit.text_at() + TEXT_BYTES], text);
            assert!(
                unit.bytes().windows(3).all(|w| w[..2] != [0, 0] || w[2] > 3),
                "emulation prevention changes nothing"
            );
        }
    }
}
