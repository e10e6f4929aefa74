//! Frames in, parts out. What browsers cannot have in fMP4 is left out: G.711 goes by WebRTC. A camera that changes or loses frames
//! begins anew at its next keyframe.

use std::sync::Arc;

use bytes::Bytes;

use super::{Map, PART_MICROS, Part};
use crate::codec::CodecParams;
use crate::fmp4::reader::TrackHeader;
use crate::fmp4::{Builder, Fragment, InitError, Limits, init};
use crate::frame::{Frame, StreamInfo, Track, TrackId};
use crate::mark::Carrier;

/// A stream cannot go out this way.
#[derive(Debug, thiserror::Error)]
pub enum Uncuttable {
    /// No picture that fMP4 carries to browsers.
    #[error("no H.264 or H.265 in it, but {0}")]
    NoPicture(String),
    /// Its header cannot be written.
    #[error(transparent)]
    Init(#[from] InitError),
}

/// Cuts one stream.
pub struct Cutter {
    run: Option<Run>,
    /// What comes next does not follow from what came before.
    broken: bool,
    /// Of the next header.
    next_map: u64,
}

/// A part for the window.
#[derive(Debug)]
pub struct Cut {
    /// What was cut.
    pub part: Part,
    /// The header that it goes under.
    pub map: Arc<Map>,
    /// It does not follow from what came before.
    pub broken: bool,
}

/// An unbroken line of time under one header.
struct Run {
    /// What the hub describes.
    described: Arc<StreamInfo>,
    /// The tracks that go out, by their places in the stream.
    tracks: Vec<TrackId>,
    builder: Builder,
    map: Arc<Map>,
}

impl Cutter {
    /// One whose headers count from here, as the segments of its window do.
    pub fn beginning_at(number: u64) -> Self {
        Self { run: None, broken: false, next_map: number }
    }

    /// Frames are missing before the next one.
    pub fn lost(&mut self) {
        self.run = None;
        self.broken = true;
    }

    /// Takes a frame; gives the part that is finished with it.
    pub fn push(&mut self, frame: &Frame, info: &Arc<StreamInfo>) -> Result<Option<Cut>, Uncuttable> {
        let stale = self.run.take_if(|run| !Arc::ptr_eq(&run.described, info) && run.described != *info);
        let last = stale.and_then(|mut run| {
            let last = run.builder.cut(None);
            let last = last.map(|fragment| self.cut(&fragment, &run.map));
            self.lost();
            last
        });
        let Some(run) = &mut self.run else {
            self.begin(frame, info)?;
            return Ok(last);
        };
        let Some(place) = run.tracks.iter().position(|track| *track == frame.track) else { return Ok(None) };
        let fragment = run.builder.push(&renamed(frame, place), frame.wall);
        let map = Arc::clone(&run.map);
        Ok(fragment.map(|fragment| self.cut(&fragment, &map)))
    }

    /// A new run begins with a keyframe.
    fn begin(&mut self, frame: &Frame, info: &Arc<StreamInfo>) -> Result<(), Uncuttable> {
        let tracks = chosen(info)?;
        if !frame.keyframe || tracks.first() != Some(&frame.track) {
            return Ok(());
        }
        let own = StreamInfo::shared(info.generation, renumbered(info, &tracks));
        let map = Map { number: self.next_map, bytes: init(&own)?, tracks: headers(&own) };
        self.next_map += 1;
        let limits = Limits { duration_micros_max: PART_MICROS, ..Limits::default() };
        let mut builder = Builder::new(Arc::clone(&own), frame.wall, limits);
        builder.push(&renamed(frame, 0), frame.wall);
        self.run = Some(Run { described: Arc::clone(info), tracks, builder, map: Arc::new(map) });
        Ok(())
    }

    fn cut(&mut self, fragment: &Fragment, map: &Arc<Map>) -> Cut {
        let mut bytes = Vec::with_capacity(fragment.bytes as usize);
        bytes.extend_from_slice(&fragment.head);
        fragment.payloads.iter().for_each(|payload| bytes.extend_from_slice(payload));
        let part = Part {
            bytes: Bytes::from(bytes),
            start: fragment.start,
            duration_micros: fragment.duration_micros,
            independent: fragment.keyframe,
        };
        Cut { part, map: Arc::clone(map), broken: std::mem::take(&mut self.broken) }
    }
}

/// The picture first, then sound that browsers take.
fn chosen(info: &StreamInfo) -> Result<Vec<TrackId>, Uncuttable> {
    let picture = |track: &&Track| matches!(track.params, CodecParams::H264(_) | CodecParams::H265(_));
    let Some(first) = info.tracks.iter().find(picture) else {
        let codec = info.video().map_or_else(|| "no picture".to_owned(), |track| track.params.rfc6381());
        return Err(Uncuttable::NoPicture(codec));
    };
    let sound = info.tracks.iter().filter(|track| matches!(track.params, CodecParams::Aac(_)));
    Ok([first].into_iter().chain(sound).map(|track| track.id).collect())
}

fn renumbered(info: &StreamInfo, tracks: &[TrackId]) -> Vec<Track> {
    let tracks = tracks.iter().filter_map(|id| info.track(*id));
    (0..).zip(tracks).map(|(number, track)| Track { id: TrackId(number), ..track.clone() }).collect()
}

fn renamed(frame: &Frame, place: usize) -> Frame {
    Frame { track: TrackId(place as u8), ..frame.clone() }
}

fn headers(info: &StreamInfo) -> Vec<TrackHeader> {
    let header = |track: &Track| TrackHeader {
        id: u32::from(track.id.0) + 1,
        timescale: track.clock_rate,
        video: track.params.is_video(),
        carrier: Carrier::of(&track.params),
    };
    info.tracks.iter().map(header).collect()
}
