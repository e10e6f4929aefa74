//! How long recordings are kept: classes reach the recorder, promises outlive changes, and what cannot be kept is not enrolled.

use std::time::Duration;

use control_api::registers::RetentionClass;
use control_api::retention::Settings;
use serde_json::json;

use crate::cameras::{enrolled, form};
use crate::vault::CAMERA_BITS;
use crate::world::World;

const DAY: Duration = Duration::from_secs(86_400);
/// Bytes of a day of one camera.
const DAY_BYTES: u64 = 86_400 * CAMERA_BITS / 8;

fn world() -> World {
    let world = World::new();
    world.everyone();
    world
}

fn rule(class: RetentionClass) -> Option<control_api::ports::KeepRule> {
    Some(Settings::default().rule(class))
}

#[tokio::test]
async fn a_class_reaches_the_recorder_and_what_was_promised_under_another_stays() {
    let world = world();
    let shown = enrolled(&world, "c1").await;
    assert_eq!(shown["retention_class"], "ordinary");
    assert_eq!(world.vault.rule("c1"), rule(RetentionClass::Ordinary));
    let keeper = world.signed_in("catalogue-admin").await;
    let become_ = async |class: &str| {
        let edit = json!({"retention_class": class});
        let keeper = world.signed_in("catalogue-admin").await;
        keeper.patch("/api/v1/cameras/c1", &edit).await.is(200).json()["retention_class"].as_str().unwrap().to_owned()
    };
    assert_eq!(become_("key_target").await, "key_target");
    assert_eq!(world.vault.rule("c1"), rule(RetentionClass::KeyTarget));
    assert_eq!(become_("voluntary").await, "voluntary");
    assert_eq!(world.vault.rule("c1"), rule(RetentionClass::KeyTarget), "what is there was promised 90 days");
    let later = async |days: u32| {
        world.clock.advance(days * DAY);
        world.deps.retention.apply_all().unwrap();
        world.vault.rule("c1")
    };
    assert_eq!(later(89).await, rule(RetentionClass::KeyTarget));
    assert_eq!(later(1).await, rule(RetentionClass::Voluntary));
    keeper.patch("/api/v1/cameras/c1", &json!({"retention_class": "eternal"})).await.is(401);
    let keeper = world.signed_in("catalogue-admin").await;
    keeper.patch("/api/v1/cameras/c1", &json!({"retention_class": "eternal"})).await.refused(422, "INVALID_FIELD");
    let history = keeper.get("/api/v1/cameras/c1/history").await.is(200).json();
    let classes: Vec<_> =
        history["items"].as_array().unwrap().iter().map(|l| &l["camera"]["retention_class"]).collect();
    assert_eq!(classes, ["ordinary", "key_target", "voluntary"]);
}

#[tokio::test]
async fn removing_a_camera_and_enrolling_it_again_shortens_nothing() {
    let world = world();
    let mut key_target = form("c1");
    key_target["retention_class"] = json!("key_target");
    let keeper = world.signed_in("catalogue-admin").await;
    keeper.post("/api/v1/cameras", &key_target).await.is(201);
    keeper.delete("/api/v1/cameras/c1").await.is(204);
    world.vault.rules.lock().clear();
    let world = world.started_again();
    world.deps.retention.apply_all().unwrap();
    assert_eq!(world.vault.rule("c1"), rule(RetentionClass::KeyTarget));
    let keeper = world.signed_in("catalogue-admin").await;
    let mut voluntary = form("c1");
    voluntary["retention_class"] = json!("voluntary");
    keeper.post("/api/v1/cameras", &voluntary).await.is(201);
    assert_eq!(world.vault.rule("c1"), rule(RetentionClass::KeyTarget));
    keeper.delete("/api/v1/cameras/c1").await.is(204);
    world.clock.advance(119 * DAY);
    assert_eq!(world.deps.retention.sweep().unwrap(), 0);
    world.clock.advance(2 * DAY);
    assert_eq!(world.deps.retention.sweep().unwrap(), 1);
    assert!(world.deps.store.get("camera-retired/c1").unwrap().is_none());
}

#[tokio::test]
async fn what_would_break_a_floor_is_not_enrolled() {
    let world = world();
    *world.vault.capacity_bytes.lock() = 100 * DAY_BYTES;
    for id in ["c1", "c2", "c3"] {
        enrolled(&world, id).await;
    }
    let keeper = world.signed_in("catalogue-admin").await;
    let refused = keeper.post("/api/v1/cameras", &form("c4")).await.refused(409, "RETENTION_CAPACITY").json();
    assert_eq!(refused["articles"], json!(["O-17"]));
    assert!(refused["remedy"].as_str().unwrap().contains("Add a volume"));
    assert!(world.vault.rule("c4").is_none() && !world.fleet.pulled.lock().contains_key(&"c4".parse().unwrap()));
    keeper.get("/api/v1/cameras/c4").await.refused(404, "CAMERA_UNKNOWN");
    let refusal = world.events().into_iter().find(|e| e.code.as_deref() == Some("RETENTION_CAPACITY")).unwrap();
    assert_eq!(refusal.articles, ["O-17"]);
    let stricter = json!({"retention_class": "key_target"});
    keeper.patch("/api/v1/cameras/c1", &stricter).await.refused(409, "RETENTION_CAPACITY");
    assert_eq!(world.vault.rule("c1"), rule(RetentionClass::Ordinary));
    keeper.patch("/api/v1/cameras/c1", &json!({"name": "西街"})).await.is(200);
    let mut voluntary = form("c4");
    voluntary["retention_class"] = json!("voluntary");
    keeper.post("/api/v1/cameras", &voluntary).await.is(201);
    *world.vault.capacity_bytes.lock() = 150 * DAY_BYTES;
    keeper.patch("/api/v1/cameras/c1", &stricter).await.is(200);
}

#[tokio::test]
async fn a_file_is_taken_whole_or_not_at_all_by_what_all_its_rows_need() {
    const HEADER: &str = "id,name,source,resource_category,location_name,camera_type,construction_unit,\
         maintenance_unit,contact,retention_class";
    let world = world();
    *world.vault.capacity_bytes.lock() = 151 * DAY_BYTES;
    let keeper = world.signed_in("catalogue-admin").await;
    let file = |classes: &[&str]| {
        let rows = (0..)
            .zip(classes)
            .map(|(i, class)| format!("c{i},东,rtsp://10.0.0.1/{i},治安,东,球机,甲,乙,0391,{class}\n"));
        format!("{HEADER}\n{}", rows.collect::<String>())
    };
    keeper.csv(&file(&["key_target", "ordinary", "", "ordinary"])).await.refused(409, "RETENTION_CAPACITY");
    assert!(world.fleet.pulled.lock().is_empty() && world.vault.rules.lock().is_empty());
    let faulty = keeper.csv(&file(&["ordinary", "forever"])).await.refused(422, "INVALID_FIELD").json();
    assert_eq!(
        (faulty["rows"][0]["row"].as_u64(), faulty["rows"][0]["field"].as_str()),
        (Some(3), Some("retention_class"))
    );
    keeper.csv(&file(&["key_target", "ordinary", "", "voluntary"])).await.is(201);
    assert_eq!(world.vault.rule("c0"), rule(RetentionClass::KeyTarget));
    assert_eq!(world.vault.rule("c2"), rule(RetentionClass::Ordinary));
    assert_eq!(world.vault.rule("c3"), rule(RetentionClass::Voluntary));
}

#[tokio::test]
async fn nothing_is_promised_on_a_guess() {
    let world = world();
    enrolled(&world, "c1").await;
    *world.vault.broken.lock() = true;
    let keeper = world.signed_in("catalogue-admin").await;
    let refused = keeper.post("/api/v1/cameras", &form("c2")).await.refused(500, "INTERNAL");
    assert!(!refused.text.contains("secret/path"), "{}", refused.text);
    keeper.patch("/api/v1/cameras/c1", &json!({"retention_class": "key_target"})).await.refused(500, "INTERNAL");
    keeper.patch("/api/v1/cameras/c1", &json!({"name": "西街"})).await.is(200);
}

#[tokio::test]
async fn the_outlook_is_for_the_bureau_the_auditor_and_who_runs_the_machine() {
    let world = world();
    *world.vault.capacity_bytes.lock() = 100 * DAY_BYTES;
    enrolled(&world, "c1").await;
    let approver = world.signed_in("bureau-approver").await;
    let outlook = approver.get("/api/v1/reports/outlook").await.is(200).json();
    let volume = &outlook["items"][0];
    assert_eq!((volume["volume"].as_str(), volume["free_bytes"].as_u64()), (Some("a"), Some(70 * DAY_BYTES)));
    assert_eq!((&volume["full_seconds"], &volume["floor_danger_seconds"]), (&json!(70 * 86_400), &json!(null)));
    let classes = ["ordinary", "key_target"].map(|class| &volume[format!("{class}_danger_seconds")]);
    assert_eq!(classes, [&json!(90 * 86_400), &json!(null)]);
    let csv =
        approver.header("accept", "text/csv").header("accept-language", "zh").get("/api/v1/reports/outlook").await;
    assert!(csv.is(200).text.starts_with("\u{feff}存储卷,状态,容量字节,"));
    world.signed_in("operator").await.get("/api/v1/reports/outlook").await.refused(403, "ROLE_FORBIDS");
    world.signed_in("system-admin").await.get("/api/v1/reports/outlook").await.is(200);
    *world.vault.broken.lock() = true;
    world.signed_in("audit-admin").await.get("/api/v1/reports/outlook").await.refused(500, "INTERNAL");
}
