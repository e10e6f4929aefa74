//! A camera nobody here wrote: GStreamer's RTSP server with H.264 + AAC, H.265, and H.264 with B-frames + G.711. ffmpeg
//! plays each over TCP and UDP, GStreamer plays it too, and the recording holds the camera's own NAL units, each frame once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::harness::appliance::Appliance;
use crate::harness::camera::GstCamera;
use crate::harness::eventually;
use crate::harness::media::{faults, ffmpeg_plays, gstreamer_plays, make_clip, packet_hashes, segments};

const CLIP_FRAMES: usize = 20 * 25;

/// Name, what the camera serves, ffmpeg's arguments.
const CLIPS: [(&str, &str, &str); 3] = [
    (
        "h264-aac",
        "h264,aac",
        "-f lavfi -i testsrc2=size=640x360:rate=25:duration=20 \
        -f lavfi -i sine=frequency=440:sample_rate=48000:duration=20 \
        -c:v libx264 -preset veryfast -profile:v main -bf 0 -g 50 -b:v 700k -c:a aac -b:a 64k",
    ),
    (
        "h265",
        "h265",
        "-f lavfi -i testsrc2=size=640x360:rate=25:duration=20 \
        -c:v libx265 -preset veryfast -x265-params log-level=error:keyint=50:bframes=0 -b:v 500k -tag:v hvc1",
    ),
    (
        "h264-alaw",
        "h264,alaw",
        "-f lavfi -i testsrc2=size=320x240:rate=25:duration=20 \
        -f lavfi -i sine=frequency=440:sample_rate=8000:duration=20 \
        -c:v libx264 -preset veryfast -bf 2 -g 50 -b:v 300k -c:a pcm_alaw -ar 8000 -f mov",
    ),
];

fn clips(dir: &Path) -> Vec<(&'static str, PathBuf, &'static str)> {
    let make = |(name, kinds, arguments): &(&'static str, &'static str, &'static str)| {
        let path = dir.join(format!("{name}.mp4"));
        make_clip(&path, arguments);
        (*name, path, *kinds)
    };
    CLIPS.iter().map(make).collect()
}

#[test]
fn ffmpeg_and_gstreamer_play_a_foreign_camera_and_the_recording_is_bit_exact() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let clips = clips(dir.path());
    let served: Vec<(&str, &Path, &str)> = clips.iter().map(|(n, p, k)| (*n, p.as_path(), *k)).collect();
    let mut camera = GstCamera::start(&served);
    let appliance = Appliance::start();
    for (name, ..) in &clips {
        appliance.add_camera(name, &camera.url(name));
    }
    for (name, ..) in &clips {
        appliance.wait_for_camera(name);
    }
    players_see_pictures(&appliance);
    recorded_whole(&appliance, &clips);
    camera.kill();
}

/// All players on all cameras at once, 10 s each.
fn players_see_pictures(appliance: &Appliance) {
    let operator = appliance.login("operator");
    std::thread::scope(|scope| {
        for (name, ..) in CLIPS {
            for transport in ["tcp", "udp"] {
                let url = appliance.live(&operator, name)["urls"]["rtsp"].as_str().expect("an RTSP URL").to_owned();
                scope.spawn(move || {
                    let (frames, said) = ffmpeg_plays(&url, transport, 10);
                    assert!(frames >= 200, "{name} by {transport}: {frames} frames; ffmpeg said {said}");
                    let faults = faults(&said);
                    assert!(faults.is_empty(), "{name} by {transport}: {faults:#?}");
                });
            }
            let session = appliance.live(&operator, name);
            let operator = &operator;
            scope.spawn(move || {
                let url = session["urls"]["rtsp"].as_str().expect("an RTSP URL");
                let kind = if name.starts_with("h265") { "h265" } else { "h264" };
                if let Err(said) = gstreamer_plays(url, kind, 150) {
                    let id = session["id"].as_str().expect("an id");
                    panic!(
                        "{name}: GStreamer said {said}; the session: {:#}",
                        operator.get(&format!("/api/v1/sessions/{id}")).1
                    );
                }
            });
        }
    });
}

/// The clip as one pass of the camera sent it is in the recording, frame for frame.
fn recorded_whole(appliance: &Appliance, clips: &[(&str, PathBuf, &str)]) {
    for (name, clip, _) in clips {
        let sent = packet_hashes(clip);
        assert_eq!(sent.len(), CLIP_FRAMES, "{name}: the clip");
        let folder = appliance.recordings().join(name);
        eventually(&format!("{name}: all {CLIP_FRAMES} frames recorded"), Duration::from_secs(40), || {
            let recorded: Vec<String> = segments(&folder).iter().flat_map(|s| packet_hashes(s)).collect();
            contains(&recorded, &sent).then_some(())
        });
    }
}

fn contains(recorded: &[String], sent: &[String]) -> bool {
    recorded.windows(sent.len()).any(|window| window == sent)
}
