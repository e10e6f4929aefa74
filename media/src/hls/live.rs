//! A live stream as low-latency HLS (draft-pantos-hls-rfc8216bis): the newest parts and segments, and the playlist that names them.
//! Time is the frames' own. Deliberately absent: sockets, waiting, and whose copy a part becomes.

mod cutter;
mod playlist;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use crate::fmp4::reader::TrackHeader;
use crate::wall::Wall;
pub use cutter::{Cut, Cutter, Uncuttable};

/// A part ends with the first frame from here on.
pub(crate) const PART_MICROS: i64 = 300_000;
/// Longest segment: one ends at the first keyframe behind half of it, or here without one. Also EXT-X-TARGETDURATION, in seconds.
pub const TARGET_SECONDS: i64 = 4;
/// Segments older than so many target durations are left out of a delta update; the draft wants six at least.
const SKIP_TARGETS: i64 = 6;
/// How far back the playlist reaches.
const WINDOW_SECONDS: i64 = 40;
/// Bytes of parts kept at most, whatever the window.
pub const WINDOW_BYTES_MAX: usize = 48 << 20;
/// Parts are named for the segments of this many target durations before the end.
const PARTS_TARGETS: i64 = 3;
/// Longest part that may be promised: a camera of one picture a second.
const PART_TARGET_MAX_MICROS: i64 = 1_200_000;
/// The least that is promised: parts of cameras with eight pictures a second or more.
const PART_TARGET_MIN_MICROS: i64 = 330_000;

/// What a decoder must have first, for a run of segments.
#[derive(Clone, Debug)]
pub struct Map {
    /// Its number in names: that of the first segment behind it.
    pub number: u64,
    /// The header.
    pub bytes: Bytes,
    /// Its tracks, for marks.
    pub tracks: Vec<TrackHeader>,
}

/// A fragment of some frames.
#[derive(Clone, Debug)]
pub struct Part {
    /// All of it, without anybody's mark.
    pub bytes: Bytes,
    /// When its first frame was captured.
    pub start: Wall,
    /// How long it lasts.
    pub duration_micros: i64,
    /// A decoder can begin with it.
    pub independent: bool,
}

/// A segment, closed or still growing.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its media sequence number.
    pub number: u64,
    /// Its header.
    pub map: Arc<Map>,
    /// Its parts so far.
    pub parts: Vec<Part>,
    /// It does not follow from the one before it.
    pub discontinuity: bool,
    closed: bool,
}

impl Segment {
    fn duration_micros(&self) -> i64 {
        self.parts.iter().map(|part| part.duration_micros).sum()
    }

    fn bytes(&self) -> usize {
        self.parts.iter().map(|part| part.bytes.len()).sum()
    }
}

/// What a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// `init-N.mp4`.
    Map(u64),
    /// `seg-N.m4s`.
    Segment(u64),
    /// `part-N.M.m4s`.
    Part(u64, usize),
}

impl Name {
    /// Reads a name; none for what is none of ours.
    pub fn parse(name: &str) -> Option<Self> {
        let number = |text: &str| text.parse::<u64>().ok().filter(|n| n.to_string() == text);
        if let Some(map) = name.strip_prefix("init-") {
            return Some(Self::Map(number(map.strip_suffix(".mp4")?)?));
        }
        if let Some(segment) = name.strip_prefix("seg-") {
            return Some(Self::Segment(number(segment.strip_suffix(".m4s")?)?));
        }
        let (segment, part) = name.strip_prefix("part-")?.strip_suffix(".m4s")?.split_once('.')?;
        Some(Self::Part(number(segment)?, usize::try_from(number(part)?).ok()?))
    }
}

/// A place in the stream: a segment, and a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Media sequence number.
    pub segment: u64,
    /// Parts of it.
    pub part: usize,
}

/// The newest of a stream.
#[derive(Debug, Default)]
pub struct Window {
    segments: VecDeque<Segment>,
    next_number: u64,
    /// Discontinuities that have left the window, and what it began with.
    discontinuities: u64,
    /// What is promised of parts; fixed with the first one.
    part_target_micros: Option<i64>,
}

impl Window {
    /// One whose segments, headers and discontinuities count from here. A window that takes the place of another one must begin
    /// behind it: what a player knows must never come again under the same number (draft section 6.2.2).
    pub fn beginning_at(number: u64) -> Self {
        Self { next_number: number, discontinuities: number, ..Self::default() }
    }

    /// Adds a part. `broken` says that it does not follow from what came before. What is older than the newest `bytes_max` goes,
    /// but for the newest two segments.
    pub fn push(&mut self, part: Part, map: &Arc<Map>, broken: bool, bytes_max: usize) {
        self.part_target_micros.get_or_insert_with(|| {
            (part.duration_micros * 23 / 20).clamp(PART_TARGET_MIN_MICROS, PART_TARGET_MAX_MICROS)
        });
        let longest = TARGET_SECONDS * 1_000_000;
        let goes_on = self.segments.back().is_some_and(|open| {
            let lasts = open.duration_micros();
            let full = lasts + part.duration_micros > longest || (part.independent && lasts * 2 >= longest / 2);
            !open.closed && !broken && open.map.number == map.number && !full
        });
        if !goes_on {
            self.close();
            let discontinuity = broken && !self.segments.is_empty();
            let map = Arc::clone(map);
            self.segments.push_back(Segment {
                number: self.next_number,
                map,
                parts: Vec::new(),
                discontinuity,
                closed: false,
            });
            self.next_number += 1;
        }
        if let Some(open) = self.segments.back_mut() {
            open.parts.push(part);
        }
        self.trim(bytes_max.min(WINDOW_BYTES_MAX));
    }

    /// The open segment gets no more parts.
    fn close(&mut self) {
        if let Some(open) = self.segments.back_mut() {
            open.closed = true;
        }
    }

    fn trim(&mut self, bytes_max: usize) {
        let (mut lasts, mut bytes) = (0, 0);
        let keeps = self.segments.iter().rev().take_while(|segment| {
            lasts += segment.duration_micros();
            bytes += segment.bytes();
            lasts <= WINDOW_SECONDS * 1_000_000 && bytes <= bytes_max
        });
        // The newest two stay, however large.
        let keeps = keeps.count().max(2);
        while self.segments.len() > keeps {
            let gone = self.segments.pop_front();
            self.discontinuities += u64::from(gone.is_some_and(|segment| segment.discontinuity));
        }
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> usize {
        self.segments.iter().map(Segment::bytes).sum()
    }

    /// A segment is whole.
    pub fn has_whole(&self) -> bool {
        self.segments.front().is_some_and(|oldest| oldest.closed)
    }

    /// The place behind the newest part.
    pub fn end(&self) -> Place {
        self.segments.back().map_or(Place { segment: self.next_number, part: 0 }, |open| match open.closed {
            true => Place { segment: open.number + 1, part: 0 },
            false => Place { segment: open.number, part: open.parts.len() },
        })
    }

    /// True once a playlist names this part, or, without one, the whole segment.
    pub fn has(&self, segment: u64, part: Option<usize>) -> bool {
        let end = self.end();
        match part {
            Some(part) => end > Place { segment, part },
            None => end.segment > segment,
        }
    }

    /// A segment that is still there.
    pub fn segment(&self, number: u64) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.number == number)
    }

    /// A header that is still there.
    pub fn map(&self, number: u64) -> Option<&Arc<Map>> {
        self.segments.iter().map(|segment| &segment.map).find(|map| map.number == number)
    }
}

#[cfg(test)]
mod tests;
