//! One face over the depacketisers: RTP payloads in, access units out, memory bounded whatever a camera sends. A packet
//! that cannot be understood is an error for the caller to count; the next unit goes on.

use std::collections::VecDeque;

use super::bounds::UNITS_QUEUED_MAX;
use super::error::{DepacketizeError, Unsupported};
use super::{AccessUnit, CodecParams, RtpPayload, aac, g711, h264, h265, mjpeg};

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
    pub fn push<B: AsRef<[u8]>>(&mut self, packet: RtpPayload<B>) -> Result<(), DepacketizeError> {
        let RtpPayload { sequence, timestamp, marker, loss, payload } = packet;
        let packet = &RtpPayload { sequence, timestamp, marker, loss, payload: payload.as_ref() };
        let ready = &mut self.ready;
        let result = match &mut self.format {
            Format::H264(d) => d.push(packet, ready),
            Format::H265(d) => d.push(packet, ready),
            Format::Aac(d) => d.push(packet, ready),
            Format::G711(d) => {
                d.push(packet, ready);
                Ok(())
            }
            Format::Mjpeg(d) => d.push(packet, ready),
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

    /// Panics where a bound does not hold.
    #[doc(hidden)]
    pub fn check_invariants(&self) {
        assert!(self.ready.len() <= UNITS_QUEUED_MAX, "{} units wait", self.ready.len());
        match &self.format {
            Format::H264(d) => d.check_invariants(),
            Format::H265(d) => d.check_invariants(),
            Format::Aac(d) => d.check_invariants(),
            Format::Mjpeg(d) => d.check_invariants(),
            Format::G711(_) => {}
        }
    }
}
