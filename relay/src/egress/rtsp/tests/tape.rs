//! A recording in memory: a minute of the clip with sound, a hole of an hour in its middle, and read as the recorder reads.

use std::sync::Arc;

use bytes::Bytes;
use media::frame::{Frame, TrackId};
use media::id::StreamKey;
use media::stretch::{Seek, Stretch};
use media::wall::Wall;

use super::rig::{AUDIO, VIDEO, clip, with_filler};
use crate::recording::{Read, Reading, Recordings, Unreadable};

/// When it begins: 2025-11-24 16:00:00 UTC.
pub(super) const T0: i64 = 1_764_000_000_000_000;
/// Its length in seconds, and the second before which the hole is.
pub(super) const SECONDS: i64 = 60;
pub(super) const HOLE_AT: i64 = 30;
pub(super) const HOLE_SECONDS: i64 = 3_600;
/// Frames in a second, the first of them a keyframe.
pub(super) const RATE: i64 = 25;
/// What cannot be read, in seconds.
pub(super) const TORN_AT: i64 = 50;
/// From that second on each picture is as long as forty.
pub(super) const HEAVY_AT: i64 = 40;

/// Seconds of the tape as an instant; the hole counts.
pub(super) fn at(seconds: f64) -> Wall {
    Wall::from_micros(T0 + (seconds * 1e6).round() as i64)
}

pub(super) struct Tape {
    stretches: Vec<(Wall, Stretch)>,
}

struct TapeReader {
    tape: Arc<Tape>,
    range: (Wall, Wall),
    last: Option<usize>,
}

impl Tape {
    pub(super) fn of_clip() -> Arc<Self> {
        let (pictures, info) = clip();
        let stretch = |second: i64| {
            let hole = if second >= HOLE_AT { HOLE_SECONDS } else { 0 };
            let start = T0 + (second + hole) * 1_000_000;
            let frames = (0..RATE).flat_map(|n| {
                let number = second * RATE + n;
                let (keyframe, picture) = &pictures[number as usize % pictures.len()];
                let micros = start + n * 40_000;
                let filler = if second >= HEAVY_AT { 40_000 } else { 0 };
                let frame = |track, rate: i128, keyframe, payload| Frame {
                    track: TrackId(track),
                    pts: (i128::from(micros) * rate / 1_000_000) as i64,
                    wall: Wall::from_micros(micros),
                    keyframe,
                    discontinuity: false,
                    payload,
                };
                [
                    frame(VIDEO, 90_000, *keyframe && n == 0, with_filler(picture, filler)),
                    frame(AUDIO, 8_000, false, Bytes::from_static(&[0xd5; 320])),
                ]
            });
            let frames: Vec<Frame> = frames.collect();
            assert!(frames[0].keyframe, "a group of the clip is a second long");
            let follows = second != 0 && second != HOLE_AT;
            (Wall::from_micros(start), Stretch { info: Arc::clone(&info), frames, follows })
        };
        Arc::new(Self { stretches: (0..SECONDS).map(stretch).collect() })
    }
}

impl Recordings for Arc<Tape> {
    fn open(&self, _: &StreamKey, from: Wall, to: Wall) -> Box<dyn Reading> {
        Box::new(TapeReader { tape: Self::clone(self), range: (from, to), last: None })
    }
}

impl TapeReader {
    fn find(&mut self, seek: Seek) -> Result<Option<Stretch>, Unreadable> {
        let starts = || self.tape.stretches.iter().map(|(start, _)| *start);
        let last = self.last;
        let place = match seek {
            Seek::At(wall) => starts().position(|start| start + std::time::Duration::from_secs(1) > wall),
            Seek::Next => last.map(|place| place + 1),
            Seek::KeyframeFrom(wall) => starts().enumerate().position(|(n, start)| Some(n) > last && start >= wall),
            Seek::KeyframeBefore(wall) => {
                let before = starts().take(last.unwrap_or(0)).rposition(|start| start <= wall);
                before.filter(|n| starts().nth(*n) >= Some(self.range.0))
            }
        };
        if place.is_some_and(|place| place as i64 == TORN_AT) {
            return Err(Unreadable("torn".into()));
        }
        self.last = place.or(last);
        let Some((_, mut stretch)) = place.and_then(|place| self.tape.stretches.get(place).cloned()) else {
            return Ok(None);
        };
        match seek {
            Seek::KeyframeFrom(_) | Seek::KeyframeBefore(_) => stretch.frames.truncate(1),
            Seek::At(_) => stretch.follows = false,
            Seek::Next => {}
        }
        stretch.frames.retain(|frame| frame.wall < self.range.1);
        Ok((!stretch.frames.is_empty()).then_some(stretch))
    }
}

impl Reading for TapeReader {
    fn read(mut self: Box<Self>, seek: Seek) -> Read {
        Box::pin(async move {
            tokio::task::yield_now().await;
            let found = self.find(seek);
            (self as Box<dyn Reading>, found)
        })
    }
}
