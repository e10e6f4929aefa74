//! A recording by RTSP, as players know it: ffmpeg and GStreamer play it across a gap and across a change of size to its end, a viewer
//! seeks in it and winds it, and each copy names its session.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use media::mark::Finder;
use serde_json::{Value, json};

use crate::harness::appliance::Appliance;
use crate::harness::camera::GstCamera;
use crate::harness::eventually;
use crate::harness::media::{faults, ffmpeg_plays_out, gstreamer_plays, make_clip, packet_hashes, run, segments};
use crate::harness::viewer::Viewer;

const SMALL: &str = "-f lavfi -i testsrc2=size=320x240:rate=25:duration=40 \
    -c:v libx264 -preset veryfast -bf 0 -g 25 -b:v 200k";
const LARGE: &str = "-f lavfi -i testsrc2=size=640x360:rate=25:duration=40 \
    -c:v libx264 -preset veryfast -bf 0 -g 25 -b:v 400k";
/// Seconds recorded before the gap and behind it.
const SECONDS: [i64; 2] = [8, 6];
/// Places that a viewer jumps to.
const SEEKS: usize = 20;

#[test]
fn players_play_a_recording_across_a_gap_and_another_size() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let appliance = Appliance::start();
    let [from, change, to] = recorded_in_two_sizes(&appliance, dir.path());
    let stretch = [from, to];
    let operator = appliance.login("operator");
    let urls = |()| appliance.recorded(&operator, "cam", "playback", stretch)["urls"].clone();
    let copied = appliance.recorded(&operator, "cam", "playback", stretch);
    let stored: u64 = segments(&appliance.recordings().join("cam")).iter().map(|s| packet_hashes(s).len() as u64).sum();
    let [by_tcp, by_udp, by_gst, by_hand] = [(); 4].map(urls);
    // ffmpeg's HLS reader passes over a second header, so it is given each size by itself.
    let by_hls = [[from, change], [change, to]].map(|part| {
        let urls = &appliance.recorded(&operator, "cam", "playback", part)["urls"];
        urls["hls"].as_str().expect("an HLS URL").to_owned()
    });
    let rtsp = |urls: &Value| urls["rtsp"].as_str().expect("an RTSP URL").to_owned();
    let copy = dir.path().join("copy.ts");
    std::thread::scope(|scope| {
        for (transport, urls) in [("tcp", &by_tcp), ("udp", &by_udp)] {
            scope.spawn(move || sees_all(&rtsp(urls), &["-rtsp_transport", transport], stored));
        }
        scope.spawn(|| {
            let played = by_hls.map(|url| ffmpeg_plays_out(&url, &[]));
            assert!(played.iter().all(|(_, said)| faults(said).is_empty()), "{played:?}");
            let frames: u64 = played.iter().map(|(frames, _)| frames).sum();
            assert!(frames.abs_diff(stored) <= 1, "{played:?}: {stored} frames are on disk");
        });
        scope.spawn(|| {
            let played = gstreamer_plays(&rtsp(&by_gst), "h264", stored - 25);
            assert_eq!(played, Ok(()), "across the gap, to the last second");
        });
        scope.spawn(|| keep_copy(&rtsp(&copied["urls"]), &copy));
        scope.spawn(|| seeks_and_winds(&rtsp(&by_hand), stretch));
    });
    let traced = run(Command::new(env!("CARGO_BIN_EXE_sluice"))
        .arg("trace")
        .arg(&copy)
        .args(["--json", "--data"])
        .arg(appliance.dir()));
    let said: Value = serde_json::from_slice(&traced.stdout).expect("JSON");
    let record = &said["sessions"][0]["opening"]["record"];
    assert_eq!(json!([record["session"], record["mark"]]), json!([copied["id"], copied["mark"]]), "{said}");
}

/// A camera that goes away and comes back another size: its first frame, the first of the other size, and the end.
fn recorded_in_two_sizes(appliance: &Appliance, dir: &Path) -> [jiff::Timestamp; 3] {
    let (small, large) = (dir.join("small.mp4"), dir.join("large.mp4"));
    make_clip(&small, SMALL);
    make_clip(&large, LARGE);
    let mut camera = GstCamera::start(&[("cam", &small, "h264")]);
    let port = camera.url("cam").split(':').nth(2).and_then(|p| p.split('/').next()?.parse().ok()).expect("a port");
    appliance.add_camera("cam", &camera.url("cam"));
    let operator = appliance.login("operator");
    let lasts = |items: &[[jiff::Timestamp; 2]], seconds: i64| {
        items.iter().any(|[start, end]| end.duration_since(*start).as_secs() >= seconds)
    };
    appliance.once_recorded(&operator, "cam", |items| lasts(items, SECONDS[0]));
    camera.kill();
    eventually("the camera is down", Duration::from_secs(30), || {
        (appliance.metric("sluice_camera_up{camera=\"cam\"}")? < 0.5).then_some(())
    });
    let before = appliance.once_recorded(&operator, "cam", |_| true).len();
    let mut camera = GstCamera::start_on(port, &[("cam", &large, "h264")]);
    appliance.wait_for_camera("cam");
    appliance.once_recorded(&operator, "cam", |items| lasts(items.get(before..).unwrap_or_default(), SECONDS[1]));
    camera.kill();
    eventually("the camera is down", Duration::from_secs(30), || {
        (appliance.metric("sluice_camera_up{camera=\"cam\"}")? < 0.5).then_some(())
    });
    // What it sent last is on disk by then.
    let mut ends = Vec::new();
    let items = eventually("nothing more is recorded", Duration::from_secs(20), || {
        let items = appliance.once_recorded(&operator, "cam", |_| true);
        ends.push(items.last()?[1]);
        ends.len().checked_sub(30).is_some_and(|ago| ends[ago] == ends[ends.len() - 1]).then_some(items)
    });
    [items[0][0], items[before][0], items[items.len() - 1][1]]
}

/// Each frame that is on disk, once, without a word of damage.
fn sees_all(url: &str, arguments: &[&str], stored: u64) {
    let (frames, said) = ffmpeg_plays_out(url, arguments);
    let faults = faults(&said);
    assert!(faults.is_empty(), "{arguments:?}: {faults:#?}");
    assert!(frames.abs_diff(stored) <= 1, "{arguments:?}: {frames} of {stored} frames; ffmpeg said {said}");
}

fn keep_copy(url: &str, file: &Path) {
    let output = run(Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp", "-i", url])
        .args(["-map", "0:v", "-c", "copy", "-y"])
        .arg(file));
    assert!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
}

/// Jumps about, each time seeing a picture soon; then winds, forwards and back, which is keyframes alone.
fn seeks_and_winds(url: &str, [from, to]: [jiff::Timestamp; 2]) {
    let clock = |at: jiff::Timestamp| at.strftime("%Y%m%dT%H%M%S.%3fZ").to_string();
    let mut viewer = Viewer::connect(url, Ipv4Addr::LOCALHOST);
    let (status, head) = viewer.play_with(&format!("Range: clock={}-\r\n", clock(from)));
    assert!(status == 200 && head.contains(&format!("Range: clock={}-{}", clock(from), clock(to))), "{head}");
    let length = to.duration_since(from);
    let mut waits: Vec<Duration> = (0..SEEKS as i32)
        .map(|n| {
            // 7 and 20 have no common divisor: all over the range, in no order.
            let at = from + length * (n * 7 % SEEKS as i32) / SEEKS as i32;
            let asked = now();
            let (status, head) = viewer.play_again(&format!("Range: clock={}-\r\n", clock(at)));
            assert_eq!(status, 200, "{head}");
            while viewer.packet().expect("a picture").0 != 0 {}
            asked.elapsed()
        })
        .collect();
    waits.sort_unstable();
    assert!(waits[SEEKS / 2] < Duration::from_millis(150), "{waits:?}");
    for (scale, begin) in [("8", from), ("-8", to)] {
        let headers = format!("Range: clock={}-\r\nScale: {scale}\r\n", clock(begin));
        let (status, head) = viewer.play_again(&headers);
        assert!(status == 200 && head.contains(&format!("Scale: {scale}.000")), "{head}");
        let (mut finder, mut marks, mut frames) = (Finder::default(), 0, 0);
        while marks < 4 {
            let (channel, bytes) = viewer.packet().expect("pictures");
            if channel == 0 {
                frames += usize::from(bytes[1] & 0x80 != 0);
                finder.push(&bytes, &mut |_| marks += 1);
            }
        }
        assert!(frames <= marks, "keyframes alone, and each is marked: {frames} frames, {marks} marks");
    }
}

#[expect(clippy::disallowed_methods, reason = "tests run against a real process in real time")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}
