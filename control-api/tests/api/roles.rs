//! Who may do what: every role against every call that asks for one.

use axum::http::Method;
use control_api::registers::Role;
use serde_json::{Value, json};

use crate::world::{Client, World};

/// One call that only some roles may make: method, path, body, and who.
struct Call {
    method: Method,
    path: &'static str,
    body: Value,
    may: &'static [Role],
}

fn calls() -> Vec<Call> {
    let call = |method, path, body, may| Call { method, path, body, may };
    vec![
        call(Method::GET, "/api/v1/users", json!(null), &[Role::SecurityAdmin, Role::UnitAdmin, Role::UnitPrincipal]),
        call(
            Method::POST,
            "/api/v1/users",
            json!({"user": "new", "name": "新", "unit": "gaj", "roles": ["operator"], "password": "a long enough one"}),
            &[Role::SecurityAdmin],
        ),
        call(
            Method::GET,
            "/api/v1/users/operator",
            json!(null),
            &[Role::SecurityAdmin, Role::UnitAdmin, Role::UnitPrincipal],
        ),
        call(Method::PATCH, "/api/v1/users/operator", json!({}), &[Role::SecurityAdmin]),
        call(
            Method::POST,
            "/api/v1/users/nobody/password",
            json!({"password": "a long enough one"}),
            &[Role::SecurityAdmin],
        ),
        call(Method::DELETE, "/api/v1/users/nobody/otp", json!(null), &[Role::SecurityAdmin]),
        call(Method::GET, "/api/v1/users/operator/api-keys", json!(null), &[Role::SecurityAdmin]),
        call(
            Method::POST,
            "/api/v1/users/operator/api-keys",
            json!({"name": "x", "expires_at": "2026-12-01T00:00:00Z", "addresses": ["10.0.0.0/24"]}),
            &[Role::SecurityAdmin],
        ),
        call(Method::DELETE, "/api/v1/users/operator/api-keys/none", json!(null), &[Role::SecurityAdmin]),
        call(Method::POST, "/api/v1/units", json!({"id": "new", "name": "新"}), &[Role::BureauApprover]),
        call(Method::PATCH, "/api/v1/units/gaj", json!({}), &[Role::BureauApprover]),
        call(Method::POST, "/api/v1/cameras", crate::cameras::form("new"), &[Role::CatalogueAdmin]),
        call(Method::PATCH, "/api/v1/cameras/none", json!({}), &[Role::CatalogueAdmin]),
        call(Method::DELETE, "/api/v1/cameras/none", json!(null), &[Role::CatalogueAdmin]),
        call(Method::POST, "/api/v1/cameras/import", json!({}), &[Role::CatalogueAdmin]),
        call(
            Method::GET,
            "/api/v1/cameras/none/history",
            json!(null),
            &[Role::CatalogueAdmin, Role::BureauApprover, Role::AuditAdmin],
        ),
        call(Method::GET, "/api/v1/ledger/status", json!(null), &[Role::AuditAdmin]),
        call(Method::GET, "/api/v1/ledger/checkpoint", json!(null), &[Role::AuditAdmin]),
        call(Method::GET, "/api/v1/ledger/checkpoint/cosigned", json!(null), &[Role::AuditAdmin]),
        call(Method::GET, "/api/v1/ledger/tile/7/000", json!(null), &[Role::AuditAdmin]),
        call(Method::GET, "/api/v1/ledger/erasures", json!(null), &[Role::SecurityAdmin, Role::AuditAdmin]),
        call(Method::POST, "/api/v1/ledger/erasures", json!({"entries": [0], "ground": "x"}), &[Role::SecurityAdmin]),
        call(Method::POST, "/api/v1/ledger/erasures/none/approve", json!(null), &[Role::AuditAdmin]),
        call(Method::GET, "/api/v1/webhooks", json!(null), &[Role::SystemAdmin, Role::AuditAdmin]),
        call(Method::POST, "/api/v1/webhooks", json!({"url": "https://hooks.example/"}), &[Role::SystemAdmin]),
        call(Method::POST, "/api/v1/webhooks/none/disable", json!(null), &[Role::SystemAdmin]),
        call(Method::POST, "/api/v1/webhooks/none/enable", json!(null), &[Role::SystemAdmin]),
        call(Method::POST, "/api/v1/webhooks/none/test", json!(null), &[Role::SystemAdmin]),
    ]
}

async fn make(client: &Client<'_>, call: &Call) -> crate::world::Answer {
    let body = if call.body.is_null() { Vec::new() } else { call.body.to_string().into_bytes() };
    client.send(call.method.clone(), call.path, Some("application/json"), body).await
}

/// A call that a role may make gets past the role, to whatever the missing object then meets.
#[tokio::test]
async fn each_role_may_make_its_calls_and_no_other() {
    let world = World::new();
    world.everyone();
    for role in Role::ALL {
        let client = world.signed_in(&role.text().replace('_', "-")).await;
        for call in calls() {
            let answer = make(&client, &call).await;
            let forbidden = answer.status == 403 && answer.code() == "ROLE_FORBIDS";
            let asked = format!("{} {} {}: {} {}", role.text(), call.method, call.path, answer.status, answer.text);
            if call.may.contains(&role) {
                assert!(!forbidden && answer.status != 401, "{asked}");
            } else {
                assert!(forbidden, "{asked}");
            }
        }
    }
}

#[tokio::test]
async fn the_role_is_asked_before_the_camera_so_that_no_id_leaks() {
    let world = World::new();
    world.everyone();
    let operator = world.signed_in("operator").await;
    let known = crate::cameras::enrolled(&world, "c1").await;
    for id in ["c1", "none"] {
        operator.patch(&format!("/api/v1/cameras/{id}"), &json!({})).await.refused(403, "ROLE_FORBIDS");
    }
    for id in ["c1", "none", "..%2f", "%00", "%e6%91%84"] {
        operator.get(&format!("/api/v1/cameras/{id}")).await.refused(404, "CAMERA_UNKNOWN");
    }
    assert_eq!(known["id"], "c1");
}

#[tokio::test]
async fn without_a_sign_in_only_health_and_the_description_answer() {
    let world = World::new();
    let client = world.client();
    for call in calls() {
        make(&client, &call).await.refused(401, "AUTH_REQUIRED");
    }
    for path in ["/api/v1/cameras", "/api/v1/units", "/api/v1/purposes", "/api/v1/me"] {
        client.get(path).await.refused(401, "AUTH_REQUIRED");
    }
    for path in ["/healthz", "/readyz", "/openapi.json"] {
        client.get(path).await.is(200);
    }
}

#[tokio::test]
async fn every_refusal_is_on_the_ledger_with_its_article() {
    let world = World::new();
    world.everyone();
    let operator = world.signed_in("operator").await;
    let answer = operator.delete("/api/v1/cameras/c1").await.refused(403, "ROLE_FORBIDS");
    let event = world.events().into_iter().find(|event| event.kind.as_str() == "decision.denied").unwrap();
    assert_eq!(event.actor.unwrap().user, "operator");
    assert_eq!((event.code.as_deref(), event.articles), (Some("ROLE_FORBIDS"), vec!["MLPS3".to_owned()]));
    assert_eq!(event.action.as_deref(), Some("DELETE /api/v1/cameras/c1"));
    assert_eq!(event.request_id.as_deref(), answer.json()["request_id"].as_str());
}
