//! The second factor: enrolled before anything else, asked for at each sign-in, each code taken once, lost and reset.

use std::time::Duration;

use control_api::authn::otp;
use control_api::bootstrap;
use control_api::config::Config;
use control_api::registers::Role;
use control_api::registers::user::means::Reach;
use media::wall::Clock;
use serde_json::{Value, json};

use crate::world::{Answer, Client, PASSWORD, World, settings};

const STEP: Duration = Duration::from_secs(30);

fn world(second_factor: Reach) -> World {
    World::with(Config { second_factor, ..settings() })
}

/// The code that the authenticator shows now.
fn code(world: &World, secret: &str) -> String {
    otp::code(secret, world.clock.wall()).unwrap()
}

async fn login(client: &Client<'_>, user: &str, otp: Option<&str>) -> Answer {
    let mut body = json!({"user": user, "password": PASSWORD});
    if let Some(otp) = otp {
        body["otp"] = json!(otp);
    }
    client.post("/api/v1/login", &body).await
}

/// Enrols whoever is signed in; the secret and the recovery codes.
async fn enrol(world: &World, client: &Client<'_>) -> (String, Vec<String>) {
    let begun = client.post("/api/v1/me/otp", &json!({})).await.is(200).json();
    let secret = begun["secret"].as_str().unwrap().to_owned();
    let confirmed = client.post("/api/v1/me/otp/confirm", &json!({"otp": code(world, &secret)})).await.is(200).json();
    let codes = confirmed["recovery_codes"].as_array().unwrap().iter();
    (secret, codes.map(|code| code.as_str().unwrap().to_owned()).collect())
}

#[tokio::test]
async fn an_administrator_enrols_before_anything_else_and_then_gives_a_code_each_time() {
    let world = world(Reach::Administrators);
    world.account("audit", "zwj", &[Role::AuditAdmin]);
    let answer = world.client().login("audit", PASSWORD).await.is(200).json();
    assert_eq!(answer["must_enrol_second_factor"], true);
    let audit = world.client().with_token(answer["token"].as_str().unwrap());
    let elsewhere = world.signed_in("audit").await;
    let refused = audit.get("/api/v1/units").await.refused(401, "MFA_REQUIRED").json();
    assert!(refused["remedy"].as_str().unwrap().contains("/me/otp"), "{refused}");
    assert_eq!(audit.get("/api/v1/me").await.is(200).json()["second_factor"], false);
    audit.post("/api/v1/me/otp/confirm", &json!({"otp": "000000"})).await.refused(409, "CONFLICT");
    let (secret, _) = enrol(&world, &audit).await;
    audit.get("/api/v1/units").await.is(200);
    assert_eq!(audit.get("/api/v1/me").await.is(200).json()["second_factor"], true);
    elsewhere.get("/api/v1/me").await.refused(401, "AUTH_REQUIRED");

    let client = world.client();
    login(&client, "audit", None).await.refused(401, "MFA_REQUIRED");
    login(&client, "audit", Some(&code(&world, &secret))).await.refused(401, "MFA_REQUIRED");
    world.clock.advance(STEP);
    let now = code(&world, &secret);
    let signed_in = login(&client, "audit", Some(&now)).await.is(200).json();
    assert_eq!(signed_in["must_enrol_second_factor"], false);
    login(&client, "audit", Some(&now)).await.refused(401, "MFA_REQUIRED");
    let refused: Vec<_> = world.events().into_iter().filter(|e| e.code.as_deref() == Some("MFA_REQUIRED")).collect();
    assert_eq!(refused.len(), 4);
    assert!(refused.iter().all(|event| event.articles == ["MLPS3"]));
    let entered = world.events().into_iter().rfind(|e| e.kind.as_str() == "login.accepted").unwrap();
    assert_eq!(entered.detail["second_factor"], true);
}

#[tokio::test]
async fn others_enrol_if_they_wish_and_are_asked_from_then_on() {
    let world = world(Reach::Administrators);
    world.account("wang", "gaj", &[Role::Operator]);
    let wang = world.signed_in("wang").await;
    wang.get("/api/v1/cameras").await.is(200);
    let (secret, _) = enrol(&world, &wang).await;
    login(&world.client(), "wang", None).await.refused(401, "MFA_REQUIRED");
    world.clock.advance(STEP);
    login(&world.client(), "wang", Some(&code(&world, &secret))).await.is(200);
}

#[tokio::test]
async fn the_rule_reaches_whom_it_is_set_to_reach() {
    for (reach, role, asked) in [
        (Reach::Off, Role::SecurityAdmin, false),
        (Reach::Administrators, Role::SecurityAdmin, true),
        (Reach::Administrators, Role::SystemAdmin, true),
        (Reach::Administrators, Role::BureauApprover, false),
        (Reach::All, Role::Operator, true),
        (Reach::All, Role::Service, false),
    ] {
        let world = world(reach);
        world.account("x", "zwj", &[role]);
        let answer = world.client().login("x", PASSWORD).await.is(200).json();
        assert_eq!(answer["must_enrol_second_factor"], asked, "{reach:?} {role:?}");
        let client = world.client().with_token(answer["token"].as_str().unwrap());
        let answer = client.get("/api/v1/units").await;
        assert_eq!(answer.code() == "MFA_REQUIRED", asked, "{reach:?} {role:?}");
    }
}

#[tokio::test]
async fn wrong_codes_lock_the_account_like_wrong_passwords() {
    let world = world(Reach::Administrators);
    world.account("wang", "gaj", &[Role::Operator]);
    let (secret, codes) = enrol(&world, &world.signed_in("wang").await).await;
    world.clock.advance(STEP);
    for _ in 0..5 {
        login(&world.client(), "wang", Some("000000")).await.refused(401, "MFA_REQUIRED");
    }
    login(&world.client(), "wang", Some(&code(&world, &secret))).await.refused(401, "ACCOUNT_LOCKED");
    login(&world.client(), "wang", Some(&codes[0])).await.refused(401, "ACCOUNT_LOCKED");
    world.clock.advance(Duration::from_secs(600));
    login(&world.client(), "wang", Some(&code(&world, &secret))).await.is(200);
}

#[tokio::test]
async fn one_code_shown_to_many_sign_ins_at_once_opens_one() {
    let world = world(Reach::Administrators);
    world.account("wang", "gaj", &[Role::Operator]);
    let (secret, codes) = enrol(&world, &world.signed_in("wang").await).await;
    world.clock.advance(STEP);
    let now = code(&world, &secret);
    for shared in [now.as_str(), codes[4].as_str()] {
        let client = world.client();
        let tries = futures_util::future::join_all((0..4).map(|_| login(&client, "wang", Some(shared)))).await;
        let opened = tries.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(opened, 1, "{:?}", tries.iter().map(Answer::code).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_recovery_code_signs_in_once_and_a_new_authenticator_needs_a_code_of_the_old() {
    let world = world(Reach::Administrators);
    world.account("wang", "gaj", &[Role::Operator]);
    let wang = world.signed_in("wang").await;
    let (old, codes) = enrol(&world, &wang).await;
    let answer = login(&world.client(), "wang", Some(&codes[0])).await.is(200).json();
    login(&world.client(), "wang", Some(&codes[0])).await.refused(401, "MFA_REQUIRED");
    let wang = world.client().with_token(answer["token"].as_str().unwrap());
    wang.post("/api/v1/me/otp", &json!({})).await.refused(401, "MFA_REQUIRED");
    login(&world.client(), "wang", Some(&codes[3])).await.is(200);
    let begun = wang.post("/api/v1/me/otp", &json!({"otp": codes[1]})).await.is(200).json();
    world.clock.advance(STEP);
    login(&world.client(), "wang", Some(&code(&world, &old))).await.is(200);
    let new = begun["secret"].as_str().unwrap();
    wang.post("/api/v1/me/otp/confirm", &json!({"otp": code(&world, &old)})).await.refused(422, "INVALID_FIELD");
    wang.post("/api/v1/me/otp/confirm", &json!({"otp": code(&world, new)})).await.is(200);
    world.clock.advance(STEP);
    for (spent, opens) in [(code(&world, &old), 401), (codes[2].clone(), 401), (code(&world, new), 200)] {
        login(&world.client(), "wang", Some(&spent)).await.is(opens);
    }
}

#[tokio::test]
async fn the_security_administrator_resets_another_s_and_never_their_own() {
    let world = world(Reach::Administrators);
    for name in ["security", "second"] {
        world.account(name, "zwj", &[Role::SecurityAdmin]);
    }
    world.account("wang", "gaj", &[Role::Operator]);
    let security = world.signed_in("security").await;
    enrol(&world, &security).await;
    let second = world.signed_in("second").await;
    enrol(&world, &second).await;
    let wang = world.signed_in("wang").await;
    wang.delete("/api/v1/users/second/otp").await.refused(403, "ROLE_FORBIDS");
    security.delete("/api/v1/users/security/otp").await.refused(403, "ROLE_FORBIDS");
    security.delete("/api/v1/users/nobody/otp").await.refused(404, "NOT_FOUND");
    assert_eq!(second_factor(&security, "second").await, true);
    security.delete("/api/v1/users/second/otp").await.is(204);
    assert_eq!(second_factor(&security, "second").await, false);
    second.get("/api/v1/me").await.refused(401, "AUTH_REQUIRED");
    let answer = login(&world.client(), "second", None).await.is(200).json();
    assert_eq!(answer["must_enrol_second_factor"], true);
    let actions: Vec<_> = world.events().into_iter().filter_map(|event| event.action).collect();
    assert!(actions.contains(&"second_factor.enrol".into()) && actions.contains(&"second_factor.reset".into()));
}

async fn second_factor(client: &Client<'_>, user: &str) -> Value {
    client.get(&format!("/api/v1/users/{user}")).await.is(200).json()["second_factor"].take()
}

#[tokio::test]
async fn no_secret_of_a_second_factor_is_kept_or_shown_twice() {
    let world = world(Reach::Administrators);
    world.account("wang", "gaj", &[Role::Operator]);
    let wang = world.signed_in("wang").await;
    let (secret, codes) = enrol(&world, &wang).await;
    world.clock.advance(STEP);
    let typed = code(&world, &secret);
    login(&world.client(), "wang", Some(&typed)).await.is(200);
    login(&world.client(), "wang", Some(&codes[0])).await.is(200);
    wang.get("/api/v1/me").await.is(200);
    for hidden in [secret, codes[0].clone(), codes[0].replace('-', "")] {
        let places: Vec<_> = world
            .everything_written()
            .into_iter()
            .filter(|(_, bytes)| bytes.windows(hidden.len()).any(|window| window == hidden.as_bytes()))
            .map(|(place, _)| place)
            .collect();
        assert!(places.is_empty() || places == ["answer"], "{places:?}");
    }
}

#[tokio::test]
async fn the_last_security_administrator_is_helped_at_the_machine() {
    let world = world(Reach::Administrators);
    world.account("security", "zwj", &[Role::SecurityAdmin]);
    let security = world.signed_in("security").await;
    enrol(&world, &security).await;
    let (store, ledger, now) = (&world.deps.store, &world.deps.ledger, world.clock.wall());
    let reset = |name: &str| bootstrap::reset_second_factor(store, ledger, now, &name.parse().unwrap()).unwrap();
    assert!(!reset("nobody"));
    assert!(reset("security"));
    security.get("/api/v1/me").await.refused(401, "AUTH_REQUIRED");
    let answer = login(&world.client(), "security", None).await.is(200).json();
    assert_eq!(answer["must_enrol_second_factor"], true);
    let told = world.events().into_iter().rfind(|event| event.object.is_some()).unwrap();
    assert_eq!(
        (told.action.as_deref(), told.object.as_deref()),
        (Some("admin.reset_second_factor"), Some("user/security"))
    );
}
