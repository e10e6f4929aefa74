//! The names behind ids.

use control_api::registers::Role;
use serde_json::{Value, json};

use crate::world::World;

fn names(body: &Value) -> Vec<&str> {
    body["items"].as_array().unwrap().iter().map(|person| person["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_id_has_a_name_and_nothing_else_of_the_account_is_told() {
    let world = World::new();
    world.account("wang", "gaj", &[Role::Operator]);
    world.account("bao", "zwj", &[Role::BureauApprover]);
    let wang = world.signed_in("wang").await;
    let people = wang.get("/api/v1/people?ids=bao,nobody,%2F..,wang").await.is(200).json();
    assert_eq!(people["items"].as_array().unwrap().len(), 2, "{people}");
    let told: Vec<_> = people["items"][0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(told, ["id", "name", "unit"]);
    let many = vec!["x"; 201].join(",");
    wang.get(&format!("/api/v1/people?ids={many}")).await.refused(422, "INVALID_FIELD");
    wang.get("/api/v1/people").await.refused(422, "INVALID_FIELD");
}

#[tokio::test]
async fn one_looks_for_people_of_ones_own_unit_and_the_bureau_for_all() {
    let world = World::new();
    world.account("wang", "gaj", &[Role::UnitAdmin]);
    world.account("wan", "slj", &[Role::Operator]);
    world.account("bao", "zwj", &[Role::BureauApprover]);
    world.account("wanmachine", "gaj", &[Role::Service]);
    let found = |body: Value| names(&body).len();
    assert_eq!(found(world.signed_in("wang").await.get("/api/v1/people?q=WAN").await.is(200).json()), 1);
    assert_eq!(found(world.signed_in("bao").await.get("/api/v1/people?q=wan").await.is(200).json()), 2);
    world.signed_in("wanmachine").await.get("/api/v1/people?q=wan").await.refused(403, "ROLE_FORBIDS");
    assert_eq!(world.signed_in("wang").await.get("/api/v1/people?q=nobody").await.is(200).json(), json!({"items": []}));
}
