//! What is put over a picture: who had it, and when it was taken; and what in it is made unrecognisable. Plain values. The text
//! goes to ffmpeg in a file, so that no name can be taken for a part of the filters.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use media::wall::Wall;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::stamp::Stamp;

/// Longest name on a picture: a third of its width takes some 24 Chinese characters.
const NAME_CHARS_MAX: usize = 24;
/// Digits of the staff number that are shown.
const STAFF_NO_SHOWN: usize = 4;
/// What stands where there is no staff number.
const NO_STAFF_NO: &str = "-";
/// A picture's width and height in the units of a region.
const WHOLE: u16 = 1_000;
/// Smallest region: what is smaller cannot be blurred in a small picture.
const SIDE_MIN: u16 = 20;

/// The visible mark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Its standing lines.
    pub text: String,
    /// Seconds that the site's time is ahead of UTC.
    offset_seconds: i32,
}

impl Look {
    /// For somebody of a unit, on pictures taken at about `at`; `id` is what the copy goes by.
    pub fn new(unit: &str, name: &str, staff_no: Option<&str>, id: &str, zone: &TimeZone, at: Wall) -> Self {
        let shown = |text: &str| text.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect::<String>();
        let last = staff_no_end(staff_no.unwrap_or_default());
        let last = if last.is_empty() { NO_STAFF_NO.to_owned() } else { last };
        let instant = jiff::Timestamp::from_microsecond(at.micros()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let offset_seconds = zone.to_offset(instant).seconds();
        Self { text: format!("{}\n{} {last}\n{id}", shown(unit), shown(name)), offset_seconds }
    }

    /// The running clock as ffmpeg's drawtext expands it, beside pictures whose zero is at `zero_micros`. It says its offset
    /// from UTC, so that it is right on both sides of a change of the clocks.
    pub(super) fn clock(&self, zero_micros: i64) -> String {
        let begin = zero_micros.saturating_add(i64::from(self.offset_seconds) * 1_000_000);
        let (seconds, micros) = (begin.div_euclid(1_000_000), begin.rem_euclid(1_000_000));
        let (sign, ahead) = (if self.offset_seconds < 0 { '-' } else { '+' }, self.offset_seconds.unsigned_abs());
        let mut text = format!("%{{pts:gmtime:{seconds}.{micros:06}:%Y-%m-%d %H\\:%M\\:%S}}");
        // Writing to a text cannot fail.
        let _ = write!(text, " {sign}{:02}\\:{:02}", ahead / 3_600, ahead / 60 % 60);
        text
    }
}

/// What pictures show of a staff number.
pub fn staff_no_end(staff_no: &str) -> String {
    let digits: Vec<char> = staff_no.chars().filter(|c| !c.is_control()).collect();
    digits.iter().skip(digits.len().saturating_sub(STAFF_NO_SHOWN)).collect()
}

/// A region of the picture that is made unrecognisable for a time. Thousandths of the width and the height, from the upper left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Left edge, 0 to 980.
    pub x: u16,
    /// Upper edge, 0 to 980.
    pub y: u16,
    /// Width, 20 to 1000.
    pub w: u16,
    /// Height, 20 to 1000.
    pub h: u16,
    /// From when on; the whole stretch where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Stamp>,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Stamp>,
}

impl Region {
    /// That it lies within the picture; `field` is where the request has it.
    pub fn checked(self, field: &str) -> Result<Self, ApiError> {
        let side = |at: u16, length: u16| (SIDE_MIN..=WHOLE).contains(&length) && at <= WHOLE - length;
        let in_order = !matches!((self.from, self.to), (Some(from), Some(to)) if from >= to);
        if side(self.x, self.w) && side(self.y, self.h) && in_order {
            return Ok(self);
        }
        Err(ApiError::field(
            field,
            "区域以画面宽高的千分之一为单位,须在画面之内,边长至少20,起早于止。",
            "A region is in thousandths of the picture, within it, at least 20 wide and high, from before to.",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(unit: &str, staff_no: Option<&str>) -> Look {
        Look::new(unit, "张三", staff_no, "01K", &TimeZone::fixed(jiff::tz::offset(8)), Wall::EPOCH)
    }

    #[test]
    fn four_digits_of_the_staff_number_are_shown_and_no_control_character() {
        assert_eq!(look("公\n安\u{1b}局", Some("370012345")).text, "公安局\n张三 2345\n01K");
        assert_eq!(look("局", None).text, "局\n张三 -\n01K");
        assert_eq!(look(&"长".repeat(200), None).text.lines().next().unwrap().chars().count(), NAME_CHARS_MAX);
    }

    #[test]
    fn the_clock_is_on_site_time_and_says_so() {
        let expected = "%{pts:gmtime:28801.500000:%Y-%m-%d %H\\:%M\\:%S} +08\\:00";
        assert_eq!(look("局", None).clock(1_500_000), expected);
    }

    #[test]
    fn a_region_outside_of_the_picture_is_refused() {
        let region = |x, y, w, h| Region { x, y, w, h, from: None, to: None };
        assert!(region(0, 0, 1_000, 1_000).checked("redact").is_ok());
        assert!(region(980, 980, 20, 20).checked("redact").is_ok());
        for bad in [region(1, 0, 1_000, 20), region(0, 0, 19, 20), region(0, 0, 0, 0), region(65_535, 0, 20, 20)] {
            assert!(bad.checked("redact").is_err(), "{bad:?}");
        }
    }
}
