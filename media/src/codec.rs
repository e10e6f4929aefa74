//! The codecs that flow: parameters a decoder needs, and depacketising of RTP into access units. One codec is one file
//! below plus one line in each match here. Decoding pictures is deliberately absent.

pub mod aac;
pub mod g711;
pub mod h264;
pub mod h265;
pub mod mjpeg;

use bytes::Bytes;

/// What a decoder must know before the first frame of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodecParams {
    /// ITU-T H.264.
    H264(h264::Params),
    /// ITU-T H.265.
    H265(h265::Params),
    /// MPEG-4 AAC, raw access units (RFC 3640 `AAC-hbr`).
    Aac(aac::Params),
    /// ITU-T G.711, A-law or µ-law.
    G711(g711::Params),
    /// Motion JPEG (RFC 2435).
    Mjpeg(mjpeg::Params),
}

impl CodecParams {
    /// Video, as opposed to audio.
    pub fn is_video(&self) -> bool {
        matches!(self, Self::H264(_) | Self::H265(_) | Self::Mjpeg(_))
    }
}

/// One RTP packet, after the fixed header, CSRCs, extension and padding are taken off.
#[derive(Clone, Debug)]
pub struct RtpPayload {
    /// Sequence number as sent.
    pub sequence: u16,
    /// Timestamp, unwrapped to 64 bits by the track's timeline.
    pub timestamp: i64,
    /// The marker bit.
    pub marker: bool,
    /// Packets known to be missing directly before this one.
    pub loss: u16,
    /// The payload.
    pub payload: Bytes,
}

/// One access unit out of a depacketiser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessUnit {
    /// Timestamp of its packets, unwrapped.
    pub timestamp: i64,
    /// A decoder can begin here.
    pub keyframe: bool,
    /// The parameter sets differ from those before it; read them from `Depacketizer::params`.
    pub new_params: bool,
    /// Packets were lost directly before it, or the unit before it was dropped as damaged.
    pub after_loss: bool,
    /// As `Frame::payload`.
    pub payload: Bytes,
}
