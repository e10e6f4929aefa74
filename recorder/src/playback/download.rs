//! A range as one file: the header, then all its fragments on one line of time, each marked by itself, so that any part of the file can
//! be had without what comes before it and is the same bytes each time. How long each marked fragment is follows from its head alone;
//! the heads are read once and remembered for the next request.
//!
//! A file has one header. Where parameters change within the range there is no file, and the error says where to divide the range.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use media::fmp4::{self, Splicer};
use media::mark::Pen;
use media::wall::Wall;
use parking_lot::Mutex;

use super::served::Shift;
use super::source::Source;
use super::{Playback, PlaybackError, Range, SEGMENTS_MAX, allowed, off_thread};
use crate::segment::{self, Piece, Segment};

/// Plans that are remembered; one of a day takes 3 MB.
const PLANS_MAX: usize = 16;
/// The line's zero lies this long before the first picture: sound may begin before it.
const LEAD_IN_MICROS: i64 = 500_000;

/// Where each part of a file comes from.
pub(crate) struct Plan {
    /// Tells what is recorded in this range from anything else.
    fingerprint: u64,
    segments: Vec<Segment>,
    parts: Vec<Part>,
    zero: Wall,
    bytes: u64,
}

/// The header, or a fragment.
#[derive(Clone, Copy)]
struct Part {
    segment: usize,
    offset: u64,
    stored_bytes: u64,
    served_bytes: u64,
}

/// The newest plans.
#[derive(Default)]
pub(crate) struct Plans(Mutex<VecDeque<Arc<Plan>>>);

impl Plans {
    fn find(&self, fingerprint: u64) -> Option<Arc<Plan>> {
        self.0.lock().iter().find(|plan| plan.fingerprint == fingerprint).cloned()
    }

    fn keep(&self, plan: &Arc<Plan>) {
        let mut plans = self.0.lock();
        plans.push_back(Arc::clone(plan));
        if plans.len() > PLANS_MAX {
            plans.pop_front();
        }
    }
}

impl Playback {
    /// The whole range as one file, as a copy that `pen` marks.
    pub async fn download(&self, range: Range, pen: Pen) -> Result<Download, PlaybackError> {
        let this = self.clone();
        off_thread(move || {
            let plan = this.plan(&range)?;
            let reading = Some(Reading { playback: this, plan: Arc::clone(&plan), pen, open: None });
            Ok(Download { plan, reading, next: 0, ready: VecDeque::new() })
        })
        .await
    }

    fn plan(&self, range: &Range) -> Result<Arc<Plan>, PlaybackError> {
        let mut segments = self.segments(range)?;
        if segments.len() >= SEGMENTS_MAX {
            return Err(PlaybackError::TooLong);
        }
        for segment in &mut segments {
            let (from, to) = allowed(segment, range).unwrap_or_default();
            segment.fragments.truncate(to);
            segment.fragments.drain(..from);
        }
        segments.retain(|segment| !segment.fragments.is_empty());
        let first = segments.first().ok_or(PlaybackError::NoSuchPiece)?;
        if let Some(other) = segments.iter().find(|segment| segment.init_hash != first.init_hash) {
            return Err(PlaybackError::Changes { at: other.start });
        }
        let fingerprint = fingerprint(&segments);
        if let Some(plan) = self.plans.find(fingerprint) {
            return Ok(plan);
        }
        let plan = Arc::new(self.make_plan(segments, fingerprint)?);
        self.plans.keep(&plan);
        Ok(plan)
    }

    fn make_plan(&self, segments: Vec<Segment>, fingerprint: u64) -> Result<Plan, PlaybackError> {
        let (mut parts, mut zero) = (Vec::new(), None);
        for (place, segment) in segments.iter().enumerate() {
            let source = Source::open(&self.volumes, segment)?;
            let splicer = splicer(&source, segment)?;
            if place == 0 {
                let bytes = u64::from(segment.init_bytes);
                parts.push(Part { segment: 0, offset: 0, stored_bytes: bytes, served_bytes: bytes });
            }
            for Piece { offset, bytes: stored_bytes, start, .. } in segment.fragments.iter().copied() {
                zero.get_or_insert(start);
                let head = source.head(offset, stored_bytes)?;
                let served_bytes = splicer.clone().length(&head, stored_bytes).ok_or_else(|| source.damaged())?;
                parts.push(Part { segment: place, offset, stored_bytes, served_bytes });
            }
        }
        let zero = Wall::from_micros(zero.unwrap_or_default().micros().saturating_sub(LEAD_IN_MICROS));
        let bytes = parts.iter().map(|part| part.served_bytes).sum();
        Ok(Plan { fingerprint, segments, parts, zero, bytes })
    }
}

fn splicer(source: &Source, segment: &Segment) -> Result<Splicer, PlaybackError> {
    Splicer::new(&source.tracks(segment)?).ok_or_else(|| PlaybackError::Unmarkable { path: segment.path.clone() })
}

fn fingerprint(segments: &[Segment]) -> u64 {
    let mut text = Vec::new();
    for segment in segments {
        text.extend_from_slice(segment.path.as_bytes());
        text.extend(segment.init_hash.to_be_bytes());
        for piece in &segment.fragments {
            text.extend(piece.offset.to_be_bytes());
            text.extend(piece.bytes.to_be_bytes());
        }
    }
    segment::init_hash(&text)
}

/// A file that is being served. Dropping it stops the reading.
pub struct Download {
    plan: Arc<Plan>,
    /// None while it reads, and after that failed.
    reading: Option<Reading>,
    /// The part to be read next.
    next: usize,
    ready: VecDeque<Bytes>,
}

impl Download {
    /// Length of the whole file.
    pub fn bytes(&self) -> u64 {
        self.plan.bytes
    }

    /// MIME type.
    pub fn mime(&self) -> &'static str {
        "video/mp4"
    }

    /// Differs where the file differs, but for its marks.
    pub fn fingerprint(&self) -> u64 {
        self.plan.fingerprint
    }

    /// Leaves out what lies before this byte, as far as whole parts go. Gives how many bytes that are.
    pub fn seek(&mut self, from: u64) -> u64 {
        let (mut passed, mut place) = (0, 0);
        for part in &self.plan.parts {
            let end = passed + part.served_bytes;
            if end > from {
                break;
            }
            (passed, place) = (end, place + 1);
        }
        (self.next, self.ready) = (place, VecDeque::new());
        passed
    }

    /// The next bytes, read on tokio's threads for blocking work; none at the end. A slow viewer holds one fragment and no thread.
    pub async fn next(&mut self) -> Option<Result<Bytes, PlaybackError>> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Some(Ok(bytes));
            }
            if self.next >= self.plan.parts.len() {
                return None;
            }
            let place = self.next;
            let read = match self.reading.take() {
                Some(mut reading) => off_thread(move || reading.part(place).map(|bytes| (reading, bytes))).await,
                None => Err(PlaybackError::Interrupted),
            };
            match read {
                Ok((reading, bytes)) => (self.reading, self.ready, self.next) = (Some(reading), bytes, place + 1),
                Err(error) => {
                    self.next = self.plan.parts.len();
                    return Some(Err(error));
                }
            }
        }
    }
}

/// What reads the parts.
struct Reading {
    playback: Playback,
    plan: Arc<Plan>,
    pen: Pen,
    /// The segment that was read last.
    open: Option<Open>,
}

struct Open {
    segment: usize,
    source: Source,
    splicer: Splicer,
    shift: Shift,
}

impl Reading {
    /// A part as it is served.
    fn part(&mut self, place: usize) -> Result<VecDeque<Bytes>, PlaybackError> {
        let plan = Arc::clone(&self.plan);
        let part = plan.parts.get(place).ok_or(PlaybackError::NoSuchPiece)?;
        if self.open.as_ref().is_none_or(|open| open.segment != part.segment) {
            self.open = Some(self.enter(part.segment)?);
        }
        let open = self.open.as_ref().ok_or(PlaybackError::NoSuchPiece)?;
        let stored = open.source.read(part.offset, part.stored_bytes)?;
        if place == 0 {
            return Ok([stored].into());
        }
        let copied = open.copy(&stored, place, &self.pen).ok_or_else(|| open.source.damaged())?;
        let bytes: u64 = copied.iter().map(|bytes| bytes.len() as u64).sum();
        // It was read twice, and the first time it was another.
        if bytes == part.served_bytes { Ok(copied) } else { Err(open.source.damaged()) }
    }

    fn enter(&self, place: usize) -> Result<Open, PlaybackError> {
        let segment = self.plan.segments.get(place).ok_or(PlaybackError::NoSuchPiece)?;
        let source = Source::open(&self.playback.volumes, segment)?;
        let splicer = splicer(&source, segment)?;
        let shift = Shift::new(source.tracks(segment)?, segment, self.plan.zero);
        Ok(Open { segment: place, source, splicer, shift })
    }
}

impl Open {
    /// A fragment with its marks, on the file's line, under its number in the file.
    fn copy(&self, stored: &Bytes, number: usize, pen: &Pen) -> Option<VecDeque<Bytes>> {
        let fmp4::Spliced { mut head, data } = self.splicer.clone().splice(stored, pen)?;
        fmp4::renumber(&mut head, u32::try_from(number).unwrap_or(u32::MAX))?;
        let moved = fmp4::shift(&mut head, |track| self.shift.ticks(track));
        (moved > 0).then(|| std::iter::once(head.into()).chain(data).collect())
    }
}
