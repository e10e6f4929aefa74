//! J-28: a hazard seen while viewing is reported at once: one call from the session. Its evidence, ten minutes before and after, is held
//! from that moment and outlives retention; whoever must act has it in the inbox.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::appliance::{Appliance, SLUICE};
use crate::harness::camera::SimCameras;
use crate::harness::eventually;
use crate::harness::media::segments;

/// Recordings are due after seconds, so that retention is at work within the journey.
const SETTINGS: [&str; 6] = [
    "recorder.segment_duration=1s",
    "retention.floor=1s",
    "retention.ceiling=2s",
    "retention.key_target_floor=1s",
    "retention.key_target_ceiling=2s",
    "retention.voluntary_ceiling=2s",
];
const MARGIN: jiff::SignedDuration = jiff::SignedDuration::from_mins(10);

#[test]
fn one_call_reports_holds_the_evidence_and_reaches_who_must_act() {
    let cameras = SimCameras::start(2);
    let appliance = Appliance::start_by(tempfile::tempdir().unwrap(), Command::new(SLUICE), &SETTINGS);
    for (n, id) in [(1, "j28-fire"), (2, "j28-calm")] {
        appliance.add_camera(id, &cameras.url(n));
        appliance.wait_for_camera(id);
    }
    let operator = appliance.login("operator");
    let session = appliance.live(&operator, "j28-fire");
    let path = format!("/api/v1/sessions/{}/incident", session["id"].as_str().expect("an id"));
    let others = appliance.login("incident_commander").post(&path, &seen());
    assert_eq!(others.0, 404, "another's session is nobody's to report from: {}", others.1);
    let incident = operator.create(&path, &seen());
    assert_eq!(
        (&incident["camera"], &incident["session"], &incident["state"]),
        (&json!("j28-fire"), &session["id"], &json!("reported")),
        "{incident}"
    );
    let evidence = kept_at_first(&appliance);
    let hold = held(&appliance, &incident);
    in_the_heads_inbox(&appliance, &incident, true);
    assert!(appliance.login("bureau_approver").get("/api/v1/inbox").1["items"].as_array().expect("items").is_empty());

    outlives_retention(&evidence);
    let head = appliance.login("unit_principal");
    assert_eq!(head.step("incidents", &incident, "take_up")["state"], "taken_up");
    assert_eq!(head.step("incidents", &incident, "close")["state"], "closed");
    in_the_heads_inbox(&appliance, &incident, false);
    let (_, after) = operator.get("/api/v1/holds?camera=j28-fire");
    assert_eq!(after["items"][0], hold, "the evidence stays held when the incident is closed");
}

fn seen() -> Value {
    json!({"event": "火情", "what": "楼顶有浓烟"})
}

/// The hold that came with it: ten minutes before and after.
fn held(appliance: &Appliance, incident: &Value) -> Value {
    let (_, holds) = appliance.login("operator").get("/api/v1/holds?camera=j28-fire");
    let [hold] = holds["items"].as_array().expect("items").as_slice() else { panic!("{holds}") };
    let time = |text: &Value| -> jiff::Timestamp { text.as_str().expect("a time").parse().expect("RFC 3339") };
    let at = time(&incident["at"]);
    assert_eq!((time(&hold["from"]), time(&hold["to"])), (at - MARGIN, at + MARGIN), "{hold}");
    let id = incident["id"].as_str().expect("an id");
    assert_eq!((&hold["incident"], &hold["state"]), (&json!(format!("incidents/{id}")), &json!("active")), "{hold}");
    hold.clone()
}

/// Whether it waits there; never twice.
fn in_the_heads_inbox(appliance: &Appliance, incident: &Value, waits: bool) {
    let (_, inbox) = appliance.login("unit_principal").get("/api/v1/inbox");
    let tasks: Vec<&Value> =
        inbox["items"].as_array().expect("items").iter().filter(|task| task["id"] == incident["id"]).collect();
    assert_eq!(tasks.len(), usize::from(waits), "{inbox}");
    assert!(tasks.iter().all(|task| task["register"] == "incidents" && task["due"].is_string()), "a timer: {inbox}");
}

/// What is on disk of each camera at the time of the report.
fn kept_at_first(appliance: &Appliance) -> [Vec<PathBuf>; 2] {
    ["j28-fire", "j28-calm"].map(|camera| {
        let files = || segments(&appliance.recordings().join(camera));
        eventually(&format!("{camera} is recorded"), Duration::from_secs(20), || (files().len() > 1).then(files))
    })
}

/// The other camera's recording of that time is deleted as due; the held one is all there.
fn outlives_retention([evidence, calm]: &[Vec<PathBuf>; 2]) {
    eventually("what is not held is deleted as due", Duration::from_secs(60), || {
        calm.iter().all(|file| !file.exists()).then_some(())
    });
    let lost: Vec<_> = evidence.iter().filter(|file| !file.exists()).collect();
    assert!(lost.is_empty(), "held and gone: {lost:?}");
}
