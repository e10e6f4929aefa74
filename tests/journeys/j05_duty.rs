//! J-5: departments have handling plans, a viewing rota with somebody on duty on working days, and check their points. Attendance is
//! read from the sessions: of five shifts two were missed, and the report names those two.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::api::{Client, from_now};
use crate::harness::appliance::Appliance;
use crate::harness::camera::SimCameras;
use crate::harness::eventually;
use crate::harness::viewer::Viewer;

/// Which of the five shifts somebody is there in.
const ATTENDED: [bool; 5] = [true, false, true, true, false];

/// One shift from now on; short where nobody comes. Over when this returns.
fn shift(appliance: &Appliance, clerk: &Client, operator: &Client, post: &str, attended: bool) -> String {
    let to = from_now(if attended { 1.5 } else { 0.3 });
    let form = json!({"user": operator.own_id(), "from": from_now(0.0), "to": to, "post": post});
    let id = clerk.create("/api/v1/duty-shifts", &form)["id"].as_str().expect("an id").to_owned();
    if attended {
        let session = appliance.live(operator, "j05");
        let mut viewer = Viewer::connect(session["urls"]["rtsp"].as_str().expect("a URL"), Ipv4Addr::LOCALHOST);
        assert_eq!(viewer.play(), 200);
        viewer.some_media();
        let session = format!("/api/v1/sessions/{}", session["id"].as_str().expect("an id"));
        assert_eq!(operator.delete(&session).0, 204);
        viewer.rest();
        eventually("the session is over", Duration::from_secs(5), || {
            (operator.get(&session).1["state"] == "closed").then_some(())
        });
    }
    eventually("the shift is over", Duration::from_secs(10), || {
        (clerk.get(&format!("/api/v1/duty-shifts/{id}")).1["state"] == "over").then_some(())
    });
    id
}

/// Says of the days around today whether they are worked.
fn calendar(bureau: &Client, working: bool) {
    for hours in [-24.0, 0.0, 24.0] {
        let at = from_now(hours * 3_600.0).to_string();
        let date = at.split('T').next().expect("a date");
        bureau.create("/api/v1/calendar-days", &json!({"date": date, "working": working, "name": "调休"}));
    }
}

fn attendance(bureau: &Client) -> Vec<Value> {
    let path = format!("/api/v1/reports/duty-attendance?from={}&to={}", from_now(-3_600.0), from_now(60.0));
    let (status, report) = bureau.get(&path);
    assert_eq!(status, 200, "{report}");
    report["items"].as_array().expect("items").clone()
}

#[test]
fn the_report_names_exactly_the_missed_shifts() {
    let sim = SimCameras::start(1);
    let appliance = Appliance::start();
    appliance.add_camera("j05", &sim.url(1));
    appliance.wait_for_camera("j05");
    let (clerk, operator) = (appliance.login("unit_admin"), appliance.login("operator"));
    let bureau = appliance.login("bureau_approver");
    calendar(&bureau, true);
    for (n, attended) in ATTENDED.into_iter().enumerate() {
        shift(&appliance, &clerk, &operator, &format!("day {n}"), attended);
    }
    let rows = attendance(&bureau);
    assert_eq!(rows.len(), ATTENDED.len(), "{rows:?}");
    let named = |word: &str| {
        let rows = rows.iter().filter(|row| row["attendance"] == word);
        rows.map(|row| row["post"].as_str().expect("a post").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(named("missed"), ["day 1", "day 4"], "{rows:?}");
    assert_eq!(named("attended"), ["day 0", "day 2", "day 3"], "{rows:?}");
    calendar(&bureau, false);
    let rows = attendance(&bureau);
    assert!(rows.iter().all(|row| row["attendance"] != "missed"), "nobody has to be there on a holiday: {rows:?}");
    plan_is_adopted(&clerk, &appliance.login("unit_principal"));
    point_is_reviewed(&operator, &appliance.login("catalogue_admin"));
}

fn plan_is_adopted(clerk: &Client, principal: &Client) {
    let plan = json!({"title": "火情处置", "event": "火情", "text": "先报119,再通知现场。"});
    let plan = clerk.create("/api/v1/disposal-plans", &plan);
    let adopt = format!("/api/v1/disposal-plans/{}/adopt", plan["id"].as_str().expect("an id"));
    assert_eq!(clerk.post(&adopt, &json!({})).1["code"], "ROLE_FORBIDS", "a plan is adopted by the head");
    assert_eq!(principal.inbox("disposal-plans").len(), 1);
    assert_eq!(principal.create(&adopt, &json!({}))["state"], "in_force");
    assert!(principal.inbox("disposal-plans").is_empty());
}

fn point_is_reviewed(operator: &Client, keeper: &Client) {
    let review = json!({"camera": "j05", "accurate": false, "useful": true, "remarks": "镜头朝向与目录不符"});
    let review = operator.create("/api/v1/point-reviews", &review);
    let settle = format!("/api/v1/point-reviews/{}/settle", review["id"].as_str().expect("an id"));
    assert_eq!(keeper.inbox("point-reviews").len(), 1);
    assert_eq!(keeper.post(&settle, &json!({})).1["code"], "REASON_REQUIRED");
    assert_eq!(keeper.create(&settle, &json!({"reason": "已更正目录"}))["state"], "settled");
    assert!(keeper.inbox("point-reviews").is_empty());
}
