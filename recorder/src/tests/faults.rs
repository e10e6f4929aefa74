//! Every call on a disk fails, in each way it can, while recordings are made, deleted and started on: nothing panics, nothing that was
//! there is lost, each hole has a reason, and once the disk is well and the recorder started again a check finds everything clean.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use rustix::io::Errno;
use tempfile::TempDir;

use super::checking::LATER;
use super::cuts::all_files;
use super::faulty::{Call, Fault, Faulty, Mood, Then};
use super::rig::{Book, RATE, Rig, TestClock, at};
use crate::check::{Depth, check};
use crate::config::Config;
use crate::keeping::Keeping;
use crate::lane::Lanes;
use crate::queue::Waiting;
use crate::recorder::Recorder;
use crate::retention::{Bounds, Passed};
use crate::rules::Rule;
use crate::segment::Segment;
use crate::volumes::VolumeState;

/// What disks say: that they are broken, full, or were made read-only.
const ERRNOS: [Errno; 3] = [Errno::IO, Errno::NOSPC, Errno::ROFS];

/// Each way in which a call can fail, by name.
fn ways() -> impl Iterator<Item = (String, Call, Then)> {
    Call::ALL.into_iter().flat_map(|call| {
        ERRNOS.into_iter().flat_map(move |errno| {
            let halves = [Call::Read, Call::Append, Call::Write].contains(&call).then_some(Then::Halve(errno));
            let thens = [Then::Fail(errno), Then::FailAfter(errno)].into_iter().chain(halves);
            thens.map(move |then| (format!("{call:?} {then:?}"), call, then))
        })
    })
}

/// What is durable of a recording, with its bytes.
type Durable = (Segment, Vec<u8>);

fn durable(rig: &Rig) -> Vec<Durable> {
    let read = |segment: Segment| {
        let mut bytes = fs::read(rig.path(&segment)).unwrap();
        bytes.truncate(segment.bytes as usize);
        (segment, bytes)
    };
    rig.segments().into_iter().map(read).collect()
}

/// All of this is still there, as it was.
fn still_there(rig: &Rig, before: &[Durable], way: &str) {
    let after = rig.segments();
    for (segment, bytes) in before {
        let found = after.iter().find(|found| found.path == segment.path);
        let found = found.unwrap_or_else(|| panic!("{way}: {} is gone", segment.path));
        assert!(found.bytes >= segment.bytes, "{way}: {} has {} of {} bytes", segment.path, found.bytes, segment.bytes);
        assert!(fs::read(rig.path(found)).unwrap().starts_with(bytes), "{way}: {} is another", segment.path);
    }
}

fn clean(rig: &Rig, way: &str) {
    let folder = rig.folder.path();
    let checked = check(&[folder.join("recordings")], &folder.join("index"), Depth::Hash, LATER, &mut |_| ()).unwrap();
    assert!(checked.is_clean(), "{way}: {:?}", checked.findings);
}

/// Nothing between these two instants is without a reason.
fn explained(rig: &Rig, from: f64, to: f64, way: &str) {
    let kept = rig.kept(from, to);
    let told: i64 = kept.gaps.iter().map(|gap| gap.end.micros_since(gap.start)).sum();
    let all = at(to).micros_since(at(from));
    assert!(kept.covered_micros + kept.short_micros + told >= all, "{way}: {kept:?} of {all} µs");
}

#[test]
fn whatever_fails_while_recordings_are_made_costs_no_earlier_one_and_says_why() {
    for (way, call, then) in ways() {
        let mut rig = Rig::new();
        rig.send(0, 65 * RATE);
        let before = durable(&rig);
        rig.disk.set(&[Fault::new(call, then.clone())]);
        // Past the end of a segment.
        rig.send(65 * RATE, 125 * RATE);
        rig.tick();
        let (met, state) = (rig.disk.met(call), rig.volumes.slots[0].state());
        match call {
            // Those that a recording is made of.
            Call::Write | Call::SyncBatch => {
                let reason = rig.gaps().last().unwrap().2.clone();
                assert!(["volume_failed", "disk_full"].contains(&reason.as_str()), "{way}: {reason}");
                assert!(met > 0 && rig.timeline().items.last().unwrap().end < at(66.0), "{way}");
                // A write that finds no room where there is room is a fault of the volume.
                assert!(matches!(state, VolumeState::Failed(_)), "{way}: {state}");
            }
            // A new file cannot be made: what there is goes on no longer than its segment.
            Call::MakeFolders | Call::OpenNewDirect | Call::SyncFolder | Call::Status => {
                assert!(met > 0 && matches!(state, VolumeState::Failed(_)), "{way}: {state}, {met} calls");
                assert_eq!(rig.gaps().last().unwrap().2, "volume_failed", "{way}");
            }
            // The rest is done without.
            _ => assert!(rig.timeline().items.last().unwrap().end > at(124.0), "{way}: {state}, {:?}", rig.gaps()),
        }
        rig.disk.be(Mood::Well);
        rig.send(125 * RATE, 127 * RATE);
        still_there(&rig, &before, &way);
        let mut rig = rig.restart();
        rig.send(150 * RATE, 155 * RATE);
        let rig = rig.stop_and_start();
        still_there(&rig, &before, &way);
        explained(&rig, 0.0, 155.0, &way);
        clean(&rig, &way);
    }
}

#[test]
fn whatever_fails_while_recordings_are_deleted_loses_none_that_is_to_stay() {
    for (way, call, then) in ways() {
        let mut rig = Rig::new();
        rig.send(0, 250 * RATE);
        let rig = rig.stop_and_start();
        let stays = durable(&rig).split_off(2);
        rig.clock.set(250.0);
        let rule = Rule { floor: Duration::from_secs(60), ceiling: Duration::from_secs(120), statutory: true };
        let mut retention = rig.retention(rule, Bounds { volume_bytes_max: None, free_bytes_min: 0 });
        let mut book = Book::default();
        rig.disk.set(&[Fault::new(call, then)]);
        retention.sweep(&mut book).unwrap();
        let rows = rig.segments().len();
        rig.disk.be(Mood::Well);
        still_there(&rig, &stays, &way);
        // What could not be deleted is, once it is tried again; what was put on the record as deleted is no hole without a reason.
        retention.passed = Passed::default();
        retention.sweep(&mut book).unwrap();
        assert!(rows >= stays.len() && rig.segments().len() == stays.len(), "{way}: {rows} rows");
        drop(retention);
        let rig = rig.stop_and_start();
        still_there(&rig, &stays, &way);
        explained(&rig, 120.0, 250.0, &way);
        clean(&rig, &way);
    }
}

/// A folder as a crash leaves it, with every kind of file that a start has something to do with.
fn in_disorder() -> (Arc<TempDir>, Vec<Durable>) {
    let mut rig = Rig::new();
    rig.send(0, 70 * RATE);
    let before = durable(&rig);
    let open = rig.path(&rig.segments()[1]);
    let day = open.parent().unwrap().to_path_buf();
    let torn = [0, 0, 9, 9, b'm', b'o', b'o', b'f', 1, 2, 3];
    fs::write(&open, [&fs::read(&open).unwrap()[..], &torn].concat()).unwrap();
    fs::write(day.join("170000.000.mp4"), "").unwrap();
    fs::write(day.join("010203.000.mp4"), "garbage that calls itself MP4").unwrap();
    (rig.crash().0, before)
}

/// A copy of it all.
fn copy(from: &Path) -> Arc<TempDir> {
    let to = tempfile::tempdir().unwrap();
    for file in all_files(from) {
        let target = to.path().join(&file);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(from.join(file), target).unwrap();
    }
    Arc::new(to)
}

/// A start as the appliance makes it, on this disk, and an orderly end. Whether it could be made.
fn start(folder: &TempDir, clock: &Arc<TestClock>, disk: &Arc<Faulty>) -> bool {
    let (roots, index) = (vec![folder.path().join("recordings")], folder.path().join("index"));
    let config = Config { appliance: "test".into(), roots, index, ..Config::default() };
    let opened = Recorder::open_on(|_| disk.clone(), &config, clock.clone(), &Registry::new());
    opened.map(|recorder| recorder.close()).is_ok()
}

#[test]
fn whatever_call_fails_in_a_start_the_next_one_finds_everything() {
    let (disorder, before) = in_disorder();
    for (call, errno) in Call::ALL.into_iter().flat_map(|call| [Errno::IO, Errno::NOSPC].map(|errno| (call, errno))) {
        for nth in 0.. {
            // Each call fails in either way, with one word or the other.
            let undone = (nth % 2 == 0) == (errno == Errno::IO);
            let then = if undone { Then::Fail(errno) } else { Then::FailAfter(errno) };
            let way = format!("call {nth} of {call:?} {then:?}");
            let (folder, clock, disk) =
                (copy(disorder.path()), Arc::new(TestClock::default()), Arc::new(Faulty::default()));
            clock.set(140.0);
            disk.set(&[Fault::new(call, then).once_after(nth)]);
            start(&folder, &clock, &disk);
            if disk.met(call) == 0 {
                break;
            }
            let mut rig = Rig::on(folder, clock);
            still_there(&rig, &before, &way);
            rig.send(150 * RATE, 152 * RATE);
            explained(&rig, 0.0, 152.0, &way);
            clean(&rig, &way);
        }
    }
}

/// The start may be misled and move a recording out of the way, or believe less of it; no byte of one that was durable is lost by that.
#[test]
fn a_bit_that_a_start_reads_wrongly_costs_no_byte_of_a_recording() {
    let (disorder, before) = in_disorder();
    for place in [5, 27, 300, 1_500, 4_090, 70_001] {
        for nth in 0.. {
            let way = format!("byte {place} of read {nth}");
            let (folder, clock, disk) =
                (copy(disorder.path()), Arc::new(TestClock::default()), Arc::new(Faulty::default()));
            clock.set(140.0);
            disk.set(&[Fault::new(Call::Read, Then::Flip(place)).once_after(nth)]);
            start(&folder, &clock, &disk);
            if disk.met(Call::Read) == 0 {
                break;
            }
            let files: Vec<Vec<u8>> = all_files(folder.path())
                .into_iter()
                .filter(|path| path.extension().is_some_and(|extension| extension == "mp4"))
                .map(|path| fs::read(folder.path().join(path)).unwrap())
                .collect();
            for (segment, bytes) in &before {
                let kept = files.iter().any(|file| file.starts_with(bytes));
                assert!(kept, "{way}: of {} not all is left", segment.path);
            }
        }
    }
}

#[test]
fn whatever_call_fails_as_a_volume_is_taken_back_it_is_tried_again() {
    for call in Call::ALL {
        for nth in 0.. {
            let then = if nth % 2 == 0 { Then::Fail(Errno::IO) } else { Then::FailAfter(Errno::IO) };
            let way = format!("call {nth} of {call:?} {then:?}");
            let mut rig = Rig::new();
            rig.send(0, 65 * RATE);
            let before = durable(&rig);
            rig.disk.be(Mood::Broken);
            rig.send(65 * RATE, 67 * RATE);
            let bounds = Bounds { volume_bytes_max: None, free_bytes_min: 0 };
            let retention = rig.retention(Rule::default(), bounds);
            let mut keeping = Keeping::new(retention, Lanes::default(), Waiting::new(1), Arc::default());
            rig.disk.set(&[Fault::new(call, then).once_after(nth)]);
            rig.clock.set(80.0);
            keeping.round(&mut Book::default()).unwrap();
            let met = rig.disk.met(call) > 0;
            rig.disk.be(Mood::Well);
            // Longer than any wait so far.
            rig.clock.set(140.0);
            keeping.round(&mut Book::default()).unwrap();
            let state = rig.volumes.slots[0].state();
            assert_eq!(state, VolumeState::Ready, "{way}");
            rig.send(150 * RATE, 155 * RATE);
            still_there(&rig, &before, &way);
            explained(&rig, 0.0, 154.0, &way);
            clean(&rig, &way);
            if !met {
                break;
            }
        }
    }
}
