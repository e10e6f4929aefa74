//! Sessions over the real router: given, refused by every code, ended by everything they hang on, and on record throughout.

mod many;
mod standing;

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use relay::lease::{EndReason, Protocol, Refused};
use serde_json::{Value, json};

use crate::registers::user::UserState;
use crate::registers::{Role, Roles};
use crate::scene::{SEGMENT_BYTES, Scene, TERMINAL, live, terms, token};

fn peer(text: &str) -> std::net::IpAddr {
    text.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_on_the_ledger_before_it_is_given_and_its_usage_record_has_six_columns() {
    let scene = Scene::new().await;
    let (_, grant) = scene.granted(terms()).await;
    let opened = scene.opened("li").await;
    let id = opened["id"].as_str().unwrap();
    assert!(opened["urls"]["rtsp"].as_str().unwrap().starts_with("rtsp://sluice.test:8554/s/"));
    for (way, begins) in [
        ("mse", "ws://sluice.test:8080/s/"),
        ("hls", "http://sluice.test:8080/s/"),
        ("whep", "http://sluice.test:8080/s/"),
    ] {
        assert!(opened["urls"][way].as_str().unwrap().starts_with(begins), "{way}");
    }
    assert!(opened["urls"]["download"].is_null());
    assert_eq!(opened["expires_at"], "2026-06-01T03:00:00.000Z", "a lease of one hour");

    let events = scene.events();
    let of_session = |kind: &str| {
        let mut found = events.iter().filter(|e| e.session.as_deref() == Some(id) && e.kind.as_str() == kind);
        found.next().unwrap_or_else(|| panic!("{kind} of {id}")).clone()
    };
    let allowed = of_session("decision.allowed");
    assert_eq!(allowed.detail["permit"]["grant"], grant);
    assert_eq!(allowed.detail["permit"]["policy_version"], crate::policy::SHIPPED_VERSION);
    assert_eq!(of_session("session.opened").detail["usage"]["mark"], opened["mark"]);
    let secret = token(&opened["urls"]["rtsp"]);
    assert!(!format!("{events:?}").contains(&secret), "the token is on no record");

    let admitted = scene.deps.leases.admit(&secret, peer(TERMINAL), Protocol::Rtsp).unwrap();
    admitted.sent(4_321);
    scene.usage(id, |r| r["started_at"].is_string()).await;
    admitted.end_session(EndReason::User);
    let record = scene.usage(id, |r| r["closed_at"].is_string()).await;
    assert_eq!(record["purpose"], "GA-1");
    assert_eq!(record["user"], "li");
    assert_eq!(record["approver"], "approver");
    assert_eq!(record["content"]["camera"], "cam-1");
    assert_eq!(record["opened_at"], "2026-06-01T02:00:00.000Z");
    assert_eq!(record["medium"], "live_stream");
    assert_eq!((&record["bytes"], &record["end_reason"]), (&json!(4_321), &json!("user")));
    scene.event(|e| e.kind.as_str() == "session.closed" && e.session.as_deref() == Some(id)).await;
}

/// Terms as `terms`, for one person alone.
fn only_for(user: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut terms = terms();
    terms["users"] = json!([user]);
    change(&mut terms);
    terms
}

fn recorded(from: &str, to: &str) -> Value {
    json!({"camera": "cam-1", "verb": "playback", "purpose": "GA-1", "reason": "调查", "from": from, "to": to})
}

fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut ask = live("cam-1");
    change(&mut ask);
    ask
}

/// A refusal over HTTP is an event of the ledger, once, with the same code.
async fn refused(scene: &Scene, who: &str, ask: Value, status: u16, code: &str) -> Value {
    let counted = || scene.deps.sessions.metrics.decisions.with_label_values(&[code]).get();
    let before = counted();
    let answer = scene.post(who, "/api/v1/sessions", ask).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (status, code), "{}", answer.text);
    assert!(answer.body["articles"].as_array().is_some_and(|articles| !articles.is_empty()));
    let request = answer.body["request_id"].as_str();
    let told: Vec<_> = scene.events().into_iter().filter(|e| e.request_id.as_deref() == request).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].code.as_deref(), Some(code));
    assert_eq!(counted(), before + 1);
    answer.body
}

#[tokio::test(flavor = "multi_thread")]
async fn every_code_about_the_caller_and_the_camera_is_reached() {
    let scene = Scene::new().await;
    refused(&scene, "", live("cam-1"), 401, "AUTH_REQUIRED").await;
    refused(&scene, "clerk", live("cam-1"), 403, "ROLE_FORBIDS").await;
    refused(&scene, "li", live("cam-9"), 404, "CAMERA_UNKNOWN").await;
    refused(&scene, "li", live("../etc"), 404, "CAMERA_UNKNOWN").await;
    refused(&scene, "li", live("cam-1"), 403, "NO_GRANT").await;
    scene.add_user("new", "gaj", Role::Operator, UserState::Pending);
    refused(&scene, "new", live("cam-1"), 403, "USER_NOT_APPROVED").await;
    scene.change_user("new", |user| user.state = UserState::Disabled);
    refused(&scene, "new", live("cam-1"), 403, "ACCOUNT_DISABLED").await;
    scene.add_user("lost", "nowhere", Role::Operator, UserState::Approved);
    refused(&scene, "lost", live("cam-1"), 403, "UNIT_NOT_REGISTERED").await;
    scene.granted(terms()).await;
    let until = scene.clock_now() + Duration::from_secs(600);
    scene.change_user("li", |user| user.locked_until = Some(until));
    refused(&scene, "li", live("cam-1"), 401, "ACCOUNT_LOCKED").await;
    refused(&scene, "driver", live("cam-1"), 403, "NO_GRANT").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_code_about_the_grant_is_reached() {
    let scene = Scene::new().await;
    for name in ["early", "late", "narrow", "held", "gone", "full"] {
        scene.add_user(name, "gaj", Role::Operator, UserState::Approved);
    }
    scene.granted(only_for("early", |t| t["valid_from"] = json!("2026-06-02T00:00:00+08:00"))).await;
    refused(&scene, "early", live("cam-1"), 403, "GRANT_NOT_YET_VALID").await;

    scene.granted(only_for("late", |t| t["valid_to"] = json!("2026-06-01T12:00:00+08:00"))).await;
    let because = json!({"reason": "核查"});
    for (user, who, step, code) in
        [("held", "guard", "suspend", "GRANT_SUSPENDED"), ("gone", "approver", "revoke", "GRANT_REVOKED")]
    {
        let (_, grant) = scene.granted(only_for(user, |_| ())).await;
        let changed = scene.post(who, &format!("/api/v1/grants/{grant}/{step}"), because.clone()).await;
        assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
        refused(&scene, user, live("cam-1"), 403, code).await;
    }
    let narrow = |t: &mut Value| {
        t["verbs"] = json!(["playback"]);
        t["playback_depth_s"] = json!(3_600);
        t["hours"] = json!({"from": "09:00", "to": "18:00"});
    };
    scene.granted(only_for("narrow", narrow)).await;
    refused(&scene, "narrow", live("cam-1"), 403, "VERB_NOT_GRANTED").await;
    let deep = recorded("2026-06-01T07:00:00+08:00", "2026-06-01T07:10:00+08:00");
    refused(&scene, "narrow", deep.clone(), 403, "PLAYBACK_DEPTH").await;

    scene.granted(only_for("full", |t| t["max_concurrent"] = json!(1))).await;
    refused(&scene, "full", with(|a| a["purpose"] = json!("")), 422, "PURPOSE_REQUIRED").await;
    refused(&scene, "full", with(|a| a["reason"] = json!(" ")), 422, "REASON_REQUIRED").await;
    let foreign = refused(&scene, "full", with(|a| a["purpose"] = json!("LY-1")), 403, "PURPOSE_NOT_IN_DUTIES").await;
    assert_eq!(foreign["articles"], json!(["J-20", "J-23"]));
    scene.opened("full").await;
    refused(&scene, "full", live("cam-1"), 429, "CONCURRENCY_LIMIT").await;

    scene.pass(Duration::from_secs(10 * 3_600));
    refused(&scene, "narrow", deep, 403, "OUTSIDE_TIME_WINDOW").await;
    refused(&scene, "late", live("cam-1"), 403, "GRANT_EXPIRED").await;
    scene.lose("cam-1");
    refused(&scene, "gone", live("cam-1"), 403, "GRANT_REVOKED").await;
    scene.granted(only_for("wang", |_| ())).await;
    refused(&scene, "wang", live("cam-1"), 503, "CAMERA_OFFLINE").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_takes_nothing_means_that_nothing_is_given() {
    let scene = Scene::new().await;
    scene.granted(terms()).await;
    scene.deps.ledger.close();
    let answer = scene.post("li", "/api/v1/sessions", live("cam-1")).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (503, "AUDIT_UNAVAILABLE"), "{}", answer.text);
    assert!(scene.deps.leases.snapshots().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_a_grant_ends_what_runs_under_it_and_nothing_else() {
    let scene = Scene::new().await;
    let (application, grant) = scene.granted(only_for("li", |_| ())).await;
    scene.granted(only_for("wang", |_| ())).await;
    let (opened, other) = (scene.opened("li").await, scene.opened("wang").await);
    let secret = token(&opened["urls"]["rtsp"]);
    let running = scene.deps.leases.admit(&secret, peer(TERMINAL), Protocol::Rtsp).unwrap();
    running.sent(100);

    let none = scene.post("approver", &format!("/api/v1/grants/{grant}/revoke"), json!({})).await;
    assert_eq!((none.status.as_u16(), none.code()), (422, "REASON_REQUIRED"));
    let forbidden = scene.post("guard", &format!("/api/v1/grants/{grant}/revoke"), json!({"reason": "x"})).await;
    assert_eq!((forbidden.status.as_u16(), forbidden.code()), (403, "ROLE_FORBIDS"));
    assert!(!running.has_ended());

    let revoked = scene.post("approver", &format!("/api/v1/grants/{grant}/revoke"), json!({"reason": "违规"})).await;
    assert_eq!(revoked.status, StatusCode::OK, "{}", revoked.text);
    assert_eq!(running.end_reason(), Some(EndReason::Revoked), "ended when the answer came");
    drop(running);
    let record = scene.usage(opened["id"].as_str().unwrap(), |r| r["closed_at"].is_string()).await;
    assert_eq!((&record["end_reason"], &record["bytes"]), (&json!("revoked"), &json!(100)));
    let left: Vec<_> = scene.deps.leases.snapshots().into_iter().map(|s| s.session.0).collect();
    assert_eq!(left, [other["id"].as_str().unwrap()]);
    let again = scene.deps.leases.admit(&secret, peer(TERMINAL), Protocol::Rtsp).err();
    assert_eq!(again, Some(Refused::Ended(EndReason::Revoked)));
    let refused = scene.event(|e| e.kind.as_str() == "media.refused").await;
    assert_eq!(refused.code.as_deref(), Some("SESSION_ENDED"));
    assert_eq!(scene.deps.sessions.metrics.revocation.get_sample_count(), 1);
    let kept = scene.read("clerk", &format!("/api/v1/applications/resource/{application}")).await;
    assert_eq!(kept.body["stage"], "granted");
}

/// Whoever follows the store may be faster than whoever asked: here nobody but the follower ends the session.
#[tokio::test(flavor = "multi_thread")]
async fn whose_hand_took_the_grant_away_is_told_whoever_ended_the_session() {
    let scene = Scene::new().await;
    let (_, grant) = scene.granted(terms()).await;
    let opened = scene.opened("li").await;
    let id = opened["id"].as_str().unwrap();
    let user: crate::registers::UserId = "guard".parse().unwrap();
    let actor = crate::ledger::Actor { user: user.to_string(), unit: None, role: None };
    let hand = crate::grants::book::Hand { actor, user, terminal: TERMINAL.into(), reason: "核查".into() };
    let grant = crate::grants::GrantId(grant);
    let now = scene.clock_now();
    scene.deps.grants.step(&grant, crate::grants::GrantStep::Suspend, Some(&hand), now, |_| ()).await.unwrap();
    let record = scene.usage(id, |r| r["closed_at"].is_string()).await;
    assert_eq!(record["end_reason"], "suspended");
    let shown = scene.read("li", &format!("/api/v1/sessions/{id}")).await.body;
    assert_eq!((&shown["ended_by"]["user"], &shown["ended_by"]["reason"]), (&json!("guard"), &json!("核查")));
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_session_hangs_on_ends_it() {
    let scene = Scene::new().await;
    scene.granted(terms()).await;
    let ended = async |id: &str| {
        let record = scene.usage(id, |r| r["closed_at"].is_string()).await;
        record["end_reason"].as_str().unwrap().to_owned()
    };
    let opened = scene.opened("li").await;
    scene.change_user("li", |user| user.state = UserState::Disabled);
    assert_eq!(ended(opened["id"].as_str().unwrap()).await, "revoked");
    scene.change_user("li", |user| user.state = UserState::Approved);

    let opened = scene.opened("li").await;
    scene.change_user("li", |user| user.roles = Roles::try_from(vec![Role::UnitAdmin]).unwrap());
    assert_eq!(ended(opened["id"].as_str().unwrap()).await, "revoked");

    let opened = scene.opened("wang").await;
    let unit = crate::registers::unit::load(&scene.deps.store, &"gaj".parse().unwrap()).unwrap().unwrap().value;
    let withdrawn = crate::registers::Unit { state: crate::registers::unit::UnitState::Withdrawn, ..unit.clone() };
    scene.deps.store.put_json(&crate::registers::unit::key(&unit.id), &withdrawn).unwrap();
    assert_eq!(ended(opened["id"].as_str().unwrap()).await, "revoked");
    scene.deps.store.put_json(&crate::registers::unit::key(&unit.id), &unit).unwrap();

    let opened = scene.opened("wang").await;
    let until = scene.clock_now() + Duration::from_secs(600);
    scene.change_user("wang", |user| user.locked_until = Some(until));
    let gone = scene.call("keeper", "DELETE", "/api/v1/cameras/cam-1", None).await;
    assert!(gone.status.is_success(), "{}", gone.text);
    assert_eq!(ended(opened["id"].as_str().unwrap()).await, "camera_lost", "and not by the lock before");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_runs_out_ends_its_sessions_and_its_application() {
    let scene = Scene::new().await;
    let (application, grant) =
        scene.granted(only_for("li", |t| t["valid_to"] = json!("2026-06-01T10:30:00+08:00"))).await;
    let opened = scene.opened("li").await;
    assert_eq!(opened["expires_at"], "2026-06-01T02:30:00.000Z", "no longer than the grant");
    let running = scene.deps.leases.admit(&token(&opened["urls"]["rtsp"]), peer(TERMINAL), Protocol::Rtsp).unwrap();
    scene.pass(Duration::from_secs(1_800));
    // A new grant wakes the timer, which else looks every half minute of real time.
    scene.granted(only_for("wang", |_| ())).await;
    assert_eq!(scene.stopped(&running).await, EndReason::Expired);
    drop(running);
    let record = scene.usage(opened["id"].as_str().unwrap(), |r| r["closed_at"].is_string()).await;
    assert_eq!(record["end_reason"], "expired");
    scene.event(|e| e.kind.as_str() == "grant.expired" && e.object.as_deref() == Some(&format!("grant/{grant}"))).await;
    scene.event(|e| e.kind.as_str() == "application.moved" && e.action.as_deref() == Some("expire")).await;
    let kept = scene.read("clerk", &format!("/api/v1/applications/resource/{application}")).await;
    assert_eq!(kept.body["stage"], "expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_is_worth_nothing_at_another_terminal_or_protocol() {
    let scene = Scene::new().await;
    scene.granted(terms()).await;
    let opened = scene.opened("li").await;
    let secret = token(&opened["urls"]["rtsp"]);
    let elsewhere = scene.deps.leases.admit(&secret, peer("10.0.0.2"), Protocol::Rtsp).err();
    assert_eq!(elsewhere, Some(Refused::WrongTerminal));
    let id = opened["id"].as_str();
    let told = scene.event(|e| e.kind.as_str() == "media.refused" && e.session.as_deref() == id).await;
    assert_eq!((told.code.as_deref(), told.terminal.as_deref()), (Some("TERMINAL_MISMATCH"), Some("10.0.0.2")));
    let file = scene.send(TERMINAL, get(&format!("/s/{secret}/recording.mp4"))).await;
    assert_eq!(file.status(), StatusCode::NOT_FOUND, "not leased for a download");
}

fn get(path: &str) -> Request<Body> {
    Request::builder().uri(path).body(Body::empty()).unwrap()
}

async fn playing(scene: &Scene) -> (String, String) {
    let ask = recorded("2026-06-01T09:00:00+08:00", "2026-06-01T09:10:00+08:00");
    let opened = scene.post("li", "/api/v1/sessions", ask).await;
    assert_eq!(opened.status, StatusCode::CREATED, "{}", opened.text);
    let url = opened.body["urls"]["hls"].as_str().unwrap();
    let path = url.strip_prefix("http://sluice.test:8080").unwrap().strip_suffix("/index.m3u8").unwrap();
    (opened.body["id"].as_str().unwrap().to_owned(), path.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_goes_to_players_of_others_where_the_grant_says_raw() {
    let scene = Scene::new().await;
    let ask = || recorded("2026-06-01T09:00:00+08:00", "2026-06-01T09:10:00+08:00");
    scene.granted(only_for("li", |terms| terms["verbs"] = json!(["playback", "raw"]))).await;
    let urls = scene.post("li", "/api/v1/sessions", ask()).await.body["urls"].clone();
    assert!(urls["rtsp"].as_str().is_some_and(|url| url.starts_with("rtsp://sluice.test:8554/s/")), "{urls}");
    let plain = Scene::new().await;
    plain.granted(only_for("li", |terms| terms["verbs"] = json!(["playback"]))).await;
    let urls = plain.post("li", "/api/v1/sessions", ask()).await.body["urls"].clone();
    assert_eq!((urls["rtsp"].is_null(), urls["hls"].is_string()), (true, true), "{urls}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playback_is_had_piece_by_piece_and_counted() {
    let scene = Scene::new().await;
    scene.granted(terms()).await;
    let (id, path) = playing(&scene).await;
    let list = scene.send(TERMINAL, get(&format!("{path}/index.m3u8"))).await;
    assert_eq!(list.headers()["content-type"], "application/vnd.apple.mpegurl");
    assert_eq!(list.into_body().collect().await.unwrap().to_bytes(), "#EXTM3U\n");
    let segment = scene.send(TERMINAL, get(&format!("{path}/seg-0.m4s"))).await;
    assert_eq!(segment.into_body().collect().await.unwrap().to_bytes().len() as u64, SEGMENT_BYTES);
    for (file, from, status) in [("seg-1.m4s", TERMINAL, 404), ("x", TERMINAL, 404), ("seg-0.m4s", "10.0.0.2", 403)] {
        assert_eq!(scene.send(from, get(&format!("{path}/{file}"))).await.status().as_u16(), status, "{file}");
    }
    let shown = scene.read("li", &format!("/api/v1/sessions/{id}")).await;
    assert_eq!((&shown.body["state"], &shown.body["bytes"]), (&json!("active"), &json!(SEGMENT_BYTES)));
    let ended = scene.call("li", "DELETE", &format!("/api/v1/sessions/{id}"), None).await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    let record = scene.usage(&id, |r| r["closed_at"].is_string()).await;
    assert_eq!((&record["bytes"], &record["medium"]), (&json!(SEGMENT_BYTES), &json!("playback_stream")));
    assert_eq!(record["end_reason"], "user");
    let after = scene.send(TERMINAL, get(&format!("{path}/seg-0.m4s"))).await;
    assert_eq!(after.status(), StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_a_recording_is_marked_or_refused() {
    let scene = Scene::new().await;
    scene.granted(terms()).await;
    let (id, path) = playing(&scene).await;
    let shown = scene.read("li", &format!("/api/v1/sessions/{id}")).await;
    let piece = scene.send(TERMINAL, get(&format!("{path}/mark.m4s"))).await;
    let text = piece.into_body().collect().await.unwrap().to_bytes();
    let read = scene.deps.marks.read(text.as_ref().try_into().unwrap()).unwrap();
    assert_eq!(shown.body["mark"], read.session.to_string(), "{}", shown.text);
    let refused = scene.call("", "GET", &format!("{path}/sound.m4s"), None).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "WATERMARK_UNSUPPORTED"));
    assert_eq!(refused.body["articles"], json!(["J-26"]));
    scene.event(|event| event.code.as_deref() == Some("WATERMARK_UNSUPPORTED")).await;
}

/// A session for a stretch of so many seconds as a file: its id and the path of its URL.
async fn downloading(scene: &Scene, seconds: u32) -> (String, String) {
    let to = format!("2026-06-01T09:{:02}:{:02}+08:00", seconds / 60, seconds % 60);
    let mut ask = recorded("2026-06-01T09:00:00+08:00", &to);
    ask["verb"] = json!("download");
    let opened = scene.post("li", "/api/v1/sessions", ask).await;
    assert_eq!(opened.status, StatusCode::CREATED, "{}", opened.text);
    let urls = &opened.body["urls"];
    assert!(urls["hls"].is_null() && urls["rtsp"].is_null(), "{urls}");
    let path = urls["download"].as_str().unwrap().strip_prefix("http://sluice.test:8080").unwrap();
    (opened.body["id"].as_str().unwrap().to_owned(), path.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_had_by_its_own_verb_whole_or_in_parts() {
    let scene = Scene::new().await;
    let (_, grant) = scene.granted(terms()).await;
    let mut ask = recorded("2026-06-01T09:00:00+08:00", "2026-06-01T09:05:00+08:00");
    ask["verb"] = json!("download");
    refused(&scene, "li", ask, 403, "VERB_NOT_GRANTED").await;
    scene.post("approver", &format!("/api/v1/grants/{grant}/revoke"), json!({"reason": "换发"})).await;
    let mut wider = terms();
    wider["verbs"] = json!(["live", "playback", "download"]);
    scene.granted(wider).await;

    let (id, path) = downloading(&scene, 300).await;
    let ranged = |range: &str| Request::get(&path).header("range", range).body(Body::empty()).unwrap();
    let head = scene.send(TERMINAL, Request::head(&path).body(Body::empty()).unwrap()).await;
    assert_eq!((head.status(), &head.headers()["accept-ranges"]), (StatusCode::OK, &"bytes".parse().unwrap()));
    assert_eq!(head.headers()["content-length"], SEGMENT_BYTES.to_string());
    let etag = head.headers()["etag"].to_str().unwrap().to_owned();
    assert!(etag.starts_with('"'), "a strong tag: {etag}");
    let part = scene.send(TERMINAL, ranged("bytes=100-299999")).await;
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()["content-range"], format!("bytes 100-299999/{SEGMENT_BYTES}"));
    assert_eq!(part.into_body().collect().await.unwrap().to_bytes().len(), 299_900);
    let beyond = scene.send(TERMINAL, ranged(&format!("bytes={SEGMENT_BYTES}-"))).await;
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(beyond.headers()["content-range"], format!("bytes */{SEGMENT_BYTES}"));
    let other = Request::get(&path).header("range", "bytes=5-").header("if-range", "\"x\"").body(Body::empty());
    assert_eq!(scene.send(TERMINAL, other.unwrap()).await.status(), StatusCode::OK);
    // A right to the one is no right to the other.
    let list = path.replace("recording.mp4", "index.m3u8");
    assert_eq!(scene.send(TERMINAL, get(&list)).await.status(), StatusCode::NOT_FOUND);
    let (_, watched) = playing(&scene).await;
    assert_eq!(scene.send(TERMINAL, get(&format!("{watched}/recording.mp4"))).await.status(), StatusCode::NOT_FOUND);

    let record = scene.usage(&id, |r| r["started_at"].is_string()).await;
    assert_eq!((&record["medium"], &record["protocol"]), (&json!("file"), &json!("download")));
    scene.call("li", "DELETE", &format!("/api/v1/sessions/{id}"), None).await;
    let shown = scene.read("li", &format!("/api/v1/sessions/{id}")).await;
    assert_eq!(shown.body["verb"], "download", "{}", shown.text);

    let (_, changed) = downloading(&scene, 60).await;
    let refused = scene.call("", "GET", &changed, None).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::CONFLICT, "CONFLICT"));
    assert!(refused.text.contains("2026-06-01T01:00:20.000Z"), "where to divide: {}", refused.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_past_is_no_file() {
    let scene = Scene::new().await;
    let mut wider = terms();
    wider["verbs"] = json!(["download"]);
    scene.granted(wider).await;
    let mut ask = recorded("2026-06-01T09:59:00+08:00", "2026-06-01T10:30:00+08:00");
    ask["verb"] = json!("download");
    let refused = scene.post("li", "/api/v1/sessions", ask).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::UNPROCESSABLE_ENTITY, "INVALID_FIELD"));
    assert_eq!(refused.body["field"], "to");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_breaks_off_a_download_in_its_middle() {
    let scene = Scene::new().await;
    let (_, grant) = scene.granted(terms()).await;
    let (id, path) = playing(&scene).await;
    let mut body = scene.send(TERMINAL, get(&format!("{path}/seg-0.m4s"))).await.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    scene.post("approver", &format!("/api/v1/grants/{grant}/revoke"), json!({"reason": "违规"})).await;
    assert!(body.frame().await.unwrap().is_err(), "broken off, not ended");
    drop(body);
    let record = scene.usage(&id, |r| r["closed_at"].is_string()).await;
    assert_eq!((&record["bytes"], &record["end_reason"]), (&json!(first.len()), &json!("revoked")));
}

#[tokio::test(flavor = "multi_thread")]
async fn renewing_decides_anew_and_moves_the_end() {
    let scene = Scene::new().await;
    scene.granted(terms()).await;
    let opened = scene.opened("li").await;
    let path = format!("/api/v1/sessions/{}/renew", opened["id"].as_str().unwrap());
    let running = scene.deps.leases.admit(&token(&opened["urls"]["rtsp"]), peer(TERMINAL), Protocol::Rtsp).unwrap();
    running.sent(1);
    scene.pass(Duration::from_secs(1_800));
    scene.lose("cam-1");
    let renewed = scene.call("li", "POST", &path, None).await;
    assert_eq!(renewed.body["expires_at"], "2026-06-01T03:30:00.000Z", "{}", renewed.text);
    assert_eq!(scene.call("wang", "POST", &path, None).await.status, StatusCode::NOT_FOUND, "not theirs");
    let seen = scene.read("auditor", "/api/v1/sessions").await;
    assert_eq!(seen.body["items"][0]["expires_at"], "2026-06-01T03:30:00.000Z");
    assert_eq!(scene.read("wang", "/api/v1/sessions").await.body["items"], json!([]));
    for _ in 0..14 {
        scene.pass(Duration::from_secs(1_800));
        let renewed = scene.call("li", "POST", &path, None).await;
        assert_eq!(renewed.status, StatusCode::OK, "{}", renewed.text);
        assert!(renewed.body["expires_at"].as_str().unwrap() <= "2026-06-01T10:00:00.000Z", "{}", renewed.text);
    }
    scene.pass(Duration::from_secs(1_800));
    assert_eq!(scene.stopped(&running).await, EndReason::Expired);
    drop(running);
    let record = scene.usage(opened["id"].as_str().unwrap(), |r| r["closed_at"].is_string()).await;
    assert_eq!(record["end_reason"], "expired", "over after 8 hours, however often it is renewed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_who_leaves_frees_the_place_under_the_grant() {
    let scene = Scene::new().await;
    scene.granted(only_for("li", |t| t["max_concurrent"] = json!(1))).await;
    let opened = scene.opened("li").await;
    let running = scene.deps.leases.admit(&token(&opened["urls"]["rtsp"]), peer(TERMINAL), Protocol::Rtsp).unwrap();
    running.sent(1);
    refused(&scene, "li", live("cam-1"), 429, "CONCURRENCY_LIMIT").await;
    // The relay ends it; the control API hears of it by the relay's event alone.
    running.end_session(EndReason::TooSlow);
    let record = scene.usage(opened["id"].as_str().unwrap(), |r| r["closed_at"].is_string()).await;
    assert_eq!(record["end_reason"], "too_slow");
    for reason in EndReason::ALL {
        assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str(), "records and labels have one word");
    }
    assert_eq!(scene.read("li", "/api/v1/sessions").await.body["items"], json!([]));
    scene.opened("li").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_refusals_makes_few_entries_and_loses_no_count() {
    let scene = Scene::new().await;
    const FLOOD: u64 = 2_000;
    for _ in 0..FLOOD {
        assert!(scene.deps.leases.admit("no token at all", peer("10.0.0.66"), Protocol::Rtsp).is_err());
    }
    let told = async || {
        let events = scene.events();
        let refusals: Vec<_> = events.into_iter().filter(|e| e.kind.as_str() == "media.refused").collect();
        let counts =
            refusals.iter().map(|e| e.detail.get("counts").map_or(1, |c| c["rtsp SESSION_UNKNOWN"].as_u64().unwrap()));
        (refusals.len(), counts.sum::<u64>())
    };
    let all = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let (entries, refusals) = told().await;
            if refusals == FLOOD {
                return entries;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let entries = all.await.expect("every refusal is told of");
    assert!(entries < FLOOD as usize / 10, "{entries} entries");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_open_is_closed_with_crash() {
    let scene = Scene::new().await;
    scene.granted(terms()).await;
    let opened = scene.opened("li").await;
    let copy = tempfile::tempdir().unwrap();
    let id = opened["id"].as_str().unwrap().to_owned();
    let scene = scene.crashed_into(copy);
    let record = scene.usage(&id, |r| r["closed_at"].is_string()).await;
    assert_eq!(record["end_reason"], "crash");
    scene.event(|e| e.kind.as_str() == "session.closed" && e.code.as_deref() == Some("crash")).await;
    let grant = scene.read("li", "/api/v1/grants").await;
    assert_eq!(grant.body["items"][0]["state_now"], "active", "grants are read back");
    scene.opened("li").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_without_a_session_is_found_and_closed() {
    let scene = Scene::new().await;
    scene.granted(terms()).await;
    let opened = scene.opened("li").await;
    let id = relay::lease::SessionId(opened["id"].as_str().unwrap().into());
    scene.deps.sessions.compare_once().await.unwrap();
    assert_eq!(scene.deps.ledger.sessions_without_record().get(), 0);
    // The register loses it behind everybody's back: a lease without an open record is the alarm.
    scene.deps.usage.close(&id, scene.clock_now(), EndReason::User, 0).await.unwrap();
    scene.deps.sessions.compare_once().await.unwrap();
    assert_eq!(scene.deps.ledger.sessions_without_record().get(), 1);
}
