//! The line of time that a playback's viewer sees, and when each frame on it is due. It goes on evenly whatever is played: past a gap,
//! after a jump, faster or backwards. Pure: the time is an argument.

use std::time::Duration;

use media::rtsp::Scale;

/// From the last frame before a seam to the first behind it.
const STEP_MICROS: i64 = 40_000;
/// Longest step on the line that is waited for; a longer one is a hole in the recording.
const STEP_AHEAD_MICROS_MAX: i64 = 5_000_000;
/// Longest step back that is reordering of pictures.
const STEP_BACK_MICROS_MAX: i64 = 2_000_000;
/// So long before they are due frames leave, so that the disk and the network may take a moment.
const LEAD_MICROS: i64 = 500_000;
/// A frame that is later than this was not waited for by us but by the viewer: what follows is as much later, and not in one burst.
const LATE_MICROS_MAX: i64 = 1_000_000;

/// A viewer's line. Its zero is the first frame that was ever played to him.
#[derive(Debug)]
pub(super) struct Course {
    scale: Scale,
    /// What the recording's line and the viewer's have in common: a place on each. None: the next frame says.
    seam: Option<(i64, i64)>,
    /// The furthest place on the line so far.
    end: Option<i64>,
    /// The monotonic time of the line's zero; none until the first frame after a start.
    zero: Option<i64>,
}

/// Where a frame stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// In ticks of its track.
    pub(super) pts: i64,
    /// In microseconds.
    pub(super) micros: i64,
}

impl Course {
    pub(super) fn new() -> Self {
        Self { scale: Scale::default(), seam: None, end: None, zero: None }
    }

    /// What comes next is played at this pace, at once, and follows on the line what was played before, up to `end`. What was placed
    /// and not played is forgotten.
    pub(super) fn begin(&mut self, scale: Scale, end: Option<i64>) {
        self.scale = scale;
        self.end = end;
        self.seam = None;
        self.zero = None;
    }

    /// What comes next follows on the line, whatever the recording says.
    pub(super) fn join(&mut self) {
        self.seam = None;
    }

    /// Time stood still for a while: the next frame is due at once.
    pub(super) fn resume(&mut self) {
        self.zero = None;
    }

    /// Places a frame of another track than the one that leads: beside that, however far its own clock has drifted away.
    pub(super) fn follow(&mut self, pts: i64, rate: u32) -> Place {
        match (self.seam, self.end) {
            (Some(seam), Some(micros)) => Place { micros, ..self.over(seam, pts, rate) },
            _ => self.place(pts, rate),
        }
    }

    /// Places a frame that stands at `pts` on the recording's line, of the track that leads.
    pub(super) fn place(&mut self, pts: i64, rate: u32) -> Place {
        let at = scaled(pts, 1_000_000, rate.into());
        let place = self.seam.map(|seam| self.over(seam, pts, rate));
        let end = self.end.unwrap_or(0);
        let near = |place: &Place| (-STEP_BACK_MICROS_MAX..=STEP_AHEAD_MICROS_MAX).contains(&(place.micros - end));
        let place = place.filter(near).unwrap_or_else(|| {
            let seam = (at, self.end.map_or(0, |end| end + STEP_MICROS));
            self.seam = Some(seam);
            self.over(seam, pts, rate)
        });
        self.end = Some(self.end.map_or(place.micros, |end| end.max(place.micros)));
        place
    }

    fn over(&self, (recorded, line): (i64, i64), pts: i64, rate: u32) -> Place {
        let rate = i64::from(rate);
        // By ticks, so that at the camera's pace not one of them is lost.
        let since = pts.saturating_sub(scaled(recorded, rate, 1_000_000));
        let pts = scaled(line, rate, 1_000_000).saturating_add(scaled(since, 1_000, self.scale.milli()));
        Place { pts, micros: scaled(pts, 1_000_000, rate) }
    }

    /// When the frame at this place may leave.
    pub(super) fn due(&mut self, micros: i64, now: Duration) -> Duration {
        let now_micros = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
        let zero = *self.zero.get_or_insert(now_micros.saturating_sub(micros));
        let due = zero.saturating_add(micros);
        let late = now_micros.saturating_sub(due);
        if late > LATE_MICROS_MAX {
            self.zero = Some(zero.saturating_add(late));
        }
        Duration::from_micros(u64::try_from(due.saturating_sub(LEAD_MICROS)).unwrap_or(0))
    }
}

/// Rounded down; far from the ends of what 64 bits hold.
fn scaled(value: i64, by: i64, of: i64) -> i64 {
    let scaled = (i128::from(value) * i128::from(by)).div_euclid(i128::from(if of == 0 { 1 } else { of }));
    scaled.clamp(-(1 << 60), 1 << 60) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 90_000;
    /// Somewhere on a line that counts from 1970.
    const START: i64 = 1_764_000_000 * 90_000;

    fn at(scale: i64) -> Course {
        let mut course = Course::new();
        course.begin(Scale::nearest(scale), None);
        course
    }

    #[test]
    fn at_the_cameras_pace_no_tick_is_lost_and_tracks_agree() {
        let mut course = at(1_000);
        for n in 0..1_000 {
            assert_eq!(course.place(START + n * 3_003, RATE).pts, n * 3_003);
        }
        let sound = course.follow(1_764_000_033 * 48_000 + 1_024, 48_000);
        assert_eq!(sound.pts, 33 * 48_000 + 1_024);
        // A clock that is a minute off by now neither holds up the picture nor moves it.
        assert_eq!(course.follow(1_764_000_093 * 48_000, 48_000).micros, 999 * 3_003 * 100 / 9);
        assert_eq!(course.place(START + 1_000 * 3_003, RATE).pts, 1_000 * 3_003);
    }

    #[test]
    fn time_goes_on_past_gaps_jumps_and_backwards() {
        let mut course = at(1_000);
        course.place(START, RATE);
        assert_eq!(course.place(START + 3_600, RATE).pts, 3_600);
        assert_eq!(course.place(START + 3_600 * 90_000, RATE).pts, 7_200, "an hour is missing");
        course.begin(Scale::nearest(-2_000), Some(80_000));
        assert_eq!(course.place(START, RATE).pts, 10_800);
        assert_eq!(
            course.place(START - 90_000, RATE).pts,
            10_800 + 45_000,
            "a second earlier comes half a second later"
        );
        course.join();
        assert_eq!(course.place(START - 95_000, RATE).pts, 10_800 + 45_000 + 3_600);
    }

    #[test]
    fn slow_and_fast_stretch_the_line() {
        for (scale, step) in [(250, 14_400), (2_000, 1_800), (32_000, 112)] {
            let mut course = at(scale);
            course.place(START, RATE);
            assert_eq!(course.place(START + 3_600, RATE).pts, step, "{scale}");
        }
    }

    #[test]
    fn pictures_out_of_order_keep_their_places() {
        let mut course = at(1_000);
        let order = [0, 3, 1, 2, 6, 4, 5];
        let placed: Vec<i64> = order.iter().map(|n| course.place(START + n * 3_600, RATE).pts / 3_600).collect();
        assert_eq!(placed, order);
    }

    #[test]
    fn frames_leave_a_little_early_and_a_slow_viewer_gets_no_burst() {
        let mut course = at(1_000);
        let now = Duration::from_secs(100);
        assert!(course.due(0, now) < now, "the first at once");
        assert_eq!(course.due(2_000_000, now), now + Duration::from_millis(1_500));
        // He took nothing for ten seconds.
        let later = now + Duration::from_secs(10);
        assert!(course.due(1_000_000, later) < later);
        assert_eq!(course.due(2_000_000, later), later + Duration::from_millis(500));
        course.resume();
        assert_eq!(course.due(9_000_000, later), later - Duration::from_millis(500));
    }
}
