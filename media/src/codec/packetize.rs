//! What a payload format hands to RTP: one packet's payload in two parts, so that nothing is copied before the wire image.

/// Longest RTP payload that leaves: with the 12 bytes of header a packet is 1400 bytes, which fits an Ethernet frame of
/// 1500 behind IPv6, UDP and a tunnel's own header, so that no datagram is fragmented.
pub const RTP_PAYLOAD_BYTES_MAX: usize = 1388;

/// The same for SRTP towards browsers. With a header and its extensions of at most 24 bytes and a tag of 16 a packet is 1200
/// bytes, which is what WebRTC takes every path to carry.
pub const SRTP_PAYLOAD_BYTES_MAX: usize = 1160;

/// One RTP packet's payload and what its header says of it.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The payload format's own header.
    pub head: &'a [u8],
    /// The media bytes behind it.
    pub body: &'a [u8],
    /// The marker bit.
    pub marker: bool,
    /// Ticks between the frame's timestamp and this packet's; not zero only where samples are split.
    pub ticks: u32,
    /// It carries the coded picture itself, as opposed to parameter sets and other units around it.
    pub picture: bool,
}
