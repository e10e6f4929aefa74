//! Frames in, fragments out. A fragment ends where a group of pictures ends or before it grows too long, and only where all that
//! was taken is shown before all that follows. Payloads are handed through as they are; only the head is made here.

use std::sync::Arc;

use bytes::Bytes;

use super::head::{self, Entry, Run};
use super::line::Line;
use super::{micros, ticks};
use crate::codec::CodecParams;
use crate::frame::{Frame, StreamInfo, Track, TrackId};
use crate::wall::Wall;

/// When a fragment must end.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Media time in a fragment: it ends with the first frame from here on. Reordered pictures may stretch it to twice as
    /// much.
    pub duration_micros_max: i64,
    /// Payload bytes in a fragment; a single larger frame gets one of its own.
    pub bytes_max: usize,
    /// Frames in a fragment, so that a flood of tiny ones stays bounded.
    pub frames_max: usize,
}

/// One second, which is what a power cut may cost; 16 MiB are a second at 128 Mbit/s; 2048 frames fit a 64 KiB head.
impl Default for Limits {
    fn default() -> Self {
        Self { duration_micros_max: 1_000_000, bytes_max: 16 << 20, frames_max: 2048 }
    }
}

/// A finished fragment: write `head`, then `payloads` in order.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// prft, moof and the header of the mdat.
    pub head: Bytes,
    /// Sample data, shared with the frames it came from.
    pub payloads: Vec<Bytes>,
    /// Length of it all.
    pub bytes: u64,
    /// When its first sample was captured.
    pub start: Wall,
    /// Media time from there to the end of its last sample.
    pub duration_micros: i64,
    /// A decoder can begin here.
    pub keyframe: bool,
    /// Number of frames, all tracks counted.
    pub frames: usize,
}

impl Fragment {
    /// When its last sample ends.
    pub fn end(&self) -> Wall {
        Wall::from_micros(self.start.micros().saturating_add(self.duration_micros))
    }
}

/// What is taken and not yet cut.
struct Pending {
    stamps: Vec<i64>,
    keyframes: Vec<bool>,
    payloads: Vec<Bytes>,
}

struct TrackState {
    line: Line,
    video: bool,
    pending: Pending,
}

/// Where the current segment lies.
#[derive(Clone, Copy, Debug)]
struct Segment {
    /// Its place on the run's line.
    base_micros: i64,
    /// Capture time of its first sample.
    wall: Wall,
}

/// A track's part of a fragment on the run's line.
#[derive(Clone, Copy, Debug)]
struct Span {
    at_micros: i64,
    duration_micros: i64,
}

/// Cuts a stream's frames into fragments. One builder is one *run*: an unbroken line of time from its origin on, whose
/// segments follow each other without a seam.
pub struct Builder {
    info: Arc<StreamInfo>,
    limits: Limits,
    tracks: Vec<TrackState>,
    /// The track whose keyframes cut: the first video track, else the first track.
    lead: TrackId,
    segment: Option<Segment>,
    /// Capture time of the first frame that is pending, and its place on the run's line.
    pending_wall: Wall,
    pending_micros: i64,
    sequence: u32,
    bytes: usize,
    frames: usize,
}

impl Builder {
    /// A builder for frames of this stream. `origin` is the zero of its line; use the first frame's wall clock.
    pub fn new(info: Arc<StreamInfo>, origin: Wall, limits: Limits) -> Self {
        let tracks = info.tracks.iter().map(|t| TrackState::new(t, origin)).collect();
        let lead = info.video().or(info.tracks.first()).map_or(TrackId(0), |t| t.id);
        Self {
            info,
            limits,
            tracks,
            lead,
            segment: None,
            pending_wall: origin,
            pending_micros: 0,
            sequence: 0,
            bytes: 0,
            frames: 0,
        }
    }

    /// The description that its frames must belong to.
    pub fn info(&self) -> &Arc<StreamInfo> {
        &self.info
    }

    /// The fragment to be cut next begins a new segment: its decode times begin near zero.
    pub fn start_segment(&mut self) {
        self.segment = None;
        self.sequence = 0;
    }

    /// Place of the current segment on the run's line, in microseconds; none until its first fragment is cut.
    pub fn segment_base_micros(&self) -> Option<i64> {
        self.segment.map(|s| s.base_micros)
    }

    /// Nothing is waiting to be cut.
    pub fn is_empty(&self) -> bool {
        self.frames == 0
    }

    /// Capture time of the first frame that waits, if one does.
    pub fn pending_since(&self) -> Option<Wall> {
        (self.frames > 0).then_some(self.pending_wall)
    }

    /// True where a decoder can begin at this frame: a keyframe of the track that cuts, or any of its frames without video.
    pub fn begins(&self, frame: &Frame) -> bool {
        let video = self.tracks.get(self.lead.index()).is_some_and(|t| t.video);
        frame.track == self.lead && (frame.keyframe || !video)
    }

    /// True where the camera counts anew, so that a new run should begin at the next chance.
    pub fn breaks(&self, frame: &Frame) -> bool {
        self.tracks.get(frame.track.index()).is_some_and(|t| t.line.breaks(frame.pts))
    }

    /// Wall-clock time at which this frame would be shown, reckoned from the segment's beginning by the camera's own count.
    pub fn reckoned(&self, frame: &Frame, wall: Wall) -> Option<Wall> {
        let (segment, track) = (self.segment?, self.tracks.get(frame.track.index())?);
        let at = micros(track.line.peek(frame.pts, wall), track.line.clock_rate());
        Some(Wall::from_micros(segment.wall.micros().saturating_add(at.saturating_sub(segment.base_micros))))
    }

    /// Takes a frame captured at `wall`. Where it does not fit what is pending, that is cut first and returned. A frame of
    /// a track that the stream does not have is passed over.
    pub fn push(&mut self, frame: &Frame, wall: Wall) -> Option<Fragment> {
        let fragment = if self.must_cut_before(frame, wall) { self.cut(Some((frame, wall))) } else { None };
        let track = self.tracks.get_mut(frame.track.index())?;
        let at = track.line.take(frame.pts, wall);
        if self.frames == 0 {
            self.pending_wall = wall;
            self.pending_micros = micros(at, track.line.clock_rate());
        }
        track.pending.stamps.push(at);
        track.pending.keyframes.push(frame.keyframe || !track.video);
        track.pending.payloads.push(frame.payload.clone());
        self.bytes = self.bytes.saturating_add(frame.payload.len());
        self.frames += 1;
        fragment
    }

    fn must_cut_before(&self, frame: &Frame, wall: Wall) -> bool {
        let Some(track) = self.tracks.get(frame.track.index()) else { return false };
        if self.frames == 0 {
            return false;
        }
        let full = self.frames >= self.limits.frames_max
            || self.bytes.saturating_add(frame.payload.len()) > self.limits.bytes_max;
        // Of a stream of keyframes only (MJPEG), each may begin a fragment and none must.
        let closes_group = self.begins(frame) && track.pending.keyframes.iter().any(|keyframe| !keyframe);
        if full || closes_group {
            return true;
        }
        let at = track.line.peek(frame.pts, wall);
        let Some(first) = track.pending.stamps.iter().min() else { return false };
        let span = micros(at.saturating_sub(*first), track.line.clock_rate());
        let lead_silent = self.tracks.get(self.lead.index()).is_none_or(|t| t.pending.stamps.is_empty());
        let may_cut = (frame.track == self.lead || lead_silent) && track.line.in_order(at);
        span >= self.limits.duration_micros_max && (may_cut || span >= 2 * self.limits.duration_micros_max)
    }

    /// Ends the fragment that is pending, whatever its length. `next` is the frame behind it, if there is one.
    pub fn cut(&mut self, next: Option<(&Frame, Wall)>) -> Option<Fragment> {
        if self.frames == 0 {
            return None;
        }
        let segment = self.segment.unwrap_or_else(|| self.open_segment());
        self.segment = Some(segment);
        let mut order: Vec<usize> = (0..self.tracks.len()).collect();
        order.sort_by_key(|index| *index != self.lead.index());
        let (mut runs, mut payloads, mut span) = (Vec::new(), Vec::with_capacity(self.frames), None::<Span>);
        let mut keyframe = false;
        for index in order {
            let Some(track) = self.tracks.get_mut(index) else { continue };
            let next = next.filter(|(frame, _)| frame.track.index() == index);
            let next = next.map(|(frame, wall)| track.line.peek(frame.pts, wall));
            if runs.is_empty() {
                keyframe =
                    track.pending.keyframes.first() == Some(&true) && (track.video || index == self.lead.index());
            }
            let Some((run, its_span)) = track.close(index, segment.base_micros, next) else { continue };
            // The lead track alone says how long a fragment is; the others only where it is silent.
            span.get_or_insert(its_span);
            runs.push(run);
            payloads.append(&mut track.pending.payloads);
        }
        Some(self.finish(segment, &runs, payloads, span?, keyframe))
    }

    /// A segment begins with the earliest sample that is pending.
    fn open_segment(&self) -> Segment {
        let base_micros = self.tracks.iter().filter_map(TrackState::first_micros).min().unwrap_or(0);
        let before = self.pending_micros.saturating_sub(base_micros);
        Segment { base_micros, wall: Wall::from_micros(self.pending_wall.micros().saturating_sub(before)) }
    }

    fn finish(&mut self, at: Segment, runs: &[Run], payloads: Vec<Bytes>, span: Span, keyframe: bool) -> Fragment {
        self.sequence = self.sequence.wrapping_add(1);
        let start = Wall::from_micros(at.wall.micros().saturating_add(span.at_micros.saturating_sub(at.base_micros)));
        let media_time = runs.first().map_or(0, |r| r.decode_time);
        let head = Bytes::from(head::write(self.sequence, start, media_time, runs));
        let bytes = (head.len() + self.bytes) as u64;
        let frames = self.frames;
        (self.bytes, self.frames) = (0, 0);
        Fragment { head, payloads, bytes, start, duration_micros: span.duration_micros, keyframe, frames }
    }
}

impl TrackState {
    fn new(track: &Track, origin: Wall) -> Self {
        let pending = Pending { stamps: Vec::new(), keyframes: Vec::new(), payloads: Vec::new() };
        let step = first_step(track);
        Self { line: Line::new(track.clock_rate, origin, step), video: track.params.is_video(), pending }
    }

    /// Where its first pending sample lies, in microseconds on the run's line.
    fn first_micros(&self) -> Option<i64> {
        self.pending.stamps.iter().min().map(|at| micros(*at, self.line.clock_rate()))
    }

    /// Turns what is pending into a run.
    fn close(&mut self, index: usize, base_micros: i64, next: Option<i64>) -> Option<(Run, Span)> {
        let rate = self.line.clock_rate();
        let base = ticks(base_micros, rate);
        self.line.raise(base);
        let stamps = std::mem::take(&mut self.pending.stamps);
        let keyframes = std::mem::take(&mut self.pending.keyframes);
        let timed = self.line.close(&stamps, next);
        let (first, last) = (*timed.first()?, *timed.last()?);
        let entry = |((t, sync), payload): ((&super::line::Timed, &bool), &Bytes)| Entry {
            duration: t.duration,
            size: u32::try_from(payload.len()).unwrap_or(u32::MAX),
            sync: *sync,
            composition: t.composition,
        };
        let entries = timed.iter().zip(&keyframes).zip(&self.pending.payloads).map(entry).collect();
        let decode_time = u64::try_from(first.dts - base).unwrap_or(0);
        let run = Run { track: index as u32 + 1, decode_time, entries };
        let duration = last.dts + i64::from(last.duration) - first.dts;
        Some((run, Span { at_micros: micros(first.dts, rate), duration_micros: micros(duration, rate) }))
    }
}

/// Duration of a sample before two of them have shown it: what the codec fixes, else 25 pictures per second.
fn first_step(track: &Track) -> u32 {
    match &track.params {
        CodecParams::Aac(params) => u32::try_from(params.unit_ticks(track.clock_rate)).unwrap_or(1024),
        CodecParams::G711(_) => track.clock_rate / 50,
        _ => track.clock_rate / 25,
    }
}
