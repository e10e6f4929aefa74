//! What a start finds: torn tails, files that are none, rows without files and files without rows.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use super::rig::{Book, RATE, Rig, TestClock, at, frame};
use crate::gap::{Gap, GapReason};
use crate::retention::Bounds;
use crate::rules::Rule;

#[test]
fn a_crash_costs_what_was_not_whole_and_says_so() {
    let mut rig = Rig::new();
    rig.send(0, 70 * RATE);
    let open = rig.segments().pop().unwrap();
    let file = rig.path(&open);
    let whole = fs::read(&file).unwrap();
    let last = *open.fragments.last().unwrap();
    // Twenty places in the last fragment, its first and last byte among them.
    let (mut rig, step) = (rig.restart(), last.bytes / 18);
    for cut in (0..=19).map(|i| (last.offset + i * step).min(open.bytes - 1)) {
        fs::write(&file, &whole[..cut as usize]).unwrap();
        let mut changes = crate::index::Changes::default();
        let unsealed = crate::segment::Segment { sealed: false, fragments: Vec::new(), ..open.clone() };
        changes.put_segment(&rig.camera, &unsealed);
        rig.index.commit(&changes).unwrap();
        rig = rig.restart();
        let found = rig.segments().pop().unwrap();
        assert_eq!(found.fragments, open.fragments[..open.fragments.len() - 1], "cut at {cut}");
        assert_eq!(fs::metadata(&file).unwrap().len(), last.offset);
        assert_eq!(rig.report.cut, usize::from(cut != last.offset));
        assert!(found.sealed);
    }
    assert_eq!(rig.gaps().last().unwrap().2, "crash");
}

#[test]
fn the_gap_of_a_crash_ends_with_the_next_frame() {
    let mut rig = Rig::new();
    rig.send(0, 10 * RATE);
    let mut rig = rig.restart();
    rig.send(25 * RATE, 30 * RATE);
    let gaps = rig.gaps();
    assert_eq!(gaps.len(), 1);
    assert_eq!((gaps[0].1, gaps[0].2.as_str()), (25.0, "crash"));
    assert!(10.0 - gaps[0].0 <= 0.6, "the gap begins at the last whole fragment: {gaps:?}");
    // An orderly stop has another word, and both stay.
    let mut rig = rig.stop_and_start();
    rig.send(40 * RATE, 42 * RATE);
    assert_eq!(rig.gaps()[1..], [(30.0, 40.0, "shutdown".into())]);
}

#[test]
fn pages_that_were_never_written_are_found() {
    let mut rig = Rig::new();
    rig.send(0, 10 * RATE);
    let open = rig.segments().pop().unwrap();
    let file = rig.path(&open);
    let mut bytes = fs::read(&file).unwrap();
    // The tail as a file system may leave it: the right length, but zeros where the pages did not make it.
    let page = (open.bytes as usize - 8192) / 4096 * 4096;
    bytes[page..page + 4096].fill(0);
    fs::write(&file, bytes).unwrap();
    let rig = rig.restart();
    assert_eq!(rig.report.cut, 1);
    let found = rig.segments().pop().unwrap();
    assert!(found.bytes <= page as u64 && found.fragments.len() >= open.fragments.len() - 2);
}

#[test]
fn files_that_are_none_are_moved_away_and_the_others_stay() {
    let mut rig = Rig::new();
    rig.send(0, 200 * RATE);
    let rig = rig.stop_and_start();
    let before = rig.segments();
    let day = rig.path(&before[0]).parent().unwrap().to_path_buf();
    let length = fs::metadata(rig.path(&before[1])).unwrap().len();
    fs::write(rig.path(&before[1]), vec![0; length as usize]).unwrap();
    fs::write(day.join("notes.txt"), "not a recording").unwrap();
    fs::write(day.join("010203.000.mp4"), "garbage that calls itself MP4").unwrap();
    fs::create_dir(rig.folder.path().join("recordings/not a camera")).unwrap();
    let foreign = media::fmp4::init(&super::rig::info(1, 32)).unwrap();
    fs::write(day.join("010204.000.mp4"), [&foreign[..], &[0, 0, 0, 12], b"free1234"].concat()).unwrap();
    let rig = rig.restart();
    assert_eq!(rig.report.quarantined, 4);
    let left: Vec<_> = rig.segments().iter().map(|s| s.start).collect();
    assert_eq!(left, [before[0].start, before[2].start, before[3].start]);
    let moved: Vec<String> = fs::read_dir(rig.folder.path().join("recordings/_quarantine"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(moved.len(), 8, "each with a reason: {moved:?}");
    let reason = moved.iter().find(|m| m.ends_with("160100.000.mp4.reason.txt")).unwrap();
    let reason = fs::read_to_string(rig.folder.path().join("recordings/_quarantine").join(reason)).unwrap();
    assert!(reason.contains("zeros"), "{reason}");
    assert!(rig.gaps().contains(&(60.0, 120.0, "damaged".into())));
}

#[test]
fn a_sealed_file_that_lost_its_end_keeps_the_rest() {
    let mut rig = Rig::new();
    rig.send(0, 130 * RATE);
    let rig = rig.stop_and_start();
    let whole = rig.segments()[0].clone();
    let keep = whole.fragments[40];
    let file = fs::OpenOptions::new().write(true).open(rig.path(&whole)).unwrap();
    file.set_len(keep.offset + 10).unwrap();
    let rig = rig.restart();
    assert_eq!(rig.report.cut, 1);
    let cut = rig.segments()[0].clone();
    assert_eq!((cut.fragments.len(), cut.bytes), (40, keep.offset));
    let gap = rig.timeline().gaps.remove(0);
    assert_eq!((gap.start, gap.end, gap.reason.as_str()), (keep.start, at(60.0), "damaged"));
}

#[test]
fn empty_files_go_and_rows_without_a_file_become_gaps() {
    let mut rig = Rig::new();
    rig.send(0, 130 * RATE);
    let rig = rig.stop_and_start();
    let gone = rig.segments()[1].clone();
    fs::remove_file(rig.path(&gone)).unwrap();
    let header = media::fmp4::init(&super::rig::info(1, 640)).unwrap();
    let day = rig.path(&gone).parent().unwrap().to_path_buf();
    fs::write(day.join("170000.000.mp4"), &header).unwrap();
    fs::write(day.join("170001.000.mp4"), "").unwrap();
    let rig = rig.restart();
    assert_eq!((rig.report.lost, rig.report.empty, rig.report.quarantined), (1, 2, 0));
    assert!(!day.join("170000.000.mp4").exists() && !day.join("170001.000.mp4").exists());
    assert!(rig.gaps().contains(&(60.0, 120.0, "damaged".into())));
    assert_eq!(rig.segments().len(), 2);
}

#[test]
fn an_index_rebuilt_from_the_files_equals_the_index() {
    let mut rig = Rig::new();
    rig.send(0, 70 * RATE);
    rig.change_info(super::rig::info(2, 1280));
    rig.send(70 * RATE, 75 * RATE);
    rig.send(100 * RATE, 200 * RATE);
    let rig = rig.stop_and_start();
    let before = rig.segments();
    assert!(before.len() >= 4 && before.iter().all(|s| s.sealed));
    assert_eq!(rig.report.scanned, 0, "an orderly stop leaves nothing to look at");
    let (folder, clock) = rig.crash();
    fs::remove_dir_all(folder.path().join("index")).unwrap();
    let rig = Rig::on(folder, clock);
    assert_eq!(rig.report.scanned, before.len());
    assert_eq!(rig.segments(), before);
    assert_eq!(rig.timeline().items.first().unwrap().start, at(0.0));
}

/// Start, end and word of each gap.
type Gaps = Vec<(f64, f64, String)>;

/// Gaps of three kinds, and an index that is gone.
fn gaps_and_no_index() -> (Gaps, Arc<TempDir>, Arc<TestClock>) {
    let mut rig = Rig::new();
    rig.send(0, 70 * RATE);
    rig.send(100 * RATE, 130 * RATE);
    let mut rig = rig.restart();
    rig.send(150 * RATE, 200 * RATE);
    let mut rig = rig.stop_and_start();
    rig.send(230 * RATE, 240 * RATE);
    let rig = rig.stop_and_start();
    let before = rig.gaps();
    let words: Vec<&str> = before.iter().map(|(.., word)| word.as_str()).collect();
    assert_eq!(words, ["no_frames", "crash", "shutdown"], "and one that is open and has no length yet");
    let (folder, clock) = rig.crash();
    fs::remove_dir_all(folder.path().join("index")).unwrap();
    (before, folder, clock)
}

/// The one note of gaps.
fn note(folder: &TempDir) -> PathBuf {
    fs::read_dir(folder.path().join("recordings/_gaps")).unwrap().next().unwrap().unwrap().path()
}

#[test]
fn the_reasons_of_gaps_outlive_the_index() {
    let (before, folder, clock) = gaps_and_no_index();
    clock.set(300.0);
    let mut rig = Rig::on(folder, clock);
    assert_eq!((rig.report.gaps_recalled, rig.report.gaps_unknown), (4, 0));
    assert_eq!(rig.gaps(), [&before[..], &[(240.0, 300.0, "shutdown".into())]].concat());
    rig.send(310 * RATE, 312 * RATE);
    assert_eq!(rig.gaps().last().unwrap(), &(240.0, 310.0, "shutdown".into()), "the open one goes on as such");
}

#[test]
fn where_nothing_is_told_of_a_hole_it_is_a_gap_without_a_known_reason() {
    let (before, folder, clock) = gaps_and_no_index();
    fs::remove_dir_all(folder.path().join("recordings/_gaps")).unwrap();
    let rig = Rig::on(folder, clock);
    assert_eq!((rig.report.gaps_recalled, rig.report.gaps_unknown), (0, 3));
    let unknown: Vec<_> = before.iter().map(|(start, end, _)| (*start, *end, "unknown".to_owned())).collect();
    assert_eq!(rig.gaps(), unknown);
    // They are no explanation.
    let kept = rig.kept(0.0, 240.0);
    assert_eq!((kept.gaps, kept.lost_micros), (vec![], 0));
}

/// The note is written before the row, so that a power cut may leave the one without the other.
#[test]
fn a_reason_that_is_told_of_beside_the_recordings_alone_is_put_in_by_the_next_start() {
    let mut rig = Rig::new();
    rig.send(0, 70 * RATE);
    rig.send(100 * RATE, 130 * RATE);
    let mut rig = rig.stop_and_start();
    rig.send(150 * RATE, 200 * RATE);
    let before = rig.gaps();
    let words: Vec<&str> = before.iter().map(|(.., word)| word.as_str()).collect();
    assert_eq!(words, ["no_frames", "shutdown"]);
    // Neither row; then the second one is there, as it was before the recording went on.
    for open in [false, true] {
        let mut changes = crate::index::Changes::default();
        for (start, ..) in &before {
            changes.remove_gap(&rig.camera, at(*start));
        }
        let stopped = Gap { start: at(before[1].0), end: None, reason: GapReason::Shutdown };
        (0..i32::from(open)).for_each(|_| changes.put_gap(&rig.camera, &stopped));
        rig.index.commit(&changes).unwrap();
        rig = rig.restart();
        assert_eq!(rig.report.gaps_recalled, 2 - usize::from(open));
        let gaps = rig.gaps();
        assert_eq!(gaps[..2], before, "open: {open}");
        assert_eq!((gaps.len(), gaps[2].2.as_str()), (3, "crash"), "the end is a gap of its own: {gaps:?}");
        assert_eq!(rig.report.gaps_unknown, 0);
    }
    // Of what is told nowhere there is no word.
    let mut changes = crate::index::Changes::default();
    changes.remove_gap(&rig.camera, at(before[0].0));
    rig.index.commit(&changes).unwrap();
    fs::remove_dir_all(rig.folder.path().join("recordings/_gaps")).unwrap();
    let rig = rig.restart();
    assert_eq!(rig.report.gaps_recalled, 0);
    assert_eq!(rig.gaps()[0], before[1]);
}

#[test]
fn a_camera_whose_first_second_is_lost_has_a_gap_from_its_beginning_on() {
    let mut rig = Rig::new();
    let retention = rig.retention(Rule::default(), Bounds { volume_bytes_max: None, free_bytes_min: 0 });
    retention.rules.set_rule(&rig.camera, Rule::default()).unwrap();
    drop(retention);
    for n in 0..RATE / 2 {
        rig.send_frame(frame(n));
    }
    // The file was made, and nothing of it was durable.
    let begun = rig.folder.path().join("recordings/cam-1/2025-11-24/160000.000.mp4");
    fs::create_dir_all(begun.parent().unwrap()).unwrap();
    fs::write(&begun, "").unwrap();
    let mut rig = rig.restart();
    assert_eq!((rig.report.empty, rig.segments().len()), (1, 0));
    rig.send(60 * RATE, 65 * RATE);
    assert_eq!(rig.gaps(), [(0.0, 60.0, "crash".into())]);
    let kept = rig.kept(0.0, 64.0);
    assert_eq!(kept.covered_micros + 60_000_000, 64_000_000, "{kept:?}");
}

#[test]
fn a_note_that_was_torn_costs_its_last_line_and_takes_further_ones() {
    let (before, folder, clock) = gaps_and_no_index();
    let whole = fs::read(note(&folder)).unwrap();
    // The word of the last stop, and the one before, which ended the stop before it.
    let lines: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] == b'\n').collect();
    let cut = lines[lines.len() - 3] - 4;
    fs::write(note(&folder), &whole[..cut]).unwrap();
    let mut rig = Rig::on(Arc::clone(&folder), Arc::clone(&clock));
    assert_eq!(rig.gaps(), before, "what was told of as open ends where the recording goes on");
    rig.send(250 * RATE, 252 * RATE);
    let after = rig.gaps();
    drop(rig.stop_and_start());
    fs::remove_dir_all(folder.path().join("index")).unwrap();
    assert_eq!(Rig::on(folder, clock).gaps()[..after.len()], after);
}

#[test]
fn notes_go_with_the_last_recording_that_could_lie_beside_them() {
    let (_, folder, clock) = gaps_and_no_index();
    let rig = Rig::on(Arc::clone(&folder), Arc::clone(&clock));
    let sweep = |rig: &Rig, ceiling: u64| {
        let ceiling = Duration::from_secs(ceiling);
        let rule = Rule { floor: Duration::ZERO, ceiling, statutory: true };
        let bounds = Bounds { volume_bytes_max: None, free_bytes_min: 0 };
        rig.retention(rule, bounds).sweep(&mut Book::default()).unwrap();
        fs::read_dir(folder.path().join("recordings/_gaps")).unwrap().count()
    };
    assert_eq!(sweep(&rig, 3_600), 1);
    clock.set(3.0 * 86_400.0);
    assert_eq!(sweep(&rig, 30 * 86_400), 1);
    assert_eq!(sweep(&rig, 86_400), 0);
}
