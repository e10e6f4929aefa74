//! A disk that is full, broken or forgets, and recordings that grow old.

use std::time::Duration;

use super::rig::{Mood, RATE, Rig, at};
use crate::retention::{Bounds, Deleted, Why};

const ENDLESS: Bounds = Bounds { age: Duration::from_secs(1 << 40), volume_bytes_max: None, free_bytes_min: 0 };

#[test]
fn a_full_disk_costs_the_time_it_is_full_and_nothing_else() {
    let mut rig = Rig::new();
    rig.send(0, 10 * RATE);
    *rig.mood.lock() = Mood::Full;
    rig.send(10 * RATE, 15 * RATE);
    *rig.mood.lock() = Mood::Well;
    rig.send(15 * RATE, 20 * RATE);
    let gaps = rig.gaps();
    assert_eq!(gaps.len(), 1);
    assert_eq!((gaps[0].1, gaps[0].2.as_str()), (15.0, "disk_full"));
    assert!((9.0..=10.0).contains(&gaps[0].0));
    assert_eq!(rig.metrics.poisoned.with_label_values(&["test"]).get(), 0);
    // What was half written was cut off again: a restart finds nothing to repair but the headless files.
    let rig = rig.stop_and_start();
    assert_eq!((rig.report.cut, rig.report.quarantined), (0, 0));
    assert_eq!(rig.segments().len(), 2);
}

#[test]
fn a_failed_write_poisons_the_volume_until_a_restart() {
    let mut rig = Rig::new();
    rig.send(0, 10 * RATE);
    *rig.mood.lock() = Mood::Broken;
    rig.send(10 * RATE, 12 * RATE);
    *rig.mood.lock() = Mood::Well;
    rig.send(12 * RATE, 20 * RATE);
    rig.tick();
    assert_eq!(rig.metrics.poisoned.with_label_values(&["test"]).get(), 1);
    let gaps = rig.gaps();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!(gaps[0].2, "volume_failed");
    assert_eq!(rig.segments().len(), 1);
    let mut rig = rig.restart();
    rig.send(20 * RATE, 25 * RATE);
    assert_eq!(rig.segments().len(), 2);
    assert_eq!(rig.gaps().last().unwrap().1, 20.0);
}

#[test]
fn after_a_failed_sync_only_what_was_synced_before_is_believed() {
    let mut rig = Rig::new();
    rig.send(0, 10 * RATE);
    let believed = rig.segments()[0].clone();
    *rig.mood.lock() = Mood::Forgetful;
    rig.send(10 * RATE, 12 * RATE);
    let segments = rig.segments();
    assert_eq!(segments.len(), 1);
    assert_eq!((segments[0].bytes, segments[0].end), (believed.bytes, believed.end));
    assert!(!segments[0].sealed, "a restart looks at the file");
    assert_eq!(rig.gaps().last().unwrap().2, "volume_failed");
    let rig = rig.restart();
    assert_eq!(rig.report.scanned, 1);
}

#[test]
fn recordings_past_their_age_go_the_oldest_first_and_are_reported() {
    let mut rig = Rig::new();
    rig.send(0, 300 * RATE);
    let before = rig.segments();
    let retention = rig.retention(Bounds { age: Duration::from_secs(120), ..ENDLESS });
    let mut reported: Vec<Deleted> = Vec::new();
    assert!(!retention.sweep(&mut |d| reported.push(d.clone())).unwrap());
    let ends: Vec<_> = reported.iter().map(|d| (d.end, d.why)).collect();
    assert_eq!(ends, [(at(60.0), Why::Age), (at(120.0), Why::Age)]);
    assert_eq!(reported[0].bytes, before[0].bytes);
    assert!(!rig.path(&before[0]).exists() && rig.path(&before[2]).exists());
    assert_eq!(rig.segments().first().unwrap().start, at(120.0));
    assert!(rig.metrics.floor_margin_seconds.get() >= 0.0);
}

#[test]
fn a_full_volume_loses_its_oldest_but_never_what_is_being_written() {
    let mut rig = Rig::new();
    rig.send(0, 300 * RATE);
    let sealed: u64 = rig.segments().iter().filter(|s| s.sealed).map(|s| s.bytes).sum();
    let one = rig.segments()[0].bytes;
    let retention = rig.retention(Bounds { volume_bytes_max: Some(sealed - one - 1), ..ENDLESS });
    let mut reported = Vec::new();
    retention.sweep(&mut |d| reported.push((d.start, d.why))).unwrap();
    assert_eq!(reported, [(at(0.0), Why::VolumeFull), (at(60.0), Why::VolumeFull)]);
    assert!(rig.metrics.floor_margin_seconds.get() < 0.0, "earlier than the retention age");
    let retention = rig.retention(Bounds { volume_bytes_max: Some(0), ..ENDLESS });
    retention.sweep(&mut |_| {}).unwrap();
    let left = rig.segments();
    assert_eq!((left.len(), left[0].sealed), (1, false));
}

#[test]
fn a_clock_that_jumps_years_ahead_deletes_nothing() {
    let mut rig = Rig::new();
    rig.send(0, 200 * RATE);
    let mut retention = rig.retention(Bounds { age: Duration::from_secs(86_400), ..ENDLESS });
    retention.opened = (at(200.0), Duration::from_secs(1200));
    // Only the wall clock moves: the monotonic line of the test's clock moves along, so take it back out.
    rig.clock.set(1e8);
    retention.opened.1 += Duration::from_secs_f64(1e8 - 200.0);
    retention.sweep(&mut |d| panic!("deleted {d:?}")).unwrap();
}

#[test]
fn a_day_s_folder_goes_with_its_last_file() {
    let mut rig = Rig::new();
    rig.send(0, 70 * RATE);
    let rig = rig.stop_and_start();
    let segment = rig.segments()[0].clone();
    rig.clock.set(1000.0);
    let retention = rig.retention(Bounds { age: Duration::from_secs(1), ..ENDLESS });
    retention.sweep(&mut |_| {}).unwrap();
    assert!(!rig.path(&segment).parent().unwrap().exists());
    assert!(rig.folder.path().join("recordings").exists());
    assert_eq!(rig.timeline().items, []);
}
