//! What a file is, by its first bytes. A name's ending says nothing: a leaked file may have any.

use std::fmt;

use super::ts::{PACKETS, Packets, SYNC};
use super::{pcap, pcapng, ps};

/// Bytes looked at: enough for more than `SYNCS_MIN` of the longest transport packets wherever the first one begins.
pub(super) const HEAD_BYTES: usize = 1_536;
/// Sync bytes that must stand at one distance: by chance in fewer than one of 10^9 files.
const SYNCS_MIN: usize = 5;
/// As many in a file of fewer packets, which must then begin with one.
const SYNCS_OF_SHORT_MIN: usize = 2;

/// What a file was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// MPEG transport stream (ITU-T H.222.0 section 2.4).
    TransportStream(Packets),
    /// MPEG program stream (ITU-T H.222.0 section 2.5), as in GB/T 28181.
    ProgramStream,
    /// Captured packets, in libpcap's format.
    Pcap,
    /// Captured packets, in pcapng.
    PcapNg,
    /// Anything else: looked through as it lies.
    Whole,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TransportStream(packets) => write!(f, "MPEG transport stream in packets of {}", packets.bytes),
            Self::ProgramStream => f.write_str("MPEG program stream"),
            Self::Pcap => f.write_str("packet capture (pcap)"),
            Self::PcapNg => f.write_str("packet capture (pcapng)"),
            Self::Whole => f.write_str("file read as it lies"),
        }
    }
}

impl Kind {
    /// By the first `HEAD_BYTES` of a file, or all of a shorter one.
    pub(super) fn of(head: &[u8]) -> Self {
        if pcap::begins(head) {
            return Self::Pcap;
        }
        if pcapng::begins(head) {
            return Self::PcapNg;
        }
        if ps::begins(head) {
            return Self::ProgramStream;
        }
        PACKETS.into_iter().find(|packets| in_packets(head, *packets)).map_or(Self::Whole, Self::TransportStream)
    }
}

/// The head is in such packets, from some offset on.
fn in_packets(head: &[u8], packets: Packets) -> bool {
    (0..packets.bytes).any(|offset| {
        let syncs = head.iter().skip(offset + packets.before).step_by(packets.bytes);
        let min = if head.len() < HEAD_BYTES && offset == 0 { SYNCS_OF_SHORT_MIN } else { SYNCS_MIN };
        syncs.len() >= min && syncs.into_iter().all(|byte| *byte == SYNC)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_by_its_first_bytes() {
        for packets in PACKETS {
            for (offset, count) in [(0, 2), (0, 9), (77, 9)] {
                let mut file = vec![1; offset + count * packets.bytes];
                (0..count).for_each(|n| file[offset + n * packets.bytes + packets.before] = SYNC);
                file.truncate(HEAD_BYTES);
                assert_eq!(Kind::of(&file), Kind::TransportStream(packets), "{packets:?} {offset} {count}");
            }
        }
        for magic in [[0xd4, 0xc3, 0xb2, 0xa1], [0x4d, 0x3c, 0xb2, 0xa1]] {
            assert_eq!(Kind::of(&[&magic[..], &[2, 0, 4, 0], &[0; 16]].concat()), Kind::Pcap);
        }
        for magic in [[0xa1, 0xb2, 0xc3, 0xd4], [0xa1, 0xb2, 0x3c, 0x4d]] {
            assert_eq!(Kind::of(&[&magic[..], &[0, 2, 0, 4], &[0; 16]].concat()), Kind::Pcap);
        }
        let ng = [0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a];
        assert_eq!(Kind::of(&ng), Kind::PcapNg);
        assert_eq!(Kind::of(&[0, 0, 1, 0xba, 0x44, 0, 4, 0, 4, 1, 1, 0x89, 0xc3, 0xf8]), Kind::ProgramStream);
    }

    #[test]
    fn other_files_are_read_as_they_lie() {
        let one_sync: Vec<u8> = [SYNC].into_iter().chain([0; 187]).collect();
        let mp4 = b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41";
        let files: [&[u8]; 6] =
            [&[], &[SYNC], &one_sync, mp4, &[0, 0, 0, 1, 0x67, 0x42], &[0xff, 0xd8, 0xff, 0xe0, 0, 0x10]];
        for file in files {
            assert_eq!(Kind::of(file), Kind::Whole, "{file:x?}");
        }
    }
}
