//! J-2: the platform is for registered departments. Whose unit is withdrawn is refused everywhere, at once, and cannot sign in; what
//! they watched has ended.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::json;

use crate::harness::api::Client;
use crate::harness::appliance::Appliance;
use crate::harness::camera::SimCameras;
use crate::harness::eventually;
use crate::harness::viewer::Viewer;

/// The unit's people beside the operator.
const OTHERS: [&str; 4] = ["unit_admin", "unit_principal", "incident_commander", "owner_maintainer"];

#[test]
fn who_has_no_registered_unit_is_refused_everywhere() {
    let sim = SimCameras::start(1);
    let appliance = Appliance::start();
    appliance.add_camera("j02", &sim.url(1));
    appliance.wait_for_camera("j02");
    let operator = appliance.login("operator");
    let others = OTHERS.map(|role| appliance.login(role));
    let session = appliance.live(&operator, "j02");
    let url = session["urls"]["rtsp"].as_str().expect("a URL");
    let mut viewer = Viewer::connect(url, Ipv4Addr::LOCALHOST);
    assert_eq!(viewer.play(), 200);
    viewer.some_media();

    let bureau = appliance.login("bureau_approver");
    let (status, unit) = bureau.patch("/api/v1/units/gaj", &json!({"state": "withdrawn"}));
    assert_eq!((status, &unit["state"]), (200, &json!("withdrawn")), "{unit}");
    viewer.rest();
    let at = format!("/api/v1/usage?user={}", session_user(&bureau, &session["id"]));
    let record = eventually("the record of the viewing is closed", Duration::from_secs(5), || {
        let (_, usage) = bureau.get(&at);
        usage["items"].as_array()?.iter().find(|record| record["closed_at"].is_string()).cloned()
    });
    assert_eq!((&record["session"], &record["end_reason"]), (&session["id"], &json!("revoked")));
    assert_eq!(Viewer::connect(url, Ipv4Addr::LOCALHOST).play(), 403, "its URL is worth nothing");

    let calls = operator.described_calls();
    assert!(calls.len() > 150, "{}", calls.len());
    for (method, path) in &calls {
        let (status, refused) = operator.call(method, path, false);
        assert_eq!((status, &refused["code"]), (403, &json!("UNIT_NOT_REGISTERED")), "{method} {path}: {refused}");
        assert!(refused["articles"].as_array().is_some_and(|cited| cited.contains(&json!("J-2"))), "{refused}");
    }
    for other in &others {
        for path in ["/api/v1/me", "/api/v1/inbox", "/api/v1/cameras", "/api/v1/findings"] {
            assert_eq!(other.get(path).1["code"], "UNIT_NOT_REGISTERED", "{path}");
        }
    }
    for role in ["operator", "unit_principal"] {
        let account = &appliance.demo("accounts")[role];
        let typed = json!({"user": account["user"], "password": account["password"]});
        let (status, refused) = Client::new(appliance.api()).post("/api/v1/login", &typed);
        assert_eq!((status, &refused["code"]), (403, &json!("UNIT_NOT_REGISTERED")), "{role}: {refused}");
    }
    assert_eq!(bureau.patch("/api/v1/units/gaj", &json!({"state": "registered"})).0, 200);
    appliance.live(&operator, "j02");
}

fn session_user(overseer: &Client, session: &serde_json::Value) -> String {
    let id = session.as_str().expect("an id");
    let (status, shown) = overseer.get(&format!("/api/v1/sessions/{id}"));
    assert_eq!(status, 200, "{shown}");
    shown["user"].as_str().expect("a user").to_owned()
}
