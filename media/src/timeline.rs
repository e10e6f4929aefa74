//! One track's line of time: RTP's 32-bit timestamps unwrapped onto 64-bit ticks that go on across wraps, jumps and the
//! camera's reconnects, and the wall clock beside it. A camera's timestamps are claims; arrival times bound them.

use crate::rtp;
use crate::wall::Wall;

/// Longest step back that is taken as it is: B-frames and reordering stay far below, a camera's restart far above.
pub const STEP_BACK_MICROS_MAX: i64 = 2_000_000;

/// Longest step forward that is taken without asking the arrival time: a packet train after a stall has steps like that.
pub const STEP_FORWARD_MICROS_MAX: i64 = 10_000_000;

/// Longest distance between a sender report's mapping and the arrival time. A camera that is further off has a wrong
/// clock, and arrival is the better time.
pub const REPORT_DISTANCE_MICROS_MAX: i64 = 5_000_000;

/// Highest clock rate taken, so that no product below overflows; 192 kHz sound is the fastest there is.
pub const CLOCK_RATE_MAX: u32 = 1_000_000;

/// Ticks never leave this range: at 1 MHz it lasts for 36,000 years.
const TICKS_MAX: i64 = 1 << 60;

/// Longest time that re-anchoring bridges: a year, so that a wall clock that leaps cannot run the line out.
const BRIDGE_MICROS_MAX: i64 = 366 * 86_400 * 1_000_000;

/// Where a packet stands on the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Ticks of the clock rate since the line's origin.
    pub ticks: i64,
    /// The timestamps leapt, or a new connection began: these ticks come from arrival times.
    pub jump: bool,
}

/// A track's timeline. It outlives the connection to the camera.
#[derive(Clone, Debug)]
pub struct Timeline {
    clock_rate: u32,
    origin: Wall,
    last: Option<Last>,
    /// The highest ticks given out.
    end: Option<i64>,
    report: Option<Report>,
    /// A report that came before the first packet, which it needs to be unwrapped.
    early_report: Option<(u64, u32)>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    rtp: u32,
    ticks: i64,
    arrival: Wall,
}

#[derive(Clone, Copy, Debug)]
struct Report {
    wall: Wall,
    ticks: i64,
}

impl Timeline {
    /// A line whose tick 0 is at `origin`: give all tracks of a stream the same one, e.g. the arrival of the stream's first
    /// packet, and their lines agree. A clock rate of 0 counts as 1; one above `CLOCK_RATE_MAX` counts as that.
    pub fn new(clock_rate: u32, origin: Wall) -> Self {
        Self {
            clock_rate: clock_rate.clamp(1, CLOCK_RATE_MAX),
            origin,
            last: None,
            end: None,
            report: None,
            early_report: None,
        }
    }

    /// A new connection to the camera: its timestamps have nothing to do with the old ones. The next packet is placed on the
    /// same line at its arrival's distance from the origin, and after all that came before.
    pub fn restart(&mut self) {
        self.last = None;
        self.report = None;
        self.early_report = None;
    }

    /// The line of another connection with another clock rate (the camera's codec changed), at the same origin and after
    /// all that came before.
    pub fn restart_at_rate(&mut self, clock_rate: u32) {
        let mut next = Self::new(clock_rate, self.origin);
        let scale = |ticks: i64| {
            let ticks = i128::from(ticks) * i128::from(next.clock_rate) / i128::from(self.clock_rate);
            i64::try_from(ticks).unwrap_or(TICKS_MAX)
        };
        next.end = self.end.map(scale);
        *self = next;
    }

    /// Ticks per second.
    pub fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    /// Places a packet's timestamp on the line.
    pub fn place(&mut self, rtp_timestamp: u32, arrival: Wall) -> Placed {
        let placed = match self.last {
            None => Placed { ticks: self.anchor(arrival), jump: self.end.is_some() },
            Some(last) => self.follow(last, rtp_timestamp, arrival),
        };
        self.last = Some(Last { rtp: rtp_timestamp, ticks: placed.ticks, arrival });
        self.end = Some(self.end.map_or(placed.ticks, |end| end.max(placed.ticks)));
        if placed.jump {
            self.report = None;
        }
        if let Some((ntp, rtp)) = self.early_report.take() {
            self.sender_report(ntp, rtp);
        }
        placed
    }

    fn follow(&self, last: Last, rtp_timestamp: u32, arrival: Wall) -> Placed {
        let step = i64::from(rtp_timestamp.wrapping_sub(last.rtp) as i32);
        let step_micros = self.micros(step);
        let elapsed = arrival.micros_since(last.arrival);
        let plain = (-STEP_BACK_MICROS_MAX..=STEP_FORWARD_MICROS_MAX).contains(&step_micros);
        // A long step is believed where as much time has passed: a camera that sends only while something moves.
        let as_long_ago = step > 0 && step_micros.saturating_sub(elapsed).saturating_abs() <= STEP_FORWARD_MICROS_MAX;
        if plain || as_long_ago {
            return Placed { ticks: last.ticks.saturating_add(step).clamp(-TICKS_MAX, TICKS_MAX), jump: false };
        }
        let end = self.end.unwrap_or(last.ticks);
        let ticks = last.ticks.saturating_add(self.ticks(elapsed.clamp(0, BRIDGE_MICROS_MAX)));
        Placed { ticks: ticks.max(end.saturating_add(1)).clamp(-TICKS_MAX, TICKS_MAX), jump: true }
    }

    /// Ticks for a packet that nothing but its arrival places.
    fn anchor(&self, arrival: Wall) -> i64 {
        let since_origin = arrival.micros_since(self.origin).clamp(0, BRIDGE_MICROS_MAX * 100);
        let ticks = self.ticks(since_origin);
        self.end.map_or(ticks, |end| ticks.max(end.saturating_add(1))).clamp(-TICKS_MAX, TICKS_MAX)
    }

    /// Takes an RTCP sender report: that `rtp` was captured at `ntp`. Reports with no time (0) are passed over.
    pub fn sender_report(&mut self, ntp: u64, rtp: u32) {
        if ntp == 0 {
            return;
        }
        let Some(last) = self.last else {
            self.early_report = Some((ntp, rtp));
            return;
        };
        let step = i64::from(rtp.wrapping_sub(last.rtp) as i32);
        self.report = Some(Report { wall: rtp::wall_of(ntp), ticks: last.ticks.saturating_add(step) });
    }

    /// When a frame was captured: by the newest sender report where it is plausible, else its arrival.
    pub fn wall(&self, ticks: i64, arrival: Wall) -> Wall {
        let Some(report) = self.report else { return arrival };
        let micros = report.wall.micros().saturating_add(self.micros(ticks.saturating_sub(report.ticks)));
        let captured = Wall::from_micros(micros);
        if captured.micros_since(arrival).saturating_abs() <= REPORT_DISTANCE_MICROS_MAX { captured } else { arrival }
    }

    fn micros(&self, ticks: i64) -> i64 {
        let micros = i128::from(ticks) * 1_000_000 / i128::from(self.clock_rate);
        i64::try_from(micros).unwrap_or(if micros < 0 { i64::MIN } else { i64::MAX })
    }

    fn ticks(&self, micros: i64) -> i64 {
        let ticks = i128::from(micros) * i128::from(self.clock_rate) / 1_000_000;
        i64::try_from(ticks).unwrap_or(if ticks < 0 { i64::MIN } else { i64::MAX })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn at(micros: i64) -> Wall {
        Wall::from_micros(1_700_000_000 * SECOND + micros)
    }

    fn line() -> Timeline {
        Timeline::new(90_000, at(0))
    }

    #[test]
    fn timestamps_go_on_across_the_32_bit_wrap() {
        let mut line = line();
        let mut rtp = u32::MAX - 4_500;
        for frame in 0..10 {
            let placed = line.place(rtp, at(frame * 33_333));
            assert_eq!(placed, Placed { ticks: frame * 3_000, jump: false }, "frame {frame}");
            rtp = rtp.wrapping_add(3_000);
        }
    }

    #[test]
    fn a_long_run_wraps_many_times_without_drift() {
        let mut line = line();
        for minute in 0..20_000i64 {
            let rtp = (minute * 60 * 90_000) as u32;
            let placed = line.place(rtp, at(minute * 60 * SECOND));
            assert_eq!(placed, Placed { ticks: minute * 60 * 90_000, jump: false });
        }
    }

    #[test]
    fn small_steps_back_are_reordering_and_large_ones_are_jumps() {
        let mut line = line();
        line.place(900_000, at(0));
        assert_eq!(line.place(906_000, at(40_000)).ticks, 6_000);
        assert_eq!(line.place(903_000, at(80_000)), Placed { ticks: 3_000, jump: false });
        let back = line.place(100_000, at(120_000));
        assert!(back.jump);
        assert!(back.ticks > 6_000, "after all that came before, not {}", back.ticks);
        assert_eq!(line.place(103_000, at(160_000)), Placed { ticks: back.ticks + 3_000, jump: false });
    }

    #[test]
    fn leaps_are_bridged_by_arrival_time() {
        let mut line = line();
        line.place(0, at(0));
        let leap = line.place(2_000_000_000, at(40_000));
        assert_eq!(leap, Placed { ticks: 3_600, jump: true });
        // As long a step with as much time passed is a silence, not a leap.
        let step = 60 * 90_000;
        let silence = line.place(2_000_000_000 + step, at(40_000 + 60 * SECOND + 300_000));
        assert_eq!(silence, Placed { ticks: 3_600 + i64::from(step), jump: false });
    }

    #[test]
    fn a_stall_of_the_network_is_no_jump() {
        let mut line = line();
        line.place(0, at(0));
        for frame in 1..100i64 {
            let placed = line.place((frame * 3_000) as u32, at(30 * SECOND + frame));
            assert_eq!(placed, Placed { ticks: frame * 3_000, jump: false });
        }
    }

    #[test]
    fn a_new_connection_goes_on_at_the_wall_clock_distance() {
        let mut line = line();
        line.place(1_000, at(0));
        line.place(4_000, at(33_333));
        line.restart();
        let placed = line.place(4_000_000_000, at(20 * SECOND));
        assert_eq!(placed, Placed { ticks: 20 * 90_000, jump: true });
        // Even where the system clock was set back in between.
        line.restart();
        assert_eq!(line.place(7, at(5 * SECOND)), Placed { ticks: 20 * 90_000 + 1, jump: true });
    }

    #[test]
    fn another_rate_keeps_the_line() {
        let mut line = line();
        line.place(0, at(10 * SECOND));
        line.restart_at_rate(8_000);
        assert_eq!(line.place(5, at(12 * SECOND)).ticks, 12 * 8_000);
        line.restart_at_rate(16_000);
        assert_eq!(line.place(5, at(0)).ticks, 24 * 8_000 + 1);
    }

    #[test]
    fn tracks_of_one_origin_agree() {
        let (mut video, mut audio) = (Timeline::new(90_000, at(0)), Timeline::new(8_000, at(0)));
        assert_eq!(video.place(77, at(0)).ticks, 0);
        assert_eq!(audio.place(99, at(SECOND / 2)).ticks, 4_000);
    }

    #[test]
    fn capture_time_comes_from_plausible_reports_only() {
        let mut line = line();
        let ntp = rtp::ntp_of(at(-200_000));
        line.sender_report(ntp, 500_000);
        let placed = line.place(509_000, at(0));
        let captured = line.wall(placed.ticks, at(0));
        assert!((captured.micros_since(at(0)) + 100_000).abs() <= 1, "{captured:?}");
        // A camera whose clock stands in 1970, or a report without a time.
        line.sender_report(1 << 32, 509_000);
        assert_eq!(line.wall(placed.ticks, at(0)), at(0));
        line.sender_report(ntp, 500_000);
        line.sender_report(0, 0);
        assert_ne!(line.wall(placed.ticks, at(0)), at(0));
        // A leap of the timestamps makes the report worthless.
        let leap = line.place(3_000_000_000, at(40_000));
        assert_eq!(line.wall(leap.ticks, at(40_000)), at(40_000));
    }

    #[test]
    fn reports_are_unwrapped_with_the_packets() {
        let mut line = line();
        line.place(u32::MAX - 1_000, at(0));
        line.sender_report(rtp::ntp_of(at(50_000)), 4_499 - 1_000);
        assert!((line.wall(4_500, at(60_000)).micros_since(at(50_000))).abs() <= 1);
    }
}
