//! A department as the rules want it before anybody views: people, signatures, training, a grant, each filed by whoever files it.

use serde_json::{Value, json};

use super::api::Client;
use super::appliance::Appliance;

/// The demo's version of both texts.
pub(crate) const TEXT_VERSION: &str = "demo-1";
const PASSWORD: &str = "correct horse battery 9";
/// Who a department needs, and what their names end in.
const PEOPLE: [(&str, &str); 3] = [("operator", "op"), ("unit_principal", "head"), ("unit_admin", "clerk")];

/// A department's people, signed in.
pub(crate) struct Department {
    pub(crate) unit: String,
    pub(crate) operator: Client,
    pub(crate) head: Client,
    pub(crate) clerk: Client,
}

impl Department {
    /// The unit has its people and a principal; whoever views is trained and has signed. The unit itself has not.
    pub(crate) fn staffed(appliance: &Appliance, unit: &str) -> Self {
        let keeper = appliance.login("security_admin");
        let [operator, head, clerk] = PEOPLE.map(|(role, ending)| {
            let user = format!("{unit}-{ending}");
            let account = json!({
                "user": user, "name": user, "unit": unit, "roles": [role], "password": PASSWORD,
                "must_change_password": false, "state": "approved",
            });
            keeper.create("/api/v1/users", &account);
            Client::login(appliance.api(), &user, PASSWORD)
        });
        let named = json!({"principal": format!("{unit}-head")});
        appliance.login("bureau_approver").change(&format!("/api/v1/units/{unit}"), &named);
        let user = operator.get("/api/v1/me").1["id"].clone();
        let (from, to) = (in_days(-1), in_days(300));
        let signed = json!({"user": user, "text_version": TEXT_VERSION, "valid_to": to});
        let signed = operator.create("/api/v1/staff-statements", &signed);
        head.step("staff-statements", &signed, "countersign");
        let training = json!({"user": user, "course": "上岗", "trainer": "甲", "trained_at": from, "valid_to": to});
        clerk.create("/api/v1/training-records", &training);
        Self { unit: unit.to_owned(), operator, head, clerk }
    }

    /// Attachment 3 in this version, signed by the principal.
    pub(crate) fn sign(&self, version: &str) -> Value {
        let principal = format!("{}-head", self.unit);
        let signed = json!({"text_version": version, "principal": principal, "valid_to": in_days(300)});
        self.head.create("/api/v1/unit-statements", &signed)
    }

    /// Attachment 1 for the whole site, with these purposes, approved.
    pub(crate) fn granted(&self, appliance: &Appliance, purposes: &Value, verbs: &[&str]) {
        let filed = self.clerk.create("/api/v1/applications/resource", &application(purposes, verbs));
        let bureau = appliance.login("bureau_approver");
        for (who, step) in [(&self.head, "endorse"), (&self.clerk, "submit"), (&bureau, "accept"), (&bureau, "approve")]
        {
            who.step("applications/resource", &filed, step);
        }
    }
}

/// Attachment 1 for the whole site.
pub(crate) fn application(purposes: &Value, verbs: &[&str]) -> Value {
    let terms = json!({
        "areas": ["济源"], "purposes": purposes, "verbs": verbs, "valid_from": in_days(-1), "valid_to": in_days(300),
    });
    json!({"responsible_person": "甲", "contact": "0391", "narrative": "journey", "terms": terms})
}

/// So many days from now.
pub(crate) fn in_days(days: i64) -> String {
    (jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days)).to_string()
}
