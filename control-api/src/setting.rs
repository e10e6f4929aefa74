//! The configuration in force, key by key, as its administrator may see it.

use serde::Serialize;

/// One key of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Setting {
    /// `section.key`.
    pub key: String,
    /// Its value as TOML writes it; `"***"` in place of a secret. Null where nothing is set and the appliance does without, or chooses.
    pub value: Option<String>,
    /// The line of the file that sets it; null for a default.
    pub line: Option<usize>,
}
