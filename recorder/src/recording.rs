//! One camera on its way from the hub to the queue: frames become fragments, and fragments segments. It decides where
//! segments begin and end; it writes nothing and reads no clock.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use media::fmp4::{self, Builder, Fragment, Limits, Note};
use media::frame::{Frame, StreamInfo};
use media::hub::{Delivery, Published};
use media::wall::Wall;

use crate::gap::GapReason;
use crate::queue::{Op, Opening};

/// A capture time further from our own clock than this is a camera's wrong clock, and ours is used instead.
const CAMERA_CLOCK_MICROS_MAX: i64 = 30_000_000;
/// The camera's count and its wall clock may drift apart by this much before a new run begins.
const DRIFT_MICROS_MAX: i64 = 2_000_000;
/// Runs do not begin more often than this, whatever a hostile camera's stamps do.
const RUN_MICROS_MIN: i64 = 5_000_000;
/// A segment ends after this many times its duration even if no keyframe came.
const OVERDUE_FACTOR: i64 = 10;
/// A segment file stays below this, whatever the bit rate: it is read by offsets that players keep in 32 bits.
const SEGMENT_BYTES_MAX: u64 = 2 << 30;
/// A fragment that grows no more is written after this many times its duration.
const STALE_FACTOR: u32 = 2;

/// How segments and fragments are cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cuts {
    pub(crate) segment_micros: i64,
    pub(crate) fragment: Duration,
    /// Shifts the camera's segment borders, so that not all cameras begin files at once.
    pub(crate) stagger_micros: i64,
}

/// A camera's recording.
pub(crate) struct Recording {
    cuts: Cuts,
    run: Option<Run>,
    /// Kept so that each frame is compared by address, not by value.
    unwritable: Option<Arc<StreamInfo>>,
    /// A new run is wanted at the next keyframe.
    restart: bool,
}

/// An unbroken line of time with one description.
struct Run {
    builder: Builder,
    origin: Wall,
    init: Bytes,
    segment: Option<OpenSegment>,
    /// Correction of the camera's clock, fixed for the run.
    skew_micros: i64,
    /// When the oldest pending frame was taken, on the monotonic line.
    pending_since: Option<Duration>,
}

struct OpenSegment {
    start: Wall,
    bytes: u64,
    /// Which stretch of `segment_micros` it began in.
    slot: i64,
}

/// The present, as the shell reads it once per visit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) wall: Wall,
    pub(crate) monotonic: Duration,
}

impl Recording {
    pub(crate) fn new(cuts: Cuts) -> Self {
        Self { cuts, run: None, unwritable: None, restart: false }
    }

    /// Takes one delivery; what is to be done comes out.
    pub(crate) fn handle(&mut self, delivery: Delivery, now: Now, out: &mut Vec<Op>) {
        match delivery {
            Delivery::Frame(published) => self.frame(&published, now, out),
            Delivery::Lagged { .. } => self.lose(GapReason::ReaderLag, out),
        }
    }

    /// Frames behind what is recorded are gone: ends the segment and waits for a keyframe.
    pub(crate) fn lose(&mut self, reason: GapReason, out: &mut Vec<Op>) {
        self.end_run(out);
        out.push(Op::Seal { lost: Some(reason) });
    }

    /// The writer gave the segment up: what is pending goes with it.
    pub(crate) fn abandon(&mut self) {
        self.run = None;
    }

    /// Writes what is pending; this frame, which comes next, ends its last sample.
    pub(crate) fn cut_before(&mut self, next: &Published, out: &mut Vec<Op>) {
        let Some(run) = self.run.as_mut().filter(|run| same(run.builder.info(), &next.info)) else { return };
        let wall = run.wall(&next.frame);
        let fragment = run.builder.cut(Some((&next.frame, wall)));
        run.emit(fragment, self.cuts, out);
    }

    /// Writes what has waited long enough without a frame to end it.
    pub(crate) fn flush_stale(&mut self, now: Now, out: &mut Vec<Op>) {
        let stale = self.cuts.fragment * STALE_FACTOR;
        let Some(run) = &mut self.run else { return };
        if run.pending_since.is_some_and(|since| now.monotonic.saturating_sub(since) >= stale) {
            let fragment = run.builder.cut(None);
            run.emit(fragment, self.cuts, out);
        }
    }

    /// Writes what is pending and ends the segment.
    pub(crate) fn end(&mut self, out: &mut Vec<Op>) {
        self.end_run(out);
        out.push(Op::Seal { lost: None });
    }

    fn end_run(&mut self, out: &mut Vec<Op>) {
        if let Some(mut run) = self.run.take() {
            let fragment = run.builder.cut(None);
            run.emit(fragment, self.cuts, out);
        }
    }

    fn frame(&mut self, published: &Published, now: Now, out: &mut Vec<Op>) {
        let (frame, info) = (&published.frame, &published.info);
        if self.run.as_ref().is_some_and(|run| !same(run.builder.info(), info)) {
            self.end(out);
        }
        if let Some(run) = &self.run {
            let wall = run.wall(frame);
            self.restart |= run.wants_restart(frame, wall);
            if run.builder.begins(frame) {
                let rested = wall.micros_since(run.origin) >= RUN_MICROS_MIN;
                if self.restart && rested {
                    self.end(out);
                } else if run.is_over(wall, self.cuts) {
                    self.end_segment(frame, wall, out);
                }
            } else if run.overdue(wall, self.cuts) {
                self.lose(GapReason::NoKeyframe, out);
            }
        }
        if self.run.is_none() && !self.begin_run(frame, info, now, out) {
            return;
        }
        if let Some(run) = &mut self.run {
            let wall = run.wall(frame);
            let fragment = run.builder.push(frame, wall);
            run.emit(fragment, self.cuts, out);
            run.pending_since.get_or_insert(now.monotonic);
        }
    }

    /// The next fragment begins a new segment of the same run. The frame at hand ends the last sample.
    fn end_segment(&mut self, next: &Frame, wall: Wall, out: &mut Vec<Op>) {
        let Some(run) = &mut self.run else { return };
        let fragment = run.builder.cut(Some((next, wall)));
        run.emit(fragment, self.cuts, out);
        run.builder.start_segment();
        run.segment = None;
    }

    /// False where this frame is no place to begin, or the stream cannot be written.
    fn begin_run(&mut self, frame: &Frame, info: &Arc<StreamInfo>, now: Now, out: &mut Vec<Op>) -> bool {
        if self.unwritable.as_ref().is_some_and(|known| Arc::ptr_eq(known, info)) {
            return false;
        }
        let off = now.wall.micros_since(frame.wall);
        let skew_micros = if off.saturating_abs() > CAMERA_CLOCK_MICROS_MAX { off } else { 0 };
        let origin = corrected(frame.wall, skew_micros);
        let limits = Limits { duration_micros_max: self.cuts.fragment.as_micros() as i64, ..Limits::default() };
        let builder = Builder::new(Arc::clone(info), origin, limits);
        if !builder.begins(frame) {
            return false;
        }
        match fmp4::init(info) {
            Ok(init) => {
                self.restart = false;
                self.run = Some(Run { builder, origin, init, segment: None, skew_micros, pending_since: None });
                true
            }
            Err(error) => {
                tracing::warn!(%error, "a stream cannot be recorded");
                self.unwritable = Some(Arc::clone(info));
                out.push(Op::Down { at: now.wall, reason: GapReason::Unwritable });
                false
            }
        }
    }
}

impl Run {
    fn wall(&self, frame: &Frame) -> Wall {
        corrected(frame.wall, self.skew_micros)
    }

    /// The camera counts anew, its clock was set, or it came back after a break.
    fn wants_restart(&self, frame: &Frame, wall: Wall) -> bool {
        let drifts = |reckoned: Wall| wall.micros_since(reckoned).saturating_abs() > DRIFT_MICROS_MAX;
        let back = frame.discontinuity && self.builder.begins(frame);
        back || self.builder.breaks(frame) || self.builder.reckoned(frame, wall).is_some_and(drifts)
    }

    fn is_over(&self, wall: Wall, cuts: Cuts) -> bool {
        self.segment.as_ref().is_some_and(|s| slot(wall, cuts) != s.slot || s.bytes > SEGMENT_BYTES_MAX / 2)
    }

    fn overdue(&self, wall: Wall, cuts: Cuts) -> bool {
        let too_long = |s: &OpenSegment| wall.micros_since(s.start) > OVERDUE_FACTOR * cuts.segment_micros;
        self.segment.as_ref().is_some_and(|s| too_long(s) || s.bytes > SEGMENT_BYTES_MAX)
    }

    fn emit(&mut self, fragment: Option<Fragment>, cuts: Cuts, out: &mut Vec<Op>) {
        let Some(fragment) = fragment else { return };
        self.pending_since = None;
        let opening = match &mut self.segment {
            Some(open) => {
                open.bytes += fragment.bytes;
                None
            }
            None => {
                let start = fragment.start;
                self.segment = Some(OpenSegment { start, bytes: fragment.bytes, slot: slot(start, cuts) });
                let base_micros = self.builder.segment_base_micros().unwrap_or(0);
                Some(Box::new(Opening { init: self.init.clone(), note: Note { run_origin: self.origin, base_micros } }))
            }
        };
        out.push(Op::Fragment { fragment, opening });
    }
}

fn slot(wall: Wall, cuts: Cuts) -> i64 {
    wall.micros().saturating_add(cuts.stagger_micros).div_euclid(cuts.segment_micros.max(1))
}

fn corrected(wall: Wall, skew_micros: i64) -> Wall {
    Wall::from_micros(wall.micros().saturating_add(skew_micros))
}

fn same(one: &Arc<StreamInfo>, other: &Arc<StreamInfo>) -> bool {
    Arc::ptr_eq(one, other) || one == other
}
