//! Holds: who places and releases them, what the recorder is told, and that none is lost on the way.

use std::time::Duration;

use control_api::registers::Role;
use media::wall::Wall;
use serde_json::{Value, json};

use crate::cameras::{enrolled, form};
use crate::world::{Answer, START, World};

const PATH: &str = "/api/v1/holds";

fn hold(camera: &str) -> Value {
    json!({"camera": camera, "from": "2026-03-01T00:00:00Z", "to": "2026-03-01T01:00:00Z", "reason": "东街事故",
        "incident": "2026-117"})
}

/// Everyone, and a camera that the police owns, so that its people see it.
async fn world() -> World {
    let world = World::new();
    world.everyone();
    world.account("second-approver", "zwj", &[Role::BureauApprover]);
    let mut camera = form("c1");
    camera["owner"] = json!("gaj");
    world.signed_in("catalogue-admin").await.post("/api/v1/cameras", &camera).await.is(201);
    world
}

async fn placed(world: &World, who: &str) -> String {
    let answer = world.signed_in(who).await.post(PATH, &hold("c1")).await.is(201).json();
    answer["id"].as_str().unwrap().to_owned()
}

async fn released(world: &World, who: &str, id: &str) -> Answer {
    world.signed_in(who).await.post(&format!("{PATH}/{id}/release"), &json!({"reason": "结案"})).await
}

fn hour() -> (Wall, Wall) {
    let from = "2026-03-01T00:00:00Z".parse::<control_api::stamp::Stamp>().unwrap().0;
    (from, from + Duration::from_secs(3_600))
}

#[tokio::test]
async fn each_role_places_or_releases_or_neither() {
    let world = world().await;
    let placers = [Role::UnitPrincipal, Role::IncidentCommander, Role::BureauApprover, Role::Operator];
    let of_another = placed(&world, "operator").await;
    for role in Role::ALL {
        let client = world.signed_in(&role.text().replace('_', "-")).await;
        let place = client.post(PATH, &hold("c1")).await;
        let release = client.post(&format!("{PATH}/{of_another}/release"), &json!({"reason": "结案"})).await;
        let (list, read) = (client.get(PATH).await, client.get(&format!("{PATH}/{of_another}")).await);
        if placers.contains(&role) {
            place.is(201);
        } else {
            place.refused(403, "ROLE_FORBIDS");
        }
        if role == Role::BureauApprover {
            release.is(200);
        } else {
            release.refused(403, "ROLE_FORBIDS");
        }
        for look in [list, read] {
            if placers.contains(&role) || role == Role::AuditAdmin {
                look.is(200);
            } else {
                look.refused(403, "ROLE_FORBIDS");
            }
        }
    }
}

#[tokio::test]
async fn who_placed_it_does_not_release_it_and_both_steps_stay_on_record() {
    let world = world().await;
    let id = placed(&world, "bureau-approver").await;
    let (from, to) = hour();
    assert_eq!(world.vault.held("c1").iter().map(|h| (h.from, h.to)).collect::<Vec<_>>(), [(from, to)]);
    assert!((world.gauge("sluice_holds_active") - 1.0).abs() < f64::EPSILON);
    released(&world, "bureau-approver", &id).await.refused(403, "SECOND_PERSON_REQUIRED");
    assert_eq!(world.vault.held("c1").len(), 1);
    let silent = world.signed_in("second-approver").await;
    silent.post(&format!("{PATH}/{id}/release"), &json!({"reason": " "})).await.refused(422, "REASON_REQUIRED");
    let over = released(&world, "second-approver", &id).await.is(200).json();
    assert_eq!((over["state"].as_str(), over["released_by"].as_str()), (Some("released"), Some("second-approver")));
    assert!(world.vault.held("c1").is_empty());
    assert!(world.gauge("sluice_holds_active").abs() < f64::EPSILON);
    released(&world, "second-approver", &id).await.refused(409, "CONFLICT");
    let auditor = world.signed_in("audit-admin").await;
    let kept = auditor.get(&format!("{PATH}/{id}")).await.is(200).json();
    assert_eq!((kept["placed_by"].as_str(), kept["release_reason"].as_str()), (Some("bureau-approver"), Some("结案")));
    let steps: Vec<_> = world.events().into_iter().filter(|e| e.kind.as_str().starts_with("hold.")).collect();
    let told =
        steps.iter().map(|e| (e.kind.as_str(), e.reason.as_deref().unwrap(), e.detail["camera"].as_str().unwrap()));
    assert_eq!(told.collect::<Vec<_>>(), [("hold.placed", "东街事故", "c1"), ("hold.released", "结案", "c1")]);
    assert!(steps.iter().all(|e| e.object.as_deref() == Some(&*format!("hold/{id}")) && e.articles == ["J-28"]));
}

#[tokio::test]
async fn a_camera_out_of_scope_is_as_unknown_as_none() {
    let world = world().await;
    enrolled(&world, "c2").await;
    let operator = world.signed_in("operator").await;
    let strip = |answer: Answer| {
        let mut body = answer.refused(404, "CAMERA_UNKNOWN").json();
        body.as_object_mut().unwrap().remove("request_id");
        body
    };
    assert_eq!(strip(operator.post(PATH, &hold("c2")).await), strip(operator.post(PATH, &hold("c9")).await));
    let approver = world.signed_in("bureau-approver").await;
    let foreign = approver.post(PATH, &hold("c2")).await.is(201).json();
    operator.get(&format!("{PATH}/{}", foreign["id"].as_str().unwrap())).await.refused(404, "NOT_FOUND");
    operator.get(&format!("{PATH}/none")).await.refused(404, "NOT_FOUND");
    assert_eq!(operator.get(PATH).await.is(200).json()["items"], json!([]));
    assert!(world.vault.held("c9").is_empty());
}

#[tokio::test]
async fn what_is_no_hold_is_refused_by_field() {
    let world = world().await;
    let operator = world.signed_in("operator").await;
    for (change, field) in [
        (json!({"to": "2026-03-01T00:00:00Z"}), "from"),
        (json!({"from": "2026-01-01T00:00:00Z"}), "from"),
        (json!({"around": "2026-03-01T00:00:00Z"}), "from"),
        (json!({"from": "2026-04-02T00:00:00Z", "to": "2026-04-03T00:00:00Z"}), "to"),
        (json!({"from": "yesterday"}), "from"),
        (json!({"incident": "x".repeat(121)}), "incident"),
        (json!({"colour": "red"}), "colour"),
    ] {
        let mut bad = hold("c1");
        bad.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let refused = operator.post(PATH, &bad).await.refused(422, "INVALID_FIELD").json();
        assert_eq!(refused["field"], field, "{refused}");
    }
    let mut silent = hold("c1");
    silent["reason"] = json!("  ");
    operator.post(PATH, &silent).await.refused(422, "REASON_REQUIRED");
    assert!(world.vault.held("c1").is_empty());
    let around = json!({"camera": "c1", "around": "2026-03-01T00:00:00Z", "reason": "事故"});
    let taken = operator.post(PATH, &around).await.is(201).json();
    assert_eq!(taken["from"], "2026-02-28T23:50:00.000Z");
    assert_eq!(taken["to"], "2026-03-01T00:10:00.000Z");
}

#[tokio::test]
async fn the_list_is_filtered_and_paged() {
    let world = world().await;
    enrolled(&world, "c2").await;
    let approver = world.signed_in("bureau-approver").await;
    for camera in ["c1", "c1", "c2"] {
        approver.post(PATH, &hold(camera)).await.is(201);
        world.clock.advance(Duration::from_millis(1));
    }
    let page = approver.get(&format!("{PATH}?limit=2")).await.is(200).json();
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    let rest = approver.get(&format!("{PATH}?limit=2&cursor={}", page["next"].as_str().unwrap())).await.is(200).json();
    assert_eq!((rest["items"][0]["camera"].as_str(), rest["next"].as_str()), (Some("c2"), None));
    let id = page["items"][0]["id"].as_str().unwrap().to_owned();
    released(&world, "second-approver", &id).await.is(200);
    let count = async |query: &str| {
        let answer = approver.get(&format!("{PATH}{query}")).await.is(200).json();
        answer["items"].as_array().unwrap().len()
    };
    assert_eq!(count("?camera=c1").await, 2);
    assert_eq!(count("?camera=c1&state=active").await, 1);
    assert_eq!(count("?state=released").await, 1);
    assert_eq!(count("?camera=c3").await, 0);
    approver.get(&format!("{PATH}?state=odd")).await.refused(422, "INVALID_FIELD");
}

#[tokio::test]
async fn holds_outlive_the_camera_the_restart_and_many_hands_at_once() {
    let world = world().await;
    let id = placed(&world, "operator").await;
    let operator = world.signed_in("operator").await;
    let body = hold("c1");
    let more: Vec<_> = (0..8).map(|_| operator.post(PATH, &body)).collect();
    for answer in futures_util::future::join_all(more).await {
        answer.is(201);
    }
    assert_eq!(world.vault.held("c1").len(), 9);
    world.signed_in("catalogue-admin").await.delete("/api/v1/cameras/c1").await.is(204);
    world.vault.holds.lock().clear();
    let world = world.started_again();
    world.deps.retention.apply_all().unwrap();
    assert_eq!(world.vault.held("c1").len(), 9);
    world.signed_in("operator").await.post(PATH, &hold("c1")).await.refused(404, "CAMERA_UNKNOWN");
    world.signed_in("bureau-approver").await.post(PATH, &hold("c1")).await.is(201);
    released(&world, "second-approver", &id).await.is(200);
    assert_eq!(world.vault.held("c1").len(), 9);
}

#[tokio::test]
async fn a_hold_that_the_recorder_did_not_take_is_not_called_placed_and_is_made_good() {
    let world = world().await;
    *world.vault.broken.lock() = true;
    let operator = world.signed_in("operator").await;
    let refused = operator.post(PATH, &hold("c1")).await.refused(500, "INTERNAL");
    assert!(!refused.text.contains("secret/path"), "{}", refused.text);
    assert!(world.deps.retention.apply_all().is_err());
    *world.vault.broken.lock() = false;
    world.deps.retention.apply_all().unwrap();
    assert_eq!(world.vault.held("c1").len(), 1);
}

#[tokio::test]
async fn a_camera_has_so_many_holds_and_no_more() {
    let world = world().await;
    let operator = world.signed_in("operator").await;
    for _ in 0..200 {
        operator.post(PATH, &hold("c1")).await.is(201);
    }
    operator.post(PATH, &hold("c1")).await.refused(409, "CONFLICT");
    assert_eq!(world.vault.held("c1").len(), 200);
    assert!(START < world.deps.now() + Duration::from_secs(1));
}
