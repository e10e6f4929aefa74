//! J-24(3): the usage register. Each viewing has all six columns from before its first byte, whatever becomes of the appliance.

use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::Value;

use crate::harness::appliance::Appliance;
use crate::harness::camera::SimCameras;
use crate::harness::eventually;
use crate::harness::viewer::Viewer;

const COLUMNS: [&str; 6] = ["purpose", "user", "approver", "content", "obtained_at", "medium"];
const PRINTED: &str = "\u{feff}具体用途,使用人员,批准人员,视频内容,获取时间,介质类型";

#[test]
fn no_session_is_without_its_six_columns_even_after_a_kill() {
    let sim = SimCameras::start(1);
    let mut appliance = Appliance::start();
    appliance.add_camera("j24", &sim.url(1));
    appliance.wait_for_camera("j24");
    let operator = appliance.login("operator");
    // One that nobody watches, and one that is being watched when the power goes.
    let unwatched = appliance.live(&operator, "j24")["id"].as_str().expect("an id").to_owned();
    let watched = appliance.live(&operator, "j24");
    let mut viewer = Viewer::connect(watched["urls"]["rtsp"].as_str().expect("a URL"), Ipv4Addr::LOCALHOST);
    assert_eq!(viewer.play(), 200);
    viewer.some_media();
    // The first byte is noted beside the stream, not in its way.
    eventually("the first byte is on record", Duration::from_secs(20), || {
        let started = |r: &Value| r["session"] == watched["id"] && r["started_at"].is_string();
        operator.get("/api/v1/usage").1["items"].as_array()?.iter().any(started).then_some(())
    });
    appliance.kill_nine();
    appliance.start_again();

    let auditor = appliance.login("audit_admin");
    let (_, usage) = auditor.get("/api/v1/usage");
    let of = |session: &str| {
        let records = usage["items"].as_array().expect("items");
        records.iter().find(|r| r["session"] == session).unwrap_or_else(|| panic!("{session} in {usage}")).clone()
    };
    let watched = of(watched["id"].as_str().expect("an id"));
    assert_eq!((&watched["end_reason"], watched["closed_at"].is_string()), (&Value::from("crash"), true), "{watched}");
    assert!(watched["started_at"].is_string(), "{watched}");
    assert_eq!(of(&unwatched)["end_reason"], "crash");

    let (status, register) = auditor.get("/api/v1/reports/usage-register");
    let rows = register["items"].as_array().unwrap_or_else(|| panic!("{status} {register}"));
    assert_eq!(rows.len(), 2, "{register}");
    for row in rows {
        assert_eq!(row.as_object().expect("a row").len(), COLUMNS.len(), "{row}");
        assert!(COLUMNS.iter().all(|column| !row[column].is_null() && row[column] != ""), "{row}");
        assert_eq!((&row["content"]["camera"], &row["medium"]), (&Value::from("j24"), &Value::from("live_stream")));
    }
    let (status, csv) = auditor.download("/api/v1/reports/usage-register?format=csv");
    let csv = String::from_utf8(csv).expect("UTF-8");
    assert_eq!((status, csv.lines().next(), csv.lines().count()), (200, Some(PRINTED), 3), "{csv}");
    assert!(csv.lines().skip(1).all(|line| line.split(',').all(|cell| !cell.is_empty())), "{csv}");
    let (status, xlsx) = auditor.download("/api/v1/reports/usage-register?format=xlsx");
    assert_eq!((status, xlsx.get(..2)), (200, Some(b"PK".as_slice())));
}
