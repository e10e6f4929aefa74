//! The description of the API that is checked in is the one the handlers make.

use control_api::routes;

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
