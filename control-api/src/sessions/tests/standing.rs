//! Every state of every register that gates: what lets a person view, what refuses, and that what runs ends when it changes.

use std::time::Duration;

use serde_json::json;

use super::{live, only_for, refused, with};
use crate::books::duty_shift::{DutyShift, ShiftState};
use crate::books::network_zone::{NetworkZone, ZoneState};
use crate::books::site_purpose::{SitePurpose, SitePurposeState};
use crate::books::staff_statement::{StaffStatement, StaffStatementState};
use crate::books::statement_text::{Signer, StatementText, TextState};
use crate::books::suspension::{Suspension, SuspensionState};
use crate::books::terminal::{Terminal, TerminalState};
use crate::books::training::{Training, TrainingState};
use crate::books::unit_statement::{StatementState, UnitStatement};
use crate::books::unit_suspension::{UnitSuspension, UnitSuspensionState};
use crate::register::{Record, RecordId, Register, State, rows};
use crate::registers::{UnitId, camera, unit};
use crate::scene::{Scene, TERMINAL, terms};
use crate::sessions::Settings;

fn police() -> UnitId {
    "gaj".parse().unwrap()
}

/// The one record that stands under `key`.
fn standing_under<R: Register>(scene: &Scene, key: &str) -> RecordId {
    let mut found = rows::find::<R>(&scene.deps.store, key).unwrap();
    assert_eq!(found.len(), 1, "{key}");
    found.remove(0).id
}

/// In each state but `good` the code answers, in each of those a session is given; and one that runs when it leaves them ends.
async fn gates<R: Register>(scene: &Scene, id: &RecordId, good: &[R::State], status: u16, code: &str) {
    for state in R::State::ALL {
        scene.restate::<R>(id, *state);
        if good.contains(state) {
            let opened = scene.opened("li").await;
            let bad = R::State::ALL.iter().find(|state| !good.contains(state)).unwrap();
            scene.restate::<R>(id, *bad);
            let record = scene.usage(opened["id"].as_str().unwrap(), |r| r["closed_at"].is_string()).await;
            let why = record["end_reason"].as_str().unwrap_or_default();
            assert!(["revoked", "suspended", "anomaly"].contains(&why), "{} {}: {why}", R::NAME, state.word());
        } else {
            refused(scene, "li", live("cam-1"), status, code).await;
        }
    }
    scene.restate::<R>(id, good[0]);
    scene.opened("li").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_state_of_what_is_signed_and_learnt_gates() {
    let scene = Scene::new().await;
    scene.granted(terms()).await;
    let (unit, user) = (Record::<UnitStatement>::unit_key(&police()), "user/li".to_owned());
    let id = standing_under::<UnitStatement>(&scene, &unit);
    gates::<UnitStatement>(&scene, &id, &[StatementState::Signed], 403, "STATEMENT_NOT_SIGNED").await;
    let id = standing_under::<StaffStatement>(&scene, &user);
    gates::<StaffStatement>(&scene, &id, &[StaffStatementState::InForce], 403, "STAFF_STATEMENT_NOT_SIGNED").await;
    let id = standing_under::<Training>(&scene, &user);
    gates::<Training>(&scene, &id, &[TrainingState::InForce], 403, "TRAINING_EXPIRED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_state_of_what_suspends_and_of_zones_gates() {
    let scene = Scene::new().await;
    scene.granted(terms()).await;
    let suspended = UnitSuspension { suspended_unit: police(), why: "核查".into() };
    let id = scene.file(&police(), UnitSuspensionState::InForce, suspended);
    gates::<UnitSuspension>(&scene, &id, &[UnitSuspensionState::Lifted], 403, "UNIT_SUSPENDED").await;
    let suspended = Suspension { user: "li".parse().unwrap(), rule: "manual".into(), evidence: "x".into() };
    let id = scene.file(&police(), SuspensionState::Suspended, suspended);
    gates::<Suspension>(&scene, &id, &[SuspensionState::Lifted], 403, "ANOMALY_SUSPENDED").await;
    let id = standing_under::<NetworkZone>(&scene, "in-force");
    gates::<NetworkZone>(&scene, &id, &[ZoneState::InForce], 403, "NETWORK_ZONE").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_text_leaves_everybody_unsigned_until_they_sign_it() {
    let scene = Scene::new().await;
    scene.granted(terms()).await;
    let opened = scene.opened("li").await;
    let old = standing_under::<StatementText>(&scene, "in-force/unit");
    let (text, hash) = ("新文本".to_owned(), String::new());
    let new = StatementText { signer: Signer::Unit, text_version: "2026-2".into(), text, hash };
    scene.restate::<StatementText>(&old, TextState::Superseded);
    scene.file(&unit::BUREAU.parse().unwrap(), TextState::InForce, new);
    let record = scene.usage(opened["id"].as_str().unwrap(), |r| r["closed_at"].is_string()).await;
    assert_eq!(record["end_reason"], "revoked");
    refused(&scene, "li", live("cam-1"), 403, "STATEMENT_NOT_SIGNED").await;
    let signed = UnitStatement {
        text_version: "2026-2".into(),
        principal: "王局".into(),
        valid_to: (scene.clock_now() + Duration::from_secs(86_400)).into(),
    };
    scene.file(&police(), StatementState::Signed, signed);
    scene.opened("li").await;
    scene.pass(Duration::from_secs(86_400));
    refused(&scene, "li", live("cam-1"), 403, "STATEMENT_NOT_SIGNED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_without_a_principal_views_nothing() {
    let scene = Scene::new().await;
    scene.granted(terms()).await;
    let named = unit::load(&scene.deps.store, &police()).unwrap().unwrap().value;
    let nameless = crate::registers::Unit { principal: None, ..named.clone() };
    scene.deps.store.put_json(&unit::key(&police()), &nameless).unwrap();
    refused(&scene, "li", live("cam-1"), 403, "PRINCIPAL_MISSING").await;
    let of_duty = crate::registers::Unit { duty_areas: vec!["济源/天坛".parse().unwrap()], ..named.clone() };
    scene.deps.store.put_json(&unit::key(&police()), &of_duty).unwrap();
    refused(&scene, "li", live("cam-1"), 403, "OUT_OF_JURISDICTION").await;
    scene.deps.store.put_json(&unit::key(&police()), &named).unwrap();
    scene.opened("li").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_terminals_are_registered_every_state_of_one_gates() {
    let scene =
        Scene::with(Settings { terminals_registered: true, per_user_max: Some(1), ..Settings::default() }).await;
    scene.granted(terms()).await;
    refused(&scene, "li", live("cam-1"), 403, "TERMINAL_UNREGISTERED").await;
    let (name, address) = ("值班台1".to_owned(), TERMINAL.parse().unwrap());
    let foreign = Terminal { name: name.clone(), address, at_unit: "jtj".parse().unwrap() };
    scene.file(&foreign.at_unit.clone(), TerminalState::InForce, foreign);
    refused(&scene, "li", live("cam-1"), 403, "TERMINAL_UNREGISTERED").await;
    let id = scene.file(&police(), TerminalState::InForce, Terminal { name, address, at_unit: police() });
    gates::<Terminal>(&scene, &id, &[TerminalState::InForce], 403, "TERMINAL_UNREGISTERED").await;
    refused(&scene, "li", live("cam-1"), 429, "CONCURRENCY_LIMIT").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_for_those_on_duty_asks_for_the_roster_and_ends_with_the_shift() {
    let scene = Scene::new().await;
    scene.granted(only_for("li", |terms| terms["on_duty"] = json!(true))).await;
    refused(&scene, "li", live("cam-1"), 403, "OUTSIDE_DUTY_ROSTER").await;
    let now = scene.clock_now();
    let shift = DutyShift {
        user: "li".parse().unwrap(),
        from: (now - Duration::from_secs(60)).into(),
        to: (now + Duration::from_secs(1_200)).into(),
        post: "指挥中心".into(),
    };
    let id = scene.file(&police(), ShiftState::Planned, shift);
    let opened = scene.opened("li").await;
    assert_eq!(opened["expires_at"], "2026-06-01T02:20:00.000Z", "no longer than the shift");
    scene.restate::<DutyShift>(&id, ShiftState::Cancelled);
    let record = scene.usage(opened["id"].as_str().unwrap(), |r| r["closed_at"].is_string()).await;
    assert_eq!(record["end_reason"], "revoked");
    refused(&scene, "li", live("cam-1"), 403, "OUTSIDE_DUTY_ROSTER").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_site_says_of_a_purpose_counts() {
    let scene = Scene::with(Settings { non_security_sub_stream: true, ..Settings::default() }).await;
    scene.granted(terms()).await;
    scene.opened("li").await;
    let said = SitePurpose {
        code: "GA-1".parse().unwrap(),
        zh: "治安".into(),
        en: "order".into(),
        ps: crate::registers::purpose::PublicSecurity::N,
        valid_from: None,
        valid_to: Some((scene.clock_now() + Duration::from_secs(600)).into()),
    };
    let id = scene.file(&unit::BUREAU.parse().unwrap(), SitePurposeState::InForce, said);
    refused(&scene, "li", live("cam-1"), 403, "PURPOSE_PROFILE_LIMIT").await;
    let small = with(|ask| ask["profile"] = json!("sub"));
    assert_eq!(scene.post("li", "/api/v1/sessions", small.clone()).await.status, 201);
    scene.pass(Duration::from_secs(600));
    let expired = refused(&scene, "li", small, 403, "PURPOSE_EXPIRED").await;
    assert_eq!(expired["articles"], json!(["J-14", "J-23"]));
    scene.restate::<SitePurpose>(&id, SitePurposeState::Repealed);
    scene.opened("li").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stretch_that_was_deleted_as_due_says_so_and_one_before_the_camera_does_not() {
    let scene = Scene::new().await;
    scene.granted(terms()).await;
    let old = super::recorded("2026-05-20T09:00:00+08:00", "2026-05-20T09:10:00+08:00");
    assert_eq!(scene.post("li", "/api/v1/sessions", old.clone()).await.status, 201, "there was no camera then");
    let id = "cam-1".parse().unwrap();
    let row = camera::load(&scene.deps.store, &id).unwrap().unwrap().value;
    let earlier = crate::registers::Camera { created_at: scene.clock_now() - Duration::from_secs(40 * 86_400), ..row };
    scene.deps.store.put_json(&camera::key(&id), &earlier).unwrap();
    let gone = refused(&scene, "li", old, 410, "RECORDING_PURGED").await;
    assert_eq!(gone["articles"], json!(["O-17", "PIPL-19"]));
    let recent = super::recorded("2026-06-01T08:00:00+08:00", "2026-06-01T08:10:00+08:00");
    assert_eq!(scene.post("li", "/api/v1/sessions", recent).await.status, 201);
}

/// J-25: a camera out of the unit's areas cannot be told from one that is not there, by bytes or by time.
#[tokio::test(flavor = "multi_thread")]
async fn unknown_and_out_of_area_answer_with_the_same_bytes_in_the_same_time() {
    let scene = Scene::new().await;
    let mut far = crate::scene::camera("far-1");
    far["area"] = json!("焦作/山阳");
    assert_eq!(scene.post("keeper", "/api/v1/cameras", far).await.status, 201);
    let police = unit::load(&scene.deps.store, &police()).unwrap().unwrap().value;
    let here = crate::registers::Unit { areas: vec!["济源".parse().unwrap()], ..police };
    scene.deps.store.put_json(&unit::key(&here.id), &here).unwrap();
    scene.granted(terms()).await;
    let mut times = [Vec::new(), Vec::new()];
    for turn in 0..400 {
        // In turns, so that whatever else the machine does falls on both alike.
        let which = turn % 2;
        let (camera, other) = if which == 0 { ("far-1", "non-1") } else { ("non-1", "far-1") };
        let started = real_time();
        let answer = scene.post("li", "/api/v1/sessions", live(camera)).await;
        times[which].push(real_time().saturating_sub(started));
        assert_eq!((answer.status.as_u16(), answer.code()), (404, "CAMERA_UNKNOWN"));
        let mut body = answer.body;
        body["request_id"] = json!(null);
        if turn < 2 {
            let mut twin = scene.post("li", "/api/v1/sessions", live(other)).await.body;
            twin["request_id"] = json!(null);
            assert_eq!(body.to_string(), twin.to_string());
        }
    }
    let [far, unknown] = times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64()
    });
    let ratio = far / unknown;
    assert!((0.7..1.43).contains(&ratio), "medians {far:.6} s and {unknown:.6} s");
}

#[expect(clippy::disallowed_methods, reason = "this test measures how long an answer really takes")]
fn real_time() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap()
}
