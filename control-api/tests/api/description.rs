//! The description of the API that is checked in is the one the handlers make.

use control_api::routes;
use serde_json::Value;

use crate::world::World;

/// Set to rewrite the file: `SLUICE_WRITE_OPENAPI=1 cargo test -p control-api the_description`.
const REWRITE: &str = "SLUICE_WRITE_OPENAPI";

#[test]
fn the_description_checked_in_is_the_one_the_handlers_make() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let made = routes::text(&routes::openapi());
    if std::env::var_os(REWRITE).is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == made,
        "control-api/openapi.json is out of date: run the test with {REWRITE}=1 and check in the file"
    );
}

#[test]
fn every_call_documents_its_refusals_and_asks_for_a_sign_in() {
    let document = serde_json::to_value(routes::openapi()).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, call) in item.as_object().unwrap().iter().filter(|(_, call)| call["responses"].is_object()) {
            let responses = call["responses"].as_object().unwrap();
            let is_open = !path.starts_with("/api/") || path.starts_with("/api/v1/login");
            assert!(responses.keys().any(|status| status.starts_with(['2', '3'])), "{method} {path}");
            assert_eq!(call["security"] == serde_json::json!([{}]), is_open, "{method} {path}: {}", call["security"]);
            assert!(is_open || responses.contains_key("401") && responses.contains_key("403"), "{method} {path}");
            assert!(call["summary"].is_string() || call["description"].is_string(), "{method} {path}");
        }
    }
}

/// Every value under a member of this name, wherever it stands.
fn all_of<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get(name).and_then(Value::as_str));
            members.values().for_each(|member| all_of(member, name, found));
        }
        Value::Array(items) => items.iter().for_each(|item| all_of(item, name, found)),
        _ => {}
    }
}

fn document() -> Value {
    serde_json::to_value(routes::openapi()).unwrap()
}

/// Each call with its path and method.
fn calls(document: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    let items = document["paths"].as_object().unwrap().iter();
    items.flat_map(|(path, item)| item.as_object().unwrap().iter().map(move |(method, call)| (path, method, call)))
}

#[test]
fn references_lead_somewhere_and_each_call_has_an_id_of_its_own() {
    let document = document();
    let (mut references, mut ids) = (Vec::new(), Vec::new());
    all_of(&document, "$ref", &mut references);
    for reference in references {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
    all_of(&document["paths"], "operationId", &mut ids);
    let count = ids.len();
    assert!(count > 200, "{count}");
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "an id stands there twice");
    for id in ["list_users", "list_cameras", "read_units", "list_network_zones"] {
        assert!(ids.contains(&id), "{id}");
    }
}

#[test]
fn what_the_layers_answer_stands_with_every_call() {
    for (path, method, call) in calls(&document()).filter(|(path, ..)| path.starts_with("/api/")) {
        let answers = |status: &str| assert!(call["responses"][status].is_object(), "{method} {path}: {status}");
        answers("503");
        if call["requestBody"].is_object() {
            ["400", "413", "415", "422"].into_iter().for_each(answers);
        }
        let parameters = call["parameters"].as_array().cloned().unwrap_or_default();
        if parameters.iter().any(|parameter| parameter["in"] == "query") {
            answers("422");
        }
        let takes_key = parameters.iter().any(|parameter| parameter["name"] == "Idempotency-Key");
        let honours_key = method == "post" && call["security"].is_null() && !path.ends_with("/snapshots");
        assert_eq!(takes_key, honours_key, "{method} {path}");
        if takes_key {
            ["400", "409", "413", "422"].into_iter().for_each(answers);
        }
        for parameter in &parameters {
            assert_ne!(parameter["schema"]["enum"], serde_json::json!([]), "{method} {path} can never be called");
        }
    }
}

/// That an object holds what its schema wants, nothing else, and a state that is among its states.
fn assert_fits(document: &Value, schema: &str, value: &Value) {
    let schemas = &document["components"]["schemas"];
    let (described, held) = (&schemas[schema], value.as_object().unwrap());
    for name in held.keys() {
        assert!(described["properties"][name].is_object(), "{schema} has no {name}");
    }
    for name in described["required"].as_array().unwrap() {
        assert!(held.contains_key(name.as_str().unwrap()), "{schema} lacks {name}");
    }
    if described["properties"].get("state").is_some() {
        let states = described["properties"]["state"]["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        assert!(schemas[states]["enum"].as_array().unwrap().contains(&value["state"]), "{schema}: {}", value["state"]);
    }
}

#[tokio::test]
async fn a_record_is_what_the_description_says_of_it() {
    let (document, world) = (document(), World::new());
    world.everyone();
    let security = world.signed_in("security-admin").await;
    let zone = serde_json::json!({"name": "desk", "cidr": "10.0.0.0/8"});
    let filed = security.post("/api/v1/network-zones", &zone).await.is(201).json();
    assert_eq!((filed["state"].as_str(), filed["cidr"].as_str()), (Some("in_force"), Some("10.0.0.0/8")));
    assert_fits(&document, "NetworkZonesView", &filed);
    let page = security.get("/api/v1/network-zones").await.is(200).json();
    assert_fits(&document, "NetworkZonesPage", &page);
    assert_fits(&document, "NetworkZonesView", &page["items"][0]);
    let history = format!("/api/v1/network-zones/{}/history", filed["id"].as_str().unwrap());
    let line = &security.get(&history).await.is(200).json()["items"][0];
    assert_fits(&document, "NetworkZonesLine", line);
    assert_eq!(line["to"], "in_force");
}

#[tokio::test]
async fn a_register_without_steps_offers_no_call_for_them() {
    let (document, world) = (document(), World::new());
    assert!(document["paths"].get("/api/v1/duty-logs/{id}/{step}").is_none());
    assert!(document["paths"].get("/api/v1/network-zones/{id}/{step}").is_some());
    world.everyone();
    let operator = world.signed_in("operator").await;
    let text = serde_json::json!({"text": "quiet"});
    let id = operator.post("/api/v1/duty-logs", &text).await.is(201).json()["id"].as_str().unwrap().to_owned();
    operator.post(&format!("/api/v1/duty-logs/{id}/close"), &serde_json::json!({})).await.refused(404, "NOT_FOUND");
}

#[test]
fn the_rules_of_a_register_say_what_its_operations_say() {
    let document = document();
    let rules = &document["paths"]["/api/v1/emergencies"]["get"]["x-register"];
    let confirm = &rules["moves"][0];
    assert_eq!((confirm["step"].as_str(), confirm["to"].as_str()), (Some("confirm"), Some("confirmed")));
    assert_eq!(
        confirm["who"],
        serde_json::json!({"own": [], "any": ["bureau_approver"], "subject": false, "apart": true})
    );
    for (path, _, call) in
        calls(&document).filter(|(_, method, call)| *method == "get" && !call["x-register"].is_null())
    {
        let rules = &call["x-register"];
        assert!(document["components"]["schemas"][rules["form"].as_str().unwrap()].is_object(), "{path}");
        let steps = &document["paths"][format!("{path}/{{id}}/{{step}}")]["post"]["parameters"][1]["schema"]["enum"];
        for step in steps.as_array().into_iter().flatten() {
            assert!(rules["moves"].as_array().unwrap().iter().any(|taken| taken["step"] == *step), "{path}: {step}");
        }
    }
}
