//! A department as the rules want it before anybody views: people, signatures, training, a grant, each filed by whoever files it.

use serde_json::{Value, json};

use super::api::Client;
use super::appliance::Appliance;
use super::order::{in_days, put_in_order};

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
        put_in_order(&operator, &head, &clerk);
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
