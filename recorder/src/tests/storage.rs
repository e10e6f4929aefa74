//! A disk that is full, broken or forgets, and recordings that grow old.

use std::time::Duration;

use super::faulty::Mood;
use super::rig::{Book, RATE, Rig, at, info};
use crate::record::Why;
use crate::retention::Bounds;
use crate::rules::{Held, Rule};
use crate::segment::Segment;
use crate::volumes::VolumeState;

const ENDLESS: Bounds = Bounds { volume_bytes_max: None, free_bytes_min: 0 };

/// Floor and ceiling in seconds.
fn rule(floor: u64, ceiling: u64) -> Rule {
    Rule { floor: Duration::from_secs(floor), ceiling: Duration::from_secs(ceiling), statutory: true }
}

#[test]
fn a_full_disk_costs_the_time_it_is_full_and_nothing_else() {
    let mut rig = Rig::new();
    rig.send(0, 10 * RATE);
    rig.disk.be(Mood::Full);
    rig.send(10 * RATE, 15 * RATE);
    rig.disk.be(Mood::Well);
    rig.send(15 * RATE, 20 * RATE);
    let gaps = rig.gaps();
    assert_eq!(gaps.len(), 1);
    assert_eq!((gaps[0].1, gaps[0].2.as_str()), (15.0, "disk_full"));
    assert!((9.0..=10.0).contains(&gaps[0].0));
    assert_eq!(rig.volumes.slots[0].state(), VolumeState::Ready);
    // What was half written was cut off again: a restart finds nothing to repair, and no file without a recording.
    let rig = rig.stop_and_start();
    assert_eq!((rig.report.cut, rig.report.quarantined, rig.report.empty), (0, 0, 0));
    assert_eq!(rig.segments().len(), 2);
}

#[test]
fn a_failed_write_poisons_the_volume_until_a_restart() {
    let mut rig = Rig::new();
    rig.send(0, 10 * RATE);
    rig.disk.be(Mood::Broken);
    rig.send(10 * RATE, 12 * RATE);
    rig.disk.be(Mood::Well);
    rig.send(12 * RATE, 20 * RATE);
    rig.tick();
    assert!(matches!(rig.volumes.slots[0].state(), VolumeState::Failed(_)));
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
    rig.disk.be(Mood::Forgetful);
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
fn recordings_past_their_ceiling_go_the_oldest_first_and_are_on_the_record_before() {
    let mut rig = Rig::new();
    rig.send(0, 300 * RATE);
    let before = rig.segments();
    let mut retention = rig.retention(rule(60, 120), ENDLESS);
    let mut shut = Book { shut: true, ..Book::default() };
    retention.sweep(&mut shut).unwrap();
    assert!(rig.path(&before[0]).exists(), "what cannot be put on the record stays");
    let mut book = Book::default();
    assert!(!retention.sweep(&mut book).unwrap().more);
    let ends: Vec<_> = book.deleted.iter().map(|d| (d.end, d.why)).collect();
    assert_eq!(ends, [(at(60.0), Why::Age), (at(120.0), Why::Age)]);
    assert_eq!(book.deleted[0].bytes, before[0].bytes);
    assert!(!rig.path(&before[0]).exists() && rig.path(&before[2]).exists());
    assert_eq!(rig.segments().first().unwrap().start, at(120.0));
    assert!(rig.metrics.floor_margin_seconds.get() >= 0.0);
}

#[test]
fn a_full_volume_loses_what_is_above_its_floor_and_never_what_is_below() {
    let mut rig = Rig::new();
    rig.send(0, 300 * RATE);
    let sealed: u64 = rig.segments().iter().filter(|s| s.sealed).map(|s| s.bytes).sum();
    assert_eq!(rig.stock.on(rig.volumes.slots[0].volume.id()), sealed);
    let one = rig.segments()[0].bytes;
    let bounds = Bounds { volume_bytes_max: Some(sealed - one - 1), ..ENDLESS };
    let mut book = Book::default();
    rig.retention(rule(150, 1 << 40), bounds).sweep(&mut book).unwrap();
    let deleted: Vec<_> = book.deleted.iter().map(|d| (d.start, d.why)).collect();
    assert_eq!(deleted, [(at(0.0), Why::VolumeFull), (at(60.0), Why::VolumeFull)]);
    let told: Vec<_> = book.sealed.iter().map(|s| (s.start, s.bytes)).collect();
    assert!(
        book.deleted.iter().all(|d| told.contains(&(d.start, d.bytes))),
        "the hash of each is on the record: {told:?}"
    );
    assert!(rig.metrics.floor_margin_seconds.get() >= 0.0);
    // With no room at all, what is younger than its floor stays all the same, and it is said how much is wanted.
    let mut retention = rig.retention(rule(150, 1 << 40), Bounds { volume_bytes_max: Some(0), ..ENDLESS });
    let swept = retention.sweep(&mut Book::default()).unwrap();
    let left = rig.segments();
    assert_eq!(left.iter().map(|s| s.start).collect::<Vec<_>>(), [at(120.0), at(180.0), at(240.0)]);
    let wanted: u64 = left.iter().filter(|s| s.sealed).map(|s| s.bytes).sum();
    assert_eq!(swept.short, [(0, wanted)]);
    // Without a floor only what is being written stays.
    rig.retention(rule(0, 1 << 40), Bounds { volume_bytes_max: Some(0), ..ENDLESS })
        .sweep(&mut Book::default())
        .unwrap();
    assert_eq!(rig.segments().iter().map(|s| s.sealed).collect::<Vec<_>>(), [false]);
}

#[test]
fn a_file_that_cannot_be_removed_keeps_no_other_and_is_told_of_once() {
    let mut rig = Rig::new();
    rig.send(0, 300 * RATE);
    let first = rig.path(&rig.segments()[0]);
    std::fs::remove_file(&first).unwrap();
    std::fs::create_dir(&first).unwrap();
    let (mut retention, mut book) = (rig.retention(rule(0, 120), ENDLESS), Book::default());
    for _ in 0..3 {
        assert!(!retention.sweep(&mut book).unwrap().more);
    }
    assert_eq!(book.deleted.iter().map(|d| d.start).collect::<Vec<_>>(), [at(0.0), at(60.0)]);
    let starts: Vec<_> = rig.segments().iter().map(|s| s.start).collect();
    assert_eq!(starts, [at(0.0), at(120.0), at(180.0), at(240.0)]);
}

#[test]
fn what_is_held_stays_whatever_its_age_until_it_is_released() {
    let mut rig = Rig::new();
    rig.send(0, 300 * RATE);
    let mut retention = rig.retention(rule(0, 10), Bounds { volume_bytes_max: Some(0), ..ENDLESS });
    let held = Held { from: at(119.0), to: at(125.0) };
    retention.rules.set_holds(&rig.camera, &[held]).unwrap();
    retention.sweep(&mut Book::default()).unwrap();
    let starts = |rig: &Rig| rig.segments().iter().map(|s| s.start).collect::<Vec<_>>();
    assert_eq!(starts(&rig), [at(60.0), at(120.0), at(240.0)], "both segments that it touches, and what is open");
    drop(retention);
    // It holds after a restart, before anybody says it again.
    let rig = rig.stop_and_start();
    let mut retention_again = rig.retention(rule(0, 10), ENDLESS);
    rig.clock.set(1e6);
    retention_again.opened = (at(1e6), Duration::from_secs(1_001_000));
    retention_again.sweep(&mut Book::default()).unwrap();
    assert_eq!(starts(&rig), [at(60.0), at(120.0)]);
    retention_again.rules.set_holds(&rig.camera, &[]).unwrap();
    retention_again.sweep(&mut Book::default()).unwrap();
    assert_eq!(starts(&rig), []);
}

#[test]
fn what_is_deleted_between_stretches_that_were_deleted_before_takes_nothing_from_them() {
    let mut rig = Rig::new();
    for second in 0..3 {
        rig.change_info(info(second + 1, 641 + second));
        rig.send(i64::from(second) * RATE, i64::from(second + 1) * RATE);
    }
    rig.change_info(info(4, 640));
    rig.send(3 * RATE, 300 * RATE);
    let mut retention = rig.retention(rule(0, 1 << 40), Bounds { volume_bytes_max: Some(0), ..ENDLESS });
    retention.rules.set_holds(&rig.camera, &[Held { from: at(1.3), to: at(1.7) }]).unwrap();
    retention.sweep(&mut Book::default()).unwrap();
    let short = |kept: &Segment| kept.sealed && kept.start >= at(0.9) && kept.end <= at(2.1);
    assert_eq!(rig.segments().iter().filter(|kept| short(kept)).count(), 1, "a second that is held");
    retention.rules.set_holds(&rig.camera, &[]).unwrap();
    retention.sweep(&mut Book::default()).unwrap();
    let left = rig.segments()[0].start;
    let [(from, to, reason)] = rig.gaps().try_into().expect("one gap");
    assert!(from < 0.1 && at(to) == left && reason == "deleted", "{from} to {to}, {reason}, and then {left:?}");
}

#[test]
fn a_clock_that_jumps_years_ahead_deletes_nothing() {
    let mut rig = Rig::new();
    rig.send(0, 200 * RATE);
    let mut retention = rig.retention(rule(0, 86_400), ENDLESS);
    retention.opened = (at(200.0), Duration::from_secs(1200));
    // Only the wall clock moves: the monotonic line of the test's clock moves along, so take it back out.
    rig.clock.set(1e8);
    retention.opened.1 += Duration::from_secs_f64(1e8 - 200.0);
    let mut book = Book::default();
    retention.sweep(&mut book).unwrap();
    assert_eq!(book.deleted, []);
}

#[test]
fn a_day_s_folder_goes_with_its_last_file() {
    let mut rig = Rig::new();
    rig.send(0, 70 * RATE);
    let rig = rig.stop_and_start();
    let segment = rig.segments()[0].clone();
    rig.clock.set(1000.0);
    rig.retention(rule(0, 1), ENDLESS).sweep(&mut Book::default()).unwrap();
    assert!(!rig.path(&segment).parent().unwrap().exists());
    assert!(rig.folder.path().join("recordings").exists());
    assert_eq!(rig.timeline().items, []);
}

#[test]
fn every_sealed_segment_is_told_of_once_with_the_hash_of_its_file() {
    let mut rig = Rig::new();
    rig.send(0, 190 * RATE);
    let mut book = Book { shut: true, ..Book::default() };
    crate::record::tell(&rig.index, &mut book).unwrap();
    book.shut = false;
    for _ in 0..2 {
        assert!(!crate::record::tell(&rig.index, &mut book).unwrap());
    }
    assert_eq!(book.sealed.iter().map(|s| s.start).collect::<Vec<_>>(), [at(0.0), at(60.0), at(120.0)]);
    // Also one that was cut short by a crash and mended by a start.
    let rig = rig.restart();
    crate::record::tell(&rig.index, &mut book).unwrap();
    assert_eq!(book.sealed.len(), 4);
    for (told, segment) in book.sealed.iter().zip(rig.segments()) {
        let bytes = std::fs::read(rig.path(&segment)).unwrap();
        assert_eq!((told.hash.0, told.bytes), (*blake3::hash(&bytes).as_bytes(), bytes.len() as u64));
        assert_eq!((told.hash, told.volume), (segment.hash.unwrap(), rig.volumes.slots[0].volume.id()));
    }
}
