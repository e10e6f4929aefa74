//! J-21: a unit that no article names uses the platform for what the Bureau sets, and until then for nothing.

use serde_json::{Value, json};

use crate::harness::appliance::Appliance;
use crate::harness::camera::SimCameras;
use crate::harness::department::{Department, application};
use crate::harness::order::TEXT_VERSION;

#[test]
fn a_new_unit_is_refused_every_session_until_the_bureau_sets_its_purposes() {
    let cameras = SimCameras::start(1);
    let appliance = Appliance::start();
    appliance.add_camera("j21", &cameras.url(1));
    appliance.wait_for_camera("j21");
    let bureau = appliance.login("bureau_approver");
    let made = bureau.create("/api/v1/units", &json!({"id": "qxj", "name": "气象局"}));
    assert_eq!((&made["kind"], &made["purposes"]), (&json!("other"), &json!([])), "{made}");
    let unit = Department::staffed(&appliance, "qxj");
    unit.sign(TEXT_VERSION);
    let (_, list) = unit.operator.get("/api/v1/purposes");
    let purposes: Vec<&str> =
        list["items"].as_array().expect("purposes").iter().filter_map(|purpose| purpose["code"].as_str()).collect();
    let ask = |purpose: &str| {
        let ask = json!({"camera": "j21", "verb": "live", "purpose": purpose, "reason": "journey"});
        unit.operator.post("/api/v1/sessions", &ask)
    };
    let refused_for_all = |code: &str| {
        for purpose in &purposes {
            let (status, refused) = ask(purpose);
            assert_eq!((status, &refused["code"]), (403, &json!(code)), "{purpose}: {refused}");
        }
    };
    refused_for_all("NO_GRANT");
    for purpose in &purposes {
        let form = application(&json!([purpose]), &["live"]);
        no_duties(&unit.clerk.post("/api/v1/applications/resource", &form));
    }

    let of_unit = "/api/v1/units/qxj";
    bureau.change(of_unit, &json!({"purposes": ["SL-3", "YJ-3"]}));
    unit.granted(&appliance, &json!(["SL-3", "YJ-3"]), &["live"]);
    assert_eq!(ask("SL-3").0, 201);
    let (_, session) = ask("YJ-3");
    let (status, refused) = ask("GA-1");
    assert_eq!((status, &refused["articles"]), (403, &json!(["J-14", "J-23"])), "{refused}");

    bureau.change(of_unit, &json!({"purposes": ["SL-3"]}));
    assert_eq!(appliance.closed(&session)["end_reason"], "revoked", "what ran for a purpose ends with it");
    assert_eq!(ask("SL-3").0, 201, "the other one stands");
    bureau.change(of_unit, &json!({"purposes": []}));
    refused_for_all("PURPOSE_NOT_IN_DUTIES");
    no_duties(&ask("SL-3"));
}

/// The unit has no duties at all, which is J-21's to say, whosever purpose it is.
#[track_caller]
fn no_duties((status, refused): &(u16, Value)) {
    assert_eq!((*status, &refused["code"]), (403, &json!("PURPOSE_NOT_IN_DUTIES")), "{refused}");
    assert_eq!(refused["articles"], json!(["J-21", "J-23"]), "{refused}");
}
