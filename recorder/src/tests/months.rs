//! Four months of fifty cameras on two volumes: what is kept and what is deleted, day by day, with clocks that jump and holds that are
//! placed and released. Rows and files are real, and small.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use media::fmp4::Note;
use media::id::CameraId;
use media::wall::{Clock, Wall};
use parking_lot::Mutex;
use prometheus::Registry;

use super::rig::{Book, at};
use crate::disk::Volume;
use crate::index::{Changes, Index};
use crate::metrics::Metrics;
use crate::queue::Waiting;
use crate::record::Why;
use crate::retention::{Bounds, Passed, Retention};
use crate::rules::{Held, Rule, Rules};
use crate::segment::{self, Segment};
use crate::stock::Stock;
use crate::volumes::Volumes;

const DAYS: u64 = 120;
const CAMERAS: usize = 50;
/// Recordings of a camera in a day, and bytes of one.
const A_DAY: u64 = 1;
const BYTES: u64 = 512;
const DAY: Duration = Duration::from_secs(86_400);

/// Wall clock and monotonic line, each moved by itself.
struct TwoClocks(Mutex<(Wall, Duration)>);

impl Clock for TwoClocks {
    fn wall(&self) -> Wall {
        self.0.lock().0
    }

    fn monotonic(&self) -> Duration {
        self.0.lock().1
    }
}

struct City {
    clock: Arc<TwoClocks>,
    index: Arc<Index>,
    volumes: Arc<Volumes>,
    stock: Arc<Stock>,
    rules: Arc<Rules>,
    retention: Retention,
    cameras: Vec<CameraId>,
    book: Book,
    /// What was recorded and not deleted, as the test reckons it: camera, start, end.
    kept: BTreeMap<(CameraId, Wall), Wall>,
    folder: tempfile::TempDir,
}

/// Every tenth camera is a key target; the last five the law does not want.
fn rule(number: usize) -> Rule {
    match number {
        45.. => Rule { floor: Duration::ZERO, ceiling: 30 * DAY, statutory: false },
        n if n % 10 == 0 => Rule { floor: 90 * DAY, ceiling: 100 * DAY, statutory: true },
        _ => Rule { floor: 30 * DAY, ceiling: 60 * DAY, statutory: true },
    }
}

impl City {
    fn new(volume_bytes_max: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(TwoClocks(Mutex::new((at(0.0), Duration::from_secs(1000)))));
        let index = Arc::new(Index::open(&folder.path().join("index")).unwrap());
        let metrics = Metrics::register(&Registry::new()).unwrap();
        let volumes = ["one", "two"].map(|name| Volume::at(&folder.path().join(name)));
        let volumes = Volumes::open(volumes.into(), "test", &index, &metrics, &Waiting::new(1), clock.clone()).unwrap();
        let (volumes, stock) = (Arc::new(volumes), Arc::new(Stock::new(metrics.stored_bytes.clone())));
        let rules = Arc::new(Rules::open(Arc::clone(&index), Rule::default(), clock.clone()).unwrap());
        let cameras: Vec<CameraId> = (0..CAMERAS).map(|n| format!("cam-{n:02}").parse().unwrap()).collect();
        for (number, camera) in cameras.iter().enumerate() {
            rules.set_rule(camera, rule(number)).unwrap();
        }
        let retention = Retention {
            volumes: Arc::clone(&volumes),
            index: Arc::clone(&index),
            stock: Arc::clone(&stock),
            rules: Arc::clone(&rules),
            metrics,
            clock: clock.clone(),
            bounds: Bounds { volume_bytes_max: Some(volume_bytes_max), free_bytes_min: 0 },
            opened: (clock.wall(), clock.monotonic()),
            passed: Passed::default(),
        };
        let (book, kept) = (Book::default(), BTreeMap::new());
        Self { clock, index, volumes, stock, rules, retention, cameras, book, kept, folder }
    }

    /// A day of recordings, half of the cameras on each volume, and time passes.
    fn record_day(&mut self, day: u64) {
        let mut changes = Changes::default();
        for (number, camera) in self.cameras.iter().enumerate() {
            let slot = &self.volumes.slots[number % 2];
            for part in 0..A_DAY {
                let length = DAY / A_DAY as u32;
                let start = at(0.0) + DAY * day as u32 + length * part as u32;
                let path = segment::path(camera, start, 0).unwrap();
                let file = slot.volume.root().join(&path);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(&file, vec![0; BYTES as usize]).unwrap();
                let row = Segment {
                    volume: slot.volume.id(),
                    path,
                    start,
                    end: start + length,
                    bytes: BYTES,
                    init_bytes: 1,
                    init_hash: 1,
                    note: Note { run_origin: start, base_micros: 0 },
                    sealed: true,
                    hash: None,
                    fragments: Vec::new(),
                };
                changes.put_segment(camera, &row);
                self.stock.add(camera, &row);
                self.kept.insert((camera.clone(), start), row.end);
            }
        }
        self.index.commit(&changes).unwrap();
        let mut now = self.clock.0.lock();
        *now = (at(0.0) + DAY * (day + 1) as u32, now.1 + DAY);
    }

    fn sweep(&mut self) {
        while self.retention.sweep(&mut self.book).unwrap().more {}
    }

    /// What the record says was deleted since the last call is taken out of the reckoning, and was deleted by right.
    fn account(&mut self, holds: &BTreeMap<CameraId, Held>) {
        let now = self.clock.wall();
        for deleted in self.book.deleted.drain(..) {
            let number = self.cameras.iter().position(|camera| *camera == deleted.camera).unwrap();
            let (rule, age) = (rule(number), now.micros_since(deleted.end));
            let age = Duration::from_micros(u64::try_from(age).unwrap());
            let bound = if deleted.why == Why::Age { rule.ceiling } else { rule.floor };
            assert!(age > bound, "{deleted:?} is {age:?} old");
            let held = holds.get(&deleted.camera).is_some_and(|held| held.touches(deleted.start, deleted.end));
            assert!(!held, "{deleted:?} is held");
            let known = self.kept.remove(&(deleted.camera.clone(), deleted.start));
            assert_eq!(known, Some(deleted.end), "{deleted:?} was not there, or was deleted before");
        }
    }

    /// Index, files and stock say what the test reckons, and nothing is older than it may be.
    fn agree(&self, holds: &BTreeMap<CameraId, Held>) {
        let mut in_index = BTreeMap::new();
        for camera in &self.cameras {
            let mut take = |start, row: Option<Segment>| {
                in_index.insert((camera.clone(), start), row.unwrap().end);
            };
            self.index.each_segment(camera, &mut take).unwrap();
        }
        assert_eq!(in_index, self.kept);
        let bytes: u64 = self.volumes.slots.iter().map(|slot| self.stock.on(slot.volume.id())).sum();
        assert_eq!(bytes, self.kept.len() as u64 * BYTES);
        let files: usize = self.cameras.iter().map(|camera| self.files(camera)).sum();
        assert_eq!(files, self.kept.len());
        let now = self.clock.wall();
        for ((camera, start), end) in &self.kept {
            let number = self.cameras.iter().position(|c| c == camera).unwrap();
            let held = holds.get(camera).is_some_and(|held| held.touches(*start, *end));
            assert!(held || now.micros_since(*end) <= rule(number).ceiling.as_micros() as i64, "{camera} {start:?}");
        }
    }

    fn files(&self, camera: &CameraId) -> usize {
        let of = |name: &str| {
            let days = fs::read_dir(self.folder.path().join(name).join(camera.as_str())).into_iter().flatten();
            days.map(|day| fs::read_dir(day.unwrap().path()).unwrap().count()).sum::<usize>()
        };
        of("one") + of("two")
    }

    /// Whole days of the camera that are kept, counted from now back.
    fn days_kept(&self, number: usize) -> u64 {
        self.kept.keys().filter(|(camera, _)| *camera == self.cameras[number]).count() as u64 / A_DAY
    }
}

#[test]
fn four_months_of_fifty_cameras_keep_every_floor_every_ceiling_and_every_hold() {
    // Room for what the floors want and a fifth more: less than the ceilings would take.
    let a_day = A_DAY * BYTES;
    let floors: u64 = (0..CAMERAS).step_by(2).map(|n| rule(n).floor.as_secs() / DAY.as_secs() * a_day).sum();
    let mut city = City::new(floors * 6 / 5);
    let mut holds: BTreeMap<CameraId, Held> = BTreeMap::new();
    let mut released = false;
    for day in 0..DAYS {
        city.record_day(day);
        match day {
            // A hold on each class, over what was recorded on the fifth day.
            20 => {
                for number in [0, 1, 46] {
                    let held = Held { from: at(0.0) + DAY * 19, to: at(0.0) + DAY * 20 };
                    city.rules.set_holds(&city.cameras[number], &[held]).unwrap();
                    holds.insert(city.cameras[number].clone(), held);
                }
            }
            // The clock is set forward by an hour, and back, as daylight saving does where it is local.
            40 | 41 => {
                let by = if day == 40 { 3_600_000_000 } else { -3_600_000_000 };
                let mut now = city.clock.0.lock();
                now.0 = Wall::from_micros(now.0.micros() + by);
            }
            // It jumps a year ahead: what that would delete is not deleted.
            60 => {
                let right = city.clock.wall();
                city.clock.0.lock().0 = right + 365 * DAY;
                city.sweep();
                city.clock.0.lock().0 = right;
                city.account(&holds);
            }
            // And back to another century: nothing is old.
            61 => {
                let right = city.clock.wall();
                city.clock.0.lock().0 = Wall::EPOCH;
                let before = city.kept.len();
                city.sweep();
                city.clock.0.lock().0 = right;
                let deleted = city.book.deleted.len();
                assert!(deleted <= before - city.kept.len() + CAMERAS, "{deleted}");
                city.account(&holds);
            }
            110 => {
                for camera in holds.keys() {
                    city.rules.set_holds(camera, &[]).unwrap();
                }
                holds.clear();
                released = true;
            }
            _ => {}
        }
        city.sweep();
        city.account(&holds);
        if day % 10 == 9 {
            city.agree(&holds);
        }
        // Where its floor is not reached yet, nothing of a camera is missing at all.
        for number in (0..45).filter(|number| *number != 1) {
            let wanted = (day + 1).min(rule(number).floor.as_secs() / DAY.as_secs());
            assert!(city.days_kept(number) >= wanted, "camera {number} on day {day}: {} days", city.days_kept(number));
        }
    }
    assert!(released);
    city.agree(&holds);
    shared_evenly(&city);
}

/// Room was short: the cameras of the law are nearer to their floor than to their ceiling, all about as far above it.
fn shared_evenly(city: &City) {
    for volume in 0..2 {
        let here = (1..45).filter(|n| n % 10 != 0 && n % 2 == volume);
        let above: Vec<u64> = here.map(|n| city.days_kept(n) - 30).collect();
        assert!(above.iter().all(|days| (1..30).contains(days)), "{above:?}");
        assert!(above.iter().max().unwrap() - above.iter().min().unwrap() <= 1, "{above:?}");
    }
}
