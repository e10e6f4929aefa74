//! J-3: live monitoring and dispatch around the clock. The uptime metric tells of each camera what is so, as cameras die and come
//! back; and an event becomes an emergency, with priority on its cameras.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::json;

use crate::harness::api::from_now;
use crate::harness::appliance::Appliance;
use crate::harness::camera::SimCameras;
use crate::harness::eventually;
use crate::harness::viewer::Viewer;

/// Names of the cameras, and whether the first and the second pair run.
fn told_as(appliance: &Appliance, first: bool, second: bool) {
    let truth = [("j03-1", first), ("j03-2", first), ("j03-3", second), ("j03-4", second)];
    eventually(&format!("the metric to say {truth:?}"), Duration::from_secs(30), || {
        let up = |id: &str| appliance.metric(&format!("sluice_camera_up{{camera=\"{id}\"}}"));
        truth.iter().all(|(id, runs)| up(id) == Some(f64::from(u8::from(*runs)))).then_some(())
    });
}

#[test]
fn uptime_is_what_is_so_and_an_event_has_priority_on_its_cameras() {
    let (mut first, mut second) = (SimCameras::start(2), SimCameras::start(2));
    let appliance = Appliance::start();
    for n in [1, 2] {
        appliance.add_camera(&format!("j03-{n}"), &first.url(n));
        appliance.add_camera(&format!("j03-{}", n + 2), &second.url(n));
    }
    told_as(&appliance, true, true);
    first.kill();
    told_as(&appliance, false, true);
    second.kill();
    told_as(&appliance, false, false);
    first.return_again();
    told_as(&appliance, true, false);
    second.return_again();
    told_as(&appliance, true, true);

    let commander = appliance.login("incident_commander");
    let event = json!({
        "event": "洪涝", "what": "沁河水位上涨", "cameras": ["j03-1", "j03-3"], "ends_at": from_now(600.0),
    });
    let emergency = commander.create("/api/v1/emergencies", &event);
    assert_eq!(emergency["state"], "active", "it holds at once: {emergency}");
    for camera in ["j03-1", "j03-3"] {
        let ask = json!({
            "camera": camera, "verb": "live", "purpose": appliance.demo("purpose"), "reason": "洪涝",
            "emergency": emergency["id"],
        });
        let session = commander.create("/api/v1/sessions", &ask);
        let mut viewer = Viewer::connect(session["urls"]["rtsp"].as_str().expect("a URL"), Ipv4Addr::LOCALHOST);
        assert_eq!(viewer.play(), 200);
        viewer.some_media();
        let id = session["id"].as_str().expect("an id");
        // The relay counts what left, and tells of it a moment later.
        let shown = eventually("the session is active", Duration::from_secs(10), || {
            let (_, shown) = commander.get(&format!("/api/v1/sessions/{id}"));
            (shown["state"] == "active").then_some(shown)
        });
        assert_eq!(shown["grant"], emergency["id"], "{shown}");
    }
}
