//! Streams made of the bitstreams under `testdata/`, and the files that their frames become.

use std::sync::Arc;

use bytes::Bytes;
use media::codec::{CodecParams, aac, g711, mjpeg};
use media::fmp4::{self, Builder, Fragment, Limits, Note};
use media::frame::{Frame, StreamInfo, Track, TrackId};
use media::wall::Wall;

use crate::fixture;

/// When the first frame of every stream here was captured.
pub(crate) const BEGIN: Wall = Wall::from_micros(1_764_000_000_123_456);

/// A stream and its frames, in the order in which a camera sends them.
pub(crate) struct Stream {
    pub(crate) info: Arc<StreamInfo>,
    pub(crate) frames: Vec<Frame>,
}

fn frame(track: u8, rate: u32, pts: i64, keyframe: bool, payload: Vec<u8>) -> Frame {
    let wall = Wall::from_micros(BEGIN.micros() + pts * 1_000_000 / i64::from(rate));
    Frame { track: TrackId(track), pts, wall, keyframe, discontinuity: false, payload: Bytes::from(payload) }
}

/// Presentation places of pictures in decoding order: encoders send each reference picture before the B-frames that are
/// shown ahead of it, so those take the places below its own.
fn places(is_b: &[bool]) -> Vec<i64> {
    let mut places = vec![0; is_b.len()];
    let (mut next, mut at) = (0, 0);
    while at < places.len() {
        let behind = is_b[at + 1..].iter().take_while(|b| **b).count();
        places[at] = next + behind as i64;
        for b in 0..behind {
            places[at + 1 + b] = next + b as i64;
        }
        next += behind as i64 + 1;
        at += behind + 1;
    }
    places
}

/// H.264 with B-frames, 25 pictures per second, and AAC.
pub(crate) fn h264_aac() -> Stream {
    let units = fixture::h264_units(fixture::H264);
    let is_b: Vec<bool> = units.iter().map(|u| u.nals.iter().all(|n| n[0] & 0x60 == 0 || n[0] & 0x1f > 5)).collect();
    let video =
        units.iter().zip(places(&is_b)).map(|(u, place)| frame(0, 90_000, place * 3600, u.keyframe, u.payload()));
    let config = Bytes::from_static(&[0x11, 0x90]);
    let params = aac::Params { config, sample_rate: 48_000, channels: 2, object_type: 2, unit_samples: 1024 };
    let sound = fixture::aac_units(fixture::AAC);
    let sound = sound.iter().enumerate().map(|(i, u)| frame(1, 48_000, i as i64 * 1024, false, u.to_vec()));
    let tracks = vec![
        Track { id: TrackId(0), clock_rate: 90_000, params: fixture::h264_params(fixture::H264) },
        Track { id: TrackId(1), clock_rate: 48_000, params: CodecParams::Aac(params) },
    ];
    interleave(tracks, video.collect(), sound.collect())
}

/// H.265 with B-frames, and G.711.
pub(crate) fn h265_g711() -> Stream {
    let units = fixture::h265_units(fixture::H265);
    let is_b: Vec<bool> =
        units.iter().map(|u| u.nals.iter().all(|n| matches!(n[0] >> 1 & 0x3f, 0 | 2 | 4 | 6 | 8 | 32..))).collect();
    let video =
        units.iter().zip(places(&is_b)).map(|(u, place)| frame(0, 90_000, place * 3600, u.keyframe, u.payload()));
    let tracks =
        vec![Track { id: TrackId(0), clock_rate: 90_000, params: fixture::h265_params(fixture::H265) }, g711_track()];
    interleave(tracks, video.collect(), g711_sound())
}

/// JPEG pictures of two kinds in turn, and G.711.
pub(crate) fn jpeg_g711() -> Stream {
    let pictures = [fixture::JPEG_420, fixture::JPEG_422_RESTART];
    let video = (0..50).map(|i| frame(0, 90_000, i * 3600, true, pictures[i as usize % 2].to_vec()));
    let params = CodecParams::Mjpeg(mjpeg::Params { width: 320, height: 176 });
    let tracks = vec![Track { id: TrackId(0), clock_rate: 90_000, params }, g711_track()];
    interleave(tracks, video.collect(), g711_sound())
}

/// The stream without its sound.
pub(crate) fn video_alone(mut stream: Stream) -> Stream {
    stream.frames.retain(|frame| frame.track.index() == 0);
    Stream { info: StreamInfo::shared(1, vec![stream.info.tracks[0].clone()]), ..stream }
}

fn g711_track() -> Track {
    let params = g711::Params { law: g711::Law::A, channels: 1, sample_rate: 8_000 };
    Track { id: TrackId(1), clock_rate: 8_000, params: CodecParams::G711(params) }
}

/// Two seconds of it.
fn g711_sound() -> Vec<Frame> {
    (0..100).map(|i| frame(1, 8_000, i * 160, false, vec![0xd5 ^ i as u8; 160])).collect()
}

/// Audio frames come where their time is; video frames keep their decoding order.
fn interleave(tracks: Vec<Track>, video: Vec<Frame>, sound: Vec<Frame>) -> Stream {
    let mut sound = sound.into_iter().peekable();
    let mut frames = Vec::new();
    for (at, picture) in video.into_iter().enumerate() {
        let sent = BEGIN.micros() + at as i64 * 40_000;
        while let Some(unit) = sound.next_if(|unit| unit.wall.micros() < sent) {
            frames.push(unit);
        }
        frames.push(picture);
    }
    frames.extend(sound);
    Stream { info: StreamInfo::shared(1, tracks), frames }
}

/// Its fragments, cut at keyframes and after `fragment_micros`.
pub(crate) fn fragments(stream: &Stream, fragment_micros: i64) -> Vec<Fragment> {
    let limits = Limits { duration_micros_max: fragment_micros, ..Limits::default() };
    let mut builder = Builder::new(Arc::clone(&stream.info), BEGIN, limits);
    let mut fragments: Vec<Fragment> = stream.frames.iter().filter_map(|f| builder.push(f, f.wall)).collect();
    fragments.extend(builder.cut(None));
    fragments
}

/// The file that a recorder makes of them.
pub(crate) fn file(stream: &Stream, fragments: &[Fragment]) -> Bytes {
    let mut file = fmp4::init(&stream.info).unwrap().to_vec();
    file.extend(Note { run_origin: BEGIN, base_micros: 0 }.encode());
    for fragment in fragments {
        file.extend_from_slice(&fragment.head);
        fragment.payloads.iter().for_each(|p| file.extend_from_slice(p));
    }
    file.into()
}
