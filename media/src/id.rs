//! Names of cameras and streams. A name is checked once, where it enters, and is safe in a path, a URL and a label after that.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest camera id: fits a file name with room for the date and a suffix.
pub const CAMERA_ID_BYTES_MAX: usize = 64;

/// A camera's id: 1 to 64 characters of `a-z A-Z 0-9 _ -`, first one alphanumeric. GB/T 28181 codes (20 digits) fit.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CameraId(Arc<str>);

impl CameraId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is no camera id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("camera id {given:?}: use 1 to 64 characters of a-z A-Z 0-9 _ - and begin with a letter or digit")]
pub struct BadCameraId {
    /// The offending text, cut to 64 characters.
    pub given: String,
}

impl FromStr for CameraId {
    type Err = BadCameraId;
    fn from_str(text: &str) -> Result<Self, BadCameraId> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        let fits = (1..=CAMERA_ID_BYTES_MAX).contains(&text.len());
        let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if fits && first && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(BadCameraId { given: text.chars().take(CAMERA_ID_BYTES_MAX).collect() })
        }
    }
}

impl TryFrom<String> for CameraId {
    type Error = BadCameraId;
    fn try_from(text: String) -> Result<Self, BadCameraId> {
        text.parse()
    }
}

impl From<CameraId> for String {
    fn from(id: CameraId) -> Self {
        id.0.as_ref().into()
    }
}

impl fmt::Display for CameraId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CameraId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which of a camera's presentations: the full one or the small one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// The camera's full-size stream, the one that is recorded.
    #[default]
    Main,
    /// The camera's small stream.
    Sub,
}

/// One RTSP presentation of one camera.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamKey {
    /// The camera.
    pub camera: CameraId,
    /// Which of its presentations.
    pub profile: Profile,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_could_leave_their_folder_are_refused() {
        for bad in ["", ".", "..", "a/b", "-a", "_a", "a b", "摄像头", "a\0", &"x".repeat(65)] {
            assert!(bad.parse::<CameraId>().is_err(), "{bad:?}");
        }
        for good in ["a", "cam-01", "41900100001320000001", "A_b-9"] {
            assert_eq!(good.parse::<CameraId>().unwrap().as_str(), good);
        }
    }
}
