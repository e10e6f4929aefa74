//! Areas: where a camera stands and what a unit or grant covers, as a path from the large to the small (`济源/沁园/东街`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest area path in bytes: eight levels of some ten Chinese characters.
pub const AREA_BYTES_MAX: usize = 256;
/// Most levels of a path: province to doorway, with room.
pub const AREA_LEVELS_MAX: usize = 8;

/// A place in the tree of areas: 1 to 8 names joined by `/`, no empty name, no control character.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, min_length = 1, max_length = 256, example = "济源/沁园")]
pub struct Area(String);

/// A text that is no area path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("use 1 to 8 names joined by '/', at most 256 bytes, none of them empty")]
pub struct BadArea;

impl Area {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True when `other` is this area or lies within it. Whole names count: `济源/沁` does not cover `济源/沁园`.
    pub fn covers(&self, other: &Self) -> bool {
        other.0.strip_prefix(&self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl FromStr for Area {
    type Err = BadArea;
    fn from_str(text: &str) -> Result<Self, BadArea> {
        let named = |name: &str| !name.trim().is_empty() && name.trim() == name && !name.chars().any(char::is_control);
        let levels = text.split('/').count();
        let fits = text.len() <= AREA_BYTES_MAX && levels <= AREA_LEVELS_MAX;
        if fits && text.split('/').all(named) { Ok(Self(text.into())) } else { Err(BadArea) }
    }
}

impl TryFrom<String> for Area {
    type Error = BadArea;
    fn try_from(text: String) -> Result<Self, BadArea> {
        text.parse()
    }
}

impl From<Area> for String {
    fn from(area: Area) -> Self {
        area.0
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_area_covers_itself_and_what_lies_within_by_whole_names() {
        let area = |text: &str| text.parse::<Area>().unwrap();
        assert!(area("济源").covers(&area("济源")));
        assert!(area("济源").covers(&area("济源/沁园/东街")));
        assert!(!area("济源/沁").covers(&area("济源/沁园")));
        assert!(!area("济源/沁园").covers(&area("济源")));
    }

    #[test]
    fn paths_with_empty_names_or_controls_are_refused() {
        for bad in ["", "/", "a/", "/a", "a//b", "a/ b", "a\n", "1/2/3/4/5/6/7/8/9", &"x".repeat(257)] {
            assert!(bad.parse::<Area>().is_err(), "{bad:?}");
        }
    }
}
