//! The header of a PES packet (ITU-T H.222.0 section 2.4.3.6, and ISO/IEC 11172-1 section 2.4.3.3 before it), passed over byte by
//! byte, since transport packets may cut it anywhere. What it says but its length is of no interest here.

/// Stream ids whose packets have nothing behind the length but data (table 2-21): map, padding, private 2, ECM, EMM, DSM-CC,
/// H.222.1 type E, directory.
const BARE_IDS: [u8; 8] = [0xbc, 0xbe, 0xbf, 0xf0, 0xf1, 0xf2, 0xf8, 0xff];

/// How far a header has been passed over: which of its bytes comes next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Header {
    #[default]
    FirstZero,
    SecondZero,
    One,
    StreamId,
    /// High byte of the packet's length; nothing but data follows where it is bare.
    LengthHigh {
        bare: bool,
    },
    LengthLow {
        bare: bool,
    },
    /// The first byte of what differs between the two standards.
    Optional,
    Flags,
    Count,
    /// So many more, at least one.
    More(u8),
    /// MPEG-1: stuffing, buffer size or time stamps.
    Mpeg1,
    /// MPEG-1: second byte of the buffer's size.
    Buffer,
    Data,
}

impl Header {
    /// The rest of a header whose length somebody else has read.
    pub(super) fn behind_length(stream_id: u8) -> Self {
        if BARE_IDS.contains(&stream_id) { Self::Data } else { Self::Optional }
    }

    /// Passes over what of these bytes belongs to the header; what is left is data.
    pub(super) fn pass<'a>(&mut self, mut bytes: &'a [u8]) -> &'a [u8] {
        while *self != Self::Data {
            let Some((first, rest)) = bytes.split_first() else { break };
            match self.after(*first) {
                Some(next) => *self = next,
                None => {
                    // A table's section, or whatever else begins here: data from this byte on.
                    *self = Self::Data;
                    break;
                }
            }
            bytes = rest;
        }
        bytes
    }

    /// What comes behind this byte; none if it is no header's.
    fn after(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::FirstZero, 0) => Self::SecondZero,
            (Self::SecondZero, 0) => Self::One,
            (Self::One, 1) => Self::StreamId,
            (Self::StreamId, id) => Self::LengthHigh { bare: BARE_IDS.contains(&id) },
            (Self::LengthHigh { bare }, _) => Self::LengthLow { bare },
            (Self::LengthLow { bare: false }, _) => Self::Optional,
            (Self::Optional, flags) if flags & 0xc0 == 0x80 => Self::Flags,
            (Self::Flags, _) => Self::Count,
            (Self::Count, count) => Self::more(count),
            (Self::More(count), _) => Self::more(count - 1),
            (Self::Optional | Self::Mpeg1, 0xff) | (Self::Buffer, _) => Self::Mpeg1,
            (Self::Optional | Self::Mpeg1, size) if size & 0xc0 == 0x40 => Self::Buffer,
            (Self::Optional | Self::Mpeg1, time) if time & 0xf0 == 0x20 => Self::More(4),
            (Self::Optional | Self::Mpeg1, times) if times & 0xf0 == 0x30 => Self::More(9),
            (Self::LengthLow { bare: true }, _) | (Self::Optional | Self::Mpeg1, 0x0f) => Self::Data,
            (Self::FirstZero | Self::SecondZero | Self::One | Self::Optional | Self::Mpeg1 | Self::Data, _) => {
                return None;
            }
        })
    }

    fn more(count: u8) -> Self {
        if count > 0 { Self::More(count) } else { Self::Data }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data_of(bytes: &[u8], size: usize) -> Vec<u8> {
        let mut header = Header::default();
        bytes.chunks(size).flat_map(|piece| header.pass(piece).to_vec()).collect()
    }

    #[test]
    fn data_begins_behind_the_header_wherever_it_is_cut() {
        let heads: [&[u8]; 6] = [
            &[0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5, 1, 2, 3, 4, 5],
            &[0, 0, 1, 0xe0, 0, 0, 0x80, 0, 0],
            &[0, 0, 1, 0xbf, 0, 4],
            &[0, 0, 1, 0xe0, 0, 0, 0xff, 0xff, 0x60, 1, 0x31, 1, 1, 1, 1, 0x11, 1, 1, 1, 1],
            &[0, 0, 1, 0xe0, 0, 0, 0x21, 1, 1, 1, 1],
            &[0, 0, 1, 0xe0, 0, 0, 0x0f],
        ];
        for head in heads {
            let bytes = [head, b"data"].concat();
            (1..=bytes.len()).for_each(|size| assert_eq!(data_of(&bytes, size), b"data", "{head:x?} {size}"));
        }
        assert_eq!(data_of(&[0, 2, 0xb0], 1), [2, 0xb0], "a section's pointer and the table behind it");
    }

    #[test]
    fn the_length_may_have_been_read_before() {
        assert_eq!(Header::behind_length(0xe0).pass(&[0x80, 0, 1, 7, 8]), [8]);
        assert_eq!(Header::behind_length(0xbf).pass(&[8]), [8]);
    }
}
