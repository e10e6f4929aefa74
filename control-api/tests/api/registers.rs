//! Users, units and purposes over the API.

use control_api::registers::user::UserState;
use control_api::registers::{Role, User};
use serde_json::{Value, json};

use crate::world::{PASSWORD, World};

fn li(roles: &Value) -> Value {
    json!({"user": "li", "name": "李", "unit": "gaj", "roles": roles, "password": "an initial secret word", "state": "approved"})
}

#[tokio::test]
async fn an_account_is_made_once_and_signs_in_with_a_password_of_its_own() {
    let world = World::new();
    world.everyone();
    let security = world.signed_in("security-admin").await;
    let made = security.post("/api/v1/users", &li(&json!(["operator"]))).await.is(201).json();
    assert_eq!((made["user"].as_str(), made["must_change_password"].as_bool()), (Some("li"), Some(true)));
    let again = security.post("/api/v1/users", &li(&json!(["operator"]))).await.refused(409, "CONFLICT");
    assert_eq!(again.json()["field"], "user");
    let answer = world.client().login("li", "an initial secret word").await.is(200).json();
    assert_eq!(answer["must_change_password"], true);
}

#[tokio::test]
async fn roles_that_cannot_be_held_together_are_refused_by_field() {
    let world = World::new();
    world.everyone();
    let security = world.signed_in("security-admin").await;
    for roles in [
        json!([]),
        json!(["emperor"]),
        json!(["security_admin", "operator"]),
        json!(["unit_admin", "unit_principal"]),
        json!(["bureau_approver"]),
        json!("operator"),
    ] {
        let refused = security.post("/api/v1/users", &li(&roles)).await.refused(422, "INVALID_FIELD").json();
        assert!(refused["field"].as_str().unwrap().starts_with("roles"), "{roles}: {refused}");
    }
    let mut foreign = li(&json!(["operator"]));
    foreign["unit"] = json!("nowhere");
    assert_eq!(security.post("/api/v1/users", &foreign).await.refused(422, "INVALID_FIELD").json()["field"], "unit");
}

#[tokio::test]
async fn nobody_changes_themselves_and_the_last_holder_stays() {
    let world = World::new();
    world.everyone();
    world.account("second", "zwj", &[Role::SecurityAdmin]);
    let security = world.signed_in("security-admin").await;
    security.patch("/api/v1/users/security-admin", &json!({"roles": ["operator"]})).await.refused(403, "ROLE_FORBIDS");
    let password = json!({"password": "another long password"});
    security.post("/api/v1/users/security-admin/password", &password).await.refused(403, "ROLE_FORBIDS");
    for role in ["audit-admin", "system-admin", "catalogue-admin", "bureau-approver"] {
        let path = format!("/api/v1/users/{role}");
        let refused = security.patch(&path, &json!({"state": "disabled"})).await.refused(409, "CONFLICT");
        assert_eq!(refused.json()["field"], "roles");
        security.patch(&path, &json!({"roles": ["operator"]})).await.refused(409, "CONFLICT");
    }
    security.patch("/api/v1/users/second", &json!({"state": "disabled"})).await.is(200);
    security.patch("/api/v1/users/operator", &json!({"state": "disabled"})).await.is(200);
}

#[tokio::test]
async fn two_security_administrators_cannot_remove_each_other_at_once() {
    let world = World::new();
    world.account("a", "zwj", &[Role::SecurityAdmin]);
    world.account("b", "zwj", &[Role::SecurityAdmin]);
    let (a, b) = (world.signed_in("a").await, world.signed_in("b").await);
    let off = json!({"state": "disabled"});
    let (one, two) = tokio::join!(a.patch("/api/v1/users/b", &off), b.patch("/api/v1/users/a", &off));
    assert_eq!([&one, &two].iter().filter(|answer| answer.status == 200).count(), 1, "{} {}", one.text, two.text);
}

#[tokio::test]
async fn however_many_go_for_the_last_holders_at_once_one_stays() {
    for round in 0..8 {
        let world = World::new();
        for name in ["a", "b", "c"] {
            world.account(name, "zwj", &[Role::SecurityAdmin]);
        }
        world.account("x", "zwj", &[Role::AuditAdmin]);
        world.account("y", "zwj", &[Role::AuditAdmin]);
        let hands = [world.signed_in("a").await, world.signed_in("b").await, world.signed_in("c").await];
        // So that what guards the last holder has been there before.
        hands[0].patch("/api/v1/users/x", &json!({"name": "first change"})).await.is(200);
        let (off, moved) = (json!({"state": "disabled"}), json!({"roles": ["operator"]}));
        let aims = [("b", &off), ("c", &moved), ("a", &off), ("x", &moved), ("y", &off), ("x", &off)];
        let tries = aims.iter().zip(hands.iter().cycle().skip(round));
        let tries = tries
            .map(|((name, change), hand)| async move { hand.patch(&format!("/api/v1/users/{name}"), change).await });
        futures_util::future::join_all(tries).await;
        for role in [Role::SecurityAdmin, Role::AuditAdmin] {
            let users = world.deps.store.range_json::<User>("user/", None, 10).unwrap();
            let holds = |user: &User| user.state == UserState::Approved && user.roles.has(role);
            assert!(users.iter().any(|(_, row)| holds(&row.value)), "round {round}: no {role:?} is left");
        }
    }
}

#[tokio::test]
async fn a_unit_sees_its_own_people_only() {
    let world = World::new();
    world.everyone();
    world.account("farmer", "nyj", &[Role::Operator]);
    let unit_admin = world.signed_in("unit-admin").await;
    let seen = unit_admin.get("/api/v1/users").await.is(200).json();
    assert!(seen["items"].as_array().unwrap().iter().all(|user| user["unit"] == "gaj"));
    unit_admin.get("/api/v1/users/farmer").await.refused(404, "NOT_FOUND");
    unit_admin.get("/api/v1/users/operator").await.is(200);
}

#[tokio::test]
async fn lists_are_walked_page_by_page_to_the_end() {
    let world = World::new();
    world.everyone();
    let client = world.signed_in("operator").await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("/api/v1/units?limit=4{cursor}")).await.is(200).json();
        seen.extend(page["items"].as_array().unwrap().iter().map(|unit| unit["id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 11);
    assert!(seen.is_sorted());
    for (query, field) in
        [("limit=0", "limit"), ("limit=501", "limit"), ("limit=x", "limit"), ("cursor=!!", "cursor"), ("x=1", "x")]
    {
        let refused = client.get(&format!("/api/v1/units?{query}")).await.refused(422, "INVALID_FIELD");
        assert_eq!(refused.json()["field"], field, "{query}");
    }
}

#[tokio::test]
async fn a_new_unit_has_no_purposes_until_the_bureau_sets_them() {
    let world = World::new();
    world.everyone();
    let approver = world.signed_in("bureau-approver").await;
    let unit = json!({"id": "cgj", "name": "城市管理局", "areas": ["济源/沁园"]});
    let made = approver.post("/api/v1/units", &unit).await.is(201).json();
    assert_eq!((made["purposes"].as_array().unwrap().len(), made["kind"].as_str()), (0, Some("other")));
    approver.post("/api/v1/units", &unit).await.refused(409, "CONFLICT");
    let wrong =
        approver.patch("/api/v1/units/cgj", &json!({"purposes": ["CJ-1", "XX-9"]})).await.refused(422, "INVALID_FIELD");
    assert_eq!(wrong.json()["field"], "purposes[1]");
    let changed = approver.patch("/api/v1/units/cgj", &json!({"purposes": ["CJ-1"]})).await.is(200).json();
    assert_eq!((changed["version"].as_u64(), changed["purposes"][0].as_str()), (Some(2), Some("CJ-1")));
    approver.patch("/api/v1/units/zwj", &json!({"state": "withdrawn"})).await.refused(422, "INVALID_FIELD");
    world.account("clerk", "cgj", &[Role::UnitAdmin]);
    let mine = world.signed_in("clerk").await.get("/api/v1/purposes?mine=true").await.is(200).json();
    assert_eq!(
        mine["items"].as_array().unwrap().iter().map(|p| p["code"].as_str().unwrap()).collect::<Vec<_>>(),
        ["CJ-1"]
    );
    assert_eq!(world.deps.store.range("unit-history/cgj/", None, 10).unwrap().len(), 2);
    assert_eq!(world.kinds().iter().filter(|kind| kind.starts_with("register.")).count(), 2);
}

#[tokio::test]
async fn a_reset_password_ends_sign_ins_and_locks() {
    let world = World::new();
    world.everyone();
    let operator = world.signed_in("operator").await;
    for _ in 0..5 {
        world.client().login("operator", "wrong").await.refused(401, "AUTH_REQUIRED");
    }
    let security = world.signed_in("security-admin").await;
    let new = json!({"password": "another long password"});
    security.post("/api/v1/users/operator/password", &new).await.is(204);
    operator.get("/api/v1/me").await.refused(401, "AUTH_REQUIRED");
    world.client().login("operator", PASSWORD).await.refused(401, "AUTH_REQUIRED");
    world.client().login("operator", "another long password").await.is(200);
}

#[test]
fn bootstrap_makes_one_account_once_with_a_secret_that_is_not_stored() {
    let world = World::new();
    let (deps, config) = (&world.deps, crate::world::settings());
    let first = || {
        control_api::bootstrap::first_account(&deps.store, &deps.ledger, &config, deps.now(), "admin".parse().unwrap())
    };
    let account = first().unwrap();
    assert_eq!(account.secret.len(), 24);
    assert!(matches!(first(), Err(control_api::bootstrap::BootstrapError::Done)));
    for (place, bytes) in world.everything_written() {
        assert!(!String::from_utf8_lossy(&bytes).contains(&account.secret), "{place}");
    }
}
