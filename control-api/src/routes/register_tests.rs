//! The usage register, the ledger and the reports over the real router: who reads what, and in which form.

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use serde_json::json;

use crate::scene::{Scene, TERMINAL, live, terms};

async fn csv(scene: &Scene, who: &str, path: &str, language: &str) -> String {
    let request = Request::builder().uri(path).header("authorization", format!("Bearer {who}"));
    let request = request.header("accept", "text/csv").header("accept-language", language).body(Body::empty());
    let response = scene.send(TERMINAL, request.unwrap()).await;
    assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8");
    let text = String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
    text.strip_prefix('\u{feff}').expect("what spreadsheets tell UTF-8 by").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_usage_register_shows_each_what_is_theirs_to_see() {
    let scene = Scene::new().await;
    scene.granted(terms()).await;
    scene.opened("li").await;
    scene.opened("wang").await;
    let count = async |who: &str, query: &str| {
        let page = scene.read(who, &format!("/api/v1/usage{query}")).await;
        page.body["items"].as_array().unwrap_or_else(|| panic!("{}", page.text)).len()
    };
    assert_eq!(count("li", "").await, 1);
    assert_eq!(count("li", "?user=wang").await, 0);
    assert_eq!(count("head", "").await, 2);
    assert_eq!(count("driver", "").await, 0);
    assert_eq!(count("auditor", "").await, 2);
    assert_eq!(count("auditor", "?user=wang&camera=cam-1&unit=gaj").await, 1);
    assert_eq!(count("auditor", "?to=2026-06-01T00:00:00Z").await, 0);
    let first = scene.read("auditor", "/api/v1/usage?limit=1").await;
    let next = first.body["next"].as_str().expect("there is a second page");
    assert_eq!(count("auditor", &format!("?limit=1&cursor={next}")).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_register_as_csv_has_the_six_columns_first() {
    let scene = Scene::new().await;
    scene.granted(terms()).await;
    scene.opened("li").await;
    let text = csv(&scene, "auditor", "/api/v1/usage", "zh-CN").await;
    let mut lines = text.lines();
    assert!(lines.next().unwrap().starts_with("用途,使用人,审批人,视频内容,获取时间,介质类型,"), "{text}");
    assert!(lines.next().unwrap().starts_with("GA-1,li,approver,cam-1,2026-06-01T02:00:00.000Z,live_stream,gaj,"));
    assert!(csv(&scene, "auditor", "/api/v1/reports/usage-register", "en").await.starts_with("purpose,user,approver,"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_is_for_the_audit_administrator_and_reading_it_is_on_it() {
    let scene = Scene::new().await;
    scene.granted(terms()).await;
    for who in ["li", "approver", "guard"] {
        assert_eq!(scene.read(who, "/api/v1/ledger").await.code(), "ROLE_FORBIDS", "{who}");
    }
    let first = scene.read("auditor", "/api/v1/ledger?from=0&limit=2").await;
    assert_eq!(first.body["items"][0]["index"], 0);
    assert_eq!(first.body["items"].as_array().unwrap().len(), 2);
    assert_eq!(first.body["next"], "2");
    scene.event(|e| e.kind.as_str() == "audit.read" && e.detail["entries"] == json!(2)).await;
    assert_eq!(scene.read("auditor", "/api/v1/ledger?from=999999").await.body["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_counted_by_article_and_code() {
    let scene = Scene::new().await;
    for _ in 0..3 {
        scene.post("li", "/api/v1/sessions", live("cam-1")).await;
    }
    scene.post("li", "/api/v1/sessions", live("cam-9")).await;
    let report =
        scene.read("auditor", "/api/v1/reports/denials?from=2026-06-01T00:00:00Z&to=2026-06-02T00:00:00Z").await;
    let row = |article: &str, code: &str, count: u64| json!({"article": article, "code": code, "count": count});
    let items = report.body["items"].as_array().unwrap_or_else(|| panic!("{}", report.text));
    for wanted in [row("J-7", "NO_GRANT", 3), row("J-25", "CAMERA_UNKNOWN", 1), row("J-4", "CAMERA_UNKNOWN", 1)] {
        assert!(items.contains(&wanted), "{wanted} in {items:?}");
    }
    assert_eq!(report.body["complete"], true);
    let later =
        scene.read("auditor", "/api/v1/reports/denials?from=2026-06-01T03:00:00Z&to=2026-06-02T00:00:00Z").await;
    assert_eq!(later.body["items"], json!([]));
    assert_eq!(scene.read("auditor", "/api/v1/reports/nothing").await.code(), "NOT_FOUND");
    assert_eq!(scene.read("li", "/api/v1/reports/denials").await.code(), "ROLE_FORBIDS");
}
