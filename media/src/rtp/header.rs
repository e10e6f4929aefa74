//! Reading an RTP packet (RFC 3550 section 5.1): CSRCs, extension and padding are taken off; lengths that lie are errors.

use std::ops::Range;

/// Bytes of the fixed header.
pub const HEADER_BYTES: usize = 12;

/// One packet, taken apart. Slices are of the bytes given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The marker bit.
    pub marker: bool,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in ticks of the track's clock.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Number of contributing sources.
    pub csrc_count: u8,
    /// The header extension, where there is one: its profile's 16 bits and its data.
    pub extension: Option<(u16, &'a [u8])>,
    /// The payload without padding; may be empty.
    pub payload: &'a [u8],
    /// Where the payload stands in the packet, to slice shared bytes.
    pub payload_range: Range<usize>,
}

/// Why bytes are no RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPacket {
    /// Ends inside the header.
    #[error("RTP packet of {bytes} bytes ends inside its {part}")]
    Truncated {
        /// Length of the packet.
        bytes: usize,
        /// The part.
        part: &'static str,
    },
    /// Another version than 2.
    #[error("RTP version {0} is not 2")]
    Version(u8),
    /// The padding is longer than what it pads, or has no length.
    #[error("RTP padding of {padding} bytes in {room}")]
    Padding {
        /// What the last byte says.
        padding: usize,
        /// Bytes behind the header.
        room: usize,
    },
}

/// Takes a packet apart.
pub fn parse(packet: &[u8]) -> Result<Packet<'_>, BadPacket> {
    let truncated = |part| BadPacket::Truncated { bytes: packet.len(), part };
    let (fixed, rest) = packet.split_first_chunk::<HEADER_BYTES>().ok_or(truncated("fixed header"))?;
    let &[flags, kind, s1, s2, t1, t2, t3, t4, i1, i2, i3, i4] = fixed;
    if flags >> 6 != 2 {
        return Err(BadPacket::Version(flags >> 6));
    }
    let csrc_count = flags & 0x0f;
    let mut rest = rest.get(usize::from(csrc_count) * 4..).ok_or(truncated("CSRC list"))?;
    let mut extension = None;
    if flags & 0x10 != 0 {
        let (&[p1, p2, w1, w2], tail) = rest.split_first_chunk::<4>().ok_or(truncated("extension"))?;
        let words = usize::from(u16::from_be_bytes([w1, w2]));
        let (data, tail) = tail.split_at_checked(words * 4).ok_or(truncated("extension"))?;
        extension = Some((u16::from_be_bytes([p1, p2]), data));
        rest = tail;
    }
    let start = packet.len() - rest.len();
    if flags & 0x20 != 0 {
        let padding = usize::from(rest.last().copied().unwrap_or(0));
        let fault = BadPacket::Padding { padding, room: rest.len() };
        let kept = rest.len().checked_sub(padding).filter(|_| padding > 0).ok_or(fault)?;
        rest = rest.get(..kept).unwrap_or_default();
    }
    Ok(Packet {
        marker: kind & 0x80 != 0,
        payload_type: kind & 0x7f,
        sequence: u16::from_be_bytes([s1, s2]),
        timestamp: u32::from_be_bytes([t1, t2, t3, t4]),
        ssrc: u32::from_be_bytes([i1, i2, i3, i4]),
        csrc_count,
        extension,
        payload: rest,
        payload_range: start..start + rest.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(flags: u8, tail: &[u8]) -> Vec<u8> {
        [&[0x80 | flags, 0xe0, 0xff, 0xfe, 1, 2, 3, 4, 5, 6, 7, 8], tail].concat()
    }

    #[test]
    fn fields_are_where_the_rfc_puts_them() {
        let bytes = packet(0, b"abc");
        let read = parse(&bytes).unwrap();
        assert!(read.marker);
        assert_eq!((read.payload_type, read.sequence, read.timestamp), (96, 0xfffe, 0x0102_0304));
        assert_eq!((read.ssrc, read.payload, read.payload_range.clone()), (0x0506_0708, &b"abc"[..], 12..15));
    }

    #[test]
    fn csrcs_extension_and_padding_are_taken_off() {
        let bytes = packet(0x32, &[&[9; 8][..], &[0xab, 0xac, 0, 1, 1, 2, 3, 4], b"xyz", &[0, 0, 3]].concat());
        let read = parse(&bytes).unwrap();
        assert_eq!(read.csrc_count, 2);
        assert_eq!(read.extension, Some((0xabac, &[1, 2, 3, 4][..])));
        assert_eq!(read.payload, b"xyz");
        assert_eq!(&bytes[read.payload_range], b"xyz");
        let empty = packet(0x20, &[0, 0, 0, 4]);
        assert_eq!(parse(&empty).unwrap().payload, b"");
    }

    #[test]
    fn lengths_that_lie_are_errors() {
        assert_eq!(parse(&[0x80; 11]), Err(BadPacket::Truncated { bytes: 11, part: "fixed header" }));
        assert_eq!(parse(&packet(0x0f, &[0; 59])), Err(BadPacket::Truncated { bytes: 71, part: "CSRC list" }));
        assert_eq!(parse(&packet(0x10, &[0; 3])), Err(BadPacket::Truncated { bytes: 15, part: "extension" }));
        assert_eq!(
            parse(&packet(0x10, &[0, 0, 0xff, 0xff])),
            Err(BadPacket::Truncated { bytes: 16, part: "extension" })
        );
        assert_eq!(parse(&packet(0x20, &[])), Err(BadPacket::Padding { padding: 0, room: 0 }));
        assert_eq!(parse(&packet(0x20, &[0])), Err(BadPacket::Padding { padding: 0, room: 1 }));
        assert_eq!(parse(&packet(0x20, &[9])), Err(BadPacket::Padding { padding: 9, room: 1 }));
        let mut version = packet(0, b"a");
        version[0] = 0x40;
        assert_eq!(parse(&version), Err(BadPacket::Version(1)));
    }
}
