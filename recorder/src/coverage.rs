//! One camera's covered time, as the writer goes along: what is recorded until when, and the gap that is open. Values only;
//! the writer stores the rows that come out.

use std::time::Duration;

use media::wall::Wall;

use crate::gap::{Gap, GapReason};

/// A hole between two fragments that is no gap: late frames, and a last sample whose duration was guessed.
pub(crate) const HOLE_MICROS_MAX: i64 = 2_000_000;
/// Silence after which a camera that is not known to be down has a gap. By our own clock: the camera's may be off.
const SILENCE_MAX: Duration = Duration::from_secs(5);
/// A fragment that began this long before its camera was reported down was on its way; an older one means that the
/// clock was set back.
const LATE_MICROS_MAX: i64 = 10_000_000;

/// A row to store, and the part of the gap that no metric has counted yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Put { gap: Gap, uncounted_micros: i64 },
    Remove { start: Wall },
}

#[derive(Clone, Debug)]
struct Open {
    start: Wall,
    /// When its cause was known.
    since: Wall,
    reason: GapReason,
    counted_micros: i64,
}

/// A camera's covered time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Coverage {
    until: Option<Wall>,
    open: Option<Open>,
    lost: Option<GapReason>,
    active: bool,
    /// When the last fragment came, on the monotonic line.
    heard: Duration,
}

impl Coverage {
    /// As the index left it: the end of the newest segment, and the gap that was open.
    pub(crate) fn resume(until: Option<Wall>, gap: Option<&Gap>) -> Self {
        let open = gap.filter(|gap| gap.end.is_none()).map(|gap| Open {
            start: gap.start,
            since: gap.start,
            reason: gap.reason.clone(),
            counted_micros: 0,
        });
        Self { until, open, lost: None, active: false, heard: Duration::ZERO }
    }

    /// The gap that is open.
    pub(crate) fn gap(&self) -> Option<Gap> {
        self.open.as_ref().map(|open| Gap { start: open.start, end: None, reason: open.reason.clone() })
    }

    /// Recording is meant to run from now on.
    pub(crate) fn begin(&mut self, at: Wall, now: Duration) {
        (self.active, self.heard) = (true, now);
        self.until.get_or_insert(at);
    }

    /// Frames were lost behind what is recorded: the hole up to the next fragment is a gap however short it is.
    pub(crate) fn lose(&mut self, reason: GapReason) {
        self.lost.get_or_insert(reason);
    }

    /// A fragment was written.
    pub(crate) fn cover(&mut self, start: Wall, end: Wall, now: Duration) -> Vec<Change> {
        self.heard = now;
        let changes = match self.open.take() {
            Some(open) if start < open.since && open.since.micros_since(start) <= LATE_MICROS_MAX => {
                self.delay(open, start, end)
            }
            Some(open) if start > open.start => vec![close(&open, start)],
            Some(open) => vec![Change::Remove { start: open.start }],
            None => self.hole(start, &GapReason::NoFrames).into_iter().collect(),
        };
        self.lost = None;
        let set_back = self.until.is_some_and(|until| until.micros_since(end) > LATE_MICROS_MAX);
        self.until = if set_back { Some(end) } else { self.until.max(Some(end)) };
        changes
    }

    /// The fragment was on its way when the gap was reported: the gap begins behind it. A hole before it has the same cause.
    fn delay(&mut self, open: Open, begin: Wall, end: Wall) -> Vec<Change> {
        let old = open.start;
        let start = old.max(end);
        let remove = (start > old).then_some(Change::Remove { start: old });
        if !matches!(open.reason, GapReason::Camera(_)) {
            self.lose(open.reason.clone());
        }
        let hole = self.hole(begin, &open.reason).filter(|_| start > old);
        remove.into_iter().chain(hole).chain(self.open_gap(start, open.since, open.reason)).collect()
    }

    fn hole(&self, start: Wall, otherwise: &GapReason) -> Option<Change> {
        let until = self.until?;
        let hole = start.micros_since(until);
        let gap = hole > HOLE_MICROS_MAX || (hole > 0 && self.lost.is_some());
        let reason = self.lost.as_ref().unwrap_or(otherwise).clone();
        gap.then_some(Change::Put { gap: Gap { start: until, end: Some(start), reason }, uncounted_micros: hole })
    }

    /// The camera, or its recording, is down since `at`.
    pub(crate) fn down(&mut self, at: Wall, reason: GapReason) -> Vec<Change> {
        match self.open.take() {
            Some(open) if open.reason == reason => {
                self.open = Some(open);
                Vec::new()
            }
            Some(open) if open.reason == GapReason::NoFrames => self.open_gap(open.start, at, reason),
            Some(open) => {
                let start = open.start.max(at);
                let closed = (start > open.start).then(|| close(&open, start));
                closed.into_iter().chain(self.open_gap(start, at, reason)).collect()
            }
            None => self.open_gap(self.until.unwrap_or(at), at, reason),
        }
    }

    fn open_gap(&mut self, start: Wall, since: Wall, reason: GapReason) -> Vec<Change> {
        let gap = Gap { start, end: None, reason: reason.clone() };
        self.open = Some(Open { start, since, reason, counted_micros: 0 });
        vec![Change::Put { gap, uncounted_micros: 0 }]
    }

    /// Recording is not meant to run any more.
    pub(crate) fn stop(&mut self, at: Wall, reason: GapReason) -> Vec<Change> {
        self.active = false;
        self.down(at, reason)
    }

    /// The appliance stops: what is recorded ends here, unless a gap says so already.
    pub(crate) fn shut_down(&mut self, at: Wall) -> Vec<Change> {
        let running = std::mem::replace(&mut self.active, false) && self.open.is_none();
        if running { self.open_gap(self.until.unwrap_or(at), at, GapReason::Shutdown) } else { Vec::new() }
    }

    /// Time passes: opens a gap where nothing came for too long, and tells what part of it no metric has counted.
    pub(crate) fn tick(&mut self, now: Wall, monotonic: Duration) -> (Vec<Change>, Option<(GapReason, i64)>) {
        let silent = monotonic.saturating_sub(self.heard) > SILENCE_MAX;
        let changes = match self.until {
            Some(until) if silent && self.active && self.open.is_none() => {
                let reason = self.lost.clone().unwrap_or(GapReason::NoFrames);
                self.open_gap(until, until, reason)
            }
            _ => Vec::new(),
        };
        let counted = self.open.as_mut().filter(|_| self.active).and_then(|open| {
            let total = now.micros_since(open.start).max(open.counted_micros);
            let step = total - std::mem::replace(&mut open.counted_micros, total);
            (step > 0).then(|| (open.reason.clone(), step))
        });
        (changes, counted)
    }
}

fn close(open: &Open, end: Wall) -> Change {
    let gap = Gap { start: open.start, end: Some(end), reason: open.reason.clone() };
    let uncounted_micros = (end.micros_since(open.start) - open.counted_micros).max(0);
    Change::Put { gap, uncounted_micros }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mono(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds + 1000.0)
    }

    /// The camera's clock is ours unless a test says otherwise.
    fn cover(c: &mut Coverage, start: f64, end: f64) -> Vec<Change> {
        c.cover(wall(start), wall(end), mono(end.max(0.0)))
    }

    fn tick(c: &mut Coverage, now: f64) -> (Vec<Change>, Option<(GapReason, i64)>) {
        c.tick(wall(now), mono(now))
    }

    fn wall(seconds: f64) -> Wall {
        Wall::from_micros((seconds * 1e6) as i64)
    }

    fn put(start: f64, end: Option<f64>, reason: GapReason) -> Gap {
        Gap { start: wall(start), end: end.map(wall), reason }
    }

    fn gaps(changes: impl IntoIterator<Item = Change>) -> Vec<Gap> {
        let gap = |change| match change {
            Change::Put { gap, .. } => Some(gap),
            Change::Remove { .. } => None,
        };
        changes.into_iter().filter_map(gap).collect()
    }

    fn running() -> Coverage {
        let mut coverage = Coverage::default();
        coverage.begin(wall(0.0), mono(0.0));
        assert_eq!(cover(&mut coverage, 0.1, 10.0), []);
        coverage
    }

    #[test]
    fn small_holes_are_none_large_ones_and_lost_frames_are_gaps() {
        let mut c = running();
        assert_eq!(cover(&mut c, 11.5, 12.0), []);
        assert_eq!(gaps(cover(&mut c, 15.0, 16.0)), [put(12.0, Some(15.0), GapReason::NoFrames)]);
        c.lose(GapReason::DiskSlow);
        assert_eq!(gaps(cover(&mut c, 16.3, 17.0)), [put(16.0, Some(16.3), GapReason::DiskSlow)]);
        assert_eq!(cover(&mut c, 17.3, 18.0), []);
    }

    #[test]
    fn a_camera_that_is_down_has_a_gap_from_its_last_frame_to_its_next() {
        let mut c = running();
        let reason = GapReason::Camera("camera_timeout".into());
        assert_eq!(gaps(c.down(wall(12.0), reason.clone())), [put(10.0, None, reason.clone())]);
        // A fragment that was on its way moves the beginning.
        assert_eq!(gaps(cover(&mut c, 10.0, 10.8)), [put(10.8, None, reason.clone())]);
        assert_eq!(c.gap(), Some(put(10.8, None, reason.clone())));
        assert_eq!(gaps(cover(&mut c, 30.0, 31.0)), [put(10.8, Some(30.0), reason)]);
        assert_eq!(c.gap(), None);
    }

    #[test]
    fn a_hole_before_a_fragment_that_was_on_its_way_stays_a_gap() {
        let mut c = running();
        let reason = GapReason::Camera("camera_timeout".into());
        c.down(wall(15.0), reason.clone());
        let both = [put(10.0, Some(13.0), reason.clone()), put(14.0, None, reason)];
        assert_eq!(gaps(cover(&mut c, 13.0, 14.0)), both);
    }

    #[test]
    fn a_second_cause_splits_the_gap_and_silence_gives_way_to_a_better_one() {
        let crash = put(5.0, None, GapReason::Crash);
        let mut c = Coverage::resume(Some(wall(5.0)), Some(&crash));
        c.begin(wall(60.0), mono(60.0));
        let refused = GapReason::Camera("camera_refused".into());
        let both = [put(5.0, Some(61.0), GapReason::Crash), put(61.0, None, refused.clone())];
        assert_eq!(gaps(c.down(wall(61.0), refused.clone())), both);
        let mut c = running();
        assert_eq!(gaps(tick(&mut c, 16.0).0), [put(10.0, None, GapReason::NoFrames)]);
        assert_eq!(gaps(c.down(wall(17.0), refused.clone())), [put(10.0, None, refused)]);
    }

    #[test]
    fn every_second_of_a_gap_is_counted_once() {
        let mut c = running();
        let mut counted = 0;
        for second in 11..=20 {
            counted += tick(&mut c, f64::from(second)).1.map_or(0, |(_, micros)| micros);
        }
        assert_eq!(counted, 10_000_000);
        let changes = cover(&mut c, 20.5, 21.0);
        assert!(matches!(changes[..], [Change::Put { uncounted_micros: 500_000, .. }]), "{changes:?}");
    }

    #[test]
    fn a_camera_whose_clock_is_behind_is_not_silent() {
        let mut c = running();
        c.cover(wall(0.0), wall(1.0), mono(20.0));
        c.cover(wall(1.0), wall(2.0), mono(21.0));
        assert_eq!(c.tick(wall(22.0), mono(22.0)), (vec![], None));
    }

    #[test]
    fn a_clock_set_back_does_not_hold_a_gap_open_forever() {
        let mut c = running();
        tick(&mut c, 16.0);
        cover(&mut c, -3600.0, -3599.0);
        assert_eq!(c.gap(), None);
        assert_eq!(cover(&mut c, -3599.0, -3598.0), []);
    }
}
