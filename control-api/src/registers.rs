//! The registers: units, users, cameras, purposes, holds. One file each; here are the ids and the keys they share. Deliberately
//! absent: who may read or change them, which the routes decide.

pub mod api_key;
pub mod area;
pub mod camera;
pub mod camera_csv;
pub mod camera_fields;
pub mod field;
pub mod hold;
pub mod purpose;
pub mod retention_class;
pub mod retired;
pub mod role;
pub mod security_level;
pub mod unit;
pub mod user;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use area::Area;
pub use camera::Camera;
pub use hold::{Hold, HoldId};
pub use purpose::Purpose;
pub use retention_class::RetentionClass;
pub use role::{Role, Roles};
pub use security_level::SecurityLevel;
pub use unit::Unit;
pub use user::User;

/// Longest id of a unit or user: a ULID has 26, a hand-given one may have more.
pub const ID_BYTES_MAX: usize = 64;

/// A text that is no id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("use 1 to 64 characters of a-z A-Z 0-9 _ - and begin with a letter or digit")]
pub struct BadId;

fn check_id(text: &str) -> Result<(), BadId> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if first && text.len() <= ID_BYTES_MAX && text.bytes().all(allowed) { Ok(()) } else { Err(BadId) }
}

macro_rules! id {
    ($name:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(try_from = "String", into = "String")]
        #[schema(value_type = String, min_length = 1, max_length = 64, pattern = "^[a-zA-Z0-9][a-zA-Z0-9_-]*$")]
        pub struct $name(String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                check_id(text).map(|()| Self(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;
            fn try_from(text: String) -> Result<Self, BadId> {
                check_id(&text).map(|()| Self(text))
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(UnitId, "A unit's id: 1 to 64 characters of `a-z A-Z 0-9 _ -`.");
id!(UserId, "A user's id: 1 to 64 characters of `a-z A-Z 0-9 _ -`; given by the appliance, never reused.");
id!(LoginId, "A console sign-in's id. It names the sign-in in records; the bearer token cannot be made from it.");
id!(PurposeCode, "A purpose code such as `GA-3`.");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_could_reach_another_key_are_refused() {
        for bad in ["", "/", "a/b", "-a", "a b", "单位", "a\0", &"x".repeat(65)] {
            assert!(bad.parse::<UnitId>().is_err(), "{bad:?}");
            assert!(serde_json::from_value::<UserId>(serde_json::json!(bad)).is_err(), "{bad:?}");
        }
        assert_eq!("GA-3".parse::<PurposeCode>().unwrap().as_str(), "GA-3");
    }
}
