//! RTP payloads of mode `AAC-hbr` to access units: several to a packet, or one in fragments.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Params;
use crate::codec::nal::fmtp_value;
use crate::codec::{AccessUnit, CodecParams, DepacketizeError, RtpPayload, Unsupported};

/// Most access units in a packet: more than a second of sound in one packet is no live stream.
const UNITS_PER_PACKET_MAX: usize = 64;

/// Bytes of AU-headers-length, and of each AU header: 13 bits of size, 3 of index.
const FIELD_BYTES: usize = 2;

#[derive(Debug)]
pub(in crate::codec) struct Depacketizer {
    params: CodecParams,
    unit_ticks: i64,
    fragments: Option<Fragments>,
    after_loss: bool,
}

#[derive(Debug)]
struct Fragments {
    timestamp: i64,
    size: usize,
    bytes: Vec<u8>,
}

impl Depacketizer {
    pub(in crate::codec) fn new(
        clock_rate: u32,
        channels: Option<u16>,
        fmtp: Option<&str>,
    ) -> Result<Self, Unsupported> {
        let form = |what: String| Unsupported::Form { encoding: "MPEG4-GENERIC", what };
        let fmtp = fmtp.ok_or_else(|| form("the SDP has no a=fmtp".to_owned()))?;
        let wanted = [("mode", "AAC-hbr"), ("sizelength", "13"), ("indexlength", "3"), ("indexdeltalength", "3")];
        for (name, only) in wanted {
            let value = fmtp_value(fmtp, name).unwrap_or(only);
            if !value.eq_ignore_ascii_case(only) {
                return Err(form(format!("{name}={} where only {only} is supported", value.escape_default())));
            }
        }
        let config =
            fmtp_value(fmtp, "config").and_then(decode_hex).ok_or_else(|| form("no config in a=fmtp".to_owned()))?;
        let params = Params::parse(&config, channels).map_err(|fault| form(fault.to_string()))?;
        let unit_ticks = params.unit_ticks(clock_rate);
        Ok(Self { params: CodecParams::Aac(params), unit_ticks, fragments: None, after_loss: false })
    }

    pub(in crate::codec) fn params(&self) -> &CodecParams {
        &self.params
    }

    pub(in crate::codec) fn check_invariants(&self) {
        let held = self.fragments.as_ref().map_or(0, |f| f.bytes.capacity());
        assert!(held <= super::UNIT_BYTES_MAX, "{held} bytes of fragments");
    }

    pub(in crate::codec) fn push(
        &mut self,
        packet: &RtpPayload<&[u8]>,
        ready: &mut VecDeque<AccessUnit>,
    ) -> Result<(), DepacketizeError> {
        let mut result = Ok(());
        self.after_loss |= packet.loss > 0;
        if self.fragments.is_some() && packet.loss > 0 {
            self.fragments = None;
            result = Err(DepacketizeError::Loss { sequence: packet.sequence, packets: packet.loss });
        }
        let taken = self.take(packet, ready);
        if taken.is_err() {
            self.fragments = None;
            self.after_loss = true;
        }
        result.and(taken)
    }

    fn take(&mut self, packet: &RtpPayload<&[u8]>, ready: &mut VecDeque<AccessUnit>) -> Result<(), DepacketizeError> {
        let sequence = packet.sequence;
        let truncated = |what| DepacketizeError::Truncated { sequence, what };
        let (bits, rest) =
            packet.payload.split_first_chunk::<FIELD_BYTES>().ok_or(truncated("the AU headers length"))?;
        let bits = usize::from(u16::from_be_bytes(*bits));
        if bits == 0 || !bits.is_multiple_of(FIELD_BYTES * 8) {
            return Err(DepacketizeError::Field { sequence, what: "AU-headers-length is no multiple of 16 bits" });
        }
        let (headers, data) = rest.split_at_checked(bits / 8).ok_or(truncated("the AU headers"))?;
        let headers = headers.as_chunks::<FIELD_BYTES>().0;
        if headers.len() > UNITS_PER_PACKET_MAX {
            return Err(DepacketizeError::TooLarge { sequence, what: "units in a packet", max: UNITS_PER_PACKET_MAX });
        }
        if headers.iter().any(|header| header[1] & 7 != 0) {
            return Err(DepacketizeError::Field { sequence, what: "access units are interleaved" });
        }
        let size = |header: &[u8; FIELD_BYTES]| usize::from(u16::from_be_bytes(*header) >> 3);
        match headers {
            [one] if self.fragments.is_some() || size(one) > data.len() => {
                self.fragment(packet, size(one), data, ready)
            }
            _ => self.whole(packet, headers.iter().map(size), data, ready),
        }
    }

    fn whole(
        &mut self,
        packet: &RtpPayload<&[u8]>,
        sizes: impl Iterator<Item = usize> + Clone,
        data: &[u8],
        ready: &mut VecDeque<AccessUnit>,
    ) -> Result<(), DepacketizeError> {
        let sequence = packet.sequence;
        let unfinished = self.fragments.take().is_some();
        if sizes.clone().any(|size| size == 0) {
            return Err(DepacketizeError::Field { sequence, what: "an access unit of 0 bytes" });
        }
        if sizes.clone().sum::<usize>() != data.len() {
            return Err(DepacketizeError::Truncated { sequence, what: "an access unit" });
        }
        let mut rest = data;
        let mut timestamp = packet.timestamp;
        self.after_loss |= unfinished;
        for size in sizes {
            let (unit, tail) = rest.split_at_checked(size).unwrap_or((rest, &[]));
            ready.push_back(self.unit(timestamp, Bytes::copy_from_slice(unit)));
            rest = tail;
            timestamp = timestamp.saturating_add(self.unit_ticks);
        }
        if unfinished {
            return Err(DepacketizeError::Fragment { sequence, what: "another unit comes before the last fragment" });
        }
        Ok(())
    }

    fn fragment(
        &mut self,
        packet: &RtpPayload<&[u8]>,
        size: usize,
        data: &[u8],
        ready: &mut VecDeque<AccessUnit>,
    ) -> Result<(), DepacketizeError> {
        let sequence = packet.sequence;
        let wrong = |what| Err(DepacketizeError::Fragment { sequence, what });
        let fragments = self.fragments.get_or_insert_with(|| Fragments {
            timestamp: packet.timestamp,
            size,
            bytes: Vec::with_capacity(size),
        });
        if fragments.size != size || fragments.timestamp != packet.timestamp {
            return wrong("a fragment is of another unit than the first one");
        }
        if data.is_empty() || fragments.bytes.len() + data.len() > size {
            return wrong("fragments do not add up to the unit's size");
        }
        fragments.bytes.extend_from_slice(data);
        if fragments.bytes.len() == size {
            let bytes = self.fragments.take().map_or_else(Bytes::new, |f| Bytes::from(f.bytes));
            ready.push_back(self.unit(packet.timestamp, bytes));
        } else if packet.marker {
            return wrong("the marker comes before the last fragment");
        }
        Ok(())
    }

    fn unit(&mut self, timestamp: i64, payload: Bytes) -> AccessUnit {
        let after_loss = std::mem::take(&mut self.after_loss);
        AccessUnit { timestamp, keyframe: false, new_params: false, after_loss, payload }
    }
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let digit = |b: u8| char::from(b).to_digit(16).map(|d| d as u8);
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}
