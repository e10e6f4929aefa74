//! Signing in, staying in, being put out.

use std::time::Duration;

use control_api::registers::Role;
use control_api::registers::user::UserState;
use serde_json::json;

use crate::world::{PASSWORD, World, settings};

const OPERATOR: &[Role] = &[Role::Operator];

#[tokio::test]
async fn a_sign_in_is_on_the_ledger_and_names_its_user() {
    let world = World::new();
    world.account("wang", "gaj", OPERATOR);
    let client = world.signed_in("wang").await;
    let me = client.get("/api/v1/me").await.is(200).json();
    assert_eq!((me["user"].as_str(), me["unit"].as_str()), (Some("wang"), Some("gaj")));
    assert_eq!(me["roles"], json!(["operator"]));
    assert_eq!(world.kinds(), ["login.accepted"]);
    client.post("/api/v1/logout", &json!({})).await.is(204);
    client.get("/api/v1/me").await.refused(401, "AUTH_REQUIRED");
    assert_eq!(world.kinds(), ["login.accepted", "login.ended", "decision.denied"]);
}

#[tokio::test]
async fn wrong_name_and_wrong_password_are_one_answer_and_lock_alike() {
    let world = World::new();
    world.account("wang", "gaj", OPERATOR);
    let client = world.client();
    for attempt in 0..7 {
        let known = client.login("wang", "wrong").await;
        let unknown = client.login("nobody", "wrong").await;
        assert_eq!(known.status, unknown.status, "attempt {attempt}");
        let expected = if attempt < 5 { "AUTH_REQUIRED" } else { "ACCOUNT_LOCKED" };
        assert_eq!((known.code(), unknown.code()), (expected.into(), expected.into()), "attempt {attempt}");
        assert_eq!(known.headers.get("retry-after"), unknown.headers.get("retry-after"), "attempt {attempt}");
    }
    let refused: Vec<_> = world.events().into_iter().filter(|e| e.kind.as_str() == "login.refused").collect();
    assert_eq!(refused.len(), 14);
    assert!(refused.iter().all(|event| event.articles == ["MLPS3"]));
}

#[tokio::test]
async fn a_locked_account_opens_after_its_time_and_not_before() {
    let world = World::new();
    world.account("wang", "gaj", OPERATOR);
    let client = world.client();
    for _ in 0..5 {
        client.login("wang", "wrong").await.refused(401, "AUTH_REQUIRED");
    }
    let locked = client.login("wang", PASSWORD).await.refused(401, "ACCOUNT_LOCKED");
    assert_eq!(locked.headers.get("retry-after").unwrap(), "600");
    world.clock.advance(Duration::from_secs(599));
    client.login("wang", PASSWORD).await.refused(401, "ACCOUNT_LOCKED");
    world.clock.advance(Duration::from_secs(1));
    client.login("wang", PASSWORD).await.is(200);
    for _ in 0..4 {
        client.login("wang", "wrong").await.refused(401, "AUTH_REQUIRED");
    }
    client.login("wang", PASSWORD).await.is(200);
}

#[tokio::test]
async fn parallel_guesses_gain_nothing() {
    let world = World::new();
    world.account("wang", "gaj", OPERATOR);
    let client = world.client();
    let guesses = (0..20).map(|_| client.login("wang", "wrong"));
    let codes: Vec<_> = futures_util::future::join_all(guesses).await.iter().map(|answer| answer.code()).collect();
    assert_eq!(codes.iter().filter(|code| *code == "AUTH_REQUIRED").count(), 5, "{codes:?}");
}

#[tokio::test]
async fn an_address_that_tries_too_often_is_slowed_down() {
    let world = World::with(control_api::config::Config { address_burst: 3, ..settings() });
    let client = world.client();
    for i in 0..3 {
        client.login(&format!("n{i}"), "x").await.refused(401, "AUTH_REQUIRED");
    }
    let slowed = client.login("n4", "x").await.refused(429, "RATE_LIMITED");
    assert_eq!(slowed.headers.get("retry-after").unwrap(), "1");
    client.clone().at([10, 0, 0, 2]).login("n5", "x").await.refused(401, "AUTH_REQUIRED");
    world.clock.advance(Duration::from_secs(1));
    client.login("n6", "x").await.refused(401, "AUTH_REQUIRED");
}

#[tokio::test]
async fn a_token_serves_one_terminal_until_idle_or_expired() {
    let world = World::new();
    world.account("wang", "gaj", OPERATOR);
    let client = world.signed_in("wang").await;
    client.clone().at([10, 0, 0, 2]).get("/api/v1/me").await.refused(403, "TERMINAL_MISMATCH");
    for _ in 0..23 {
        world.clock.advance(Duration::from_secs(29 * 60));
        client.get("/api/v1/me").await.is(200);
    }
    world.clock.advance(Duration::from_secs(31 * 60));
    client.get("/api/v1/me").await.refused(401, "SESSION_IDLE");
    let client = world.signed_in("wang").await;
    for _ in 0..24 {
        world.clock.advance(Duration::from_secs(29 * 60));
        client.get("/api/v1/me").await.is(200);
    }
    world.clock.advance(Duration::from_secs(24 * 60));
    client.get("/api/v1/me").await.refused(401, "AUTH_REQUIRED");
}

#[tokio::test]
async fn made_up_tokens_and_headers_open_nothing() {
    let world = World::new();
    world.account("wang", "gaj", OPERATOR);
    let long = "x".repeat(4_096);
    for token in ["", "x", "null", "../user/wang", long.as_str()] {
        world.client().with_token(token).get("/api/v1/me").await.refused(401, "AUTH_REQUIRED");
    }
    world.client().header("authorization", "Basic d2FuZzp4").get("/api/v1/me").await.refused(401, "AUTH_REQUIRED");
    let client = world.signed_in("wang").await;
    let forged = client.clone().at([10, 9, 9, 9]).header("x-forwarded-for", "10.0.0.1");
    forged.get("/api/v1/me").await.refused(403, "TERMINAL_MISMATCH");
}

#[tokio::test]
async fn disabled_pending_and_unregistered_are_refused_by_name() {
    let world = World::new();
    world.everyone();
    world.account("wang", "gaj", OPERATOR);
    world.account_as("pend", "gaj", OPERATOR, UserState::Pending, false);
    world.client().login("pend", PASSWORD).await.refused(403, "USER_NOT_APPROVED");
    world.client().login("pend", "wrong").await.refused(401, "AUTH_REQUIRED");
    let wang = world.signed_in("wang").await;
    let security = world.signed_in("security-admin").await;
    security.patch("/api/v1/users/wang", &json!({"state": "disabled"})).await.is(200);
    wang.get("/api/v1/me").await.refused(401, "AUTH_REQUIRED");
    world.client().login("wang", PASSWORD).await.refused(403, "ACCOUNT_DISABLED");
    let operator = world.signed_in("operator").await;
    let approver = world.signed_in("bureau-approver").await;
    approver.patch("/api/v1/units/gaj", &json!({"state": "withdrawn"})).await.is(200);
    operator.get("/api/v1/me").await.refused(403, "UNIT_NOT_REGISTERED");
}

#[tokio::test]
async fn a_first_password_is_changed_before_anything_else() {
    let world = World::new();
    world.account_as("wang", "gaj", OPERATOR, UserState::Approved, true);
    let client = world.signed_in("wang").await;
    client.get("/api/v1/cameras").await.refused(401, "PASSWORD_EXPIRED");
    let change = |old: &str, new: &str| json!({"old": old, "new": new});
    let path = "/api/v1/me/password";
    let weak = client.post(path, &change(PASSWORD, "short")).await.refused(422, "INVALID_FIELD");
    assert_eq!(weak.json()["field"], "new");
    let wrong = client.post(path, &change("wrong", "a quite different one")).await.refused(422, "INVALID_FIELD");
    assert_eq!(wrong.json()["field"], "old");
    client.post(path, &change(PASSWORD, PASSWORD)).await.refused(422, "INVALID_FIELD");
    client.post(path, &change(PASSWORD, "a quite different one")).await.is(204);
    client.get("/api/v1/me").await.refused(401, "AUTH_REQUIRED");
    world.client().login("wang", PASSWORD).await.refused(401, "AUTH_REQUIRED");
    let client = world.client();
    let token =
        client.login("wang", "a quite different one").await.is(200).json()["token"].as_str().unwrap().to_owned();
    client.with_token(&token).get("/api/v1/cameras").await.is(200);
}

#[tokio::test]
async fn the_ninth_sign_in_ends_the_first_and_sweeping_leaves_the_living() {
    let world = World::new();
    world.account("wang", "gaj", OPERATOR);
    let first = world.signed_in("wang").await;
    world.clock.advance(Duration::from_millis(5));
    let second = world.signed_in("wang").await;
    for _ in 0..7 {
        world.clock.advance(Duration::from_millis(5));
        world.signed_in("wang").await;
    }
    first.get("/api/v1/me").await.refused(401, "AUTH_REQUIRED");
    second.get("/api/v1/me").await.is(200);
    world.clock.advance(Duration::from_secs(29 * 60));
    second.get("/api/v1/me").await.is(200);
    world.clock.advance(Duration::from_secs(2 * 60));
    assert_eq!(control_api::housekeeping::sweep(&world.deps).unwrap(), 7);
    second.get("/api/v1/me").await.is(200);
}

#[tokio::test]
async fn no_secret_is_in_any_answer_ledger_entry_or_row() {
    let world = World::new();
    world.everyone();
    let security = world.signed_in("security-admin").await;
    let new = json!({"user": "li", "name": "李", "unit": "gaj", "roles": ["operator"], "password": "an initial secret word",
        "state": "approved"});
    security.post("/api/v1/users", &new).await.is(201);
    security.get("/api/v1/users").await.is(200);
    world.client().login("my secret password by mistake", "x").await.refused(401, "AUTH_REQUIRED");
    let keeper = world.signed_in("catalogue-admin").await;
    let source = "rtsp://admin:camera-s3cret@10.0.0.7/main";
    let camera = json!({"id": "c1", "name": "东", "source": source, "resource_category": "治安", "location_name": "东",
        "camera_type": "球机", "construction_unit": "甲", "maintenance_unit": "乙", "contact": "0391"});
    keeper.post("/api/v1/cameras", &camera).await.is(201);
    keeper.get("/api/v1/cameras/c1").await.is(200);
    keeper.get("/api/v1/cameras/c1/history").await.is(200);
    let tokens = [security.token().to_owned(), keeper.token().to_owned()];
    let has = |bytes: &[u8], secret: &str| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
    for (place, bytes) in world.everything_written() {
        for secret in [PASSWORD, "an initial secret word", "my secret password by mistake", "camera-s3cret"] {
            let is_vault = place == "camera-credentials/c1" && secret == "camera-s3cret";
            assert!(is_vault || !has(&bytes, secret), "{secret:?} in {place}");
        }
        assert!(place == "answer" || tokens.iter().all(|token| !has(&bytes, token)), "a token in {place}");
        assert!(!place.starts_with("answer") || !has(&bytes, "$argon2id"), "a hash in an answer");
        assert!(!place.starts_with("ledger") || !has(&bytes, "$argon2id"), "a hash on the ledger");
    }
}
