//! Recordings over RTSP: from an instant, past a hole, fast, slow and backwards, sought and paused, to a slow viewer and under a lease that
//! ends. What was played is told by the marks, which say when each keyframe was captured.

use std::time::Duration;

use media::mark::{Finder, MarkKey};
use media::wall::Wall;

use super::rig::{MARK_SECRET, Rig, TOKEN};
use super::tape::{HEAVY_AT, HOLE_AT, HOLE_SECONDS, RATE, T0, TORN_AT};
use super::viewer::{Packet, Viewer};
use super::{assert_contiguous, video};
use crate::config::Config;
use crate::lease::{EndReason, SessionEvent};

const WHOLE: f64 = (HOLE_SECONDS + 60) as f64;

fn clock(seconds: f64) -> String {
    let millis = (seconds * 1e3).round() as i64;
    let (second, millis) = (millis / 1_000, millis % 1_000);
    format!("20251124T16{:02}{:02}.{millis:03}Z", second / 60, second % 60)
}

/// Seconds of the tape that the marked pictures were captured at.
fn captured(packets: &[Packet]) -> Vec<f64> {
    let (mut finder, mut found) = (Finder::default(), Vec::new());
    video(packets).iter().for_each(|packet| finder.push(&packet.payload, &mut |mark| found.push(mark.text)));
    let key = MarkKey::new(&MARK_SECRET);
    let read = |text| key.read(text).expect("a mark of ours").at.micros_since(Wall::from_micros(T0));
    found.iter().map(|text| read(text) as f64 / 1e6).collect()
}

/// Timestamps of the pictures, each once, in ticks from the first.
fn shown(packets: &[Packet]) -> Vec<i64> {
    let mut times: Vec<u32> = video(packets).iter().map(|packet| packet.timestamp).collect();
    times.dedup();
    times.iter().map(|time| i64::from(time.wrapping_sub(times[0]) as i32)).collect()
}

#[tokio::test]
async fn a_recording_plays_from_an_instant_past_a_hole_to_its_end() {
    let rig = Rig::start(Config::default()).await;
    rig.lease_recording(28.0, (HOLE_AT + HOLE_SECONDS) as f64 + 1.0);
    let mut viewer = Viewer::connect(rig.address()).await;
    let (status, sdp) = viewer.ask("DESCRIBE", TOKEN, "", "").await;
    assert_eq!(status, 200);
    assert!(sdp.contains(&format!("a=range:clock={}-", clock(28.0))), "{sdp}");
    let began = rig.now();
    viewer.play_tracks(TOKEN, &format!("Range: clock={}-\r\n", clock(28.5))).await;
    assert!(viewer.header("Range:").starts_with(&format!("clock={}-", clock(28.0))), "{}", viewer.header("Range:"));
    assert_eq!(viewer.header("Scale:"), "1.000");
    let (first, sound) = (viewer.rtp_info("trackID=0"), viewer.rtp_info("trackID=1"));
    let rest = viewer.rest().await;
    let took = rig.now() - began;
    let packets = Packet::of(&rest);
    let seen = video(&packets);
    assert_eq!(first, (seen[0].sequence, seen[0].timestamp));
    let heard: Vec<_> = packets.iter().filter(|p| p.channel == 2).cloned().collect();
    assert_eq!(sound, (heard[0].sequence, heard[0].timestamp));
    assert_contiguous(&seen);
    assert_contiguous(&heard);
    let behind = (HOLE_AT + HOLE_SECONDS) as f64;
    assert_eq!(captured(&packets), [28.0, 29.0, behind]);
    assert_eq!(shown(&packets), (0..3 * RATE).map(|n| n * 3_600).collect::<Vec<_>>(), "one frame's time past the hole");
    assert!(took > Duration::from_secs(2) && took < Duration::from_secs(10), "{took:?}");
    // Both tracks say goodbye behind their last frame.
    let (channels, last): (Vec<u8>, Vec<&[u8]>) =
        rest[rest.len() - 2..].iter().map(|(channel, bytes)| (*channel, &bytes[bytes.len() - 8..])).unzip();
    assert_eq!(channels, [1, 3]);
    assert!(last.iter().all(|bytes| bytes[..4] == [0x81, 203, 0, 1]), "{last:02x?}");
    rig.stop().await;
}

#[tokio::test]
async fn fast_and_backwards_are_keyframes_alone_and_slow_is_every_picture() {
    let mut rig = Rig::start(Config::default()).await;
    for (scale, from, to, marks, step) in [
        ("16", 10.0, 20.0, vec![10.0, 12.0, 14.0, 16.0, 18.0], 11_250),
        ("-8", 14.5, 10.0, vec![14.0, 13.0, 12.0, 11.0, 10.0], 11_250),
        ("0.5", 10.0, 11.0, vec![10.0], 7_200),
        ("2", 10.0, 12.0, vec![10.0, 11.0], 1_800),
    ] {
        let session = rig.lease_recording(0.0, WHOLE);
        let mut viewer = Viewer::connect(rig.address()).await;
        viewer.ask("DESCRIBE", TOKEN, "", "").await;
        let headers = format!("Range: clock={}-{}\r\nScale: {scale}\r\n", clock(from), clock(to));
        viewer.play_tracks(TOKEN, &headers).await;
        assert_eq!(viewer.header("Scale:").parse::<f64>().unwrap(), scale.parse::<f64>().unwrap());
        let mut packets = Vec::new();
        let pictures = if step == 11_250 { marks.len() } else { (marks.len() as i64 * RATE) as usize };
        while shown(&packets).len() < pictures || !packets.last().is_some_and(|p: &Packet| p.marker) {
            packets.extend(viewer.packet().await);
        }
        assert_eq!(captured(&packets), marks, "{scale}");
        assert!(shown(&packets).windows(2).all(|pair| pair[1] - pair[0] == step), "{scale}: {:?}", shown(&packets));
        assert!(packets.iter().all(|p| p.channel == 0), "no sound at another pace");
        rig.leases.end(&session, EndReason::User);
        assert!(Packet::of(&viewer.rest().await).is_empty(), "nothing beyond what was asked for");
        rig.events_until_closed().await;
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_viewer_seeks_pauses_and_goes_on_without_missing_a_frame() {
    let rig = Rig::start(Config::default()).await;
    rig.lease_recording(0.0, WHOLE);
    let mut viewer = Viewer::connect(rig.address()).await;
    viewer.ask("DESCRIBE", TOKEN, "", "").await;
    viewer.play_tracks(TOKEN, "Range: npt=5.2-\r\n").await;
    assert!(viewer.header("Range:").starts_with("npt=5.000-"), "{}", viewer.header("Range:"));
    let mut packets: Vec<Packet> = viewer.packets(20).await;
    // Elsewhere, while it plays: what follows the answer is from there.
    let (status, _) = viewer.ask("PLAY", TOKEN, "", &format!("Range: clock={}-\r\n", clock(20.0))).await;
    assert_eq!(status, 200);
    let before = viewer.take_queued();
    packets.extend(before);
    assert!(captured(&packets).iter().all(|at| *at < 8.0));
    let first = viewer.rtp_info("trackID=0");
    let mut later = viewer.packets(20).await;
    let there = video(&later);
    assert_eq!(first, (there[0].sequence, there[0].timestamp));
    assert_eq!(captured(&later), [20.0]);
    assert_eq!(viewer.ask("PAUSE", TOKEN, "", "").await.0, 200);
    later.extend(viewer.take_queued());
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(viewer.ask("PLAY", TOKEN, "", "").await.0, 200);
    assert!(viewer.header("Range:").starts_with("clock=20251124T160020."), "{}", viewer.header("Range:"));
    while captured(&later).len() < 3 {
        later.extend(viewer.packet().await);
    }
    packets.extend(later);
    assert_contiguous(&video(&packets));
    assert!(shown(&packets).windows(2).all(|pair| pair[1] - pair[0] == 3_600), "time goes on evenly");
    for beyond in ["Range: clock=20300101T000000Z-\r\n", "Range: npt=9-3\r\n"] {
        assert_eq!(viewer.ask("PLAY", TOKEN, "", beyond).await.0, 457, "{beyond}");
    }
    rig.stop().await;
}

#[tokio::test]
async fn a_slow_viewer_is_waited_for_and_misses_nothing() {
    let config = Config { send_buffer_bytes: 16 << 10, ..Config::default() };
    let rig = Rig::start(config).await;
    let from = (HEAVY_AT + HOLE_SECONDS) as f64;
    rig.lease_recording(from, from + 4.0);
    let mut viewer = Viewer::connect_small(rig.address()).await;
    viewer.ask("DESCRIBE", TOKEN, "", "").await;
    viewer.play_tracks(TOKEN, "").await;
    // Far longer than the range takes; nothing is read meanwhile.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let packets = Packet::of(&viewer.rest().await);
    assert_contiguous(&video(&packets));
    assert_eq!(shown(&packets).len() as i64, 4 * RATE);
    assert_eq!(rig.counter("sluice_viewer_skips_total"), 0.0);
    rig.stop().await;
}

#[tokio::test]
async fn a_revoked_lease_ends_a_playback_at_once_and_a_stuck_viewer_ends_his() {
    let config = Config { send_buffer_bytes: 16 << 10, stuck_timeout: Duration::from_millis(300), ..Config::default() };
    let mut rig = Rig::start(config).await;
    let session = rig.lease_recording(0.0, WHOLE);
    let mut viewer = Viewer::connect(rig.address()).await;
    viewer.ask("DESCRIBE", TOKEN, "", "").await;
    viewer.play_tracks(TOKEN, "").await;
    viewer.packets(20).await;
    let at = rig.now();
    rig.leases.end(&session, EndReason::Revoked);
    let events = rig.events_until_closed().await;
    assert!(rig.now() - at < Duration::from_millis(500));
    assert!(matches!(events.last(), Some(SessionEvent::Closed { reason: EndReason::Revoked, .. })), "{events:?}");
    viewer.rest().await;

    rig.lease_recording((HEAVY_AT + HOLE_SECONDS) as f64, WHOLE);
    let mut stuck = Viewer::connect_small(rig.address()).await;
    stuck.ask("DESCRIBE", TOKEN, "", "").await;
    stuck.play_tracks(TOKEN, "").await;
    let events = rig.events_until_closed().await;
    assert!(matches!(events.last(), Some(SessionEvent::Closed { reason: EndReason::TooSlow, .. })), "{events:?}");
    rig.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_an_error_and_what_is_not_there_is_none() {
    let mut rig = Rig::start(Config::default()).await;
    let torn = (TORN_AT + HOLE_SECONDS) as f64;
    for (from, to, status) in [(torn, torn + 5.0, 500), (WHOLE + 10.0, WHOLE + 20.0, 404)] {
        let session = rig.lease_recording(from, to);
        let mut viewer = Viewer::connect(rig.address()).await;
        assert_eq!(viewer.ask("DESCRIBE", TOKEN, "", "").await.0, status);
        assert_eq!(viewer.ask("SETUP", TOKEN, "/trackID=0", "Transport: RTP/AVP/TCP;interleaved=0-1\r\n").await.0, 503);
        rig.leases.end(&session, EndReason::User);
        rig.events_until_closed().await;
    }
    rig.stop().await;
}
