//! The power goes in every single operation of a script, in each way it can, and each time what is on the disk is started on: nothing
//! that was durable is lost, at most the last second is, and a check finds what is left clean. The disk is copied as it is in that moment.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use media::fmp4::reader;
use media::wall::{Clock as _, Wall};
use parking_lot::Mutex;

use super::checking::LATER;
use super::faulty::{Call, Faulty, Moment};
use super::rig::{RATE, Rig, T0, TestClock, at, frame};
use crate::check::{Depth, check};
use crate::index::Changes;
use crate::kept;

/// Seconds of the script: past the first segment's end. `SLUICE_CUT_SECONDS=3600` for the long run.
const SECONDS: i64 = 64;
/// Longer ago than this recordings are only asked for their length: they were read whole when they were younger.
const READ_AGAIN_MICROS: i64 = 130_000_000;
/// What a disk writes whole or not at all.
const SECTOR_BYTES: u64 = 512;

/// What is left of the operation in which the power went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// Nothing.
    Lost,
    /// The first half of its bytes, up to there.
    Torn(u64),
    /// The second half: the first one, from there to there, is as it was before.
    Swapped(u64, u64),
    /// All of it, but nobody was told.
    Unheard,
}

/// A copy of everything, in which only what is still written to is not shared. The newest recording was `before` the operation.
fn copy(from: &Path, cut: Cut, before: &[u8]) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    let mut files = all_files(from);
    let newest = files.iter().filter(|path| is(path, "mp4")).max().cloned();
    files.sort();
    for file in &files {
        let target = to.path().join(file);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        let shared = is(file, "sst") || (is(file, "mp4") && Some(file) != newest.as_ref());
        let source = from.join(file);
        if shared {
            fs::hard_link(source, target).unwrap();
        } else {
            fs::copy(source, target).unwrap();
        }
    }
    if let Some(newest) = newest {
        tear(&to.path().join(newest), cut, before);
    }
    to
}

fn tear(file: &Path, cut: Cut, before: &[u8]) {
    match cut {
        Cut::Lost | Cut::Unheard => {}
        Cut::Torn(bytes) => fs::OpenOptions::new().write(true).open(file).unwrap().set_len(bytes).unwrap(),
        Cut::Swapped(from, until) => {
            let mut bytes = fs::read(file).unwrap();
            let until = (until.next_multiple_of(SECTOR_BYTES) as usize).min(bytes.len());
            for (place, byte) in bytes.iter_mut().enumerate().take(until).skip(from as usize) {
                *byte = before.get(place).copied().unwrap_or_default();
            }
            fs::write(file, bytes).unwrap();
        }
    }
}

/// The newest recording's bytes.
fn newest_bytes(folder: &Path) -> Vec<u8> {
    let newest = all_files(folder).into_iter().filter(|path| is(path, "mp4")).max();
    newest.map(|path| fs::read(folder.join(path)).unwrap()).unwrap_or_default()
}

fn is(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

/// All files below a folder, by their paths from it; RocksDB's lock is none.
pub(super) fn all_files(root: &Path) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name != "LOCK") {
                files.push(path.strip_prefix(root).unwrap().to_path_buf());
            }
        }
    }
    files
}

/// Starts on what was left in that moment.
fn start_on(left: tempfile::TempDir, gone_at: Wall, cut: Cut, depth: Depth, place: &str) {
    let clock = Arc::new(TestClock::default());
    clock.set(gone_at.micros_since(Wall::from_micros(T0)) as f64 / 1e6);
    let rig = Rig::on(Arc::new(left), clock);
    // A file without its beginning cannot be read; none of it was durable yet.
    let unreadable = usize::from(matches!(cut, Cut::Swapped(0, _)));
    assert_eq!((rig.report.quarantined, rig.report.lost), (unreadable, 0), "{place}");
    whole_up_to(&rig, gone_at, place);
    let folder = rig.folder.path();
    let checked = check(&[folder.join("recordings")], &folder.join("index"), depth, LATER, &mut |_| ()).unwrap();
    assert!(checked.is_clean(), "{place}: {:?}", checked.findings);
    let again = rig.restart().report;
    assert_eq!((again.cut, again.quarantined, again.lost, again.empty), (0, 0, 0, 0), "{place}");
}

/// What is recorded is what was sent, frame for frame; it begins with the first one, has no hole, and ends at most a second before the power went.
fn whole_up_to(rig: &Rig, gone_at: Wall, place: &str) {
    let (mut until, mut frames) = (at(0.0), 0..);
    for segment in rig.segments() {
        if gone_at.micros_since(segment.end) > READ_AGAIN_MICROS {
            assert_eq!(fs::metadata(rig.path(&segment)).unwrap().len(), segment.bytes, "{place}: {}", segment.path);
            assert!(segment.start.micros_since(until).abs() <= 1, "{place}: a hole at {until:?}");
            until = segment.end;
            frames = (until.micros_since(at(0.0)) + 20_000) / 40_000..;
            continue;
        }
        let bytes = Bytes::from(fs::read(rig.path(&segment)).unwrap());
        let scan = reader::scan_bytes(&bytes).unwrap_or_else(|error| panic!("{place}: {}: {error}", segment.path));
        assert_eq!((scan.torn, scan.valid_bytes), (None, segment.bytes), "{place}: {}", segment.path);
        assert_eq!(scan.fragments.len(), segment.fragments.len(), "{place}: {}", segment.path);
        for (piece, found) in segment.fragments.iter().zip(&scan.fragments) {
            let end = (found.offset + found.bytes) as usize;
            let mut media = &bytes[end - found.tracks[0].bytes as usize..end];
            for n in frames.by_ref().take(found.tracks[0].samples) {
                let (sent, rest) = media.split_at(frame(n).payload.len());
                assert!(sent == frame(n).payload, "{place}: frame {n}");
                media = rest;
            }
            assert!(piece.start.micros_since(until).abs() <= 1, "{place}: a hole at {until:?}");
            until = piece.end();
        }
    }
    let lost = gone_at.micros_since(until);
    assert!(lost <= 1_000_000, "{place}: {lost} µs are lost");
}

#[test]
fn the_power_may_go_in_any_operation() {
    let seconds = std::env::var("SLUICE_CUT_SECONDS").ok().and_then(|n| n.parse().ok()).unwrap_or(SECONDS);
    let mut rig = Rig::new();
    let (folder, clock, operations) = (Arc::clone(&rig.folder), Arc::clone(&rig.clock), Arc::new(Mutex::new(0_i64)));
    let counted = Arc::clone(&operations);
    // A long script is not hashed from its beginning in each of its moments.
    let depth = if seconds > SECONDS { Depth::Size } else { Depth::Hash };
    let mut before = Vec::new();
    *rig.disk.watch.lock() = Some(Box::new(move |_, moment| {
        let mut count = counted.lock();
        if moment == Moment::Before {
            *count += 1;
            before = newest_bytes(folder.path());
        }
        let cuts: &[Cut] = match moment {
            Moment::Before => &[Cut::Lost],
            Moment::Written { from, half } => &[Cut::Torn(half), Cut::Swapped(from, half), Cut::Unheard],
            Moment::After => &[Cut::Unheard],
        };
        for cut in cuts {
            let place = format!("{cut:?} in operation {}", *count);
            start_on(copy(folder.path(), *cut, &before), clock.wall(), *cut, depth, &place);
        }
    }));
    for n in 0..seconds * RATE {
        if n % RATE == RATE - 1 { rig.visit_at(frame(n)) } else { rig.send_frame(frame(n)) }
    }
    *rig.disk.watch.lock() = None;
    // A file made and one ended in each minute, and a write in each second.
    let operations = *operations.lock();
    assert!(operations >= seconds + seconds / 60, "only {operations} operations");
}

/// A camera falls silent and comes back, and the power goes in each operation: the silence is told of by its own reason as soon as it was
/// told of anywhere, and no time but the last second is without one.
#[test]
fn the_power_may_go_while_a_gap_is_told_of() {
    let mut rig = Rig::new();
    let (folder, clock) = (Arc::clone(&rig.folder), Arc::clone(&rig.clock));
    let places = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&places);
    let mut told = false;
    rig.send(0, 5 * RATE);
    *rig.disk.watch.lock() = Some(Box::new(move |call, moment| {
        *counted.lock() += 1;
        let (place, gone_at) = (format!("{moment:?} {call:?}"), clock.wall());
        told |= (call, moment) == (Call::Append, Moment::After);
        let gone = Arc::new(TestClock::default());
        gone.set(gone_at.micros_since(Wall::from_micros(T0)) as f64 / 1e6 + 40.0);
        let rig = Rig::on(Arc::new(copy(folder.path(), Cut::Unheard, &[])), gone);
        let until = rig.segments().last().unwrap().end;
        let kept = kept::kept(&rig.index, &rig.live, &rig.volumes, &rig.camera, (at(0.0), gone_at), gone_at).unwrap();
        let words: Vec<&str> = kept.gaps.iter().map(|gap| gap.reason.as_str()).collect();
        let silent = if told { "no_frames" } else { "crash" };
        assert!(words.first().is_none_or(|word| *word == silent), "{place} at {gone_at:?}: {words:?}");
        let all: i64 = kept.gaps.iter().map(|gap| gap.end.micros_since(gap.start)).sum();
        let known = kept.covered_micros + kept.short_micros + all;
        assert!(known + 1_000_000 >= gone_at.micros_since(at(0.0)), "{place} at {gone_at:?}: {kept:?}");
        // What came after the silence has a gap of its own.
        assert!(until < at(19.0) || rig.gaps().last().unwrap().2 == "crash", "{place}: {:?}", rig.gaps());
    }));
    rig.clock.set(12.0);
    rig.tick();
    rig.sync();
    rig.send(20 * RATE, 23 * RATE);
    *rig.disk.watch.lock() = None;
    assert!(*places.lock() > 10);
}

/// The power goes in each operation of the start that puts in what a crash kept from the index, and the next one finds the same.
#[test]
fn the_power_may_go_in_a_start() {
    let mut rig = Rig::new();
    rig.send(0, 70 * RATE);
    rig.send(100 * RATE, 130 * RATE);
    let mut changes = Changes::default();
    changes.remove_gap(&rig.camera, at(70.0));
    rig.index.commit(&changes).unwrap();
    let open = rig.path(&rig.segments().pop().unwrap());
    let torn = [&fs::read(&open).unwrap()[..], &[0, 0, 9, 9, b'm', b'o', b'o', b'f']].concat();
    fs::write(&open, torn).unwrap();
    fs::write(open.with_file_name("010203.000.mp4"), "garbage that calls itself MP4").unwrap();
    let (folder, clock) = rig.crash();
    let now = clock.wall();
    let disk = Arc::new(Faulty::default());
    let (places, left) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(Vec::new())));
    let (counted, found, source) = (Arc::clone(&places), Arc::clone(&left), Arc::clone(&folder));
    *disk.watch.lock() = Some(Box::new(move |call, moment| {
        *counted.lock() += 1;
        found.lock().push((format!("{moment:?} {call:?}"), copy(source.path(), Cut::Unheard, &[])));
    }));
    let whole = Rig::on_disk(folder, clock, Arc::clone(&disk));
    *disk.watch.lock() = None;
    let (gaps, segments) = (whole.gaps(), whole.segments());
    assert_eq!(gaps.iter().map(|gap| gap.2.as_str()).collect::<Vec<_>>(), ["no_frames", "crash"]);
    assert!(*places.lock() > 8, "{places:?}");
    for (place, left) in left.lock().drain(..) {
        let clock = Arc::new(TestClock::default());
        clock.set(now.micros_since(at(0.0)) as f64 / 1e6);
        let rig = Rig::on(Arc::new(left), clock);
        assert_eq!(rig.gaps(), gaps, "{place}");
        assert_eq!(rig.segments(), segments, "{place}");
    }
}
