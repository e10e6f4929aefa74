//! The policies and the clock over HTTP: what is in force, what a site adds, what a fault in it does, and what replaying says.

use std::time::Duration;

use control_api::policy::replay::replay;
use control_api::policy::{RuleSet, SHIPPED_VERSION, archive};
use serde_json::{Value, json};

use crate::world::World;

const NIGHT: &str = r#"@id("no-night") @code("OUTSIDE_TIME_WINDOW") @article("site 3")
forbid (principal, action, resource) when { context.hour < 6 };"#;

fn put(world: &World, name: &str, text: &str) {
    std::fs::write(world.folder().join("rules").join(name), text).unwrap();
}

fn ids(answer: &Value) -> Vec<String> {
    let policies = answer["policies"].as_array().unwrap();
    policies.iter().map(|policy| policy["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_sites_policies_are_taken_as_one_version_and_a_fault_changes_nothing() {
    let world = World::new();
    world.everyone();
    let (operator, guard) = (world.signed_in("operator").await, world.signed_in("security-admin").await);
    let shipped = operator.get("/api/v1/policy").await.is(200).json();
    assert_eq!((&shipped["version"], &shipped["since"]), (&json!(SHIPPED_VERSION), &json!("2026-03-02T02:00:00.000Z")));
    assert!(ids(&shipped).contains(&"statement-signed".to_owned()));

    world.clock.advance(Duration::from_secs(60));
    put(&world, "night.cedar", NIGHT);
    let taken = guard.post("/api/v1/policy/reload", &json!(null)).await.is(200).json();
    assert!(taken["version"].as_str().unwrap().starts_with(&format!("{SHIPPED_VERSION}+")), "{taken}");
    assert_eq!(taken["since"], "2026-03-02T02:01:00.000Z");
    assert_eq!(ids(&taken).len(), ids(&shipped).len() + 1);
    let again = guard.post("/api/v1/policy/reload", &json!(null)).await.is(200).json();
    assert_eq!(again, taken, "nothing changed, nothing is told");

    put(&world, "worse.cedar", "// a line\n@id(\"worse\") @code(\"NO_GRANT\")\nforbid (principal, action resource);");
    let refused = guard.post("/api/v1/policy/reload", &json!(null)).await.refused(422, "INVALID_FIELD").json();
    assert_eq!((&refused["rows"][0]["field"], &refused["rows"][0]["row"]), (&json!("worse.cedar"), &json!(3)));
    assert_eq!(operator.get("/api/v1/policy").await.json(), taken, "what was in force stays");
    assert_eq!(world.gauge("sluice_policy_stale"), 1.0);

    let told: Vec<_> = world.events().into_iter().filter(|event| event.kind.as_str().starts_with("policy.")).collect();
    let kinds: Vec<_> = told.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["policy.loaded", "policy.loaded", "policy.refused"]);
    assert_eq!(told[1].actor.as_ref().unwrap().user, "security-admin");
    let version = taken["version"].as_str().unwrap();
    let kept = archive::find(&world.folder().join("policies"), version).unwrap().unwrap();
    assert_eq!(kept.site["night.cedar"], NIGHT);
    assert!(told[1].detail["archived"].as_str().is_some_and(|hash| hash.len() == 64));
}

#[tokio::test]
async fn a_start_over_a_faulty_folder_goes_on_with_what_was_in_force() {
    let world = World::new();
    world.everyone();
    put(&world, "night.cedar", NIGHT);
    let guard = world.signed_in("security-admin").await;
    let taken = guard.post("/api/v1/policy/reload", &json!(null)).await.is(200).json();
    put(&world, "night.cedar", "permit (principal, action, resource);");
    world.clock.advance(Duration::from_secs(60));
    let world = world.started_again();
    let guard = world.signed_in("security-admin").await;
    assert_eq!(guard.get("/api/v1/policy").await.is(200).json(), taken);
    put(&world, "night.cedar", NIGHT);
    guard.post("/api/v1/policy/reload", &json!(null)).await.is(200);
    assert_eq!(world.gauge("sluice_policy_stale"), 0.0);
}

#[tokio::test]
async fn a_decision_on_the_ledger_replays_under_its_version_though_another_is_in_force() {
    let world = World::new();
    world.everyone();
    let operator = world.signed_in("operator").await;
    let ask = json!({"camera": "none", "verb": "live", "purpose": "GA-1", "reason": "x"});
    let refused = operator.post("/api/v1/sessions", &ask).await;
    let code = refused.code();
    put(&world, "night.cedar", NIGHT);
    let guard = world.signed_in("security-admin").await;
    guard.post("/api/v1/policy/reload", &json!(null)).await.is(200);
    let request = refused.json()["request_id"].as_str().unwrap().to_owned();
    let event = world.events().into_iter().find(|event| event.request_id.as_deref() == Some(&request)).unwrap();
    let texts = archive::find(&world.folder().join("policies"), SHIPPED_VERSION).unwrap().unwrap();
    let replayed = replay(&event, &RuleSet::compile(texts).unwrap()).unwrap();
    assert!(replayed.same, "{replayed:?}");
    assert_eq!(replayed.replayed.as_deref(), Some(code.as_str()));
    assert!(replayed.refusing.len() > 1, "the later ones are named, too: {replayed:?}");
}

#[tokio::test]
async fn a_clock_that_goes_back_stops_what_is_given_until_an_administrator_confirms_it() {
    let world = World::new();
    world.everyone();
    let ask = json!({"camera": "none", "verb": "live", "purpose": "GA-1", "reason": "x"});
    *world.clock.ahead.lock() = Duration::from_secs(600);
    let operator = world.signed_in("operator").await;
    assert_ne!(operator.post("/api/v1/sessions", &ask).await.code(), "CLOCK_UNTRUSTED");
    *world.clock.ahead.lock() = Duration::ZERO;
    let refused = operator.post("/api/v1/sessions", &ask).await.refused(503, "CLOCK_UNTRUSTED").json();
    assert_eq!(refused["articles"], json!(["J-24(3)"]));
    let keeper = world.signed_in("system-admin").await;
    assert_eq!(keeper.get("/api/v1/clock").await.is(200).json()["why"], "stepped_back");
    keeper.post("/api/v1/clock/confirm", &json!({})).await.refused(422, "REASON_REQUIRED");
    operator.post("/api/v1/clock/confirm", &json!({"reason": "x"})).await.refused(403, "ROLE_FORBIDS");
    keeper.post("/api/v1/clock/confirm", &json!({"reason": "核对无误"})).await.is(200);
    assert_ne!(operator.post("/api/v1/sessions", &ask).await.code(), "CLOCK_UNTRUSTED");
    assert!(world.kinds().contains(&"clock.confirmed".to_owned()));
}
