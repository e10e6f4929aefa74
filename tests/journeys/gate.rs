//! No media without a lease, no lease without a grant: every way in without a right gives no media byte, the right code,
//! and an entry in the ledger; and what ends a right ends what runs.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::api::Client;
use crate::harness::appliance::Appliance;
use crate::harness::camera::SimCameras;
use crate::harness::eventually;
use crate::harness::viewer::Viewer;

/// An appliance with one camera that is up.
fn with_camera() -> (SimCameras, Appliance) {
    let cameras = SimCameras::start(1);
    let appliance = Appliance::start();
    appliance.add_camera("gate", &cameras.url(1));
    appliance.wait_for_camera("gate");
    (cameras, appliance)
}

fn session(appliance: &Appliance, camera: &str) -> Value {
    json!({"camera": camera, "verb": "live", "purpose": appliance.demo("purpose"), "reason": "journey"})
}

fn rtsp_url(session: &Value) -> &str {
    session["urls"]["rtsp"].as_str().expect("an RTSP URL")
}

/// Waits for a ledger entry that holds all the words.
fn ledger_says(appliance: &Appliance, words: &[&str]) {
    let auditor = appliance.login("audit_admin");
    eventually(&format!("the ledger says {words:?}"), Duration::from_secs(10), || {
        let mut path = String::from("/api/v1/ledger?from=0");
        loop {
            let (status, page) = auditor.get(&path);
            assert_eq!(status, 200, "{page}");
            let found = page["items"].as_array()?.iter().any(|e| {
                let text = e.to_string();
                words.iter().all(|w| text.contains(w))
            });
            if found {
                return Some(());
            }
            match page["next"].as_str().map(str::to_owned).or_else(|| page["next"].as_u64().map(|n| n.to_string())) {
                Some(next) => path = format!("/api/v1/ledger?from={next}"),
                None => return None,
            }
        }
    });
}

#[track_caller]
fn refused(answer: &(u16, Value), status: u16, code: &str) {
    assert_eq!((answer.0, answer.1["code"].as_str()), (status, Some(code)), "{}", answer.1);
    assert!(answer.1["articles"].as_array().is_some_and(|a| !a.is_empty()), "no article: {}", answer.1);
    for language in ["zh", "en"] {
        assert!(answer.1["message"][language].as_str().is_some_and(|m| !m.is_empty()), "no {language}: {}", answer.1);
    }
}

fn grant_of(approver: &Client) -> String {
    let (status, page) = approver.get("/api/v1/grants");
    assert_eq!(status, 200, "{page}");
    page["items"][0]["id"].as_str().expect("the demo has a grant").to_owned()
}

#[test]
fn without_a_right_there_is_no_url() {
    let (_cameras, appliance) = with_camera();
    refused(&Client::new(appliance.api()).post("/api/v1/sessions", &session(&appliance, "gate")), 401, "AUTH_REQUIRED");
    let operator = appliance.login("operator");
    refused(&operator.post("/api/v1/sessions", &session(&appliance, "no-such-camera")), 404, "CAMERA_UNKNOWN");
    let catalogue = appliance.login("catalogue_admin");
    refused(&catalogue.post("/api/v1/sessions", &session(&appliance, "gate")), 403, "PRINCIPAL_MISSING");
    let clerk = appliance.login("unit_admin");
    refused(&clerk.post("/api/v1/sessions", &session(&appliance, "gate")), 403, "ROLE_FORBIDS");
    let mut no_purpose = session(&appliance, "gate");
    no_purpose["purpose"] = json!("");
    refused(&operator.post("/api/v1/sessions", &no_purpose), 422, "PURPOSE_REQUIRED");
    let mut no_reason = session(&appliance, "gate");
    no_reason["reason"] = json!(" ");
    refused(&operator.post("/api/v1/sessions", &no_reason), 422, "REASON_REQUIRED");
    let mut foreign = session(&appliance, "gate");
    foreign["purpose"] = json!("LY-1");
    refused(&operator.post("/api/v1/sessions", &foreign), 403, "PURPOSE_NOT_IN_DUTIES");
    for code in ["CAMERA_UNKNOWN", "ROLE_FORBIDS", "PURPOSE_REQUIRED", "REASON_REQUIRED", "PURPOSE_NOT_IN_DUTIES"] {
        ledger_says(&appliance, &[code]);
    }
    assert_eq!(appliance.metric("sluice_sessions_without_record"), Some(0.0));
}

#[test]
fn a_url_works_for_its_terminal_and_its_time_only() {
    let (_cameras, appliance) = with_camera();
    let operator = appliance.login("operator");
    let lease = operator.create("/api/v1/sessions", &session(&appliance, "gate"));
    let id = lease["id"].as_str().expect("an id").to_owned();

    let mut elsewhere = Viewer::connect(rtsp_url(&lease), Ipv4Addr::new(127, 0, 0, 2));
    assert_eq!(elsewhere.play(), 403, "another terminal");
    assert_eq!(elsewhere.rest(), 0, "media bytes to another terminal");
    ledger_says(&appliance, &["TERMINAL_MISMATCH", &id, "127.0.0.2"]);

    let made_up = format!("rtsp://{}/s/{}", appliance.rtsp_address(), "A".repeat(43));
    let mut guess = Viewer::connect(&made_up, Ipv4Addr::LOCALHOST);
    assert!(matches!(guess.play(), 403 | 404), "a made-up token");
    assert_eq!(guess.rest(), 0, "media bytes to a made-up token");
    for path in ["index.m3u8", "init-0.mp4", "seg-0.m4s"] {
        let (status, _) = Client::new(appliance.api()).bytes(&format!("/s/{}/{path}", "A".repeat(43)));
        assert!(matches!(status, 403 | 404), "made-up token by HTTP: {status}");
    }

    let mut viewer = Viewer::connect(rtsp_url(&lease), Ipv4Addr::LOCALHOST);
    assert_eq!(viewer.play(), 200);
    viewer.some_media();
    let (status, answer) = operator.delete(&format!("/api/v1/sessions/{id}"));
    assert!(status < 300, "{status} {answer}");
    viewer.rest();
    let mut late = Viewer::connect(rtsp_url(&lease), Ipv4Addr::LOCALHOST);
    assert!(matches!(late.play(), 403 | 404 | 454), "after the end");
    assert_eq!(late.rest(), 0, "media bytes after the end");
}

#[test]
fn what_ends_a_grant_ends_what_runs_on_it() {
    let (_cameras, appliance) = with_camera();
    let operator = appliance.login("operator");
    let approver = appliance.login("bureau_approver");
    let grant = grant_of(&approver);
    for (action, code, word) in [("suspend", "GRANT_SUSPENDED", "suspended"), ("revoke", "GRANT_REVOKED", "revoked")] {
        let lease = operator.create("/api/v1/sessions", &session(&appliance, "gate"));
        let id = lease["id"].as_str().expect("an id").to_owned();
        let mut viewer = Viewer::connect(rtsp_url(&lease), Ipv4Addr::LOCALHOST);
        assert_eq!(viewer.play(), 200);
        viewer.some_media();
        let (status, answer) =
            approver.post(&format!("/api/v1/grants/{grant}/{action}"), &json!({"reason": "journey"}));
        assert!(status < 300, "{action}: {status} {answer}");
        viewer.rest();
        refused(&operator.post("/api/v1/sessions", &session(&appliance, "gate")), 403, code);
        let mut late = Viewer::connect(rtsp_url(&lease), Ipv4Addr::LOCALHOST);
        assert_ne!(late.play(), 200, "the URL after {action}");
        assert_eq!(late.rest(), 0);
        let record = eventually("the usage record is closed", Duration::from_secs(10), || {
            let (_, page) = appliance.login("audit_admin").get("/api/v1/usage");
            let record = page["items"].as_array()?.iter().find(|r| r.to_string().contains(&id))?.clone();
            record.to_string().contains(word).then_some(record)
        });
        assert!(record.to_string().contains("gate"), "the record names the camera: {record}");
        if action == "suspend" {
            approver.create(&format!("/api/v1/grants/{grant}/resume"), &json!({"reason": "journey"}));
        }
    }
    let seconds = appliance.metric("sluice_revocation_seconds_count").expect("the revocations were timed");
    assert!(seconds >= 2.0, "{seconds}");
}
