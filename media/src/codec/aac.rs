//! MPEG-4 AAC: the AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1) and RTP in mode `AAC-hbr` (RFC 3640 section 3.3.6).
//! Interleaving of access units and the low-bitrate mode are deliberately absent: no camera uses them.

mod config;
mod depacketize;

use bytes::Bytes;

use super::packetize::Part;
pub(super) use depacketize::Depacketizer;

/// Longest access unit that the 13 bits of its size can say.
pub const UNIT_BYTES_MAX: usize = (1 << 13) - 1;

/// AU-headers-length and one AU header.
const HEAD_BYTES: usize = 4;

/// What a decoder must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// The AudioSpecificConfig.
    pub config: Bytes,
    /// Samples per second of the decoder's output, spectral band replication included where the configuration says so.
    pub sample_rate: u32,
    /// Channels; 2 for stereo.
    pub channels: u16,
    /// `audioObjectType`: 2 is AAC-LC, 5 is HE-AAC.
    pub object_type: u8,
    /// Samples per channel in each access unit, at `sample_rate`: 1024, with band replication 2048.
    pub unit_samples: u16,
}

impl Params {
    pub(super) fn fmtp(&self) -> String {
        let config: String = self.config.iter().map(|byte| format!("{byte:02x}")).collect();
        format!(
            "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config={config}"
        )
    }

    /// Ticks of `clock_rate` per access unit.
    pub fn unit_ticks(&self, clock_rate: u32) -> i64 {
        i64::from(self.unit_samples) * i64::from(clock_rate) / i64::from(self.sample_rate.max(1))
    }
}

/// One access unit to a packet, or in fragments with the same AU header each (RFC 3640 section 3.2.3.2).
pub(super) fn packetize(payload: &[u8], room: usize, out: &mut dyn FnMut(Part<'_>)) {
    if payload.len() > UNIT_BYTES_MAX {
        return;
    }
    let [high, low] = ((payload.len() as u16) << 3).to_be_bytes();
    let head = [0, 16, high, low];
    let mut chunks = payload.chunks(room - HEAD_BYTES).peekable();
    while let Some(body) = chunks.next() {
        out(Part { head: &head, body, marker: chunks.peek().is_none(), ticks: 0, picture: false });
    }
}
