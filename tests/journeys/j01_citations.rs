//! J-1: sharing is managed by rule. Each refusal, in the description and as it is met, cites the article it rests on, in both
//! languages, and says what to do.

use serde_json::{Value, json};

use crate::harness::api::Client;
use crate::harness::appliance::Appliance;

/// What is no refusal by rule but a mistake in the request or in the appliance.
const PLAIN: [&str; 11] = [
    "BAD_REQUEST",
    "INVALID_FIELD",
    "NOT_FOUND",
    "METHOD_NOT_ALLOWED",
    "CONFLICT",
    "TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE",
    "RATE_LIMITED",
    "TIMEOUT",
    "CODEC_NOT_PLAYABLE",
    "INTERNAL",
];
/// Roles that between them meet what a request can be refused for; they have one factor, so that the sign-in is quick.
const ROLES: [&str; 3] = ["operator", "metrics_reader", "unit_admin"];

fn is_chinese(text: &Value) -> bool {
    text.as_str().is_some_and(|text| text.chars().count() > 3 && !text.is_ascii())
}

fn is_english(text: &Value) -> bool {
    text.as_str().is_some_and(|text| text.len() > 10 && text.is_ascii())
}

/// The words of a text that are written as codes are.
fn codes_in(text: &str) -> impl Iterator<Item = &str> {
    let of_code = |c: char| c.is_ascii_uppercase() || c == '_';
    text.split(move |c: char| !of_code(c)).filter(|word| word.len() > 4 && word.contains('_') && !word.ends_with('_'))
}

/// Each row of the described table is whole, and each code that a call's answers name is a row of it.
fn described_codes(client: &Client) -> Value {
    let (_, document) = client.get("/openapi.json");
    let table = document["x-codes"].clone();
    for (code, row) in table.as_object().expect("the table of codes") {
        let cited = row["articles"].as_array().expect("articles");
        assert_eq!(cited.is_empty(), PLAIN.contains(&code.as_str()), "{code} {row}");
        assert!(cited.iter().all(|article| article.as_str().is_some_and(|a| a.len() > 1)), "{code} {row}");
        assert!(is_chinese(&row["message"]["zh"]) && is_english(&row["message"]["en"]), "{code} {row}");
        assert!(is_chinese(&row["remedy"]["zh"]) && is_english(&row["remedy"]["en"]), "{code} {row}");
    }
    let mut named = 0;
    for call in document["paths"].as_object().expect("paths").values().flat_map(|item| item.as_object().expect("calls"))
    {
        for answer in call.1["responses"].as_object().into_iter().flat_map(|answers| answers.values()) {
            for code in codes_in(answer["description"].as_str().unwrap_or_default()) {
                assert!(table[code].is_object(), "{code} is described, and no row of the table");
                named += 1;
            }
        }
    }
    assert!(named > 50, "the calls name their refusals: {named}");
    table
}

/// The refusal as it came agrees with its row; its remedy is in the language that was asked for.
fn is_whole(refused: &Value, table: &Value, status: u16, chinese: bool) {
    let row = &table[refused["code"].as_str().unwrap_or_default()];
    assert_eq!((row["status"].as_u64(), &row["message"]), (Some(status.into()), &refused["message"]), "{refused}");
    assert_eq!(refused["articles"], row["articles"], "{refused}");
    let remedy = &refused["remedy"];
    assert!(if chinese { is_chinese(remedy) } else { is_english(remedy) }, "{refused}");
    assert!(refused["request_id"].as_str().is_some_and(|id| !id.is_empty()), "{refused}");
}

#[test]
fn every_refusal_cites_an_article_in_both_languages_and_a_remedy() {
    let appliance = Appliance::start();
    let stranger = Client::new(appliance.api());
    let table = described_codes(&stranger);
    let calls = stranger.described_calls();
    assert!(calls.len() > 150, "{}", calls.len());
    for (n, (method, path)) in calls.iter().enumerate() {
        let (status, refused) = stranger.call(method, path, n % 2 == 0);
        assert_eq!((status, &refused["code"]), (401, &json!("AUTH_REQUIRED")), "{method} {path}");
        is_whole(&refused, &table, status, n % 2 == 0);
    }
    let mut met = std::collections::BTreeMap::new();
    for (turn, role) in ROLES.into_iter().enumerate() {
        let client = appliance.login(role);
        for (method, path) in calls.iter().filter(|(_, path)| !path.ends_with("/logout")) {
            let (status, answer) = client.call(method, path, turn == 0);
            assert!(status < 500, "{method} {path}: {status} {answer}");
            if status >= 400 {
                is_whole(&answer, &table, status, turn == 0);
                let code = answer["code"].as_str().expect("a code").to_owned();
                met.insert(code, answer["request_id"].as_str().expect("an id").to_owned());
            }
        }
    }
    for code in ["ROLE_FORBIDS", "CAMERA_UNKNOWN", "INVALID_FIELD", "NOT_FOUND"] {
        assert!(met.contains_key(code), "{met:?}");
    }
    let ledger = appliance.login("audit_admin").ledger();
    let denied: Vec<_> = ledger.iter().filter(|event| event["kind"] == "decision.denied").collect();
    assert!(denied.iter().all(|event| event["articles"].as_array().is_some_and(|cited| !cited.is_empty())));
    for (code, request) in met.iter().filter(|(code, _)| !PLAIN.contains(&code.as_str())) {
        assert!(
            denied.iter().any(|e| e["code"] == **code && e["request_id"] == **request),
            "{code} is not on the ledger"
        );
    }
}
