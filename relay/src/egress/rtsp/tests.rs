//! RTSP to viewers over loopback: real sockets, real H.264, a camera made of a clip.

mod crowd;
mod playback;
mod rig;
mod tape;
mod viewer;

use std::time::Duration;

use media::frame::TrackId;

use crate::config::Config;
use crate::lease::{EndReason, Protocol, Refused, SessionEvent};
use rig::{Rig, TOKEN, VIDEO};
use viewer::{Packet, Viewer};

/// Sequence numbers without a hole.
fn assert_contiguous(packets: &[Packet]) {
    for pair in packets.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
    }
}

/// The packets of the video track.
fn video(packets: &[Packet]) -> Vec<Packet> {
    packets.iter().filter(|p| p.channel == 0).cloned().collect()
}

#[tokio::test]
async fn a_viewer_gets_every_packet_from_the_newest_keyframe_on() {
    let mut rig = Rig::start(Config::default()).await;
    rig.publish(40);
    let session = rig.lease();
    let mut viewer = Viewer::playing(rig.address(), TOKEN).await;
    // Bit by bit: the hub keeps a second of history behind the newest keyframe, and no more.
    let mut packets = Vec::new();
    for _ in 0..6 {
        packets.extend(viewer.packets_until(rig.publish(10).last().unwrap()).await);
    }

    let video: Vec<_> = packets.iter().filter(|p| p.channel == 0).cloned().collect();
    assert_contiguous(&video);
    assert!(video[0].begins_keyframe(), "{:02x?}", &video[0].payload[..2]);
    // 100 frames were published, the newest keyframe before PLAY was number 25.
    let timestamps: std::collections::BTreeSet<_> = video.iter().map(|p| p.timestamp).collect();
    assert_eq!(timestamps.len(), 75);
    let first = viewer.rtp_info("trackID=0");
    assert_eq!(first, (video[0].sequence, video[0].timestamp));

    let audio: Vec<_> = packets.iter().filter(|p| p.channel == 2).cloned().collect();
    assert!(!audio.is_empty());
    assert_contiguous(&audio);

    let media_bytes = viewer.media_bytes;
    let snapshot = rig.leases.snapshot(&session).unwrap();
    assert_eq!((snapshot.connections, snapshot.protocol), (1, Some(Protocol::Rtsp)));
    viewer.teardown().await;
    rig.leases.end(&session, EndReason::User);
    let events = rig.events_until_closed().await;
    assert!(matches!(&events[0], SessionEvent::Started { session: s, protocol: Protocol::Rtsp, .. } if *s == session));
    let SessionEvent::Closed { reason: EndReason::User, bytes, .. } = events[1] else { panic!("{events:?}") };
    assert_eq!(bytes, media_bytes);
    rig.stop().await;
}

#[tokio::test]
async fn without_a_right_no_media_byte_leaves_and_the_refusal_is_told() {
    let mut rig = Rig::start(Config::default()).await;
    rig.publish(30);
    let stranger = rig.lease_for("10.9.9.9".parse().unwrap());
    let mut refusals = Vec::new();
    for (token, status) in [("made-up", 404), (&"A".repeat(43)[..], 404), (TOKEN, 403)] {
        for method in ["OPTIONS", "DESCRIBE", "SETUP", "PLAY"] {
            let mut viewer = Viewer::connect(rig.address()).await;
            assert_eq!(viewer.ask(method, token, "", "Transport: RTP/AVP/TCP;unicast\r\n").await.0, status, "{method}");
            assert!(viewer.rest().await.is_empty());
            refusals.push(rig.next_event().await);
        }
    }
    for (event, why) in refusals.chunks(4).zip([Refused::Unknown, Refused::Unknown, Refused::WrongTerminal]) {
        for event in event {
            let SessionEvent::Refused { why: told, session, protocol: Protocol::Rtsp, .. } = event else {
                panic!("{event:?}")
            };
            assert_eq!(*told, why);
            assert_eq!(session.is_some(), why == Refused::WrongTerminal);
        }
    }
    assert_eq!(rig.leases.snapshot(&stranger).unwrap().bytes, 0);

    rig.leases.end(&stranger, EndReason::Revoked);
    let session = rig.lease();
    rig.leases.end(&session, EndReason::Revoked);
    let mut late = Viewer::connect(rig.address()).await;
    assert_eq!(late.ask("DESCRIBE", TOKEN, "", "").await.0, 403);
    assert_eq!(rig.counter("sluice_refusals_total"), 13.0);
    rig.stop().await;
}

#[tokio::test]
async fn an_ended_lease_stops_the_bytes_at_once() {
    for reason in [EndReason::Revoked, EndReason::Shutdown] {
        let mut rig = Rig::start(Config::default()).await;
        rig.publish(30);
        let session = rig.lease();
        let mut viewer = Viewer::playing(rig.address(), TOKEN).await;
        let before = rig.publish(5);
        viewer.packets_until(before.last().unwrap()).await;
        assert!(rig.leases.end(&session, reason));
        let after = rig.publish(50);
        let rest = viewer.rest_packets().await;
        let first_after = after[0].rtp.timestamp;
        assert!(rest.iter().all(|p| p.channel != 0 || p.timestamp.wrapping_sub(first_after) > u32::MAX / 2));
        let closed = rig.events_until_closed().await;
        assert!(matches!(closed.last(), Some(SessionEvent::Closed { reason: told, .. }) if *told == reason));
        rig.stop().await;
    }
}

#[tokio::test]
async fn a_lease_that_runs_out_while_it_plays_ends_as_expired() {
    let mut rig = Rig::start(Config::default()).await;
    rig.publish(30);
    let session = rig.lease();
    let mut viewer = Viewer::playing(rig.address(), TOKEN).await;
    let last = rig.publish(5);
    viewer.packets_until(last.last().unwrap()).await;
    assert!(rig.leases.renew(&session, rig.now() + Duration::from_millis(50)));
    let events = rig.events_until_closed().await;
    assert!(matches!(events.last(), Some(SessionEvent::Closed { reason: EndReason::Expired, .. })), "{events:?}");
    viewer.rest().await;
    rig.stop().await;
}

#[tokio::test]
async fn a_newer_connection_takes_over_the_older() {
    let mut rig = Rig::start(Config::default()).await;
    rig.publish(30);
    let session = rig.lease();
    let mut older = Viewer::playing(rig.address(), TOKEN).await;
    let last = rig.publish(2);
    older.packets_until(last.last().unwrap()).await;
    let mut newer = Viewer::playing(rig.address(), TOKEN).await;
    let last = rig.publish(2);
    newer.packets_until(last.last().unwrap()).await;
    older.rest().await;
    rig.until(|rig| rig.leases.snapshot(&session).unwrap().connections == 1).await;
    let last = rig.publish(10);
    assert_contiguous(&newer.video_until(last.last().unwrap()).await);
    rig.stop().await;
}

#[tokio::test]
async fn a_slow_viewer_skips_to_a_keyframe_and_another_loses_nothing() {
    let config = Config { send_buffer_bytes: 64 << 10, stuck_timeout: Duration::from_secs(60), ..Config::default() };
    let mut rig = Rig::start(config).await;
    rig.publish(30);
    rig.lease();
    rig.lease_with("second", [9; 32]);
    let mut slow = Viewer::playing_small(rig.address(), TOKEN).await;
    let mut quick = Viewer::playing(rig.address(), &rig::token([9; 32])).await;
    let mut seen = Vec::new();
    let mut last = None;
    // The slow one reads nothing while far more than its sockets hold goes by.
    for _ in 0..30 {
        last = rig.publish_heavy(25).pop();
        seen.extend(quick.video_until(last.as_ref().unwrap()).await);
    }
    assert_contiguous(&seen);
    let got = slow.video_until(last.as_ref().unwrap()).await;
    let holes: Vec<_> = got.windows(2).filter(|p| p[1].sequence != p[0].sequence.wrapping_add(1)).collect();
    assert!(!holes.is_empty(), "nothing was skipped: the test does not fill the sockets");
    assert!(holes.iter().all(|pair| pair[1].begins_keyframe()));
    assert!(holes.iter().all(|pair| pair[0].marker), "a frame was cut");
    assert!(rig.counter("sluice_viewer_skips_total") >= 1.0);
    rig.stop().await;
}

#[tokio::test]
async fn a_viewer_that_takes_nothing_is_ended_as_too_slow() {
    let config = Config { send_buffer_bytes: 16 << 10, stuck_timeout: Duration::from_millis(300), ..Config::default() };
    let mut rig = Rig::start(config).await;
    rig.publish(30);
    rig.lease();
    let _stuck = Viewer::playing_small(rig.address(), TOKEN).await;
    for _ in 0..20 {
        rig.publish_heavy(25);
        tokio::task::yield_now().await;
    }
    let events = rig.events_until_closed().await;
    assert!(matches!(events.last(), Some(SessionEvent::Closed { reason: EndReason::TooSlow, .. })), "{events:?}");
    rig.stop().await;
}

#[tokio::test]
async fn udp_carries_the_same_packets_and_reports() {
    let mut rig = Rig::start(Config::default()).await;
    rig.publish(30);
    rig.lease();
    let mut viewer = Viewer::connect(rig.address()).await;
    let udp = viewer.play_udp(TOKEN).await;
    let mut got: Vec<Packet> = Vec::new();
    let mut ssrc = 0;
    for _ in 0..10 {
        let last = rig.publish_heavy(1).pop().unwrap();
        ssrc = last.rtp.ssrc;
        while got.last().is_none_or(|p| p.timestamp != last.rtp.timestamp || !p.marker) {
            got.push(udp.packet().await);
        }
    }
    assert_contiguous(&got);
    assert!(got[0].begins_keyframe());
    assert!(got.iter().all(|p| p.payload.len() <= 1_500));
    let report = udp.report().await;
    assert_eq!(media::rtp::read_sender_report(&report).unwrap().ssrc, ssrc);
    rig.stop().await;
}

#[tokio::test]
async fn a_report_ties_timestamps_to_the_capture_over_tcp() {
    let mut rig = Rig::start(Config::default()).await;
    rig.publish(30);
    rig.lease();
    let mut viewer = Viewer::playing(rig.address(), TOKEN).await;
    let report = loop {
        let (channel, bytes) = viewer.interleaved().await;
        if channel == 1 {
            break media::rtp::read_sender_report(&bytes).unwrap();
        }
    };
    let (ssrc, offset) = rig.hub().rtp_offset(TrackId(VIDEO)).unwrap();
    assert_eq!(report.ssrc, ssrc);
    let pts = report.rtp.wrapping_sub(offset);
    assert_eq!(media::rtp::wall_of(report.ntp).micros() / 1_000, rig.capture_of(pts).micros() / 1_000);
    rig.stop().await;
}

#[tokio::test]
async fn a_pause_stops_frames_and_play_goes_on_at_a_keyframe() {
    let mut rig = Rig::start(Config::default()).await;
    rig.publish(30);
    rig.lease();
    let mut viewer = Viewer::playing(rig.address(), TOKEN).await;
    let last = rig.publish(3);
    viewer.packets_until(last.last().unwrap()).await;
    assert_eq!(viewer.ask("PAUSE", TOKEN, "", "").await.0, 200);
    viewer.forget_queued();
    let paused = rig.publish(60);
    assert_eq!(viewer.ask("GET_PARAMETER", TOKEN, "", "").await.0, 200);
    assert_eq!(viewer.queued(), 0);
    assert_eq!(viewer.ask("PLAY", TOKEN, "", "").await.0, 200);
    let resumed = viewer.video_until(paused.last().unwrap()).await;
    assert!(resumed[0].begins_keyframe());
    assert_contiguous(&resumed);
    rig.stop().await;
}

#[tokio::test]
async fn a_camera_that_comes_back_goes_on_and_one_that_became_another_ends() {
    let mut rig = Rig::start(Config::default()).await;
    rig.publish(30);
    rig.lease();
    let mut viewer = Viewer::playing(rig.address(), TOKEN).await;
    rig.new_parameters();
    let last = rig.publish(30);
    viewer.packets_until(last.last().unwrap()).await;
    rig.become_audio_only();
    rig.publish(1);
    let events = rig.events_until_closed().await;
    assert!(matches!(events.last(), Some(SessionEvent::Closed { reason: EndReason::CameraLost, .. })), "{events:?}");
    viewer.rest().await;
    rig.stop().await;
}

#[tokio::test]
async fn describe_waits_for_the_camera_and_then_says_that_it_is_away() {
    let config = Config { describe_timeout: Duration::from_millis(700), ..Config::default() };
    let mut rig = Rig::start(config).await;
    rig.lease();
    let mut away = Viewer::connect(rig.address()).await;
    assert_eq!(away.ask("DESCRIBE", TOKEN, "", "").await.0, 503);
    let mut waiting = Viewer::connect(rig.address()).await;
    waiting.send("DESCRIBE", TOKEN, "", "").await;
    rig.until(|rig| rig.hub().readers() == 1).await;
    rig.publish(1);
    let (status, sdp) = waiting.response().await;
    assert_eq!(status, 200);
    for line in
        ["m=video 0 RTP/AVP 96\r\n", "a=rtpmap:96 H264/90000\r\n", "a=control:trackID=1\r\n", "m=audio 0 RTP/AVP 8\r\n"]
    {
        assert!(sdp.contains(line), "{line} in {sdp}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_thousand_connections_of_garbage_stay_within_the_limits() {
    let config = Config { connections_max: 100, connections_per_address_max: 80, ..Config::default() };
    let mut rig = Rig::start(config).await;
    rig.publish(30);
    rig.lease();
    let mut garbage = Vec::new();
    for n in 0..1_000_u32 {
        let mut viewer = Viewer::connect(rig.address()).await;
        // Half of them say nothing or not enough, so that they stay.
        viewer.send_raw(if n % 2 == 0 { b"OPTIONS rtsp" } else { b"\x16\x03\x01\x02\x00\x01" }).await;
        assert!(rig.counter("sluice_rtsp_connections") <= 80.0);
        garbage.push(viewer);
    }
    rig.until(|rig| {
        rig.counter("sluice_rtsp_connections_refused_total") + rig.counter("sluice_rtsp_faults_total") >= 920.0
    })
    .await;
    assert!(rig.counter("sluice_rtsp_connections") <= 80.0);
    drop(garbage);
    rig.until(|rig| rig.counter("sluice_rtsp_connections") == 0.0).await;
    let mut viewer = Viewer::playing(rig.address(), TOKEN).await;
    let last = rig.publish(3);
    viewer.packets_until(last.last().unwrap()).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_stop_ends_sessions_and_waits_for_their_connections() {
    let mut rig = Rig::start(Config::default()).await;
    rig.publish(30);
    rig.lease();
    let mut viewer = Viewer::playing(rig.address(), TOKEN).await;
    let last = rig.publish(3);
    viewer.packets_until(last.last().unwrap()).await;
    let _opening = Viewer::connect(rig.address()).await;
    rig.stop_server().await;
    let events = rig.events_until_closed().await;
    assert!(matches!(events.last(), Some(SessionEvent::Closed { reason: EndReason::Shutdown, .. })), "{events:?}");
    viewer.rest().await;
    assert_eq!(rig.counter("sluice_rtsp_connections"), 0.0);
    rig.stop().await;
}

#[tokio::test]
async fn a_viewer_that_tears_down_and_closes_at_once_has_left() {
    let config = Config { idle_timeout: Duration::from_millis(100), ..Config::default() };
    let mut rig = Rig::start(config).await;
    rig.publish(30);
    rig.lease();
    let mut viewer = Viewer::playing(rig.address(), TOKEN).await;
    let last = rig.publish(1);
    viewer.packets_until(last.last().unwrap()).await;
    // Frames that it never reads turn its close into a reset, which overtakes what it said.
    rig.publish_heavy(10);
    viewer.send("TEARDOWN", TOKEN, "", "").await;
    drop(viewer);
    rig.publish_heavy(10);
    let events = rig.events_until_closed().await;
    assert!(matches!(events.last(), Some(SessionEvent::Closed { reason: EndReason::User, .. })), "{events:?}");
    rig.stop().await;
}

#[tokio::test]
async fn an_end_is_heard_while_nothing_flows() {
    let mut rig = Rig::start(Config::default()).await;
    rig.publish(30);
    let session = rig.lease();
    let mut viewer = Viewer::playing(rig.address(), TOKEN).await;
    let last = rig.publish(1);
    viewer.packets_until(last.last().unwrap()).await;
    // Behind the first reports nothing is sent for 5 s that would notice the end by itself.
    for _ in 0..2 {
        assert_eq!(viewer.interleaved().await.0 % 2, 1);
    }
    assert!(rig.leases.end(&session, EndReason::Suspended));
    tokio::time::timeout(Duration::from_secs(3), viewer.rest()).await.expect("the end is heard by itself");
    rig.until(|rig| rig.leases.snapshot(&session).is_none()).await;
    rig.stop().await;
}

#[tokio::test]
async fn a_viewer_between_keyframes_waits_for_the_next() {
    let mut rig = Rig::start(Config::default()).await;
    rig.begin_between_keyframes();
    rig.publish(5);
    rig.lease();
    let mut viewer = Viewer::playing(rig.address(), TOKEN).await;
    let mut video = Vec::new();
    for _ in 0..3 {
        let last = rig.publish(10);
        // The first ten hold no keyframe: nothing of them comes.
        if last.iter().any(|f| f.frame.keyframe) || !video.is_empty() {
            video.extend(viewer.video_until(last.last().unwrap()).await);
        }
    }
    assert!(video[0].begins_keyframe());
    assert_contiguous(&video);
    rig.stop().await;
}
