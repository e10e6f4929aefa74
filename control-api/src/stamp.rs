//! An instant as the API writes it: RFC 3339 in UTC with milliseconds. Inside, `media::wall::Wall` is used.

use std::fmt;
use std::str::FromStr;

use media::wall::Wall;
use serde::{Deserialize, Serialize};

/// A wall-clock instant that reads and writes itself as RFC 3339. Microseconds survive a round trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, format = DateTime, example = "2026-01-31T08:00:00.000Z")]
pub struct Stamp(pub Wall);

/// A text that is no instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write the time as RFC 3339 with an offset, for example 2026-01-31T08:00:00+08:00")]
pub struct BadStamp;

impl FromStr for Stamp {
    type Err = BadStamp;
    fn from_str(text: &str) -> Result<Self, BadStamp> {
        let instant: jiff::Timestamp = text.parse().map_err(|_| BadStamp)?;
        Ok(Self(Wall::from_micros(instant.as_microsecond())))
    }
}

impl TryFrom<String> for Stamp {
    type Error = BadStamp;
    fn try_from(text: String) -> Result<Self, BadStamp> {
        text.parse()
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Instants past jiff's years -9999..9999 cannot be read in, so only a broken clock meets the fallback.
        let instant = jiff::Timestamp::from_microsecond(self.0.micros()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let digits = if self.0.micros() % 1_000 == 0 { 3 } else { 6 };
        write!(f, "{instant:.digits$}")
    }
}

impl From<Stamp> for String {
    fn from(stamp: Stamp) -> Self {
        stamp.to_string()
    }
}

impl From<Wall> for Stamp {
    fn from(wall: Wall) -> Self {
        Self(wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_goes_in_and_utc_comes_out() {
        let stamp: Stamp = "2026-01-31T08:00:00+08:00".parse().unwrap();
        assert_eq!(stamp.to_string(), "2026-01-31T00:00:00.000Z");
        assert_eq!(Stamp(Wall::from_micros(1_500_001)).to_string(), "1970-01-01T00:00:01.500001Z");
        for bad in ["", "yesterday", "2026-01-31", "2026-01-31T08:00:00", "2026-13-01T00:00:00Z"] {
            assert_eq!(bad.parse::<Stamp>(), Err(BadStamp), "{bad}");
        }
    }
}
