//! J-25: only within lawful jurisdiction. A camera outside the unit's areas answers in every call as one that does not exist, to the byte,
//! and no list shows it; what is watched there ends when the area is taken away.

use serde_json::{Value, json};

use crate::harness::api::Client;
use crate::harness::appliance::{Appliance, camera};
use crate::harness::camera::SimCameras;

/// As long as the other, so that not even a length tells.
const UNKNOWN: &str = "j25-nosuch";
const OUTSIDE: &str = "j25-beyond";
const INSIDE: &str = "j25-within";

#[test]
fn a_camera_out_of_the_area_is_as_one_that_does_not_exist() {
    let cameras = SimCameras::start(2);
    let appliance = Appliance::start();
    let keeper = appliance.login("catalogue_admin");
    for (n, (id, area)) in (1..).zip([(INSIDE, "济源/沁园"), (OUTSIDE, "济源/天坛")]) {
        let mut entry = camera(id, &cameras.url(n));
        entry["area"] = json!(area);
        keeper.create("/api/v1/cameras", &entry);
        appliance.wait_for_camera(id);
    }
    let operator = appliance.login("operator");
    let listed = || -> Vec<String> {
        let (_, page) = operator.get("/api/v1/cameras");
        let ids = page["items"].as_array().expect("items").iter().filter_map(|item| item["id"].as_str());
        ids.map(str::to_owned).collect()
    };
    assert_eq!(listed(), [OUTSIDE, INSIDE]);
    let beyond = appliance.live(&operator, OUTSIDE);
    let within = appliance.live(&operator, INSIDE);
    let areas = json!({"areas": ["济源/沁园"]});
    appliance.login("bureau_approver").change("/api/v1/units/gaj", &areas);
    assert_eq!(appliance.closed(&beyond)["end_reason"], "camera_lost");
    let (_, running) = operator.get(&format!("/api/v1/sessions/{}", within["id"].as_str().expect("an id")));
    assert_eq!(running["state"], "leased", "{running}");

    assert_eq!(listed(), [INSIDE]);
    let (_, csv) = operator.download("/api/v1/cameras/export");
    assert!(!String::from_utf8_lossy(&csv).contains(OUTSIDE), "the catalogue as a file shows it no more");
    for role in ["operator", "unit_admin", "unit_principal"] {
        let who = appliance.login(role);
        assert!(!who.get("/api/v1/cameras").1.to_string().contains(OUTSIDE), "{role}");
        for path in ["", "/history", "/timeline", "/diff?from=1&to=2"] {
            same(|id| who.download(&format!("/api/v1/cameras/{id}{path}")));
        }
        same(|id| who.download(&format!("/api/v1/holds?camera={id}")));
    }
    asks_alike(&appliance, &operator);
    appliance.live(&operator, INSIDE);
    assert_eq!(operator.post("/api/v1/sessions", &appliance.live_ask(OUTSIDE)).1["code"], "CAMERA_UNKNOWN");
}

/// Every call that names a camera in its body.
fn asks_alike(appliance: &Appliance, operator: &Client) {
    let (from, to) = ("2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z");
    let purpose = appliance.demo("purpose");
    let session = |verb: &str, id: &str| json!({"camera": id, "verb": verb, "purpose": purpose, "reason": "x", "from": from, "to": to});
    same(|id| operator.post_for_bytes("/api/v1/sessions", &appliance.live_ask(id)));
    for verb in ["playback", "download"] {
        same(|id| operator.post_for_bytes("/api/v1/sessions", &session(verb, id)));
    }
    same(|id| operator.post_for_bytes("/api/v1/snapshots", &json!({"camera": id, "purpose": purpose, "reason": "x"})));
    same(|id| {
        let mut form = session("", id);
        form.as_object_mut().expect("an object").remove("verb");
        (form["recipient"], form["medium"]) = (json!("甲"), json!("光盘"));
        operator.post_for_bytes("/api/v1/exports", &form)
    });
    same(|id| {
        let incident = json!({"camera": id, "at": from, "event": "火情", "what": "烟"});
        operator.post_for_bytes("/api/v1/incidents", &incident)
    });
    same(|id| {
        let hold = json!({"camera": id, "from": from, "to": to, "reason": "x"});
        operator.post_for_bytes("/api/v1/holds", &hold)
    });
}

/// Status and bytes are the same for both, but for the number of the request.
#[track_caller]
fn same(ask: impl Fn(&str) -> (u16, Vec<u8>)) {
    let [outside, unknown] = [OUTSIDE, UNKNOWN].map(|id| {
        let (status, bytes) = ask(id);
        let text = String::from_utf8(bytes).expect("UTF-8").replace(id, "ID");
        let body: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{status} {error}: {text}"));
        let request = body["request_id"].as_str().unwrap_or("no request").to_owned();
        (status, text.replace(&request, "REQUEST"), body["items"].as_array().map(Vec::len))
    });
    assert_eq!(outside, unknown);
    let (status, text, items) = outside;
    assert!(status == 404 || (status, items) == (200, Some(0)) || status == 403, "{status} {text}");
}
