//! Reports: each in every format, for those who may read it and nobody else, and saying what is the case.

use std::io::Read;
use std::time::Duration;

use axum::http::Method;
use control_api::ledger::{Decision, Event, Kind};
use control_api::reports::{ALL, count_denials};
use media::wall::Wall;
use serde_json::{Value, json};

use crate::cameras::{enrolled, form};
use crate::world::{START, World};

const HOUR: Duration = Duration::from_secs(3_600);

fn world() -> World {
    let world = World::new();
    world.everyone();
    world
}

/// A camera of a unit.
async fn owned(world: &World, id: &str, owner: &str) {
    let mut camera = form(id);
    camera["owner"] = json!(owner);
    world.signed_in("catalogue-admin").await.post("/api/v1/cameras", &camera).await.is(201);
}

fn items(report: &Value) -> &Vec<Value> {
    report["items"].as_array().unwrap()
}

#[tokio::test]
async fn every_report_is_given_in_every_format_to_its_readers_alone() {
    let world = world();
    enrolled(&world, "c1").await;
    let (auditor, operator) = (world.signed_in("audit-admin").await, world.signed_in("operator").await);
    let listed = auditor.get("/api/v1/reports").await.is(200).json();
    assert_eq!(listed.as_array().unwrap().len(), ALL.len());
    assert_eq!(operator.get("/api/v1/reports").await.is(200).json(), json!([]));
    for report in ALL {
        let path = format!("/api/v1/reports/{}", report.name);
        let body = auditor.get(&path).await.is(200).json();
        assert_eq!((body["report"].as_str(), body["complete"].as_bool()), (Some(report.name), Some(true)));
        for item in items(&body) {
            let keys: Vec<_> = report.columns.iter().map(|column| column.name).collect();
            assert_eq!(item.as_object().unwrap().len(), keys.len(), "{item}");
            assert!(keys.iter().all(|key| item.get(key).is_some()), "{item}");
        }
        let csv = auditor.get(&format!("{path}?format=csv")).await.is(200);
        let heading = format!("\u{feff}{}", report.columns[0].zh);
        assert!(csv.text.starts_with(&heading), "{}", csv.text);
        assert_eq!(csv.text.lines().count(), items(&body).len() + 1, "{}", csv.text);
        operator.get(&path).await.refused(403, "ROLE_FORBIDS");
    }
    operator.get("/api/v1/reports/no-such").await.refused(403, "ROLE_FORBIDS");
    auditor.get("/api/v1/reports/no-such").await.refused(404, "NOT_FOUND");
    for (wish, field) in [
        ("catalogue?from=2026-01-01T00:00:00Z", "from"),
        ("outlook?unit=gaj", "unit"),
        ("denials?camera=c1", "camera"),
        ("denials?month=2026-3", "month"),
        ("denials?month=2026-03&from=2026-01-01T00:00:00Z", "month"),
        ("approvals-due?days=0", "days"),
        ("catalogue?limit=10001", "limit"),
        ("catalogue?cursor=cmVwb3J0L2RlbmlhbHMvMQ", "cursor"),
    ] {
        let refused = auditor.get(&format!("/api/v1/reports/{wish}")).await.refused(422, "INVALID_FIELD").json();
        assert_eq!(refused["field"], field, "{wish}");
    }
}

#[tokio::test]
async fn a_workbook_opens_and_holds_the_rows() {
    let world = world();
    let mut camera = form("c1");
    camera["name"] = json!("=HYPERLINK(\"http://x\")");
    world.signed_in("catalogue-admin").await.post("/api/v1/cameras", &camera).await.is(201);
    let auditor = world.signed_in("audit-admin").await;
    let bytes = auditor.bytes(Method::GET, "/api/v1/reports/catalogue?format=xlsx").await;
    let mut book = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let index = book.index_for_name("xl/worksheets/sheet1.xml").unwrap();
    let mut sheet = String::new();
    flate2::read::DeflateDecoder::new(book.by_index_raw(index).unwrap()).read_to_string(&mut sheet).unwrap();
    assert!(sheet.contains("视频资源类别") && sheet.contains("=HYPERLINK"), "{sheet}");
    assert!(!sheet.contains("<f>"), "no cell is a formula: {sheet}");
    let left: Vec<_> = std::fs::read_dir(world.folder().join("exports")).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(left.iter().all(|path| path.is_dir()), "{left:?}");
    let csv = auditor.get("/api/v1/reports/catalogue?format=csv").await.is(200);
    assert!(csv.text.contains(",\"'=HYPERLINK(\"\"http://x\"\")\","), "{}", csv.text);
}

#[tokio::test]
async fn refusals_are_counted_by_article_whatever_hour_they_fell_into() {
    let world = world();
    let denied = |at: Wall, code: &str, articles: &[&'static str]| {
        let event = Event::new(Kind::DENIED, at).decision(Decision::Deny).code(code).articles(articles.iter().copied());
        world.deps.ledger.append(&event).unwrap();
    };
    for minute in 0..600_u32 {
        let at = START + minute * Duration::from_secs(60);
        denied(at, "NO_GRANT", &["J-7"]);
        if minute % 3 == 0 {
            denied(at, "REASON_REQUIRED", &["J-23", "O-16(3)"]);
        }
        if minute == 250 {
            count_denials(&world.deps).unwrap();
        }
    }
    world.clock.advance(10 * HOUR);
    let auditor = world.signed_in("audit-admin").await;
    let counted = async |from: u32, to: u32| {
        let at = |minute: u32| control_api::stamp::Stamp(START + minute * Duration::from_secs(60)).to_string();
        let auditor = auditor.clone();
        let report = auditor.get(&format!("/api/v1/reports/denials?from={}&to={}", at(from), at(to))).await.is(200);
        let report = report.json();
        let rows: Vec<(String, u64)> = items(&report)
            .iter()
            .map(|row| (row["article"].as_str().unwrap().into(), row["count"].as_u64().unwrap()))
            .collect();
        rows
    };
    let expected =
        |all: u64, third: u64| vec![("J-23".to_owned(), third), ("J-7".to_owned(), all), ("O-16(3)".to_owned(), third)];
    assert_eq!(counted(0, 600).await, expected(600, 200));
    assert_eq!(counted(30, 500).await, expected(470, 157), "parts of hours at both ends");
    assert_eq!(counted(61, 100).await, expected(39, 13), "within one hour");
    assert_eq!(counted(60, 120).await, expected(60, 20), "one whole hour");
    let world = world.started_again();
    count_denials(&world.deps).unwrap();
    let auditor = world.signed_in("audit-admin").await;
    let report = auditor.get("/api/v1/reports/denials").await.is(200).json();
    let j7 = items(&report).iter().find(|row| row["article"] == "J-7").unwrap();
    assert_eq!(j7["count"], 600, "no refusal counts twice after a start");
}

#[tokio::test]
async fn the_online_rate_names_whose_cameras_are_off_and_owners_see_their_own() {
    let world = world();
    for n in 0..20 {
        owned(&world, &format!("g{n:02}"), "gaj").await;
        owned(&world, &format!("s{n:02}"), "slj").await;
    }
    let all = world.fleet.pulled.lock().keys().cloned().collect::<Vec<_>>();
    *world.fleet.online.lock() = all.into_iter().filter(|id| !["g03", "g07", "s01"].contains(&id.as_str())).collect();
    let approver = world.signed_in("bureau-approver").await;
    let report = approver.get("/api/v1/reports/online-rate").await.is(200).json();
    let rows = items(&report);
    assert_eq!((rows[0]["owner"].as_str(), rows[0]["online_percent"].as_f64()), (Some("gaj"), Some(90.0)));
    let names: Vec<_> = rows[0]["offline_cameras"].as_array().unwrap().iter().map(|c| &c["camera"]).collect();
    assert_eq!(names, ["g03", "g07"]);
    assert_eq!(rows[1]["online_percent"].as_f64(), Some(95.0));
    let owner = world.signed_in("owner-maintainer").await;
    let own = owner.get("/api/v1/reports/online-rate").await.is(200).json();
    assert_eq!(items(&own).len(), 1);
    assert_eq!(items(&own)[0]["owner"], "gaj");
    owner.get("/api/v1/reports/online-rate?unit=slj").await.refused(403, "ROLE_FORBIDS");
    let status = owner.get("/api/v1/reports/camera-status").await.is(200).json();
    assert_eq!(items(&status).len(), 20);
    assert!(items(&status).iter().all(|row| row["owner"] == "gaj"));
    owner.get("/api/v1/reports/usage-register").await.refused(403, "ROLE_FORBIDS");
}

#[tokio::test]
async fn a_catalogue_goes_out_and_comes_back_unchanged() {
    let world = world();
    let mut camera = form("c1");
    camera["name"] = json!("'=东, \"西\"");
    camera["contact"] = json!("+86 391");
    camera["security_level"] = json!(3);
    camera["owner"] = json!("gaj");
    let keeper = world.signed_in("catalogue-admin").await;
    keeper.post("/api/v1/cameras", &camera).await.is(201);
    enrolled(&world, "c2").await;
    let keeper = world.signed_in("catalogue-admin").await;
    let file = keeper.get("/api/v1/cameras/export").await.is(200).text;
    let same = keeper.csv(&file).await.is(200).json();
    assert_eq!((same["count"].as_u64(), same["unchanged"].as_u64()), (Some(0), Some(2)));
    let elsewhere = self::world();
    let other = elsewhere.signed_in("catalogue-admin").await;
    let taken = other.csv(&file).await.is(201).json();
    assert_eq!(taken["count"], 2);
    assert_eq!(other.get("/api/v1/cameras/export").await.is(200).text, file);
    let shown = other.get("/api/v1/cameras/c1").await.is(200).json();
    assert_eq!((&shown["name"], &shown["security_level"]), (&json!("'=东, \"西\""), &json!(3)));
    let changed = file.replace("+86 391", "+86 392");
    keeper.csv(&changed).await.refused(422, "INVALID_FIELD");
    world.signed_in("bureau-approver").await.get("/api/v1/cameras/export").await.refused(403, "ROLE_FORBIDS");
}

#[tokio::test]
async fn what_changed_in_the_catalogue_is_told_between_two_instants_and_two_versions() {
    let world = world();
    enrolled(&world, "c1").await;
    world.clock.advance(HOUR);
    let keeper = world.signed_in("catalogue-admin").await;
    let edit = json!({"location_name": "西街口", "security_level": 2, "source": "rtsp://10.0.0.99/secret"});
    keeper.patch("/api/v1/cameras/c1", &edit).await.is(200);
    keeper.patch("/api/v1/cameras/c1", &json!({"security_level": 4})).await.refused(422, "INVALID_FIELD");
    world.clock.advance(HOUR);
    let keeper = world.signed_in("catalogue-admin").await;
    keeper.delete("/api/v1/cameras/c1").await.is(204);
    world.clock.advance(HOUR);
    let auditor = world.signed_in("audit-admin").await;
    let all = auditor.get("/api/v1/reports/catalogue-changes").await.is(200).json();
    let told: Vec<_> = items(&all).iter().map(|row| (row["change"].clone(), row["field"].clone())).collect();
    let changed = |field: &str| (json!("changed"), json!(field));
    assert_eq!(
        told,
        [
            (json!("enrolled"), Value::Null),
            changed("source"),
            changed("location_name"),
            changed("security_level"),
            (json!("removed"), Value::Null)
        ]
    );
    assert!(!all.to_string().contains("10.0.0.99"), "{all}");
    let keeper = world.signed_in("catalogue-admin").await;
    let diff = keeper.get("/api/v1/cameras/c1/diff?from=1&to=2").await.is(200).json();
    assert_eq!(diff["changes"][0]["after"], "rtsp://10.0.0.99/secret");
    let diff = auditor.get("/api/v1/cameras/c1/diff?from=1&to=2").await.is(200).json();
    assert_eq!((&diff["changes"][0]["after"], &diff["changes"][2]["after"]), (&Value::Null, &json!("2")));
    let refused = auditor.get("/api/v1/cameras/c1/diff?from=1&to=9").await.refused(422, "INVALID_FIELD").json();
    assert_eq!(refused["field"], "to");
    auditor.get("/api/v1/cameras/c9/diff?from=1&to=2").await.refused(404, "CAMERA_UNKNOWN");
}

#[tokio::test]
async fn completeness_counts_each_field_and_names_who_lacks_it() {
    let world = world();
    enrolled(&world, "c1").await;
    owned(&world, "41900100001320000001", "gaj").await;
    let keeper = world.signed_in("catalogue-admin").await;
    let report = keeper.get("/api/v1/reports/catalogue-completeness").await.is(200).json();
    let of = |field: &str| items(&report).iter().find(|row| row["field"] == field).unwrap().clone();
    let mandatory: Vec<_> = items(&report).iter().filter(|row| row["mandatory"] == true).collect();
    assert_eq!(mandatory.len(), 7, "the seven fields of J-4");
    assert!(mandatory.iter().all(|row| row["filled_percent"] == 100.0), "{mandatory:?}");
    for field in ["owner", "gb_code"] {
        assert_eq!((&of(field)["missing"], &of(field)["missing_cameras"]), (&json!(1), &json!(["c1"])), "{field}");
    }
}

/// A viewing of a user that began at `at` and lasted ten minutes.
async fn watched(world: &World, user: &str, at: Wall) {
    use control_api::usage::{Medium, UsageRecord, VideoContent};
    let session = relay::lease::SessionId(control_api::mint::sortable_id(at).unwrap());
    let record = UsageRecord {
        session: session.clone(),
        purpose: "GA-1".into(),
        user: user.into(),
        approver: "bureau-approver".into(),
        content: VideoContent {
            camera: "c1".parse().unwrap(),
            profile: media::id::Profile::Main,
            from: None,
            to: None,
        },
        opened_at: at.into(),
        medium: Medium::LiveStream,
        unit: "gaj".into(),
        reason: "巡查".into(),
        terminal: "10.0.0.1".into(),
        grant: None,
        export: None,
        mark: None,
        request_id: None,
        started_at: None,
        protocol: None,
        closed_at: None,
        bytes: 0,
        end_reason: None,
    };
    world.deps.usage.open(record).await.unwrap();
    world.deps.usage.started(&session, at, relay::lease::Protocol::Rtsp).await.unwrap();
    let closed = at + Duration::from_secs(600);
    world.deps.usage.close(&session, closed, relay::lease::EndReason::User, 1).await.unwrap();
}

#[tokio::test]
async fn attendance_names_exactly_the_shifts_that_nobody_had_a_session_in() {
    let world = world();
    // From Monday on, seven days of duty from 9 to 17 on site time; the clock stands at Monday, 10.
    let shift = |day: u32| (START - HOUR + day * 24 * HOUR, START + 7 * HOUR + day * 24 * HOUR);
    let clerk = world.signed_in("unit-admin").await;
    for day in 0..7 {
        let (from, to) = shift(day);
        let stamp = |at: Wall| control_api::stamp::Stamp(at).to_string();
        let form = json!({"user": "operator", "from": stamp(from), "to": stamp(to), "post": "指挥中心"});
        clerk.post("/api/v1/duty-shifts", &form).await.is(201);
    }
    for day in [0, 2, 4] {
        watched(&world, "operator", shift(day).0 + 2 * HOUR).await;
    }
    // Somebody else's, and one after hours: neither is attendance.
    watched(&world, "unit-principal", shift(1).0 + HOUR).await;
    watched(&world, "operator", shift(3).1 + HOUR).await;
    world.clock.advance(8 * 24 * HOUR);
    let auditor = world.signed_in("audit-admin").await;
    let report = auditor.get("/api/v1/reports/duty-attendance").await.is(200).json();
    // In the order of their filing, which was at one moment.
    let mut shifts = items(&report).clone();
    shifts.sort_by_key(|row| row["from"].to_string());
    let missed: Vec<_> =
        shifts.iter().filter(|row| row["attendance"] == "missed").map(|row| row["from"].clone()).collect();
    assert_eq!(shifts.len(), 7);
    assert_eq!(missed, [json!("2026-03-03T01:00:00.000Z"), json!("2026-03-05T01:00:00.000Z")]);
    let told = |day: usize| shifts[day]["attendance"].as_str().unwrap();
    assert_eq!([told(0), told(5), told(6)], ["attended", "no_working_day", "no_working_day"]);
    let other = auditor.get("/api/v1/reports/duty-attendance?unit=slj").await.is(200).json();
    assert_eq!(items(&other).len(), 0);
}

#[tokio::test]
async fn what_is_to_be_connected_filed_and_renewed_is_told() {
    let world = world();
    enrolled(&world, "c1").await;
    let keeper = world.signed_in("catalogue-admin").await;
    let point =
        |name: &str, camera: Value| json!({"name": name, "location_name": "东街", "owner": "gaj", "camera": camera});
    keeper.post("/api/v1/connection-points", &point("一", json!("c1"))).await.is(201);
    keeper.post("/api/v1/connection-points", &point("二", Value::Null)).await.is(201);
    let filing = json!({"what": "平台启用", "in_use_since": "2026-03-01T00:00:00Z", "authority": "市公安局"});
    keeper.post("/api/v1/police-filings", &filing).await.is(201);
    let head = world.signed_in("unit-admin").await;
    let training = json!({"user": "operator", "course": "保密", "trainer": "局", "trained_at": "2026-03-01T00:00:00Z",
        "valid_to": "2026-03-20T00:00:00Z"});
    head.post("/api/v1/training-records", &training).await.is(201);
    world.signed_in("catalogue-admin").await.delete("/api/v1/cameras/c1").await.is(204);

    let auditor = world.signed_in("audit-admin").await;
    let connection = auditor.get("/api/v1/reports/connection").await.is(200).json();
    let told: Vec<_> =
        items(&connection).iter().map(|row| (row["camera"].clone(), row["in_catalogue"].clone())).collect();
    assert!(told.contains(&(json!("c1"), json!(false))), "its camera left the catalogue: {told:?}");
    assert!(told.contains(&(Value::Null, json!(false))) && told.len() == 2, "{told:?}");
    let filings = auditor.get("/api/v1/reports/filings-due?days=30").await.is(200).json();
    assert_eq!(items(&filings)[0]["due"], "2026-03-31T00:00:00.000Z");
    assert_eq!(items(&auditor.get("/api/v1/reports/filings-due?days=7").await.is(200).json()).len(), 0);
    let due = auditor.get("/api/v1/reports/approvals-due?days=30").await.is(200).json();
    let kinds: Vec<_> = items(&due).iter().map(|row| (row["kind"].clone(), row["user"].clone())).collect();
    assert_eq!(kinds, [(json!("training"), json!("operator"))]);
    assert_eq!(items(&auditor.get("/api/v1/reports/approvals-due?days=3").await.is(200).json()).len(), 0);
}
