//! The console's login cookie: set where no script reads it, worth what a bearer token is, and nothing from another site's page.

use control_api::registers::Role;
use serde_json::json;

use crate::world::{Answer, Client, PASSWORD, World};

const CONSOLE: &str = "x-sluice-console";

async fn login(client: &Client<'_>) -> Answer {
    client.post("/api/v1/login", &json!({"user": "wang", "password": PASSWORD, "cookie": true})).await
}

/// `name=value` of what the answer sets, and its attributes.
fn set(answer: &Answer) -> (String, String) {
    let line = answer.headers["set-cookie"].to_str().unwrap();
    let (pair, attributes) = line.split_once("; ").unwrap();
    (pair.to_owned(), attributes.to_owned())
}

fn world() -> World {
    let world = World::new();
    world.account("wang", "gaj", &[Role::Operator]);
    world.account("sec", "zwj", &[Role::SecurityAdmin]);
    world
}

#[tokio::test]
async fn the_token_is_in_the_cookie_and_nowhere_else() {
    let world = world();
    for (client, name, attributes) in [
        (world.client(), "sluice-login=", "HttpOnly; SameSite=Strict; Path=/"),
        (world.client().over_tls(), "__Host-sluice-login=", "HttpOnly; Secure; SameSite=Strict; Path=/"),
    ] {
        let answer = login(&client).await.is(200);
        let (pair, given) = set(&answer);
        assert_eq!(given, attributes);
        let token = pair.strip_prefix(name).unwrap();
        assert!(!answer.text.contains(token) && answer.json()["token"].is_null(), "{}", answer.text);
        let with = client.clone().header("cookie", &pair);
        let me = with.get("/api/v1/me").await.is(200).json();
        assert_eq!((&me["user"], &me["unit_name"]), (&json!("wang"), &json!("公安局")));
        assert_eq!((&me["must_change_password"], &me["must_enrol_second_factor"]), (&json!(false), &json!(false)));
        assert_eq!((&me["expires_at"], &me["idle_seconds"]), (&answer.json()["expires_at"], &json!(1_800)));
        // Each transport reads its own cookie: what was set in the clear, perhaps by somebody else, opens nothing over TLS.
        let other = if name.starts_with("__") { world.client() } else { world.client().over_tls() };
        other.header("cookie", &pair).get("/api/v1/me").await.refused(401, "AUTH_REQUIRED");
        client
            .clone()
            .at([10, 0, 0, 9])
            .header("cookie", &pair)
            .get("/api/v1/me")
            .await
            .refused(403, "TERMINAL_MISMATCH");
        let out = with.header(CONSOLE, "1").post("/api/v1/logout", &json!({})).await.is(204);
        let (emptied, how) = set(&out);
        assert_eq!((emptied.as_str(), how.contains("Max-Age=0")), (name, true));
        client.header("cookie", &pair).get("/api/v1/me").await.refused(401, "AUTH_REQUIRED");
    }
}

#[tokio::test]
async fn what_another_page_asks_for_with_the_cookie_is_refused_on_the_record() {
    let world = world();
    let (pair, _) = set(&login(&world.client()).await.is(200));
    let with = world.client().header("cookie", &pair);
    let own = with.clone().header(CONSOLE, "1");
    let changes = ["/api/v1/logout", "/api/v1/me/password", "/api/v1/sessions", "/api/v1/users"];
    let before = world.kinds().len();
    for change in changes {
        with.post(change, &json!({})).await.refused(403, "CROSS_SITE");
        with.clone().header(CONSOLE, "0").post(change, &json!({})).await.refused(403, "CROSS_SITE");
        with.clone().header("idempotency-key", "a").post(change, &json!({})).await.is(403);
        for site in ["cross-site", "same-site", "anything"] {
            own.clone().header("sec-fetch-site", site).post(change, &json!({})).await.refused(403, "CROSS_SITE");
        }
    }
    let events = world.events();
    let denied = events.iter().filter(|event| event.code.as_deref() == Some("CROSS_SITE"));
    assert_eq!((denied.count(), world.kinds().len() - before), (24, 24));
    for site in ["same-origin", "none"] {
        own.clone()
            .header("sec-fetch-site", site)
            .post("/api/v1/me/password", &json!({}))
            .await
            .refused(422, "INVALID_FIELD");
    }
    let remedy = with.header("accept-language", "zh-CN").post("/api/v1/logout", &json!({})).await.json();
    assert_eq!(remedy["articles"], json!(["MLPS3"]));
    assert!(remedy["remedy"].as_str().unwrap().contains("X-Sluice-Console"));
    // The sign-in itself: another site's page cannot make this browser sign in as somebody else.
    let sign_in = world.client().header("sec-fetch-site", "cross-site");
    login(&sign_in).await.refused(403, "CROSS_SITE");
    own.get("/api/v1/me").await.is(200);
}

#[tokio::test]
async fn a_bearer_token_goes_before_the_cookie_and_needs_no_page() {
    let world = world();
    let (pair, _) = set(&login(&world.client()).await.is(200));
    let both = world.signed_in("sec").await.header("cookie", &pair);
    assert_eq!(both.get("/api/v1/me").await.is(200).json()["user"], "sec");
    both.clone().header("sec-fetch-site", "cross-site").post("/api/v1/me/password", &json!({})).await.is(422);
    both.with_token("made-up").get("/api/v1/me").await.refused(401, "AUTH_REQUIRED");
    // A program signs in as before: no cookie comes with the token.
    let plain = world.client().login("wang", PASSWORD).await.is(200);
    assert!(plain.json()["token"].is_string() && !plain.headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn a_kept_result_is_given_to_the_cookie_that_made_it() {
    let world = world();
    let sign_in = json!({"user": "sec", "password": PASSWORD, "cookie": true});
    let (pair, _) = set(&world.client().post("/api/v1/login", &sign_in).await.is(200));
    let own = world.client().header("cookie", &pair).header(CONSOLE, "1").header("idempotency-key", "form-7");
    let form = json!({"user": "li", "name": "李", "unit": "gaj", "roles": ["operator"], "password": PASSWORD});
    let first = own.post("/api/v1/users", &form).await.is(201);
    let again = own.post("/api/v1/users", &form).await.is(201);
    assert_eq!(
        (&again.headers["idempotency-replayed"], again.json()["id"].clone()),
        (&"true".parse().unwrap(), first.json()["id"].clone())
    );
}
