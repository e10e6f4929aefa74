//! J-9: stationed staff are trained. When the training runs out the viewing ends on time and no other begins; a new record opens the
//! way at once.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::api::{Client, from_now};
use crate::harness::appliance::Appliance;
use crate::harness::camera::SimCameras;
use crate::harness::eventually;
use crate::harness::viewer::Viewer;

/// How long the short training counts: time to open a session under it.
const COUNTS_S: f64 = 4.0;
/// Within what a session has ended after that on which it hangs.
const ON_TIME: jiff::SignedDuration = jiff::SignedDuration::from_secs(1);

fn train(clerk: &Client, user: &str, valid_to: jiff::Timestamp) -> Value {
    let training = json!({
        "user": user, "course": "保密", "trainer": "大数据局", "trained_at": from_now(-60.0), "valid_to": valid_to,
    });
    clerk.create("/api/v1/training-records", &training)
}

fn look(appliance: &Appliance, operator: &Client) -> (u16, Value) {
    let ask = json!({"camera": "j09", "verb": "live", "purpose": appliance.demo("purpose"), "reason": "journey"});
    operator.post("/api/v1/sessions", &ask)
}

#[test]
fn a_training_that_runs_out_ends_the_viewing_and_renewing_unblocks() {
    let sim = SimCameras::start(1);
    let appliance = Appliance::start();
    appliance.add_camera("j09", &sim.url(1));
    appliance.wait_for_camera("j09");
    let (operator, clerk) = (appliance.login("operator"), appliance.login("unit_admin"));
    let user = operator.own_id();
    let (_, long) = clerk.get(&format!("/api/v1/training-records?user={user}"));
    let valid_to = from_now(COUNTS_S);
    train(&clerk, &user, valid_to);
    let revoke = format!("/api/v1/training-records/{}/revoke", long["items"][0]["id"].as_str().expect("an id"));
    assert_eq!(clerk.create(&revoke, &json!({"reason": "登记有误"}))["state"], "revoked");

    let (status, session) = look(&appliance, &operator);
    assert_eq!(status, 201, "the short one counts: {session}");
    let mut viewer = Viewer::connect(session["urls"]["rtsp"].as_str().expect("a URL"), Ipv4Addr::LOCALHOST);
    assert_eq!(viewer.play(), 200);
    assert!(viewer.rest() > 10_000, "it was watched until it ended");
    let (status, refused) = look(&appliance, &operator);
    assert_eq!((status, &refused["code"]), (403, &json!("TRAINING_EXPIRED")), "{refused}");
    assert_eq!(refused["articles"], json!(["J-9", "O-16(1)"]));
    let at = format!("/api/v1/sessions/{}", session["id"].as_str().expect("an id"));
    let closed_at = eventually("the session's record is closed", Duration::from_secs(5), || {
        operator.get(&at).1["closed_at"].as_str()?.parse::<jiff::Timestamp>().ok()
    });
    let late = closed_at.duration_since(valid_to);
    assert!(!late.is_negative() && late < ON_TIME, "it ended {late:?} after the training");

    train(&clerk, &user, from_now(3_600.0));
    let (status, again) = look(&appliance, &operator);
    assert_eq!(status, 201, "{again}");
}
