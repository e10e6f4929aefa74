//! Live by low-latency HLS: players take it, each copy is marked and otherwise the same, a delta completes what was there, and the end of
//! a lease ends a request that waits.

use std::time::{Duration, Instant};

use media::mark::Finder;
use serde_json::{Value, json};

use crate::harness::api::Client;
use crate::harness::appliance::Appliance;
use crate::harness::camera::SimCameras;
use crate::harness::media::ffmpeg_plays_out;
use crate::trace::trace;

/// Long enough for any machine; only a hang reaches it.
const CUT_MAX: Duration = Duration::from_secs(2);

fn with_camera() -> (SimCameras, Appliance) {
    let cameras = SimCameras::start(1);
    let appliance = Appliance::start();
    appliance.add_camera("gate", &cameras.url(1));
    appliance.wait_for_camera("gate");
    (cameras, appliance)
}

#[expect(clippy::disallowed_methods, reason = "tests run against a real process in real time")]
fn now() -> Instant {
    Instant::now()
}

/// A session's files by HTTP.
struct Player {
    client: Client,
    folder: String,
}

impl Player {
    fn of(appliance: &Appliance, session: &Value) -> Self {
        let url = session["urls"]["hls"].as_str().expect("an HLS URL");
        let folder =
            url.strip_prefix(appliance.api()).expect("it is ours").strip_suffix("index.m3u8").expect("a playlist");
        Self { client: Client::new(appliance.api()), folder: folder.to_owned() }
    }

    fn file(&self, name: &str) -> (u16, Vec<u8>) {
        self.client.bytes(&format!("{}{name}", self.folder))
    }

    fn playlist(&self, query: &str) -> String {
        let (status, text) = self.file(&format!("index.m3u8{query}"));
        let text = String::from_utf8(text).expect("a playlist is text");
        assert_eq!(status, 200, "{text}");
        text
    }
}

/// The newest part that a playlist hints at: segment and part.
fn hint(playlist: &str) -> (u64, u64) {
    let uri = playlist.split("TYPE=PART,URI=\"part-").nth(1).expect("a hint").split(".m4s").next().expect("a name");
    let (segment, part) = uri.split_once('.').expect("two numbers");
    (segment.parse().expect("a number"), part.parse().expect("a number"))
}

/// Names of the closed segments.
fn closed(playlist: &str) -> Vec<&str> {
    playlist.lines().filter(|line| line.starts_with("seg-")).collect()
}

/// The name of the first header.
fn header(playlist: &str) -> &str {
    playlist.split("#EXT-X-MAP:URI=\"").nth(1).expect("a header").split('"').next().expect("a name")
}

#[test]
fn players_follow_it_and_each_copy_names_its_session() {
    let (_cameras, appliance) = with_camera();
    let operator = appliance.login("operator");
    let sessions = [appliance.live(&operator, "gate"), appliance.live(&operator, "gate")];
    let [one, other] = [Player::of(&appliance, &sessions[0]), Player::of(&appliance, &sessions[1])];

    let first = one.playlist("");
    let (mut segment, mut part) = hint(&first);
    // Blocking reloads follow the stream without a wait of our own.
    for _ in 0..15 {
        let next = one.playlist(&format!("?_HLS_msn={segment}&_HLS_part={part}"));
        assert!(hint(&next) > (segment, part), "{next}");
        assert!(next.contains(&format!("part-{segment}.{part}.m4s")) || hint(&next).0 > segment, "{next}");
        (segment, part) = hint(&next);
    }
    let list = one.playlist("");
    assert!(list.contains("#EXT-X-PROGRAM-DATE-TIME:") && list.contains("CAN-BLOCK-RELOAD=YES"), "{list}");
    let name = closed(&list).last().copied().expect("a segment is closed by now");

    let (status, copy) = one.file(name);
    let (_, second) = other.file(name);
    assert_eq!((status, copy.len()), (200, second.len()));
    let differ = copy.iter().zip(&second).filter(|(a, b)| a != b).count();
    let mut marks = 0;
    Finder::default().push(&copy, &mut |_| marks += 1);
    // A mark's text is 44 characters; nothing else differs.
    assert!(differ > 0 && differ <= marks * 44, "{differ} bytes differ, {marks} marks");
    let file = appliance.dir().join("copy.mp4");
    std::fs::write(&file, [one.file(header(&list)).1, copy].concat()).expect("there is room");
    let (frames, said) = ffmpeg_plays_out(file.to_str().expect("a path"), &[]);
    assert!(frames >= 25, "{frames}: {said}");
    let (code, told) = trace(&appliance, &file);
    assert_eq!((code, &told["sessions"][0]["opening"]["record"]["session"]), (Some(0), &sessions[0]["id"]), "{told}");

    let (frames, said) = ffmpeg_plays_out(sessions[0]["urls"]["hls"].as_str().expect("a URL"), &["-t", "3"]);
    assert!(frames >= 50, "{frames}: {said}");
    assert_eq!(appliance.metric("sluice_hls_packagers"), Some(1.0), "two viewers share one");
    assert!(appliance.metric("sluice_egress_bytes_total{protocol=\"hls\"}") > Some(0.0));
    assert_eq!(appliance.metric("sluice_sessions{protocol=\"hls\"}"), Some(2.0));
}

#[test]
fn nonsense_is_refused_and_an_end_ends_what_waits() {
    let (_cameras, appliance) = with_camera();
    let (operator, approver) = (appliance.login("operator"), appliance.login("bureau_approver"));
    let session = appliance.live(&operator, "gate");
    let player = Player::of(&appliance, &session);
    player.playlist("");
    for (name, status) in [
        ("index.m3u8?_HLS_part=1", 400),
        ("index.m3u8?_HLS_msn=-1", 400),
        ("index.m3u8?_HLS_msn=1000000000000", 400),
        ("seg-1000000.m4s", 404),
        ("part-0.1000000.m4s", 404),
        ("init-9.mp4", 404),
        ("recording.mp4", 404),
        ("seg-0.mp4", 404),
    ] {
        assert_eq!(player.file(name).0, status, "{name}");
    }

    let (segment, _) = hint(&player.playlist(""));
    let ahead = format!("index.m3u8?_HLS_msn={}", segment + 2);
    let waiting = std::thread::spawn(move || {
        let answer = player.file(&ahead);
        (now(), answer)
    });
    let (_, page) = approver.get("/api/v1/grants");
    let grant = page["items"][0]["id"].as_str().expect("the demo has a grant").to_owned();
    let asked = now();
    let (status, answer) = approver.post(&format!("/api/v1/grants/{grant}/revoke"), &json!({"reason": "journey"}));
    assert_eq!(status, 200, "{answer}");
    let (at, (status, body)) = waiting.join().expect("it was answered");
    let told: Value = serde_json::from_slice(&body).expect("a refusal is JSON");
    assert_eq!((status, told["code"].as_str()), (403, Some("SESSION_ENDED")), "{told}");
    println!("from the request to the end of one that waited: {:?}", at.saturating_duration_since(asked));
    assert!(at.saturating_duration_since(asked) < CUT_MAX);
    assert_eq!(appliance.closed(&session)["end_reason"], "revoked");
}
