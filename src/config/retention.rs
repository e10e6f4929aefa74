//! The section `[retention]`: how long recordings are kept, and no shorter than the law lets them.

use std::ops::RangeInclusive;
use std::time::Duration;

use control_api::retention::{FLOOR_MIN, KEY_TARGET_FLOOR_MIN, Settings};
use jiff::tz::TimeZone;

use super::quantity;
use super::reader::Section;

const SECOND: Duration = Duration::from_secs(1);
/// Seconds are for tests; ten years are beyond every disk.
const AGES: RangeInclusive<Duration> = SECOND..=Duration::from_secs(3_660 * 86_400);
/// A hold around an instant: below is no stretch, above is what a stretch is stated for.
const MARGINS: RangeInclusive<Duration> = SECOND..=Duration::from_secs(86_400);
/// Below is no picture, above no camera.
const RATES: RangeInclusive<u64> = 10_000..=1_000_000_000;

/// Reads the section. Days begin in `zone`.
pub(super) fn read(s: &mut Section<'_, '_>, zone: TimeZone) -> Settings {
    let mut to = Settings { zone, ..Settings::default() };
    to.floor = s.duration("floor", to.floor, AGES);
    to.ceiling = s.duration("ceiling", to.ceiling, AGES);
    to.key_target_floor = s.duration("key_target_floor", to.key_target_floor, AGES);
    to.key_target_ceiling = s.duration("key_target_ceiling", to.key_target_ceiling, AGES);
    to.voluntary_ceiling = s.duration("voluntary_ceiling", to.voluntary_ceiling, AGES);
    to.hold_margin = s.duration("hold_margin", to.hold_margin, MARGINS);
    let rate = "a rate such as \"4Mbit\", from 10kbit to 1Gbit";
    let bits = |text: &str| quantity::bits_per_second(text).filter(|bits| RATES.contains(bits));
    to.assumed_bits_per_second = s.text_as("assumed_bitrate", rate, bits).unwrap_or_else(|| {
        let text = format!("\"{}kbit\"", to.assumed_bits_per_second / 1_000);
        s.default("assumed_bitrate", to.assumed_bits_per_second, &text)
    });
    to.allow_unlawful_floors = s.flag("allow_unlawful_floors", to.allow_unlawful_floors);
    for (ceiling, length, floor) in
        [("ceiling", to.ceiling, to.floor), ("key_target_ceiling", to.key_target_ceiling, to.key_target_floor)]
    {
        if length < floor {
            s.refuse(
                ceiling,
                "is shorter than the floor it belongs to",
                "keep recordings at least as long as the floor says",
            );
        }
    }
    if !to.allow_unlawful_floors {
        lawful(s, &to);
    }
    to
}

fn lawful(s: &mut Section<'_, '_>, to: &Settings) {
    if to.floor < FLOOR_MIN {
        let law = "is below the 30 days of State Council Order 799, article 17 (O-17)";
        s.refuse("floor", law, "keep at least \"30d\"");
    }
    if to.key_target_floor < KEY_TARGET_FLOOR_MIN {
        let law = "is below the 90 days of the Anti-Terrorism Law, article 32 (AT-32)";
        s.refuse("key_target_floor", law, "keep at least \"90d\"");
    }
}
