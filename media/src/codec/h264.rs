//! H.264: parameter sets and what is read from them, and the RTP payload format (RFC 6184) both ways. NAL units stay as
//! sent, parameter sets and SEI within access units included.

mod depacketize;
mod packetize;
mod sps;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;

use super::ParamsError;
use super::assembler::NalDepacketizer;
use super::nal::{self, SETS_MAX};
use depacketize::H264;
pub(super) use packetize::packetize;
pub use sps::Sps;

/// `nal_unit_type` of a slice of an IDR picture.
pub const NAL_IDR: u8 = 5;
/// `nal_unit_type` of supplemental enhancement information.
pub const NAL_SEI: u8 = 6;
/// `nal_unit_type` of a sequence parameter set.
pub const NAL_SPS: u8 = 7;
/// `nal_unit_type` of a picture parameter set.
pub const NAL_PPS: u8 = 8;

/// The header of an SEI unit.
pub const SEI_HEADER: [u8; 1] = [NAL_SEI];

/// The `nal_unit_type` in a NAL unit's first byte.
pub const fn nal_type(first: u8) -> u8 {
    first & 0x1f
}

/// True for units of the coded picture itself: slices and their partitions.
pub const fn is_picture(nal_type: u8) -> bool {
    matches!(nal_type, 1..=5)
}

/// Where in a frame's payload the length of its first picture unit stands.
pub fn picture_at(payload: &[u8]) -> Option<usize> {
    nal::places(payload).find(|(_, unit)| unit.first().is_some_and(|b| is_picture(nal_type(*b)))).map(|(at, _)| at)
}

pub(super) type Depacketizer = NalDepacketizer<H264>;

/// A depacketiser that knows the parameter sets of SDP's `sprop-parameter-sets` (RFC 6184 section 8.1), where they are.
pub(super) fn depacketizer(fmtp: Option<&str>) -> Depacketizer {
    let sets = fmtp.and_then(|fmtp| nal::fmtp_value(fmtp, "sprop-parameter-sets"));
    Depacketizer::new(sets.map(nal::decode_sets).unwrap_or_default())
}

/// What a decoder must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// The sequence parameter set, a whole NAL unit without start code.
    pub sps: Bytes,
    /// The first picture parameter set.
    pub pps: Bytes,
    /// Further parameter sets with other ids, SPS and PPS; empty on nearly all cameras.
    pub more: Vec<Bytes>,
    /// Width in pixels after cropping.
    pub width: u32,
    /// Height in pixels after cropping.
    pub height: u32,
    /// Frames per second as a fraction, where the VUI states it.
    pub frame_rate: Option<(u32, u32)>,
    /// Most frames that precede a frame in decoding and follow it in output, where the VUI states it or the profile
    /// implies it; 0 means no B-frame reordering.
    pub reorder_frames_max: Option<u8>,
    /// `profile_idc`, the byte of constraint flags, `level_idc`.
    pub profile: [u8; 3],
    /// `chroma_format_idc`: 0 grey, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub chroma_format: u8,
    /// Bits per luma sample, 8 to 14.
    pub bit_depth_luma: u8,
    /// Bits per chroma sample, 8 to 14.
    pub bit_depth_chroma: u8,
}

impl Params {
    /// From parameter sets as whole NAL units in any order, as SDP, avcC or the stream itself has them. Other NAL units
    /// among them are passed over.
    pub fn from_sets<'a>(sets: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, ParamsError> {
        let kept: Vec<Bytes> = sets.into_iter().take(SETS_MAX).map(Bytes::copy_from_slice).collect();
        Self::from_shared(&kept)
    }

    pub(super) fn from_shared(sets: &[Bytes]) -> Result<Self, ParamsError> {
        let of = |kind: u8| sets.iter().filter(move |s| s.first().is_some_and(|b| nal_type(*b) == kind));
        let sps = of(NAL_SPS).next().ok_or(ParamsError::Missing("SPS"))?;
        let pps = of(NAL_PPS).next().ok_or(ParamsError::Missing("PPS"))?;
        for set in of(NAL_SPS).chain(of(NAL_PPS)) {
            nal::check_set("parameter set", set)?;
        }
        let read = Sps::parse(sps)?;
        Ok(Self {
            sps: sps.clone(),
            pps: pps.clone(),
            more: of(NAL_SPS).skip(1).chain(of(NAL_PPS).skip(1)).cloned().collect(),
            width: read.width,
            height: read.height,
            frame_rate: read.frame_rate,
            reorder_frames_max: read.reorder_frames_max,
            profile: read.profile,
            chroma_format: read.chroma_format,
            bit_depth_luma: read.bit_depth_luma,
            bit_depth_chroma: read.bit_depth_chroma,
        })
    }

    /// All parameter sets, SPS before PPS.
    pub fn sets(&self) -> impl Iterator<Item = &Bytes> {
        let further = |kind: u8| self.more.iter().filter(move |s| s.first().is_some_and(|b| nal_type(*b) == kind));
        std::iter::once(&self.sps).chain(further(NAL_SPS)).chain(std::iter::once(&self.pps)).chain(further(NAL_PPS))
    }

    pub(super) fn rfc6381(&self) -> String {
        let [profile, constraints, level] = self.profile;
        format!("avc1.{profile:02x}{constraints:02x}{level:02x}")
    }

    pub(super) fn fmtp(&self) -> String {
        let [profile, constraints, level] = self.profile;
        let sets: Vec<String> = self.sets().map(|s| BASE64_STANDARD.encode(s)).collect();
        format!(
            "packetization-mode=1;profile-level-id={profile:02x}{constraints:02x}{level:02x};sprop-parameter-sets={}",
            sets.join(",")
        )
    }

    /// The `AVCDecoderConfigurationRecord` (ISO/IEC 14496-15 section 5.3.3.1), NAL lengths of 4 bytes.
    pub fn avcc(&self) -> Vec<u8> {
        let [profile, constraints, level] = self.profile;
        let of = |kind: u8| self.sets().filter(move |s| s.first().is_some_and(|b| nal_type(*b) == kind));
        let mut out = vec![1, profile, constraints, level, 0xfc | 3];
        out.push(0xe0 | (of(NAL_SPS).count() & 0x1f) as u8);
        of(NAL_SPS).for_each(|set| nal::append_u16_prefixed(&mut out, set));
        out.push((of(NAL_PPS).count() & 0xff) as u8);
        of(NAL_PPS).for_each(|set| nal::append_u16_prefixed(&mut out, set));
        if !matches!(profile, 66 | 77 | 88) {
            out.extend([
                0xfc | self.chroma_format,
                0xf8 | (self.bit_depth_luma - 8),
                0xf8 | (self.bit_depth_chroma - 8),
                0,
            ]);
        }
        out
    }
}
