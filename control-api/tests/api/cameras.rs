//! The catalogue over the API.

use control_api::registers::Role;
use serde_json::{Value, json};

use crate::world::World;

pub(crate) fn form(id: &str) -> Value {
    json!({"id": id, "name": "东街口", "source": "rtsp://admin:s3cret@10.0.0.7/main", "resource_category": "治安",
        "location_name": "东街口", "camera_type": "球机", "construction_unit": "公安局", "maintenance_unit": "甲公司",
        "contact": "0391-6630000", "area": "济源/沁园"})
}

/// Enrols a camera as the catalogue's keeper. The world has everyone.
pub(crate) async fn enrolled(world: &World, id: &str) -> Value {
    let keeper = world.signed_in("catalogue-admin").await;
    keeper.post("/api/v1/cameras", &form(id)).await.is(201).json()
}

fn world() -> World {
    let world = World::new();
    world.everyone();
    world
}

#[tokio::test]
async fn an_enrolled_camera_is_pulled_with_its_credentials_and_shown_without() {
    let world = world();
    let shown = enrolled(&world, "c1").await;
    assert_eq!(
        (shown["source"].as_str(), shown["has_credentials"].as_bool()),
        (Some("rtsp://10.0.0.7/main"), Some(true))
    );
    let setup = world.fleet.pulled.lock()[&"c1".parse().unwrap()].clone();
    assert_eq!(
        (setup.source.as_str(), setup.credentials.unwrap().password.as_str()),
        ("rtsp://10.0.0.7/main", "s3cret")
    );
    assert_eq!(
        (shown["device_status"].as_str(), shown["device_status_reason"].as_str()),
        (Some("offline"), Some("refused"))
    );
    world.fleet.online.lock().push("c1".parse().unwrap());
    let keeper = world.signed_in("catalogue-admin").await;
    assert_eq!(keeper.get("/api/v1/cameras/c1").await.is(200).json()["device_status"], "online");
    keeper.post("/api/v1/cameras", &form("c1")).await.refused(409, "CONFLICT");
    let mut nameless = form("c1");
    nameless.as_object_mut().unwrap().remove("id");
    let made = keeper.post("/api/v1/cameras", &nameless).await.is(201).json();
    assert_eq!(made["id"].as_str().unwrap().len(), 26);
}

#[tokio::test]
async fn each_mandatory_field_is_missed_by_name() {
    let world = world();
    let keeper = world.signed_in("catalogue-admin").await;
    for field in [
        "name",
        "source",
        "resource_category",
        "location_name",
        "camera_type",
        "construction_unit",
        "maintenance_unit",
        "contact",
    ] {
        let (mut absent, mut empty) = (form("c1"), form("c1"));
        absent.as_object_mut().unwrap().remove(field);
        empty[field] = json!("  ");
        for bad in [absent, empty] {
            let refused = keeper.post("/api/v1/cameras", &bad).await.refused(422, "INVALID_FIELD").json();
            assert_eq!(refused["field"], field);
        }
    }
    for (field, value) in [
        ("id", json!("../x")),
        ("area", json!("a//b")),
        ("owner", json!("none")),
        ("transport", json!("smoke")),
        ("source", json!("http://x/")),
        ("name", json!("x".repeat(121))),
        ("colour", json!("red")),
    ] {
        let mut bad = form("c1");
        bad[field] = value;
        let refused = keeper.post("/api/v1/cameras", &bad).await.refused(422, "INVALID_FIELD").json();
        assert_eq!(refused["field"], field, "{refused}");
    }
    assert!(world.fleet.pulled.lock().is_empty());
    assert!(!world.kinds().contains(&"register.created".to_owned()));
}

#[tokio::test]
async fn a_change_keeps_history_and_redials_only_where_the_way_changed() {
    let world = world();
    enrolled(&world, "c1").await;
    let keeper = world.signed_in("catalogue-admin").await;
    let renamed = keeper.patch("/api/v1/cameras/c1", &json!({"name": "西街口"})).await.is(200).json();
    assert_eq!(
        (renamed["name"].as_str(), renamed["version"].as_u64(), *world.fleet.updates.lock()),
        (Some("西街口"), Some(2), 0)
    );
    assert_eq!(renamed["has_credentials"], true);
    keeper.patch("/api/v1/cameras/c1", &json!({"source": "rtsp://10.0.0.7/other"})).await.is(200);
    let setup = || world.fleet.pulled.lock()[&"c1".parse().unwrap()].clone();
    assert_eq!((setup().source.as_str(), setup().credentials.is_some()), ("rtsp://10.0.0.7/other", true));
    let moved =
        keeper.patch("/api/v1/cameras/c1", &json!({"source": "rtsp://10.6.6.6/x", "area": ""})).await.is(200).json();
    assert!(setup().credentials.is_none(), "a stranger's host must not be told the password");
    assert_eq!((moved["has_credentials"].as_bool(), moved["area"].as_str()), (Some(false), Some("济源")));
    let history = keeper.get("/api/v1/cameras/c1/history").await.is(200).json();
    let versions: Vec<_> =
        history["items"].as_array().unwrap().iter().map(|line| line["camera"]["version"].as_u64().unwrap()).collect();
    assert_eq!(versions, [1, 2, 3, 4]);
    assert!(history["items"].as_array().unwrap().iter().all(|line| line["by"] == "catalogue-admin"));
    let changes = world.kinds().iter().filter(|kind| *kind == "register.changed").count();
    assert_eq!(changes, 3);
}

#[tokio::test]
async fn a_removed_camera_is_no_longer_pulled_and_keeps_its_history() {
    let world = world();
    enrolled(&world, "c1").await;
    let keeper = world.signed_in("catalogue-admin").await;
    keeper.delete("/api/v1/cameras/c1").await.is(204);
    assert!(world.fleet.pulled.lock().is_empty());
    keeper.get("/api/v1/cameras/c1").await.refused(404, "CAMERA_UNKNOWN");
    keeper.delete("/api/v1/cameras/c1").await.refused(404, "CAMERA_UNKNOWN");
    let history = keeper.get("/api/v1/cameras/c1/history").await.is(200).json();
    assert_eq!(history["items"][1]["removed"], true);
    assert!(world.deps.store.get("camera-credentials/c1").unwrap().is_none());
}

#[tokio::test]
async fn out_of_scope_and_unknown_are_the_same_answer() {
    let world = world();
    enrolled(&world, "c1").await;
    let operator = world.signed_in("operator").await;
    let strip = |answer: crate::world::Answer| {
        let mut body = answer.refused(404, "CAMERA_UNKNOWN").json();
        body.as_object_mut().unwrap().remove("request_id");
        body
    };
    for tail in ["", "/timeline"] {
        let known = strip(operator.get(&format!("/api/v1/cameras/c1{tail}")).await);
        let unknown = strip(operator.get(&format!("/api/v1/cameras/c2{tail}")).await);
        assert_eq!(known, unknown);
    }
    assert_eq!(operator.get("/api/v1/cameras").await.is(200).json()["items"], json!([]));
    for role in ["catalogue-admin", "bureau-approver"] {
        world.signed_in(role).await.get("/api/v1/cameras/c1").await.is(200);
    }
}

#[tokio::test]
async fn owners_and_jurisdictions_see_their_cameras_without_their_address() {
    let world = world();
    world.account("farm-admin", "nyj", &[Role::UnitAdmin]);
    world.account("farm-owner", "nyj", &[Role::OwnerMaintainer]);
    enrolled(&world, "c1").await;
    let admin = world.signed_in("farm-admin").await;
    admin.get("/api/v1/cameras/c1").await.refused(404, "CAMERA_UNKNOWN");
    let approver = world.signed_in("bureau-approver").await;
    approver.patch("/api/v1/units/nyj", &json!({"areas": ["济源"]})).await.is(200);
    let seen = admin.get("/api/v1/cameras/c1").await.is(200).json();
    assert!(seen.get("source").is_none());
    let owner = world.signed_in("farm-owner").await;
    owner.get("/api/v1/cameras/c1").await.refused(404, "CAMERA_UNKNOWN");
    let keeper = world.signed_in("catalogue-admin").await;
    keeper.patch("/api/v1/cameras/c1", &json!({"owner": "nyj"})).await.is(200);
    owner.get("/api/v1/cameras/c1").await.is(200);
}

#[tokio::test]
async fn the_list_is_filtered_and_paged() {
    let world = world();
    let keeper = world.signed_in("catalogue-admin").await;
    for i in 0..5 {
        let mut camera = form(&format!("c{i}"));
        camera["area"] = json!(if i % 2 == 0 { "济源/沁园" } else { "济源/天坛" });
        camera["name"] = json!(format!("路口{i}"));
        keeper.post("/api/v1/cameras", &camera).await.is(201);
    }
    world.fleet.online.lock().push("c3".parse().unwrap());
    let ids = |answer: crate::world::Answer| {
        let page = answer.is(200).json();
        let ids: Vec<_> =
            page["items"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap().to_owned()).collect();
        (ids, page["next"].as_str().map(str::to_owned))
    };
    assert_eq!(
        ids(keeper.get("/api/v1/cameras?area=%E6%B5%8E%E6%BA%90/%E6%B2%81%E5%9B%AD").await).0,
        ["c0", "c2", "c4"]
    );
    assert_eq!(ids(keeper.get("/api/v1/cameras?device_status=online").await).0, ["c3"]);
    assert_eq!(ids(keeper.get("/api/v1/cameras?q=%E5%8F%A32").await).0, ["c2"]);
    let (first, next) = ids(keeper.get("/api/v1/cameras?limit=3").await);
    assert_eq!(first, ["c0", "c1", "c2"]);
    let (second, end) = ids(keeper.get(&format!("/api/v1/cameras?limit=3&cursor={}", next.unwrap())).await);
    assert_eq!((second, end), (vec!["c3".to_owned(), "c4".to_owned()], None));
}

#[tokio::test]
async fn the_timeline_tells_what_is_there_and_what_is_not() {
    let world = world();
    enrolled(&world, "c1").await;
    let keeper = world.signed_in("catalogue-admin").await;
    let path = "/api/v1/cameras/c1/timeline?from=2026-03-01T00:00:00Z&to=2026-03-01T00:01:00Z";
    let timeline = keeper.get(path).await.is(200).json();
    assert_eq!(
        timeline["items"][0],
        json!({"start": "2026-03-01T00:00:00.000Z", "end": "2026-03-01T00:00:10.000Z", "bytes": 1000})
    );
    assert_eq!(timeline["gaps"][0]["reason"], "camera_lost");
    keeper.get("/api/v1/cameras/c1/timeline").await.is(200);
    for (query, field) in [
        ("from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", "from"),
        ("from=2020-01-01T00:00:00Z&to=2026-03-01T00:00:00Z", "from"),
        ("from=yesterday", "from"),
        ("profile=huge", "profile"),
    ] {
        let refused = keeper.get(&format!("/api/v1/cameras/c1/timeline?{query}")).await.refused(422, "INVALID_FIELD");
        assert_eq!(refused.json()["field"], field, "{query}");
    }
    keeper.post("/api/v1/cameras", &form("broken")).await.is(201);
    let broken = keeper.get("/api/v1/cameras/broken/timeline").await.refused(500, "INTERNAL");
    assert!(!broken.text.contains("secret/path"), "{}", broken.text);
}
