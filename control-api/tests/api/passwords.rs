//! Passwords: which are refused, which may not come back, how long one serves.

use std::time::Duration;

use control_api::registers::Role;
use serde_json::json;

use crate::world::{PASSWORD, World};

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn weak_passwords_are_refused_wherever_one_is_set() {
    let world = World::new();
    world.everyone();
    world.account("zhao-li", "gaj", &[Role::Operator]);
    let (security, own) = (world.signed_in("security-admin").await, world.signed_in("zhao-li").await);
    for weak in
        ["short one", "Password1234!", "123456789012", "zhaoviolinmarble", "Hikvision@2026#", "aaaaaaaaaaaaaaaa"]
    {
        let new = json!({"user": "zhao.new", "name": "新", "unit": "gaj", "roles": ["operator"], "password": weak});
        let refused = security.post("/api/v1/users", &new).await.refused(422, "INVALID_FIELD").json();
        assert_eq!(refused["field"], "password", "{weak}");
        let first = json!({"password": weak});
        security.post("/api/v1/users/zhao-li/password", &first).await.refused(422, "INVALID_FIELD");
        let own_choice = json!({"old": PASSWORD, "new": weak});
        assert_eq!(
            own.post("/api/v1/me/password", &own_choice).await.refused(422, "INVALID_FIELD").json()["field"],
            "new"
        );
    }
}

#[tokio::test]
async fn none_of_the_last_five_passwords_comes_back() {
    let world = World::new();
    world.account("wang", "gaj", &[Role::Operator]);
    let mut now = PASSWORD.to_owned();
    let next = |number: usize| format!("kettle violin marble {number}");
    for number in 1..=5 {
        let client = sign_in(&world, &now).await;
        let body = json!({"old": now, "new": next(number)});
        world.client().with_token(&client).post("/api/v1/me/password", &body).await.is(204);
        now = next(number);
    }
    let token = sign_in(&world, &now).await;
    let client = world.client().with_token(&token);
    for number in 1..=5 {
        let body = json!({"old": now, "new": next(number)});
        client.post("/api/v1/me/password", &body).await.refused(422, "INVALID_FIELD");
    }
    client.post("/api/v1/me/password", &json!({"old": now, "new": PASSWORD})).await.is(204);
}

async fn sign_in(world: &World, password: &str) -> String {
    world.client().login("wang", password).await.is(200).json()["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_password_given_by_the_security_administrator_is_new_too() {
    let world = World::new();
    world.everyone();
    let security = world.signed_in("security-admin").await;
    let path = "/api/v1/users/operator/password";
    security.post(path, &json!({"password": PASSWORD})).await.refused(422, "INVALID_FIELD");
    security.post(path, &json!({"password": "kettle violin marble"})).await.is(204);
    let answer = world.client().login("operator", "kettle violin marble").await.is(200).json();
    assert_eq!(answer["must_change_password"], true);
}

#[tokio::test]
async fn an_administrator_s_password_serves_ninety_days_and_another_s_goes_on() {
    let world = World::new();
    world.account("audit", "zwj", &[Role::AuditAdmin]);
    world.account("wang", "gaj", &[Role::Operator]);
    world.clock.advance(DAY * 90 - Duration::from_secs(1));
    let audit = world.signed_in("audit").await;
    audit.get("/api/v1/units").await.is(200);
    world.clock.advance(Duration::from_secs(1));
    audit.get("/api/v1/units").await.refused(401, "PASSWORD_EXPIRED");
    let answer = world.client().login("audit", PASSWORD).await.is(200).json();
    assert_eq!(answer["must_change_password"], true);
    let body = json!({"old": PASSWORD, "new": "kettle violin marble"});
    audit.post("/api/v1/me/password", &body).await.is(204);
    let answer = world.client().login("audit", "kettle violin marble").await.is(200).json();
    assert_eq!(answer["must_change_password"], false);
    let wang = world.signed_in("wang").await;
    wang.get("/api/v1/units").await.is(200);
}
