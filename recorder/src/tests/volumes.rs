//! Two volumes: one fails under load, comes back, is another appliance's, or is not mounted.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use media::hub::{Hub, HubLimits};
use media::id::CameraId;
use media::wall::{Clock as _, Wall};
use parking_lot::Mutex;
use prometheus::Registry;
use tempfile::TempDir;

use super::faulty::{Faulty, Mood};
use super::rig::{self, Book, RATE};
use super::threads::{RealClock, until};
use crate::check;
use crate::config::Config;
use crate::disk::Disk;
use crate::gap::GapReason;
use crate::recorder::Recorder;
use crate::rules::{Class, Held, Rule};
use crate::segment::Segment;
use crate::timeline;
use crate::volumes::VolumeState;

const CAMERAS: usize = 4;

fn config(folder: &TempDir) -> Config {
    Config {
        appliance: "ours".into(),
        roots: ["one", "two"].map(|name| folder.path().join(name)).to_vec(),
        index: folder.path().join("index"),
        poll_interval: Duration::from_millis(20),
        sync_interval: Duration::from_millis(20),
        free_bytes_min: 0,
        stall_max: Duration::from_millis(400),
        ..Config::default()
    }
}

/// A recorder on two volumes whose disks do as they are told.
struct Site {
    folder: TempDir,
    clock: Arc<RealClock>,
    recorder: Recorder,
    disks: [Arc<Faulty>; 2],
    cameras: Vec<(CameraId, Arc<Hub>)>,
    /// Frames that each camera has sent.
    sent: i64,
}

impl Site {
    fn new(folder: TempDir) -> Self {
        let (clock, disks) = (RealClock::new(), [Arc::default(), Arc::default()]);
        let recorder = Self::open(&folder, &clock, &disks);
        let mut site = Self { folder, clock, recorder, disks, cameras: Vec::new(), sent: 0 };
        for n in 0..CAMERAS {
            let hub = Hub::new(HubLimits::default(), 1);
            hub.publish(rig::frame(0), &rig::info(1, 640));
            let id: CameraId = format!("cam-{n}").parse().unwrap();
            site.recorder.start(&id, Arc::clone(&hub));
            until(&site.clock, "the recorder reads the hub", || hub.readers() == 1);
            site.cameras.push((id, hub));
        }
        site.sent = 1;
        site
    }

    fn open(folder: &TempDir, clock: &Arc<RealClock>, disks: &[Arc<Faulty>; 2]) -> Recorder {
        let disk = |number: usize| disks[number].clone() as Arc<dyn Disk>;
        Recorder::open_on(disk, &config(folder), clock.clone(), &Registry::new()).unwrap()
    }

    /// All cameras send up to this second, and all of it is durable.
    fn send_until(&mut self, second: i64) {
        self.send_frames_until(second * RATE);
    }

    fn send_frames_until(&mut self, frame: i64) {
        for n in self.sent..frame {
            self.cameras.iter().for_each(|(_, hub)| drop(hub.publish(rig::frame(n), &rig::info(1, 640))));
        }
        self.sent = frame;
        for (id, _) in &self.cameras {
            // The last frame waits for the next, which says how long it is shown.
            until(&self.clock, "it is durable", || self.end(id) >= rig::at(frame as f64 / RATE as f64 - 0.05));
        }
    }

    fn segments(&self, camera: &CameraId) -> Vec<Segment> {
        let (index, live) = (&self.recorder.index, &self.recorder.live);
        timeline::segments(index, live, camera, rig::at(-1e6), rig::at(1e7), 1000).unwrap()
    }

    fn end(&self, camera: &CameraId) -> Wall {
        self.segments(camera).iter().map(|segment| segment.end).max().unwrap_or(rig::at(0.0))
    }

    fn state(&self, volume: usize) -> VolumeState {
        self.recorder.volumes.slots[volume].state()
    }

    fn home(&self, camera: &CameraId) -> usize {
        let last = self.segments(camera).pop().unwrap();
        self.recorder.volumes.slot(last.volume).unwrap().number
    }

    /// Cameras at each volume.
    fn homes(&self) -> [usize; 2] {
        let mut homes = [0; 2];
        self.cameras.iter().for_each(|(id, _)| homes[self.home(id)] += 1);
        homes
    }

    fn gaps(&self, camera: &CameraId) -> Vec<(f64, f64, GapReason)> {
        let timeline = self.recorder.timeline(camera, rig::at(0.0), rig::at(self.sent as f64 / RATE as f64)).unwrap();
        let seconds = |at: Wall| at.micros_since(rig::at(0.0)) as f64 / 1e6;
        timeline.gaps.into_iter().map(|gap| (seconds(gap.start), seconds(gap.end), gap.reason)).collect()
    }
}

#[test]
fn cameras_are_spread_and_those_of_a_volume_that_fails_go_on_at_the_other_without_a_gap() {
    for mood in [Mood::Broken, Mood::Forgetful, Mood::Full, Mood::Hollow] {
        let mut site = Site::new(tempfile::tempdir().unwrap());
        site.send_until(10);
        assert_eq!(site.homes(), [2, 2]);
        site.disks[0].be(mood);
        // At a camera's pace: the hub has what came since the last keyframe, and no more.
        (11..=20).for_each(|second| site.send_until(second));
        assert_eq!(site.homes(), [0, 2 + 2], "{mood:?}");
        let ready = site.state(0) == VolumeState::Ready;
        assert_eq!((ready, site.state(1)), (mood == Mood::Full, VolumeState::Ready), "{mood:?}");
        site.recorder.close();
        for (id, _) in &site.cameras {
            // It began again at the keyframe before: time that could not be kept there is kept here.
            let gaps = site.gaps(id);
            assert!(gaps.iter().all(|(start, end, _)| end - start <= 1.0), "{mood:?} {id}: {gaps:?}");
            assert!(gaps.len() <= 1, "{mood:?} {id}: {gaps:?}");
        }
    }
}

#[test]
fn a_volume_that_comes_back_is_looked_through_and_takes_recordings_again() {
    let mut site = Site::new(tempfile::tempdir().unwrap());
    site.recorder.keep(Book::default()).unwrap();
    site.send_until(5);
    site.disks[0].be(Mood::Broken);
    site.send_until(10);
    let torn = site.cameras.iter().flat_map(|(id, _)| site.segments(id)).filter(|s| !s.sealed && s.end < rig::at(9.0));
    assert_eq!(torn.count(), 2, "what was open on the volume that failed");
    site.disks[0].be(Mood::Well);
    until(&site.clock, "the volume is taken back", || site.state(0) == VolumeState::Ready);
    let torn = site.cameras.iter().flat_map(|(id, _)| site.segments(id)).filter(|s| !s.sealed && s.end < rig::at(9.0));
    assert_eq!(torn.count(), 0, "its files were looked at");
    // One more camera finds it the emptier.
    let hub = Hub::new(HubLimits::default(), 1);
    let id: CameraId = "late".parse().unwrap();
    hub.publish(rig::frame(site.sent), &rig::info(1, 640));
    site.recorder.start(&id, Arc::clone(&hub));
    until(&site.clock, "the recorder reads the hub", || hub.readers() == 1);
    site.cameras.push((id.clone(), hub));
    site.send_until(15);
    assert_eq!(site.home(&id), 0);
    site.recorder.close();
}

#[test]
fn cameras_of_a_volume_on_which_a_write_stands_still_go_on_at_the_other() {
    let mut site = Site::new(tempfile::tempdir().unwrap());
    site.send_until(5);
    let homes: Vec<usize> = site.cameras.iter().map(|(id, _)| site.home(id)).collect();
    let (let_go, held) = std::sync::mpsc::channel::<()>();
    *site.disks[0].watch.lock() = Some(Box::new(move |_, _| _ = held.recv()));
    site.send_until(10);
    assert_eq!(site.homes(), [0, 4]);
    assert_eq!(site.state(0), VolumeState::Ready, "slow is not broken");
    // It goes on: what stood still is there too, and nothing is told twice or forgotten.
    drop(let_go);
    site.send_until(15);
    site.recorder.close();
    for ((id, _), home) in site.cameras.iter().zip(homes) {
        let gaps = site.gaps(id);
        let lost: f64 = gaps.iter().map(|(start, end, _)| end - start).sum();
        assert!(lost <= if home == 0 { 5.0 } else { 0.0 }, "{id}: {gaps:?}");
        assert!(gaps.iter().all(|(_, _, reason)| *reason == GapReason::DiskSlow), "{id}: {gaps:?}");
        assert!(site.end(id) >= rig::at(14.9), "{id}");
    }
    let config = config(&site.folder);
    let checked =
        check::check(&config.roots, &config.index, check::Depth::Hash, super::checking::LATER, &mut |_| ()).unwrap();
    assert!(checked.is_clean(), "{:?}", checked.findings);
}

/// Nowhere to go: what comes meanwhile waits, as with one volume.
#[test]
fn cameras_wait_for_a_write_that_stands_still_where_the_other_volume_has_failed() {
    let mut site = Site::new(tempfile::tempdir().unwrap());
    site.send_until(5);
    site.disks[1].be(Mood::Broken);
    site.send_until(10);
    assert_eq!(site.homes(), [4, 0]);
    let (let_go, held) = std::sync::mpsc::channel::<()>();
    *site.disks[0].watch.lock() = Some(Box::new(move |_, _| _ = held.recv()));
    let began = site.clock.monotonic();
    let mut sent = 10 * RATE;
    until(&site.clock, "three times the patience is over", || {
        site.cameras.iter().for_each(|(_, hub)| drop(hub.publish(rig::frame(sent), &rig::info(1, 640))));
        sent += 1;
        site.clock.monotonic() - began > Duration::from_millis(1_200)
    });
    site.sent = sent;
    drop(let_go);
    site.send_frames_until(sent + RATE);
    site.recorder.close();
    for (id, _) in &site.cameras {
        let (from, to) = (rig::at(9.5), site.end(id));
        assert!(to >= rig::at((sent + RATE) as f64 / RATE as f64 - 0.05), "{id} ends at {to:?}");
        let kept = site.recorder.kept(id, from, to).unwrap();
        assert_eq!(kept.covered_micros, to.micros_since(from), "{id}: {:?}", site.segments(id));
    }
}

/// A camera that was silent while its volume was away: its file was looked through and sealed, and is not added to.
#[test]
fn a_file_that_was_looked_through_is_not_written_to_again() {
    let mut site = Site::new(tempfile::tempdir().unwrap());
    site.send_until(5);
    // The last frame waits for another, and is written without one in the end: nothing waits any more.
    until(&site.clock, "all are silent", || site.cameras.iter().all(|(id, _)| site.end(id) >= rig::at(5.0)));
    let slot = Arc::clone(&site.recorder.volumes.slots[0]);
    site.recorder.volumes.set(&slot, VolumeState::Away("the test says so".into()));
    let book = Arc::new(Mutex::new(Book::default()));
    site.recorder.keep(Arc::clone(&book)).unwrap();
    until(&site.clock, "what was open there is told of", || book.lock().sealed.len() == 2);
    site.send_until(10);
    site.recorder.close();
    for (id, _) in &site.cameras {
        let gaps = site.gaps(id);
        assert!(gaps.iter().map(|(start, end, _)| end - start).sum::<f64>() <= 1.0, "{id}: {gaps:?}");
    }
    // What was put on the record when it was looked through is still so.
    let told = std::mem::take(&mut book.lock().sealed);
    assert!(told.iter().all(|sealed| sealed.volume == slot.volume.id()));
    for sealed in told {
        let row = site.recorder.index.segment(&sealed.camera, sealed.start).unwrap().unwrap();
        assert_eq!((row.hash, row.bytes), (Some(sealed.hash), sealed.bytes), "{}", sealed.path);
    }
}

/// The recording at the other volume begins at the very keyframe that the one that was given up begins at.
#[test]
fn a_volume_that_fails_in_the_first_second_leaves_no_two_recordings_of_one_start() {
    let mut site = Site::new(tempfile::tempdir().unwrap());
    site.send_frames_until(10);
    site.disks[0].be(Mood::Broken);
    site.send_frames_until(20);
    assert_eq!(site.homes(), [0, 4]);
    site.disks[0].be(Mood::Well);
    site.recorder.keep(Book::default()).unwrap();
    until(&site.clock, "the volume is taken back", || site.state(0) == VolumeState::Ready);
    site.send_until(5);
    site.recorder.close();
    for (id, _) in &site.cameras {
        assert_eq!(site.segments(id).iter().map(|s| s.start).collect::<Vec<_>>(), [rig::at(0.0)], "{id}");
        assert_eq!(site.gaps(id), [], "{id}");
    }
    let config = config(&site.folder);
    let checked =
        check::check(&config.roots, &config.index, check::Depth::Hash, super::checking::LATER, &mut |_| ()).unwrap();
    assert!(checked.is_clean(), "{:?}", checked.findings);
}

#[test]
fn another_appliances_volume_is_left_alone_and_one_that_is_not_mounted_is_not_written_under() {
    let folder = tempfile::tempdir().unwrap();
    let foreign = folder.path().join("two");
    fs::create_dir_all(foreign.join("cam-0/2025-11-24")).unwrap();
    let theirs = r#"{"format":1,"volume":"00000007","appliance":"theirs"}"#;
    fs::write(foreign.join("_volume.json"), theirs).unwrap();
    fs::write(foreign.join("cam-0/2025-11-24/160000.000.mp4"), b"theirs").unwrap();
    let mut site = Site::new(folder);
    assert_eq!(site.state(1), VolumeState::Foreign("theirs".into()));
    site.send_until(5);
    assert_eq!(site.homes(), [4, 0]);
    site.recorder.close();
    assert_eq!(fs::read(site.folder.path().join("two/_volume.json")).unwrap(), theirs.as_bytes());
    assert_eq!(fs::read_dir(site.folder.path().join("two")).unwrap().count(), 2, "nothing was made there");
    // The first is unmounted, and the folder under it is empty.
    let Site { folder, clock, recorder, disks, .. } = site;
    drop(recorder);
    fs::rename(folder.path().join("one"), folder.path().join("elsewhere")).unwrap();
    fs::create_dir(folder.path().join("one")).unwrap();
    let refused = Recorder::open(config(&folder), clock.clone(), &Registry::new()).err().unwrap().to_string();
    assert!(refused.contains("not mounted") && refused.contains("theirs"), "{refused}");
    assert_eq!(fs::read_dir(folder.path().join("one")).unwrap().count(), 0);
    // With another volume to go on with, what lies there is a gap that says so, until it is back.
    fs::remove_dir_all(folder.path().join("two")).unwrap();
    let recorder = Site::open(&folder, &clock, &disks);
    recorder.keep(Book::default()).unwrap();
    let id: CameraId = "cam-0".parse().unwrap();
    let gaps = || recorder.timeline(&id, rig::at(0.0), rig::at(4.0)).unwrap().gaps;
    assert_eq!(gaps()[0].reason, GapReason::VolumeAway);
    assert!(recorder.kept(&id, rig::at(0.0), rig::at(4.0)).unwrap().lost_micros >= 3_900_000);
    fs::remove_dir(folder.path().join("one")).unwrap();
    fs::rename(folder.path().join("elsewhere"), folder.path().join("one")).unwrap();
    until(&clock, "the volume is back", || gaps().is_empty());
    assert_eq!(recorder.kept(&id, rig::at(0.0), rig::at(4.0)).unwrap().lost_micros, 0);
    recorder.close();
}

/// A volume that has room for little: a camera that the law does not want makes room for one that it does.
#[test]
fn where_there_is_no_room_the_newest_recording_that_the_law_does_not_want_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let clock = RealClock::new();
    let config = Config {
        roots: vec![folder.path().join("one")],
        volume_bytes_max: Some(1),
        segment_duration: Duration::from_secs(1),
        ..config(&folder)
    };
    let recorder = Recorder::open(config, clock.clone(), &Registry::new()).unwrap();
    let day = Duration::from_secs(86_400);
    let ids: Vec<CameraId> = ["wanted", "old", "new"].iter().map(|id| id.parse().unwrap()).collect();
    let hubs: Vec<Arc<Hub>> = ids.iter().map(|_| Hub::new(HubLimits::default(), 1)).collect();
    for (id, hub) in ids.iter().zip(&hubs) {
        let statutory = id.as_str() == "wanted";
        let floor = if statutory { 30 * day } else { Duration::ZERO };
        recorder.set_rule(id, Rule { floor, ceiling: 60 * day, statutory }).unwrap();
        hub.publish(rig::frame(0), &rig::info(1, 640));
        recorder.start(id, Arc::clone(hub));
        until(&clock, "the recorder reads the hub", || hub.readers() == 1);
    }
    recorder.set_holds(&ids[1], &[Held { from: rig::at(0.0), to: rig::at(1.5) }]).unwrap();
    let mut n = 1;
    let mut send = |seconds: i64| {
        for _ in 0..seconds * RATE {
            hubs.iter().for_each(|hub| drop(hub.publish(rig::frame(n), &rig::info(1, 640))));
            n += 1;
        }
    };
    send(5);
    let end = |id: &CameraId| recorder.timeline(id, rig::at(-1e5), rig::at(1e6)).unwrap().items.pop().map(|i| i.end);
    until(&clock, "five seconds are durable", || ids.iter().all(|id| end(id) >= Some(rig::at(4.5))));
    recorder.keep(Book::default()).unwrap();
    // Until all rules were said nothing goes, whatever the volume wants.
    until(&clock, "the first round is over", || recorder.index.unproven(1).unwrap().is_empty());
    let oldest = |id: &CameraId| recorder.index.first_segment(id).unwrap().unwrap().start;
    assert!(ids.iter().all(|id| oldest(id) == rig::at(0.0)));
    recorder.allow_deletion();
    let paused = |id: &CameraId| recorder.lanes.lock()[id].paused.load(std::sync::atomic::Ordering::Relaxed);
    until(&clock, "the newest is stopped", || paused(&ids[2]));
    assert!(!paused(&ids[0]) && !paused(&ids[1]));
    let gap = |id: &CameraId| recorder.timeline(id, rig::at(4.0), rig::at(1e6)).unwrap().gaps.pop().map(|g| g.reason);
    until(&clock, "its gap says so", || gap(&ids[2]) == Some(GapReason::NoRoom));
    send(2);
    until(&clock, "the other goes on", || end(&ids[0]) >= Some(rig::at(6.5)));
    // What could be deleted was; what is held, and what is young, was not.
    let first = |id: &CameraId| recorder.timeline(id, rig::at(-1e5), rig::at(1e6)).unwrap().items[0].start;
    assert_eq!((first(&ids[0]), first(&ids[1])), (rig::at(0.0), rig::at(0.0)));
    assert!(first(&ids[2]) > rig::at(3.0));
    let outlook = recorder.outlook().pop().unwrap();
    assert_eq!(outlook.floor_danger_in, Some(Duration::ZERO), "{outlook:?}");
    let classes = [(Class::Ordinary, true), (Class::KeyTarget, false), (Class::Voluntary, true)];
    assert_eq!(outlook.classes, classes.map(|(class, is_there)| (class, is_there.then_some(Duration::ZERO))));
    assert!(!recorder.has_room_for(&Rule::default(), 1));
    recorder.close();
}
