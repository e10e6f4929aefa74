//! Recorded time as HLS: a range becomes a list of pieces, each a few fragments that begin with a keyframe, and a piece is
//! served as it stands in the file but for its decode times, which are moved onto one line for the whole range, and its marks,
//! which say whose copy it is. Pieces are named by what they are, so that a name stays true while retention deletes in front
//! and recording adds at the end.

mod download;
pub mod extract;
mod frames;
mod served;
mod source;

use std::str::FromStr;
use std::sync::Arc;

use media::hls;
use media::id::{CameraId, Profile, StreamKey};
use media::mark::Pen;
use media::wall::{Clock, Wall};

use crate::index::{Index, IndexError};
use crate::live::Live;
use crate::segment::{Piece, Segment};
use crate::timeline;
use crate::volumes::Volumes;
pub use download::Download;
pub(crate) use download::Plans;
pub use frames::Frames;
pub use served::Media;
use source::Source;

/// A piece is ended by the first keyframe after this much of it.
const PIECE_MICROS_MIN: i64 = 2_000_000;
/// A piece is ended without a keyframe after this much of it.
const PIECE_MICROS_MAX: i64 = 30_000_000;
/// Fragments in a piece at most, so that a made-up name costs little.
const PIECE_FRAGMENTS_MAX: usize = 256;
/// Segments in one playlist: a day at 60 s, which is 2 MB of text. Ask for the next day with another range.
const SEGMENTS_MAX: usize = 1441;
/// Two segments of a run follow each other if no more than this is between them; the rest is rounding.
const SEAM_MICROS_MAX: i64 = 500_000;
/// Segments looked at within a seam of one's end.
const NEAR_MAX: usize = 8;

/// What is to be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// Which stream's recording. Only `Profile::Main` is recorded.
    pub stream: StreamKey,
    /// Beginning, inclusive; playing begins at the keyframe before it.
    pub from: Wall,
    /// End, exclusive.
    pub to: Wall,
}

/// Why something cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum PlaybackError {
    /// No piece of that name lies in the range: it never did, or it has been deleted.
    #[error("no such piece in this recording")]
    NoSuchPiece,
    /// The file could not be read.
    #[error("recording {path}: {source}")]
    Read {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what the index says.
    #[error("recording {path} is damaged")]
    Damaged {
        /// Which file.
        path: String,
    },
    /// No track of it can carry a mark, and no copy leaves without one.
    #[error("recording {path} has no track that can carry a mark")]
    Unmarkable {
        /// Which file.
        path: String,
    },
    /// Parameters change within the range, and a file has one header.
    #[error("what the camera sends changes at {at:?}; ask for what is before and behind it apart")]
    Changes {
        /// When.
        at: Wall,
    },
    /// More segments than one file holds.
    #[error("the range holds more than {SEGMENTS_MAX} segments; divide it")]
    TooLong,
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The reading thread ended early; the appliance is stopping.
    #[error("reading was interrupted")]
    Interrupted,
}

/// A piece's name: the start of its segment, and which fragments of it; or that segment's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Init { segment: Wall },
    Media { segment: Wall, first: usize, count: usize },
}

impl FromStr for Name {
    type Err = PlaybackError;
    fn from_str(text: &str) -> Result<Self, PlaybackError> {
        let number = |text: &str| text.parse::<u64>().ok().filter(|_| text.len() <= 17);
        let parse = || {
            if let Some(segment) = text.strip_prefix("init-").and_then(|t| t.strip_suffix(".mp4")) {
                return Some(Self::Init { segment: Wall::from_micros(number(segment)? as i64) });
            }
            let mut parts = text.strip_suffix(".m4s")?.split('-').map(number);
            let segment = Wall::from_micros(parts.next()?? as i64);
            let (first, count) = (parts.next()?? as usize, parts.next()?? as usize);
            let fits = (1..=PIECE_FRAGMENTS_MAX).contains(&count) && parts.next().is_none();
            fits.then_some(Self::Media { segment, first, count })
        };
        parse().ok_or(PlaybackError::NoSuchPiece)
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Init { segment } => write!(f, "init-{}.mp4", segment.micros()),
            Self::Media { segment, first, count } => write!(f, "{}-{first}-{count}.m4s", segment.micros()),
        }
    }
}

/// Recorded media, ready to be read. Cheap to clone.
#[derive(Clone)]
pub struct Playback {
    pub(crate) volumes: Arc<Volumes>,
    pub(crate) index: Arc<Index>,
    pub(crate) live: Arc<Live>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) plans: Arc<Plans>,
}

impl Playback {
    /// The range as an HLS playlist; each URI is `uri_prefix` and a piece's name. It has an end where the range has passed.
    /// Blocks on the index: call it off the network threads, or by [`Playback::playlist_async`].
    pub fn playlist(&self, range: &Range, uri_prefix: &str) -> Result<String, PlaybackError> {
        let segments = self.segments(range)?;
        let mut entries: Vec<hls::Entry> = Vec::new();
        let mut before: Option<&Segment> = None;
        let mut map = None;
        for segment in &segments {
            let seam = before.is_some_and(|b| follows(b, segment));
            if map.is_none_or(|(hash, _)| hash != segment.init_hash) {
                map = Some((segment.init_hash, Name::Init { segment: segment.start }));
            }
            let map_uri = map.map(|(_, name)| format!("{uri_prefix}{name}")).unwrap_or_default();
            for (place, (first, count)) in pieces(segment, range).into_iter().enumerate() {
                let fragments = segment.fragments.get(first..first + count).unwrap_or_default();
                let Some(start) = fragments.first().map(|f| f.start) else { continue };
                entries.push(hls::Entry {
                    uri: format!("{uri_prefix}{}", Name::Media { segment: segment.start, first, count }),
                    map_uri: map_uri.clone(),
                    start,
                    duration_micros: fragments.iter().map(|f| f.duration_micros).sum(),
                    discontinuity: place == 0 && !seam,
                });
            }
            before = Some(segment);
        }
        Ok(hls::playlist(&entries, range.to <= self.clock.wall()))
    }

    /// [`Playback::playlist`] on tokio's threads for blocking work.
    pub async fn playlist_async(&self, range: Range, uri_prefix: String) -> Result<String, PlaybackError> {
        let this = self.clone();
        off_thread(move || this.playlist(&range, &uri_prefix)).await
    }

    /// A header or a piece by the last part of its URI, as a copy that `pen` marks. It must lie in the range: a name from
    /// elsewhere opens nothing.
    pub async fn open(&self, range: Range, name: &str, pen: Pen) -> Result<Media, PlaybackError> {
        let name: Name = name.parse()?;
        let this = self.clone();
        off_thread(move || this.open_blocking(&range, name, pen)).await
    }

    fn open_blocking(&self, range: &Range, name: Name, pen: Pen) -> Result<Media, PlaybackError> {
        let (Name::Init { segment: start } | Name::Media { segment: start, .. }) = name;
        if start >= range.to || range.stream.profile != Profile::Main {
            return Err(PlaybackError::NoSuchPiece);
        }
        let segment = self.segment(&range.stream.camera, start)?.ok_or(PlaybackError::NoSuchPiece)?;
        let allowed = allowed(&segment, range).ok_or(PlaybackError::NoSuchPiece)?;
        let file = Source::open(&self.volumes, &segment)?;
        let Name::Media { first, count, .. } = name else { return Media::header(&file, &segment) };
        if first < allowed.0 || first.saturating_add(count) > allowed.1 {
            return Err(PlaybackError::NoSuchPiece);
        }
        let fragments = segment.fragments.get(first..first + count).unwrap_or_default();
        let zero = Wall::from_micros(range.from.micros().saturating_sub(LEAD_IN_MICROS));
        let ends = segment.sealed
            && first + count == segment.fragments.len()
            && !self.goes_on(&range.stream.camera, &segment)?;
        Media::piece(file, &segment, fragments, (zero, ends), pen)
    }

    /// Another segment goes on where this one ends.
    fn goes_on(&self, camera: &CameraId, segment: &Segment) -> Result<bool, PlaybackError> {
        let by = |micros: i64| Wall::from_micros(segment.end.micros().saturating_add(micros));
        let (from, to) = (by(-SEAM_MICROS_MAX), by(SEAM_MICROS_MAX + 1));
        let near = timeline::segments(&self.index, &self.live, camera, from, to, NEAR_MAX)?;
        Ok(near.iter().any(|other| other.start > segment.start && follows(segment, other)))
    }

    fn segment(&self, camera: &CameraId, start: Wall) -> Result<Option<Segment>, IndexError> {
        let live = self.live.of(camera).segment.filter(|s| s.start == start);
        Ok(match self.index.segment(camera, start)? {
            Some(row) if !row.fragments.is_empty() => Some(row),
            _ => live,
        })
    }

    fn segments(&self, range: &Range) -> Result<Vec<Segment>, PlaybackError> {
        if range.stream.profile != Profile::Main || range.from >= range.to {
            return Ok(Vec::new());
        }
        let (camera, max) = (&range.stream.camera, SEGMENTS_MAX);
        let mut segments = timeline::segments(&self.index, &self.live, camera, range.from, range.to, max)?;
        // What lies on a volume that is not there is a gap.
        segments.retain(|segment| self.volumes.readable(segment.volume).is_some());
        Ok(segments)
    }
}

/// One segment goes on where the other ended: same run, same header, no hole.
fn follows(before: &Segment, after: &Segment) -> bool {
    let same = before.note.run_origin == after.note.run_origin && before.init_hash == after.init_hash;
    same && after.start.micros_since(before.end).abs() <= SEAM_MICROS_MAX
}

/// Which fragments the range allows: from the keyframe at or before its beginning, to its end. Half-open.
fn allowed(segment: &Segment, range: &Range) -> Option<(usize, usize)> {
    let fragments = &segment.fragments;
    let end = fragments.iter().take_while(|f| f.start < range.to).count();
    let begun = fragments.iter().take(end).position(|f| f.end() > range.from)?;
    let first = fragments.iter().take(begun + 1).rposition(|f: &Piece| f.keyframe).unwrap_or(begun);
    (first < end).then_some((first, end))
}

/// The allowed fragments in pieces, as first fragment and number.
fn pieces(segment: &Segment, range: &Range) -> Vec<(usize, usize)> {
    let Some((from, to)) = allowed(segment, range) else { return Vec::new() };
    let mut pieces = Vec::new();
    let (mut first, mut micros) = (from, 0);
    for (place, fragment) in segment.fragments.iter().enumerate().take(to).skip(from) {
        let full = micros >= PIECE_MICROS_MIN && fragment.keyframe;
        if place > first && (full || micros >= PIECE_MICROS_MAX || place - first >= PIECE_FRAGMENTS_MAX) {
            pieces.push((first, place - first));
            (first, micros) = (place, 0);
        }
        micros += fragment.duration_micros;
    }
    pieces.push((first, to - first));
    pieces
}

/// The line's zero lies this long before the range, so that the keyframe before its beginning is not below zero.
const LEAD_IN_MICROS: i64 = PIECE_MICROS_MAX + PIECE_MICROS_MIN;

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PlaybackError> + Send + 'static,
) -> Result<T, PlaybackError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(PlaybackError::Interrupted))
}
