//! Segments, their borders, and gaps with their reasons.

use bytes::Bytes;
use media::frame::Frame;
use media::hub::{Delivery, Lag};
use media::wall::Wall;

use super::rig::{RATE, Rig, T0, at, frame, info};
use crate::gap::GapReason;
use crate::queue::Op;

#[test]
fn segments_follow_each_other_and_begin_at_keyframes() {
    let mut rig = Rig::new();
    rig.send(0, 150 * RATE);
    let segments = rig.segments();
    assert_eq!(segments.len(), 3);
    assert_eq!(segments.iter().map(|s| s.start).collect::<Vec<_>>(), [at(0.0), at(60.0), at(120.0)]);
    assert!(segments.windows(2).all(|w| w[0].end == w[1].start));
    assert!(segments.iter().all(|s| s.fragments[0].keyframe));
    assert_eq!(segments.iter().map(|s| s.sealed).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(segments[1].path, "cam-1/2025-11-24/160100.000.mp4");
    assert_eq!(rig.gaps(), []);
}

#[test]
fn what_is_not_durable_is_not_shown() {
    let mut rig = Rig::new();
    rig.send(0, 2 * RATE);
    let shown = rig.segments()[0].end;
    for n in 2 * RATE..3 * RATE {
        rig.send_frame(frame(n));
    }
    assert_eq!(rig.segments()[0].end, shown);
    rig.sync();
    assert!(rig.segments()[0].end > shown);
}

#[test]
fn a_change_of_parameters_begins_a_segment_with_another_header() {
    let mut rig = Rig::new();
    rig.send(0, 10 * RATE);
    rig.change_info(info(2, 1280));
    rig.send(10 * RATE, 20 * RATE);
    let segments = rig.segments();
    assert_eq!(segments.len(), 2);
    assert_ne!(segments[0].init_hash, segments[1].init_hash);
    assert_eq!(segments[1].start, at(10.0));
    // The same stream described anew is no change.
    rig.change_info(info(2, 1280));
    rig.send(20 * RATE, 22 * RATE);
    assert_eq!(rig.segments().len(), 2);
}

#[test]
fn a_camera_that_is_down_has_a_gap_with_its_reason() {
    let mut rig = Rig::new();
    rig.send(0, 10 * RATE);
    let mut ops = Vec::new();
    rig.recording.end(&mut ops);
    ops.push(Op::Down { at: at(10.4), reason: GapReason::from_word("camera_timeout") });
    rig.hand_in(ops);
    rig.sync();
    rig.clock.set(30.0);
    assert_eq!(rig.gaps(), [(10.0, 30.0, "camera_timeout".into())]);
    rig.send(40 * RATE, 45 * RATE);
    assert_eq!(rig.gaps(), [(10.0, 40.0, "camera_timeout".into())]);
    let counted = rig.metrics.gap_seconds.with_label_values(&["cam-1", "camera_timeout"]).get();
    assert!((counted - 30.0).abs() < 1e-6, "{counted}");
}

#[test]
fn silence_becomes_a_gap_even_if_nobody_says_why() {
    let mut rig = Rig::new();
    rig.send(0, 10 * RATE);
    let now = |rig: &Rig| crate::recording::Now {
        wall: media::wall::Clock::wall(&*rig.clock),
        monotonic: media::wall::Clock::monotonic(&*rig.clock),
    };
    rig.clock.set(12.0);
    let mut ops = Vec::new();
    rig.recording.flush_stale(now(&rig), &mut ops);
    rig.hand_in(ops);
    rig.sync();
    assert_eq!(rig.segments()[0].end, at(10.0), "what was pending is written");
    rig.clock.set(20.0);
    rig.tick();
    assert_eq!(rig.gaps(), [(10.0, 20.0, "no_frames".into())]);
}

#[test]
fn frames_that_the_hub_let_go_are_a_gap() {
    let mut rig = Rig::new();
    rig.send(0, 10 * RATE);
    rig.deliver(Delivery::Lagged { frames: 13, why: Lag::Ring });
    for n in 10 * RATE + 13..12 * RATE {
        rig.send_frame(frame(n));
    }
    rig.send(12 * RATE, 14 * RATE);
    assert_eq!(rig.gaps(), [(10.0, 11.0, "reader_lag".into())], "up to the next keyframe");
}

#[test]
fn a_wall_clock_that_jumps_begins_a_segment() {
    let mut rig = Rig::new();
    rig.send(0, 10 * RATE);
    for n in 10 * RATE..20 * RATE {
        let wall = Wall::from_micros(frame(n).wall.micros() + 7_000_000);
        rig.send_frame(Frame { wall, ..frame(n) });
    }
    rig.sync();
    let starts: Vec<Wall> = rig.segments().iter().map(|s| s.start).collect();
    assert_eq!(starts, [at(0.0), at(17.0)]);
}

#[test]
fn a_camera_whose_clock_is_wrong_is_recorded_by_ours() {
    let mut rig = Rig::new();
    for n in 0..5 * RATE {
        let right = frame(n).wall;
        rig.clock.set(n as f64 / RATE as f64);
        let wall = Wall::from_micros(right.micros() - T0);
        let published = media::hub::Hub::new(Default::default(), 1).publish(Frame { wall, ..frame(n) }, &info(1, 640));
        rig.deliver(Delivery::Frame(published));
    }
    rig.sync();
    let segments = rig.segments();
    assert_eq!((segments.len(), segments[0].start), (1, at(0.0)));
}

#[test]
fn hostile_stamps_make_few_segments_and_lose_nothing() {
    let mut rig = Rig::new();
    let mut sent = 0;
    for n in 0..60 * RATE {
        let pts = match n % 7 {
            0 => i64::MIN,
            1 => i64::MAX,
            2 => -n * 1_000_000,
            _ => frame(n).pts,
        };
        let payload = Bytes::from(vec![1; 100]);
        sent += payload.len() as u64;
        rig.send_frame(Frame { pts, payload, ..frame(n) });
    }
    let rig = rig.stop_and_start();
    let segments = rig.segments();
    assert!(segments.len() <= 14, "{} segments", segments.len());
    let stored: u64 = segments.iter().map(|s| s.bytes).sum();
    assert!(stored > sent, "every payload and the heads");
    assert_eq!(rig.report.cut + rig.report.quarantined, 0);
}
