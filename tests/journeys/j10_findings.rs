//! J-10: what stationed staff find is reported to the unit and its head, once each, and rectified under supervision; what is late goes
//! to the Bureau.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::api::{Client, from_now};
use crate::harness::appliance::Appliance;
use crate::harness::camera::SimCameras;
use crate::harness::eventually;

/// Until when the finding is to be rectified: time to look into the inboxes before.
const RECTIFY_WITHIN_S: f64 = 4.0;

fn states(who: &Client) -> Vec<Value> {
    who.inbox("findings").iter().map(|task| task["state"].clone()).collect()
}

#[test]
fn a_finding_reaches_the_unit_and_its_head_once_and_escalates() {
    let sim = SimCameras::start(1);
    let appliance = Appliance::start();
    appliance.add_camera("j10", &sim.url(1));
    let (operator, clerk) = (appliance.login("operator"), appliance.login("unit_admin"));
    let (head, bureau) = (appliance.login("unit_principal"), appliance.login("bureau_approver"));
    operator.create("/api/v1/duty-logs", &json!({"text": "接班,设备正常。", "camera": "j10"}));
    let found = json!({"what": "路面塌陷", "camera": "j10", "rectify_by": from_now(RECTIFY_WITHIN_S)});
    let finding = operator.create("/api/v1/findings", &found);
    let at = format!("/api/v1/findings/{}", finding["id"].as_str().expect("an id"));
    assert_eq!((states(&clerk), states(&head)), (vec![json!("open")], vec![json!("open")]), "once each");
    assert!(states(&bureau).is_empty() && states(&operator).is_empty(), "and nobody else");
    assert_eq!(clerk.create(&format!("{at}/take_up"), &json!({}))["state"], "rectifying");
    assert_eq!((states(&clerk), states(&head)), (vec![json!("rectifying")], vec![json!("rectifying")]), "once still");

    eventually("the finding escalates", Duration::from_secs(10), || {
        (states(&bureau) == [json!("overdue")]).then_some(())
    });
    assert_eq!((states(&clerk), states(&head)), (vec![json!("overdue")], vec![json!("overdue")]));
    let (_, overdue) = bureau.get(&at);
    let [due, since] = ["rectify_by", "since"].map(|field| {
        overdue[field].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok()).unwrap_or_else(|| panic!("{overdue}"))
    });
    let late = since.duration_since(due);
    assert!(!late.is_negative() && late.as_secs() < 1, "it escalated {late:?} after its time");

    assert_eq!(clerk.post(&format!("{at}/rectify"), &json!({})).1["code"], "REASON_REQUIRED");
    assert_eq!(clerk.create(&format!("{at}/rectify"), &json!({"reason": "已回填"}))["state"], "rectified");
    assert_eq!((states(&clerk), states(&head)), (vec![], vec![json!("rectified")]), "the head looks at it");
    assert!(states(&bureau).is_empty());
    assert_eq!(
        clerk.post(&format!("{at}/verify"), &json!({})).1["code"],
        "ROLE_FORBIDS",
        "nobody verifies their own work"
    );
    assert_eq!(operator.create(&format!("{at}/verify"), &json!({}))["state"], "verified");
    assert!(states(&head).is_empty());
    let (_, history) = head.get(&format!("{at}/history"));
    let steps: Vec<_> = history["items"].as_array().expect("lines").iter().map(|line| line["step"].clone()).collect();
    assert_eq!(json!(steps), json!(["file", "take_up", "escalate", "rectify", "verify"]));
}
