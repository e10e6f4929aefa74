//! RTP: the fixed header both ways (RFC 3550 section 5.1), frames as one contiguous wire image each, and the RTCP that goes
//! with them. Payload formats live with their codecs; sockets and timing are deliberately absent.

mod header;
mod image;
mod rtcp;

pub use header::{BadPacket, HEADER_BYTES, Packet, parse};
pub use image::{INTERLEAVED_HEADER_BYTES, datagrams, interleaved, octets, packet_count};
pub use rtcp::{CNAME_BYTES_MAX, Report, ntp_of, read_sender_report, sender_report, wall_of};

/// How a frame's packets are numbered, fixed when it is published, so that its image can be built later, once, or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpStamp {
    /// Synchronisation source of the track, the same for every viewer.
    pub ssrc: u32,
    /// Sequence number of the frame's first packet.
    pub first_sequence: u16,
    /// Number of packets.
    pub packets: u16,
    /// RTP timestamp of all of them.
    pub timestamp: u32,
}
