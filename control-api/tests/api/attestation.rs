//! The daily attestation: once a day, never twice, whatever the days are long and however often the appliance stops.

use std::collections::BTreeMap;
use std::time::Duration;

use control_api::attestation::attest_due;
use control_api::ledger::{Event, Kind};
use control_api::registers::RetentionClass;
use control_api::retention::Settings;
use jiff::tz::TimeZone;
use media::wall::Wall;
use serde_json::json;

use crate::cameras::{enrolled, form};
use crate::world::{START, World, settings};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// A site whose clocks go forward on 29 March 2026, and an appliance with two cameras.
async fn world() -> World {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let world = World::keeping(settings(), Settings { zone, ..Settings::default() });
    world.everyone();
    for id in ["c1", "c2"] {
        enrolled(&world, id).await;
    }
    world
}

fn attested(world: &World) -> Vec<Event> {
    world.events().into_iter().filter(|event| event.kind.as_str() == "recording.attested").collect()
}

fn days_of(events: &[Event], camera: &str) -> Vec<String> {
    let object = format!("camera/{camera}");
    let of = events.iter().filter(|event| event.object.as_deref() == Some(&object));
    of.map(|event| event.detail["day"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn each_day_once_over_a_hundred_and_twenty_days() {
    let mut world = world().await;
    let midnight = TimeZone::get("Europe/Berlin").unwrap();
    let mut expected = Vec::new();
    for turn in 0..480 {
        // Four looks a day; stopped and started again now and then.
        world.clock.advance(6 * HOUR);
        attest_due(&world.deps).await.unwrap();
        if turn % 37 == 0 {
            world = world.started_again();
        }
    }
    let mut day = START;
    while day < START + 120 * DAY {
        let date = jiff::Timestamp::from_microsecond(day.micros()).unwrap().to_zoned_datetime(midnight.clone()).date();
        expected.push(date.to_string());
        day = day + DAY;
    }
    let events = attested(&world);
    for camera in ["c1", "c2"] {
        assert_eq!(days_of(&events, camera), expected, "{camera}");
    }
    let seconds: BTreeMap<_, _> = events
        .iter()
        .filter(|event| event.object.as_deref() == Some("camera/c1"))
        .map(|event| (event.detail["day"].as_str().unwrap(), event.detail["covered_seconds"].as_f64().unwrap() as u64))
        .collect();
    assert_eq!((seconds["2026-03-28"], seconds["2026-03-29"], seconds["2026-03-30"]), (86_400, 82_800, 86_400));
    assert_eq!(seconds["2026-03-02"], 21 * 3_600, "from its enrolment at 3 in the morning");
    assert!(events.iter().all(|event| event.detail["floor_met"] == true && event.articles == ["O-17"]));
    let last = attest_due(&world.deps).await.unwrap();
    assert_eq!(last, 0);
    assert!(world.gauge("sluice_attestation_age_seconds") < 86_400.0);
}

#[tokio::test]
async fn a_long_stop_is_made_up_for_as_far_as_the_floor_reaches() {
    let world = world().await;
    world.clock.advance(2 * DAY);
    // Many hands at once: what the one has said the others do not say again.
    let hands = futures_util::future::join_all((0..8).map(|_| attest_due(&world.deps))).await;
    assert_eq!(hands.into_iter().map(Result::unwrap).sum::<usize>(), 4);
    let world = world.started_again();
    world.clock.advance(20 * DAY);
    assert!(world.gauge("sluice_attestation_age_seconds").abs() < f64::EPSILON, "not known before it was looked");
    assert_eq!(attest_due(&world.deps).await.unwrap(), 40);
    world.clock.advance(200 * DAY);
    assert!(world.gauge("sluice_attestation_age_seconds") > 200.0 * 86_400.0);
    // 90 days: the longest floor that there is.
    assert_eq!(attest_due(&world.deps).await.unwrap(), 180);
    assert_eq!(attest_due(&world.deps).await.unwrap(), 0);
    let days = days_of(&attested(&world), "c1");
    let mut once = days.clone();
    once.dedup();
    assert_eq!(days, once);
}

#[tokio::test]
async fn a_recorder_that_cannot_answer_is_asked_again_and_what_was_said_stays() {
    let world = world().await;
    world.clock.advance(DAY);
    *world.vault.broken.lock() = true;
    assert!(attest_due(&world.deps).await.is_err());
    assert!(attested(&world).is_empty());
    *world.vault.broken.lock() = false;
    assert_eq!(attest_due(&world.deps).await.unwrap(), 2);
    world.deps.ledger.close();
    world.clock.advance(DAY);
    assert!(attest_due(&world.deps).await.is_err(), "nothing is attested past the ledger");
}

#[tokio::test]
async fn a_clock_that_jumps_a_year_attests_nothing_and_frees_nothing() {
    let world = world().await;
    let keeper = world.signed_in("catalogue-admin").await;
    keeper.patch("/api/v1/cameras/c1", &json!({"retention_class": "voluntary"})).await.is(200);
    let promised = world.vault.rule("c1");
    world.clock.advance(DAY);
    attest_due(&world.deps).await.unwrap();
    *world.clock.ahead.lock() = 365 * DAY;
    assert_eq!(attest_due(&world.deps).await.unwrap(), 0);
    world.deps.retention.apply_all().unwrap();
    assert_eq!(world.vault.rule("c1"), promised);
    assert_eq!(promised, Some(Settings::default().rule(RetentionClass::Ordinary)));
    *world.clock.ahead.lock() = Duration::ZERO;
    world.clock.advance(DAY);
    assert_eq!(attest_due(&world.deps).await.unwrap(), 2);
}

#[tokio::test]
async fn gaps_losses_and_holds_are_told_and_counted() {
    let world = world().await;
    let approver = world.signed_in("bureau-approver").await;
    let hold = json!({"camera": "c1", "from": "2026-03-03T10:00:00Z", "to": "2026-03-05T10:00:00Z", "reason": "事故"});
    approver.post("/api/v1/holds", &hold).await.is(201);
    let c1 = "c1".parse().unwrap();
    let day = START + 21 * HOUR;
    world.vault.recorded.lock().insert(c1, vec![(START, day + 6 * HOUR), (day + 7 * HOUR, day + 48 * HOUR)]);
    world.clock.advance(21 * HOUR + DAY + HOUR);
    attest_due(&world.deps).await.unwrap();
    let c1 = "c1".parse().unwrap();
    world.vault.lost.lock().insert(c1, vec![(day + 6 * HOUR, day + 7 * HOUR)]);
    world.clock.advance(DAY);
    attest_due(&world.deps).await.unwrap();
    let events = attested(&world);
    let told = |day: &str, camera: &str| {
        let object = format!("camera/{camera}");
        let fits = |e: &&Event| e.detail["day"] == day && e.object.as_deref() == Some(&object);
        events.iter().find(fits).unwrap_or_else(|| panic!("{day} {camera}")).detail.clone()
    };
    let second = told("2026-03-03", "c1");
    assert_eq!(
        (&second["covered_seconds"], &second["gap_seconds"]),
        (&json!(82_800.0), &json!({"unreachable": 3600.0}))
    );
    assert_eq!(second["floor_met"], true, "a gap that was never recorded breaks no floor");
    assert_eq!(second["held"][0]["from"], "2026-03-03T10:00:00.000Z");
    assert_eq!(second["held"][0]["to"], "2026-03-03T23:00:00.000Z", "midnight in Berlin");
    assert_eq!((&second["unexplained_seconds"], &second["lost_seconds"]), (&json!(0.0), &json!(0.0)));
    let third = told("2026-03-04", "c1");
    assert_eq!((&third["floor_met"], &third["lost_seconds"]), (&json!(false), &json!(3600.0)));
    assert_eq!(told("2026-03-04", "c2")["floor_met"], true);
    assert!((world.gauge("sluice_retention_cameras_below_floor") - 1.0).abs() < f64::EPSILON);
}

#[tokio::test]
async fn what_nobody_can_explain_is_lost_while_it_is_within_the_floor() {
    let world = world().await;
    let (c1, day) = ("c1".parse().unwrap(), START + 21 * HOUR);
    let recorded =
        vec![(START, day + 6 * HOUR), (day + 7 * HOUR, day + 9 * HOUR), (day + 10 * HOUR, day + 1_000 * DAY)];
    world.vault.recorded.lock().insert(c1, recorded);
    let c1 = "c1".parse().unwrap();
    world.vault.untold.lock().insert(c1, vec![(day + 6 * HOUR, day + 7 * HOUR)]);
    world.clock.advance(21 * HOUR + DAY + HOUR);
    attest_due(&world.deps).await.unwrap();
    let told = |day: &str| {
        let fits = |e: &&Event| e.detail["day"] == day && e.object.as_deref() == Some("camera/c1");
        attested(&world).iter().find(fits).unwrap().detail.clone()
    };
    let second = told("2026-03-03");
    assert_eq!(
        (&second["covered_seconds"], &second["gap_seconds"]),
        (&json!(79_200.0), &json!({"unreachable": 3600.0}))
    );
    assert_eq!((&second["unexplained_seconds"], &second["floor_met"]), (&json!(3_600.0), &json!(false)));
    assert_eq!(second["lost_seconds"], 3_600.0);
    assert!((world.gauge("sluice_retention_cameras_below_floor") - 1.0).abs() < f64::EPSILON);
    let path = "/api/v1/reports/retention?from=2026-03-03T00:00:00Z&to=2026-03-03T12:00:00Z&camera=c1";
    let row = world.signed_in("audit-admin").await.get(path).await.is(200).json()["items"][0].clone();
    assert_eq!((&row["missing_seconds"], &row["unexplained_seconds"]), (&json!(7_200.0), &json!(3_600.0)));
    // The account of the day stays; the floor goes on.
    world.clock.advance(31 * DAY);
    attest_due(&world.deps).await.unwrap();
    let later = told("2026-04-02");
    assert_eq!((&later["floor_met"], &later["lost_seconds"]), (&json!(true), &json!(0.0)));
}

#[tokio::test]
async fn a_removed_camera_is_attested_until_its_floor_is_over() {
    let world = world().await;
    world.clock.advance(12 * HOUR);
    world.signed_in("catalogue-admin").await.delete("/api/v1/cameras/c1").await.is(204);
    for _ in 0..40 {
        world.clock.advance(DAY);
        attest_due(&world.deps).await.unwrap();
    }
    let events = attested(&world);
    let days = days_of(&events, "c1");
    assert_eq!((days.first().unwrap().as_str(), days.len()), ("2026-03-02", 31));
    assert_eq!(days_of(&events, "c2").len(), 40);
    let first = events.iter().find(|event| event.object.as_deref() == Some("camera/c1")).unwrap();
    assert_eq!(first.detail["covered_seconds"], 12.0 * 3_600.0);
    assert_eq!(
        events.iter().rfind(|e| e.object.as_deref() == Some("camera/c1")).unwrap().detail["covered_seconds"],
        0.0
    );
}

#[tokio::test]
async fn the_attestation_is_printed_by_day_and_camera() {
    let world = world().await;
    let mut key_target = form("c3");
    key_target["retention_class"] = json!("key_target");
    world.signed_in("catalogue-admin").await.post("/api/v1/cameras", &key_target).await.is(201);
    world.clock.advance(4 * DAY);
    attest_due(&world.deps).await.unwrap();
    let auditor = world.signed_in("audit-admin").await;
    let path = "/api/v1/reports/retention?from=2026-03-02T00:00:00Z&to=2026-03-04T23:00:00Z";
    let report = auditor.get(path).await.is(200).json();
    let rows: Vec<_> = report["items"].as_array().unwrap().iter().map(|row| (&row["day"], &row["camera"])).collect();
    assert_eq!(rows.len(), 9, "three days on site time: {rows:?}");
    assert_eq!(rows[3], (&json!("2026-03-03"), &json!("c1")));
    assert_eq!(report["items"][2]["floor_seconds"], 90 * 86_400);
    assert_eq!(report["complete"], true);
    let page = auditor.get(&format!("{path}&limit=4")).await.is(200).json();
    assert_eq!((page["items"].as_array().unwrap().len(), page["complete"].as_bool()), (4, Some(false)));
    let rest = format!("{path}&cursor={}", page["next"].as_str().unwrap());
    let rest = auditor.get(&rest).await.is(200).json();
    assert_eq!((&rest["items"][0], rest["items"].as_array().unwrap().len()), (&report["items"][4], 5));
    let one = auditor.get(&format!("{path}&camera=c3")).await.is(200).json();
    assert_eq!(one["items"].as_array().unwrap().len(), 3);
    let csv = auditor.clone().header("accept", "text/csv").header("accept-language", "en").get(path).await.is(200);
    let lines: Vec<_> = csv.text.lines().collect();
    assert_eq!(lines.len(), 10);
    assert!(lines[0].starts_with(
        "\u{feff}day,camera,retention_class,covered_seconds,missing_seconds,gap_seconds,unexplained_seconds,"
    ));
    assert!(lines[6].starts_with("2026-03-03,c3,key_target,86400,0,,0,7776000,true,0,"), "{}", lines[6]);
    for (query, field) in [
        ("from=2020-01-01T00:00:00Z", "from"),
        ("from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", "from"),
        ("cursor=3", "cursor"),
    ] {
        let refused = auditor.get(&format!("/api/v1/reports/retention?{query}")).await.refused(422, "INVALID_FIELD");
        assert_eq!(refused.json()["field"], field, "{query}");
    }
    auditor.get("/api/v1/reports/denials?camera=c1").await.refused(422, "INVALID_FIELD");
    let own = world.signed_in("owner-maintainer").await.get(path).await.is(200).json();
    assert_eq!(own["items"], json!([]), "none of these cameras is of the owner's unit");
    world.signed_in("operator").await.get(path).await.refused(403, "ROLE_FORBIDS");
}

#[tokio::test]
async fn every_deletion_is_printed_from_the_ledger() {
    let world = world().await;
    let deleted = |camera: &str, start: Wall| {
        Event::new(Kind::SEGMENT_DELETED, world.deps.now())
            .object(format!("camera/{camera}"))
            .with("start_micros", start.micros())
            .with("end_micros", (start + Duration::from_secs(60)).micros())
            .with("bytes", 1_000)
            .with("why", "ceiling")
    };
    for minute in 0..700_u32 {
        let camera = if minute % 7 == 0 { "c1" } else { "c2" };
        world.deps.ledger.append(&deleted(camera, START + minute * Duration::from_secs(60))).unwrap();
        world.clock.advance(Duration::from_secs(1));
    }
    let auditor = world.signed_in("audit-admin").await;
    let all = auditor.get("/api/v1/reports/deletions").await.is(200).json();
    assert_eq!((all["items"].as_array().unwrap().len(), all["complete"].as_bool()), (700, Some(true)));
    assert_eq!(
        all["items"][0],
        json!({"at": "2026-03-02T02:00:00.000Z", "camera": "c1", "start": "2026-03-02T02:00:00.000Z",
            "end": "2026-03-02T02:01:00.000Z", "bytes": 1000, "why": "ceiling"})
    );
    let path = "/api/v1/reports/deletions?camera=c1&from=2026-03-02T02:00:07Z&to=2026-03-02T02:00:21Z";
    let some = auditor.get(path).await.is(200).json();
    assert_eq!(some["items"].as_array().unwrap().len(), 2);
    let csv =
        auditor.header("accept", "text/csv").header("accept-language", "zh-CN").get("/api/v1/reports/deletions").await;
    let text = csv.is(200).text;
    assert!(text.starts_with("\u{feff}删除时间,摄像机,开始,结束,字节数,依据\r\n"));
    assert_eq!(text.lines().count(), 701);
    world.signed_in("operator").await.get(path).await.refused(403, "ROLE_FORBIDS");
}
