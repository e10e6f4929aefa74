//! Daily hours and weekdays of a grant, in the site's time zone. No clock and no store: instants come in, instants go out.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use media::wall::Wall;
use serde::{Deserialize, Serialize};

/// Minutes of a civil day.
const DAY_MINUTES: u16 = 24 * 60;
/// Windows that meet end to end are followed this far: a week and a day, after which the pattern repeats.
const CHAINED_WINDOWS_MAX: usize = 8;

/// A time of day, `HH:MM`, from `00:00` to `24:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay {
    minutes: u16,
}

/// Why a text is no time of day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("time of day {given:?}: write it as HH:MM, from 00:00 to 24:00")]
pub struct BadTimeOfDay {
    given: String,
}

impl FromStr for TimeOfDay {
    type Err = BadTimeOfDay;
    fn from_str(text: &str) -> Result<Self, BadTimeOfDay> {
        let bad = || BadTimeOfDay { given: text.chars().take(16).collect() };
        let (hour, minute) = text.split_once(':').ok_or_else(bad)?;
        let digits = |part: &str| match part.as_bytes() {
            [a, b] if a.is_ascii_digit() && b.is_ascii_digit() => Ok(u16::from(a - b'0') * 10 + u16::from(b - b'0')),
            _ => Err(bad()),
        };
        let (hour, minute) = (digits(hour)?, digits(minute)?);
        let minutes = hour * 60 + minute;
        if minute < 60 && minutes <= DAY_MINUTES { Ok(Self { minutes }) } else { Err(bad()) }
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = BadTimeOfDay;
    fn try_from(text: String) -> Result<Self, BadTimeOfDay> {
        text.parse()
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        time.to_string()
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.minutes / 60, self.minutes % 60)
    }
}

/// A day of the week, as the forms write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Day {
    fn of(date: Date) -> Self {
        match date.weekday() {
            Weekday::Monday => Self::Mon,
            Weekday::Tuesday => Self::Tue,
            Weekday::Wednesday => Self::Wed,
            Weekday::Thursday => Self::Thu,
            Weekday::Friday => Self::Fri,
            Weekday::Saturday => Self::Sat,
            Weekday::Sunday => Self::Sun,
        }
    }
}

/// When in the week a grant is good. `to` not after `from` means that the window ends on the next day
/// (`22:00` to `06:00`; equal times are 24 hours); the window belongs to the day on which it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DailyHours {
    /// Beginning, inclusive.
    #[schema(value_type = String, example = "08:00")]
    pub from: TimeOfDay,
    /// End, exclusive.
    #[schema(value_type = String, example = "18:00")]
    pub to: TimeOfDay,
    /// Days on which a window begins; none named means every day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Day>,
}

impl DailyHours {
    /// The end of the window that holds `now`, windows that meet counted as one; none where no window holds it.
    pub fn open_until(&self, zone: &TimeZone, now: Wall) -> Option<Wall> {
        let mut until = self.window_end(zone, now)?;
        for _ in 1..CHAINED_WINDOWS_MAX {
            match self.window_end(zone, until) {
                Some(next) => until = next,
                None => break,
            }
        }
        Some(until)
    }

    fn window_end(&self, zone: &TimeZone, now: Wall) -> Option<Wall> {
        let today = jiff::Timestamp::from_microsecond(now.micros()).ok()?.to_zoned_datetime(zone.clone()).date();
        [Some(today), today.yesterday().ok()].into_iter().flatten().find_map(|date| {
            let (start, end) = self.window(zone, date)?;
            (start <= now && now < end).then_some(end)
        })
    }

    fn window(&self, zone: &TimeZone, date: Date) -> Option<(Wall, Wall)> {
        if !self.days.is_empty() && !self.days.contains(&Day::of(date)) {
            return None;
        }
        let end_date = if self.to <= self.from { date.tomorrow().ok()? } else { date };
        Some((instant(zone, date, self.from)?, instant(zone, end_date, self.to)?))
    }
}

/// The instant of a civil time; where the zone skips or repeats it, as RFC 5545 section 3.3.5 reads it.
fn instant(zone: &TimeZone, date: Date, time: TimeOfDay) -> Option<Wall> {
    let (date, minutes) = if time.minutes == DAY_MINUTES { (date.tomorrow().ok()?, 0) } else { (date, time.minutes) };
    let hour = i8::try_from(minutes / 60).ok()?;
    let minute = i8::try_from(minutes % 60).ok()?;
    let civil = date.to_datetime(Time::new(hour, minute, 0, 0).ok()?);
    Some(Wall::from_micros(civil.to_zoned_datetime(zone.clone()).ok()?.timestamp().as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Wall {
        Wall::from_micros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    fn hours(from: &str, to: &str, days: &[Day]) -> DailyHours {
        DailyHours { from: from.parse().unwrap(), to: to.parse().unwrap(), days: days.to_vec() }
    }

    fn shanghai() -> TimeZone {
        TimeZone::fixed(jiff::tz::offset(8))
    }

    #[test]
    fn office_hours_open_and_close_on_site_time() {
        let office = hours("08:00", "18:00", &[Day::Mon, Day::Tue, Day::Wed, Day::Thu, Day::Fri]);
        let zone = shanghai();
        // 2026-11-23 is a Monday.
        assert_eq!(office.open_until(&zone, at("2026-11-23T07:59:59.999999+08:00")), None);
        assert_eq!(office.open_until(&zone, at("2026-11-23T08:00:00+08:00")), Some(at("2026-11-23T18:00:00+08:00")));
        assert_eq!(office.open_until(&zone, at("2026-11-23T18:00:00+08:00")), None);
        assert_eq!(office.open_until(&zone, at("2026-11-22T12:00:00+08:00")), None, "a Sunday");
        assert_eq!(office.open_until(&zone, at("2026-11-23T08:30:00Z")), Some(at("2026-11-23T10:00:00Z")));
    }

    #[test]
    fn a_night_shift_belongs_to_the_day_it_begins() {
        let night = hours("22:00", "06:00", &[Day::Fri]);
        let zone = shanghai();
        let end = at("2026-11-28T06:00:00+08:00");
        assert_eq!(night.open_until(&zone, at("2026-11-27T22:00:00+08:00")), Some(end));
        assert_eq!(night.open_until(&zone, at("2026-11-28T05:59:00+08:00")), Some(end));
        assert_eq!(night.open_until(&zone, at("2026-11-27T05:00:00+08:00")), None, "Thursday's night is not granted");
        assert_eq!(night.open_until(&zone, at("2026-11-28T22:30:00+08:00")), None, "nor Saturday's");
    }

    #[test]
    fn days_that_meet_at_midnight_are_one_window() {
        let weekdays = hours("00:00", "24:00", &[Day::Mon, Day::Tue]);
        assert_eq!(
            weekdays.open_until(&shanghai(), at("2026-11-23T10:00:00+08:00")),
            Some(at("2026-11-25T00:00:00+08:00"))
        );
        let round_the_clock = hours("06:00", "06:00", &[]);
        assert!(round_the_clock.open_until(&shanghai(), at("2026-11-23T05:00:00+08:00")).is_some());
    }

    #[test]
    fn a_zone_with_summer_time_keeps_civil_hours() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let office = hours("08:00", "18:00", &[]);
        // Clocks go back on 2026-10-25: 08:00 is 06:00Z the day before and 07:00Z on that day.
        assert!(office.open_until(&zone, at("2026-10-24T06:30:00Z")).is_some());
        assert!(office.open_until(&zone, at("2026-10-25T06:30:00Z")).is_none());
    }

    #[test]
    fn only_true_times_of_day_are_read() {
        for bad in ["", "8:00", "24:01", "12:60", "25:00", "ab:cd", "12-30", "12:30:00", "１２:００"] {
            assert!(bad.parse::<TimeOfDay>().is_err(), "{bad:?}");
        }
        assert_eq!("24:00".parse::<TimeOfDay>().unwrap().to_string(), "24:00");
    }
}
