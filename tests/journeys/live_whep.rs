//! Live over WebRTC: two players that are not ours decode it, the copy names its session, an end is told and nothing comes after
//! it, a browser without the codec is told both sides' words, and whatever else comes to the port disturbs nobody.

use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::harness::appliance::Appliance;
use crate::harness::camera::SimCameras;
use crate::harness::eventually;
use crate::harness::process::Process;
use crate::trace::trace;

const PLAYER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/harness/whep_player.py");
const PATIENCE: Duration = Duration::from_secs(60);
/// Long enough for any machine; what it took is printed.
const CUT_MAX: Duration = Duration::from_secs(2);

fn with_camera() -> (SimCameras, Appliance) {
    let cameras = SimCameras::start(1);
    // On all addresses: GStreamer does not use the loopback.
    let (folder, program) = (tempfile::tempdir().expect("a folder"), Command::new(env!("CARGO_BIN_EXE_sluice")));
    let appliance = Appliance::start_by(folder, program, &["whep.listen=0.0.0.0:0"]);
    appliance.add_camera("gate", &cameras.url(1));
    appliance.wait_for_camera("gate");
    (cameras, appliance)
}

fn whep_url(session: &Value) -> &str {
    session["urls"]["whep"].as_str().expect("a WHEP URL")
}

fn play(player: &str, url: &str, pictures: u32, file: Option<&Path>) -> Process {
    // Debian's own Python has the packages.
    Process::start(Command::new("/usr/bin/python3").args([PLAYER, player, url, &pictures.to_string()]).args(file))
}

#[expect(clippy::disallowed_methods, reason = "the player tells the time of day")]
fn millis_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis() as u64
}

/// A request with a body of another type than JSON: status, and the body as JSON where it is some.
fn send(method: &str, url: &str, media_type: &str, body: &str) -> (u16, Value) {
    let config = ureq::Agent::config_builder().http_status_as_error(false).build();
    let request = ureq::http::Request::builder().method(method).uri(url).header("content-type", media_type);
    let request = request.header("connection", "close").body(body.to_owned()).expect("a request");
    let mut answer = ureq::Agent::from(config).run(request).expect("an answer");
    let body = answer.body_mut().read_to_string().expect("text");
    (answer.status().as_u16(), serde_json::from_str(&body).unwrap_or(Value::String(body)))
}

#[test]
fn players_of_others_decode_it_and_the_copy_names_its_session() {
    let (_cameras, appliance) = with_camera();
    let operator = appliance.login("operator");
    let file = appliance.dir().join("copy.h264");
    for (player, file) in [("gst", Some(file.as_path())), ("aiortc", None)] {
        let session = appliance.live(&operator, "gate");
        let process = play(player, whep_url(&session), 60, file);
        let told = process.line_after("pictures ", PATIENCE);
        println!("{player}: {told}");
        let id = session["id"].as_str().expect("an id");
        operator.delete(&format!("/api/v1/sessions/{id}"));
        process.line_after("over ", PATIENCE);
        let record = appliance.closed(&session);
        assert_eq!((&record["protocol"], &record["end_reason"]), (&json!("whep"), &json!("user")), "{record}");
        assert!(record["bytes"].as_u64() > Some(50_000), "{record}");
        if let Some(file) = file {
            let (code, told) = trace(&appliance, file);
            assert_eq!(
                (code, &told["sessions"][0]["opening"]["record"]["session"]),
                (Some(0), &session["id"]),
                "{told}"
            );
        }
    }
    assert!(appliance.metric("sluice_egress_bytes_total{protocol=\"whep\"}") > Some(100_000.0));
    eventually("an empty list of viewers", PATIENCE, || {
        (appliance.metric("sluice_whep_viewers") == Some(0.0)).then_some(())
    });
}

#[test]
fn what_is_revoked_ends_at_once_and_the_page_is_told_why() {
    let (_cameras, appliance) = with_camera();
    let (operator, approver) = (appliance.login("operator"), appliance.login("bureau_approver"));
    let (_, page) = approver.get("/api/v1/grants");
    let grant = page["items"][0]["id"].as_str().expect("the demo has a grant").to_owned();
    let session = appliance.live(&operator, "gate");
    let player = play("aiortc", whep_url(&session), 20, None);
    player.line_after("pictures ", PATIENCE);
    let asked = millis_now();
    let (status, answer) = approver.post(&format!("/api/v1/grants/{grant}/revoke"), &json!({"reason": "journey"}));
    assert_eq!(status, 200, "{answer}");
    let word: Value = serde_json::from_str(&player.line_after("word ", PATIENCE)).expect("JSON");
    assert_eq!(word, json!({"type": "ended", "value": {"reason": "revoked"}}));
    let told_after = Duration::from_millis(millis_now().saturating_sub(asked));
    let sent = appliance.metric("sluice_egress_bytes_total{protocol=\"whep\"}");
    println!("the page was told {told_after:?} after the request to revoke");
    assert!(told_after < CUT_MAX);
    player.line_after("over ", PATIENCE);
    assert_eq!(appliance.metric("sluice_egress_bytes_total{protocol=\"whep\"}"), sent, "nothing comes after the end");
    assert_eq!(appliance.metric("sluice_sessions{protocol=\"whep\"}"), Some(0.0));
}

#[test]
fn what_is_no_offer_or_has_no_codec_is_refused_in_words() {
    let (_cameras, appliance) = with_camera();
    let session = appliance.live(&appliance.login("operator"), "gate");
    let url = whep_url(&session);
    let vp8 = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-ufrag:abcd\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=rtpmap:96 VP8/90000\r\n";
    let h264 = vp8.replace("VP8/90000", "H264/90000\r\na=fmtp:96 packetization-mode=1;profile-level-id=640028");
    let long = "x".repeat(70 << 10);
    for (media_type, body, status, code) in [
        ("application/json", vp8, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("application/sdp", &long[..], 413, "TOO_LARGE"),
        ("application/sdp", "v=0", 400, "BAD_REQUEST"),
        ("application/sdp", &h264[..], 400, "BAD_REQUEST"),
        ("application/sdp", vp8, 406, "CODEC_NOT_PLAYABLE"),
    ] {
        let (told, answer) = send("POST", url, media_type, body);
        assert_eq!((told, &answer["code"]), (status, &json!(code)), "{answer}");
        if status == 406 {
            let remedy = answer["remedy"].as_str().expect("a remedy");
            assert!(remedy.contains("H264 4d") && remedy.contains("vp8"), "{remedy}");
        }
    }
    assert_eq!(send("GET", url, "application/sdp", "").0, 405);
    assert_eq!(send("OPTIONS", url, "application/sdp", "").0, 204);
    for method in ["DELETE", "PATCH"] {
        assert_eq!(send(method, &format!("{url}/no-such"), "application/trickle-ice-sdpfrag", "").0, 404, "{method}");
    }
    assert!(appliance.metric("sluice_whep_refused_total{reason=\"nothing_fits\"}") >= Some(1.0));
    assert_eq!(appliance.metric("sluice_whep_viewers"), Some(0.0));
}

#[test]
fn ten_thousand_datagrams_of_nobody_disturb_nobody() {
    let (_cameras, appliance) = with_camera();
    let session = appliance.live(&appliance.login("operator"), "gate");
    let player = play("aiortc", whep_url(&session), 100, None);
    eventually("a viewer", PATIENCE, || (appliance.metric("sluice_whep_packets_total") > Some(20.0)).then_some(()));
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let stun = b"\x00\x01\x00\x10\x21\x12\xa4\x42transaction!\x00\x06\x00\x09some:body\0\0\0";
    let junk: [&[u8]; 4] = [stun, &[0x16, 0xfe, 0xfd, 0], &[0x80; 200], b""];
    for datagram in junk.iter().cycle().take(10_000) {
        socket.send_to(datagram, appliance.whep_address()).expect("sent");
    }
    player.line_after("pictures ", PATIENCE);
    // The kernel may have dropped some of them before us.
    assert!(appliance.metric("sluice_whep_dropped_total{reason=\"unknown\"}") > Some(1_000.0));
}
