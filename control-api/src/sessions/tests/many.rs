//! A unit's right that is taken away while a thousand of its viewers watch: each ends within the second, and nobody else's.

use std::time::Duration;

use futures_util::future::join_all;
use relay::lease::{EndReason, Protocol};
use serde_json::json;

use super::peer;
use crate::books::unit_statement::UnitStatement;
use crate::register::{Record, rows};
use crate::registers::Role;
use crate::registers::user::UserState;
use crate::scene::{Scene, TERMINAL, live, terms, token};

const VIEWERS: usize = 1_000;

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::disallowed_methods, reason = "what is claimed is real time")]
async fn a_statement_that_is_revoked_ends_a_thousand_sessions_within_a_second() {
    let scene = Scene::new().await;
    scene.granted(terms()).await;
    let driver = of_another_unit(&scene).await;
    let opened = join_all((0..VIEWERS).map(|_| scene.opened("li"))).await;
    let watching: Vec<_> = opened
        .iter()
        .map(|session| {
            let token = token(&session["urls"]["rtsp"]);
            scene.deps.leases.admit(&token, peer(TERMINAL), Protocol::Rtsp).unwrap()
        })
        .collect();
    let signed =
        rows::find::<UnitStatement>(&scene.deps.store, &Record::<UnitStatement>::unit_key(&"gaj".parse().unwrap()));
    let path = format!("/api/v1/unit-statements/{}/revoke", signed.unwrap()[0].id.0);

    let asked = std::time::Instant::now();
    let revoked = scene.post("approver", &path, json!({"reason": "违规"})).await;
    assert_eq!(revoked.body["state"], "revoked", "{}", revoked.text);
    let ends = join_all(watching.iter().map(|viewer| scene.stopped(viewer))).await;
    let took = asked.elapsed();
    println!("{VIEWERS} sessions ended {took:?} after the request");
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert!(ends.iter().all(|why| *why == EndReason::Revoked), "{ends:?}");
    // The connections close, and with the last byte the records.
    drop(watching);
    for session in &opened {
        let record = scene.usage(session["id"].as_str().unwrap(), |record| record["closed_at"].is_string()).await;
        assert_eq!(record["end_reason"], "revoked");
    }
    let other = scene.read("driver", &format!("/api/v1/sessions/{driver}")).await;
    assert_eq!(other.body["state"], "leased", "{}", other.text);
    let refused = scene.post("li", "/api/v1/sessions", live("cam-1")).await;
    assert_eq!(refused.code(), "STATEMENT_NOT_SIGNED");
}

/// A session of the transport office: its id.
async fn of_another_unit(scene: &Scene) -> String {
    scene.add_user("carter", "jtj", Role::UnitAdmin, UserState::Approved);
    scene.add_user("chief", "jtj", Role::UnitPrincipal, UserState::Approved);
    let mut terms = terms();
    terms["purposes"] = json!(["JT-1"]);
    let form = json!({"responsible_person": "甲", "contact": "1", "narrative": "客运安全", "terms": terms});
    let filed = scene.post("carter", "/api/v1/applications/resource", form).await;
    let id = filed.body["id"].as_str().unwrap_or_else(|| panic!("{}", filed.text));
    for (who, step) in [("chief", "endorse"), ("carter", "submit"), ("approver", "accept"), ("approver", "approve")] {
        let path = format!("/api/v1/applications/resource/{id}/{step}");
        assert_eq!(scene.call(who, "POST", &path, None).await.status, 200, "{step}");
    }
    let mut ask = live("cam-1");
    ask["purpose"] = json!("JT-1");
    let opened = scene.post("driver", "/api/v1/sessions", ask).await;
    opened.body["id"].as_str().unwrap_or_else(|| panic!("{}", opened.text)).to_owned()
}
