//! The registers over the real router: what every one of them does, and what is particular to some.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use super::{BOOKS, Visitor, each};
use crate::register::{Register, State as _};
use crate::registers::Role;
use crate::registers::user::UserState;
use crate::scene::{Answer, Scene, TERMINAL};

const YEAR: &str = "2027-06-01T00:00:00+08:00";

async fn filed(scene: &Scene, who: &str, register: &str, form: Value) -> Value {
    let filed = scene.post(who, &format!("/api/v1/{register}"), form).await;
    assert_eq!(filed.status, StatusCode::CREATED, "{register}: {}", filed.text);
    filed.body
}

async fn step(scene: &Scene, who: &str, register: &str, record: &Value, step: &str, reason: Option<&str>) -> Answer {
    let path = format!("/api/v1/{register}/{}/{step}", record["id"].as_str().unwrap());
    scene.call(who, "POST", &path, reason.map(|reason| json!({"reason": reason}))).await
}

/// Waits until a record is in this state: what time does happens beside the requests.
async fn becomes(scene: &Scene, who: &str, register: &str, record: &Value, state: &str) -> Value {
    let path = format!("/api/v1/{register}/{}", record["id"].as_str().unwrap());
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let read = scene.read(who, &path).await;
            if read.body["state"] == state {
                return read.body;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{register} does not become {state}"))
}

async fn inbox(scene: &Scene, who: &str) -> Vec<(String, String, String)> {
    let read = scene.read(who, "/api/v1/inbox").await;
    let items = read.body["items"].as_array().unwrap_or_else(|| panic!("{}", read.text)).clone();
    let text = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
    items.iter().map(|item| (text(item, "register"), text(item, "id"), text(item, "state"))).collect()
}

fn training(user: &str) -> Value {
    json!({"user": user, "course": "上岗培训", "trainer": "信息中心", "trained_at": "2026-05-01T09:00:00+08:00", "valid_to": YEAR})
}

fn finding() -> Value {
    json!({"what": "护栏破损", "rectify_by": "2026-06-03T10:00:00+08:00"})
}

#[test]
fn each_register_is_whole() {
    struct Check(Vec<&'static str>);
    impl Visitor for Check {
        fn visit<R: Register>(&mut self) {
            assert!(!R::ARTICLES.is_empty() && !R::COLUMNS.is_empty(), "{}", R::NAME);
            assert!(!self.0.contains(&R::NAME), "{} twice", R::NAME);
            self.0.push(R::NAME);
            let words: Vec<_> = R::State::ALL.iter().map(|state| state.word()).collect();
            for (state, word) in R::State::ALL.iter().zip(&words) {
                assert_eq!(serde_json::to_value(state).unwrap(), *word);
            }
            // Every state but the first is reached, and from one state a step leads to one.
            for state in R::State::ALL.iter().filter(|state| **state != R::FIRST) {
                assert!(R::MOVES.iter().any(|taken| taken.to == *state), "{} {state:?}", R::NAME);
            }
            for (place, taken) in R::MOVES.iter().enumerate() {
                let twice = |other: &&crate::register::Move<R::State>| {
                    other.step == taken.step && other.from.iter().any(|from| taken.from.contains(from))
                };
                assert_eq!(R::MOVES.iter().skip(place + 1).find(twice).map(|other| other.step), None, "{}", R::NAME);
            }
        }
    }
    let mut check = Check(Vec::new());
    each(&mut check);
    assert_eq!(check.0.len(), BOOKS.len());
}

/// Who may file and who may read each register, as its declaration says, over every role; and the three administrators apart.
#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_part_in_a_register_is_refused_by_role() {
    /// Its word, who files it, whether anybody does about themselves, and the same of reading.
    type Parts = (&'static str, Vec<Role>, bool, Vec<Role>, bool);
    struct Collect(Vec<Parts>);
    impl Visitor for Collect {
        fn visit<R: Register>(&mut self) {
            let readers = R::READING.all.iter().chain(R::READING.own).copied().collect();
            self.0.push((R::NAME, R::FILING.roles().collect(), R::FILING.is_of_subject(), readers, R::READING.subject));
        }
    }
    let scene = Scene::new().await;
    for role in Role::ALL {
        scene.add_user(&format!("is-{}", role.text()), "gaj", role, UserState::Approved);
    }
    let mut registers = Collect(Vec::new());
    each(&mut registers);
    for (name, filing, anyone_files, reading, anyone_reads) in registers.0 {
        for role in Role::ALL {
            let who = format!("is-{}", role.text());
            let read = scene.read(&who, &format!("/api/v1/{name}")).await;
            assert_eq!(read.code() == "ROLE_FORBIDS", !anyone_reads && !reading.contains(&role), "{name} {role:?}");
            let csv = scene.read(&who, &format!("/api/v1/{name}?state=nonsense")).await;
            assert_eq!(csv.status != StatusCode::FORBIDDEN, anyone_reads || reading.contains(&role), "{name} {role:?}");
            let file = scene.post(&who, &format!("/api/v1/{name}"), json!({"no-such-field": 1})).await;
            let body_first = file.code() == "INVALID_FIELD";
            assert!(body_first || file.code() == "ROLE_FORBIDS", "{name} {role:?} {}", file.text);
            let import = scene.call(&who, "POST", &format!("/api/v1/{name}/import"), Some(json!({}))).await;
            assert_eq!(import.code() == "ROLE_FORBIDS", !filing.contains(&role), "{name} {role:?}");
            assert!(anyone_files || !filing.is_empty(), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_filed_read_moved_and_its_history_kept() {
    let scene = Scene::new().await;
    let record = filed(&scene, "clerk", "training-records", training("li")).await;
    assert_eq!((record["state"].as_str(), record["unit"].as_str()), (Some("in_force"), Some("gaj")));
    assert_eq!(step(&scene, "clerk", "training-records", &record, "revoke", None).await.code(), "REASON_REQUIRED");
    assert_eq!(step(&scene, "clerk", "training-records", &record, "vanish", None).await.code(), "NOT_FOUND");
    assert_eq!(step(&scene, "clerk", "training-records", &record, "expire", None).await.code(), "ROLE_FORBIDS");
    let revoked = step(&scene, "clerk", "training-records", &record, "revoke", Some("登记有误")).await;
    assert_eq!(revoked.body["state"], "revoked", "{}", revoked.text);
    assert_eq!(step(&scene, "clerk", "training-records", &record, "revoke", Some("x")).await.code(), "CONFLICT");
    let path = format!("/api/v1/training-records/{}/history", record["id"].as_str().unwrap());
    let history = scene.read("clerk", &path).await;
    let steps: Vec<_> = history.body["items"].as_array().unwrap().iter().map(|line| line["step"].clone()).collect();
    assert_eq!(steps, ["file", "revoke"]);
    assert_eq!(history.body["items"][0]["fields"]["course"], "上岗培训");
    assert_eq!(history.body["items"][1]["reason"], "登记有误");
    let on_ledger: Vec<_> = scene.events().into_iter().filter(|e| e.kind.as_str().starts_with("record.")).collect();
    assert_eq!(on_ledger.len(), 2);
    assert_eq!(on_ledger[1].action.as_deref(), Some("training-records.revoke"));
    assert_eq!(on_ledger[1].articles, ["J-9", "O-16(1)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_units_and_other_people_see_nothing_of_it() {
    let scene = Scene::new().await;
    let record = filed(&scene, "clerk", "training-records", training("li")).await;
    let path = format!("/api/v1/training-records/{}", record["id"].as_str().unwrap());
    for (who, status) in
        [("li", 200), ("head", 200), ("approver", 200), ("auditor", 200), ("wang", 404), ("driver", 404)]
    {
        assert_eq!(scene.read(who, &path).await.status.as_u16(), status, "{who}");
    }
    let count = async |who: &str, query: &str| {
        scene.read(who, &format!("/api/v1/training-records{query}")).await.body["items"].as_array().unwrap().len()
    };
    // Each has the training that lets them view besides.
    assert_eq!((count("li", "").await, count("wang", "").await, count("driver", "").await), (2, 1, 1));
    assert_eq!((count("approver", "?user=li").await, count("approver", "?user=wang").await), (2, 1));
    assert_eq!((count("approver", "?state=revoked").await, count("approver", "?unit=jtj").await), (0, 1));
    assert_eq!(scene.read("approver", "/api/v1/training-records?state=odd").await.code(), "INVALID_FIELD");
    assert_eq!(scene.post("head", "/api/v1/training-records", training("li")).await.code(), "ROLE_FORBIDS");
    scene.add_user("carter", "jtj", Role::UnitAdmin, UserState::Approved);
    let foreign = scene.post("carter", "/api/v1/training-records", training("li")).await;
    assert_eq!(foreign.code(), "ROLE_FORBIDS", "another unit's administrator");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_keeps_what_was_and_two_at_once_do_not_pass() {
    let scene = Scene::new().await;
    let plan =
        filed(&scene, "clerk", "disposal-plans", json!({"title": "堵路", "event": "堵路", "text": "先报告"})).await;
    let path = format!("/api/v1/disposal-plans/{}", plan["id"].as_str().unwrap());
    let better = json!({"title": "堵路", "event": "堵路", "text": "先报告,后处置"});
    let corrected = scene.call("clerk", "PUT", &path, Some(better.clone())).await;
    assert_eq!(corrected.body["text"], "先报告,后处置", "{}", corrected.text);
    let stale = scene.post("head", &format!("{path}/adopt"), json!({"version": plan["version"]})).await;
    assert_eq!(stale.code(), "CONFLICT", "the head read an earlier version");
    let adopted = scene.post("head", &format!("{path}/adopt"), json!({"version": corrected.body["version"]})).await;
    assert_eq!(adopted.body["state"], "in_force", "{}", adopted.text);
    assert_eq!(scene.call("clerk", "PUT", &path, Some(better)).await.code(), "CONFLICT", "what is adopted stands");
    let history = scene.read("clerk", &format!("{path}/history")).await;
    let texts: Vec<_> =
        history.body["items"].as_array().unwrap().iter().map(|line| line["fields"]["text"].clone()).collect();
    assert_eq!(texts, [json!("先报告"), json!("先报告,后处置"), Value::Null]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finding_lies_in_two_inboxes_once_each_and_escalates_when_its_time_is_over() {
    let scene = Scene::new().await;
    let record = filed(&scene, "li", "findings", finding()).await;
    let id = record["id"].as_str().unwrap().to_owned();
    let open = ("findings".to_owned(), id.clone(), "open".to_owned());
    for (who, expected) in [("clerk", vec![open.clone()]), ("head", vec![open]), ("li", vec![]), ("approver", vec![])] {
        assert_eq!(inbox(&scene, who).await, expected, "{who}");
    }
    scene.pass(Duration::from_secs(2 * 86_400 + 1));
    // The clock of a test is set, so the clerk is woken by a change of the queue.
    filed(&scene, "li", "findings", json!({"what": "再看", "rectify_by": "2026-06-09T10:00:00+08:00"})).await;
    becomes(&scene, "approver", "findings", &record, "overdue").await;
    let overdue = ("findings".to_owned(), id, "overdue".to_owned());
    assert_eq!(inbox(&scene, "approver").await, std::slice::from_ref(&overdue));
    assert!(inbox(&scene, "head").await.contains(&overdue));
    let rectified = step(&scene, "clerk", "findings", &record, "rectify", Some("已修复")).await;
    assert_eq!(rectified.body["state"], "rectified", "{}", rectified.text);
    assert!(
        inbox(&scene, "approver").await.is_empty() && !inbox(&scene, "clerk").await.iter().any(|t| t.2 == "overdue")
    );
    let verified = step(&scene, "li", "findings", &record, "verify", None).await;
    assert_eq!(verified.body["state"], "verified");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_records_comes_in_whole_or_not_at_all_and_goes_out_again() {
    let scene = Scene::new().await;
    let csv = async |who: &str, text: String| {
        let request = Request::builder().method("POST").uri("/api/v1/duty-shifts/import");
        let request = request.header("authorization", format!("Bearer {who}")).header("content-type", "text/csv");
        let response = scene.send(TERMINAL, request.body(Body::from(text)).unwrap()).await;
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice::<Value>(&bytes).unwrap())
    };
    let good = "user,from,to,post\nli,2026-06-02T08:00:00+08:00,2026-06-02T20:00:00+08:00,=指挥中心\nwang,2026-06-03T08:00:00+08:00,2026-06-03T20:00:00+08:00,指挥中心\n";
    let (status, refused) = csv("clerk", good.replace("wang", "nobody").replace("20:00:00+08:00,=", "7:00,=")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let faults: Vec<_> =
        refused["rows"].as_array().unwrap().iter().map(|r| (r["row"].clone(), r["field"].clone())).collect();
    assert_eq!(faults, [(json!(2), json!("to"))], "{refused}");
    let (_, refused) = csv("clerk", good.replace("wang", "nobody")).await;
    assert_eq!(refused["rows"][0]["row"], 3, "{refused}");
    assert!(scene.read("clerk", "/api/v1/duty-shifts").await.body["items"].as_array().unwrap().is_empty());
    let (status, taken) = csv("clerk", good.into()).await;
    assert_eq!((status, taken["ids"].as_array().unwrap().len()), (StatusCode::CREATED, 2), "{taken}");
    let request = Request::builder().uri("/api/v1/duty-shifts").header("authorization", "Bearer clerk");
    let response = scene.send(TERMINAL, request.header("accept", "text/csv").body(Body::empty()).unwrap()).await;
    let text = String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
    assert!(text.starts_with("\u{feff}id,unit,state,filed_by,filed_at,user,from,to,post\r\n"), "{text}");
    assert!(text.contains(",'=指挥中心\r\n"), "a formula is no formula: {text}");
    let (status, again) = csv("clerk", text).await;
    assert_eq!(status, StatusCode::CREATED, "what went out comes in: {again}");
    let posts = scene.read("clerk", "/api/v1/duty-shifts").await;
    let posts = posts.body["items"].as_array().unwrap();
    let formulas = posts.iter().filter(|shift| shift["post"] == "=指挥中心").count();
    assert_eq!((posts.len(), formulas), (4, 2), "as it was: {posts:?}");
    let (_, empty) = csv("clerk", "user,from,to,post\n".into()).await;
    assert_eq!(empty["rows"][0]["row"], 2, "{empty}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_text_takes_the_place_of_the_old_one_and_old_signatures_count_no_more() {
    let scene = Scene::new().await;
    let now = scene.clock_now();
    let unit = "gaj".parse().unwrap();
    let signed = || super::unit_statement::is_signed(&scene.deps.store, &unit, now).unwrap();
    let publish = async |version: &str| {
        let text = json!({"signer": "unit", "text_version": version, "text": "甲方:……"});
        let draft = filed(&scene, "approver", "statement-texts", text).await;
        assert_eq!(draft["hash"].as_str().unwrap().len(), 64);
        let published = step(&scene, "approver", "statement-texts", &draft, "publish", None).await;
        assert_eq!(published.body["state"], "in_force", "{}", published.text);
        draft
    };
    let sign = async |version: &str| {
        scene
            .post(
                "head",
                "/api/v1/unit-statements",
                json!({"text_version": version, "principal": "张三", "valid_to": YEAR}),
            )
            .await
    };
    assert_eq!(sign("1").await.code(), "INVALID_FIELD", "nothing is in force yet");
    let first = publish("1").await;
    assert!(!signed());
    assert_eq!(sign("1").await.status, StatusCode::CREATED);
    assert!(signed());
    publish("2").await;
    assert_eq!(becomes(&scene, "li", "statement-texts", &first, "superseded").await["text_version"], "1");
    assert!(!signed(), "a new version suspends every unit until it signs again");
    assert_eq!(sign("1").await.code(), "INVALID_FIELD");
    let second = sign("2").await;
    assert!(signed());
    step(&scene, "approver", "unit-statements", &second.body, "revoke", Some("违规")).await;
    assert!(!signed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purpose_of_the_sites_own_is_given_to_a_unit_and_lapses() {
    let scene = Scene::new().await;
    let change = async |codes: &[&str]| {
        scene.call("approver", "PATCH", "/api/v1/units/gaj", Some(json!({"purposes": codes}))).await
    };
    assert_eq!(change(&["GA-1", "GA-9"]).await.code(), "INVALID_FIELD", "nobody knows it");
    let form = json!({"code": "GA-9", "zh": "大型活动", "en": "Large events", "ps": "Y", "valid_to": "2026-06-02T00:00:00+08:00"});
    filed(&scene, "approver", "site-purposes", form).await;
    assert_eq!(change(&["GA-1", "GA-9"]).await.status, StatusCode::OK);
    let mut terms = crate::scene::terms();
    terms["purposes"] = json!(["GA-9"]);
    scene.granted(terms).await;
    let mut wish = crate::scene::live("cam-1");
    wish["purpose"] = "GA-9".into();
    let opened = scene.post("li", "/api/v1/sessions", wish.clone()).await;
    assert_eq!(opened.status, StatusCode::CREATED, "{}", opened.text);
    scene.pass(Duration::from_secs(15 * 3_600));
    assert_eq!(scene.post("li", "/api/v1/sessions", wish).await.code(), "PURPOSE_EXPIRED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_staff_statement_takes_two_signatures_and_only_ones_own() {
    let scene = Scene::new().await;
    let text = json!({"signer": "staff", "text_version": "s1", "text": "本人承诺……"});
    let draft = filed(&scene, "approver", "statement-texts", text).await;
    step(&scene, "approver", "statement-texts", &draft, "publish", None).await;
    let form = |user: &str| json!({"user": user, "text_version": "s1", "valid_to": YEAR});
    let (store, li, now) = (&scene.deps.store, "li".parse().unwrap(), scene.clock_now());
    assert_eq!(scene.post("wang", "/api/v1/staff-statements", form("li")).await.code(), "ROLE_FORBIDS");
    let record = filed(&scene, "li", "staff-statements", form("li")).await;
    assert!(!super::staff_statement::is_signed(store, &li, now).unwrap());
    assert_eq!(inbox(&scene, "head").await.len(), 1);
    assert_eq!(step(&scene, "li", "staff-statements", &record, "countersign", None).await.code(), "ROLE_FORBIDS");
    step(&scene, "head", "staff-statements", &record, "countersign", None).await;
    assert!(super::staff_statement::is_signed(store, &li, now).unwrap());
    assert!(inbox(&scene, "head").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_holds_its_evidence_from_the_same_moment_and_the_bureau_hears_when_nobody_answers() {
    let scene = Scene::new().await;
    let incident = json!({"camera": "cam-1", "at": "2026-06-01T09:50:00+08:00", "event": "火情", "what": "有浓烟"});
    let unseen = scene.post("li", "/api/v1/incidents", incident.clone()).await;
    assert_eq!(unseen.code(), "CAMERA_UNKNOWN", "without a grant the camera is not theirs to see");
    scene.granted(crate::scene::terms()).await;
    let record = filed(&scene, "li", "incidents", incident).await;
    let holds = scene.read("li", "/api/v1/holds?camera=cam-1").await;
    let hold = &holds.body["items"][0];
    assert_eq!(hold["from"], "2026-06-01T01:40:00.000Z", "{}", holds.text);
    assert_eq!(hold["to"], "2026-06-01T02:00:00.000Z");
    assert_eq!(hold["incident"], format!("incidents/{}", record["id"].as_str().unwrap()));
    scene.pass(Duration::from_secs(30 * 60 + 1));
    filed(&scene, "clerk", "training-records", training("li")).await;
    becomes(&scene, "approver", "incidents", &record, "overdue").await;
    assert_eq!(inbox(&scene, "approver").await.len(), 1);
    assert_eq!(step(&scene, "head", "incidents", &record, "take_up", None).await.body["state"], "taken_up");
    assert!(inbox(&scene, "approver").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_gives_its_cameras_at_once_lapses_unconfirmed_and_bars_the_next_until_it_is_reviewed() {
    let scene = Scene::new().await;
    // The unit may use players of its own, on another camera: so it may in its emergencies.
    scene.post("keeper", "/api/v1/cameras", crate::scene::camera("cam-2")).await;
    let mut elsewhere = crate::scene::terms();
    elsewhere["cameras"] = json!(["cam-2"]);
    scene.granted(elsewhere).await;
    scene.add_user("chief", "gaj", Role::IncidentCommander, UserState::Approved);
    let form =
        json!({"event": "洪涝", "what": "沁河水位上涨", "cameras": ["cam-1"], "ends_at": "2026-06-01T20:00:00+08:00"});
    assert_eq!(scene.post("li", "/api/v1/emergencies", form.clone()).await.code(), "ROLE_FORBIDS");
    let record = filed(&scene, "chief", "emergencies", form.clone()).await;
    let id = record["id"].as_str().unwrap().to_owned();
    let grant = crate::grants::GrantId(id);
    let state = || scene.deps.grants.find(&grant).unwrap().state();
    assert_eq!(state(), crate::grants::GrantState::Active);
    assert_eq!(inbox(&scene, "approver").await.len(), 1);
    let unclaimed = scene.post("li", "/api/v1/sessions", crate::scene::live("cam-1")).await;
    assert_eq!(unclaimed.code(), "NO_GRANT", "whoever claims nothing has no part in it");
    let mut claim = crate::scene::live("cam-1");
    claim["emergency"] = grant.0.clone().into();
    let viewing = scene.post("li", "/api/v1/sessions", claim).await;
    assert_eq!(viewing.status, StatusCode::CREATED, "{}", viewing.text);
    let viewing = viewing.body;
    let token = crate::scene::token(&viewing["urls"]["rtsp"]);
    let running = scene.deps.leases.admit(&token, TERMINAL.parse().unwrap(), relay::lease::Protocol::Rtsp).unwrap();
    running.sent(1);
    scene.pass(Duration::from_secs(30 * 60 + 1));
    filed(&scene, "clerk", "training-records", training("li")).await;
    becomes(&scene, "approver", "emergencies", &record, "lapsed").await;
    assert_eq!(scene.stopped(&running).await, relay::lease::EndReason::Expired);
    assert_eq!(state(), crate::grants::GrantState::Expired);
    scene.pass(Duration::from_secs(24 * 3_600 + 1));
    filed(&scene, "clerk", "training-records", training("wang")).await;
    becomes(&scene, "approver", "emergencies", &record, "overdue").await;
    let next = json!({"event": "洪涝", "what": "又涨", "cameras": ["cam-1"], "ends_at": "2026-06-02T20:00:00+08:00"});
    assert_eq!(scene.post("chief", "/api/v1/emergencies", next.clone()).await.code(), "EMERGENCY_REVIEW_OVERDUE");
    let reviewed = step(&scene, "approver", "emergencies", &record, "review", Some("属实")).await;
    assert_eq!(reviewed.body["state"], "reviewed", "{}", reviewed.text);
    let second = filed(&scene, "chief", "emergencies", next).await;
    let confirmed = step(&scene, "approver", "emergencies", &second, "confirm", None).await;
    assert_eq!(confirmed.body["state"], "confirmed", "{}", confirmed.text);
}
