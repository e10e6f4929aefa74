//! How much of anything a depacketiser takes from a camera before it drops the unit.

/// Longest access unit. A lossless 4K intra picture stays below; a camera that sends more is broken or hostile.
pub const UNIT_BYTES_MAX: usize = 8 << 20;

/// Most NAL units in an access unit. H.264 level 6.2 allows fewer than 600 slices; the rest is room for SEI.
pub const NALS_MAX: usize = 1024;

/// Most RTP packets in an access unit: `UNIT_BYTES_MAX` in fragments of 256 bytes.
pub const FRAGMENTS_MAX: usize = UNIT_BYTES_MAX / 256;

/// Most finished units that wait for `pull`. One packet yields at most two video units; AAC packs a few tens.
pub const UNITS_QUEUED_MAX: usize = 128;
