//! H.264 sequence parameter sets (ITU-T H.264 sections 7.3.2.1.1 and E.1.1): size, frame rate, depth and reordering.

use crate::codec::ParamsError;
use crate::codec::bits::{self, Bits, BitsError};

/// Profiles whose SPS carries chroma format, bit depths and scaling lists (section 7.3.2.1.1).
const HIGH_PROFILES: [u8; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

/// Largest side in pixels: level 6.2 ends at 16,880 luma samples.
const SIDE_MAX: u32 = 16_896;

/// Highest `max_num_reorder_frames`: the decoded picture buffer holds 16 frames at most (section A.3.1).
const REORDER_MAX: u32 = 16;

/// What is read from an SPS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sps {
    /// `seq_parameter_set_id`.
    pub id: u32,
    /// `profile_idc`, the byte of constraint flags, `level_idc`.
    pub profile: [u8; 3],
    /// `chroma_format_idc`.
    pub chroma_format: u8,
    /// Bits per luma sample.
    pub bit_depth_luma: u8,
    /// Bits per chroma sample.
    pub bit_depth_chroma: u8,
    /// Width in pixels after cropping.
    pub width: u32,
    /// Height in pixels after cropping.
    pub height: u32,
    /// Frames per second as a fraction.
    pub frame_rate: Option<(u32, u32)>,
    /// `max_num_reorder_frames`, or 0 where picture order or profile exclude reordering.
    pub reorder_frames_max: Option<u8>,
}

impl Sps {
    /// Reads a whole NAL unit, its header byte included.
    pub fn parse(nal: &[u8]) -> Result<Self, ParamsError> {
        crate::codec::nal::check_set("SPS", nal)?;
        let rbsp = bits::unescape(nal.get(1..).unwrap_or_default());
        Reader { bits: Bits::new(&rbsp) }.sps().map_err(Fault::into_params)
    }
}

enum Fault {
    Bits(BitsError),
    Range(&'static str),
}

impl From<BitsError> for Fault {
    fn from(source: BitsError) -> Self {
        Self::Bits(source)
    }
}

impl Fault {
    fn into_params(self) -> ParamsError {
        match self {
            Self::Bits(source) => ParamsError::Bits { what: "SPS", source },
            Self::Range(field) => ParamsError::OutOfRange { what: "SPS", field },
        }
    }
}

fn at_most(value: u32, max: u32, field: &'static str) -> Result<u32, Fault> {
    if value > max { Err(Fault::Range(field)) } else { Ok(value) }
}

struct Format {
    chroma: u8,
    separate_planes: bool,
    depth_luma: u8,
    depth_chroma: u8,
}

struct Reader<'a> {
    bits: Bits<'a>,
}

impl Reader<'_> {
    fn sps(&mut self) -> Result<Sps, Fault> {
        let profile = [self.bits.byte(8)?, self.bits.byte(8)?, self.bits.byte(8)?];
        let [profile_idc, constraints, _] = profile;
        let id = at_most(self.bits.ue()?, 31, "seq_parameter_set_id")?;
        let format = self.format(profile_idc)?;
        at_most(self.bits.ue()?, 12, "log2_max_frame_num_minus4")?;
        let order_type = self.picture_order()?;
        at_most(self.bits.ue()?, 16, "max_num_ref_frames")?;
        self.bits.skip(1)?; // gaps_in_frame_num_value_allowed_flag
        let (width, height) = self.size(&format)?;
        let (frame_rate, reorder) = if self.bits.flag()? { self.vui() } else { (None, None) };
        // Baseline has no B slices; order type 2 means output in decoding order (section 8.2.1.3). Constraint flag 3
        // marks an intra-only profile where it is set with profiles 44, 86, 100, 110, 122 and 244 (section E.2.1).
        let intra_only = constraints & 0x10 != 0 && [44, 86, 100, 110, 122, 244].contains(&profile_idc);
        let implied = (profile_idc == 66 || order_type == 2 || intra_only).then_some(0);
        Ok(Sps {
            id,
            profile,
            chroma_format: format.chroma,
            bit_depth_luma: format.depth_luma,
            bit_depth_chroma: format.depth_chroma,
            width,
            height,
            frame_rate,
            reorder_frames_max: reorder.or(implied),
        })
    }

    fn format(&mut self, profile_idc: u8) -> Result<Format, Fault> {
        let mut format = Format { chroma: 1, separate_planes: false, depth_luma: 8, depth_chroma: 8 };
        if !HIGH_PROFILES.contains(&profile_idc) {
            return Ok(format);
        }
        format.chroma = at_most(self.bits.ue()?, 3, "chroma_format_idc")? as u8;
        if format.chroma == 3 {
            format.separate_planes = self.bits.flag()?;
        }
        format.depth_luma = 8 + at_most(self.bits.ue()?, 6, "bit_depth_luma_minus8")? as u8;
        format.depth_chroma = 8 + at_most(self.bits.ue()?, 6, "bit_depth_chroma_minus8")? as u8;
        self.bits.skip(1)?; // qpprime_y_zero_transform_bypass_flag
        if self.bits.flag()? {
            self.scaling_lists(if format.chroma == 3 { 12 } else { 8 })?;
        }
        Ok(format)
    }

    fn scaling_lists(&mut self, lists: usize) -> Result<(), Fault> {
        for list in 0..lists {
            if !self.bits.flag()? {
                continue;
            }
            let (mut last, mut next) = (8i64, 8i64);
            for _ in 0..if list < 6 { 16 } else { 64 } {
                if next != 0 {
                    let delta = self.bits.se()?;
                    if !(-128..=127).contains(&delta) {
                        return Err(Fault::Range("delta_scale"));
                    }
                    next = (last + delta + 256) % 256;
                }
                last = if next == 0 { last } else { next };
            }
        }
        Ok(())
    }

    fn picture_order(&mut self) -> Result<u32, Fault> {
        let kind = at_most(self.bits.ue()?, 2, "pic_order_cnt_type")?;
        if kind == 0 {
            at_most(self.bits.ue()?, 12, "log2_max_pic_order_cnt_lsb_minus4")?;
        } else if kind == 1 {
            self.bits.skip(1)?; // delta_pic_order_always_zero_flag
            self.bits.se()?; // offset_for_non_ref_pic
            self.bits.se()?; // offset_for_top_to_bottom_field
            for _ in 0..at_most(self.bits.ue()?, 255, "num_ref_frames_in_pic_order_cnt_cycle")? {
                self.bits.se()?; // offset_for_ref_frame
            }
        }
        Ok(kind)
    }

    fn size(&mut self, format: &Format) -> Result<(u32, u32), Fault> {
        let width = at_most(self.bits.ue()?, SIDE_MAX / 16 - 1, "pic_width_in_mbs_minus1")?;
        let height = at_most(self.bits.ue()?, SIDE_MAX / 16 - 1, "pic_height_in_map_units_minus1")?;
        let frames_only = self.bits.flag()?;
        let fields = if frames_only { 1 } else { 2 };
        if !frames_only {
            self.bits.skip(1)?; // mb_adaptive_frame_field_flag
        }
        self.bits.skip(1)?; // direct_8x8_inference_flag
        let (width, height) = ((width + 1) * 16, (height + 1) * 16 * fields);
        if !self.bits.flag()? {
            return Ok((width, height));
        }
        let chroma = if format.separate_planes { 0 } else { format.chroma };
        let unit_x = if matches!(chroma, 1 | 2) { 2 } else { 1 };
        let unit_y = fields * if chroma == 1 { 2 } else { 1 };
        let width = self.crop(width, unit_x)?;
        Ok((width, self.crop(height, unit_y)?))
    }

    fn crop(&mut self, side: u32, unit: u32) -> Result<u32, Fault> {
        let crop = u64::from(self.bits.ue()?) + u64::from(self.bits.ue()?);
        let cut = u32::try_from(crop * u64::from(unit)).map_err(|_| Fault::Range("frame_crop_offset"))?;
        side.checked_sub(cut).filter(|left| *left > 0).ok_or(Fault::Range("frame_crop_offset"))
    }

    /// Frame rate and `max_num_reorder_frames`. Cameras write broken VUI; what was read before the break is kept.
    fn vui(&mut self) -> (Option<(u32, u32)>, Option<u8>) {
        let Ok(frame_rate) = self.vui_to_timing() else { return (None, None) };
        (frame_rate, self.vui_restriction().unwrap_or(None))
    }

    fn vui_to_timing(&mut self) -> Result<Option<(u32, u32)>, BitsError> {
        const EXTENDED_SAR: u32 = 255;
        if self.bits.flag()? && self.bits.u(8)? == EXTENDED_SAR {
            self.bits.skip(32)?;
        }
        if self.bits.flag()? {
            self.bits.skip(1)?; // overscan_appropriate_flag
        }
        if self.bits.flag()? {
            self.bits.skip(4)?; // video_format, video_full_range_flag
            if self.bits.flag()? {
                self.bits.skip(24)?; // colour description
            }
        }
        if self.bits.flag()? {
            self.bits.ue()?; // chroma_sample_loc_type_top_field
            self.bits.ue()?;
        }
        if !self.bits.flag()? {
            return Ok(None);
        }
        let (units, scale) = (self.bits.u(32)?, self.bits.u(32)?);
        self.bits.skip(1)?; // fixed_frame_rate_flag
        // A tick is a field: two of them to a frame (section E.2.1).
        Ok(crate::codec::nal::frame_rate(scale, u64::from(units) * 2))
    }

    fn vui_restriction(&mut self) -> Result<Option<u8>, Fault> {
        let nal_hrd = self.bits.flag()?;
        if nal_hrd {
            self.hrd()?;
        }
        let vcl_hrd = self.bits.flag()?;
        if vcl_hrd {
            self.hrd()?;
        }
        if nal_hrd || vcl_hrd {
            self.bits.skip(1)?; // low_delay_hrd_flag
        }
        self.bits.skip(1)?; // pic_struct_present_flag
        if !self.bits.flag()? {
            return Ok(None);
        }
        self.bits.skip(1)?; // motion_vectors_over_pic_boundaries_flag
        for _ in 0..4 {
            self.bits.ue()?;
        }
        Ok(Some(at_most(self.bits.ue()?, REORDER_MAX, "max_num_reorder_frames")? as u8))
    }

    fn hrd(&mut self) -> Result<(), Fault> {
        let count = at_most(self.bits.ue()?, 31, "cpb_cnt_minus1")? + 1;
        self.bits.skip(8)?;
        for _ in 0..count {
            self.bits.ue()?;
            self.bits.ue()?;
            self.bits.skip(1)?;
        }
        Ok(self.bits.skip(20)?)
    }
}
