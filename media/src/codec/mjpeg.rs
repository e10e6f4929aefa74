//! Motion JPEG: whole JFIF pictures, and RTP after RFC 2435 both ways. Only what that RFC can say is spoken: baseline, 8 bits,
//! 4:2:0 or 4:2:2, the standard Huffman tables, at most 2040 pixels a side.

mod depacketize;
mod jfif;
mod packetize;
mod tables;

pub(super) use depacketize::Depacketizer;
pub(super) use packetize::{mark_head, packetize};

/// The static payload type (RFC 3551 section 6).
pub const PAYLOAD_TYPE: u8 = 26;

/// What a reader is told before the first picture; each picture carries its own tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}
