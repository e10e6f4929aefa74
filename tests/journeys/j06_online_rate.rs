//! J-6: owning units keep their video working: of a hundred cameras seven are killed; the owner's report says 93 % and names them.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::harness::appliance::{Appliance, SLUICE};
use crate::harness::camera::SimCameras;
use crate::harness::eventually;

const LIVING: usize = 93;
const KILLED: usize = 7;
/// A hundred cameras on any disk, and dialled without delay.
const SETTINGS: [&str; 3] = ["retention.floor=1s", "retention.key_target_floor=1s", "cameras.dials_per_second_max=200"];

#[test]
fn seven_of_a_hundred_are_killed_and_the_report_says_93_and_names_the_seven() {
    let (living, mut killed) = (SimCameras::start(LIVING), SimCameras::start(KILLED));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let appliance = Appliance::start_by(folder, Command::new(SLUICE), &SETTINGS);
    let mut file = "id,name,source,resource_category,location_name,camera_type,construction_unit,maintenance_unit,\
        contact,owner\n"
        .to_owned();
    let urls = (1..=LIVING).map(|n| ("up", n, living.url(n))).chain((1..=KILLED).map(|n| ("down", n, killed.url(n))));
    for (word, n, url) in urls {
        file += &format!("{word}-{n},摄像机,{url},治安,东街,球机,甲,乙,0391,gaj\n");
    }
    let (status, answer) = appliance.login("catalogue_admin").post_csv("/api/v1/cameras/import", &file);
    assert_eq!(status, 201, "{answer}");
    let owner = appliance.login("owner_maintainer");
    let report = || {
        let (status, report) = owner.get("/api/v1/reports/online-rate");
        assert_eq!(status, 200, "{report}");
        let rows = report["items"].as_array().expect("items").clone();
        assert_eq!(rows.len(), 1, "an owner sees the own unit alone: {report}");
        rows[0].clone()
    };
    eventually("a hundred cameras online", Duration::from_secs(120), || {
        (report()["online_percent"].as_f64() == Some(100.0)).then_some(())
    });
    killed.kill();
    let row = eventually("seven cameras offline, and their gaps", Duration::from_secs(120), || {
        let row = report();
        (row["online"] == LIVING && row["missing_seconds"].as_f64()? > 0.0).then_some(row)
    });
    assert_eq!((&row["owner"], row["cameras"].as_u64()), (&Value::from("gaj"), Some(100)), "{row}");
    assert_eq!(row["online_percent"].as_f64(), Some(93.0), "{row}");
    let mut named: Vec<_> =
        row["offline_cameras"].as_array().expect("a list").iter().filter_map(|c| c["camera"].as_str()).collect();
    named.sort_unstable();
    assert_eq!(named, ["down-1", "down-2", "down-3", "down-4", "down-5", "down-6", "down-7"]);
    assert!(row["offline_cameras"].as_array().expect("a list").iter().all(|c| c["reason"].is_string()), "{row}");
}
