//! How much a camera shows that not everybody may see: 1 to 3, the higher the less people. MLPS level 3 asks for labels on what is
//! protected; who may see which is the policy's.

use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// A camera's security level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "u8", into = "u8")]
#[schema(value_type = u8, minimum = 1, maximum = 3, example = 1)]
pub struct SecurityLevel(u8);

impl SecurityLevel {
    /// An ordinary public place.
    pub const ORDINARY: Self = Self(1);
    /// The highest there is.
    pub const HIGHEST: Self = Self(3);

    /// As a number.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// Of a number, or a refusal that names the field.
    pub fn checked(number: u8) -> Result<Self, ApiError> {
        Self::try_from(number).map_err(|_| ApiError::field("security_level", "须为1至3。", "Give 1 to 3."))
    }
}

impl Default for SecurityLevel {
    fn default() -> Self {
        Self::ORDINARY
    }
}

/// A number that is no level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("give 1 to 3")]
pub struct BadLevel;

impl TryFrom<u8> for SecurityLevel {
    type Error = BadLevel;
    fn try_from(number: u8) -> Result<Self, BadLevel> {
        if (Self::ORDINARY.0..=Self::HIGHEST.0).contains(&number) { Ok(Self(number)) } else { Err(BadLevel) }
    }
}

impl From<SecurityLevel> for u8 {
    fn from(level: SecurityLevel) -> Self {
        level.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_one_to_three_and_one_where_nothing_is_said() {
        assert_eq!(SecurityLevel::default().number(), 1);
        for bad in [0, 4, 255] {
            assert_eq!(
                SecurityLevel::checked(bad).unwrap_err().body("", false).field.as_deref(),
                Some("security_level")
            );
        }
        assert_eq!(serde_json::from_str::<SecurityLevel>("3").unwrap(), SecurityLevel::HIGHEST);
        assert!(serde_json::from_str::<SecurityLevel>("4").is_err());
    }
}
