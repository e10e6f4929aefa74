//! The stretch of time that a report is about: two instants, or a month of the site's calendar.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};
use media::wall::Wall;

use crate::error::ApiError;
use crate::stamp::Stamp;

/// How long a stretch is where none is asked for.
const MONTH: Duration = Duration::from_secs(31 * 24 * 3_600);

/// A stretch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Period {
    /// Beginning, inclusive.
    pub(super) from: Wall,
    /// End, exclusive.
    pub(super) to: Wall,
}

impl Period {
    /// What was asked for, or the last 31 days.
    pub(super) fn of(
        now: Wall,
        zone: &TimeZone,
        from: Option<Stamp>,
        to: Option<Stamp>,
        month: Option<&str>,
    ) -> Result<Self, ApiError> {
        if let Some(month) = month {
            if from.is_some() || to.is_some() {
                return Err(ApiError::field("month", "不能与 from、to 同用。", "Give it, or `from` and `to`."));
            }
            return month_of(zone, month)
                .ok_or_else(|| ApiError::field("month", "须为 2026-03 这样的年月。", "Give a month such as 2026-03."));
        }
        let to = to.map_or(now, |stamp| stamp.0);
        let from = from.map_or(to - MONTH, |stamp| stamp.0);
        if from >= to {
            return Err(ApiError::field("from", "须早于 to。", "It must lie before `to`."));
        }
        Ok(Self { from, to })
    }
}

fn month_of(zone: &TimeZone, month: &str) -> Option<Period> {
    let well_formed =
        month.len() == 7 && month.bytes().enumerate().all(|(i, b)| if i == 4 { b == b'-' } else { b.is_ascii_digit() });
    let first: Date = format!("{month}-01").parse().ok().filter(|_| well_formed)?;
    let ahead: Span = 1.month();
    let midnight = |date: Date| {
        let at = date.to_zoned_datetime(zone.clone()).ok()?.timestamp();
        Some(Wall::from_micros(at.as_microsecond()))
    };
    Some(Period { from: midnight(first)?, to: midnight(first.checked_add(ahead).ok()?)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_at_the_sites_midnight() {
        let zone = TimeZone::fixed(jiff::tz::offset(8));
        let of = |month: &str| Period::of(Wall::EPOCH, &zone, None, None, Some(month));
        let at = |text: &str| text.parse::<Stamp>().unwrap().0;
        let february = Period { from: at("2028-01-31T16:00:00Z"), to: at("2028-02-29T16:00:00Z") };
        assert_eq!(of("2028-02").unwrap(), february);
        for bad in ["2028-13", "2028-2", "2028-02-01", "", "x", "9999-12-", "２０２８-"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}
