//! Fragmented MP4 (ISO/IEC 14496-12, CMAF in shape): the header of a stream, fragments cut from its frames, and a bounded
//! reader of what was written. Where bytes are stored, and when a file ends, is the recorder's business.
//!
//! Sample data is never copied: a fragment is a small head and the frames' own payloads. Within a segment the decode times
//! of all tracks begin near zero, so that each file plays by itself; [`shift()`] moves a fragment to another line of time, and a
//! [`Splicer`] puts marks into a copy of it.

mod boxes;
pub mod fragment;
pub mod fuzz;
mod head;
pub mod init;
mod layout;
mod line;
pub mod note;
pub mod reader;
mod shift;
mod splice;
pub mod stored;

pub use fragment::{Builder, Fragment, Limits};
pub use head::{MediaTime, fragment_of_one};
pub use init::{InitError, init, init_from};
pub use note::Note;
pub use shift::{Reference, lengthen, reference, renumber, shift};
pub use splice::{Spliced, Splicer, head_bytes};

use crate::wall::Wall;

/// Seconds from the NTP epoch (1900) to the Unix epoch.
const NTP_UNIX_SECONDS: i64 = 2_208_988_800;
/// Seconds in one NTP era: the 32-bit count wraps on 2036-02-07.
const NTP_ERA_SECONDS: i64 = 1 << 32;

/// 64-bit NTP time (RFC 5905 section 6): seconds of the current era, then a binary fraction. Exact to the microsecond.
fn ntp_from_wall(wall: Wall) -> u64 {
    let seconds = wall.micros().div_euclid(1_000_000) + NTP_UNIX_SECONDS;
    let micros = wall.micros().rem_euclid(1_000_000) as u64;
    let fraction = (micros << 32).div_ceil(1_000_000);
    ((seconds.rem_euclid(NTP_ERA_SECONDS) as u64) << 32) | fraction
}

/// The reverse. A time whose top bit is clear is read as era 1 (2036 to 2104), as RFC 4330 section 3 suggests.
fn wall_from_ntp(ntp: u64) -> Wall {
    let mut seconds = (ntp >> 32) as i64;
    if seconds < NTP_ERA_SECONDS / 2 {
        seconds += NTP_ERA_SECONDS;
    }
    let micros = ((ntp & 0xffff_ffff) * 1_000_000) >> 32;
    Wall::from_micros((seconds - NTP_UNIX_SECONDS) * 1_000_000 + micros as i64)
}

/// Microseconds as ticks of a track's clock, rounded down. Bounded, so that sums of a few results cannot overflow.
pub fn ticks(micros: i64, clock_rate: u32) -> i64 {
    bounded((i128::from(micros) * i128::from(clock_rate.max(1))).div_euclid(1_000_000))
}

/// Ticks of a track's clock as microseconds, rounded down.
fn micros(ticks: i64, clock_rate: u32) -> i64 {
    bounded((i128::from(ticks) * 1_000_000).div_euclid(i128::from(clock_rate.max(1))))
}

/// Ends of the line of time: far past any real stamp, and far enough from the ends of `i64` to add a few.
const LINE_MAX: i128 = 1 << 61;

fn bounded(value: i128) -> i64 {
    value.clamp(-LINE_MAX, LINE_MAX) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_time_is_exact_to_the_microsecond_and_crosses_2036() {
        for micros in [0, 1, 999_999, 1_764_000_000_123_457, 2_085_978_495_999_999, 2_085_978_496_000_001] {
            let wall = Wall::from_micros(micros);
            assert_eq!(wall_from_ntp(ntp_from_wall(wall)), wall, "{micros}");
        }
    }

    #[test]
    fn ticks_of_hostile_times_do_not_overflow() {
        for micros in [i64::MIN, i64::MAX] {
            for rate in [0, 1, 90_000, u32::MAX] {
                let t = ticks(micros, rate);
                assert!(t.checked_add(t).is_some());
            }
        }
    }
}
