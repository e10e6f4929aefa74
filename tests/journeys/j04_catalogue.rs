//! J-4: the Bureau keeps the resource catalogue, with its seven fields of each camera; device status is kept by the relay itself.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::appliance::Appliance;
use crate::harness::camera::SimCameras;
use crate::harness::eventually;

const FIELDS: [&str; 6] =
    ["resource_category", "location_name", "camera_type", "construction_unit", "maintenance_unit", "contact"];

#[test]
fn the_catalogue_is_whole_or_refused_and_status_follows_the_camera() {
    let mut sim = SimCameras::start(2);
    let appliance = Appliance::start();
    let keeper = appliance.login("catalogue_admin");
    let header = format!("id,name,source,{}", FIELDS.join(","));
    let row = |id: &str, n: usize, without: Option<usize>| {
        let values = (0..FIELDS.len()).map(|i| if without == Some(i) { "" } else { "值" });
        format!("{id},摄像机,{},{}", sim.url(n), values.collect::<Vec<_>>().join(","))
    };
    for (i, field) in FIELDS.iter().enumerate() {
        let file = format!("{header}\n{}\n{}\n", row("j04-1", 1, None), row("j04-2", 2, Some(i)));
        let (status, refused) = keeper.post_csv("/api/v1/cameras/import", &file);
        assert_eq!((status, &refused["rows"][0]["row"], &refused["rows"][0]["field"]), (422, &json!(3), &json!(field)));
        assert_eq!(keeper.get("/api/v1/cameras").1["items"], json!([]), "nothing of a file that is refused is taken");
    }
    let file = format!("{header}\n{}\n{}\n", row("j04-1", 1, None), row("j04-2", 2, None));
    assert_eq!(keeper.post_csv("/api/v1/cameras/import", &file).0, 201);
    for id in ["j04-1", "j04-2"] {
        appliance.wait_for_camera(id);
        assert_eq!(keeper.get(&format!("/api/v1/cameras/{id}")).1["device_status"], "online");
    }
    let (status, completeness) = keeper.get("/api/v1/reports/catalogue-completeness");
    let rows = completeness["items"].as_array().unwrap_or_else(|| panic!("{status} {completeness}"));
    let mandatory: Vec<&Value> = rows.iter().filter(|row| row["mandatory"] == true).collect();
    assert_eq!(mandatory.len(), 7, "{completeness}");
    assert!(mandatory.iter().all(|row| row["filled"] == 2), "{completeness}");
    comes_back_unchanged(&appliance);
    sim.kill();
    eventually("both cameras to be told as gone", Duration::from_secs(60), || {
        let gone = |id: &str| keeper.get(&format!("/api/v1/cameras/{id}")).1["device_status"] != "online";
        (gone("j04-1") && gone("j04-2")).then_some(())
    });
}

fn comes_back_unchanged(appliance: &Appliance) {
    let keeper = appliance.login("catalogue_admin");
    let (status, file) = keeper.download("/api/v1/cameras/export");
    let file = String::from_utf8(file).expect("UTF-8");
    assert_eq!(status, 200, "{file}");
    let (status, same) = keeper.post_csv("/api/v1/cameras/import", &file);
    assert_eq!((status, &same["count"], &same["unchanged"]), (200, &json!(0), &json!(2)), "{same}");
}
