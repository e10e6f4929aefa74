//! The line of time of a viewer who begins, or begins again, at a keyframe of the past: the pictures since then are sent at four
//! times their pace with timestamps as close together, so that a browser shows them as they come and keeps no delay of them.
//! The line meets the stream's own where he has caught up.

use std::time::Duration;

/// How much faster than the camera.
const SPEED: i64 = 4;

/// From a keyframe to the present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    began: Duration,
    /// Ticks of the keyframe.
    first: i64,
    /// Its ticks as they are sent: behind everything that was sent before.
    lifted: i64,
    clock_rate: i64,
}

impl Pace {
    /// Begins now. `newest` are the ticks of the newest picture that there is, or of the newest that he was sent.
    pub(super) fn new(began: Duration, first: i64, newest: i64, clock_rate: u32) -> Self {
        let lifted = newest.max(first).saturating_add(1);
        Self { began, first, lifted, clock_rate: i64::from(clock_rate.max(1)) }
    }

    /// When a picture may leave.
    pub(super) fn due(&self, pts: i64) -> Duration {
        let micros = i128::from(self.after(pts)) * 1_000_000 / i128::from(self.clock_rate);
        self.began + Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }

    /// The ticks that it is sent with; never less than its own.
    pub(super) fn ticks(&self, pts: i64) -> i64 {
        self.lifted.saturating_add(self.after(pts)).max(pts)
    }

    /// True once the line has met the stream's own.
    pub(super) fn is_over(&self, pts: i64) -> bool {
        self.lifted.saturating_add(self.after(pts)) <= pts
    }

    fn after(&self, pts: i64) -> i64 {
        pts.saturating_sub(self.first).max(0) / SPEED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_is_sent_in_a_quarter_of_its_time_and_meets_the_present() {
        let began = Duration::from_secs(10);
        // The keyframe is 1.5 s old.
        let pace = Pace::new(began, 0, 135_000, 90_000);
        assert_eq!(pace.due(0), began);
        assert_eq!(pace.due(90_000), began + Duration::from_millis(250));
        let mut last = 0;
        for pts in (0..60).map(|frame| frame * 3_600) {
            assert!(pace.ticks(pts) > last || pace.is_over(pts), "time goes on at {pts}");
            assert!(pace.ticks(pts) >= pts);
            last = pace.ticks(pts);
        }
        // 4 t = 1.5 s + t
        assert!(!pace.is_over(179_000) && pace.is_over(180_010));
        assert_eq!(pace.ticks(200_000), 200_000);
    }

    #[test]
    fn what_was_sent_before_is_not_sent_behind() {
        let pace = Pace::new(Duration::ZERO, 1_000, 500_000, 90_000);
        assert!(pace.ticks(1_000) > 500_000);
        assert_eq!(pace.due(i64::MIN), Duration::ZERO);
    }
}
