//! J-8: in a major emergency the handling department has priority. On a full server its session starts and one ordinary session makes
//! way; it reaches no further than the event, and no longer.

use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::api::{Client, from_now};
use crate::harness::appliance::{Appliance, SLUICE};
use crate::harness::camera::SimCameras;
use crate::harness::eventually;
use crate::harness::viewer::Viewer;

const PASSWORD: &str = "correct horse 8 battery";
/// A server that is full with two sessions.
const FULL: [&str; 1] = ["relay.sessions_max=2"];

fn ask(appliance: &Appliance, who: &Client, camera: &str, emergency: &Value) -> (u16, Value) {
    let purpose = appliance.demo("purpose");
    let mut ask = json!({"camera": camera, "verb": "live", "purpose": purpose, "reason": "洪涝"});
    if !emergency.is_null() {
        ask["emergency"] = emergency["id"].clone();
    }
    who.post("/api/v1/sessions", &ask)
}

fn watching(session: &Value) -> Viewer {
    let mut viewer = Viewer::connect(session["urls"]["rtsp"].as_str().expect("a URL"), Ipv4Addr::LOCALHOST);
    assert_eq!(viewer.play(), 200);
    viewer.some_media();
    viewer
}

fn once_closed(who: &Client, session: &Value) -> Value {
    let at = format!("/api/v1/sessions/{}", session["id"].as_str().expect("an id"));
    eventually("the session is over", Duration::from_secs(5), || {
        let (_, shown) = who.get(&at);
        shown["closed_at"].is_string().then_some(shown)
    })
}

#[test]
fn on_a_full_server_an_ordinary_session_makes_way() {
    let sim = SimCameras::start(2);
    let appliance = Appliance::start_by(tempfile::tempdir().expect("a folder"), Command::new(SLUICE), &FULL);
    for n in [1, 2] {
        appliance.add_camera(&format!("j08-{n}"), &sim.url(n));
        appliance.wait_for_camera(&format!("j08-{n}"));
    }
    let (operator, commander) = (appliance.login("operator"), appliance.login("incident_commander"));
    let event = json!({"event": "洪涝", "what": "水位上涨", "cameras": ["j08-1"], "ends_at": from_now(600.0)});
    let forbidden = operator.post("/api/v1/emergencies", &event);
    assert_eq!(forbidden.1["code"], "ROLE_FORBIDS", "an operator declares none");
    let emergency = commander.create("/api/v1/emergencies", &event);
    let outside = ask(&appliance, &commander, "j08-2", &emergency);
    assert_eq!((outside.0, &outside.1["code"]), (403, &json!("EMERGENCY_SCOPE")), "{}", outside.1);

    let (elder, younger) = (appliance.live(&operator, "j08-1"), appliance.live(&operator, "j08-2"));
    let (_elder_viewer, mut younger_viewer) = (watching(&elder), watching(&younger));
    let full = ask(&appliance, &commander, "j08-2", &Value::Null);
    assert_eq!((full.0, &full.1["code"]), (429, &json!("BANDWIDTH_LIMIT")), "{}", full.1);
    let (status, urgent) = ask(&appliance, &commander, "j08-1", &emergency);
    assert_eq!(status, 201, "{urgent}");
    let urgent_viewer = watching(&urgent);

    younger_viewer.rest();
    assert_eq!(once_closed(&operator, &younger)["end_reason"], "preempted");
    made_way_is_told(&appliance, &operator, &younger);
    let (_, still) = operator.get(&format!("/api/v1/sessions/{}", elder["id"].as_str().expect("an id")));
    assert_eq!(still["state"], "active", "one made way, and no more: {still}");

    is_closed_and_reviewed(&appliance, &commander, &emergency, (&urgent, urgent_viewer));
}

/// From its confirmation to its review by another than who confirmed it; with its end its session ends.
fn is_closed_and_reviewed(appliance: &Appliance, commander: &Client, emergency: &Value, run: (&Value, Viewer)) {
    let bureau = appliance.login("bureau_approver");
    let step = |who: &Client, step: &str, body: Value| {
        let id = emergency["id"].as_str().expect("an id");
        who.post(&format!("/api/v1/emergencies/{id}/{step}"), &body).1
    };
    assert_eq!(bureau.inbox("emergencies").len(), 1, "the Bureau is to confirm it");
    assert_eq!(step(commander, "confirm", json!({}))["code"], "ROLE_FORBIDS", "nobody confirms their own");
    assert_eq!(step(&bureau, "confirm", json!({}))["state"], "confirmed");
    assert!(bureau.inbox("emergencies").is_empty());
    assert_eq!(step(commander, "close", json!({}))["state"], "closed");
    let (session, mut viewer) = run;
    viewer.rest();
    assert_eq!(once_closed(commander, session)["end_reason"], "expired", "its sessions end with it");
    let over = ask(appliance, commander, "j08-1", emergency);
    assert_eq!((over.0, &over.1["code"]), (403, &json!("EMERGENCY_SCOPE")), "{}", over.1);

    let second = another_approver(appliance, &bureau);
    assert_eq!(second.inbox("emergencies").len(), 1, "the Bureau is to review it");
    let review = json!({"reason": "属实"});
    assert_eq!(step(&bureau, "review", review.clone())["code"], "SECOND_PERSON_REQUIRED");
    assert_eq!(step(&second, "review", json!({}))["code"], "REASON_REQUIRED");
    assert_eq!(step(&second, "review", review)["state"], "reviewed");
    assert!(second.inbox("emergencies").is_empty());
}

/// Who confirms an emergency does not review it.
fn another_approver(appliance: &Appliance, bureau: &Client) -> Client {
    let unit = bureau.get("/api/v1/me").1["unit"].clone();
    let account = json!({
        "user": "second-approver", "name": "第二审批人", "staff_no": "000002", "unit": unit,
        "roles": ["bureau_approver"], "password": PASSWORD, "must_change_password": false, "state": "approved",
    });
    appliance.login("security_admin").create("/api/v1/users", &account);
    Client::login(appliance.api(), "second-approver", PASSWORD)
}

/// Whoever comes back with the session that made way, by its URL or to renew it, is told why; and so is the auditor.
fn made_way_is_told(appliance: &Appliance, operator: &Client, session: &Value) {
    let url = session["urls"]["rtsp"].as_str().expect("a URL");
    let token = url.rsplit('/').next().expect("a token");
    let id = session["id"].as_str().expect("an id");
    let by_url = operator.get(&format!("/s/{token}/index.m3u8"));
    let renewed = operator.post(&format!("/api/v1/sessions/{id}/renew"), &json!({}));
    for (status, told) in [by_url, renewed] {
        assert_eq!((status, &told["code"]), (403, &json!("PREEMPTED_BY_EMERGENCY")), "{told}");
        assert_eq!(told["articles"], json!(["J-8"]));
    }
    let auditor = appliance.login("audit_admin");
    eventually("the refusal at the URL is on the ledger", Duration::from_secs(5), || {
        let told = |event: &&Value| event["code"] == "PREEMPTED_BY_EMERGENCY" && event["session"] == id;
        auditor.ledger().iter().find(told).cloned()
    });
}
