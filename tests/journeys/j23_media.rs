//! J-23: official use only. Nothing is watched, taken or exported without a purpose; what goes to the media has the release of the
//! unit's own principal before it has anything else, covers no more than that, and leaves redacted.

use std::io::Cursor;
use std::time::Duration;

use serde_json::{Value, json};
use zip::ZipArchive;

use crate::harness::api::Client;
use crate::harness::appliance::Appliance;
use crate::harness::camera::SimCameras;
use crate::harness::department::application;
use crate::harness::eventually;

const SECONDS: i64 = 2;
/// A rendering takes less than a second; a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn what_goes_to_the_media_has_the_units_own_release_and_nothing_goes_without_a_purpose() {
    let cameras = SimCameras::start(1);
    let appliance = Appliance::start();
    appliance.add_camera("j23", &cameras.url(1));
    let operator = appliance.login("operator");
    let long = |item: &&[jiff::Timestamp; 2]| item[1].duration_since(item[0]).as_secs() > SECONDS;
    let items = appliance.once_recorded(&operator, "j23", |items| items.iter().any(|item| long(&item)));
    let [from, _] = *items.iter().find(long).expect("there is one");
    exports_are_granted(&appliance);
    let form = json!({
        "camera": "j23", "from": from.to_string(), "to": (from + jiff::SignedDuration::from_secs(SECONDS)).to_string(),
        "purpose": appliance.demo("purpose"), "reason": "通报", "recipient": "济源电视台", "medium": "光盘 1",
    });
    nothing_without_a_purpose(&appliance, &operator, &form);

    let for_media = |release: Option<&Value>, redact: Value| {
        let mut form = form.clone();
        (form["for_media"], form["redact"]) = (json!(true), redact);
        release.into_iter().for_each(|release| form["media_release"] = release["id"].clone());
        operator.post("/api/v1/exports", &form)
    };
    let face = || json!([{"x": 100, "y": 100, "w": 200, "h": 200}]);
    let release =
        |to: &Value| json!({"camera": "j23", "from": form["from"], "to": to, "outlet": "济源电视台", "reason": "通报"});
    refused(&for_media(None, face()), "MEDIA_RELEASE_APPROVAL_MISSING", &["J-23"]);
    refused(&operator.post("/api/v1/media-releases", &release(&form["to"])), "ROLE_FORBIDS", &["MLPS3"]);
    let bureau = appliance.login("bureau_approver");
    refused(&bureau.post("/api/v1/media-releases", &release(&form["to"])), "ROLE_FORBIDS", &["MLPS3"]);
    let head = appliance.login("unit_principal");
    let within = json!((from + jiff::SignedDuration::from_millis(500)).to_string());
    let short = head.create("/api/v1/media-releases", &release(&within));
    refused(&for_media(Some(&short), face()), "MEDIA_RELEASE_APPROVAL_MISSING", &["J-23"]);
    let whole = head.create("/api/v1/media-releases", &release(&form["to"]));
    refused(&for_media(Some(&whole), json!([])), "REDACTION_REQUIRED", &["J-23", "O-22"]);
    let (status, export) = for_media(Some(&whole), face());
    assert_eq!((status, &export["stage"]), (201, &json!("draft")), "{export}");
    leaves_with_its_release(&appliance, &operator, &export, &whole);
    assert_eq!(appliance.metric("sluice_sessions_without_record"), Some(0.0));
}

/// By its four hands to the package, which says under whose release it left.
fn leaves_with_its_release(appliance: &Appliance, operator: &Client, export: &Value, release: &Value) {
    let path = format!("/api/v1/exports/{}", export["id"].as_str().expect("an id"));
    for (role, step) in [("unit_principal", "endorse"), ("bureau_approver", "approve"), ("export_officer", "release")] {
        appliance.login(role).create(&format!("{path}/{step}"), &json!({"reason": "通报"}));
    }
    eventually("the export is rendered", PATIENCE, || {
        let stage = operator.get(&path).1["stage"].clone();
        assert_ne!(stage, "failed");
        (stage == "ready").then_some(())
    });
    let (status, bytes) = operator.download(&format!("{path}/package"));
    assert_eq!(status, 200);
    let mut package = ZipArchive::new(Cursor::new(bytes)).expect("a ZIP");
    let manifest = package.by_name("manifest.json").expect("a manifest");
    let manifest: Value = serde_json::from_reader(manifest).expect("JSON");
    let request = &manifest["request"];
    assert_eq!((&request["for_media"], &request["media_release"]), (&json!(true), &release["id"]), "{manifest}");
    assert_eq!(request["redact"].as_array().map(Vec::len), Some(1), "{manifest}");
}

/// A grant that names exports and snapshots, the way of every grant.
fn exports_are_granted(appliance: &Appliance) {
    let form = application(&json!([appliance.demo("purpose")]), &["export", "snapshot"]);
    let filed = appliance.login("unit_admin").create("/api/v1/applications/resource", &form);
    for (role, step) in [
        ("unit_principal", "endorse"),
        ("unit_admin", "submit"),
        ("bureau_approver", "accept"),
        ("bureau_approver", "approve"),
    ] {
        appliance.login(role).step("applications/resource", &filed, step);
    }
}

fn nothing_without_a_purpose(appliance: &Appliance, operator: &Client, form: &Value) {
    let stretch =
        |verb: &str| json!({"camera": "j23", "verb": verb, "reason": "x", "from": form["from"], "to": form["to"]});
    let (mut export, mut live) = (form.clone(), appliance.live_ask("j23"));
    export["purpose"] = json!(" ");
    live["purpose"] = json!("");
    let asks = [
        ("/api/v1/sessions", live),
        ("/api/v1/sessions", stretch("playback")),
        ("/api/v1/sessions", stretch("download")),
        ("/api/v1/snapshots", json!({"camera": "j23", "reason": "x"})),
        ("/api/v1/exports", export),
    ];
    for (path, ask) in asks {
        let (status, body) = operator.post(path, &ask);
        assert_eq!((status, &body["code"]), (422, &json!("PURPOSE_REQUIRED")), "{path} {ask}: {body}");
        assert_eq!(body["articles"], json!(["J-23", "J-24(3)", "O-16(3)"]), "{body}");
    }
}

#[track_caller]
fn refused((status, body): &(u16, Value), code: &str, articles: &[&str]) {
    assert_eq!((*status, &body["code"], &body["articles"]), (403, &json!(code), &json!(articles)), "{body}");
}
