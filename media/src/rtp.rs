//! RTP: the fixed header both ways (RFC 3550 section 5.1), frames as one contiguous wire image each, and the RTCP that goes
//! with them. Payload formats live with their codecs; sockets and timing are deliberately absent.

mod header;
mod image;
mod payloads;
mod rtcp;
mod slot;

pub use header::{BadPacket, HEADER_BYTES, Packet, parse};
pub use image::{Cut, Datagrams, INTERLEAVED_HEADER_BYTES, Image, Item, SEGMENT_BYTES, cut, datagrams, octets};
pub use payloads::{Payload, Payloads};
pub use rtcp::{CNAME_BYTES_MAX, Report, goodbye, ntp_of, read_sender_report, sender_report, wall_of};
pub use slot::as_datagram;

/// How a frame's packets are numbered, fixed when it is published, so that its image can be built later, once, or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpStamp {
    /// Synchronisation source of the track, the same for every viewer.
    pub ssrc: u32,
    /// Sequence number of the frame's first packet.
    pub first_sequence: u16,
    /// Number of packets, a mark's included.
    pub packets: u16,
    /// One of them carries the viewer's mark.
    pub marked: bool,
    /// RTP timestamp of all of them.
    pub timestamp: u32,
}
