//! Live in a browser's media source: the handshake that other servers' players speak, fragments that a decoder takes, a mark in every
//! copy, an end that says why, and viewers that behave badly.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::appliance::Appliance;
use crate::harness::camera::{GstCamera, SimCameras};
use crate::harness::media::{ffmpeg_plays_out, make_clip};
use crate::harness::socket::{Came, MseViewer};
use crate::harness::viewer::Viewer;
use crate::trace::trace;

/// Viewers whose sessions are revoked at once.
const REVOKED: usize = 40;
/// Long enough for any machine; only a hang reaches it.
const CUT_MAX: Duration = Duration::from_secs(2);

fn with_camera() -> (SimCameras, Appliance) {
    let cameras = SimCameras::start(1);
    let appliance = Appliance::start();
    appliance.add_camera("gate", &cameras.url(1));
    appliance.wait_for_camera("gate");
    (cameras, appliance)
}

fn mse_url(session: &Value) -> &str {
    session["urls"]["mse"].as_str().expect("an MSE URL")
}

#[expect(clippy::disallowed_methods, reason = "tests run against a real process in real time")]
fn now() -> Instant {
    Instant::now()
}

#[test]
fn the_players_of_other_servers_play_and_their_copies_are_marked() {
    let (_cameras, appliance) = with_camera();
    let operator = appliance.login("operator");
    let session = appliance.live(&operator, "gate");
    let mut viewer = MseViewer::connect(mse_url(&session), Ipv4Addr::LOCALHOST).expect("an upgrade");
    assert!(viewer.play().starts_with("video/mp4; codecs=\"avc1."));
    let copy = viewer.media(150);
    assert_eq!(&copy[4..8], b"ftyp", "the header comes first");

    let file = appliance.dir().join("copy.mp4");
    std::fs::write(&file, &copy).expect("there is room");
    let (frames, said) = ffmpeg_plays_out(file.to_str().expect("a path"), &[]);
    assert!(frames > 40, "{frames}: {said}");
    let begins = said.lines().find(|line| line.contains("start: ")).map(str::to_owned);
    assert!(begins.is_none_or(|line| line.contains("start: 0.")), "a viewer's time begins at zero");
    let (code, told) = trace(&appliance, &file);
    assert_eq!((code, &told["sessions"][0]["opening"]["record"]["session"]), (Some(0), &session["id"]), "{told}");

    viewer.socket.close(None).expect("it says that it leaves");
    viewer.end();
    let id = session["id"].as_str().expect("an id");
    operator.delete(&format!("/api/v1/sessions/{id}"));
    let record = appliance.closed(&session);
    assert_eq!((&record["protocol"], &record["end_reason"]), (&json!("mse"), &json!("user")), "{record}");
    assert!(record["bytes"].as_u64() >= Some(copy.len() as u64), "{record}");
    assert!(appliance.metric("sluice_egress_bytes_total{protocol=\"mse\"}") >= Some(copy.len() as f64));
}

#[test]
fn what_is_revoked_ends_at_once_and_the_viewer_is_told_why() {
    let (_cameras, appliance) = with_camera();
    let (operator, approver) = (appliance.login("operator"), appliance.login("bureau_approver"));
    let (_, page) = approver.get("/api/v1/grants");
    let grant = page["items"][0]["id"].as_str().expect("the demo has a grant").to_owned();
    let viewing = |_| {
        let session = appliance.live(&operator, "gate");
        let mut viewer = MseViewer::connect(mse_url(&session), Ipv4Addr::LOCALHOST).expect("an upgrade");
        viewer.play();
        viewer.media(5);
        std::thread::spawn(move || {
            let (words, end) = viewer.end();
            (now(), words, end)
        })
    };
    let viewers: Vec<_> = (0..REVOKED).map(viewing).collect();
    let asked = now();
    let (status, answer) = approver.post(&format!("/api/v1/grants/{grant}/revoke"), &json!({"reason": "journey"}));
    assert_eq!(status, 200, "{answer}");
    let mut cuts: Vec<_> = viewers
        .into_iter()
        .map(|viewer| {
            let (at, words, end) = viewer.join().expect("it read to the end");
            let told = words.last().map(|word| word["value"]["reason"].clone());
            assert_eq!(told, Some(json!("revoked")), "{words:?}");
            assert_eq!(end, Some((4000, "revoked".to_owned())));
            at - asked
        })
        .collect();
    cuts.sort();
    println!("from the request to the end of {REVOKED}: median {:?}, last {:?}", cuts[REVOKED / 2], cuts[REVOKED - 1]);
    assert!(cuts[REVOKED - 1] < CUT_MAX);
    assert_eq!(appliance.metric("sluice_sessions{protocol=\"mse\"}"), Some(0.0));
}

#[test]
fn a_url_is_for_its_terminal_and_one_viewer() {
    let (_cameras, appliance) = with_camera();
    let operator = appliance.login("operator");
    let session = appliance.live(&operator, "gate");
    let url = mse_url(&session);
    assert_eq!(MseViewer::connect(url, Ipv4Addr::new(127, 0, 0, 2)).err(), Some(403), "another terminal");
    let made_up = format!("ws://{}/s/{}/mse", &appliance.api()["http://".len()..], "A".repeat(43));
    assert_eq!(MseViewer::connect(&made_up, Ipv4Addr::LOCALHOST).err(), Some(404), "a made-up token");
    let mut first = MseViewer::connect(url, Ipv4Addr::LOCALHOST).expect("an upgrade");
    first.play();
    first.media(3);
    let mut second = MseViewer::connect(url, Ipv4Addr::LOCALHOST).expect("an upgrade");
    second.play();
    first.end();
    second.media(30);
}

#[test]
fn what_is_no_handshake_is_answered_and_disturbs_nobody() {
    let (_cameras, appliance) = with_camera();
    let operator = appliance.login("operator");
    let watched = appliance.live(&operator, "gate");
    let mut steady = MseViewer::connect(mse_url(&watched), Ipv4Addr::LOCALHOST).expect("an upgrade");
    steady.play();

    let session = appliance.live(&operator, "gate");
    let path = mse_url(&session).splitn(4, '/').nth(3).expect("a path").to_owned();
    let address = &appliance.api()["http://".len()..];
    for headers in ["", "Upgrade: websocket\r\nConnection: Upgrade\r\n", "Upgrade: h2c\r\nConnection: Upgrade\r\n"] {
        let mut socket = TcpStream::connect(address).expect("the listener is there");
        write!(socket, "GET /{path} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n").expect("written");
        let mut head = [0; 12];
        socket.read_exact(&mut head).expect("an answer");
        assert_eq!(&head, b"HTTP/1.1 400", "{headers}");
    }
    let words = [
        ("not json", "no_beginning"),
        (r#"{"type":"webrtc/offer","value":"v=0"}"#, "no_beginning"),
        (r#"{"type":"mse","value":"vp09.00.10.08"}"#, "unplayable"),
    ];
    for (said, reason) in words {
        let mut viewer = MseViewer::connect(mse_url(&session), Ipv4Addr::LOCALHOST).expect("an upgrade");
        viewer.say(said);
        let (told, end) = viewer.end();
        assert_eq!(end, Some((4001, reason.to_owned())), "{said}");
        if reason == "unplayable" {
            let message = &told[0]["message"];
            assert!(
                message["zh"].is_string() && message["en"].as_str().is_some_and(|en| en.contains("avc1")),
                "{told:?}"
            );
        }
    }
    let mut flood = MseViewer::connect(mse_url(&session), Ipv4Addr::LOCALHOST).expect("an upgrade");
    flood.say(&"x".repeat(64 << 10));
    assert!(matches!(flood.end(), (_, None | Some((4001, _)))));
    steady.media(50);
    assert!(appliance.metric("sluice_mse_faults_total{fault=\"no_beginning\"}") >= Some(2.0));
}

#[test]
fn whoever_does_not_read_skips_is_told_and_delays_nobody() {
    let cameras = SimCameras::start(1);
    let folder = tempfile::tempdir().expect("a folder");
    let program = Command::new(env!("CARGO_BIN_EXE_sluice"));
    // Little room in the kernel, so that whoever stops is behind soon.
    let appliance = Appliance::start_by(folder, program, &["rtsp.send_buffer_bytes=8KiB", "relay.behind_max=2s"]);
    appliance.add_camera("gate", &cameras.url(1));
    appliance.wait_for_camera("gate");
    let operator = appliance.login("operator");
    let (slow, quick) = (appliance.live(&operator, "gate"), appliance.live(&operator, "gate"));
    let mut slow = MseViewer::connect_narrow(mse_url(&slow), Ipv4Addr::LOCALHOST).expect("an upgrade");
    let mut quick = MseViewer::connect(mse_url(&quick), Ipv4Addr::LOCALHOST).expect("an upgrade");
    slow.play();
    quick.play();
    // Some eight seconds of pictures and sound, while the other one reads nothing.
    quick.media(450);
    let told = (0..10_000).find_map(|_| match slow.next() {
        Came::Word(word) if word["type"] == "notice" => Some(word["value"]["code"].clone()),
        Came::End(end) => panic!("{end:?}"),
        _ => None,
    });
    assert_eq!(told, Some(json!("skipped")));
    assert!(appliance.metric("sluice_viewer_frames_skipped_total") >= Some(1.0));
    slow.media(30);
}

#[test]
fn a_camera_whose_pictures_no_browser_can_play_is_refused_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let clip = folder.path().join("jpeg.mov");
    make_clip(&clip, "-f lavfi -i testsrc2=size=320x240:rate=10:duration=10 -c:v mjpeg -pix_fmt yuvj420p");
    let camera = GstCamera::start(&[("jpeg", &clip, "jpeg")]);
    let appliance = Appliance::start();
    appliance.add_camera("old", &camera.url("jpeg"));
    appliance.wait_for_camera("old");
    let session = appliance.live(&appliance.login("operator"), "old");
    let mut viewer = MseViewer::connect(mse_url(&session), Ipv4Addr::LOCALHOST).expect("an upgrade");
    viewer.say(r#"{"type":"mse","value":"avc1.640029"}"#);
    let (words, end) = viewer.end();
    assert_eq!(end, Some((4001, "unplayable".to_owned())));
    assert_eq!((&words[0]["code"], &words[0]["codec"]), (&json!("CODEC_NOT_PLAYABLE"), &json!("jpeg")));
    let rtsp = session["urls"]["rtsp"].as_str().expect("an RTSP URL");
    assert_eq!(Viewer::connect(rtsp, Ipv4Addr::LOCALHOST).play(), 200, "it can be had otherwise");
}
