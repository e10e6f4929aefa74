//! The whole recorder with its threads: hubs in, files out; a disk that stands still; an orderly end.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use media::hub::{Hub, HubLimits};
use media::id::CameraId;
use media::wall::{Clock, Wall};
use parking_lot::{Mutex, RwLock};
use prometheus::Registry;

use super::rig::{self, RATE};
use crate::config::Config;
use crate::disk::{Direct, Disk, Failure, Output, Write};
use crate::gap::GapReason;
use crate::recorder::Recorder;
use crate::timeline::Timeline;
use crate::volumes::Slot;

/// Longest wait for what must happen; a test that reaches it fails.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct RealClock {
    begun: Instant,
}

impl RealClock {
    #[allow(clippy::disallowed_methods, reason = "the one real clock of these tests")]
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { begun: Instant::now() })
    }
}

impl Clock for RealClock {
    fn wall(&self) -> Wall {
        rig::at(20.0) + self.begun.elapsed()
    }

    fn monotonic(&self) -> Duration {
        self.begun.elapsed()
    }
}

fn config(folder: &tempfile::TempDir) -> Config {
    Config {
        roots: vec![folder.path().join("recordings")],
        index: folder.path().join("index"),
        poll_interval: Duration::from_millis(20),
        sync_interval: Duration::from_millis(20),
        ..Config::default()
    }
}

/// Looks again and again until it is so.
pub(super) fn until(clock: &RealClock, what: &str, mut so: impl FnMut() -> bool) {
    let (_keep, never) = channel::<()>();
    while !so() {
        assert!(clock.monotonic() < PATIENCE, "waited in vain until {what}");
        let _ = never.recv_timeout(Duration::from_millis(5));
    }
}

fn timeline(recorder: &Recorder, camera: &CameraId) -> Timeline {
    recorder.timeline(camera, rig::at(-100.0), rig::at(1e6)).unwrap()
}

fn end(timeline: &Timeline) -> Wall {
    timeline.items.iter().map(|i| i.end).max().unwrap_or_default()
}

#[test]
fn frames_become_files_and_a_close_loses_none() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), RealClock::new());
    let recorder = Recorder::open(config(&folder), clock.clone(), &Registry::new()).unwrap();
    let ids: Vec<CameraId> = (0..3).map(|i| format!("cam-{i}").parse().unwrap()).collect();
    let info = rig::info(1, 640);
    for id in &ids {
        let hub = Hub::new(HubLimits::default(), 1);
        hub.publish(rig::frame(0), &info);
        recorder.start(id, Arc::clone(&hub));
        until(&clock, "the recorder reads the hub", || hub.readers() == 1);
        (1..10 * RATE).for_each(|n| drop(hub.publish(rig::frame(n), &info)));
    }
    recorder.stop(&ids[2], GapReason::Removed);
    until(&clock, "ten seconds are durable", || end(&timeline(&recorder, &ids[2])) == rig::at(10.0));
    let gap = timeline(&recorder, &ids[2]).gaps.pop().unwrap();
    assert_eq!((gap.start, gap.reason), (rig::at(10.0), GapReason::Removed));
    recorder.close();
    recorder.close();
    for id in &ids {
        assert_eq!(end(&timeline(&recorder, id)), rig::at(10.0), "{id}");
    }
    let files: usize = ids.iter().map(|id| timeline(&recorder, id).items.len()).sum();
    drop(recorder);
    let again = Recorder::open(config(&folder), clock, &Registry::new()).unwrap();
    assert_eq!((again.report().segments, again.report().scanned), (files, 0));
    assert_eq!(again.timeline(&ids[2], rig::at(0.0), rig::at(60.0)).unwrap().gaps[0].reason, GapReason::Removed);
}

/// After a stall of the network a camera's frames come at once: many groups of pictures between two visits.
#[test]
fn a_burst_between_two_visits_is_recorded_whole() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), RealClock::new());
    let config = Config { poll_interval: Duration::from_millis(200), ..config(&folder) };
    let recorder = Recorder::open(config, clock.clone(), &Registry::new()).unwrap();
    let (camera, info): (CameraId, _) = ("cam-1".parse().unwrap(), rig::info(1, 640));
    let hub = Hub::new(HubLimits::default(), 1);
    hub.publish(rig::frame(0), &info);
    recorder.start(&camera, Arc::clone(&hub));
    until(&clock, "the recorder reads the hub", || hub.readers() == 1);
    (1..20 * RATE).for_each(|n| drop(hub.publish(rig::frame(n), &info)));
    until(&clock, "all of it is durable", || end(&timeline(&recorder, &camera)) == rig::at(20.0));
    assert_eq!(timeline(&recorder, &camera).gaps, []);
    (20 * RATE..40 * RATE).for_each(|n| drop(hub.publish(rig::frame(n), &info)));
    assert!(hub.ring_bytes() < 1_300 * 30 * RATE as usize, "the first 20 s were read and are let go");
    recorder.close();
}

/// A disk that stands still until the test lets it go on.
struct Gate {
    disk: Direct,
    open: Arc<RwLock<()>>,
    entered: Sender<()>,
}

impl Disk for Gate {
    fn has_room(&self) -> bool {
        self.disk.has_room()
    }

    fn create(&self, path: &str) -> io::Result<Output> {
        self.disk.create(path)
    }

    fn write(&mut self, writes: &[Write<'_>]) -> Vec<Result<(), Failure>> {
        let _ = self.entered.send(());
        let _open = self.open.read();
        self.disk.write(writes)
    }

    fn truncate(&self, file: &Output, bytes: u64) -> io::Result<()> {
        self.disk.truncate(file, bytes)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn note(&self, name: &str, text: &str) -> io::Result<()> {
        self.disk.note(name, text)
    }
}

#[test]
fn a_disk_that_stands_still_costs_bounded_memory_and_a_gap_that_says_so() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), RealClock::new());
    let queue_bytes_max = 100_000;
    let config = Config { queue_bytes_max, ..config(&folder) };
    let (gate, (entered, at_gate)): (_, (_, Receiver<()>)) = (Arc::new(RwLock::new(())), channel());
    let disk = |slot: &Slot| {
        let disk = Direct::new(Arc::clone(&slot.volume));
        Gate { disk, open: Arc::clone(&gate), entered: entered.clone() }
    };
    let registry = Registry::new();
    let recorder = Recorder::open_on(disk, &config, clock.clone(), &registry).unwrap();
    let (camera, info): (CameraId, _) = ("cam-1".parse().unwrap(), rig::info(1, 640));
    let hub = Hub::new(HubLimits::default(), 1);
    hub.publish(rig::frame(0), &info);
    recorder.start(&camera, Arc::clone(&hub));
    until(&clock, "the recorder reads the hub", || hub.readers() == 1);
    let shut = gate.write();
    // 25 kB a second: 20 s are five times what may wait.
    (1..20 * RATE).for_each(|n| drop(hub.publish(rig::frame(n), &info)));
    at_gate.recv_timeout(PATIENCE).unwrap();
    let next = Mutex::new(20 * RATE);
    until(&clock, "the queue refused media", || {
        let mut n = next.lock();
        hub.publish(rig::frame(*n), &info);
        *n += 1;
        *n > 24 * RATE
    });
    drop(shut);
    let mut next = *next.lock();
    let open_from = rig::at((next / RATE + 1) as f64);
    until(&clock, "recording goes on", || {
        (next..next + RATE).for_each(|n| drop(hub.publish(rig::frame(n), &info)));
        next += RATE;
        end(&timeline(&recorder, &camera)) > open_from
    });
    recorder.close();
    let gaps = timeline(&recorder, &camera).gaps;
    assert!(gaps.iter().any(|gap| gap.reason == GapReason::DiskSlow), "{gaps:?}");
}

/// Longer than the silence after which a camera has a gap.
#[test]
fn a_disk_that_stands_still_for_less_than_what_may_wait_loses_nothing_and_counts_no_gap() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), RealClock::new());
    let (gate, (entered, at_gate)): (_, (_, Receiver<()>)) = (Arc::new(RwLock::new(())), channel());
    let disk = |slot: &Slot| {
        let disk = Direct::new(Arc::clone(&slot.volume));
        Gate { disk, open: Arc::clone(&gate), entered: entered.clone() }
    };
    let registry = Registry::new();
    let recorder = Recorder::open_on(disk, &config(&folder), clock.clone(), &registry).unwrap();
    let info = rig::info(1, 640);
    let cameras: Vec<(CameraId, Arc<Hub>)> = ["cam-1", "cam-2"]
        .map(|id| {
            let (id, hub) = (id.parse().unwrap(), Hub::new(HubLimits::default(), 1));
            hub.publish(rig::frame(0), &info);
            recorder.start(&id, Arc::clone(&hub));
            until(&clock, "the recorder reads the hub", || hub.readers() == 1);
            (id, hub)
        })
        .into();
    let send = |hub: &Arc<Hub>, second: i64| {
        (second * RATE + 1..=(second + 1) * RATE).for_each(|n| drop(hub.publish(rig::frame(n), &info)));
    };
    let durable = |seconds: f64| cameras.iter().all(|(id, _)| end(&timeline(&recorder, id)) >= rig::at(seconds));
    cameras.iter().for_each(|(_, hub)| send(hub, 0));
    until(&clock, "both are recorded", || durable(1.0));
    while at_gate.try_recv().is_ok() {}
    // The first camera's write stands still, and the second's media waits behind it.
    let shut = gate.write();
    send(&cameras[0].1, 1);
    at_gate.recv_timeout(PATIENCE).unwrap();
    send(&cameras[1].1, 1);
    let (began, mut second) = (clock.monotonic(), 2);
    until(&clock, "six seconds have passed", || {
        cameras.iter().for_each(|(_, hub)| send(hub, second));
        second += 1;
        clock.monotonic() - began > Duration::from_secs(6)
    });
    drop(shut);
    until(&clock, "all of it is durable", || durable(second as f64));
    recorder.close();
    for (id, _) in &cameras {
        let gaps = timeline(&recorder, id).gaps;
        assert_eq!(gaps.iter().filter(|gap| gap.start < rig::at(second as f64)).count(), 0, "{gaps:?}");
    }
    let counted: f64 = registry
        .gather()
        .iter()
        .filter(|family| family.name() == "sluice_recorder_gap_seconds_total")
        .flat_map(|family| family.get_metric())
        .map(|metric| metric.get_counter().get_value())
        .sum();
    assert!(counted < 0.5, "{counted} s were counted");
}
