//! Recorded frames read one by one: across segments, gaps and headers, in both directions, and past what is deleted meanwhile.

use std::fs;

use media::id::{Profile, StreamKey};
use media::stretch::{Seek, Stretch};
use media::wall::Wall;

use super::rig::{RATE, Rig, at, frame, info};
use crate::playback::{Frames, PlaybackError, Range};

fn reader(rig: &Rig, from: f64, to: f64) -> Frames {
    let stream = StreamKey { camera: rig.camera.clone(), profile: Profile::Main };
    rig.playback().frames(Range { stream, from: at(from), to: at(to) })
}

fn seconds(wall: Wall) -> f64 {
    wall.micros_since(at(0.0)) as f64 / 1e6
}

/// All that follows, with the beginnings of what does not go on from what was before.
fn rest(frames: &mut Frames, first: Stretch) -> (Vec<f64>, Vec<f64>) {
    let (mut walls, mut seams, mut next) = (Vec::new(), Vec::new(), Some(first));
    while let Some(stretch) = next {
        if !stretch.follows {
            seams.push(seconds(stretch.frames[0].wall));
        }
        walls.extend(stretch.frames.iter().map(|f| seconds(f.wall)));
        next = frames.read(Seek::Next).unwrap();
    }
    (walls, seams)
}

#[test]
fn a_range_over_segments_is_every_frame_once_from_the_keyframe_before() {
    let mut rig = Rig::new();
    rig.send(0, 130 * RATE);
    let mut frames = reader(&rig, 50.5, 70.0);
    let first = frames.read(Seek::At(at(50.5))).unwrap().unwrap();
    assert!(first.frames[0].keyframe);
    assert_eq!(first.frames[0].payload, frame(50 * RATE).payload);
    let begin = first.frames[0].pts;
    let (walls, seams) = rest(&mut frames, first);
    assert_eq!(walls, (50 * RATE..70 * RATE).map(|n| n as f64 / RATE as f64).collect::<Vec<_>>());
    assert_eq!(seams, [50.0]);
    // One line for the whole recording, whichever segment a reader begins in.
    let later = reader(&rig, 0.0, 130.0).read(Seek::At(at(65.0))).unwrap().unwrap();
    assert_eq!(later.frames[0].pts - begin, 15 * 90_000);
}

#[test]
fn a_gap_and_another_header_are_seams_and_what_is_recorded_now_comes_when_it_is_there() {
    let mut rig = Rig::new();
    rig.send(0, 5 * RATE);
    rig.send(20 * RATE, 25 * RATE);
    rig.change_info(info(2, 1280));
    rig.send(25 * RATE, 30 * RATE);
    let mut frames = reader(&rig, 0.0, 1_000.0);
    let first = frames.read(Seek::At(at(-5.0))).unwrap().unwrap();
    let small = first.info.clone();
    let (walls, seams) = rest(&mut frames, first);
    assert_eq!(seams, [0.0, 20.0, 25.0]);
    let there = walls.len();
    rig.send(30 * RATE, 40 * RATE);
    let more = frames.read(Seek::Next).unwrap().unwrap();
    assert!(more.follows, "the segment grew");
    assert_ne!(more.info.video().unwrap().params, small.video().unwrap().params);
    let (walls, seams) = rest(&mut frames, more);
    assert_eq!((walls.len() + there > 15 * RATE as usize, seams), (true, Vec::new()));
    // In the gap there is nothing: what comes after it is meant.
    let behind = reader(&rig, 0.0, 100.0).read(Seek::At(at(10.0))).unwrap().unwrap();
    assert_eq!(seconds(behind.frames[0].wall), 20.0);
}

#[test]
fn keyframes_come_alone_in_either_direction() {
    let mut rig = Rig::new();
    rig.send(0, 70 * RATE);
    rig.send(100 * RATE, 130 * RATE);
    let mut frames = reader(&rig, 55.0, 120.0);
    frames.read(Seek::At(at(55.0))).unwrap().unwrap();
    let mut seen = Vec::new();
    let mut from = 59.5;
    while let Some(stretch) = frames.read(Seek::KeyframeFrom(at(from))).unwrap() {
        assert_eq!(stretch.frames.len(), 1);
        seen.push(seconds(stretch.frames[0].wall));
        from = seen[seen.len() - 1] + 4.0;
    }
    assert_eq!(seen, [60.0, 64.0, 68.0, 100.0, 104.0, 108.0, 112.0, 116.0]);
    let mut back = vec![seconds(frames.read(Seek::At(at(102.5))).unwrap().unwrap().frames[0].wall)];
    while let Some(stretch) = frames.read(Seek::KeyframeBefore(at(130.0))).unwrap() {
        assert!(stretch.frames.len() == 1 && stretch.frames[0].keyframe);
        back.push(seconds(stretch.frames[0].wall));
    }
    assert_eq!(back[..5], [102.0, 101.0, 100.0, 69.0, 68.0]);
    assert_eq!(back[back.len() - 1], 55.0, "not before the range");
    frames.read(Seek::At(at(110.0))).unwrap().unwrap();
    let far = frames.read(Seek::KeyframeBefore(at(66.5))).unwrap().unwrap();
    assert_eq!(seconds(far.frames[0].wall), 66.0);
}

#[test]
fn a_segment_that_is_deleted_while_it_is_read_is_read_and_one_deleted_before_is_passed_over() {
    let mut rig = Rig::new();
    rig.send(0, 190 * RATE);
    let mut frames = reader(&rig, 0.0, 190.0);
    let first = frames.read(Seek::At(at(0.0))).unwrap().unwrap();
    let segments = rig.segments();
    // Their rows are still there, as in the moment between the two steps of a deletion.
    fs::remove_file(rig.path(&segments[0])).unwrap();
    fs::remove_file(rig.path(&segments[1])).unwrap();
    let (walls, seams) = rest(&mut frames, first);
    assert_eq!(seams, [0.0, seconds(segments[2].start)]);
    let before = walls.iter().filter(|at| **at < 60.0).count();
    assert_eq!(before as i64, 60 * RATE, "what was open is read to its end");
    assert!(walls.iter().all(|at| *at < 60.0 || *at >= seconds(segments[2].start)));
}

#[test]
fn damage_is_an_error_that_names_the_file() {
    let mut rig = Rig::new();
    rig.send(0, 10 * RATE);
    let segment = rig.segments().remove(0);
    let mut bytes = fs::read(rig.path(&segment)).unwrap();
    bytes[segment.fragments[3].offset as usize + 40] ^= 0xff;
    fs::write(rig.path(&segment), bytes).unwrap();
    let mut frames = reader(&rig, 0.0, 10.0);
    frames.read(Seek::At(at(0.0))).unwrap().unwrap();
    let damaged = loop {
        match frames.read(Seek::Next) {
            Ok(Some(_)) => {}
            other => break other,
        }
    };
    assert!(matches!(damaged, Err(PlaybackError::Damaged { path }) if path == segment.path));
    let other = StreamKey { camera: rig.camera.clone(), profile: Profile::Sub };
    let mut sub = rig.playback().frames(Range { stream: other, from: at(0.0), to: at(9.0) });
    assert!(sub.read(Seek::At(at(1.0))).unwrap().is_none());
}
