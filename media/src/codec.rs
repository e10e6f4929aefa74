//! The codecs that flow: parameters a decoder needs, and the way from RTP payloads to access units and back. One codec is
//! one file below plus one line in each match here. Decoding pictures is deliberately absent.

pub mod aac;
mod assembler;
mod bits;
mod bounds;
mod depacketizer;
mod error;
pub mod g711;
pub mod h264;
pub mod h265;
pub mod mjpeg;
mod nal;
mod packetize;

use bytes::Bytes;
use smallvec::SmallVec;

pub use bits::BitsError;
pub use bounds::{FRAGMENTS_MAX, NALS_MAX, UNIT_BYTES_MAX, UNITS_QUEUED_MAX};
pub use depacketizer::Depacketizer;
pub use error::{DepacketizeError, ParamsError, Unsupported};
pub use packetize::{Part, RTP_PAYLOAD_BYTES_MAX, SRTP_PAYLOAD_BYTES_MAX};

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

    /// Width and height in pixels, after cropping; none for audio.
    pub fn dimensions(&self) -> Option<(u32, u32)> {
        match self {
            Self::H264(p) => Some((p.width, p.height)),
            Self::H265(p) => Some((p.width, p.height)),
            Self::Mjpeg(p) => Some((p.width, p.height)),
            Self::Aac(_) | Self::G711(_) => None,
        }
    }

    /// Frames per second as a fraction, where the parameter sets state it.
    pub fn frame_rate(&self) -> Option<(u32, u32)> {
        match self {
            Self::H264(p) => p.frame_rate,
            Self::H265(p) => p.frame_rate,
            Self::Mjpeg(_) | Self::Aac(_) | Self::G711(_) => None,
        }
    }

    /// True where a frame's pts may be below that of the frame before it (B-frames), or where that is not known.
    pub fn reorders(&self) -> bool {
        match self {
            Self::H264(p) => p.reorder_frames_max != Some(0),
            Self::H265(p) => p.reorder_frames_max != Some(0),
            Self::Mjpeg(_) | Self::Aac(_) | Self::G711(_) => false,
        }
    }

    /// The `codecs` parameter of RFC 6381, e.g. `avc1.64001f`; `alaw`, `ulaw` and `jpeg` where that RFC has no word.
    pub fn rfc6381(&self) -> String {
        match self {
            Self::H264(p) => p.rfc6381(),
            Self::H265(p) => p.rfc6381(),
            Self::Aac(p) => format!("mp4a.40.{}", p.object_type),
            Self::G711(p) => p.rfc6381().to_owned(),
            Self::Mjpeg(_) => "jpeg".to_owned(),
        }
    }

    /// Encoding name of the RTP payload format, as in SDP's `a=rtpmap`.
    pub fn encoding_name(&self) -> &'static str {
        match self {
            Self::H264(_) => "H264",
            Self::H265(_) => "H265",
            Self::Aac(_) => "MPEG4-GENERIC",
            Self::G711(p) => p.encoding_name(),
            Self::Mjpeg(_) => "JPEG",
        }
    }

    /// Channels of audio; none for video.
    pub fn channels(&self) -> Option<u16> {
        match self {
            Self::Aac(p) => Some(p.channels),
            Self::G711(p) => Some(p.channels),
            Self::H264(_) | Self::H265(_) | Self::Mjpeg(_) => None,
        }
    }

    /// Samples per second of audio; none for video.
    pub fn sample_rate(&self) -> Option<u32> {
        match self {
            Self::Aac(p) => Some(p.sample_rate),
            Self::G711(p) => Some(p.sample_rate),
            Self::H264(_) | Self::H265(_) | Self::Mjpeg(_) => None,
        }
    }

    /// What follows the payload type in SDP's `a=rtpmap` (RFC 8866 section 6.6): name, clock rate, channels of audio.
    pub fn rtpmap(&self, clock_rate: u32) -> String {
        match self.channels() {
            Some(channels) if channels != 1 || matches!(self, Self::Aac(_)) => {
                format!("{}/{clock_rate}/{channels}", self.encoding_name())
            }
            _ => format!("{}/{clock_rate}", self.encoding_name()),
        }
    }

    /// What follows the payload type in SDP's `a=fmtp`; none where the format needs no parameters.
    pub fn fmtp(&self) -> Option<String> {
        match self {
            Self::H264(p) => Some(p.fmtp()),
            Self::H265(p) => Some(p.fmtp()),
            Self::Aac(p) => Some(p.fmtp()),
            Self::G711(_) | Self::Mjpeg(_) => None,
        }
    }

    /// The RTP payload type that this track goes out with: the static one of RFC 3551 where there is one, else 96 + track.
    pub fn payload_type(&self, track: u8) -> u8 {
        match self {
            Self::G711(p) if p.is_static() => p.static_payload_type(),
            Self::Mjpeg(_) => mjpeg::PAYLOAD_TYPE,
            Self::G711(_) | Self::H264(_) | Self::H265(_) | Self::Aac(_) => 96 + track % 32,
        }
    }

    /// The payload format carries nothing but the picture's own bytes, so that a mark can only come behind them.
    pub fn mark_follows_picture(&self) -> bool {
        matches!(self, Self::Mjpeg(_))
    }

    /// What the payload format puts before a mark's unit in its RTP payload, for this frame.
    pub fn mark_head(&self, payload: &[u8]) -> SmallVec<[u8; 12]> {
        match self {
            Self::Mjpeg(_) => mjpeg::mark_head(payload),
            Self::H264(_) | Self::H265(_) | Self::Aac(_) | Self::G711(_) => SmallVec::new(),
        }
    }

    /// Splits a frame's payload into RTP payloads of at most `RTP_PAYLOAD_BYTES_MAX` bytes. A payload that its format
    /// cannot express gives none.
    pub fn packetize(&self, payload: &[u8], keyframe: bool, out: &mut dyn FnMut(Part<'_>)) {
        self.packetize_within(RTP_PAYLOAD_BYTES_MAX, payload, keyframe, out);
    }

    /// The same into payloads of at most `room` bytes, of which a few hundred are wanted at the least.
    pub fn packetize_within(&self, room: usize, payload: &[u8], keyframe: bool, out: &mut dyn FnMut(Part<'_>)) {
        match self {
            Self::H264(p) => h264::packetize(p, payload, keyframe, room, out),
            Self::H265(p) => h265::packetize(p, payload, keyframe, room, out),
            Self::Aac(_) => aac::packetize(payload, room, out),
            Self::G711(p) => g711::packetize(p, payload, room, out),
            Self::Mjpeg(_) => mjpeg::packetize(payload, room, out),
        }
    }
}

/// One RTP packet, after the fixed header, CSRCs, extension and padding are taken off.
#[derive(Clone, Copy, Debug)]
pub struct RtpPayload<B = Bytes> {
    /// Sequence number as sent.
    pub sequence: u16,
    /// Timestamp, unwrapped to 64 bits by the track's timeline.
    pub timestamp: i64,
    /// The marker bit.
    pub marker: bool,
    /// Packets known to be missing directly before this one.
    pub loss: u16,
    /// The payload, shared or borrowed: what a frame needs of it is copied out.
    pub payload: B,
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
