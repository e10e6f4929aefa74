//! Well-behaved cameras that go away, come back, stall and change.

use std::sync::Arc;

use std::collections::HashMap;

use bytes::Bytes;
use media::clip::Clip;
use media::frame::TrackId;

use super::rig::*;
use crate::fleet::State;
use crate::ingest::{Reason, Source, Transport};
use crate::sim::{demo_clip, with_parameter_sets};

/// What a reader must get for the clip's samples: by track, in order.
fn expected(clip: &Clip) -> Vec<Vec<Bytes>> {
    let samples = |track: &media::frame::Track| {
        let own = clip.samples.iter().filter(|s| s.track == track.id);
        own.map(|s| with_parameter_sets(&track.params, s)).collect()
    };
    clip.tracks.iter().map(samples).collect()
}

#[tokio::test]
async fn frames_are_bit_exact_and_begin_with_a_keyframe() {
    let (sim, rig) = (sim(1), Rig::new(quick()));
    let hub = rig.add("cam-1", &sim.url(1), Transport::Tcp);
    let clip = demo_clip().unwrap();
    let expected = expected(&clip);
    let mut viewer = Viewer::new(&hub);
    let (mut next, mut last_pts) = (HashMap::new(), HashMap::new());
    for count in 0..180 {
        let (frame, info) = viewer.frame().await;
        assert_eq!(info.tracks, clip.tracks);
        assert!(count > 0 || (frame.track == TrackId(0) && frame.keyframe && frame.discontinuity));
        let samples = &expected[frame.track.index()];
        let at = *next
            .entry(frame.track)
            .or_insert_with(|| samples.iter().position(|s| *s == frame.payload).expect("a sample of the clip"));
        assert_eq!(frame.payload, samples[at], "track {:?} sample {at}", frame.track);
        next.insert(frame.track, (at + 1) % if frame.track == TrackId(0) { 300 } else { 375 });
        let step = if frame.track == TrackId(0) { 3_600 } else { 1_024 };
        if let Some(last) = last_pts.insert(frame.track, frame.pts) {
            assert_eq!(frame.pts - last, step, "track {:?}", frame.track);
        }
    }
    let status = rig.fleet.status(&key("cam-1")).unwrap();
    assert_eq!((status.width, status.height), (Some(640), Some(360)));
    assert!(status.codec.unwrap().starts_with("avc1.4d"));
    rig.stop().await;
}

#[tokio::test]
async fn viewers_and_time_go_on_across_a_reconnect() {
    let (sim, mut rig) = (sim(1), Rig::new(quick()));
    let hub = rig.add("cam-1", &sim.url(1), Transport::Tcp);
    let mut viewer = Viewer::new(&hub);
    rig.until("cam-1", State::Running).await;
    let mut last = 0;
    for _ in 0..10 {
        last = viewer.until(|f, _| f.track == TrackId(0)).await.0.pts;
    }
    sim.camera(1).unwrap().close();
    assert_eq!(rig.end("cam-1").await, Reason::ClosedByCamera);
    rig.until("cam-1", State::Running).await;
    let mut seen = viewer.until(|f, _| f.track == TrackId(0)).await.0;
    while !seen.discontinuity {
        assert!(seen.pts > last);
        last = seen.pts;
        seen = viewer.until(|f, _| f.track == TrackId(0)).await.0;
    }
    assert!(seen.keyframe, "a new connection begins with a keyframe");
    assert!(seen.pts > last, "{} after {last}", seen.pts);
    assert!(seen.pts - last < 90_000 * 30, "time goes on, it does not leap");
    assert_eq!(hub.info().unwrap().generation, 0, "nothing of the description changed");
    let status = rig.fleet.status(&key("cam-1")).unwrap();
    assert_eq!((status.state, status.reconnects), (State::Running, 1));
    rig.stop().await;
}

#[tokio::test]
async fn a_stalled_picture_is_found_while_sound_flows() {
    let (sim, mut rig) = (sim(2), Rig::new(quick()));
    rig.add("cam-1", &sim.url(1), Transport::Tcp);
    let other = rig.add("cam-2", &sim.url(2), Transport::Tcp);
    rig.until("cam-1", State::Running).await;
    sim.camera(1).unwrap().set_video_stalled(true);
    assert_eq!(rig.end("cam-1").await, Reason::StalledVideo);
    let status = rig.fleet.status(&key("cam-1")).unwrap();
    assert!(matches!(status.state, State::BackingOff | State::Dialing));
    assert_eq!(status.reason, Some(Reason::StalledVideo));
    sim.camera(1).unwrap().set_video_stalled(false);
    rig.until("cam-1", State::Running).await;
    let other = other.info().unwrap();
    assert_eq!(other.generation, 0);
    assert_eq!(rig.fleet.status(&key("cam-2")).unwrap().reconnects, 0, "the other camera is unharmed");
    rig.stop().await;
}

#[tokio::test]
async fn a_camera_that_falls_silent_is_down() {
    let (sim, mut rig) = (sim(1), Rig::new(quick()));
    rig.add("cam-1", &sim.url(1), Transport::Tcp);
    rig.until("cam-1", State::Running).await;
    sim.camera(1).unwrap().set_silent(true);
    assert_eq!(rig.end("cam-1").await, Reason::StalledVideo);
    assert_eq!(rig.end("cam-1").await, Reason::NoMedia, "the next connection gets nothing at all");
    rig.stop().await;
}

#[tokio::test]
async fn parameter_sets_that_never_come_are_named() {
    let (sim, mut rig) = (sim(1), Rig::new(quick()));
    sim.camera(1).unwrap().set_without_parameter_sets(true);
    let hub = rig.add("cam-1", &sim.url(1), Transport::Tcp);
    assert_eq!(rig.end("cam-1").await, Reason::NoMedia);
    assert!(hub.info().is_none(), "nothing was published");
    sim.camera(1).unwrap().set_without_parameter_sets(false);
    rig.until("cam-1", State::Running).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_description_that_is_none_is_named_and_recovers() {
    let (sim, mut rig) = (sim(1), Rig::new(quick()));
    sim.camera(1).unwrap().set_garbage_sdp(true);
    rig.add("cam-1", &sim.url(1), Transport::Tcp);
    assert_eq!(rig.end("cam-1").await, Reason::BadSdp);
    sim.camera(1).unwrap().set_garbage_sdp(false);
    rig.until("cam-1", State::Running).await;
    rig.stop().await;
}

#[tokio::test]
async fn another_resolution_is_a_new_generation() {
    let (sim, mut rig) = (sim(1), Rig::new(quick()));
    let hub = rig.add("cam-1", &sim.url(1), Transport::Tcp);
    let mut viewer = Viewer::new(&hub);
    rig.until("cam-1", State::Running).await;
    let small = Clip::parse(&Bytes::from_static(include_bytes!("../../../testdata/small.mp4"))).unwrap();
    sim.camera(1).unwrap().set_clip(&small).unwrap();
    let (frame, info) = viewer.until(|_, info| info.generation == 1).await;
    assert!(frame.keyframe);
    assert_eq!(info.video().unwrap().params.dimensions(), Some((320, 180)));
    assert_eq!(rig.fleet.status(&key("cam-1")).unwrap().reconnects, 0);
    rig.stop().await;
}

#[tokio::test]
async fn datagrams_that_are_lost_or_late_cost_units_and_nothing_more() {
    let (sim, mut rig) = (sim(1), Rig::new(quick()));
    let hub = rig.add("cam-1", &sim.url(1), Transport::Udp);
    let mut viewer = Viewer::new(&hub);
    rig.until("cam-1", State::Running).await;
    let clip = demo_clip().unwrap();
    let known: std::collections::HashSet<Bytes> = expected(&clip).into_iter().flatten().collect();
    viewer.frame().await;
    sim.camera(1).unwrap().set_drop_every(50);
    sim.camera(1).unwrap().set_swap_every(77);
    viewer.until(|f, _| f.discontinuity).await;
    for _ in 0..100 {
        assert!(known.contains(&viewer.frame().await.0.payload), "whole units of the clip only");
    }
    let status = rig.fleet.status(&key("cam-1")).unwrap();
    assert!(status.packets_lost > 0);
    assert_eq!((status.state, status.reconnects), (State::Running, 0));
    rig.stop().await;
}

#[tokio::test]
async fn sender_reports_give_the_time_of_capture() {
    let (sim, rig) = (sim(1), Rig::new(quick()));
    let hub = rig.add("cam-1", &sim.url(1), Transport::Tcp);
    let mut viewer = Viewer::new(&hub);
    let mut walls = Vec::new();
    while walls.len() < 60 {
        let (frame, _) = viewer.until(|f, _| f.track == TrackId(0)).await;
        walls.push(frame.wall);
    }
    // Arrival jitters by the simulator's tick; the reports' line does not.
    let steps = walls.windows(2).skip(5).map(|w| w[1].micros_since(w[0]));
    let even = steps.filter(|step| (step - 40_000).abs() <= 2).count();
    assert!(even >= 50, "{even} even steps of 54");
    rig.stop().await;
}

#[tokio::test]
async fn a_changed_source_is_dialled_anew_and_a_removed_camera_is_gone() {
    let (sim, mut rig) = (sim(2), Rig::new(quick()));
    let hub = rig.add("cam-1", &sim.url(1), Transport::Tcp);
    rig.until("cam-1", State::Running).await;
    assert!(scrape(&rig).contains("sluice_camera_up{camera=\"cam-1\"} 1"));
    let other = Source::parse(&sim.url(2), None, Transport::Tcp).unwrap();
    assert!(rig.fleet.update(&key("cam-1"), other.clone()));
    assert_eq!(rig.end("cam-1").await, Reason::Updated);
    rig.until("cam-1", State::Running).await;
    assert_eq!(sim.camera(2).unwrap().connections(), 1);
    assert!(rig.fleet.update(&key("cam-1"), other), "the same source is no change");
    assert!(scrape(&rig).contains("sluice_camera_reconnects_total{camera=\"cam-1\",reason=\"updated\"} 1"));
    assert!(rig.fleet.remove(&key("cam-1")).await);
    rig.until("cam-1", State::Stopped).await;
    assert!(rig.streams.lookup(&key("cam-1")).is_none());
    let mut viewer = hub.subscribe(media::hub::Start::Live, media::hub::Budget::default());
    assert!(viewer.next().await.is_none(), "the hub is closed");
    assert!(!scrape(&rig).contains("cam-1"));
    assert!(!rig.fleet.remove(&key("cam-1")).await);
    rig.stop().await;
}

#[tokio::test]
async fn a_name_is_free_again_before_the_old_connection_is_closed() {
    let (sim, mut rig) = (sim(2), Rig::new(quick()));
    let old = rig.add("cam-1", &sim.url(1), Transport::Tcp);
    rig.until("cam-1", State::Running).await;
    let closing = rig.fleet.remove(&key("cam-1"));
    let new = rig.add("cam-1", &sim.url(2), Transport::Tcp);
    assert!(!Arc::ptr_eq(&old, &new));
    assert!(closing.await);
    let stream = rig.streams.lookup(&key("cam-1")).expect("the new one stays");
    assert!(Arc::ptr_eq(&stream.hub, &new));
    assert!(rig.fleet.status(&key("cam-1")).is_some());
    rig.stop().await;
}

fn scrape(rig: &Rig) -> String {
    let mut text = String::new();
    prometheus::TextEncoder::new().encode_utf8(&rig.registry.gather(), &mut text).unwrap();
    text
}
