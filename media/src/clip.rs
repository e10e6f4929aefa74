//! Reads an MP4 clip, progressive or fragmented, into the frames of its tracks, for the camera simulator and for tests.
//! The whole clip is in memory and payloads are slices of it. Edit lists, encryption and data in other files are
//! deliberately absent.

mod fragments;
mod tables;
mod tracks;

use bytes::Bytes;
use mp4_atom::{Atom, Decode, Header, Moof, Moov};

use crate::codec::ParamsError;
use crate::frame::{Track, TrackId};
use tracks::Source;
pub(crate) use tracks::params;

/// Longest `moov` or `moof` that is read: the tables of a day of video stay below.
pub const HEAD_BYTES_MAX: usize = 32 << 20;

/// Most samples of one clip: an hour of a 100 fps camera with sound stays below.
pub const SAMPLES_MAX: usize = 1 << 20;

/// Ticks per second of a video track's times, as RTP has it for every video format.
pub const VIDEO_CLOCK_RATE: u32 = 90_000;

/// A clip's tracks and samples.
#[derive(Clone, Debug)]
pub struct Clip {
    /// The tracks that are understood; `tracks[i].id == TrackId(i)`. Others are left out.
    pub tracks: Vec<Track>,
    /// The samples of all tracks, by decode time.
    pub samples: Vec<Sample>,
}

/// One frame of a clip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Its track.
    pub track: TrackId,
    /// Decode time in the track's clock rate, from the beginning of the clip.
    pub dts: i64,
    /// Presentation time in the track's clock rate.
    pub pts: i64,
    /// Ticks until the next sample of the track.
    pub duration: u32,
    /// A decoder can begin here; false for audio.
    pub keyframe: bool,
    /// As `Frame::payload`.
    pub payload: Bytes,
}

/// Why a clip could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// The boxes do not parse.
    #[error("at byte {at}: {source}")]
    Box {
        /// Where the box begins.
        at: usize,
        /// What the parser said.
        source: mp4_atom::Error,
    },
    /// A box is longer than any clip needs, or than the clip itself.
    #[error("at byte {at}: box {kind} of {bytes} bytes is cut short or too long")]
    BoxSize {
        /// Where the box begins.
        at: usize,
        /// Its type.
        kind: String,
        /// The length it states.
        bytes: usize,
    },
    /// There is no `moov` box.
    #[error("no moov box: this is no MP4 file")]
    NoMoov,
    /// No track holds H.264, H.265, AAC or G.711.
    #[error("no track with H.264, H.265, AAC or G.711 that has samples")]
    NoTrack,
    /// A track's tables contradict themselves or the length of the clip.
    #[error("track {track}: {what}")]
    Table {
        /// The track's number in the file.
        track: u32,
        /// What is wrong.
        what: &'static str,
    },
    /// A track's parameter sets were not understood.
    #[error("track {track}: {source}")]
    Params {
        /// The track's number in the file.
        track: u32,
        /// Why.
        source: ParamsError,
    },
    /// More samples than `SAMPLES_MAX`.
    #[error("more than {SAMPLES_MAX} samples")]
    TooManySamples,
}

impl Clip {
    /// Reads a clip.
    pub fn parse(file: &Bytes) -> Result<Self, ClipError> {
        let mut moov = None;
        let mut moofs = Vec::new();
        each_box(file, |at, header, body| {
            match header.kind {
                Moov::KIND if moov.is_none() => moov = Some(decode_body::<Moov>(at, &header, body)?),
                Moof::KIND => moofs.push((at, decode_body::<Moof>(at, &header, body)?)),
                _ => {}
            }
            Ok(())
        })?;
        let moov = moov.ok_or(ClipError::NoMoov)?;
        let mut sources = tracks::sources(&moov)?;
        for source in &mut sources {
            tables::read(file, source)?;
        }
        fragments::read(file, &moov, &moofs, &mut sources)?;
        Self::from_sources(sources)
    }

    /// Length of the clip in seconds as a fraction: ticks of the first video track, or else of the first track, and its
    /// clock rate.
    pub fn duration(&self) -> (i64, u32) {
        let Some(track) = self.tracks.iter().find(|t| t.params.is_video()).or(self.tracks.first()) else {
            return (0, VIDEO_CLOCK_RATE);
        };
        let end = self.samples.iter().filter(|s| s.track == track.id).map(|s| s.dts + i64::from(s.duration)).max();
        (end.unwrap_or(0), track.clock_rate)
    }

    fn from_sources(sources: Vec<Source<'_>>) -> Result<Self, ClipError> {
        let mut clip = Self { tracks: Vec::new(), samples: Vec::new() };
        for source in sources {
            if source.samples.is_empty() {
                continue;
            }
            let id = TrackId(u8::try_from(clip.tracks.len()).map_err(|_| ClipError::NoTrack)?);
            let (track, samples) = source.finish(id);
            clip.tracks.push(track);
            clip.samples.extend(samples);
            if clip.samples.len() > SAMPLES_MAX {
                return Err(ClipError::TooManySamples);
            }
        }
        if clip.tracks.is_empty() {
            return Err(ClipError::NoTrack);
        }
        let rate = |s: &Sample| clip.tracks.get(s.track.index()).map_or(1, |t| i128::from(t.clock_rate));
        // Compares dts/rate without division; ties keep the order of tracks.
        clip.samples.sort_by(|a, b| (i128::from(a.dts) * rate(b)).cmp(&(i128::from(b.dts) * rate(a))));
        Ok(clip)
    }
}

/// Calls `visit` with the offset, header and body of each box at the top level. Media data may be cut short here: the
/// samples that are missing are found out with their tables.
fn each_box(
    file: &Bytes,
    mut visit: impl FnMut(usize, Header, &[u8]) -> Result<(), ClipError>,
) -> Result<(), ClipError> {
    let mut at = 0;
    while file.len() - at >= 8 {
        let mut rest = file.get(at..).unwrap_or_default();
        let header = Header::decode(&mut rest).map_err(|source| ClipError::Box { at, source })?;
        let bytes = header.size.unwrap_or(rest.len());
        let head = header.kind == Moov::KIND || header.kind == Moof::KIND;
        if head && (bytes > rest.len() || bytes > HEAD_BYTES_MAX) {
            return Err(ClipError::BoxSize { at, kind: header.kind.to_string(), bytes });
        }
        let body = rest.get(..bytes).unwrap_or(rest);
        let next = file.len() - rest.len() + body.len();
        visit(at, header, body)?;
        at = next;
    }
    Ok(())
}

fn decode_body<A: Atom>(at: usize, header: &Header, mut body: &[u8]) -> Result<A, ClipError> {
    debug_assert_eq!(header.kind, A::KIND);
    A::decode_body(&mut body).map_err(|source| ClipError::Box { at, source })
}

#[cfg(test)]
mod tests;
