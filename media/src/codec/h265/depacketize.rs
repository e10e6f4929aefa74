//! RTP payloads of H.265 to access units (RFC 7798): single NAL units, aggregation packets and fragmentation units.
//! Decoding order numbers (DONL) and PACI packets are refused.

use bytes::Bytes;

use super::{NAL_PPS, NAL_SPS, NAL_VPS, Params, is_random_access, nal_type};
use crate::codec::assembler::{Assembler, NalFormat, NalKind};
use crate::codec::bits::Bits;
use crate::codec::nal::SetKind;
use crate::codec::{CodecParams, DepacketizeError, ParamsError, RtpPayload};

pub(super) const AP: u8 = 48;
pub(super) const FU: u8 = 49;

/// Bytes of a NAL unit header.
pub(super) const HEADER_BYTES: usize = 2;

#[derive(Debug)]
pub(in crate::codec) struct H265;

impl NalFormat for H265 {
    fn kind(nal: &[u8]) -> NalKind {
        let kind = nal.first().map_or(0, |b| nal_type(*b));
        NalKind {
            picture: kind < 32,
            // `first_slice_segment_in_pic_flag`
            first_slice: nal.get(HEADER_BYTES).is_some_and(|b| b & 0x80 != 0),
            random_access: is_random_access(kind),
            set: matches!(kind, NAL_VPS | NAL_SPS | NAL_PPS),
        }
    }

    fn set_kind(set: &[u8]) -> SetKind {
        match set.first().map(|b| nal_type(*b)) {
            Some(NAL_PPS) => {
                SetKind::Picture { id: set.get(HEADER_BYTES..).and_then(|rest| Bits::new(rest).ue().ok()) }
            }
            Some(NAL_VPS) => SetKind::Video,
            _ => SetKind::Sequence,
        }
    }

    fn params(sets: &[Bytes]) -> Result<CodecParams, ParamsError> {
        Params::from_shared(sets).map(CodecParams::H265)
    }

    fn add(units: &mut Assembler<Self>, packet: &RtpPayload<&[u8]>) -> Result<(), DepacketizeError> {
        add(units, packet)
    }
}

fn add(units: &mut Assembler<H265>, packet: &RtpPayload<&[u8]>) -> Result<(), DepacketizeError> {
    let sequence = packet.sequence;
    let truncated = |what| DepacketizeError::Truncated { sequence, what };
    let (header, rest) = packet.payload.split_first_chunk::<HEADER_BYTES>().ok_or(truncated("the NAL unit header"))?;
    check_header(sequence, header)?;
    match nal_type(header[0]) {
        0..AP => units.nal(sequence, packet.payload),
        AP => aggregate(units, sequence, rest),
        FU => {
            let (&fragment, body) = rest.split_first().ok_or(truncated("the FU header"))?;
            let kind = fragment & 0x3f;
            if kind >= AP {
                return Err(DepacketizeError::Kind { sequence, kind });
            }
            let nal_header = [header[0] & 0x81 | kind << 1, header[1]];
            if fragment & 0x80 != 0 {
                units.fragment_first(sequence, &nal_header, body)?;
            } else {
                units.fragment_next(sequence, &nal_header, body)?;
            }
            if fragment & 0x40 != 0 {
                units.fragment_last();
            }
            Ok(())
        }
        kind => Err(DepacketizeError::Kind { sequence, kind }),
    }
}

fn aggregate(units: &mut Assembler<H265>, sequence: u16, mut rest: &[u8]) -> Result<(), DepacketizeError> {
    while !rest.is_empty() {
        let truncated = DepacketizeError::Truncated { sequence, what: "an aggregation packet" };
        let (length, tail) = rest.split_first_chunk::<2>().ok_or(truncated.clone())?;
        let (nal, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or(truncated.clone())?;
        let header = nal.first_chunk::<HEADER_BYTES>().ok_or(truncated)?;
        check_header(sequence, header)?;
        if nal_type(header[0]) >= AP {
            return Err(DepacketizeError::Kind { sequence, kind: nal_type(header[0]) });
        }
        units.nal(sequence, nal)?;
        rest = tail;
    }
    Ok(())
}

fn check_header(sequence: u16, header: &[u8; HEADER_BYTES]) -> Result<(), DepacketizeError> {
    let field = |what| Err(DepacketizeError::Field { sequence, what });
    if header[0] & 0x80 != 0 {
        return field("forbidden_zero_bit is set");
    }
    if header[1] & 7 == 0 {
        return field("nuh_temporal_id_plus1 is 0");
    }
    Ok(())
}
