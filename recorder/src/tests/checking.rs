//! A check of what is on the volume, beside a recorder that runs, and after every kind of damage.

use std::fs;

use media::wall::Wall;

use super::rig::{RATE, Rig};
use crate::check::{Claim, Claims, Depth, Fault, Finding, Progress, check};
use crate::recovery::Report;
use crate::repair::repair;
use crate::segment::Segment;

/// Long after anything that these tests write.
pub(super) const LATER: Wall = Wall::from_micros(4_000_000_000_000_000);

fn faults(rig: &Rig, depth: Depth) -> Vec<(String, Fault)> {
    let folder = rig.folder.path();
    let checked = check(&[folder.join("recordings")], &folder.join("index"), depth, LATER, &mut |_| ()).unwrap();
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
        let progress = &mut |at| told.push(at);
        let checked = check(&[folder.join("recordings")], &folder.join("index"), depth, LATER, progress).unwrap();
        let bytes: u64 = segments.iter().filter(|s| s.sealed).map(|s| s.bytes).sum();
        assert_eq!((checked.cameras, checked.sealed, checked.open, checked.bytes), (1, 3, 1, bytes));
        assert!(checked.is_clean(), "{depth:?}: {:?}", checked.findings);
        let (price, end) = (told[0], told.last().unwrap());
        assert_eq!((price.files, price.files_all, price.bytes, end.files, end.files_all), (0, 3, 0, 3, 3));
        assert_eq!(end.bytes, end.bytes_all, "{depth:?}");
        let heads = end.bytes - if depth == Depth::Hash { bytes } else { 0 };
        match depth {
            Depth::Presence | Depth::Size => assert_eq!((price.bytes_all, end.bytes), (0, 0)),
            // What was told before and what it came to are near each other; half-way they are nearer.
            Depth::Structure | Depth::Hash => {
                let off = |at: Progress| at.bytes_all.abs_diff(end.bytes);
                assert!(heads > 3 * 4096 && heads < bytes, "{heads} of {bytes}");
                assert!(off(price) < heads / 2 && off(told[2]) <= off(price), "{depth:?}: {told:?}");
            }
        }
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
        let checked = check(&roots, &index, Depth::Size, now, &mut |_| ()).unwrap();
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
    let mut claims = Claims::open(&rig.folder.path().join("index")).unwrap();
    let volume = segments[1].volume.to_string();
    let mut dispute = |hash: &str, bytes: u64| {
        let claim = Claim { camera: &rig.camera, start: segments[1].start, volume: &volume, bytes, hash };
        claims.dispute(&claim).unwrap().map(|found| found.fault)
    };
    let (hash, bytes) = (segments[1].hash.unwrap().to_string(), segments[1].bytes);
    assert_eq!(dispute(&hash, bytes), None);
    assert_eq!(dispute(&"0".repeat(64), bytes), Some(Fault::OtherOnRecord));
    assert_eq!(dispute(&"0".repeat(64), bytes + 1), Some(Fault::CutSinceRecord));
}

/// Stops the recorder, changes files, and repairs what a check of this depth, and `more`, found.
fn repaired(
    rig: Rig,
    depth: Depth,
    more: impl IntoIterator<Item = Finding>,
    change: impl FnOnce(&Rig),
) -> (Report, Rig) {
    let rig = rig.stop_and_start();
    change(&rig);
    let (folder, clock) = rig.crash();
    let (roots, index) = ([folder.path().join("recordings")], folder.path().join("index"));
    let mut findings = check(&roots, &index, depth, LATER, &mut |_| ()).unwrap().findings;
    findings.extend(more);
    assert_eq!(findings.len(), 1, "{findings:?}");
    let report = repair(&roots, "test", &index, &findings, clock.clone()).unwrap();
    (report, Rig::on(folder, clock))
}

/// What lies in quarantine but for the reasons, and the reasons.
fn quarantined(rig: &Rig) -> (Vec<Vec<u8>>, String) {
    let folder = fs::read_dir(rig.folder.path().join("recordings/_quarantine")).unwrap();
    let paths: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    let (reasons, files): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.extension().unwrap() == "txt");
    let reasons: String = reasons.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    (files.iter().map(|path| fs::read(path).unwrap()).collect(), reasons)
}

#[test]
fn a_recording_that_was_changed_is_moved_away_as_it_is_and_never_taken_for_what_was_sealed() {
    let (rig, segments) = recorded();
    let mut bytes = fs::read(rig.path(&segments[1])).unwrap();
    let last = bytes.len() - 10;
    bytes[last] ^= 1;
    let (report, rig) = repaired(rig, Depth::Hash, [], |rig| fs::write(rig.path(&segments[1]), &bytes).unwrap());
    assert_eq!((report.changed, report.cut, report.quarantined), (1, 0, 0));
    let (files, reasons) = quarantined(&rig);
    assert_eq!(files, [bytes]);
    assert!(reasons.contains(&segments[1].hash.unwrap().to_string()), "{reasons}");
    assert!(rig.segments().iter().all(|segment| segment.start != segments[1].start));
    assert!(rig.gaps().contains(&(60.0, 120.0, "damaged".into())), "{:?}", rig.gaps());
    assert_eq!(faults(&rig, Depth::Hash), []);
}

#[test]
fn another_recording_in_a_recording_s_place_is_moved_away_by_a_start() {
    let (rig, segments) = recorded();
    let rig = rig.stop_and_start();
    // Whole, of this recorder, with fragments in the same places as the first of those that were sealed there.
    let other = fs::read(rig.path(&segments[3])).unwrap();
    fs::write(rig.path(&segments[1]), &other).unwrap();
    assert_ne!(other.len() as u64, segments[1].bytes, "a start looks at lengths");
    let rig = rig.restart();
    assert_eq!((rig.report.changed, rig.report.cut), (1, 0));
    assert_eq!(quarantined(&rig).0, [other]);
    assert!(rig.gaps().contains(&(60.0, 120.0, "damaged".into())), "{:?}", rig.gaps());
}

#[test]
fn what_the_record_contradicts_is_moved_away_though_file_and_index_agree() {
    let (rig, segments) = recorded();
    let (volume, path) = (segments[0].volume, segments[0].path.clone());
    let finding = Finding { volume, path, fault: Fault::OtherOnRecord };
    let before = fs::read(rig.path(&segments[0])).unwrap();
    let (report, rig) = repaired(rig, Depth::Presence, [finding], |_| ());
    assert_eq!(report.changed, 1);
    let (files, reasons) = quarantined(&rig);
    assert_eq!(files, [before]);
    assert!(reasons.contains("on the ledger"), "{reasons}");
}

#[test]
fn what_is_doubted_is_cut_to_what_is_whole_of_it() {
    let (rig, segments) = recorded();
    let (report, rig) = repaired(rig, Depth::Structure, [], |rig| {
        let mut bytes = fs::read(rig.path(&segments[1])).unwrap();
        let last = segments[1].fragments.last().unwrap().offset as usize;
        bytes[last..last + 8].fill(0xff);
        fs::write(rig.path(&segments[1]), bytes).unwrap();
    });
    assert_eq!((report.cut, report.lost, report.changed), (1, 0, 0));
    assert_eq!(faults(&rig, Depth::Structure), []);
    assert_eq!(rig.segments()[1].fragments.len(), segments[1].fragments.len() - 1);
}
