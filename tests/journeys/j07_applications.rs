//! J-7: access only once the Bureau has approved both forms, the one for the resource and the one for the user. One alone opens
//! nothing, and neither does any stage before the approval.

use serde_json::{Value, json};

use crate::harness::api::{Client, from_now};
use crate::harness::appliance::Appliance;
use crate::harness::camera::SimCameras;

const PASSWORD: &str = "correct horse 7 battery";

/// A camera in an area that no grant reaches.
fn camera_apart(appliance: &Appliance, source: &str) {
    let mut camera = crate::harness::appliance::camera("j07", source);
    camera["area"] = json!("邻区/东街");
    appliance.login("catalogue_admin").create("/api/v1/cameras", &camera);
    appliance.wait_for_camera("j07");
}

fn look(appliance: &Appliance, viewer: &Client) -> (u16, Value) {
    let ask = json!({"camera": "j07", "verb": "live", "purpose": appliance.demo("purpose"), "reason": "journey"});
    let (status, mut answer) = viewer.post("/api/v1/sessions", &ask);
    (status, answer["code"].take())
}

/// Takes the form from its filing to the approval; what is asked at each stage before has to come out as `before`.
fn approved(appliance: &Appliance, kind: &str, form: &Value, before: impl Fn(&str)) {
    let (clerk, head) = (appliance.login("unit_admin"), appliance.login("unit_principal"));
    let bureau = appliance.login("bureau_approver");
    let filed = clerk.create(&format!("/api/v1/applications/{kind}"), form);
    let at = format!("/api/v1/applications/{kind}/{}", filed["id"].as_str().expect("an id"));
    before("draft");
    let skipped = bureau.post(&format!("{at}/approve"), &json!({"reason": "同意"}));
    assert_eq!(skipped.0, 409, "no stage is skipped: {}", skipped.1);
    for (who, step) in [(&head, "endorse"), (&clerk, "submit"), (&bureau, "accept"), (&bureau, "approve")] {
        if who.own_id() != clerk.own_id() {
            let own = clerk.post(&format!("{at}/{step}"), &json!({"reason": "同意"}));
            assert_eq!(
                (own.0, &own.1["code"]),
                (403, &json!("ROLE_FORBIDS")),
                "{step} is not the applicant's: {}",
                own.1
            );
        }
        let taken = who.create(&format!("{at}/{step}"), &json!({"reason": "同意"}));
        if step != "approve" {
            before(taken["stage"].as_str().expect("a stage"));
        }
    }
}

#[test]
fn both_forms_are_approved_or_nothing_opens() {
    let sim = SimCameras::start(1);
    let appliance = Appliance::start();
    camera_apart(&appliance, &sim.url(1));
    let operator = appliance.login("operator");
    let newcomer = json!({
        "user": "newcomer", "name": "新警员", "staff_no": "000007", "unit": "gaj", "roles": ["operator"],
        "password": PASSWORD, "must_change_password": false, "state": "pending",
    });
    let newcomer = appliance.login("security_admin").create("/api/v1/users", &newcomer)["id"].clone();
    let typed = json!({"user": "newcomer", "password": PASSWORD});
    let stranger = Client::new(appliance.api());

    // The operator's own form was approved before; the resource's is on its way.
    assert_eq!(look(&appliance, &operator), (403, json!("NO_GRANT")));
    let resource = json!({
        "responsible_person": "李雷", "contact": "0391-1", "narrative": "东街治安",
        "terms": {
            "cameras": ["j07"], "purposes": [appliance.demo("purpose")], "verbs": ["live", "raw"], "profile": "main",
            "valid_from": from_now(-60.0), "valid_to": from_now(3_600.0),
        },
    });
    approved(&appliance, "resource", &resource, |stage| {
        assert_eq!(look(&appliance, &operator), (403, json!("NO_GRANT")), "{stage}");
    });
    assert_eq!(look(&appliance, &operator).0, 201);

    // The resource is granted; the newcomer's form is on its way.
    let user = json!({
        "user": newcomer, "name": "新警员", "post": "值班", "phone": "0391-2", "roles": ["operator"],
    });
    approved(&appliance, "user", &user, |stage| {
        let (status, refused) = stranger.post("/api/v1/login", &typed);
        assert_eq!((status, &refused["code"]), (403, &json!("USER_NOT_APPROVED")), "{stage}: {refused}");
        assert_eq!(refused["articles"], json!(["J-7"]));
    });
    let newcomer = Client::login(appliance.api(), "newcomer", PASSWORD);
    assert_eq!(
        look(&appliance, &newcomer),
        (403, json!("STAFF_STATEMENT_NOT_SIGNED")),
        "signed in, and not yet sworn in"
    );
}
