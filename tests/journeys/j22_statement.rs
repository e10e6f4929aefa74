//! J-22: who uses is responsible. Without the unit's signature under the text in force nobody of it views; taking it back ends what the
//! unit's people watch and nothing else; a new version of the text suspends every unit until it signs again.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use crate::harness::api::Client;
use crate::harness::appliance::Appliance;
use crate::harness::camera::SimCameras;
use crate::harness::department::Department;
use crate::harness::order::{TEXT_VERSION, in_days};
use crate::harness::viewer::Viewer;

/// People of one unit who watch at once.
const VIEWERS: usize = 5;

#[test]
fn a_unit_watches_as_long_as_its_signature_stands_under_the_text_in_force() {
    let cameras = SimCameras::start(1);
    let appliance = Appliance::start();
    appliance.add_camera("j22", &cameras.url(1));
    appliance.wait_for_camera("j22");
    let bureau = appliance.login("bureau_approver");
    let police = appliance.login("operator");
    let transport = Department::staffed(&appliance, "jtj");
    transport.granted(&appliance, &json!(["JT-2"]), &["live", "raw"]);
    let ask = json!({"camera": "j22", "verb": "live", "purpose": "JT-2", "reason": "journey"});
    unsigned(&transport.operator, &ask);

    let signed = transport.sign(TEXT_VERSION);
    let theirs: Vec<Value> = (0..VIEWERS).map(|_| transport.operator.create("/api/v1/sessions", &ask)).collect();
    let mut watching: Vec<Viewer> = theirs.iter().map(watch).collect();
    let others = appliance.live(&police, "j22");
    let mut other = watch(&others);
    bureau.step("unit-statements", &signed, "revoke");
    for (session, viewer) in theirs.iter().zip(&mut watching) {
        viewer.rest();
        assert_eq!(appliance.closed(session)["end_reason"], "revoked");
    }
    unsigned(&transport.operator, &ask);
    other.some_media();
    let (_, running) = police.get(&format!("/api/v1/sessions/{}", others["id"].as_str().expect("an id")));
    assert_eq!(running["state"], "active", "another unit's goes on: {running}");

    transport.sign(TEXT_VERSION);
    let again = transport.operator.create("/api/v1/sessions", &ask);
    publish(&bureau, "journey-2");
    for session in [&again, &others] {
        assert_eq!(appliance.closed(session)["end_reason"], "revoked", "a new version suspends every unit");
    }
    other.rest();
    unsigned(&transport.operator, &ask);
    unsigned(&police, &appliance.live_ask("j22"));
    let old = json!({"text_version": TEXT_VERSION, "principal": "甲", "valid_to": in_days(300)});
    let (status, refused) = transport.head.post("/api/v1/unit-statements", &old);
    assert_eq!((status, &refused["field"]), (422, &json!("text_version")), "{refused}");
    transport.sign("journey-2");
    assert_eq!(transport.operator.post("/api/v1/sessions", &ask).0, 201);
    unsigned(&police, &appliance.live_ask("j22"));
    let signed = json!({"text_version": "journey-2", "principal": "甲", "valid_to": in_days(300)});
    appliance.login("unit_principal").create("/api/v1/unit-statements", &signed);
    appliance.live(&police, "j22");
}

fn watch(session: &Value) -> Viewer {
    let mut viewer = Viewer::connect(session["urls"]["rtsp"].as_str().expect("an RTSP URL"), Ipv4Addr::LOCALHOST);
    assert_eq!(viewer.play(), 200);
    viewer.some_media();
    viewer
}

fn publish(bureau: &Client, version: &str) {
    let text = json!({"signer": "unit", "text_version": version, "text": "视频监控资源共享使用安全保密责任书,新文本"});
    let draft = bureau.create("/api/v1/statement-texts", &text);
    assert_eq!(bureau.step("statement-texts", &draft, "publish")["state"], "in_force");
}

#[track_caller]
fn unsigned(operator: &Client, ask: &Value) {
    let (status, refused) = operator.post("/api/v1/sessions", ask);
    assert_eq!((status, &refused["code"]), (403, &json!("STATEMENT_NOT_SIGNED")), "{refused}");
    assert_eq!(refused["articles"], json!(["J-22"]), "{refused}");
}
