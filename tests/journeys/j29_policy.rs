//! J-29: each decision names the policies it was made by, and replays the same under them, whatever is in force since; a site adds
//! rules of its own by a folder and a signal, and a fault in them changes nothing.

use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::appliance::{Appliance, SLUICE};
use crate::harness::camera::SimCameras;
use crate::harness::eventually;

const NIGHT: &str = r#"@id("none-today") @code("SECURITY_LEVEL") @article("site 1")
forbid (principal, action == Action::"live", resource) when { context.level == 1 };"#;

/// What `sluice policy explain` says of a request, and whether it was the same.
fn explained(appliance: &Appliance, request: &str) -> (bool, Value) {
    let ledger = appliance.dir().join("ledger");
    let mut command = Command::new(SLUICE);
    let told = command
        .args(["policy", "explain", request, "--json", "--ledger"])
        .arg(ledger)
        .output()
        .expect("the binary runs");
    let text = String::from_utf8_lossy(&told.stdout);
    let body =
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&told.stderr)));
    (told.status.success(), body)
}

#[test]
fn a_decision_replays_under_the_policies_of_its_day() {
    let cameras = SimCameras::start(1);
    let rules = tempfile::tempdir().unwrap();
    let settings = format!("policy.path={}", rules.path().display());
    let appliance = Appliance::start_by(tempfile::tempdir().unwrap(), Command::new(SLUICE), &[settings.as_str()]);
    appliance.add_camera("gate", &cameras.url(1));
    appliance.wait_for_camera("gate");
    let operator = appliance.login("operator");
    let ask = json!({"camera": "gate", "verb": "live", "purpose": appliance.demo("purpose"), "reason": "journey"});
    let (status, opened) = operator.post("/api/v1/sessions", &ask);
    assert_eq!(status, 201, "{opened}");
    let shipped = operator.get("/api/v1/policy").1["version"].clone();

    std::fs::write(rules.path().join("today.cedar"), NIGHT).unwrap();
    let pid = rustix::process::Pid::from_raw(i32::try_from(appliance.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::HUP).unwrap();
    let version = eventually("the site's policy is in force", Duration::from_secs(10), || {
        let now = operator.get("/api/v1/policy").1["version"].clone();
        (now != shipped).then_some(now)
    });
    let (status, refused) = operator.post("/api/v1/sessions", &ask);
    assert_eq!((status, &refused["code"]), (403, &json!("SECURITY_LEVEL")), "{refused}");

    let checked = Command::new(SLUICE).args(["policy", "check"]).arg(rules.path()).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
    std::fs::write(rules.path().join("today.cedar"), "forbid (principal, action, resource);").unwrap();
    let checked = Command::new(SLUICE).args(["policy", "check"]).arg(rules.path()).output().unwrap();
    let told = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(!checked.status.success() && told.contains("today.cedar:") && told.contains("@id"), "{told}");
    rustix::process::kill_process(pid, Signal::HUP).unwrap();
    eventually("the fault is told", Duration::from_secs(10), || {
        appliance.metric("sluice_policy_stale").filter(|stale| *stale == 1.0)
    });
    assert_eq!(operator.get("/api/v1/policy").1["version"], version, "what was in force stays");

    let (same, replay) = explained(&appliance, refused["request_id"].as_str().unwrap());
    assert!(same, "{replay}");
    assert_eq!(replay["replay"]["policy_version"], version);
    assert_eq!(replay["replay"]["refusing"][0]["id"], "none-today");
}
