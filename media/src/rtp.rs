//! RTP packetising of frames (RFC 3550, 6184, 7798, 3640, 3551, 2435) into one contiguous wire image per frame.

use bytes::Bytes;

use crate::codec::CodecParams;
use crate::frame::Frame;

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

/// How many packets `interleaved` will make of this frame.
pub fn packet_count(_params: &CodecParams, _frame: &Frame) -> u16 {
    0
}

/// The frame's packets, each behind its RFC 2326 section 10.12 header `$`, channel, length; channel = 2 * track.
pub fn interleaved(_params: &CodecParams, _frame: &Frame, _stamp: RtpStamp) -> Bytes {
    Bytes::new()
}
