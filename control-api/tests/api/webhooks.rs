//! Subscriptions over HTTP: made for named hosts only, their secret shown once, every change on the ledger.

use serde_json::{Value, json};

use crate::world::World;

#[tokio::test]
async fn a_subscription_is_made_for_a_named_host_and_its_secret_shown_once() {
    let world = World::new();
    world.everyone();
    let admin = world.signed_in("system-admin").await;
    for url in ["http://127.0.0.1:9554/metrics", "https://hooks.example:1/", "file:///etc/passwd", "no address"] {
        let refused = admin.post("/api/v1/webhooks", &json!({"url": url})).await.is(422);
        assert!(refused.text.contains("webhooks.hosts"), "{url}: {}", refused.text);
    }
    let form = json!({"url": "https://hooks.example/sluice", "kinds": ["session.", "grant.revoked"]});
    let made = admin.post("/api/v1/webhooks", &form).await.is(201).json();
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_") && made["active"] == true && made["personal"] == false, "{made}");
    let listed = admin.get("/api/v1/webhooks").await.is(200);
    assert!(!listed.text.contains(secret) && listed.json()["items"][0]["id"] == made["id"]);

    let path = format!("/api/v1/webhooks/{}", made["id"].as_str().unwrap());
    assert_eq!(admin.post(&format!("{path}/disable"), &Value::Null).await.is(200).json()["active"], false);
    assert_eq!(admin.post(&format!("{path}/enable"), &Value::Null).await.is(200).json()["active"], true);
    admin.post("/api/v1/webhooks/none/disable", &Value::Null).await.refused(404, "NOT_FOUND");
    let kinds = world.kinds();
    for kind in ["webhook.created", "webhook.disabled", "webhook.enabled"] {
        assert!(kinds.iter().any(|there| there == kind), "{kind}");
    }
    let entries = world.deps.ledger.read(0, 1_000).unwrap();
    assert!(entries.iter().all(|entry| !String::from_utf8_lossy(&entry.bytes).contains(secret)));
    let wrong = json!({"url": "https://hooks.example/", "kinds": ["Session Opened"]});
    admin.post("/api/v1/webhooks", &wrong).await.is(422);
    admin.post("/api/v1/webhooks", &json!({"url": "https://hooks.example/", "from": 1_000_000})).await.is(422);
}
