//! H.265: parameter sets and what is read from them, and the RTP payload format (RFC 7798) both ways. NAL units stay as
//! sent, parameter sets and SEI within access units included.

mod depacketize;
mod packetize;
mod sps;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;

use super::assembler::NalDepacketizer;
use super::nal::{self, SETS_MAX};
use super::{ParamsError, Unsupported};
use depacketize::H265;
pub(super) use packetize::packetize;
pub use sps::{ProfileTierLevel, Sps};

/// `nal_unit_type` of a video parameter set.
pub const NAL_VPS: u8 = 32;
/// `nal_unit_type` of a sequence parameter set.
pub const NAL_SPS: u8 = 33;
/// `nal_unit_type` of a picture parameter set.
pub const NAL_PPS: u8 = 34;
/// `nal_unit_type` of supplemental enhancement information that precedes its picture.
pub const NAL_PREFIX_SEI: u8 = 39;

/// The `nal_unit_type` in a NAL unit's first byte.
pub const fn nal_type(first: u8) -> u8 {
    first >> 1 & 0x3f
}

/// True for slices of intra random access pictures: BLA, IDR, CRA.
pub const fn is_random_access(nal_type: u8) -> bool {
    matches!(nal_type, 16..=21)
}

/// True for units of the coded picture itself.
pub const fn is_picture(nal_type: u8) -> bool {
    matches!(nal_type, 0..=31)
}

fn first_picture(payload: &[u8]) -> Option<(usize, &[u8])> {
    nal::places(payload).find(|(_, unit)| unit.first().is_some_and(|b| is_picture(nal_type(*b))))
}

/// Where in a frame's payload the length of its first picture unit stands.
pub fn picture_at(payload: &[u8]) -> Option<usize> {
    first_picture(payload).map(|(at, _)| at)
}

/// The header of a prefix SEI unit for this frame: of the base layer and of the picture's own temporal layer
/// (ITU-T H.265 section 7.4.2.2 wants that of the access unit).
pub fn sei_header(payload: &[u8]) -> [u8; 2] {
    let temporal = first_picture(payload).and_then(|(_, unit)| unit.get(1)).map_or(1, |b| b & 7);
    [NAL_PREFIX_SEI << 1, temporal.max(1)]
}

pub(super) type Depacketizer = NalDepacketizer<H265>;

/// A depacketiser that knows the parameter sets of SDP's `sprop-vps`, `sprop-sps` and `sprop-pps` (RFC 7798 section 7.1),
/// where they are.
pub(super) fn depacketizer(fmtp: Option<&str>) -> Result<Depacketizer, Unsupported> {
    let value = |name| fmtp.and_then(|fmtp| nal::fmtp_value(fmtp, name));
    if value("sprop-max-don-diff").is_some_and(|value| value != "0") {
        let what = "sprop-max-don-diff is not 0: decoding order numbers are not supported".to_owned();
        return Err(Unsupported::Form { encoding: "H265", what });
    }
    let sets = ["sprop-vps", "sprop-sps", "sprop-pps"].into_iter().filter_map(value).flat_map(nal::decode_sets);
    Ok(Depacketizer::new(sets.collect()))
}

/// What a decoder must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// The video parameter set, a whole NAL unit without start code.
    pub vps: Bytes,
    /// The sequence parameter set.
    pub sps: Bytes,
    /// The first picture parameter set.
    pub pps: Bytes,
    /// Further parameter sets with other ids; empty on nearly all cameras.
    pub more: Vec<Bytes>,
    /// Width in pixels after the conformance window.
    pub width: u32,
    /// Height in pixels after the conformance window.
    pub height: u32,
    /// Frames per second as a fraction, where the SPS states it.
    pub frame_rate: Option<(u32, u32)>,
    /// `sps_max_num_reorder_pics` of the highest layer; 0 means no B-frame reordering.
    pub reorder_frames_max: Option<u8>,
    /// General profile, tier and level.
    pub profile: ProfileTierLevel,
    /// `chroma_format_idc`: 0 grey, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub chroma_format: u8,
    /// Bits per luma sample, 8 to 16.
    pub bit_depth_luma: u8,
    /// Bits per chroma sample, 8 to 16.
    pub bit_depth_chroma: u8,
    /// Temporal layers, 1 to 7.
    pub temporal_layers: u8,
    /// `sps_temporal_id_nesting_flag`.
    pub temporal_id_nested: bool,
}

impl Params {
    /// From parameter sets as whole NAL units in any order, as SDP, hvcC or the stream itself has them. Other NAL units
    /// among them are passed over.
    pub fn from_sets<'a>(sets: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, ParamsError> {
        let kept: Vec<Bytes> = sets.into_iter().take(SETS_MAX).map(Bytes::copy_from_slice).collect();
        Self::from_shared(&kept)
    }

    pub(super) fn from_shared(sets: &[Bytes]) -> Result<Self, ParamsError> {
        let of = |kind: u8| sets.iter().filter(move |s| s.first().is_some_and(|b| nal_type(*b) == kind));
        let vps = of(NAL_VPS).next().ok_or(ParamsError::Missing("VPS"))?;
        let sps = of(NAL_SPS).next().ok_or(ParamsError::Missing("SPS"))?;
        let pps = of(NAL_PPS).next().ok_or(ParamsError::Missing("PPS"))?;
        for set in of(NAL_VPS).chain(of(NAL_SPS)).chain(of(NAL_PPS)) {
            nal::check_set("parameter set", set)?;
        }
        let read = Sps::parse(sps)?;
        let further = of(NAL_VPS).skip(1).chain(of(NAL_SPS).skip(1)).chain(of(NAL_PPS).skip(1));
        Ok(Self {
            vps: vps.clone(),
            sps: sps.clone(),
            pps: pps.clone(),
            more: further.cloned().collect(),
            width: read.width,
            height: read.height,
            frame_rate: read.frame_rate.or_else(|| sps::vps_frame_rate(vps)),
            reorder_frames_max: Some(read.reorder_frames_max),
            profile: read.profile,
            chroma_format: read.chroma_format,
            bit_depth_luma: read.bit_depth_luma,
            bit_depth_chroma: read.bit_depth_chroma,
            temporal_layers: read.temporal_layers,
            temporal_id_nested: read.temporal_id_nested,
        })
    }

    /// All parameter sets: VPS, SPS, PPS.
    pub fn sets(&self) -> impl Iterator<Item = &Bytes> {
        [(NAL_VPS, &self.vps), (NAL_SPS, &self.sps), (NAL_PPS, &self.pps)].into_iter().flat_map(|(kind, first)| {
            let further = self.more.iter().filter(move |s| s.first().is_some_and(|b| nal_type(*b) == kind));
            std::iter::once(first).chain(further)
        })
    }

    /// The parameter sets of one `nal_unit_type`.
    fn sets_of(&self, kind: u8) -> impl Iterator<Item = &Bytes> {
        self.sets().filter(move |s| s.first().is_some_and(|b| nal_type(*b) == kind))
    }

    pub(super) fn rfc6381(&self) -> String {
        let p = &self.profile;
        let space = match p.space {
            0 => String::new(),
            space => char::from(b'A' + (space - 1) % 3).to_string(),
        };
        let tier = if p.high_tier { 'H' } else { 'L' };
        let mut text = format!("hvc1.{space}{}.{:x}.{tier}{}", p.idc, p.compatibility.reverse_bits(), p.level);
        let used = p.constraints.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
        for byte in p.constraints.iter().take(used) {
            text.push_str(&format!(".{byte:02x}"));
        }
        text
    }

    pub(super) fn fmtp(&self) -> String {
        let encode = |kind| {
            let sets: Vec<String> = self.sets_of(kind).map(|s| BASE64_STANDARD.encode(s)).collect();
            sets.join(",")
        };
        format!("sprop-vps={};sprop-sps={};sprop-pps={}", encode(NAL_VPS), encode(NAL_SPS), encode(NAL_PPS))
    }

    /// The `HEVCDecoderConfigurationRecord` (ISO/IEC 14496-15 section 8.3.3.1), NAL lengths of 4 bytes, arrays complete.
    pub fn hvcc(&self) -> Vec<u8> {
        let p = &self.profile;
        let mut out = vec![1, p.space << 6 | u8::from(p.high_tier) << 5 | p.idc];
        out.extend(p.compatibility.to_be_bytes());
        out.extend(p.constraints);
        out.push(p.level);
        out.extend([0xf0, 0, 0xfc]); // min_spatial_segmentation_idc and parallelismType: not stated
        out.extend([0xfc | self.chroma_format, 0xf8 | (self.bit_depth_luma - 8), 0xf8 | (self.bit_depth_chroma - 8)]);
        out.extend([0, 0]); // avgFrameRate: not stated
        out.push(self.temporal_layers << 3 | u8::from(self.temporal_id_nested) << 2 | 3);
        out.push(3);
        for kind in [NAL_VPS, NAL_SPS, NAL_PPS] {
            out.push(0x80 | kind);
            out.extend((self.sets_of(kind).count() as u16).to_be_bytes());
            self.sets_of(kind).for_each(|set| nal::append_u16_prefixed(&mut out, set));
        }
        out
    }
}
