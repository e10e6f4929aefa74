//! What is asked for in an export: which stretch, for whom, on what, and what is made unrecognisable in it.

use std::time::Duration;

use media::wall::Wall;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::registers::field::{line, prose};
use crate::render::Region;
use crate::stamp::Stamp;

/// Longest stretch of one export: half a shift. A longer one is several, each judged for itself.
pub const LENGTH_MAX: Duration = Duration::from_secs(4 * 3_600);
/// Most regions: each costs the renderer a copy of the picture.
pub const REGIONS_MAX: usize = 32;

/// The request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportForm {
    /// The camera's id. Its main stream is exported.
    pub camera: String,
    /// Beginning, inclusive.
    pub from: Stamp,
    /// End, exclusive; at most 4 hours later.
    pub to: Stamp,
    /// A purpose code of the unit's duties.
    #[serde(default)]
    #[schema(example = "GA-3")]
    pub purpose: String,
    /// The concrete reason, at most 1000 characters.
    #[serde(default)]
    pub reason: String,
    /// Who gets it.
    #[schema(example = "市人民检察院")]
    pub recipient: String,
    /// On what it is handed over: the column "medium type" of J-24(3).
    #[schema(example = "加密U盘 0012")]
    pub medium: String,
    /// It is for publication by the media (J-23).
    #[serde(default)]
    pub for_media: bool,
    /// The unit's approval of that; a must where it is for the media.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_release: Option<String>,
    /// What is made unrecognisable, at most 32 regions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redact: Vec<Region>,
}

impl ExportForm {
    /// The form with its texts trimmed, or the first field that is wrong.
    pub fn checked(mut self, now: Wall) -> Result<Self, ApiError> {
        let (from, to) = (self.from.0, self.to.0);
        if from >= to || to > now || to.since(from) > LENGTH_MAX {
            return Err(ApiError::field(
                "from",
                "须为已过去的时段,起早于止,最长4小时。",
                "Give a past stretch, from before to, of 4 hours at most.",
            ));
        }
        self.recipient = line("recipient", &self.recipient)?;
        self.medium = line("medium", &self.medium)?;
        if !self.reason.trim().is_empty() {
            self.reason = prose("reason", &self.reason)?;
        }
        if self.redact.len() > REGIONS_MAX {
            return Err(ApiError::field("redact", "最多32个区域。", "At most 32 regions."));
        }
        for region in &self.redact {
            region.checked("redact")?;
        }
        Ok(self)
    }
}
