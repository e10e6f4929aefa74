//! What the rules want in order before anybody views: the unit's principal, texts and signatures, training, the network. Filed over
//! the API, by whoever the rules say.

use std::collections::BTreeMap;

use anyhow::Context;
use control_api::registers::Role;
use media::wall::Clock;
use serde_json::{Value, json};

use super::client::Client;
use super::{Account, DAY_MICROS, GRANT_DAYS, UNIT, sign_in};
use crate::appliance::Reached;
use crate::clock::SystemClock;

/// The demo's version of both texts.
const VERSION: &str = "demo-1";
/// The networks of a demo: this machine.
const ZONES: [&str; 2] = ["127.0.0.0/8", "::1/128"];
/// The unit's people: each signs, each is trained.
const STAFF: [Role; 6] = [
    Role::Operator,
    Role::IncidentCommander,
    Role::UnitAdmin,
    Role::UnitPrincipal,
    Role::OwnerMaintainer,
    Role::ExportOfficer,
];

/// Puts it in order.
pub(super) async fn put_in_order(
    reached: &Reached,
    accounts: &BTreeMap<String, Account>,
    security: &Client,
) -> anyhow::Result<()> {
    let bureau = sign_in(reached, accounts, Role::BureauApprover).await?;
    let principal = sign_in(reached, accounts, Role::UnitPrincipal).await?;
    let clerk = sign_in(reached, accounts, Role::UnitAdmin).await?;
    for (number, cidr) in (1..).zip(ZONES) {
        let zone = json!({"name": format!("demo {number}"), "cidr": cidr});
        security.post("/api/v1/network-zones", &zone).await.context("network zone")?;
    }
    bureau.patch(&format!("/api/v1/units/{UNIT}"), &json!({"principal": "Demo unit_principal"})).await?;
    for signer in ["unit", "staff"] {
        let text = json!({"signer": signer, "text_version": VERSION, "text": "演示用责任书 / for demonstration"});
        let id = id_of(&bureau.post("/api/v1/statement-texts", &text).await?)?;
        bureau.post(&format!("/api/v1/statement-texts/{id}/publish"), &json!({})).await.context("statement text")?;
    }
    let now = SystemClock::start().wall().micros();
    let time = |micros: i64| jiff::Timestamp::from_microsecond(micros).map(|at| at.to_string());
    let (trained_at, valid_to) = (time(now - 60_000_000)?, time(now + GRANT_DAYS * DAY_MICROS)?);
    let signed = json!({"text_version": VERSION, "principal": "Demo unit_principal", "valid_to": valid_to});
    principal.post("/api/v1/unit-statements", &signed).await.context("unit statement")?;
    for role in STAFF {
        let viewer = sign_in(reached, accounts, role).await?;
        let user = own_id(&viewer).await?;
        let signed = json!({"user": user, "text_version": VERSION, "valid_to": valid_to});
        let id = id_of(&viewer.post("/api/v1/staff-statements", &signed).await?)?;
        principal
            .post(&format!("/api/v1/staff-statements/{id}/countersign"), &json!({}))
            .await
            .context("staff statement")?;
        let training = json!({
            "user": user, "course": "demo", "trainer": "demo", "trained_at": trained_at, "valid_to": valid_to,
        });
        clerk.post("/api/v1/training-records", &training).await.context("training")?;
    }
    Ok(())
}

fn id_of(filed: &Value) -> anyhow::Result<String> {
    filed.get("id").and_then(Value::as_str).map(str::to_owned).context("a record has an id")
}

async fn own_id(client: &Client) -> anyhow::Result<String> {
    let me = client.get("/api/v1/me").await?;
    let id = me.get("id").or_else(|| me.get("user")).and_then(Value::as_str);
    id.map(str::to_owned).context("an account has an id")
}
