//! Days and dates by the proleptic Gregorian calendar, counted from 0000-03-01 so that the leap day is a year's last. For the times
//! in playlists and in RTSP's `Range`, all of which are UTC.

/// Days from 0000-03-01 to 1970-01-01.
const DAYS_TO_EPOCH: i64 = 719_468;
const DAYS_400_YEARS: i64 = 146_097;

/// Year, month and day of a day since 1970-01-01.
pub(crate) fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + DAYS_TO_EPOCH;
    let (era, day) = (days.div_euclid(DAYS_400_YEARS), days.rem_euclid(DAYS_400_YEARS));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (date, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    (year + era * 400 + i64::from(month <= 2), month, date)
}

/// The day since 1970-01-01 of a date; none where the calendar has no such date. Years from 0 to 9999.
pub(crate) fn day_of(year: i64, month: i64, date: i64) -> Option<i64> {
    if !(0..=9_999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&date) {
        return None;
    }
    let shifted = year - i64::from(month <= 2);
    let (era, of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + date - 1;
    let day = era * DAYS_400_YEARS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_TO_EPOCH;
    // A thirtieth of February is another date.
    (date_of(day) == (year, month, date)).then_some(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_is_a_date_and_every_date_a_day() {
        let mut expected = day_of(1599, 12, 31).unwrap();
        for day in day_of(1600, 1, 1).unwrap()..day_of(2401, 1, 1).unwrap() {
            let (year, month, date) = date_of(day);
            assert_eq!(day_of(year, month, date), Some(day), "{year}-{month}-{date}");
            assert_eq!(day, expected + 1);
            expected = day;
        }
        assert_eq!(day_of(1970, 1, 1), Some(0));
        assert_eq!(day_of(2026, 11, 26), Some(20_783));
    }

    #[test]
    fn dates_that_are_none_have_no_day() {
        for (year, month, date) in
            [(2025, 2, 29), (2100, 2, 29), (2026, 4, 31), (2026, 0, 1), (2026, 13, 1), (-1, 1, 1)]
        {
            assert_eq!(day_of(year, month, date), None, "{year}-{month}-{date}");
        }
    }
}
