//! J-26: no private re-filming, recording, copying, spreading. What is not granted is refused by default; what leaves carries the mark of
//! its session on every way there is; and unusual use is suspended until it has been reviewed.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::api::Client;
use crate::harness::appliance::{Appliance, SLUICE};
use crate::harness::camera::SimCameras;
use crate::harness::department::Department;
use crate::harness::media::run;
use crate::harness::order::TEXT_VERSION;

/// Recorded time that copies are made of: two marks and more.
const SECONDS: i64 = 5;

#[test]
fn media_without_a_mark_cannot_be_had_and_copies_are_refused_by_default() {
    let cameras = SimCameras::start(1);
    let appliance = Appliance::start();
    appliance.add_camera("j26", &cameras.url(1));
    let operator = appliance.login("operator");
    let long = |item: &&[jiff::Timestamp; 2]| item[1].duration_since(item[0]).as_secs() > SECONDS;
    let items = appliance.once_recorded(&operator, "j26", |items| items.iter().any(|item| long(&item)));
    let [from, _] = *items.iter().find(long).expect("there is one");
    let stretch = [from, from + jiff::SignedDuration::from_secs(SECONDS)];
    refused_by_default(&appliance, stretch);

    let folder = tempfile::tempdir().expect("a temporary folder");
    let live = appliance.live(&operator, "j26");
    let [played, fetched] = ["playback", "download"].map(|verb| appliance.recorded(&operator, "j26", verb, stretch));
    std::thread::scope(|scope| {
        for (name, session) in [("live.ts", &live), ("playback.ts", &played)] {
            let (appliance, file) = (&appliance, folder.path().join(name));
            scope.spawn(move || {
                keep_copy(url(session, "rtsp"), &file);
                names(appliance, &file, session);
            });
        }
    });
    let file = kept(folder.path(), "download.mp4", Client::new(appliance.api()).bytes(url(&fetched, "download")));
    names(&appliance, &file, &fetched);
    each_piece_names(&appliance, folder.path(), &appliance.recorded(&operator, "j26", "playback", stretch));
    assert_eq!(appliance.metric("sluice_sessions_without_record"), Some(0.0));
}

/// A grant to watch is one to watch: no player that is not ours, nothing to keep.
fn refused_by_default(appliance: &Appliance, [from, to]: [jiff::Timestamp; 2]) {
    let transport = Department::staffed(appliance, "jtj");
    transport.sign(TEXT_VERSION);
    transport.granted(appliance, &json!(["JT-2"]), &["live"]);
    let ask = |more: Value| {
        let mut ask = json!({"camera": "j26", "purpose": "JT-2", "reason": "journey"});
        let more = more.as_object().expect("an object").clone();
        ask.as_object_mut().expect("an object").extend(more);
        ask
    };
    let watched = transport.operator.create("/api/v1/sessions", &ask(json!({"verb": "live"})));
    assert_eq!(watched["urls"]["rtsp"], Value::Null, "raw is a verb of its own: {watched}");
    let (from, to) = (from.to_string(), to.to_string());
    let stretch = |verb: &str| ask(json!({"verb": verb, "from": from, "to": to}));
    let export = ask(json!({"from": from, "to": to, "recipient": "甲", "medium": "光盘"}));
    for (path, ask, code) in [
        ("sessions", stretch("playback"), "VERB_NOT_GRANTED"),
        ("sessions", stretch("download"), "VERB_NOT_GRANTED"),
        ("snapshots", ask(json!({})), "VERB_NOT_GRANTED"),
        ("exports", export, "EXPORT_NOT_AUTHORISED"),
    ] {
        let (status, refused) = transport.operator.post(&format!("/api/v1/{path}"), &ask);
        assert_eq!((status, &refused["code"]), (403, &json!(code)), "{path}: {refused}");
        assert_eq!(refused["articles"], json!(["J-7", "J-26"]), "{path}: {refused}");
    }
}

fn url<'a>(session: &'a Value, way: &str) -> &'a str {
    session["urls"][way].as_str().unwrap_or_else(|| panic!("no {way}: {session}"))
}

/// What the URL gives, as it comes, for so long that there is more than one mark.
fn keep_copy(url: &str, file: &Path) {
    let output = run(Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp", "-i", url])
        .args(["-t", "4", "-map", "0:v", "-c", "copy", "-y"])
        .arg(file));
    assert!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
}

#[track_caller]
fn kept(folder: &Path, name: &str, (status, bytes): (u16, Vec<u8>)) -> PathBuf {
    assert_eq!(status, 200, "{name}");
    let file = folder.join(name);
    std::fs::write(&file, bytes).expect("written");
    file
}

/// The copy names this session, and no other.
#[track_caller]
fn names(appliance: &Appliance, file: &Path, session: &Value) {
    let mut command = Command::new(SLUICE);
    let output = run(command.arg("trace").arg(file).args(["--json", "--data"]).arg(appliance.dir()));
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let found = said["sessions"].as_array().unwrap_or_else(|| panic!("{}: {said}", file.display()));
    assert_eq!(found.len(), 1, "{}: {said}", file.display());
    assert_eq!(found[0]["opening"]["record"]["session"], session["id"], "{}: {said}", file.display());
}

/// Every piece that the playlist names, by itself.
fn each_piece_names(appliance: &Appliance, folder: &Path, session: &Value) {
    let playlist_url = url(session, "hls");
    let viewer = Client::new(appliance.api());
    let (status, playlist) = viewer.bytes(playlist_url);
    assert_eq!(status, 200);
    let playlist = String::from_utf8(playlist).expect("UTF-8");
    let pieces: Vec<&str> = playlist.lines().filter(|line| line.contains(".m4s") && !line.starts_with('#')).collect();
    assert!(!pieces.is_empty(), "{playlist}");
    let base = playlist_url.rsplit_once('/').expect("a URL").0;
    for piece in pieces {
        let file = kept(folder, piece, viewer.bytes(&format!("{base}/{piece}")));
        names(appliance, &file, session);
    }
}

#[test]
fn unusual_use_is_suspended_the_record_says_why_and_a_review_lifts_it() {
    const BOUND: usize = 3;
    let cameras = SimCameras::start(BOUND + 1);
    let setting = format!("unusual.cameras_per_minute={BOUND}");
    let appliance = Appliance::start_by(tempfile::tempdir().unwrap(), Command::new(SLUICE), &[&setting]);
    let ids: Vec<String> = (1..=BOUND + 1).map(|n| format!("j26-{n}")).collect();
    for (n, id) in (1..).zip(&ids) {
        appliance.add_camera(id, &cameras.url(n));
    }
    ids.iter().for_each(|id| appliance.wait_for_camera(id));
    let operator = appliance.login("operator");
    let open: Vec<Value> = ids.iter().take(BOUND).map(|id| appliance.live(&operator, id)).collect();
    let suspended = |id: &str| {
        let (status, refused) = operator.post("/api/v1/sessions", &appliance.live_ask(id));
        assert_eq!((status, &refused["code"]), (403, &json!("ANOMALY_SUSPENDED")), "{refused}");
        assert_eq!(refused["articles"], json!(["J-26"]), "{refused}");
    };
    suspended(&ids[BOUND]);
    for session in &open {
        assert_eq!(appliance.closed(session)["end_reason"], "anomaly");
    }
    suspended(&ids[0]);

    let bureau = appliance.login("bureau_approver");
    let (_, inbox) = bureau.get("/api/v1/inbox");
    let waits = inbox["items"].as_array().expect("items").iter().filter(|task| task["register"] == "suspensions");
    assert_eq!(waits.count(), 1, "{inbox}");
    let (_, mine) = operator.get("/api/v1/suspensions");
    let [record] = mine["items"].as_array().expect("items").as_slice() else { panic!("{mine}") };
    assert_eq!(
        (&record["rule"], &record["evidence"]),
        (&json!("cameras_per_minute"), &json!("cameras_per_minute: 4 > 3"))
    );
    let (status, refused) = operator.post(
        &format!("/api/v1/suspensions/{}/lift", record["id"].as_str().expect("an id")),
        &json!({"reason": "我没有问题"}),
    );
    assert_eq!((status, &refused["code"]), (403, &json!("ROLE_FORBIDS")), "nobody reviews themselves");
    assert_eq!(bureau.step("suspensions", record, "lift")["state"], "lifted");
    // At once: what was reviewed is not counted against them once more.
    ids.iter().take(BOUND).for_each(|id| _ = appliance.live(&operator, id));
    suspended(&ids[BOUND]);
}
