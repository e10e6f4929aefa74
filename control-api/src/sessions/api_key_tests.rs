//! API keys at work: a service views by its key within the grants it is held to, and what it views ends with the key.

use std::time::Duration;

use relay::lease::{EndReason, Protocol};
use serde_json::{Value, json};

use crate::registers::Role;
use crate::registers::user::UserState;
use crate::scene::{Scene, TERMINAL, camera, live, terms, token};

const PATH: &str = "/api/v1/users/analyser/api-keys";

/// A service of the police with a key; the key's id and the key.
async fn with_key(scene: &Scene, change: impl FnOnce(&mut Value)) -> (String, String) {
    if scene.read("guard", "/api/v1/users/analyser").await.status != 200 {
        scene.add_user("analyser", "gaj", Role::Service, UserState::Approved);
    }
    let mut form = json!({
        "name": "车流分析", "expires_at": "2026-12-01T00:00:00+08:00", "addresses": ["10.0.0.0/24"],
    });
    change(&mut form);
    let made = scene.post("guard", PATH, form).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let text = |field: &str| made.body[field].as_str().unwrap().to_owned();
    (text("id"), text("secret"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_views_by_its_key_until_it_is_revoked() {
    let scene = Scene::new().await;
    scene.granted(terms()).await;
    let (id, key) = with_key(&scene, |_| ()).await;
    let (_, other) = with_key(&scene, |_| ()).await;
    let me = scene.read(&key, "/api/v1/me").await;
    assert_eq!((me.status.as_u16(), me.body["user"].as_str()), (200, Some("analyser")));
    let [first, second] = [scene.opened(&key).await, scene.opened(&other).await];
    let admit = |opened: &Value| {
        let secret = token(&opened["urls"]["rtsp"]);
        scene.deps.leases.admit(&secret, TERMINAL.parse().unwrap(), Protocol::Rtsp).unwrap()
    };
    let (running, goes_on) = (admit(&first), admit(&second));
    let revoked = scene.call("guard", "DELETE", &format!("{PATH}/{id}"), None).await;
    assert_eq!(revoked.status, 204, "{}", revoked.text);
    assert_eq!(scene.stopped(&running).await, EndReason::Revoked);
    assert_eq!(goes_on.end_reason(), None, "another key's session");
    assert_eq!(scene.read(&key, "/api/v1/me").await.code(), "AUTH_REQUIRED");
    assert_eq!(scene.read(&other, "/api/v1/me").await.status, 200);
    let listed = scene.read("guard", PATH).await;
    let items = listed.body["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert!(items.iter().all(|item| item["in_force"] == json!(item["id"] != id)), "{items:?}");
    assert!(!listed.text.contains("slk_") && !format!("{:?}", scene.events()).contains("slk_"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_ends_on_its_day_and_its_sessions_with_it() {
    let scene = Scene::new().await;
    scene.granted(terms()).await;
    let (_, key) = with_key(&scene, |form| form["expires_at"] = json!("2026-06-01T10:20:00+08:00")).await;
    let opened = scene.opened(&key).await;
    assert_eq!(opened["expires_at"], "2026-06-01T02:20:00.000Z", "no later than the key");
    // One that sends nothing is over after a minute.
    let secret = token(&opened["urls"]["rtsp"]);
    let running = scene.deps.leases.admit(&secret, TERMINAL.parse().unwrap(), Protocol::Rtsp).unwrap();
    running.sent(1);
    scene.pass(Duration::from_secs(19 * 60 + 59));
    assert_eq!(scene.read(&key, "/api/v1/me").await.status, 200);
    let id = opened["id"].as_str().unwrap();
    let renewed = scene.post(&key, &format!("/api/v1/sessions/{id}/renew"), json!({})).await;
    assert_eq!(renewed.body["expires_at"], "2026-06-01T02:20:00.000Z", "{}", renewed.text);
    scene.pass(Duration::from_secs(1));
    assert_eq!(scene.read(&key, "/api/v1/me").await.code(), "AUTH_REQUIRED");
    assert_eq!(scene.stopped(&running).await, EndReason::Expired);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_no_more_than_the_grants_it_is_held_to() {
    let scene = Scene::new().await;
    assert_eq!(scene.post("keeper", "/api/v1/cameras", camera("cam-2")).await.status, 201);
    let (_, narrow) = scene.granted(terms()).await;
    let mut wide = terms();
    wide["cameras"] = json!(["cam-1", "cam-2"]);
    let (_, wide) = scene.granted(wide).await;
    let (_, key) = with_key(&scene, |form| form["grants"] = json!([narrow])).await;
    scene.opened(&key).await;
    let refused = scene.post(&key, "/api/v1/sessions", live("cam-2")).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "NO_GRANT"), "{}", refused.text);
    let (_, free) = with_key(&scene, |form| form["grants"] = json!([wide])).await;
    assert_eq!(scene.post(&free, "/api/v1/sessions", live("cam-2")).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_serves_its_networks_and_an_account_that_may_act() {
    let scene = Scene::new().await;
    let (_, key) = with_key(&scene, |form| form["addresses"] = json!(["10.9.0.0/16"])).await;
    let refused = scene.read(&key, "/api/v1/me").await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "TERMINAL_MISMATCH"));
    let (_, key) = with_key(&scene, |_| ()).await;
    for made_up in ["slk_", "slk_x", &key.to_uppercase(), &format!("{key}x")] {
        assert_eq!(scene.read(made_up, "/api/v1/me").await.code(), "AUTH_REQUIRED");
    }
    for (path, body) in [
        ("/api/v1/logout", json!({})),
        ("/api/v1/me/password", json!({"old": "a", "new": "b"})),
        ("/api/v1/me/otp", json!({})),
    ] {
        assert_eq!(scene.post(&key, path, body).await.code(), "ROLE_FORBIDS", "{path}");
    }
    scene.pass(Duration::from_secs(30 * 86_400));
    assert_eq!(scene.read(&key, "/api/v1/me").await.status, 200, "no idle time-out");
    scene.change_user("analyser", |user| user.state = UserState::Disabled);
    assert_eq!(scene.read(&key, "/api/v1/me").await.code(), "ACCOUNT_DISABLED");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_the_security_administrator_s_to_make_and_a_service_s_to_have() {
    let scene = Scene::new().await;
    with_key(&scene, |_| ()).await;
    let form = |change: &dyn Fn(&mut Value)| {
        let mut form = json!({"name": "x", "expires_at": "2026-12-01T00:00:00+08:00", "addresses": ["10.0.0.1/32"]});
        change(&mut form);
        form
    };
    for who in ["li", "clerk", "head", "approver", "auditor", "keeper"] {
        assert_eq!(scene.post(who, PATH, form(&|_| ())).await.code(), "ROLE_FORBIDS", "{who}");
        assert_eq!(scene.read(who, PATH).await.code(), "ROLE_FORBIDS", "{who}");
    }
    assert_eq!(scene.post("guard", "/api/v1/users/li/api-keys", form(&|_| ())).await.code(), "INVALID_FIELD");
    let wrong: [(&str, Value); 7] = [
        ("name", json!(" ")),
        ("expires_at", json!("2026-06-01T10:00:00+08:00")),
        ("expires_at", json!("2027-06-03T10:00:00+08:00")),
        ("addresses", json!([])),
        ("addresses", json!(["0.0.0.0/0"])),
        ("addresses[0]", json!(["10.0.0.1/99"])),
        ("grants", json!(["none"])),
    ];
    for (field, value) in wrong {
        let member = field.split('[').next().unwrap();
        let refused = scene.post("guard", PATH, form(&|form| form[member] = value.clone())).await;
        assert_eq!(
            (refused.code(), refused.body["field"].as_str()),
            ("INVALID_FIELD", Some(field)),
            "{}",
            refused.text
        );
    }
}
