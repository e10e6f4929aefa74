//! A stretch of a recording as files that others can work on: whole fragmented MP4 in a folder of theirs, unmarked, with times that
//! are true to the wall clock, so that a hole stays a hole. And what it was made of: each segment's file with its BLAKE3 hash, as
//! it is on disk now. What is taken out so is for a process of ours alone; no copy of it leaves.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use media::fmp4::{self, reader};
use media::wall::Wall;

use super::{Playback, PlaybackError, Range, SEGMENTS_MAX, allowed};
use crate::disk::{self, read_at};
use crate::segment::{self, Segment};

/// Bytes of a file hashed at a time.
const PIECE_BYTES: usize = 1 << 20;
/// Longest fragment that is read into memory, as in playback.
const FRAGMENT_BYTES_MAX: u64 = 64 << 20;
/// Most changes of a camera's parameters within one stretch: each makes a file of its own.
const PARTS_MAX: usize = 64;

/// What was taken out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extract {
    /// The files, in order of time: one for each run of equal parameters.
    pub parts: Vec<Part>,
    /// The segments that they were made of, in order of time.
    pub sources: Vec<Source>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name in the folder.
    pub name: String,
    /// Zero of its line of time: what is shown at t was captured at `zero` + t.
    pub zero: Wall,
    /// Capture time of its first sample, which may lie before what was asked for: a decoder begins at a keyframe.
    pub start: Wall,
    /// End of its last sample.
    pub end: Wall,
    /// It has sound.
    pub sound: bool,
}

/// A segment's file as it is on disk now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Path below its volume.
    pub path: String,
    /// The volume's number: two may hold a file of the same path.
    pub volume: String,
    /// Capture time of its first sample.
    pub start: Wall,
    /// End of its last sample.
    pub end: Wall,
    /// Length of what was hashed.
    pub bytes: u64,
    /// BLAKE3 of that, as hex.
    pub blake3: String,
    /// Nothing will be added to it; else it is hashed as far as it is durable.
    pub sealed: bool,
}

/// Why nothing could be taken out.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// There is no recording in the range.
    #[error("there is no recording in this stretch")]
    Nothing,
    /// More segments or changes of parameters than one stretch may have.
    #[error("the stretch holds too many recordings; ask for a shorter one")]
    TooLong,
    /// A recording could not be read.
    #[error(transparent)]
    Source(#[from] PlaybackError),
    /// A file could not be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// Which.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Whoever asked wants it no more.
    #[error("it was called off")]
    Stopped,
}

/// Told how many bytes of how many are done; false calls it off.
pub type Watch<'a> = dyn FnMut(u64, u64) -> bool + 'a;

impl Playback {
    /// Takes the range out into `folder`, which exists. Holds a fragment in memory at a time. Blocks on the disk.
    pub fn extract(&self, range: &Range, folder: &Path, watch: &mut Watch<'_>) -> Result<Extract, ExtractError> {
        let segments = self.segments(range)?;
        if segments.len() >= SEGMENTS_MAX {
            return Err(ExtractError::TooLong);
        }
        let all: u64 = segments.iter().map(|s| s.bytes).sum();
        let mut work = Work { folder, watch, done: 0, all, out: None, extract: Extract::default() };
        for segment in &segments {
            let Some((first, end)) = allowed(segment, range) else { continue };
            let away = || std::io::Error::new(std::io::ErrorKind::NotConnected, "its volume is not there");
            let volume = self.volumes.readable(segment.volume).ok_or_else(|| read_failed(segment, away()))?;
            let file = volume.open_file(&segment.path).map_err(|source| read_failed(segment, source))?;
            work.take(segment, &file, first..end)?;
        }
        work.finish()
    }
}

/// An extract in the making.
struct Work<'a, 'w> {
    folder: &'a Path,
    watch: &'a mut Watch<'w>,
    done: u64,
    all: u64,
    out: Option<Out>,
    extract: Extract,
}

/// The file that is being written.
struct Out {
    file: File,
    path: PathBuf,
    init_hash: u64,
    /// End of what is in it, from its zero: nothing that follows begins before.
    end_micros: i64,
}

impl Work<'_, '_> {
    fn take(
        &mut self,
        segment: &Segment,
        file: &disk::File,
        fragments: std::ops::Range<usize>,
    ) -> Result<(), ExtractError> {
        let init = read(segment, file, 0, u64::from(segment.init_bytes))?;
        if segment::init_hash(&init) != segment.init_hash {
            return Err(damaged(segment).into());
        }
        let tracks = reader::scan_bytes(&init).map_err(|_| damaged(segment))?.tracks;
        let pieces = segment.fragments.get(fragments).unwrap_or_default();
        let Some(start) = pieces.first().map(|piece| piece.start) else { return Ok(()) };
        if self.out.as_ref().is_none_or(|out| out.init_hash != segment.init_hash) {
            self.begin(segment, &init, start, tracks.iter().any(|t| !t.video))?;
        }
        let (Some(out), Some(part)) = (&mut self.out, self.extract.parts.last_mut()) else { return Ok(()) };
        let mut moved_micros = None;
        for piece in pieces {
            let mut bytes = read(segment, file, piece.offset, piece.bytes)?.to_vec();
            // Once for each segment: a camera's own clock drifts, and over a minute that is nothing.
            let by = match moved_micros {
                Some(by) => by,
                None => anchor(&bytes, &tracks, part.zero, out.end_micros).ok_or_else(|| damaged(segment))?,
            };
            moved_micros = Some(by);
            let rate = |track| tracks.iter().find(|t| t.id == track).map_or(0, |t| t.timescale);
            if fmp4::shift(&mut bytes, |track| fmp4::ticks(by, rate(track))) == 0 {
                return Err(damaged(segment).into());
            }
            out.file.write_all(&bytes).map_err(|source| write_failed(&out.path, source))?;
            let begin = piece.start.micros_since(part.zero).max(out.end_micros);
            out.end_micros = begin.saturating_add(piece.duration_micros);
            part.end = part.end.max(piece.end());
        }
        let source = self.hash(segment, file)?;
        self.extract.sources.push(source);
        Ok(())
    }

    /// The next file, with a header of its own.
    fn begin(&mut self, segment: &Segment, init: &Bytes, start: Wall, sound: bool) -> Result<(), ExtractError> {
        let number = self.extract.parts.len() + 1;
        if number > PARTS_MAX {
            return Err(ExtractError::TooLong);
        }
        let name = format!("part-{number}.mp4");
        let path = self.folder.join(&name);
        let made = File::create(&path).and_then(|mut file| file.write_all(init).map(|()| file));
        let file = made.map_err(|source| write_failed(&path, source))?;
        self.out = Some(Out { file, path, init_hash: segment.init_hash, end_micros: 0 });
        // A whole second, so that a clock beside the picture changes when the picture's own does.
        let zero = Wall::from_micros(start.micros().div_euclid(1_000_000) * 1_000_000);
        self.extract.parts.push(Part { name, zero, start, end: start, sound });
        Ok(())
    }

    fn hash(&mut self, segment: &Segment, file: &disk::File) -> Result<Source, ExtractError> {
        let mut hasher = blake3::Hasher::new();
        let mut bytes = 0;
        loop {
            let left = if segment.sealed { PIECE_BYTES as u64 } else { segment.bytes - bytes };
            let length = (PIECE_BYTES as u64).min(left) as usize;
            let piece = read_at(file, bytes, length).map_err(|source| read_failed(segment, source))?;
            if piece.is_empty() {
                break;
            }
            hasher.update(&piece);
            bytes += piece.len() as u64;
            self.done += piece.len() as u64;
            if !(self.watch)(self.done.min(self.all), self.all) {
                return Err(ExtractError::Stopped);
            }
        }
        let (path, blake3) = (segment.path.clone(), hasher.finalize().to_hex().to_string());
        let (volume, sealed) = (segment.volume.to_string(), segment.sealed);
        Ok(Source { path, volume, start: segment.start, end: segment.end, bytes, blake3, sealed })
    }

    fn finish(self) -> Result<Extract, ExtractError> {
        if let Some(out) = &self.out {
            out.file.sync_all().map_err(|source| write_failed(&out.path, source))?;
        }
        if self.extract.parts.is_empty() { Err(ExtractError::Nothing) } else { Ok(self.extract) }
    }
}

/// By how much a fragment is moved, so that its first sample stands where it was captured, and not before `floor_micros`.
fn anchor(fragment: &[u8], tracks: &[reader::TrackHeader], zero: Wall, floor_micros: i64) -> Option<i64> {
    let reference = fmp4::reference(fragment)?;
    let rate = tracks.iter().find(|t| t.id == reference.track)?.timescale;
    let stands = i64::try_from(i128::from(reference.media_time) * 1_000_000 / i128::from(rate.max(1))).ok()?;
    Some(reference.captured.micros_since(zero).max(floor_micros).saturating_sub(stands))
}

fn read(segment: &Segment, file: &disk::File, offset: u64, bytes: u64) -> Result<Bytes, ExtractError> {
    let length = usize::try_from(bytes).ok().filter(|_| bytes <= FRAGMENT_BYTES_MAX).ok_or_else(|| damaged(segment))?;
    let read = read_at(file, offset, length).map_err(|source| read_failed(segment, source))?;
    if read.len() == length { Ok(read) } else { Err(damaged(segment).into()) }
}

fn read_failed(segment: &Segment, source: io::Error) -> PlaybackError {
    PlaybackError::Read { path: segment.path.clone(), source }
}

fn damaged(segment: &Segment) -> PlaybackError {
    PlaybackError::Damaged { path: segment.path.clone() }
}

fn write_failed(path: &Path, source: io::Error) -> ExtractError {
    ExtractError::Write { path: path.display().to_string(), source }
}
