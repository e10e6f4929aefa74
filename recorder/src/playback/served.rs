//! A header or a piece on its way out: read a fragment at a time, its times moved onto the range's line, marks put in. What is on
//! disk stays as it is. Deliberately absent: which piece it is, and whether it may be had.

use std::collections::VecDeque;

use bytes::Bytes;
use media::fmp4::{self, Splicer, reader};
use media::mark::Pen;
use media::wall::Wall;

use super::source::Source;
use super::{PlaybackError, off_thread};
use crate::segment::{Piece, Segment};

/// A header or a piece that is being served. Dropping it stops the reading.
pub struct Media {
    /// None for a header, while it is being read from, and after that failed.
    source: Option<Copied>,
    parts: VecDeque<Part>,
    /// What was read and not yet handed out: of one part at most.
    ready: VecDeque<Bytes>,
    bytes: u64,
}

/// A fragment.
struct Part {
    offset: u64,
    stored_bytes: u64,
    served_bytes: u64,
    /// Its sound is the last before a hole.
    lingers: bool,
}

/// What is read, and how it is changed on the way.
struct Copied {
    source: Source,
    copying: Copying,
}

/// So much longer lasts the sound before a hole than it does. It seldom begins with the picture behind the hole, and a browser whose
/// sound steps further than twice the last sample waits for a keyframe, and drops pictures until then (Media Source Extensions, coded
/// frame processing).
const LINGER_MICROS: i64 = 100_000;

/// How a fragment's copy differs from what is stored.
struct Copying {
    shift: Shift,
    splicer: Splicer,
    pen: Pen,
}

impl Media {
    /// The segment's header, which is served as it stands.
    pub(super) fn header(source: &Source, segment: &Segment) -> Result<Self, PlaybackError> {
        let init = source.init(segment)?;
        let bytes = init.len() as u64;
        Ok(Self { source: None, parts: VecDeque::new(), ready: [init].into(), bytes })
    }

    /// Fragments of the segment, on a line that begins at `zero`; a hole comes behind them if `ends`. Reads their heads, which say how
    /// long the marked copies are.
    pub(super) fn piece(
        source: Source,
        segment: &Segment,
        fragments: &[Piece],
        (zero, ends): (Wall, bool),
        pen: Pen,
    ) -> Result<Self, PlaybackError> {
        let tracks = source.tracks(segment)?;
        let splicer = Splicer::new(&tracks).ok_or_else(|| PlaybackError::Unmarkable { path: segment.path.clone() })?;
        let mut foretelling = splicer.clone();
        let mut parts = VecDeque::with_capacity(fragments.len());
        let mut sounds = None;
        for fragment in fragments {
            let (offset, stored_bytes) = (fragment.offset, fragment.bytes);
            let head = source.head(offset, stored_bytes)?;
            let served_bytes = foretelling.length(&head, stored_bytes).ok_or_else(|| source.damaged())?;
            if ends && linger(&tracks, &mut head.to_vec()) {
                sounds = Some(parts.len());
            }
            parts.push_back(Part { offset, stored_bytes, served_bytes, lingers: false });
        }
        if let Some(last) = sounds.and_then(|place| parts.get_mut(place)) {
            last.lingers = true;
        }
        let bytes = parts.iter().map(|part| part.served_bytes).sum();
        let copying = Copying { shift: Shift::new(tracks, segment, zero), splicer, pen };
        Ok(Self { source: Some(Copied { source, copying }), parts, ready: VecDeque::new(), bytes })
    }

    /// Length of it all, for Content-Length.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// MIME type.
    pub fn mime(&self) -> &'static str {
        "video/mp4"
    }

    /// The next bytes, read on tokio's threads for blocking work; none at the end. Nothing is read ahead, so a slow viewer
    /// holds one fragment in memory and no thread.
    pub async fn next(&mut self) -> Option<Result<Bytes, PlaybackError>> {
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Some(Ok(bytes));
            }
            let part = self.parts.pop_front()?;
            let read = match self.source.take() {
                Some(mut source) => off_thread(move || source.part(&part).map(|bytes| (source, bytes))).await,
                // The wait for an earlier part was given up, and its bytes are lost.
                None => Err(PlaybackError::Interrupted),
            };
            match read {
                Ok((source, bytes)) => (self.source, self.ready) = (Some(source), bytes),
                Err(error) => {
                    self.parts.clear();
                    return Some(Err(error));
                }
            }
        }
    }
}

impl Copied {
    /// A part as it is served.
    fn part(&mut self, part: &Part) -> Result<VecDeque<Bytes>, PlaybackError> {
        let stored = self.source.read(part.offset, part.stored_bytes)?;
        let copied = self.copying.copy(&stored, part.lingers).ok_or_else(|| self.source.damaged())?;
        let bytes: u64 = copied.iter().map(|bytes| bytes.len() as u64).sum();
        // It was read twice, and the first time it was another.
        if bytes == part.served_bytes { Ok(copied) } else { Err(self.source.damaged()) }
    }
}

impl Copying {
    fn copy(&mut self, stored: &Bytes, lingers: bool) -> Option<VecDeque<Bytes>> {
        let fmp4::Spliced { mut head, data } = self.splicer.splice(stored, &self.pen)?;
        if lingers {
            linger(&self.shift.tracks, &mut head);
        }
        let moved = fmp4::shift(&mut head, |track| self.shift.ticks(track));
        (moved > 0).then(|| std::iter::once(head.into()).chain(data).collect())
    }
}

/// Lets the sound of a fragment last longer. False where it has none.
fn linger(tracks: &[reader::TrackHeader], head: &mut [u8]) -> bool {
    let sounds = tracks.iter().filter(|track| !track.video);
    let longer = |rate| u32::try_from(fmp4::ticks(LINGER_MICROS, rate)).unwrap_or(0);
    sounds.filter(|track| fmp4::lengthen(head, track.id, longer(track.timescale))).count() > 0
}

/// Moves a segment's decode times onto the range's line.
pub(super) struct Shift {
    tracks: Vec<reader::TrackHeader>,
    base_micros: i64,
    origin_micros: i64,
}

impl Shift {
    pub(super) fn new(tracks: Vec<reader::TrackHeader>, segment: &Segment, zero: Wall) -> Self {
        let origin_micros = segment.note.run_origin.micros_since(zero);
        Self { tracks, base_micros: segment.note.base_micros, origin_micros }
    }

    pub(super) fn ticks(&self, track: u32) -> i64 {
        let rate = self.tracks.iter().find(|t| t.id == track).map_or(0, |t| t.timescale);
        fmp4::ticks(self.base_micros, rate).saturating_add(fmp4::ticks(self.origin_micros, rate))
    }
}
