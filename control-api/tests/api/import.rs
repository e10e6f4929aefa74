//! Import of cameras: all or nothing, each fault by line and column.

use serde_json::Value;

use crate::world::World;

const HEADER: &str =
    "id,name,source,resource_category,location_name,camera_type,construction_unit,maintenance_unit,contact,owner";

fn row(id: &str, name: &str, owner: &str) -> String {
    format!("{id},{name},rtsp://u:p4ss@10.0.0.1/{id},治安,东街,球机,甲,乙,0391,{owner}\n")
}

fn faults(body: &Value) -> Vec<(u64, String)> {
    let rows = body["rows"].as_array().unwrap();
    rows.iter().map(|fault| (fault["row"].as_u64().unwrap(), fault["field"].as_str().unwrap().to_owned())).collect()
}

#[tokio::test]
async fn a_good_file_is_taken_whole_and_pulled() {
    let world = World::new();
    world.everyone();
    let keeper = world.signed_in("catalogue-admin").await;
    let file: String = (0..300).map(|i| row(&format!("c{i}"), "东", "gaj")).collect();
    let taken = keeper.csv(&format!("{HEADER}\n{file}")).await.is(201).json();
    assert_eq!((taken["count"].as_u64(), world.fleet.pulled.lock().len()), (Some(300), 300));
    assert!(world.fleet.pulled.lock().values().all(|setup| setup.credentials.as_ref().unwrap().password == "p4ss"));
    let event = world.events().into_iter().find(|event| event.action.as_deref() == Some("camera.import")).unwrap();
    assert_eq!(event.detail["count"], 300);
    keeper.get("/api/v1/cameras/c299/history").await.is(200);
}

#[tokio::test]
async fn one_bad_row_refuses_the_file_and_every_fault_is_named() {
    let world = World::new();
    world.everyone();
    let keeper = world.signed_in("catalogue-admin").await;
    keeper.csv(&format!("{HEADER}\n{}", row("old", "旧", ""))).await.is(201);
    let file = format!("{HEADER}\n{}{}", row("n1", "新", ""), row("n2", "", ""));
    let refused = keeper.csv(&file).await.refused(422, "INVALID_FIELD").json();
    assert_eq!(faults(&refused), [(3, "name".to_owned())]);
    assert!(refused["rows"][0]["zh"].as_str().unwrap().contains("不能为空"));
    let file = format!("{HEADER}\n{}{}{}", row("n1", "新", ""), row("old", "旧", ""), row("n3", "新", "nowhere"));
    let refused = keeper.csv(&file).await.refused(422, "INVALID_FIELD").json();
    assert_eq!(faults(&refused), [(3, "id".to_owned()), (4, "owner".to_owned())]);
    keeper.get("/api/v1/cameras/n1").await.refused(404, "CAMERA_UNKNOWN");
    assert_eq!(world.fleet.pulled.lock().len(), 1);
    assert!(!refused.to_string().contains("p4ss"));
}

#[tokio::test]
async fn what_is_no_csv_is_refused_before_it_is_read() {
    let world = World::with(control_api::config::Config { import_bytes_max: 10_000, ..crate::world::settings() });
    world.everyone();
    let keeper = world.signed_in("catalogue-admin").await;
    keeper.csv(&"x".repeat(10_001)).await.refused(413, "TOO_LARGE");
    keeper.post("/api/v1/cameras/import", &serde_json::json!([])).await.refused(415, "UNSUPPORTED_MEDIA_TYPE");
    keeper.csv("").await.refused(422, "INVALID_FIELD");
    keeper.csv("\u{0}\u{1}").await.refused(422, "INVALID_FIELD");
}
