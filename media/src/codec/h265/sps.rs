//! H.265 sequence parameter sets (ITU-T H.265 sections 7.3.2.2, 7.3.3 and E.2.1): size, frame rate, depth, reordering; and
//! the timing of a video parameter set (7.3.2.1) for cameras that state it only there.

use crate::codec::ParamsError;
use crate::codec::bits::{self, Bits, BitsError};
use crate::codec::nal;

/// Largest side in pixels: level 6.2 ends at 16,888 luma samples; level 7 at twice that area.
const SIDE_MAX: u32 = 33_776;

/// `sps_max_num_reorder_pics` is below the decoded picture buffer's 16 (section A.4.2).
const REORDER_MAX: u32 = 16;

/// General profile, tier and level (section 7.3.3), as hvcC and RFC 6381 want them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ProfileTierLevel {
    /// `general_profile_space`.
    pub space: u8,
    /// `general_tier_flag`.
    pub high_tier: bool,
    /// `general_profile_idc`.
    pub idc: u8,
    /// `general_profile_compatibility_flag[0..32]`, flag 0 in the highest bit.
    pub compatibility: u32,
    /// The 48 bits of progressive, interlaced and constraint flags.
    pub constraints: [u8; 6],
    /// `general_level_idc`: 30 times the level.
    pub level: u8,
}

/// What is read from an SPS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sps {
    /// `sps_seq_parameter_set_id`.
    pub id: u32,
    /// General profile, tier and level.
    pub profile: ProfileTierLevel,
    /// `chroma_format_idc`.
    pub chroma_format: u8,
    /// Bits per luma sample.
    pub bit_depth_luma: u8,
    /// Bits per chroma sample.
    pub bit_depth_chroma: u8,
    /// Width in pixels after the conformance window.
    pub width: u32,
    /// Height in pixels after the conformance window.
    pub height: u32,
    /// Frames per second as a fraction.
    pub frame_rate: Option<(u32, u32)>,
    /// `sps_max_num_reorder_pics` of the highest temporal layer.
    pub reorder_frames_max: u8,
    /// Temporal layers, 1 to 7.
    pub temporal_layers: u8,
    /// `sps_temporal_id_nesting_flag`.
    pub temporal_id_nested: bool,
}

impl Sps {
    /// Reads a whole NAL unit, its two header bytes included.
    pub fn parse(nal: &[u8]) -> Result<Self, ParamsError> {
        nal::check_set("SPS", nal)?;
        let rbsp = bits::unescape(nal.get(2..).unwrap_or_default());
        Reader { bits: Bits::new(&rbsp) }.sps().map_err(|fault| match fault {
            Fault::Bits(source) => ParamsError::Bits { what: "SPS", source },
            Fault::Range(field) => ParamsError::OutOfRange { what: "SPS", field },
        })
    }
}

/// `vps_time_scale / vps_num_units_in_tick`, where a VPS states it.
pub(super) fn vps_frame_rate(nal: &[u8]) -> Option<(u32, u32)> {
    nal::check_set("VPS", nal).ok()?;
    let rbsp = bits::unescape(nal.get(2..)?);
    Reader { bits: Bits::new(&rbsp) }.vps().ok()?
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

fn at_most(value: u32, max: u32, field: &'static str) -> Result<u32, Fault> {
    if value > max { Err(Fault::Range(field)) } else { Ok(value) }
}

struct Reader<'a> {
    bits: Bits<'a>,
}

impl Reader<'_> {
    fn sps(&mut self) -> Result<Sps, Fault> {
        self.bits.skip(4)?; // sps_video_parameter_set_id
        let layers_minus1 = at_most(self.bits.u(3)?, 6, "sps_max_sub_layers_minus1")? as u8;
        let temporal_id_nested = self.bits.flag()?;
        let profile = self.profile_tier_level(layers_minus1)?;
        let id = at_most(self.bits.ue()?, 15, "sps_seq_parameter_set_id")?;
        let chroma_format = at_most(self.bits.ue()?, 3, "chroma_format_idc")? as u8;
        let separate_planes = chroma_format == 3 && self.bits.flag()?;
        let (width, height) = self.size(if separate_planes { 0 } else { chroma_format })?;
        let bit_depth_luma = 8 + at_most(self.bits.ue()?, 8, "bit_depth_luma_minus8")? as u8;
        let bit_depth_chroma = 8 + at_most(self.bits.ue()?, 8, "bit_depth_chroma_minus8")? as u8;
        let order_bits = 4 + at_most(self.bits.ue()?, 12, "log2_max_pic_order_cnt_lsb_minus4")?;
        let reorder_frames_max = self.sub_layer_ordering(layers_minus1)?;
        Ok(Sps {
            id,
            profile,
            chroma_format,
            bit_depth_luma,
            bit_depth_chroma,
            width,
            height,
            // Cameras write broken VUI; a size without a frame rate is better than neither.
            frame_rate: self.coding_tools_to_timing(order_bits, chroma_format).unwrap_or(None),
            reorder_frames_max,
            temporal_layers: layers_minus1 + 1,
            temporal_id_nested,
        })
    }

    fn profile_tier_level(&mut self, layers_minus1: u8) -> Result<ProfileTierLevel, Fault> {
        let mut general = ProfileTierLevel {
            space: self.bits.byte(2)?,
            high_tier: self.bits.flag()?,
            idc: self.bits.byte(5)?,
            compatibility: self.bits.u(32)?,
            ..ProfileTierLevel::default()
        };
        for byte in &mut general.constraints {
            *byte = self.bits.byte(8)?;
        }
        general.level = self.bits.byte(8)?;
        if layers_minus1 == 0 {
            return Ok(general);
        }
        let mut present = Vec::with_capacity(usize::from(layers_minus1));
        for _ in 0..layers_minus1 {
            present.push((self.bits.flag()?, self.bits.flag()?));
        }
        self.bits.skip(2 * (8 - usize::from(layers_minus1)))?;
        for (profile, level) in present {
            self.bits.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
        }
        Ok(general)
    }

    fn size(&mut self, chroma: u8) -> Result<(u32, u32), Fault> {
        let width = at_most(self.bits.ue()?, SIDE_MAX, "pic_width_in_luma_samples")?;
        let height = at_most(self.bits.ue()?, SIDE_MAX, "pic_height_in_luma_samples")?;
        if !self.bits.flag()? {
            return if width == 0 || height == 0 {
                Err(Fault::Range("pic_width_in_luma_samples"))
            } else {
                Ok((width, height))
            };
        }
        let unit_x = if matches!(chroma, 1 | 2) { 2 } else { 1 };
        let unit_y = if chroma == 1 { 2 } else { 1 };
        let width = self.crop(width, unit_x)?;
        Ok((width, self.crop(height, unit_y)?))
    }

    fn crop(&mut self, side: u32, unit: u32) -> Result<u32, Fault> {
        let crop = u64::from(self.bits.ue()?) + u64::from(self.bits.ue()?);
        let cut = u32::try_from(crop * u64::from(unit)).map_err(|_| Fault::Range("conf_win_offset"))?;
        side.checked_sub(cut).filter(|left| *left > 0).ok_or(Fault::Range("conf_win_offset"))
    }

    fn sub_layer_ordering(&mut self, layers_minus1: u8) -> Result<u8, Fault> {
        let each = self.bits.flag()?;
        let mut reorder = 0;
        for _ in 0..if each { layers_minus1 + 1 } else { 1 } {
            self.bits.ue()?; // sps_max_dec_pic_buffering_minus1
            reorder = at_most(self.bits.ue()?, REORDER_MAX, "sps_max_num_reorder_pics")? as u8;
            self.bits.ue()?; // sps_max_latency_increase_plus1
        }
        Ok(reorder)
    }

    fn coding_tools_to_timing(&mut self, order_bits: u32, chroma: u8) -> Result<Option<(u32, u32)>, Fault> {
        for _ in 0..6 {
            self.bits.ue()?; // block sizes and transform depths
        }
        if self.bits.flag()? && self.bits.flag()? {
            self.scaling_lists(chroma)?;
        }
        self.bits.skip(2)?; // amp_enabled_flag, sample_adaptive_offset_enabled_flag
        if self.bits.flag()? {
            self.bits.skip(8)?; // pcm bit depths
            self.bits.ue()?;
            self.bits.ue()?;
            self.bits.skip(1)?;
        }
        self.reference_picture_sets()?;
        if self.bits.flag()? {
            for _ in 0..at_most(self.bits.ue()?, 32, "num_long_term_ref_pics_sps")? {
                self.bits.skip(order_bits as usize + 1)?;
            }
        }
        self.bits.skip(2)?; // temporal_mvp, strong_intra_smoothing
        if self.bits.flag()? { self.vui() } else { Ok(None) }
    }

    /// Section 7.3.4.
    fn scaling_lists(&mut self, chroma: u8) -> Result<(), Fault> {
        for size in 0..4u32 {
            // 32x32 lists exist for luma only, unless 4:4:4.
            let step = if size == 3 && chroma != 3 { 3 } else { 1 };
            for _ in (0..6).step_by(step) {
                if !self.bits.flag()? {
                    self.bits.ue()?; // scaling_list_pred_matrix_id_delta
                    continue;
                }
                if size > 1 {
                    self.bits.se()?; // scaling_list_dc_coef
                }
                for _ in 0..64.min(1 << (4 + (size << 1))) {
                    self.bits.se()?;
                }
            }
        }
        Ok(())
    }

    /// Section 7.3.7. Only the number of pictures in each set must be known, to predict the next.
    fn reference_picture_sets(&mut self) -> Result<(), Fault> {
        let count = at_most(self.bits.ue()?, 64, "num_short_term_ref_pic_sets")?;
        let mut pictures = 0u32;
        for set in 0..count {
            if set > 0 && self.bits.flag()? {
                self.bits.skip(1)?; // delta_rps_sign
                self.bits.ue()?; // abs_delta_rps_minus1
                let mut kept = 0;
                for _ in 0..=pictures {
                    let used = self.bits.flag()?;
                    let delta = used || self.bits.flag()?;
                    kept += u32::from(delta);
                }
                pictures = at_most(kept, REORDER_MAX, "NumDeltaPocs")?;
                continue;
            }
            let negative = at_most(self.bits.ue()?, REORDER_MAX, "num_negative_pics")?;
            let positive = at_most(self.bits.ue()?, REORDER_MAX, "num_positive_pics")?;
            for _ in 0..negative + positive {
                self.bits.ue()?;
                self.bits.skip(1)?;
            }
            pictures = at_most(negative + positive, REORDER_MAX, "NumDeltaPocs")?;
        }
        Ok(())
    }

    fn vui(&mut self) -> Result<Option<(u32, u32)>, Fault> {
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
        self.bits.skip(3)?; // neutral_chroma_indication, field_seq, frame_field_info_present
        if self.bits.flag()? {
            for _ in 0..4 {
                self.bits.ue()?; // default display window
            }
        }
        self.timing()
    }

    fn timing(&mut self) -> Result<Option<(u32, u32)>, Fault> {
        if !self.bits.flag()? {
            return Ok(None);
        }
        let (units, scale) = (self.bits.u(32)?, self.bits.u(32)?);
        Ok(nal::frame_rate(scale, u64::from(units)))
    }

    fn vps(&mut self) -> Result<Option<(u32, u32)>, Fault> {
        self.bits.skip(4 + 1 + 1 + 6)?; // id, base layer flags, vps_max_layers_minus1
        let layers_minus1 = at_most(self.bits.u(3)?, 6, "vps_max_sub_layers_minus1")? as u8;
        self.bits.skip(1 + 16)?; // vps_temporal_id_nesting_flag, reserved
        self.profile_tier_level(layers_minus1)?;
        self.sub_layer_ordering(layers_minus1)?;
        let highest_layer = self.bits.u(6)? as usize;
        let sets = at_most(self.bits.ue()?, 1023, "vps_num_layer_sets_minus1")? as usize;
        self.bits.skip(sets * (highest_layer + 1))?;
        self.timing()
    }
}
