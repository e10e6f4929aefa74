//! An export from its request to its package: four hands, a real ffmpeg, a mark that is seen and one that is traced, and a package
//! that says when a byte of it was changed. And snapshots, which go the same way.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use zip::ZipArchive;

use crate::harness::api::Client;
use crate::harness::appliance::Appliance;
use crate::harness::camera::GstCamera;
use crate::harness::eventually;
use crate::harness::media::{make_clip, run, segments};

/// Length of an export, and of one that is long enough to be cut off in its rendering.
const SECONDS: i64 = 4;
const SECONDS_CUT: i64 = 15;
/// What the camera sees: grey, with a white bar in the lower right that is to be made unrecognisable for a while.
const CLIP: &str = "-f lavfi -i color=c=gray:size=640x360:rate=25:duration=100,drawbox=x=480:y=280:w=8:h=60:c=white:t=fill \
    -c:v libx264 -preset veryfast -g 25 -bf 0 -b:v 300k";
/// Where the bar is, and room around it, in thousandths.
const REDACTED: (u16, u16, u16, u16) = (700, 700, 250, 270);
const WIDTH: usize = 640;
const HEIGHT: usize = 360;
/// A rendering takes less than a second; a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn an_export_passes_four_hands_and_says_what_was_done_to_it() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let clip = dir.path().join("grey.mp4");
    make_clip(&clip, CLIP);
    let camera = GstCamera::start(&[("grey", &clip, "h264")]);
    let mut appliance = Appliance::start();
    appliance.add_camera("grey", &camera.url("grey"));
    appliance.wait_for_camera("grey");
    let operator = appliance.login("operator");
    let from = recorded_from(&operator, SECONDS);
    assert_eq!(operator.post("/api/v1/exports", &form(&appliance, from, SECONDS)).1["code"], "EXPORT_NOT_AUTHORISED");
    granted(&appliance);

    same_person_twice(&appliance, from);
    let id = released(&appliance, &operator, &form(&appliance, from, SECONDS));
    let ready = finished(&operator, &id);
    assert_eq!(ready["stage"], "ready", "{ready}");
    let package = dir.path().join("export.zip");
    collect(&operator, &id, &package);
    let files = contents(&package);
    verified(&appliance, &package);
    changed_bytes_are_named(&package, &files, dir.path());
    let video = dir.path().join("video.mp4");
    fs::write(&video, &files.iter().find(|(name, _)| name == "video.mp4").expect("a video").1).expect("a file");
    traced(&appliance, &video, "export", &id);
    seen(&video);
    snapshots(&appliance, &operator, from, dir.path());

    // What is under way at a power cut is rendered after it.
    let from = recorded_from(&operator, SECONDS_CUT);
    let cut = released(&appliance, &operator, &form(&appliance, from, SECONDS_CUT));
    half_rendered(&operator, &cut);
    appliance.kill_nine();
    appliance.start_again();
    let operator = appliance.login("operator");
    assert_eq!(finished(&operator, &cut)["stage"], "ready");
    hostile_recording(&appliance, &operator, from);
    assert_eq!(appliance.stop(), Some(0));
    assert_eq!(fs::read_dir(appliance.dir().join("exports/work")).expect("a folder").count(), 0, "nothing is left");
}

/// When the camera's recording begins, once enough of it is there.
fn recorded_from(operator: &Client, seconds: i64) -> jiff::Timestamp {
    eventually("enough recorded", Duration::from_secs(60), || {
        let (_, timeline) = operator.get("/api/v1/cameras/grey/timeline");
        let items = timeline["items"].as_array()?.iter();
        let time = |text: &Value| text.as_str()?.parse::<jiff::Timestamp>().ok();
        let mut times = items.filter_map(|item| Some((time(&item["start"])?, time(&item["end"])?)));
        times.find(|(start, end)| end.duration_since(*start).as_secs() > seconds + 1).map(|(start, _)| start)
    }) + jiff::SignedDuration::from_millis(500)
}

fn form(appliance: &Appliance, from: jiff::Timestamp, seconds: i64) -> Value {
    let (x, y, w, h) = REDACTED;
    let after = |seconds| (from + jiff::SignedDuration::from_secs(seconds)).to_string();
    json!({
        "camera": "grey", "from": from.to_string(), "to": after(seconds), "purpose": appliance.demo("purpose"),
        "reason": "接警 2026-117", "recipient": "市人民检察院", "medium": "加密U盘 0012",
        "redact": [{"x": x, "y": y, "w": w, "h": h, "to": after(2)}],
    })
}

/// A grant that names exports and snapshots, the way of every grant.
fn granted(appliance: &Appliance) {
    let now = jiff::Timestamp::now();
    let day = jiff::SignedDuration::from_hours(24);
    let clerk = appliance.login("unit_admin");
    let terms = json!({
        "cameras": ["grey"], "purposes": [appliance.demo("purpose")], "verbs": ["export", "snapshot"],
        "valid_from": (now - day).to_string(), "valid_to": (now + day).to_string(),
    });
    let form = json!({"responsible_person": "x", "contact": "1", "narrative": "n", "terms": terms});
    let filed = clerk.create("/api/v1/applications/resource", &form);
    let id = filed["id"].as_str().expect("an id");
    for (role, step) in [
        ("unit_principal", "endorse"),
        ("unit_admin", "submit"),
        ("bureau_approver", "accept"),
        ("bureau_approver", "approve"),
    ] {
        let path = format!("/api/v1/applications/resource/{id}/{step}");
        appliance.login(role).create(&path, &json!({"reason": "journey"}));
    }
}

/// Somebody who may ask and may release does not release what they asked for.
fn same_person_twice(appliance: &Appliance, from: jiff::Timestamp) {
    let account = json!({
        "user": "two-hats", "name": "两职", "unit": "gaj", "roles": ["operator", "export_officer"],
        "password": "correct horse battery", "must_change_password": false, "state": "approved",
    });
    appliance.login("security_admin").create("/api/v1/users", &account);
    let two_hats = Client::login(appliance.api(), "two-hats", "correct horse battery");
    appliance.put_in_order(&two_hats);
    let id =
        two_hats.create("/api/v1/exports", &form(appliance, from, SECONDS))["id"].as_str().expect("an id").to_owned();
    step(&appliance.login("unit_principal"), &id, "endorse");
    step(&appliance.login("bureau_approver"), &id, "approve");
    let (status, refused) = two_hats.post(&format!("/api/v1/exports/{id}/release"), &json!({}));
    assert_eq!((status, &refused["code"]), (403, &json!("SECOND_PERSON_REQUIRED")), "{refused}");
    step(&two_hats, &id, "withdraw");
}

fn step(who: &Client, id: &str, step: &str) -> Value {
    who.create(&format!("/api/v1/exports/{id}/{step}"), &json!({"reason": "journey"}))
}

/// Asked for, endorsed, approved and released, each by another person.
fn released(appliance: &Appliance, operator: &Client, form: &Value) -> String {
    let asked = operator.create("/api/v1/exports", form);
    let id = asked["id"].as_str().expect("an id").to_owned();
    step(&appliance.login("unit_principal"), &id, "endorse");
    step(&appliance.login("bureau_approver"), &id, "approve");
    step(&appliance.login("export_officer"), &id, "release");
    id
}

/// ffmpeg is at work, and how far is told.
fn half_rendered(operator: &Client, id: &str) {
    eventually("a part of it is rendered", PATIENCE, || {
        let (_, export) = operator.get(&format!("/api/v1/exports/{id}"));
        assert!(["released", "rendering"].contains(&export["stage"].as_str()?), "it ended before its cut: {export}");
        (export["progress"]["share"].as_f64()? > 0.2).then_some(())
    });
}

fn finished(operator: &Client, id: &str) -> Value {
    eventually("the export is rendered", PATIENCE, || {
        let (_, export) = operator.get(&format!("/api/v1/exports/{id}"));
        ["ready", "failed"].contains(&export["stage"].as_str()?).then_some(export)
    })
}

fn collect(operator: &Client, id: &str, package: &Path) {
    let (status, bytes) = operator.download(&format!("/api/v1/exports/{id}/package"));
    assert_eq!(status, 200);
    fs::write(package, bytes).expect("a file");
    assert_eq!(operator.get(&format!("/api/v1/exports/{id}")).1["stage"], "collected");
}

fn contents(package: &Path) -> Vec<(String, Vec<u8>)> {
    let mut zip = ZipArchive::new(File::open(package).expect("the package")).expect("a ZIP");
    let mut files = Vec::new();
    for number in 0..zip.len() {
        let mut entry = zip.by_index(number).expect("a file");
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).expect("its bytes");
        files.push((entry.name().to_owned(), bytes));
    }
    files
}

fn verify(package: &Path, more: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    let output = run(command.arg("verify-export").arg(package).args(more));
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// With the ledger's key the package proves all but whose export key it is, and what was before the ledger knew the recording.
fn verified(appliance: &Appliance, package: &Path) {
    let key = appliance.dir().join("ledger/verifier.pub");
    let (code, said) = verify(package, &["--ledger-key", key.to_str().expect("a path")]);
    assert_eq!(code, Some(0), "{said}");
    for proven in
        ["video.mp4: ", "manifest.json: signed", "ledger-proof.json: the manifest is entry", "the one you gave"]
    {
        assert!(said.lines().any(|line| line.starts_with("proven") && line.contains(proven)), "{proven}: {said}");
    }
    assert!(said.lines().any(|line| line.starts_with("not proven") && line.contains("export key")), "{said}");
    let (missing, _) = verify(&package.with_extension("gone"), &[]);
    assert_eq!(missing, Some(66));
}

fn changed_bytes_are_named(package: &Path, files: &[(String, Vec<u8>)], dir: &Path) {
    let whole = fs::read(package).expect("the package");
    let names: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["video.mp4", "manifest.json", "manifest.sig", "ledger-proof.json", "README.txt"]);
    let changed = dir.join("changed.zip");
    for (name, bytes) in files {
        let begin = whole.windows(bytes.len()).position(|window| window == bytes).expect("it is stored as it is");
        for place in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut other = whole.clone();
            other[begin + place] ^= 1;
            fs::write(&changed, other).expect("a file");
            let (code, said) = verify(&changed, &[]);
            let named = said.lines().any(|line| line.starts_with("BROKEN") && line.contains(name.as_str()));
            assert!(code == Some(1) && named, "{name} byte {place}: {said}");
        }
    }
}

/// The copy alone, without its package, leads back.
fn traced(appliance: &Appliance, copy: &Path, as_what: &str, id: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
    let output = run(command.arg("trace").arg(copy).arg("--data").arg(appliance.dir()));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    let named = said.lines().any(|line| line.starts_with(as_what) && line.contains(id));
    assert!(named && said.contains("Demo operator"), "{said}");
}

/// The picture at an instant of a video, or a JPEG, in shades of grey.
fn picture(file: &Path, at: Option<&str>) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostdin", "-loglevel", "error"]);
    command.args(at.into_iter().flat_map(|at| ["-ss", at])).arg("-i").arg(file);
    let output = run(command.args(["-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "gray", "-"]));
    assert_eq!(output.stdout.len(), WIDTH * HEIGHT, "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Each ninth of the picture has text in it.
fn has_mark_in_each_tile(pixels: &[u8]) {
    let mut written = [0; 9];
    for (place, pixel) in pixels.iter().enumerate() {
        let (x, y) = (place % WIDTH, place / WIDTH);
        let tile = y * 3 / HEIGHT * 3 + x * 3 / WIDTH;
        written[tile] += usize::from(pixel.abs_diff(128) > 25);
    }
    assert!(written.iter().all(|pixels| *pixels > 150), "{written:?}");
}

fn brightest_redacted(pixels: &[u8]) -> u8 {
    let part = |place: u16, all: usize| usize::from(place) * all / 1_000;
    let (x, y, w, h) = REDACTED;
    let rows = part(y, HEIGHT)..part(y + h, HEIGHT);
    let columns = part(x, WIDTH)..part(x + w, WIDTH);
    rows.flat_map(|row| pixels[row * WIDTH..][columns.clone()].iter().copied()).max().unwrap_or(0)
}

/// The visible mark is in every tile; the bar is blurred while it was asked for, and seen afterwards.
fn seen(video: &Path) {
    let (early, late) = (picture(video, Some("1")), picture(video, Some("3")));
    has_mark_in_each_tile(&early);
    has_mark_in_each_tile(&late);
    assert!(brightest_redacted(&early) < 215, "the bar is seen: {}", brightest_redacted(&early));
    assert!(brightest_redacted(&late) > 225, "the bar is gone: {}", brightest_redacted(&late));
    // The clock moves: what differs between two seconds of a camera that sees nothing is the last digit.
    let (one, other) = (picture(video, Some("2.2")), picture(video, Some("3.2")));
    assert!(one.iter().zip(&other).filter(|(a, b)| a.abs_diff(**b) > 25).count() > 20, "the clock stands");
}

fn snapshots(appliance: &Appliance, operator: &Client, from: jiff::Timestamp, dir: &Path) {
    let ask = |at: Option<String>| json!({"camera": "grey", "purpose": appliance.demo("purpose"), "reason": "journey", "at": at});
    for (number, at) in [None, Some((from + jiff::SignedDuration::from_secs(1)).to_string())].into_iter().enumerate() {
        let (status, jpeg) = operator.post_for_bytes("/api/v1/snapshots", &ask(at));
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&jpeg));
        let file = dir.join(format!("snapshot-{number}.jpg"));
        fs::write(&file, jpeg).expect("a file");
        has_mark_in_each_tile(&picture(&file, None));
        traced(appliance, &file, "snapshot", "");
    }
    let before = (from - jiff::SignedDuration::from_hours(1)).to_string();
    let (status, refused) = operator.post("/api/v1/snapshots", &ask(Some(before)));
    assert_eq!((status, &refused["code"]), (404, &json!("NOT_FOUND")), "nothing is recorded of then");
}

/// Media that was written over on the disk is rendered as far as it can be, or said to be damaged; the appliance goes on.
fn hostile_recording(appliance: &Appliance, operator: &Client, from: jiff::Timestamp) {
    let recorded = segments(&appliance.recordings()).into_iter().next().expect("a recording");
    let file = File::options().read(true).write(true).open(&recorded).expect("the recording");
    let bytes = fs::read(&recorded).expect("the recording");
    // Sample data only: what is behind the header of each mdat.
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(4).position(|window| window == b"mdat") {
        let begin = at + found + 4;
        let noise: Vec<u8> = (0..400).map(|n: usize| (n * 151 + begin * 31) as u8).collect();
        file.write_all_at(&noise[..noise.len().min(bytes.len() - begin)], begin as u64).expect("noise");
        at = begin + 1_000;
        if at >= bytes.len() {
            break;
        }
    }
    let id = released(appliance, operator, &form(appliance, from, SECONDS));
    let ended = finished(operator, &id);
    if ended["stage"] == "failed" {
        let said = ended["history"].as_array().and_then(|lines| lines.last()?["reason"].as_str()).unwrap_or_default();
        assert!(said.contains(" / "), "it says why in both languages: {ended}");
    }
    assert_eq!(operator.get("/api/v1/exports").0, 200);
}
