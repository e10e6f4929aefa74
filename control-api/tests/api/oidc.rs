//! Signing in through an identity provider: there, back, once, for an account that has that name; and every way it can fail.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use control_api::authn::otp;
use control_api::config::Config;
use control_api::config::oidc::Settings;
use control_api::registers::Role;
use control_api::registers::user::UserState;
use control_api::registers::user::means::Reach;
use media::wall::Clock;
use serde_json::{Value, json};

use crate::provider::{CLIENT, Provider, SECRET, Signer};
use crate::world::{Answer, Client, HandClock, World, settings};

const REDIRECT: &str = "https://sluice.example/api/v1/login/oidc/callback";

/// An appliance beside a provider, with the police's operator `wang`, who is `p-wang` there.
async fn world(signer: Signer) -> (World, Arc<Provider>) {
    let clock = Arc::new(HandClock::default());
    let provider = Provider::start(signer, Arc::clone(&clock)).await;
    let world = World::beside(clock, |folder| config(&provider.issuer, folder));
    world.everyone();
    world.account("wang", "gaj", &[Role::Operator]);
    named(&world, "wang", "p-wang").await.is(200);
    (world, provider)
}

fn config(issuer: &str, folder: &std::path::Path) -> Config {
    let client_secret_file = folder.join("oidc.secret");
    std::fs::write(&client_secret_file, format!("{SECRET}\n")).unwrap();
    let oidc = Settings {
        issuer: issuer.parse().unwrap(),
        client_id: CLIENT.into(),
        client_secret_file,
        redirect_url: REDIRECT.parse().unwrap(),
        second_factor_acr: vec!["high".into()],
        second_factor_amr: vec!["mfa".into(), "hwk".into()],
    };
    Config { oidc: Some(oidc), ..settings() }
}

async fn named(world: &World, user: &str, subject: &str) -> Answer {
    let security = world.signed_in("security-admin").await;
    security.patch(&format!("/api/v1/users/{user}"), &json!({"oidc_subject": subject})).await
}

/// Where the browser is sent.
async fn sent(client: &Client<'_>) -> String {
    let answer = client.get("/api/v1/login/oidc").await.is(303);
    answer.headers["location"].to_str().unwrap().to_owned()
}

/// A whole visit of somebody.
async fn visit(world: &World, provider: &Provider, subject: &str) -> Answer {
    let back = provider.sign_in_honestly(&sent(&world.client()).await, subject);
    world.client().get(&back).await
}

#[tokio::test]
async fn whoever_the_provider_saw_is_signed_in_as_their_account() {
    for signer in [Signer::rsa(), Signer::ecdsa()] {
        let (world, provider) = world(signer).await;
        let signed_in = visit(&world, &provider, "p-wang").await.is(200).json();
        let wang = world.client().with_token(signed_in["token"].as_str().unwrap());
        assert_eq!(wang.get("/api/v1/me").await.is(200).json()["user"], "wang");
        wang.get("/api/v1/cameras").await.is(200);
        let event = world.events().into_iter().rfind(|event| event.kind.as_str() == "login.accepted").unwrap();
        assert_eq!((event.actor.unwrap().user.as_str(), &event.detail["by"]), ("wang", &json!("oidc")));
    }
}

#[tokio::test]
async fn a_visit_ends_once_at_its_terminal_within_its_time() {
    let (world, provider) = world(Signer::ecdsa()).await;
    let client = world.client();
    let back = provider.sign_in_honestly(&sent(&client).await, "p-wang");
    client.clone().at([10, 0, 0, 9]).get(&back).await.refused(403, "TERMINAL_MISMATCH");
    client.get(&back).await.is(200);
    client.get(&back).await.refused(401, "AUTH_REQUIRED");
    let back = provider.sign_in_honestly(&sent(&client).await, "p-wang");
    let (one, two) = tokio::join!(client.get(&back), client.get(&back));
    assert_eq!([one.status, two.status].iter().filter(|status| **status == 200).count(), 1);
    let late = provider.sign_in_honestly(&sent(&client).await, "p-wang");
    world.clock.advance(Duration::from_secs(601));
    client.get(&late).await.refused(401, "AUTH_REQUIRED");
    let begun = world.deps.store.range("oidc-visit/", None, 10).unwrap().len();
    assert_eq!((begun, world.deps.authn.sweep().unwrap()), (1, 1), "what nobody came back from is swept");
    client.get("/api/v1/login/oidc/callback?state=made-up&code=x").await.refused(401, "AUTH_REQUIRED");
    client.get("/api/v1/login/oidc/callback?code=x").await.refused(422, "INVALID_FIELD");
    let turned_back = provider.sign_in_honestly(&sent(&client).await, "p-wang");
    let turned_back = turned_back.split("&code=").next().unwrap();
    client.get(&format!("{turned_back}&error=access_denied")).await.refused(401, "AUTH_REQUIRED");
}

/// A lie about the claims, signed with the provider's own key.
type Lie = fn(&mut Value, i64);

#[tokio::test]
async fn a_token_that_does_not_hold_opens_nothing() {
    let (world, provider) = world(Signer::rsa()).await;
    let lies: [(&str, Lie); 9] = [
        ("another nonce", |claims, _| claims["nonce"] = json!("another")),
        ("no nonce", |claims, _| drop(claims.as_object_mut().unwrap().remove("nonce"))),
        ("another's audience", |claims, _| claims["aud"] = json!("other-app")),
        ("a further audience", |claims, _| claims["aud"] = json!([CLIENT, "other-app"])),
        ("no audience", |claims, _| drop(claims.as_object_mut().unwrap().remove("aud"))),
        ("another issuer", |claims, _| claims["iss"] = json!("http://127.0.0.1:1")),
        ("over", |claims, now| claims["exp"] = json!(now - 1)),
        ("no end", |claims, _| drop(claims.as_object_mut().unwrap().remove("exp"))),
        ("no subject", |claims, _| drop(claims.as_object_mut().unwrap().remove("sub"))),
    ];
    for (name, lie) in lies {
        let (signer, now) = (Arc::clone(&provider.signer), world.clock.wall().micros() / 1_000_000);
        let tell = move |mut claims: Value| {
            lie(&mut claims, now);
            signer.jwt(&claims)
        };
        fails(&world, &provider, name, tell).await;
    }
    fails(&world, &provider, "another key", |claims| Signer::rsa().jwt(&claims)).await;
    fails(&world, &provider, "no signature", |claims| {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", part(&json!({"alg": "none"})), part(&claims))
    })
    .await;
    fails(&world, &provider, "no token", |_| String::new()).await;
    visit(&world, &provider, "p-wang").await.is(200);
}

async fn fails(world: &World, provider: &Provider, name: &str, tell: impl FnOnce(Value) -> String + Send + 'static) {
    let back = provider.sign_in(&sent(&world.client()).await, "p-wang", tell);
    let answer = world.client().get(&back).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (401, "AUTH_REQUIRED".into()), "{name}: {}", answer.text);
    let told =
        world.events().into_iter().rfind(|event| event.request_id.as_deref() == answer.json()["request_id"].as_str());
    assert_eq!(told.unwrap().kind.as_str(), "login.refused", "{name}");
}

#[tokio::test]
async fn a_name_without_an_account_makes_none_and_an_account_that_may_not_act_stays_out() {
    let (world, provider) = world(Signer::ecdsa()).await;
    let users = || world.deps.store.range("user/", None, 100).unwrap().len();
    let before = users();
    visit(&world, &provider, "p-stranger").await.refused(401, "AUTH_REQUIRED");
    // The login name is no name at the provider.
    visit(&world, &provider, "wang").await.refused(401, "AUTH_REQUIRED");
    assert_eq!(users(), before);
    world.account_as("pend", "gaj", &[Role::Operator], UserState::Pending, false);
    named(&world, "pend", "p-pend").await.is(200);
    visit(&world, &provider, "p-pend").await.refused(403, "USER_NOT_APPROVED");
    named(&world, "pend", "p-wang").await.refused(409, "CONFLICT");
    named(&world, "wang", "").await.is(200);
    visit(&world, &provider, "p-wang").await.refused(401, "AUTH_REQUIRED");
    named(&world, "pend", "p-wang").await.is(200);
    visit(&world, &provider, "p-pend").await.refused(401, "AUTH_REQUIRED");
    visit(&world, &provider, "p-wang").await.refused(403, "USER_NOT_APPROVED");
}

#[tokio::test]
async fn our_second_factor_is_asked_for_unless_the_provider_asked_for_one() {
    let clock = Arc::new(HandClock::default());
    let provider = Provider::start(Signer::ecdsa(), Arc::clone(&clock)).await;
    let world = World::beside(clock, |folder| config(&provider.issuer, folder));
    world.everyone();
    world.account("wang", "gaj", &[Role::Operator]);
    named(&world, "wang", "p-wang").await.is(200);
    let wang = world.signed_in("wang").await;
    let secret = wang.post("/api/v1/me/otp", &json!({})).await.json()["secret"].as_str().unwrap().to_owned();
    let code = || otp::code(&secret, world.clock.wall()).unwrap();
    wang.post("/api/v1/me/otp/confirm", &json!({"otp": code()})).await.is(200);
    world.clock.advance(Duration::from_secs(30));

    let client = world.client();
    let name = visit(&world, &provider, "p-wang").await.is(202).json()["visit"].as_str().unwrap().to_owned();
    let give = |otp: String| json!({"visit": name, "otp": otp});
    let path = "/api/v1/login/oidc/otp";
    client.post(path, &give("000000".into())).await.refused(401, "MFA_REQUIRED");
    client.clone().at([10, 0, 0, 9]).post(path, &give(code())).await.refused(403, "TERMINAL_MISMATCH");
    let signed_in = client.post(path, &give(code())).await.is(200).json();
    client.clone().with_token(signed_in["token"].as_str().unwrap()).get("/api/v1/cameras").await.is(200);
    world.clock.advance(Duration::from_secs(30));
    client.post(path, &give(code())).await.refused(401, "AUTH_REQUIRED");

    let answer = client.get("/api/v1/login/oidc?cookie=true").await.is(303);
    let tie = answer.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let back = provider.sign_in_honestly(answer.headers["location"].to_str().unwrap(), "p-wang");
    let answer = client.clone().header("cookie", &tie).get(&back).await.is(303);
    let name = answer.headers["location"].to_str().unwrap().strip_prefix("/#visit=").unwrap().to_owned();
    let give = json!({"visit": name, "otp": code(), "cookie": true});
    let answer = client.post(path, &give).await.is(200);
    let login = answer.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap();
    client.clone().header("cookie", login).get("/api/v1/cameras").await.is(200);
    world.clock.advance(Duration::from_secs(30));

    for claim in [json!({"amr": ["pwd", "mfa"]}), json!({"acr": "high"})] {
        let signer = Arc::clone(&provider.signer);
        let back = provider.sign_in(&sent(&client).await, "p-wang", move |mut claims| {
            claims.as_object_mut().unwrap().extend(claim.as_object().unwrap().clone());
            signer.jwt(&claims)
        });
        client.get(&back).await.is(200);
    }
}

#[tokio::test]
async fn the_console_comes_back_to_its_page_with_a_cookie_and_only_the_browser_that_left() {
    let (world, provider) = world(Signer::ecdsa()).await;
    let client = world.client().over_tls();
    let begin = || async {
        let answer = client.get("/api/v1/login/oidc?cookie=true").await.is(303);
        let tie = answer.headers["set-cookie"].to_str().unwrap().to_owned();
        assert!(tie.starts_with("__Host-sluice-visit=") && tie.contains("HttpOnly; Secure; SameSite=Lax"), "{tie}");
        let back = provider.sign_in_honestly(answer.headers["location"].to_str().unwrap(), "p-wang");
        (back, tie.split(';').next().unwrap().to_owned())
    };
    let (back, tie) = begin().await;
    let answer = client.clone().header("cookie", &tie).get(&back).await.is(303);
    let set: Vec<_> = answer.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap()).collect();
    assert_eq!((answer.headers["location"].to_str().unwrap(), set.len()), ("/", 2));
    let login = set[0].split(';').next().unwrap();
    assert!(login.starts_with("__Host-sluice-login=") && set[1].contains("Max-Age=0"), "{set:?}");
    client.clone().header("cookie", login).get("/api/v1/cameras").await.is(200);

    // A link with somebody else's visit signs nobody in: this browser was not on it.
    let (back, _) = begin().await;
    let answer = client.clone().header("cookie", &tie).get(&back).await.is(200);
    assert!(!answer.headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn an_administrator_from_the_provider_enrols_unless_it_asked_for_a_second_factor() {
    let clock = Arc::new(HandClock::default());
    let provider = Provider::start(Signer::ecdsa(), Arc::clone(&clock)).await;
    let world = World::beside(clock, |folder| Config {
        second_factor: Reach::Administrators,
        ..config(&provider.issuer, folder)
    });
    world.account("audit", "zwj", &[Role::AuditAdmin]);
    let id = "audit".parse().unwrap();
    let mut audit = control_api::registers::user::load(&world.deps.store, &id).unwrap().unwrap().value;
    audit.means.oidc_subject = Some("p-audit".into());
    world.deps.store.put_json("user/audit", &audit).unwrap();
    world.deps.store.put_json(&control_api::registers::user::subject_key("p-audit"), &id).unwrap();
    for (amr, asked) in [(json!(["pwd"]), true), (json!(["hwk"]), false)] {
        let signer = Arc::clone(&provider.signer);
        let back = provider.sign_in(&sent(&world.client()).await, "p-audit", move |mut claims| {
            claims["amr"] = amr;
            signer.jwt(&claims)
        });
        let answer = world.client().get(&back).await.is(200).json();
        assert_eq!(answer["must_enrol_second_factor"], asked);
        let client = world.client().with_token(answer["token"].as_str().unwrap());
        assert_eq!(client.get("/api/v1/units").await.code() == "MFA_REQUIRED", asked);
    }
}

#[tokio::test]
async fn without_a_provider_or_its_answer_there_is_the_password() {
    let world = World::new();
    world.client().get("/api/v1/login/oidc").await.refused(404, "NOT_FOUND");
    world.client().get("/api/v1/login/oidc/callback?state=x&code=y").await.refused(401, "AUTH_REQUIRED");
    // A port that nobody listens at any more.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let world = World::beside(Arc::default(), |folder| config(&format!("http://{gone}"), folder));
    world.client().get("/api/v1/login/oidc").await.refused(503, "TIMEOUT");
}

#[tokio::test]
async fn no_secret_of_a_visit_is_on_the_ledger_or_in_an_answer() {
    let (world, provider) = world(Signer::ecdsa()).await;
    let back = provider.sign_in_honestly(&sent(&world.client()).await, "p-wang");
    let state = back.split("state=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    world.client().get(&back).await.is(200);
    let has = |bytes: &[u8], secret: &str| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
    for (place, bytes) in world.everything_written() {
        for secret in [SECRET, state.as_str(), "p-wang"] {
            let in_register = secret == "p-wang" && (place == "user/wang" || place == "answer");
            assert!(in_register || !has(&bytes, secret), "{secret:?} in {place}");
        }
    }
}
