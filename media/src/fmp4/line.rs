//! One track's line of time: presentation stamps as the camera gives them, decode times that never step back. Decode times
//! are the sorted presentation times of a fragment, so no lookahead is needed and signed composition offsets carry the rest.

use super::{bounded, ticks};
use crate::wall::Wall;

/// A step back larger than this is not reordering (16 pictures at 8 per second) but a new count.
const STEP_BACK_MICROS_MAX: i64 = 2_000_000;
/// A step forward larger than this is a new count too.
const STEP_AHEAD_MICROS_MAX: i64 = 10_000_000;
/// How far a new count may carry the line forward, whatever the wall clock says: ticks of it fit the 32-bit fields.
const NEW_COUNT_MICROS_MAX: i64 = 3_600_000_000;
/// A last sample whose end is not known lasts no longer than this.
const LAST_SAMPLE_MICROS_MAX: i64 = 1_000_000;

/// Decode time, duration and composition offset of one sample, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timed {
    pub(super) dts: i64,
    pub(super) duration: u32,
    pub(super) composition: i32,
}

/// The line of one track, from the origin of its run.
#[derive(Debug)]
pub(super) struct Line {
    clock_rate: u32,
    origin: Wall,
    /// What is added to a camera's stamp; none before the first.
    offset: Option<i64>,
    /// The newest stamp taken, and the latest.
    last: i64,
    latest: i64,
    /// Where the last fragment ended: no decode time lies before it.
    end: i64,
    /// The step between samples, for a last sample whose successor is not known.
    step: u32,
    /// The camera reorders pictures, so that a next frame's stamp does not tell where this one ends.
    reorders: bool,
}

impl Line {
    /// `step` is the duration of a sample until two of them have shown it.
    pub(super) fn new(clock_rate: u32, origin: Wall, step: u32) -> Self {
        let start = i64::MIN;
        Self {
            clock_rate,
            origin,
            offset: None,
            last: 0,
            latest: start,
            end: start,
            step: step.max(1),
            reorders: false,
        }
    }

    pub(super) fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    /// True where a stamp does not go on from the last one, within what reordering and lost frames explain.
    pub(super) fn breaks(&self, pts: i64) -> bool {
        let Some(offset) = self.offset else { return false };
        let ahead = i128::from(pts) + i128::from(offset) - i128::from(self.last);
        ahead > i128::from(ticks(STEP_AHEAD_MICROS_MAX, self.clock_rate))
            || ahead < -i128::from(ticks(STEP_BACK_MICROS_MAX, self.clock_rate))
    }

    /// The stamp on this line, without taking it.
    pub(super) fn peek(&self, pts: i64, wall: Wall) -> i64 {
        match self.offset {
            Some(offset) if !self.breaks(pts) => bounded(i128::from(pts) + i128::from(offset)),
            Some(_) => self.new_count(wall),
            None => ticks(wall.micros_since(self.origin), self.clock_rate),
        }
    }

    /// Where the line goes on when the camera counts anew: at the wall clock's time, never back, never absurdly far.
    fn new_count(&self, wall: Wall) -> i64 {
        let earliest = self.latest.saturating_add(i64::from(self.step));
        let furthest = earliest.saturating_add(ticks(NEW_COUNT_MICROS_MAX, self.clock_rate));
        ticks(wall.micros_since(self.origin), self.clock_rate).clamp(earliest, furthest)
    }

    /// Takes a stamp and returns it on this line.
    pub(super) fn take(&mut self, pts: i64, wall: Wall) -> i64 {
        let at = self.peek(pts, wall);
        if self.offset.is_none() || self.breaks(pts) {
            self.offset = Some(bounded(i128::from(at) - i128::from(pts)));
        } else if at < self.latest {
            self.reorders = true;
        }
        self.last = at;
        self.latest = self.latest.max(at);
        at
    }

    /// True where everything taken so far is shown before `at`: a fragment may end here.
    pub(super) fn in_order(&self, at: i64) -> bool {
        at > self.latest
    }

    /// No decode time of the fragments to come lies before `floor`.
    pub(super) fn raise(&mut self, floor: i64) {
        self.end = self.end.max(floor);
    }

    /// Decode times for a fragment's samples, given their presentation times in decode order. `next` is the stamp of the
    /// frame behind them, if it is known.
    pub(super) fn close(&mut self, stamps: &[i64], next: Option<i64>) -> Vec<Timed> {
        let decode = self.decode_times(stamps);
        let Some(last) = decode.last().copied() else { return Vec::new() };
        if let (Some(first), true) = (decode.first(), decode.len() > 1) {
            let mean = (last - first) / (decode.len() as i64 - 1);
            self.step = u32::try_from(mean).unwrap_or(self.step).max(1);
        }
        let end = last + i64::from(self.last_duration(last, next));
        let ends = decode.iter().skip(1).copied().chain([end]);
        let timed = |((dts, end), pts): ((&i64, i64), &i64)| Timed {
            dts: *dts,
            duration: u32::try_from(end - dts).unwrap_or(u32::MAX),
            composition: (pts - dts).clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32,
        };
        self.end = end;
        decode.iter().zip(ends).zip(stamps).map(timed).collect()
    }

    /// The stamps sorted, then pushed apart so that each is later than the one before it and than all earlier fragments.
    fn decode_times(&self, stamps: &[i64]) -> Vec<i64> {
        let mut decode = stamps.to_vec();
        decode.sort_unstable();
        let mut earliest = self.end;
        for dts in &mut decode {
            *dts = (*dts).max(earliest);
            earliest = *dts + 1;
        }
        decode
    }

    fn last_duration(&self, last: i64, next: Option<i64>) -> u32 {
        let longest = ticks(LAST_SAMPLE_MICROS_MAX, self.clock_rate).max(1);
        let known = next.filter(|_| !self.reorders).map(|next| next.saturating_sub(last));
        let known = known.filter(|duration| (1..=longest).contains(duration));
        known.and_then(|d| u32::try_from(d).ok()).unwrap_or(self.step)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RATE: u32 = 90_000;

    fn line() -> Line {
        Line::new(RATE, Wall::EPOCH, 3600)
    }

    /// Takes every stamp, closes a fragment wherever `cut` says so and order allows, and returns the samples.
    fn run(line: &mut Line, stamps: &[(i64, i64)], cut_every: usize) -> Vec<(i64, Timed)> {
        let (mut out, mut pending): (Vec<(i64, Timed)>, Vec<i64>) = (Vec::new(), Vec::new());
        let flush = |line: &mut Line, pending: &mut Vec<i64>, next, out: &mut Vec<(i64, Timed)>| {
            let timed = line.close(pending, next);
            out.extend(pending.drain(..).zip(timed));
        };
        for (pts, wall) in stamps {
            let wall = Wall::from_micros(*wall);
            let at = line.peek(*pts, wall);
            if pending.len() >= cut_every && line.in_order(at) {
                flush(line, &mut pending, Some(at), &mut out);
            }
            pending.push(line.take(*pts, wall));
        }
        flush(line, &mut pending, None, &mut out);
        out
    }

    #[test]
    fn without_reordering_decode_times_are_the_cameras_own() {
        let stamps: Vec<_> = (0..10).map(|i| (500_000 + i * 3600, i * 40_000)).collect();
        let out = run(&mut line(), &stamps, 4);
        for (i, (_, t)) in out.iter().enumerate() {
            assert_eq!(*t, Timed { dts: i as i64 * 3600, duration: 3600, composition: 0 });
        }
    }

    #[test]
    fn b_frames_keep_their_order_and_fragments_do_not_overlap() {
        // Decode order I0 P3 B1 B2 P6 B4 B5 ...
        let order = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8, 12, 10, 11];
        let stamps: Vec<_> = order.iter().enumerate().map(|(i, p)| (p * 3600, i as i64 * 40_000)).collect();
        let out = run(&mut line(), &stamps, 4);
        let decode: Vec<i64> = out.iter().map(|(_, t)| t.dts).collect();
        assert_eq!(decode, (0..13).map(|i| i * 3600).collect::<Vec<_>>());
        for ((pts, t), frame) in out.iter().zip(order) {
            assert_eq!(t.dts + i64::from(t.composition), *pts);
            assert_eq!(*pts, frame * 3600);
            assert_eq!(t.duration, 3600);
        }
    }

    #[test]
    fn a_new_count_goes_on_at_the_wall_clock() {
        let mut line = line();
        line.take(1_000_000, Wall::from_micros(0));
        line.take(1_003_600, Wall::from_micros(40_000));
        assert!(line.breaks(5));
        assert_eq!(line.take(5, Wall::from_micros(3_000_000)), 270_000);
        assert_eq!(line.take(3605, Wall::from_micros(3_040_000)), 273_600);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn decode_times_rise_whatever_the_camera_says(
            stamps in prop::collection::vec((prop_oneof![
                -20_000i64..2_000_000, any::<i64>(), Just(i64::MIN), Just(i64::MAX)], any::<i64>()), 1..200),
            cut_every in 1usize..30,
        ) {
            let out = run(&mut line(), &stamps, cut_every);
            prop_assert_eq!(out.len(), stamps.len());
            for pair in out.windows(2) {
                let (a, b) = (pair[0].1, pair[1].1);
                prop_assert!(b.dts > a.dts);
                prop_assert!(a.dts.saturating_add(i64::from(a.duration)) <= b.dts || a.duration == u32::MAX);
            }
        }

        #[test]
        fn reordered_pictures_are_shown_when_the_camera_said(
            groups in prop::collection::vec(1usize..8, 1..20), step in 1i64..20_000, cut_every in 1usize..20,
        ) {
            // Each group: its last picture first, then the others, as an encoder with that many B-frames sends them.
            let (mut stamps, mut base) = (vec![(0, 0)], 1);
            for n in groups {
                stamps.push(((base + n as i64 - 1) * step, 0));
                stamps.extend((0..n as i64 - 1).map(|i| ((base + i) * step, 0)));
                base += n as i64;
            }
            let out = run(&mut line(), &stamps, cut_every);
            for ((at, timed), (pts, _)) in out.iter().zip(&stamps) {
                prop_assert_eq!(at, pts);
                prop_assert_eq!(timed.dts + i64::from(timed.composition), *pts);
            }
        }
    }
}
