//! Both forms over the real router: who may do what, what is refused, what an approval makes, and that it is all on record.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::registers::Role;
use crate::registers::user::UserState;
use crate::scene::{Answer, Scene, live, terms};

fn form() -> Value {
    json!({"responsible_person": "李雷", "contact": "0391-1", "narrative": "东街治安", "terms": terms()})
}

async fn filed(scene: &Scene, form: Value) -> String {
    let filed = scene.post("clerk", "/api/v1/applications/resource", form).await;
    assert_eq!(filed.status, StatusCode::CREATED, "{}", filed.text);
    assert_eq!(filed.body["stage"], "draft");
    format!("/api/v1/applications/resource/{}", filed.body["id"].as_str().unwrap())
}

async fn step(scene: &Scene, who: &str, path: &str, step: &str) -> Answer {
    scene.call(who, "POST", &format!("{path}/{step}"), None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_takes_its_way_and_every_step_is_on_the_ledger() {
    let scene = Scene::new().await;
    let (id, grant) = scene.granted(terms()).await;
    let done = scene.read("head", &format!("/api/v1/applications/resource/{id}")).await;
    let steps: Vec<_> = done.body["history"].as_array().unwrap().iter().map(|line| line["step"].clone()).collect();
    let way = [Value::Null, "endorse".into(), "submit".into(), "accept".into(), "approve".into(), "grant".into()];
    assert_eq!(steps, way);
    for (field, who) in [("requester", "clerk"), ("endorser", "head"), ("approver", "approver")] {
        assert_eq!(done.body[field], who);
    }
    let told: Vec<_> = scene.events().into_iter().filter(|e| e.kind.as_str() == "application.moved").collect();
    let actions: Vec<_> = told.iter().map(|e| e.action.clone().unwrap()).collect();
    assert_eq!(actions, ["file", "endorse", "submit", "accept", "approve"]);
    let granted = scene.read("li", &format!("/api/v1/grants/{grant}")).await;
    assert_eq!((&granted.body["application"], &granted.body["state"]), (&json!(id), &json!("active")));
    assert_eq!(scene.read("driver", &format!("/api/v1/grants/{grant}")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(scene.read("li", &format!("/api/v1/applications/resource/{id}")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn separation_of_duty_holds_over_http() {
    let scene = Scene::new().await;
    scene.add_user("jtclerk", "jtj", Role::UnitAdmin, UserState::Approved);
    scene.add_user("jthead", "jtj", Role::UnitPrincipal, UserState::Approved);
    scene.add_user("mole", "gaj", Role::BureauApprover, UserState::Approved);
    let path = filed(&scene, form()).await;
    let refused = scene.post("li", "/api/v1/applications/resource", form()).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "ROLE_FORBIDS"));
    for (who, word, status) in [
        ("clerk", "endorse", 403),
        ("jthead", "endorse", 404),
        ("clerk", "submit", 409),
        ("head", "endorse", 200),
        ("jtclerk", "submit", 404),
        ("clerk", "submit", 200),
        ("head", "accept", 403),
        ("mole", "accept", 403),
        ("guard", "accept", 403),
        ("approver", "approve", 409),
        ("approver", "accept", 200),
        ("mole", "approve", 403),
        ("approver", "approve", 200),
        ("approver", "approve", 409),
    ] {
        let answer = step(&scene, who, &path, word).await;
        assert_eq!(answer.status.as_u16(), status, "{who} {word}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_return_needs_its_reason_and_the_corrected_form_keeps_the_earlier_one() {
    let scene = Scene::new().await;
    let path = filed(&scene, form()).await;
    step(&scene, "head", &path, "endorse").await;
    step(&scene, "clerk", &path, "submit").await;
    let bare = step(&scene, "approver", &path, "return").await;
    assert_eq!((bare.status.as_u16(), bare.code()), (422, "REASON_REQUIRED"));
    let returned = scene.post("approver", &format!("{path}/return"), json!({"reason": "用途不明"})).await;
    assert_eq!(returned.body["history"].as_array().unwrap().last().unwrap()["reason"], "用途不明");
    let mut better = form();
    better["narrative"] = json!("东街夜间治安巡查");
    let revised = scene.call("clerk", "PUT", &path, Some(better)).await;
    assert_eq!(revised.status, StatusCode::OK, "{}", revised.text);
    assert_eq!((&revised.body["stage"], &revised.body["endorser"]), (&json!("draft"), &Value::Null));
    assert_eq!(revised.body["earlier_forms"][0]["narrative"], "东街治安");
    assert_eq!(step(&scene, "clerk", &path, "submit").await.status, StatusCode::CONFLICT, "endorsed again first");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_on_what_has_changed_meanwhile_is_a_conflict() {
    let scene = Scene::new().await;
    let path = filed(&scene, form()).await;
    let read = scene.read("head", &path).await.body["version"].clone();
    let mut other = form();
    other["narrative"] = json!("other");
    scene.call("clerk", "PUT", &path, Some(other)).await;
    let stale = scene.post("head", &format!("{path}/endorse"), json!({"version": read})).await;
    assert_eq!((stale.status.as_u16(), stale.code()), (409, "CONFLICT"), "{}", stale.text);
    let fresh = scene.read("head", &path).await.body["version"].clone();
    let endorsed = scene.post("head", &format!("{path}/endorse"), json!({"version": fresh})).await;
    assert_eq!(endorsed.status, StatusCode::OK, "{}", endorsed.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_approvals_at_once_make_one_grant() {
    let scene = Scene::new().await;
    let path = filed(&scene, form()).await;
    for (who, word) in [("head", "endorse"), ("clerk", "submit"), ("approver", "accept")] {
        step(&scene, who, &path, word).await;
    }
    let (one, two) =
        tokio::join!(step(&scene, "approver", &path, "approve"), step(&scene, "approver", &path, "approve"));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    assert_eq!(scene.read("approver", "/api/v1/grants").await.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn withdrawing_takes_the_grant_away_and_ends_what_runs() {
    let scene = Scene::new().await;
    let (id, grant) = scene.granted(terms()).await;
    let opened = scene.opened("li").await;
    let path = format!("/api/v1/applications/resource/{id}");
    let withdrawn = scene.post("head", &format!("{path}/withdraw"), json!({"reason": "不再需要"})).await;
    assert_eq!(withdrawn.body["stage"], "withdrawn", "{}", withdrawn.text);
    assert_eq!(scene.read("li", &format!("/api/v1/grants/{grant}")).await.body["state"], "revoked");
    let record = scene.usage(opened["id"].as_str().unwrap(), |r| r["closed_at"].is_string()).await;
    assert_eq!(record["end_reason"], "revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_outside_the_units_duties_or_people_is_refused_before_it_is_kept() {
    let scene = Scene::new().await;
    let mut foreign = form();
    foreign["terms"]["purposes"] = json!(["LY-1"]);
    let refused = scene.post("clerk", "/api/v1/applications/resource", foreign).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "PURPOSE_NOT_IN_DUTIES"));
    assert_eq!(refused.body["articles"], json!(["J-20", "J-23"]), "the article of the purpose");
    let mut stranger = form();
    stranger["terms"]["users"] = json!(["driver"]);
    let refused = scene.post("clerk", "/api/v1/applications/resource", stranger).await;
    assert_eq!((refused.status.as_u16(), &refused.body["field"]), (422, &json!("terms.users")));
    let mut unknown = form();
    unknown["terms"]["color"] = json!("red");
    assert_eq!(scene.post("clerk", "/api/v1/applications/resource", unknown).await.status.as_u16(), 422);
    assert_eq!(scene.read("clerk", "/api/v1/applications/resource").await.body["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_user_application_lets_the_account_in_with_its_roles() {
    let scene = Scene::new().await;
    scene.granted(terms()).await;
    scene.add_user("new", "gaj", Role::MetricsReader, UserState::Pending);
    assert_eq!(scene.post("new", "/api/v1/sessions", live("cam-1")).await.code(), "USER_NOT_APPROVED");
    let form = |roles: Value| json!({"user": "new", "name": "新人", "post": "民警", "phone": "1", "roles": roles});
    let above = scene.post("clerk", "/api/v1/applications/user", form(json!(["bureau_approver"]))).await;
    assert_eq!((above.status.as_u16(), &above.body["field"]), (422, &json!("roles")));
    let filed = scene.post("clerk", "/api/v1/applications/user", form(json!(["operator"]))).await;
    let path = format!("/api/v1/applications/user/{}", filed.body["id"].as_str().unwrap());
    for (who, word) in [("head", "endorse"), ("clerk", "submit"), ("approver", "accept"), ("approver", "approve")] {
        let moved = step(&scene, who, &path, word).await;
        assert_eq!(moved.status, StatusCode::OK, "{word}: {}", moved.text);
    }
    scene.opened("new").await;
    assert_eq!(step(&scene, "clerk", &path, "withdraw").await.status, StatusCode::CONFLICT);
    let again = scene.post("clerk", "/api/v1/applications/user", form(json!(["operator"]))).await;
    assert_eq!(again.body["field"], "user", "approved already");
}
