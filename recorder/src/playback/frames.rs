//! Recorded time as frames, for RTSP: read a fragment at a time, forwards, or keyframe by keyframe in either direction. It holds one
//! open file, so that a segment that is deleted while it is read is read to its end; what is gone when it is opened is a gap.
//! Blocks on the disk. Deliberately absent: pace, and marks.

use std::sync::Arc;

use media::fmp4::{self, stored};
use media::frame::StreamInfo;
use media::stretch::{Seek, Stretch};
use media::wall::Wall;

use super::source::Source;
use super::{Playback, PlaybackError, Range, follows};
use crate::segment::{Piece, Segment};
use crate::timeline;

/// Rows of the index read at a time.
const SEGMENTS_AT_ONCE: usize = 4;

/// So far from its fragment's time no frame is shown: sound and pictures that come out of order are off by less. A bit that was changed in
/// a head can move one by years.
const ASTRAY_MICROS: i64 = 10_000_000;

/// A reader of one range.
pub struct Frames {
    playback: Playback,
    range: Range,
    /// The segment that was read last.
    last: Option<Open>,
    /// What the last header says, by its hash.
    info: Option<(u64, Arc<StreamInfo>)>,
    generation: u32,
}

struct Open {
    segment: Segment,
    source: Source,
    /// The fragment that was read last; none before the first.
    place: Option<usize>,
    /// The segment begins where reading had come to.
    seamless: bool,
}

impl Playback {
    /// A reader of this range's frames. Nothing is read yet.
    pub fn frames(&self, range: Range) -> Frames {
        Frames { playback: self.clone(), range, last: None, info: None, generation: 0 }
    }
}

impl Frames {
    /// Reads. None where the range holds no more in that direction by now.
    pub fn read(&mut self, seek: Seek) -> Result<Option<Stretch>, PlaybackError> {
        if self.range.stream.profile != media::id::Profile::Main || self.range.from >= self.range.to {
            return Ok(None);
        }
        let stretch = match seek {
            Seek::At(wall) => self.forwards(None, wall, |segment| begin_at(segment, wall))?,
            Seek::Next => self.next()?,
            Seek::KeyframeFrom(wall) => self.keyframe_from(wall)?,
            Seek::KeyframeBefore(wall) => self.keyframe_before(wall)?,
        };
        Ok(match seek {
            Seek::KeyframeFrom(_) | Seek::KeyframeBefore(_) => stretch.map(alone),
            Seek::At(_) | Seek::Next => stretch,
        })
    }

    fn next(&mut self) -> Result<Option<Stretch>, PlaybackError> {
        let Some(last) = self.last.as_ref().map(|open| open.segment.start) else { return Ok(None) };
        self.refresh()?;
        match self.in_last(|segment, place| Some(place + 1).filter(|next| *next < segment.fragments.len())) {
            Some(place) => self.take(place),
            None => self.forwards(Some(last), last, |segment| (!segment.fragments.is_empty()).then_some(0)),
        }
    }

    fn keyframe_from(&mut self, wall: Wall) -> Result<Option<Stretch>, PlaybackError> {
        let Some(last) = self.last.as_ref().map(|open| open.segment.start) else { return Ok(None) };
        self.refresh()?;
        let fits = |piece: &Piece| piece.keyframe && piece.start >= wall;
        let behind = |segment: &Segment, place: usize| {
            let found = segment.fragments.iter().skip(place + 1).position(fits);
            found.map(|distance| place + 1 + distance)
        };
        match self.in_last(behind) {
            Some(place) => self.take(place),
            None => self.forwards(Some(last), wall, |segment| segment.fragments.iter().position(fits)),
        }
    }

    fn keyframe_before(&mut self, wall: Wall) -> Result<Option<Stretch>, PlaybackError> {
        let fits = |piece: &Piece| piece.keyframe && piece.start <= wall;
        let before = |segment: &Segment, place: usize| segment.fragments.iter().take(place).rposition(fits);
        if let Some(place) = self.in_last(before) {
            return self.take_within(place);
        }
        let Some(mut start) = self.last.as_ref().map(|open| open.segment.start) else { return Ok(None) };
        loop {
            let earlier = Wall::from_micros(start.micros().saturating_sub(1)).min(wall);
            let camera = &self.range.stream.camera;
            let Some(segment) = self.playback.index.segments(camera, earlier, start, 1, |s| s)?.pop() else {
                return Ok(None);
            };
            if segment.start >= start || segment.end <= self.range.from {
                return Ok(None);
            }
            start = segment.start;
            let Some(place) = segment.fragments.iter().rposition(fits) else { continue };
            if self.enter(segment)? {
                return self.take_within(place);
            }
        }
    }

    /// Reads a fragment unless it lies before the range.
    fn take_within(&mut self, place: usize) -> Result<Option<Stretch>, PlaybackError> {
        let end = self.last.as_ref().and_then(|open| open.segment.fragments.get(place)).map(Piece::end);
        if end.is_some_and(|end| end > self.range.from) { self.take(place) } else { Ok(None) }
    }

    /// The first segment behind the one that starts at `after`, and from `from` on, in which `pick` finds a place.
    fn forwards(
        &mut self,
        mut after: Option<Wall>,
        from: Wall,
        pick: impl Fn(&Segment) -> Option<usize>,
    ) -> Result<Option<Stretch>, PlaybackError> {
        let mut from = from.max(after.unwrap_or(from));
        loop {
            let (playback, camera) = (&self.playback, &self.range.stream.camera);
            let to = self.range.to;
            let found = timeline::segments(&playback.index, &playback.live, camera, from, to, SEGMENTS_AT_ONCE)?;
            let found: Vec<Segment> = found.into_iter().filter(|s| after.is_none_or(|after| s.start > after)).collect();
            if found.is_empty() {
                return Ok(None);
            }
            for segment in found {
                (after, from) = (Some(segment.start), from.max(segment.start));
                let Some(place) = pick(&segment) else { continue };
                if self.enter(segment)? {
                    return self.take(place);
                }
            }
        }
    }

    /// Looks again how far the segment goes that is being written.
    fn refresh(&mut self) -> Result<(), PlaybackError> {
        let Some(open) = &mut self.last else { return Ok(()) };
        let at_end = open.place.is_none_or(|place| place + 1 >= open.segment.fragments.len());
        if !open.segment.sealed
            && at_end
            && let Some(now) = self.playback.segment(&self.range.stream.camera, open.segment.start)?
        {
            open.segment = now;
        }
        Ok(())
    }

    fn in_last(&self, pick: impl Fn(&Segment, usize) -> Option<usize>) -> Option<usize> {
        self.last.as_ref().and_then(|open| pick(&open.segment, open.place?))
    }

    /// Opens a segment, to be read at a place that is said next. False where it has been deleted.
    fn enter(&mut self, segment: Segment) -> Result<bool, PlaybackError> {
        let source = match Source::open(&self.playback.volumes, &segment) {
            Err(PlaybackError::NoSuchPiece) => return Ok(false),
            opened => opened?,
        };
        if self.info.as_ref().is_none_or(|(hash, _)| *hash != segment.init_hash) {
            self.generation = self.generation.wrapping_add(1);
            let info = stored::stream_info(&source.init(&segment)?, self.generation);
            self.info = Some((segment.init_hash, info.ok_or_else(|| source.damaged())?));
        }
        let seamless = self.last.as_ref().is_some_and(|open| {
            let at_end = open.place.is_some_and(|place| place + 1 == open.segment.fragments.len());
            at_end && follows(&open.segment, &segment)
        });
        self.last = Some(Open { segment, source, place: None, seamless });
        Ok(true)
    }

    /// Reads a fragment of the segment that is open.
    fn take(&mut self, place: usize) -> Result<Option<Stretch>, PlaybackError> {
        let (Some(open), Some((_, info))) = (&mut self.last, &self.info) else { return Ok(None) };
        let Some(piece) = open.segment.fragments.get(place).copied() else { return Ok(None) };
        if piece.start >= self.range.to {
            return Ok(None);
        }
        let follows = open.place.replace(place).map_or(open.seamless && place == 0, |last| last + 1 == place);
        let bytes = open.source.read(piece.offset, piece.bytes)?;
        let note = open.segment.note;
        let shift =
            |rate| fmp4::ticks(note.base_micros, rate).saturating_add(fmp4::ticks(note.run_origin.micros(), rate));
        let mut frames = stored::frames(&bytes, info, shift).ok_or_else(|| open.source.damaged())?;
        let astray = |wall: Wall| {
            let (early, late) = (piece.start.micros_since(wall), wall.micros_since(piece.end()));
            early.max(late) > ASTRAY_MICROS
        };
        if frames.iter().any(|frame| astray(frame.wall)) {
            return Err(open.source.damaged());
        }
        frames.retain(|frame| frame.wall < self.range.to);
        Ok((!frames.is_empty()).then(|| Stretch { info: Arc::clone(info), frames, follows }))
    }
}

/// Where a decoder begins that wants to see this instant: at the keyframe before it, or else at the first one there is.
fn begin_at(segment: &Segment, wall: Wall) -> Option<usize> {
    let shown = segment.fragments.iter().position(|piece| piece.end() > wall)?;
    let before = segment.fragments.iter().take(shown + 1).rposition(|piece| piece.keyframe);
    before.or_else(|| {
        let behind = segment.fragments.iter().skip(shown).position(|piece| piece.keyframe);
        behind.map(|distance| shown + distance)
    })
}

/// The keyframe that a fragment begins with.
fn alone(mut stretch: Stretch) -> Stretch {
    let keyframe = stretch.frames.iter().position(|frame| frame.keyframe).unwrap_or(0);
    stretch.frames = stretch.frames.drain(..).skip(keyframe).take(1).collect();
    stretch.follows = false;
    stretch
}
