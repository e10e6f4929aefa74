//! A check of what is on the volume, beside a recorder that runs, and after every kind of damage.

use std::fs;

use media::wall::Wall;

use super::rig::{RATE, Rig};
use crate::check::{Depth, Fault, check, doubt};
use crate::segment::Segment;

/// Long after anything that these tests write.
pub(super) const LATER: Wall = Wall::from_micros(4_000_000_000_000_000);

fn faults(rig: &Rig, depth: Depth) -> Vec<(String, Fault)> {
    let folder = rig.folder.path();
    let checked = check(&[folder.join("recordings")], &folder.join("index"), depth, LATER, &mut |_, _| ()).unwrap();
    assert_eq!(checked.findings_not_shown, 0);
    checked.findings.into_iter().map(|finding| (finding.path, finding.fault)).collect()
}

fn recorded() -> (Rig, Vec<Segment>) {
    let mut rig = Rig::new();
    rig.send(0, 190 * RATE);
    let segments = rig.segments();
    assert_eq!(segments.iter().filter(|s| s.sealed).count(), 3);
    (rig, segments)
}

#[test]
fn what_is_being_recorded_is_clean_at_every_depth() {
    let (rig, segments) = recorded();
    let folder = rig.folder.path();
    for depth in [Depth::Presence, Depth::Size, Depth::Structure, Depth::Hash] {
        let mut told = Vec::new();
        let progress = &mut |done, all| told.push((done, all));
        let checked = check(&[folder.join("recordings")], &folder.join("index"), depth, LATER, progress).unwrap();
        let bytes = segments.iter().filter(|s| s.sealed).map(|s| s.bytes).sum();
        assert_eq!((checked.cameras, checked.sealed, checked.open, checked.bytes), (1, 3, 1, bytes));
        assert!(checked.is_clean(), "{depth:?}: {:?}", checked.findings);
        let all = if depth == Depth::Hash { bytes } else { 1 };
        assert_eq!((told[0], told.last()), ((0, all), Some(&(all, all))));
    }
}

#[test]
fn each_damage_is_found_at_its_depth_and_named() {
    let (rig, segments) = recorded();
    let [gone, short, torn] = [0, 1, 2].map(|n| segments[n].path.clone());
    fs::remove_file(rig.path(&segments[0])).unwrap();
    let bytes = fs::read(rig.path(&segments[1])).unwrap();
    fs::write(rig.path(&segments[1]), &bytes[..bytes.len() - 1]).unwrap();
    let mut bytes = fs::read(rig.path(&segments[2])).unwrap();
    let second = segments[2].fragments[1].offset as usize;
    bytes[second + 4..second + 8].copy_from_slice(&[0, 1, 2, 3]);
    fs::write(rig.path(&segments[2]), bytes).unwrap();
    let stranger = format!("{}.mp4", gone.trim_end_matches(".000.mp4").to_owned() + ".999");
    fs::write(rig.folder.path().join("recordings").join(&stranger), b"x").unwrap();

    let missing = (gone, Fault::Missing);
    let length = (short, Fault::Length { expected: segments[1].bytes, found: segments[1].bytes - 1 });
    let unknown = (stranger, Fault::NotInIndex);
    assert_eq!(faults(&rig, Depth::Presence), [missing.clone(), unknown.clone()]);
    assert_eq!(faults(&rig, Depth::Size), [missing.clone(), length.clone(), unknown.clone()]);
    let deepest = faults(&rig, Depth::Structure);
    assert_eq!(deepest.len(), 4, "{deepest:?}");
    assert!(
        deepest.iter().any(|(path, fault)| *path == torn && matches!(fault, Fault::Torn(_) | Fault::OtherFragments))
    );
}

#[test]
fn a_file_without_a_row_is_no_fault_while_it_is_as_young_as_one_that_is_being_begun() {
    let (rig, segments) = recorded();
    let stranger = rig.folder.path().join("recordings").join(segments[0].path.replace(".000.mp4", ".999.mp4"));
    fs::write(&stranger, b"x").unwrap();
    let written = fs::metadata(&stranger).unwrap().modified().unwrap();
    let written = written.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let found = |after: u64| {
        let now = Wall::EPOCH + written + std::time::Duration::from_secs(after);
        let (roots, index) = ([rig.folder.path().join("recordings")], rig.folder.path().join("index"));
        let checked = check(&roots, &index, Depth::Size, now, &mut |_, _| ()).unwrap();
        (checked.open, checked.findings.len())
    };
    assert_eq!(found(1), (2, 0), "one is being written anyhow");
    assert_eq!(found(11), (1, 1));
}

#[test]
fn a_changed_bit_of_media_is_found_by_its_hash_alone() {
    let (rig, segments) = recorded();
    let mut bytes = fs::read(rig.path(&segments[1])).unwrap();
    let last = bytes.len() - 10;
    bytes[last] ^= 1;
    fs::write(rig.path(&segments[1]), bytes).unwrap();
    assert_eq!(faults(&rig, Depth::Structure), []);
    assert_eq!(faults(&rig, Depth::Hash), [(segments[1].path.clone(), Fault::OtherContent)]);
    let claims = crate::check::Claims::open(&rig.folder.path().join("index")).unwrap();
    let volume = segments[1].volume.to_string();
    let dispute =
        |hash: &str| claims.dispute(&rig.camera, segments[1].start, &volume, hash).unwrap().map(|found| found.fault);
    assert_eq!(dispute(&segments[1].hash.unwrap().to_string()), None);
    assert_eq!(dispute(&"0".repeat(64)), Some(Fault::OtherOnRecord));
}

#[test]
fn what_is_doubted_is_repaired_by_the_next_start() {
    let (rig, segments) = recorded();
    let rig = rig.stop_and_start();
    let mut bytes = fs::read(rig.path(&segments[1])).unwrap();
    let last = segments[1].fragments.last().unwrap().offset as usize;
    bytes[last..last + 8].fill(0xff);
    fs::write(rig.path(&segments[1]), bytes).unwrap();
    let folder = rig.folder.path().to_owned();
    let found =
        check(&[folder.join("recordings")], &folder.join("index"), Depth::Structure, LATER, &mut |_, _| ()).unwrap();
    assert_eq!(found.findings.len(), 1, "{:?}", found.findings);
    doubt(&rig.index, &found.findings).unwrap();
    let rig = rig.restart();
    assert_eq!((rig.report.cut, rig.report.lost), (1, 0));
    assert_eq!(faults(&rig, Depth::Structure), []);
    assert_eq!(rig.segments()[1].fragments.len(), segments[1].fragments.len() - 1);
}
