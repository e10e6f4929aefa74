//! A copy of a recording carries the mark of its session, and plays everywhere as if it had none: ffmpeg fetches it by HLS, copies it
//! and decodes it without a fault, to the very pictures that are on disk, where there is no mark.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use media::mark::{Finder, MarkKey, Reading, Text};
use serde_json::{Value, json};

use crate::harness::api::Client;
use crate::harness::appliance::Appliance;
use crate::harness::camera::{GstCamera, SimCameras};
use crate::harness::eventually;
use crate::harness::media::{faults, make_clip, picture_hashes, run, segments};

/// Recorded time that a copy is made of, and how much more must be there before it begins.
const COPY_SECONDS: i64 = 9;

/// Name, what the camera serves, ffmpeg's arguments. The second has no keyframe but each fifth second.
const CLIPS: [(&str, &str, &str); 2] = [
    (
        "h264-bframes-aac",
        "h264,aac",
        "-f lavfi -i testsrc2=size=320x240:rate=25:duration=30 \
        -f lavfi -i sine=frequency=440:sample_rate=48000:duration=30 \
        -c:v libx264 -preset veryfast -bf 2 -g 50 -b:v 300k -c:a aac -b:a 64k",
    ),
    (
        "h265-long",
        "h265",
        "-f lavfi -i testsrc2=size=320x240:rate=25:duration=30 \
        -c:v libx265 -preset veryfast -x265-params log-level=error:keyint=125:min-keyint=125:scenecut=0:bframes=0 \
        -b:v 300k -tag:v hvc1",
    ),
];

#[test]
fn a_copy_of_a_recording_names_its_session_and_the_recording_stays_as_it_is() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let clips = CLIPS.map(|(name, kinds, arguments)| {
        let path = dir.path().join(format!("{name}.mp4"));
        make_clip(&path, arguments);
        (name, path, kinds)
    });
    let served: Vec<(&str, &Path, &str)> = clips.iter().map(|(n, p, k)| (*n, p.as_path(), *k)).collect();
    let camera = GstCamera::start(&served);
    let simulated = SimCameras::start(1);
    let appliance = Appliance::start();
    let sources =
        [(CLIPS[0].0, camera.url(CLIPS[0].0)), (CLIPS[1].0, camera.url(CLIPS[1].0)), ("sim", simulated.url(1))];
    for (name, url) in &sources {
        appliance.add_camera(name, url);
    }
    for (name, _) in &sources {
        appliance.wait_for_camera(name);
    }
    let operator = appliance.login("operator");
    for (name, _) in &sources {
        let (session, from) = playback_of(&appliance, &operator, name);
        let copy = dir.path().join(format!("{name}-copy.mp4"));
        copied_and_decoded(session["urls"]["hls"].as_str().expect("an HLS URL"), &copy);
        marks_name(&appliance, &session, from, &std::fs::read(&copy).expect("the copy"));
        each_piece_is_marked(&appliance, &session);
        recorded_without(&appliance, name, &copy);
    }
}

/// A playback session over the first seconds that are on disk, once there are enough; and when they begin.
fn playback_of(appliance: &Appliance, operator: &Client, camera: &str) -> (Value, jiff::Timestamp) {
    let from = eventually(&format!("{camera}: enough recorded"), Duration::from_secs(60), || {
        let (status, timeline) = operator.get(&format!("/api/v1/cameras/{camera}/timeline"));
        assert_eq!(status, 200, "{timeline}");
        // A camera's first report of its clock moves what follows by some milliseconds, and that begins an item.
        let items = timeline["items"].as_array()?.iter();
        let mut times = items.filter_map(|item| Some((time(&item["start"])?, time(&item["end"])?)));
        times.find(|(start, end)| end.duration_since(*start).as_secs() > COPY_SECONDS).map(|(start, _)| start)
    });
    let to = from + jiff::SignedDuration::from_secs(COPY_SECONDS);
    let body = json!({
        "camera": camera, "verb": "playback", "purpose": appliance.demo("purpose"), "reason": "journey",
        "from": from.to_string(), "to": to.to_string(),
    });
    (operator.create("/api/v1/sessions", &body), from)
}

fn time(text: &Value) -> Option<jiff::Timestamp> {
    text.as_str()?.parse().ok()
}

/// ffmpeg keeps a copy, and decodes the stream, each without a word of damage.
fn copied_and_decoded(url: &str, copy: &Path) {
    let ffmpeg = || {
        let mut command = Command::new("ffmpeg");
        command.args(["-hide_banner", "-nostdin", "-loglevel", "warning", "-xerror", "-i", url]);
        command
    };
    let copying = run(ffmpeg().args(["-c", "copy", "-y"]).arg(copy));
    let decoding = run(ffmpeg().args(["-f", "null", "-"]));
    for output in [copying, decoding] {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && faults(&said).is_empty(), "{url}: ffmpeg said {said}");
    }
}

fn marks_in(bytes: &[u8]) -> Vec<Text> {
    let (mut finder, mut texts) = (Finder::default(), Vec::new());
    finder.push(bytes, &mut |found| texts.push(found.text));
    texts
}

/// The copy's marks are the appliance's own, of this session, and no more than 2 s apart.
fn marks_name(appliance: &Appliance, session: &Value, from: jiff::Timestamp, copy: &[u8]) {
    let secret = std::fs::read(appliance.dir().join("state/mark.key")).expect("the key of the marks");
    let key = MarkKey::new(secret.as_slice().try_into().expect("32 bytes"));
    let read = |text: &Text| key.read(text).expect("a mark of this appliance");
    let marks: Vec<Reading> = marks_in(copy).iter().map(read).collect();
    assert!(marks.iter().all(|mark| session["mark"] == mark.session.to_string()), "{session}: {marks:?}");
    let mut at: Vec<f64> = marks.iter().map(|mark| (mark.at.micros() - from.as_microsecond()) as f64 / 1e6).collect();
    at.push(COPY_SECONDS as f64);
    // A B-frame later, and not one after the end; the beginning may lie a keyframe before the range.
    assert!(at.windows(2).all(|pair| pair[1] - pair[0] <= 2.2), "{at:?}");
    assert!((-5.5..0.1).contains(&at[0]), "{at:?}");
}

/// No piece that is had by itself leaves without one, and no header has one.
fn each_piece_is_marked(appliance: &Appliance, session: &Value) {
    let playlist = session["urls"]["hls"].as_str().expect("an HLS URL");
    let client = Client::new(appliance.api());
    let (status, text) = client.bytes(playlist);
    let text = String::from_utf8(text).expect("a playlist is text");
    assert_eq!(status, 200, "{text}");
    let folder = playlist.strip_suffix("index.m3u8").expect("a playlist");
    let pieces: Vec<&str> = text.lines().filter(|line| line.ends_with(".m4s")).collect();
    assert!(pieces.len() > 1, "{text}");
    for piece in pieces {
        let (status, bytes) = client.bytes(&format!("{folder}{piece}"));
        assert_eq!((status, marks_in(&bytes).is_empty()), (200, false), "{piece}");
    }
    let header = text.split("MAP:URI=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a header");
    assert_eq!(marks_in(&client.bytes(&format!("{folder}{header}")).1).len(), 0);
}

/// What is on disk has no mark, and decodes to the pictures of the copy.
fn recorded_without(appliance: &Appliance, camera: &str, copy: &Path) {
    let stored = segments(&appliance.recordings().join(camera));
    for path in &stored {
        assert_eq!(marks_in(&std::fs::read(path).expect("a recording")).len(), 0, "{}", path.display());
    }
    let copied = picture_hashes(copy);
    assert!(copied.len() as i64 >= COPY_SECONDS * 25 - 1, "{camera}: {} pictures", copied.len());
    let recorded: Vec<String> = stored.iter().flat_map(|path| picture_hashes(path)).collect();
    assert!(recorded.windows(copied.len()).any(|window| window == copied), "{camera}: other pictures than recorded");
}
