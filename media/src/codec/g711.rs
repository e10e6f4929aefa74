//! G.711 audio (RFC 3551 sections 4.5.14): one byte a sample, no framing of its own.

use std::collections::VecDeque;

use bytes::Bytes;

use super::packetize::Part;
use super::{AccessUnit, CodecParams, RtpPayload, Unsupported};

/// The rate that the static payload types stand for.
const STATIC_SAMPLE_RATE: u32 = 8_000;

/// Most channels taken: a camera has one microphone, seldom two; more would be an SDP that lies.
pub const CHANNELS_MAX: u16 = 8;

/// Which of G.711's two companding laws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    /// A-law (`PCMA`), common in Europe and China.
    A,
    /// µ-law (`PCMU`), common in America and Japan.
    Mu,
}

/// What a decoder must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// The companding law.
    pub law: Law,
    /// Interleaved channels.
    pub channels: u16,
    /// Samples per second and channel; 8000 nearly always. Equal to the RTP clock rate.
    pub sample_rate: u32,
}

impl Params {
    pub(super) fn rfc6381(&self) -> &'static str {
        match self.law {
            Law::A => "alaw",
            Law::Mu => "ulaw",
        }
    }

    pub(super) fn encoding_name(&self) -> &'static str {
        match self.law {
            Law::A => "PCMA",
            Law::Mu => "PCMU",
        }
    }

    pub(super) fn is_static(&self) -> bool {
        self.sample_rate == STATIC_SAMPLE_RATE && self.channels == 1
    }

    pub(super) fn static_payload_type(&self) -> u8 {
        match self.law {
            Law::A => 8,
            Law::Mu => 0,
        }
    }
}

/// Every packet is a unit of its own.
#[derive(Debug)]
pub(super) struct Depacketizer {
    params: CodecParams,
}

impl Depacketizer {
    pub(super) fn new(law: Law, clock_rate: u32, channels: Option<u16>) -> Result<Self, Unsupported> {
        let channels = channels.unwrap_or(1);
        let form = |what: &str| Unsupported::Form { encoding: "G.711", what: what.to_owned() };
        if !(1..=CHANNELS_MAX).contains(&channels) {
            return Err(form("more than 8 channels, or none"));
        }
        if clock_rate == 0 {
            return Err(form("clock rate 0"));
        }
        Ok(Self { params: CodecParams::G711(Params { law, channels, sample_rate: clock_rate }) })
    }

    pub(super) fn params(&self) -> &CodecParams {
        &self.params
    }

    pub(super) fn push(&mut self, packet: &RtpPayload<&[u8]>, ready: &mut VecDeque<AccessUnit>) {
        if packet.payload.is_empty() {
            return;
        }
        ready.push_back(AccessUnit {
            timestamp: packet.timestamp,
            keyframe: false,
            new_params: false,
            after_loss: packet.loss > 0,
            payload: Bytes::copy_from_slice(packet.payload),
        });
    }
}

/// Whole samples per packet; each packet's timestamp is that of its first sample.
pub(super) fn packetize(params: &Params, payload: &[u8], room: usize, out: &mut dyn FnMut(Part<'_>)) {
    let channels = usize::from(params.channels.max(1));
    let chunk = (room / channels).max(1) * channels;
    let mut ticks = 0u32;
    for body in payload.chunks(chunk) {
        out(Part { head: &[], body, marker: false, ticks, picture: false });
        ticks = ticks.wrapping_add((body.len() / channels) as u32);
    }
}
