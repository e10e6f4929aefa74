//! The account of a stretch: what is recorded, what is missing and why, and what nobody can explain, which add up to it.

use std::fs;
use std::time::Duration;

use super::rig::{Book, RATE, Rig};
use crate::index::Changes;
use crate::kept::Kept;
use crate::retention::Bounds;
use crate::rules::Rule;

/// Time that is in none of the sums.
fn unexplained(kept: &Kept, seconds: f64) -> f64 {
    let gaps: i64 = kept.gaps.iter().map(|gap| gap.end.micros_since(gap.start)).sum();
    seconds - (kept.covered_micros + kept.short_micros + gaps) as f64 / 1e6
}

fn words(kept: &Kept) -> Vec<(f64, f64, &str)> {
    let seconds = |at: media::wall::Wall| at.micros_since(super::rig::at(0.0)) as f64 / 1e6;
    kept.gaps.iter().map(|gap| (seconds(gap.start), seconds(gap.end), gap.reason.as_str())).collect()
}

/// Ten minutes: recorded, silent from 130 s to 200 s, recorded, stopped from 330 s to 400 s, recorded.
fn recorded() -> Rig {
    let mut rig = Rig::new();
    rig.send(0, 130 * RATE);
    rig.send(200 * RATE, 330 * RATE);
    let mut rig = rig.stop_and_start();
    rig.send(400 * RATE, 601 * RATE);
    rig
}

#[test]
fn what_is_recorded_and_what_is_not_add_up() {
    let rig = recorded();
    let kept = rig.kept(0.0, 600.0);
    assert_eq!(words(&kept), [(130.0, 200.0, "no_frames"), (330.0, 400.0, "shutdown")]);
    assert_eq!((unexplained(&kept, 600.0), kept.lost_micros), (0.0, 0));
    assert_eq!(kept.covered_micros + kept.short_micros, 460_000_000);
    // From the middle of a gap to the middle of another.
    let kept = rig.kept(150.0, 350.0);
    assert_eq!(words(&kept), [(150.0, 200.0, "no_frames"), (330.0, 350.0, "shutdown")]);
    assert_eq!(unexplained(&kept, 200.0), 0.0);
}

#[test]
fn a_row_that_was_taken_out_is_unexplained_and_a_damaged_file_is_a_loss() {
    let rig = recorded();
    let (gone, damaged) = (rig.segments()[1].clone(), rig.segments()[3].clone());
    let mut changes = Changes::default();
    changes.remove_segment(&rig.camera, gone.start);
    rig.index.commit(&changes).unwrap();
    let seconds = gone.end.micros_since(gone.start) as f64 / 1e6;
    assert!(seconds > 50.0);
    let kept = rig.kept(0.0, 600.0);
    assert!((unexplained(&kept, 600.0) - seconds).abs() < 0.001, "{kept:?}");
    assert_eq!(kept.lost_micros, 0, "nothing says that it was there");
    fs::remove_file(rig.path(&gone)).unwrap();
    fs::remove_file(rig.path(&damaged)).unwrap();
    let rig = rig.stop_and_start();
    let kept = rig.kept(0.0, 600.0);
    assert_eq!(kept.lost_micros, damaged.end.micros_since(damaged.start));
    assert!((unexplained(&kept, 600.0) - seconds).abs() < 0.001, "{kept:?}");
}

#[test]
fn what_was_deleted_by_rule_is_named_as_one_stretch() {
    let rig = recorded();
    let rule = Rule { floor: Duration::from_secs(300), ceiling: Duration::from_secs(3_600), statutory: true };
    let bounds = Bounds { volume_bytes_max: Some(1), free_bytes_min: 0 };
    rig.retention(rule, bounds).sweep(&mut Book::default()).unwrap();
    let left = rig.segments()[0].start;
    assert!(left > super::rig::at(190.0), "what is older than the floor is gone: {left:?}");
    let kept = rig.kept(0.0, 600.0);
    let named = words(&kept);
    assert_eq!(named.iter().filter(|(.., word)| *word == "deleted").count(), 2, "{named:?}");
    assert_eq!((named[0], named[1]), ((0.0, 130.0, "deleted"), (130.0, 200.0, "no_frames")));
    assert_eq!(unexplained(&kept, 600.0), 0.0);
    let deleted: f64 = named.iter().filter(|(.., word)| *word == "deleted").map(|(from, to, _)| to - from).sum();
    assert!((kept.lost_micros as f64 / 1e6 - deleted).abs() < 0.001);
    // Past the ceiling nothing is told of any more.
    let rule = Rule { ceiling: Duration::from_secs(300), ..rule };
    rig.retention(rule, Bounds { volume_bytes_max: None, ..bounds }).sweep(&mut Book::default()).unwrap();
    assert_eq!(rig.kept(0.0, 290.0).gaps, []);
}
