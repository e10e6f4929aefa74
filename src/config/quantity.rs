//! Durations and sizes as people write them: `250ms`, `10s`, `30d`, `64MiB`. One number and one unit; no sums, no fractions.

use std::time::Duration;

/// Units of time, the largest first, in milliseconds.
const TIME_UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
/// Units of size, the largest first, in bytes.
const SIZE_UNITS: [(&str, u64); 5] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Units of a rate, the largest first, in bits per second; decimal, as networks have them.
const RATE_UNITS: [(&str, u64); 3] = [("Gbit", 1_000_000_000), ("Mbit", 1_000_000), ("kbit", 1_000)];

/// `900Mbit` and the like, in bits per second.
pub(super) fn bits_per_second(text: &str) -> Option<u64> {
    scaled(text, &RATE_UNITS)
}

/// `10s` and the like; none where the text is no number with one of the units ms, s, m, h, d, or too large.
pub(super) fn duration(text: &str) -> Option<Duration> {
    scaled(text, &TIME_UNITS).map(Duration::from_millis)
}

/// `64MiB` and the like, in bytes; none where the text is no number with one of the units B, KiB, MiB, GiB, TiB, or too large.
pub(super) fn size_bytes(text: &str) -> Option<u64> {
    scaled(text, &SIZE_UNITS)
}

/// A duration the way `duration` reads it, in the largest unit that leaves no rest.
pub(super) fn show_duration(duration: Duration) -> String {
    show(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), &TIME_UNITS)
}

/// A size the way `size_bytes` reads it, in the largest unit that leaves no rest.
pub(super) fn show_size(bytes: u64) -> String {
    show(bytes, &SIZE_UNITS)
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*scale)
}

fn show(amount: u64, units: &[(&str, u64)]) -> String {
    let fits = |scale: u64| amount.is_multiple_of(scale) && amount >= scale;
    let unit = units.iter().find(|(_, scale)| fits(*scale)).or(units.last());
    unit.map_or_else(|| amount.to_string(), |(name, scale)| format!("{}{name}", amount / scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_one_number_and_one_unit() {
        assert_eq!(duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(duration("30d"), Some(Duration::from_secs(30 * 86_400)));
        assert_eq!(size_bytes("64MiB"), Some(64 << 20));
        assert_eq!(bits_per_second("900Mbit"), Some(900_000_000));
        assert_eq!(bits_per_second("8GiB"), None);
        for bad in ["", "s", "10", "10 s", "-1s", "1.5s", "1h30m", "10S", "99999999999999999999s", "999999999999999d"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
        for bad in ["64MB", "64M", "1TB", "MiB", "99999999999TiB"] {
            assert_eq!(size_bytes(bad), None, "{bad}");
        }
    }

    #[test]
    fn shows_what_it_reads() {
        for text in ["1ms", "90s", "2m", "24h", "30d", "1500ms"] {
            let shown = show_duration(duration(text).unwrap());
            assert_eq!(duration(&shown), duration(text), "{text} was shown as {shown}");
        }
        assert_eq!(show_duration(Duration::from_secs(86_400)), "1d");
        assert_eq!(show_size(64 << 20), "64MiB");
        assert_eq!(show_size(0), "0B");
    }
}
