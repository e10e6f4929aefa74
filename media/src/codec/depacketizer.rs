//! One face over the depacketisers: RTP payloads in, access units out, memory bounded whatever a camera sends. A packet
//! that cannot be understood is an error for the caller to count; the next unit goes on.

use std::collections::VecDeque;

use super::{AccessUnit, CodecParams, ParamsError, RtpPayload, aac, g711, h264, h265, mjpeg};

/// Longest access unit. A lossless 4K intra picture stays below; a camera that sends more is broken or hostile.
pub const UNIT_BYTES_MAX: usize = 8 << 20;

/// Most NAL units in an access unit. H.264 level 6.2 allows fewer than 600 slices; the rest is room for SEI.
pub const NALS_MAX: usize = 1024;

/// Most RTP packets in an access unit: `UNIT_BYTES_MAX` in fragments of 256 bytes.
pub const FRAGMENTS_MAX: usize = UNIT_BYTES_MAX / 256;

/// Most finished units that wait for `pull`. One packet yields at most two video units; AAC packs a few tens.
pub const UNITS_QUEUED_MAX: usize = 128;

/// Why no depacketiser could be made for a track.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// No such payload format here.
    #[error("payload format {0:?} is not supported; use H.264, H.265, AAC, G.711 or JPEG on the camera")]
    Encoding(String),
    /// The format is known, but not in the form that the SDP describes.
    #[error("{encoding}: {what}")]
    Form {
        /// The payload format.
        encoding: &'static str,
        /// What about it.
        what: String,
    },
}

/// Why a packet, or the unit it belongs to, was dropped. The depacketiser goes on with the next unit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DepacketizeError {
    /// The payload ends inside a field.
    #[error("packet {sequence}: payload ends inside {what}")]
    Truncated {
        /// RTP sequence number.
        sequence: u16,
        /// The field.
        what: &'static str,
    },
    /// A packet type that the payload format's mode does not allow.
    #[error("packet {sequence}: packet type {kind} is not allowed in this mode")]
    Kind {
        /// RTP sequence number.
        sequence: u16,
        /// The type.
        kind: u8,
    },
    /// Fragments do not follow one another.
    #[error("packet {sequence}: {what}")]
    Fragment {
        /// RTP sequence number.
        sequence: u16,
        /// What is wrong.
        what: &'static str,
    },
    /// A bound was reached; the unit is dropped.
    #[error("packet {sequence}: access unit has more than {max} {what}")]
    TooLarge {
        /// RTP sequence number.
        sequence: u16,
        /// Of what there is too much.
        what: &'static str,
        /// The bound.
        max: usize,
    },
    /// A field has a value outside its range.
    #[error("packet {sequence}: {what}")]
    Field {
        /// RTP sequence number.
        sequence: u16,
        /// Which field and why.
        what: &'static str,
    },
    /// Packets were lost within a unit; the unit is dropped.
    #[error("packet {sequence}: {packets} packets lost within an access unit, which is dropped")]
    Loss {
        /// RTP sequence number of the packet after the loss.
        sequence: u16,
        /// How many are missing.
        packets: u16,
    },
    /// A parameter set in the stream was not understood; the unit is delivered, the parameters stay as they were.
    #[error("packet {sequence}: {source}")]
    Params {
        /// RTP sequence number.
        sequence: u16,
        /// Which set and why.
        source: ParamsError,
    },
}

/// A track's depacketiser.
#[derive(Debug)]
pub struct Depacketizer {
    format: Format,
    ready: VecDeque<AccessUnit>,
}

#[derive(Debug)]
enum Format {
    H264(Box<h264::Depacketizer>),
    H265(Box<h265::Depacketizer>),
    Aac(Box<aac::Depacketizer>),
    G711(g711::Depacketizer),
    Mjpeg(Box<mjpeg::Depacketizer>),
}

impl Depacketizer {
    /// For a track as its SDP describes it: name, clock rate and channels of `a=rtpmap`, and what follows the payload
    /// type in `a=fmtp`. Names are compared without regard to case.
    pub fn new(
        encoding_name: &str,
        clock_rate: u32,
        channels: Option<u16>,
        fmtp: Option<&str>,
    ) -> Result<Self, Unsupported> {
        let format = match encoding_name.to_ascii_lowercase().as_str() {
            "h264" => Format::H264(Box::new(h264::depacketizer(fmtp))),
            "h265" => Format::H265(Box::new(h265::depacketizer(fmtp)?)),
            "mpeg4-generic" => Format::Aac(Box::new(aac::Depacketizer::new(clock_rate, channels, fmtp)?)),
            "pcma" => Format::G711(g711::Depacketizer::new(g711::Law::A, clock_rate, channels)?),
            "pcmu" => Format::G711(g711::Depacketizer::new(g711::Law::Mu, clock_rate, channels)?),
            "jpeg" => Format::Mjpeg(Box::default()),
            _ => return Err(Unsupported::Encoding(encoding_name.chars().take(32).collect())),
        };
        Ok(Self { format, ready: VecDeque::new() })
    }

    /// The parameters in force; none before they are known, e.g. where the SDP has no parameter sets and none came yet.
    pub fn params(&self) -> Option<&CodecParams> {
        match &self.format {
            Format::H264(d) => d.params(),
            Format::H265(d) => d.params(),
            Format::Aac(d) => Some(d.params()),
            Format::G711(d) => Some(d.params()),
            Format::Mjpeg(d) => d.params(),
        }
    }

    /// Takes one packet, in order of sequence. An error concerns this packet or the unit it ends: count it, then pull as
    /// after success.
    pub fn push(&mut self, packet: RtpPayload) -> Result<(), DepacketizeError> {
        let sequence = packet.sequence;
        let ready = &mut self.ready;
        let result = match &mut self.format {
            Format::H264(d) => d.push(&packet, ready),
            Format::H265(d) => d.push(&packet, ready),
            Format::Aac(d) => d.push(&packet, ready),
            Format::G711(d) => {
                d.push(packet, ready);
                Ok(())
            }
            Format::Mjpeg(d) => d.push(&packet, ready),
        };
        if ready.len() > UNITS_QUEUED_MAX {
            ready.drain(..ready.len() - UNITS_QUEUED_MAX);
            return Err(DepacketizeError::TooLarge { sequence, what: "units waiting", max: UNITS_QUEUED_MAX });
        }
        result
    }

    /// The next finished unit. `AccessUnit::new_params` on it means that `params` changed with it.
    pub fn pull(&mut self) -> Option<AccessUnit> {
        self.ready.pop_front()
    }
}
