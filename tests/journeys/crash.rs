//! A power cut costs at most the last second: the appliance is killed at random moments while it records, and starts again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::harness::appliance::{Appliance, SLUICE};
use crate::harness::camera::SimCameras;
use crate::harness::media::{run, segments};

const CAMERAS: usize = 20;
/// Rounds in the suite; `SLUICE_CRASH_ROUNDS=50` for the long run.
const ROUNDS: usize = 4;

#[test]
fn killed_while_recording_it_loses_at_most_the_last_second() {
    let rounds = std::env::var("SLUICE_CRASH_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(ROUNDS);
    let cameras = SimCameras::start(CAMERAS);
    let mut appliance = Appliance::start();
    for n in 1..=CAMERAS {
        appliance.add_camera(&format!("crash-{n}"), &cameras.url(n));
    }
    let mut played = BTreeSet::new();
    for round in 0..rounds {
        for n in 1..=CAMERAS {
            appliance.wait_for_camera(&format!("crash-{n}"));
        }
        let operator = appliance.login("operator");
        let session = appliance.live(&operator, "crash-1")["id"].as_str().expect("an id").to_owned();
        // The moment is the experiment, not a wait for anything: it must fall anywhere in a segment's life.
        std::thread::park_timeout(Duration::from_millis(2_300 + (round as u64 * 7_919) % 1_700));
        appliance.kill_nine();
        let killed = wall_seconds();
        appliance.start_again();
        every_segment_plays(&appliance.recordings(), &mut played);
        for n in 1..=CAMERAS {
            recorded_until(&appliance, &format!("crash-{n}"), killed);
        }
        closed_with_crash(&appliance, &session);
    }
    assert_eq!(appliance.stop(), Some(0));
    let mut check = Command::new(SLUICE);
    let output = run(check.args(["check", "--depth", "hash", "--data"]).arg(appliance.dir()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[expect(clippy::disallowed_methods, reason = "compared with what the appliance wrote in real time")]
fn wall_seconds() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

/// All that were not played in an earlier round; a file is not touched again once its recording has ended.
fn every_segment_plays(recordings: &Path, played: &mut BTreeSet<PathBuf>) {
    let segments = segments(recordings);
    assert!(segments.len() >= CAMERAS, "{} segments", segments.len());
    for segment in segments.into_iter().filter(|s| played.insert(s.clone())) {
        let output = run(Command::new("ffmpeg")
            .args(["-hide_banner", "-nostdin", "-loglevel", "error", "-i"])
            .arg(&segment)
            .args(["-map", "0:v", "-c", "copy", "-f", "null", "-"]));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.is_empty(), "{segment:?}: {said}");
    }
}

/// The index agrees: the camera's timeline reaches to within its last second (and the open fragment) of the cut.
fn recorded_until(appliance: &Appliance, camera: &str, killed: f64) {
    let (status, timeline) = appliance.login("audit_admin").get(&format!("/api/v1/cameras/{camera}/timeline"));
    let timeline = if status == 200 {
        timeline
    } else {
        appliance.login("operator").get(&format!("/api/v1/cameras/{camera}/timeline")).1
    };
    let items = timeline["items"].as_array().unwrap_or_else(|| panic!("{camera}: {timeline}"));
    let ends = items.iter().filter_map(|i| seconds(&i["end"])).filter(|end| *end <= killed + 1.0);
    let last = ends.fold(0.0, f64::max);
    assert!(killed - last <= 1.0, "{camera}: recorded until {:.2} s before the cut", killed - last);
}

fn seconds(time: &Value) -> Option<f64> {
    let timestamp: jiff::Timestamp = time.as_str()?.parse().ok()?;
    Some(timestamp.as_microsecond() as f64 / 1e6)
}

fn closed_with_crash(appliance: &Appliance, session: &str) {
    let (_, page) = appliance.login("audit_admin").get("/api/v1/usage?limit=500");
    let records = page["items"].as_array().expect("items");
    let record =
        records.iter().find(|r| r.to_string().contains(session)).unwrap_or_else(|| panic!("{session} in {page}"));
    assert!(record.to_string().contains("crash"), "{record}");
    assert_eq!(appliance.metric("sluice_sessions_without_record"), Some(0.0));
}
