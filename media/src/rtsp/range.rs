//! What a PLAY asks of a recording and what it is told: `Range` (RFC 2326 section 12.29) by the clock or by time from the beginning,
//! and `Scale` (section 12.34). SMPTE time is deliberately absent: a camera has none.

use rtsp_types::headers::{NptRange, NptTime, Range, UtcRange, UtcTime};

use crate::calendar::{date_of, day_of};
use crate::wall::Wall;

/// Slowest that is played, in thousandths of the camera's pace.
pub const SCALE_MILLI_MIN: i64 = 250;
/// Fastest.
pub const SCALE_MILLI_MAX: i64 = 32_000;
/// Longest time that is taken, three centuries: no sum with an instant overflows.
const SECONDS_MAX: u64 = 300 * 366 * 86_400;
/// From 1900 to 1970. GStreamer's rtspsrc, told a range by the clock, names places in it as `npt=` seconds since 1900; no recording is
/// so long that they could be from its beginning.
const SECONDS_1900_TO_1970: i64 = 2_208_988_800;

/// An instant as a viewer names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instant {
    /// By the clock.
    Clock(Wall),
    /// Microseconds from the beginning.
    FromStart(i64),
    /// Where it is now.
    Now,
}

/// Which unit a `Range` is in; it is answered in the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// `clock=`.
    #[default]
    Clock,
    /// `npt=`.
    Npt,
}

/// A `Range` as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its unit.
    pub unit: Unit,
    /// Where to begin.
    pub from: Option<Instant>,
    /// Where to end.
    pub to: Option<Instant>,
}

/// Why a `Range` or `Scale` cannot be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unplayable {
    /// It is in a unit that is not spoken here.
    Unit,
    /// It is not what the RFC says.
    Malformed,
}

/// How fast and in which direction, in thousandths of the camera's pace: never 0, and within its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale(i64);

/// As the camera went.
impl Default for Scale {
    fn default() -> Self {
        Self(1_000)
    }
}

impl Scale {
    /// The nearest that is played.
    pub fn nearest(milli: i64) -> Self {
        let size = milli.saturating_abs().clamp(SCALE_MILLI_MIN, SCALE_MILLI_MAX);
        Self(if milli < 0 { -size } else { size })
    }

    /// In thousandths; below zero backwards.
    pub fn milli(self) -> i64 {
        self.0
    }

    /// A header's value: a decimal number that is not 0.
    pub(super) fn parse(text: &str) -> Result<Self, Unplayable> {
        let number: f64 = text.trim().parse().map_err(|_| Unplayable::Malformed)?;
        let milli = (number * 1_000.0).clamp(-1e9, 1e9);
        if !number.is_finite() || number == 0.0 {
            return Err(Unplayable::Malformed);
        }
        Ok(Self::nearest(if milli.abs() < 1.0 { milli.signum() as i64 } else { milli as i64 }))
    }
}

impl std::fmt::Display for Scale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (sign, size) = (if self.0 < 0 { "-" } else { "" }, self.0.abs());
        write!(f, "{sign}{}.{:03}", size / 1_000, size % 1_000)
    }
}

impl Asked {
    /// A header's value. Text behind a semicolon (a time to begin at) is not looked at.
    pub(super) fn parse(text: &str) -> Result<Self, Unplayable> {
        let text = text.split(';').next().unwrap_or_default().trim();
        let other = if text.starts_with("smpte") { Unplayable::Unit } else { Unplayable::Malformed };
        match text.parse().map_err(|_| other)? {
            Range::Utc(UtcRange::From(from)) => Self::clock(Some(from), None),
            Range::Utc(UtcRange::FromTo(from, to)) => Self::clock(Some(from), Some(to)),
            Range::Utc(UtcRange::To(to)) => Self::clock(None, Some(to)),
            Range::Npt(NptRange::From(from)) => Self::npt(Some(from), None),
            Range::Npt(NptRange::FromTo(from, to)) => Self::npt(Some(from), Some(to)),
            Range::Npt(NptRange::To(to)) => Self::npt(None, Some(to)),
            Range::Utc(UtcRange::Empty) | Range::Npt(NptRange::Empty) => Err(Unplayable::Malformed),
            Range::Smpte(_) | Range::Other(_) => Err(Unplayable::Unit),
        }
    }

    fn clock(from: Option<UtcTime>, to: Option<UtcTime>) -> Result<Self, Unplayable> {
        let read = |time: UtcTime| wall_of(time).map(Instant::Clock).ok_or(Unplayable::Malformed);
        Ok(Self { unit: Unit::Clock, from: from.map(read).transpose()?, to: to.map(read).transpose()? })
    }

    fn npt(from: Option<NptTime>, to: Option<NptTime>) -> Result<Self, Unplayable> {
        let read = |time: NptTime| from_start(time).ok_or(Unplayable::Malformed);
        let (from, to) = (from.map(read).transpose()?, to.map(read).transpose()?);
        let by_clock = [from, to].iter().flatten().any(|at| matches!(at, Instant::Clock(_)));
        Ok(Self { unit: if by_clock { Unit::Clock } else { Unit::Npt }, from, to })
    }
}

fn wall_of(time: UtcTime) -> Option<Wall> {
    let (date, clock) = (i64::from(time.date), i64::from(time.time));
    let day = day_of(date / 10_000, date / 100 % 100, date % 100)?;
    let (hour, minute, second) = (clock / 10_000, clock / 100 % 100, clock % 100);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds = day * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(Wall::from_micros(seconds * 1_000_000 + i64::from(time.nanoseconds.unwrap_or(0) / 1_000)))
}

fn from_start(time: NptTime) -> Option<Instant> {
    let (seconds, nanoseconds) = match time {
        NptTime::Now => return Some(Instant::Now),
        NptTime::Seconds(seconds, nanoseconds) => (seconds, nanoseconds),
        NptTime::Hms(hours, minutes, seconds, nanoseconds) => {
            let minutes = hours.checked_mul(60)?.checked_add(minutes.into())?;
            (minutes.checked_mul(60)?.checked_add(seconds.into())?, nanoseconds)
        }
    };
    let seconds = i64::try_from(seconds).ok().filter(|_| seconds <= SECONDS_MAX)?;
    let micros = |seconds: i64| seconds * 1_000_000 + i64::from(nanoseconds.unwrap_or(0) / 1_000);
    Some(if seconds >= SECONDS_1900_TO_1970 {
        Instant::Clock(Wall::from_micros(micros(seconds - SECONDS_1900_TO_1970)))
    } else {
        Instant::FromStart(micros(seconds))
    })
}

/// An instant as `Range` has it: `19961108T143720.250Z`, to the millisecond, as players read it.
pub(super) fn utc(at: Wall) -> String {
    let (days, millis) = (at.millis().div_euclid(86_400_000), at.millis().rem_euclid(86_400_000));
    let (year, month, date) = date_of(days);
    let (hour, minute, second) = (millis / 3_600_000, millis / 60_000 % 60, millis / 1_000 % 60);
    format!("{year:04}{month:02}{date:02}T{hour:02}{minute:02}{second:02}.{:03}Z", millis % 1_000)
}

/// What is in effect after a PLAY of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InEffect {
    /// The unit it was asked in.
    pub unit: Unit,
    /// The beginning that `npt=` counts from.
    pub start: Wall,
    /// The first instant that is played.
    pub from: Wall,
    /// The last.
    pub to: Wall,
    /// How fast.
    pub scale: Scale,
}

impl InEffect {
    /// The `Range` header.
    pub(super) fn range(&self) -> String {
        let seconds = |at: Wall| {
            let millis = at.micros_since(self.start).max(0) / 1_000;
            format!("{}.{:03}", millis / 1_000, millis % 1_000)
        };
        match self.unit {
            Unit::Clock => format!("clock={}-{}", utc(self.from), utc(self.to)),
            Unit::Npt => format!("npt={}-{}", seconds(self.from), seconds(self.to)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(text: &str) -> Wall {
        match Asked::parse(&format!("clock={text}-")).unwrap().from {
            Some(Instant::Clock(wall)) => wall,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn ranges_of_the_rfc_are_read() {
        // RFC 2326 section 3.7.
        assert_eq!(clock("19961108T143720.25Z"), Wall::from_micros(847_463_840_250_000));
        assert_eq!(utc(clock("19961108T143720.25Z")), "19961108T143720.250Z");
        let both = Asked::parse("clock=19961108T142300Z-19961108T143520Z;time=19970123T143720Z").unwrap();
        assert_eq!(both.to, Some(Instant::Clock(clock("19961108T143520Z"))));
        let npt = Asked::parse("npt=0:01:02.5-").unwrap();
        assert_eq!((npt.unit, npt.from, npt.to), (Unit::Npt, Some(Instant::FromStart(62_500_000)), None));
        assert_eq!(Asked::parse("npt=now-").unwrap().from, Some(Instant::Now));
        let since_1900 = Asked::parse("npt=3056452640.25-").unwrap();
        assert_eq!(
            (since_1900.unit, since_1900.from),
            (Unit::Clock, Some(Instant::Clock(clock("19961108T143720.25Z"))))
        );
        assert_eq!(Asked::parse("npt=-7").unwrap().to, Some(Instant::FromStart(7_000_000)));
    }

    #[test]
    fn what_is_no_range_is_told_from_what_is_not_spoken() {
        for text in [
            "clock=19960230T000000Z-",
            "clock=19961108T250000Z-",
            "clock",
            "clock=-",
            "npt=",
            "npt=1",
            "npt=99999999999999-",
        ] {
            assert_eq!(Asked::parse(text), Err(Unplayable::Malformed), "{text}");
        }
        for text in ["smpte=10:12:33:20-", "", "bytes=0-1"] {
            assert!(Asked::parse(text).is_err(), "{text}");
        }
        assert_eq!(Asked::parse("smpte=10:12:33:20-"), Err(Unplayable::Unit));
    }

    #[test]
    fn scales_are_taken_to_the_nearest_that_is_played() {
        for (text, milli) in
            [("1", 1_000), ("2.0", 2_000), ("-1.5", -1_500), ("100", 32_000), ("0.01", 250), ("-0.0001", -250)]
        {
            assert_eq!(Scale::parse(text).unwrap().milli(), milli, "{text}");
        }
        for text in ["0", "-0.0", "nan", "inf", "fast", ""] {
            assert_eq!(Scale::parse(text), Err(Unplayable::Malformed), "{text}");
        }
        assert_eq!(Scale::nearest(-1_500).to_string(), "-1.500");
    }
}
