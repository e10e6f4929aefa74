//! The section `[unusual]`: from when on the use of an account is unusual, and suspended until it has been reviewed.

use std::ops::RangeInclusive;

use control_api::unusual::Bounds;
use jiff::civil::Time;

use super::reader::Section;

/// 0 switches a bound off; above is beyond anybody.
const COUNTS: RangeInclusive<usize> = 0..=100_000;
const HOURS: RangeInclusive<usize> = 0..=24;
const NIGHTS: RangeInclusive<usize> = 0..=7;

/// Reads the section.
pub(super) fn read(s: &mut Section<'_, '_>) -> Bounds {
    let mut to = Bounds::default();
    to.cameras_per_minute = bound(s, "cameras_per_minute", to.cameras_per_minute, COUNTS);
    to.hours_per_day = bound(s, "hours_per_day", to.hours_per_day, HOURS);
    to.nights_per_week = bound(s, "nights_per_week", to.nights_per_week, NIGHTS);
    to.exports_per_day = bound(s, "exports_per_day", to.exports_per_day, COUNTS);
    if let Some((from, to_time)) = s.text_as("night", "hours such as \"23:00-05:00\"", hours) {
        (to.night_from, to.night_to) = (from, to_time);
    }
    to
}

fn bound(s: &mut Section<'_, '_>, key: &'static str, default: u32, allowed: RangeInclusive<usize>) -> u32 {
    u32::try_from(s.count(key, default as usize, allowed)).unwrap_or(default)
}

fn hours(text: &str) -> Option<(Time, Time)> {
    let (from, to) = text.split_once('-')?;
    let time = |text: &str| Time::strptime("%H:%M", text.trim()).ok();
    Some((time(from)?, time(to)?)).filter(|(from, to)| from != to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_two_different_times() {
        let time = |hour, minute| Time::constant(hour, minute, 0, 0);
        assert_eq!(hours("23:00-05:00"), Some((time(23, 0), time(5, 0))));
        assert_eq!(hours("22:30 - 06:15"), Some((time(22, 30), time(6, 15))));
        for bad in ["23:00", "23:00-23:00", "24:00-05:00", "", "-", "a-b"] {
            assert_eq!(hours(bad), None, "{bad:?}");
        }
    }
}
