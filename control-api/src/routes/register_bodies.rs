//! What the calls of every register take and give besides records.

use serde::{Deserialize, Serialize};

use crate::register::RecordId;

/// What a step brings.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StepBody {
    /// Why; a must for some steps.
    #[serde(default)]
    pub(super) reason: Option<String>,
    /// The version that was read; where it is not the newest, the answer is CONFLICT.
    #[serde(default)]
    pub(super) version: Option<u64>,
}

/// What an import took.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Filed {
    /// Ids, in the order of the file.
    pub(super) ids: Vec<RecordId>,
}
