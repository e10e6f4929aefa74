//! RTP payloads of H.264 to access units (RFC 6184, packetization modes 0 and 1): single NAL units, STAP-A and FU-A. The
//! interleaved mode's types (STAP-B, MTAP, FU-B) are refused.

use bytes::Bytes;

use super::{NAL_IDR, NAL_PPS, NAL_SPS, Params, nal_type};
use crate::codec::assembler::{Assembler, NalFormat, NalKind};
use crate::codec::bits::Bits;
use crate::codec::nal::SetKind;
use crate::codec::{CodecParams, DepacketizeError, ParamsError, RtpPayload};

pub(super) const STAP_A: u8 = 24;
pub(super) const FU_A: u8 = 28;

#[derive(Debug)]
pub(in crate::codec) struct H264;

impl NalFormat for H264 {
    fn kind(nal: &[u8]) -> NalKind {
        let kind = nal.first().map_or(0, |b| nal_type(*b));
        NalKind {
            picture: matches!(kind, 1..=5),
            // `first_mb_in_slice` is 0: the exp-Golomb code of one bit.
            first_slice: nal.get(1).is_some_and(|b| b & 0x80 != 0),
            random_access: kind == NAL_IDR,
            set: matches!(kind, NAL_SPS | NAL_PPS),
        }
    }

    fn set_kind(set: &[u8]) -> SetKind {
        if set.first().is_some_and(|b| nal_type(*b) == NAL_PPS) {
            SetKind::Picture { id: set.get(1..).and_then(|rest| Bits::new(rest).ue().ok()) }
        } else {
            SetKind::Sequence
        }
    }

    fn params(sets: &[Bytes]) -> Result<CodecParams, ParamsError> {
        Params::from_shared(sets).map(CodecParams::H264)
    }

    fn add(units: &mut Assembler<Self>, packet: &RtpPayload<&[u8]>) -> Result<(), DepacketizeError> {
        add(units, packet)
    }
}

fn add(units: &mut Assembler<H264>, packet: &RtpPayload<&[u8]>) -> Result<(), DepacketizeError> {
    let sequence = packet.sequence;
    let truncated = |what| DepacketizeError::Truncated { sequence, what };
    let (&first, rest) = packet.payload.split_first().ok_or(truncated("the NAL unit header"))?;
    check_header(sequence, first)?;
    match nal_type(first) {
        1..=23 => units.nal(sequence, packet.payload),
        STAP_A => aggregate(units, sequence, rest),
        FU_A => {
            let (&header, body) = rest.split_first().ok_or(truncated("the FU header"))?;
            let kind = header & 0x1f;
            if !matches!(kind, 1..=23) {
                return Err(DepacketizeError::Kind { sequence, kind });
            }
            let nal_header = [first & 0xe0 | kind];
            if header & 0x80 != 0 {
                units.fragment_first(sequence, &nal_header, body)?;
            } else {
                units.fragment_next(sequence, &nal_header, body)?;
            }
            if header & 0x40 != 0 {
                units.fragment_last();
            }
            Ok(())
        }
        kind => Err(DepacketizeError::Kind { sequence, kind }),
    }
}

fn aggregate(units: &mut Assembler<H264>, sequence: u16, mut rest: &[u8]) -> Result<(), DepacketizeError> {
    while !rest.is_empty() {
        let truncated = DepacketizeError::Truncated { sequence, what: "a STAP-A" };
        let (length, tail) = rest.split_first_chunk::<2>().ok_or(truncated.clone())?;
        let (nal, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(truncated.clone())?;
        let first = *nal.first().ok_or(truncated)?;
        check_header(sequence, first)?;
        if !matches!(nal_type(first), 1..=23) {
            return Err(DepacketizeError::Kind { sequence, kind: nal_type(first) });
        }
        units.nal(sequence, nal)?;
        rest = tail;
    }
    Ok(())
}

fn check_header(sequence: u16, first: u8) -> Result<(), DepacketizeError> {
    if first & 0x80 != 0 {
        return Err(DepacketizeError::Field { sequence, what: "forbidden_zero_bit is set" });
    }
    Ok(())
}
