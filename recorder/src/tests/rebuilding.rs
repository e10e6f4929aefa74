//! An index that is gone or broken is made anew from the volumes; what was there of it is kept, and the record's word is not said again.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use super::checking::LATER;
use super::rig::{RATE, Rig, TestClock};
use crate::check::{Claim, Claims, Depth, check};
use crate::index::Index;
use crate::repair::rebuild;
use crate::segment::Segment;

/// A recorder that was stopped, and its segments and gaps.
fn stopped() -> (Arc<TempDir>, Arc<TestClock>, Vec<Segment>) {
    let mut rig = Rig::new();
    rig.send(0, 70 * RATE);
    rig.send(90 * RATE, 150 * RATE);
    let rig = rig.stop_and_start();
    let segments = rig.segments();
    assert!(segments.len() >= 3);
    let (folder, clock) = rig.crash();
    (folder, clock, segments)
}

fn is_clean(folder: &Path) -> bool {
    let (roots, index) = ([folder.join("recordings")], folder.join("index"));
    check(&roots, &index, Depth::Hash, LATER, &mut |_| ()).unwrap().is_clean()
}

#[test]
fn a_damaged_index_is_kept_aside_and_made_anew() {
    type Damage = fn(&Path);
    let damages: [Damage; 4] = [
        |index| fs::write(index.join("CURRENT"), "MANIFEST-none\n").unwrap(),
        |index| fs::remove_file(index.join("CURRENT")).unwrap(),
        |index| {
            for entry in fs::read_dir(index).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.file_name().unwrap().to_str().unwrap().starts_with("MANIFEST") {
                    fs::write(entry, [0x5a; 500]).unwrap();
                }
            }
        },
        |index| fs::remove_dir_all(index).unwrap(),
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        let (folder, clock, segments) = stopped();
        let (roots, index) = ([folder.path().join("recordings")], folder.path().join("index"));
        damage(&index);
        assert!(check(&roots, &index, Depth::Presence, LATER, &mut |_| ()).is_err(), "damage {number}");
        let (report, aside) = rebuild(&roots, "test", &index, clock.clone()).unwrap();
        assert_eq!((report.segments, report.gaps_recalled, report.gaps_unknown), (segments.len(), 2, 0), "{number}");
        assert_eq!(aside.as_deref().is_some_and(Path::is_dir), number < 3, "damage {number}: {aside:?}");
        assert!(is_clean(folder.path()), "damage {number}");
        let rig = Rig::on(folder, clock);
        assert_eq!(rig.segments(), segments, "damage {number}");
        assert_eq!(rig.gaps()[0], (70.0, 90.0, "no_frames".into()));
    }
}

#[test]
fn what_the_record_has_is_not_told_again() {
    let (folder, clock, segments) = stopped();
    let (roots, index) = ([folder.path().join("recordings")], folder.path().join("index"));
    fs::remove_dir_all(&index).unwrap();
    rebuild(&roots, "test", &index, clock).unwrap();
    let camera = "cam-1".parse().unwrap();
    let mut claims = Claims::open_to_settle(&index).unwrap();
    for segment in &segments[1..] {
        let (hash, volume) = (segment.hash.unwrap().to_string(), segment.volume.to_string());
        let (start, bytes) = (segment.start, segment.bytes);
        let claim = Claim { camera: &camera, start, volume: &volume, bytes, hash: &hash };
        assert_eq!(claims.dispute(&claim).unwrap(), None);
    }
    claims.close().unwrap();
    assert_eq!(Index::open(&index).unwrap().unproven(10).unwrap(), [(camera, segments[0].start)]);
}

#[test]
fn a_volume_that_is_not_mounted_leaves_everything_as_it_is() {
    let (folder, clock, _) = stopped();
    let (root, index) = (folder.path().join("recordings"), folder.path().join("index"));
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(&root, &elsewhere).unwrap();
    fs::create_dir(&root).unwrap();
    fs::remove_file(index.join("CURRENT")).unwrap();
    let refused = rebuild(std::slice::from_ref(&root), "test", &index, clock).unwrap_err().to_string();
    assert!(refused.contains("no volume is there"), "{refused}");
    assert!(index.join("LOCK").exists() && fs::read_dir(&root).unwrap().next().is_none());
}
