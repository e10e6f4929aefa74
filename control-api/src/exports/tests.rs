//! The way of an export over HTTP: who may take which step, the same person twice, releases to the media, and what is on record.

use serde_json::{Value, json};

use crate::books::network_zone::{NetworkZone, ZoneState};
use crate::register::rows;
use crate::registers::user::UserState;
use crate::registers::{Role, Roles};
use crate::scene::{Scene, terms};

/// Who has a part in exports: of the unit, of the Bureau and of another unit.
const HANDS: [(&str, &str, Role); 9] = [
    ("asker", "gaj", Role::Operator),
    ("principal", "gaj", Role::UnitPrincipal),
    ("officer", "gaj", Role::ExportOfficer),
    ("bureau-officer", "zwj", Role::ExportOfficer),
    ("other-officer", "jtj", Role::ExportOfficer),
    ("other-principal", "jtj", Role::UnitPrincipal),
    ("decider", "zwj", Role::BureauApprover),
    ("own-decider", "gaj", Role::BureauApprover),
    ("clerk-2", "gaj", Role::UnitAdmin),
];

async fn scene() -> Scene {
    let scene = Scene::new().await;
    for (name, unit, role) in HANDS {
        scene.add_user(name, unit, role, UserState::Approved);
    }
    let mut with_export = terms();
    with_export["verbs"] = json!(["live", "playback", "export"]);
    scene.granted(with_export).await;
    scene
}

fn form() -> Value {
    json!({
        "camera": "cam-1", "from": "2026-06-01T09:00:00+08:00", "to": "2026-06-01T09:10:00+08:00", "purpose": "GA-1",
        "reason": "接警 2026-117", "recipient": "市人民检察院", "medium": "加密U盘 0012",
    })
}

async fn filed(scene: &Scene, who: &str) -> String {
    let filed = scene.post(who, "/api/v1/exports", form()).await;
    assert_eq!(filed.status, 201, "{}", filed.text);
    assert_eq!(filed.body["stage"], "draft");
    filed.body["id"].as_str().unwrap().to_owned()
}

/// Takes a step; the refusal's code, or the stage it led to.
async fn step(scene: &Scene, who: &str, id: &str, step: &str) -> String {
    let moved = scene.post(who, &format!("/api/v1/exports/{id}/{step}"), json!({"reason": "依法"})).await;
    if moved.status == 200 { moved.body["stage"].as_str().unwrap().into() } else { moved.code().into() }
}

async fn stage(scene: &Scene, id: &str) -> Value {
    scene.read("auditor", &format!("/api/v1/exports/{id}")).await.body
}

#[tokio::test]
async fn each_step_is_refused_to_all_but_its_hand() {
    let scene = scene().await;
    let way = [
        ("endorse", "principal", "endorsed", &["principal"][..]),
        ("approve", "decider", "approved", &["decider", "approver"]),
        ("release", "officer", "released", &["officer", "bureau-officer"]),
    ];
    let id = filed(&scene, "asker").await;
    for (name, taken_by, leads_to, allowed) in way {
        for (who, _, _) in HANDS.iter().filter(|(who, ..)| !allowed.contains(who)) {
            let refused = step(&scene, who, &id, name).await;
            let expected = ["ROLE_FORBIDS", "NOT_FOUND"];
            assert!(expected.contains(&refused.as_str()), "{who} {name}: {refused}");
        }
        assert_eq!(step(&scene, taken_by, &id, name).await, leads_to);
    }
}

#[tokio::test]
async fn no_step_can_be_taken_before_its_turn() {
    let scene = scene().await;
    let id = filed(&scene, "asker").await;
    for (who, name) in [("decider", "approve"), ("officer", "release"), ("asker", "close")] {
        assert_eq!(step(&scene, who, &id, name).await, "CONFLICT", "{name}");
    }
    for name in ["render", "finish", "fail", "collect"] {
        assert_eq!(step(&scene, "officer", &id, name).await, "NOT_FOUND", "the appliance's own: {name}");
    }
    let package = scene.read("asker", &format!("/api/v1/exports/{id}/package")).await;
    assert_eq!(package.code(), "CONFLICT");
}

#[tokio::test]
async fn the_same_person_twice_is_refused_whatever_their_roles() {
    let scene = scene().await;
    let both = |who: &str, roles: &[Role]| {
        scene.change_user(who, |user| user.roles = Roles::try_from(roles.to_vec()).unwrap());
    };
    both("asker", &[Role::Operator, Role::UnitPrincipal, Role::ExportOfficer]);
    let id = filed(&scene, "asker").await;
    assert_eq!(step(&scene, "asker", &id, "endorse").await, "SECOND_PERSON_REQUIRED");
    both("principal", &[Role::UnitPrincipal, Role::ExportOfficer]);
    assert_eq!(step(&scene, "principal", &id, "endorse").await, "endorsed");
    assert_eq!(step(&scene, "decider", &id, "approve").await, "approved");
    assert_eq!(step(&scene, "asker", &id, "release").await, "SECOND_PERSON_REQUIRED");
    assert_eq!(step(&scene, "principal", &id, "release").await, "SECOND_PERSON_REQUIRED");
    let refusals = scene.events().into_iter().filter(|e| e.code.as_deref() == Some("SECOND_PERSON_REQUIRED"));
    assert_eq!(refusals.count(), 3, "each refusal is on the ledger");
    assert_eq!(step(&scene, "officer", &id, "release").await, "released");
}

#[tokio::test]
async fn it_takes_a_grant_with_the_verb_and_a_purpose_of_the_unit() {
    let scene = Scene::new().await;
    scene.add_user("asker", "gaj", Role::Operator, UserState::Approved);
    assert_eq!(scene.post("asker", "/api/v1/exports", form()).await.code(), "NO_GRANT");
    scene.granted(terms()).await;
    let refused = scene.post("asker", "/api/v1/exports", form()).await;
    assert_eq!((refused.code(), &refused.body["articles"]), ("EXPORT_NOT_AUTHORISED", &json!(["J-7", "J-26"])));
    let mut with_export = terms();
    with_export["verbs"] = json!(["export"]);
    scene.granted(with_export).await;
    assert_eq!(scene.post("head", "/api/v1/exports", form()).await.code(), "ROLE_FORBIDS");
    assert_eq!(scene.post("driver", "/api/v1/exports", form()).await.code(), "NO_GRANT");
    for (field, value, code) in [
        ("purpose", json!(""), "PURPOSE_REQUIRED"),
        ("purpose", json!("JT-1"), "PURPOSE_NOT_IN_DUTIES"),
        ("reason", json!(" "), "REASON_REQUIRED"),
        ("recipient", json!(""), "INVALID_FIELD"),
        ("to", json!("2026-06-01T14:00:00+08:00"), "INVALID_FIELD"),
        ("redact", json!([{"x": 990, "y": 0, "w": 20, "h": 20}]), "INVALID_FIELD"),
        ("camera", json!("cam-9"), "CAMERA_UNKNOWN"),
    ] {
        let mut form = form();
        form[field] = value;
        assert_eq!(scene.post("asker", "/api/v1/exports", form).await.code(), code, "{field}");
    }
    filed(&scene, "asker").await;
}

#[tokio::test]
async fn a_right_that_was_taken_away_is_not_released() {
    let scene = Scene::new().await;
    for (name, unit, role) in HANDS {
        scene.add_user(name, unit, role, UserState::Approved);
    }
    let mut with_export = terms();
    with_export["verbs"] = json!(["export"]);
    let (_, grant) = scene.granted(with_export).await;
    let id = filed(&scene, "asker").await;
    step(&scene, "principal", &id, "endorse").await;
    step(&scene, "decider", &id, "approve").await;
    let revoked = scene.post("approver", &format!("/api/v1/grants/{grant}/revoke"), json!({"reason": "期满"})).await;
    assert_eq!(revoked.status, 200, "{}", revoked.text);
    assert_eq!(step(&scene, "officer", &id, "release").await, "GRANT_REVOKED");
}

#[tokio::test]
async fn an_export_for_the_media_needs_its_units_own_approval_and_is_redacted() {
    let scene = scene().await;
    let form_of = |release: Option<&str>| {
        let mut form = form();
        form["for_media"] = json!(true);
        form["redact"] = json!([{"x": 0, "y": 0, "w": 20, "h": 20}]);
        if let Some(id) = release {
            form["media_release"] = json!(id);
        }
        form
    };
    let ask = |release: Option<&str>| scene.post("asker", "/api/v1/exports", form_of(release));
    assert_eq!(ask(None).await.code(), "MEDIA_RELEASE_APPROVAL_MISSING");
    assert_eq!(ask(Some("no-such")).await.code(), "MEDIA_RELEASE_APPROVAL_MISSING");
    let release = |from: &str| json!({"camera": "cam-1", "from": from, "to": "2026-06-01T09:30:00+08:00", "outlet": "济源电视台", "reason": "通报"});
    let path = "/api/v1/media-releases";
    let whole = release("2026-06-01T08:00:00+08:00");
    assert_eq!(scene.post("asker", path, whole.clone()).await.code(), "ROLE_FORBIDS");
    let foreign = scene.post("other-principal", path, whole.clone()).await;
    let short = scene.post("principal", path, release("2026-06-01T09:05:00+08:00")).await;
    for wrong in [&foreign, &short] {
        let id = wrong.body["id"].as_str().unwrap();
        assert_eq!(ask(Some(id)).await.code(), "MEDIA_RELEASE_APPROVAL_MISSING", "{}", wrong.text);
    }
    let given = scene.post("principal", path, whole).await;
    assert_eq!(given.status, 201, "{}", given.text);
    assert_eq!(ask(given.body["id"].as_str()).await.status, 201);
    let mut recognisable = form_of(given.body["id"].as_str());
    recognisable["redact"] = json!([]);
    let refused = scene.post("asker", "/api/v1/exports", recognisable).await;
    assert_eq!((refused.code(), &refused.body["articles"]), ("REDACTION_REQUIRED", &json!(["J-23", "O-22"])));
    scene.event(|e| e.kind.as_str() == "media_release.approved" && e.articles == ["J-23"]).await;
    let refused = scene.event(|e| e.code.as_deref() == Some("MEDIA_RELEASE_APPROVAL_MISSING")).await;
    assert_eq!(refused.articles, ["J-23"]);
}

#[tokio::test]
async fn a_package_does_not_leave_the_dedicated_network() {
    let scene = scene().await;
    let package = format!("/api/v1/exports/{}/package", filed(&scene, "asker").await);
    assert_eq!(scene.read("asker", &package).await.code(), "CONFLICT", "it is not ready");
    let zone = rows::find::<NetworkZone>(&scene.deps.store, "in-force").unwrap().remove(0).id;
    scene.restate::<NetworkZone>(&zone, ZoneState::Removed);
    assert_eq!(scene.read("asker", &package).await.code(), "NETWORK_ZONE");
    let refused = scene.event(|e| e.code.as_deref() == Some("NETWORK_ZONE")).await;
    assert_eq!(refused.articles, ["J-27"]);
}

/// Nothing is recorded here, so that the rendering fails: it is said, on record, and can be released once more.
#[tokio::test]
async fn a_rendering_that_fails_says_why_and_its_usage_record_is_closed() {
    let scene = scene().await;
    let id = filed(&scene, "asker").await;
    for (who, name) in [("principal", "endorse"), ("decider", "approve"), ("officer", "release")] {
        step(&scene, who, &id, name).await;
    }
    scene.event(|e| e.action.as_deref() == Some("fail")).await;
    let failed = stage(&scene, &id).await;
    assert_eq!(failed["stage"], "failed");
    let said = failed["history"].as_array().unwrap().last().unwrap()["reason"].as_str().unwrap();
    assert!(said.contains("没有录像") && said.contains("no recording"), "{said}");
    let record = scene.usage(failed["session"].as_str().unwrap(), |record| record["closed_at"].is_string()).await;
    for (column, value) in [("purpose", "GA-1"), ("user", "asker"), ("approver", "decider"), ("medium", "file")] {
        assert_eq!(record[column], value, "{record}");
    }
    assert_eq!((&record["export"], &record["mark"]), (&json!(id), &failed["mark"]));
    assert_eq!(step(&scene, "officer", &id, "release").await, "released");
    scene.event(|e| e.action.as_deref() == Some("render")).await;
}

#[tokio::test]
async fn refused_and_withdrawn_are_the_end_and_others_see_nothing() {
    let scene = scene().await;
    let id = filed(&scene, "asker").await;
    assert_eq!(scene.read("driver", &format!("/api/v1/exports/{id}")).await.code(), "NOT_FOUND");
    assert_eq!(scene.read("li", &format!("/api/v1/exports/{id}")).await.code(), "NOT_FOUND", "a colleague");
    let empty = scene.post("principal", &format!("/api/v1/exports/{id}/refuse"), json!({})).await;
    assert_eq!(empty.code(), "REASON_REQUIRED");
    assert_eq!(step(&scene, "principal", &id, "refuse").await, "refused");
    assert_eq!(step(&scene, "asker", &id, "withdraw").await, "CONFLICT");
    let other = filed(&scene, "asker").await;
    assert_eq!(step(&scene, "asker", &other, "withdraw").await, "withdrawn");
    let listed = scene.read("auditor", "/api/v1/exports?stage=withdrawn").await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(scene.read("driver", "/api/v1/exports").await.body["items"], json!([]));
}

#[tokio::test]
async fn a_snapshot_has_a_verb_of_its_own() {
    let scene = scene().await;
    let form = json!({"camera": "cam-1", "purpose": "GA-1", "reason": "接警", "at": "2026-06-01T09:00:00+08:00"});
    let refused = scene.post("asker", "/api/v1/snapshots", form.clone()).await;
    assert_eq!(refused.code(), "VERB_NOT_GRANTED", "a grant of exports gives none");
    let mut with_snapshot = terms();
    with_snapshot["verbs"] = json!(["snapshot"]);
    scene.granted(with_snapshot).await;
    let nothing = scene.post("asker", "/api/v1/snapshots", form).await;
    assert_eq!(nothing.code(), "NOT_FOUND", "nothing is recorded here");
    let opened = scene.event(|e| e.kind.as_str() == "session.opened").await;
    let record = scene.usage(opened.session.as_deref().unwrap(), |record| record["closed_at"].is_string()).await;
    assert_eq!((&record["medium"], &record["bytes"]), (&json!("file"), &json!(0)));
    scene.lose("cam-1");
    let now = json!({"camera": "cam-1", "purpose": "GA-1", "reason": "接警"});
    assert_eq!(scene.post("asker", "/api/v1/snapshots", now).await.code(), "CAMERA_OFFLINE");
}
