//! A recorder without its threads: frames go in, rows and files come out, and time passes when the test says so.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use media::codec::{CodecParams, mjpeg};
use media::frame::{Frame, StreamInfo, Track, TrackId};
use media::hub::{Delivery, Hub, HubLimits};
use media::id::CameraId;
use media::wall::{Clock, Wall};
use parking_lot::Mutex;
use prometheus::Registry;
use tempfile::TempDir;

use crate::disk::{Direct, Disk, Failure, Output, Write};
use crate::index::Index;
use crate::kept::{self, Kept};
use crate::lane::Lane;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::playback::Playback;
use crate::queue::{Job, Op, Waiting};
use crate::record::{Deleted, Record, Sealed};
use crate::recording::{Cuts, Now, Recording};
use crate::recovery::{Recovery, Report};
use crate::retention::{Bounds, Passed, Retention};
use crate::rules::{Rule, Rules};
use crate::segment::Segment;
use crate::stock::Stock;
use crate::timeline::{self, Timeline};
use crate::volumes::Volumes;
use crate::writer::{Parts, Writer};

/// The tests' own beginning of time: 2025-11-24 16:00:00 UTC.
pub(crate) const T0: i64 = 1_764_000_000_000_000;
/// Frames a second, and frames from one keyframe to the next.
pub(crate) const RATE: i64 = 25;

/// Seconds after `T0`.
pub(crate) fn at(seconds: f64) -> Wall {
    Wall::from_micros(T0 + (seconds * 1e6).round() as i64)
}

/// Time that the test moves.
#[derive(Default)]
pub(crate) struct TestClock(Mutex<Duration>);

impl TestClock {
    pub(crate) fn set(&self, seconds: f64) {
        *self.0.lock() = Duration::from_secs_f64(seconds);
    }
}

impl Clock for TestClock {
    fn wall(&self) -> Wall {
        Wall::from_micros(T0) + *self.0.lock()
    }

    fn monotonic(&self) -> Duration {
        *self.0.lock() + Duration::from_secs(1000)
    }
}

/// What the disk does next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It works.
    #[default]
    Well,
    /// Half of what is appended is written, then there is no room.
    Full,
    /// As that, and all the while it says that it has room.
    Hollow,
    /// Appending fails.
    Broken,
    /// Syncing fails.
    Forgetful,
}

/// A moment in which the power could go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// An operation is about to be made.
    Before,
    /// A write was made from this place on; the file would be so long had only half of it been.
    Written { from: u64, half: u64 },
    /// Another operation was made, and nobody was told yet.
    After,
}

/// Whoever looks on.
pub(crate) type Watch = Arc<Mutex<Option<Box<dyn FnMut(Moment) + Send>>>>;

/// A disk with moods, which can be watched.
pub(crate) struct MoodyDisk {
    pub(crate) disk: Direct,
    pub(crate) mood: Arc<Mutex<Mood>>,
    pub(crate) watch: Watch,
}

impl MoodyDisk {
    fn tell(&self, moment: Moment) {
        if let Some(watch) = &mut *self.watch.lock() {
            watch(moment);
        }
    }
}

impl Disk for MoodyDisk {
    fn create(&self, path: &str) -> io::Result<Output> {
        self.tell(Moment::Before);
        let made = self.disk.create(path);
        self.tell(Moment::After);
        made
    }

    fn write(&mut self, writes: &[Write<'_>]) -> Vec<Result<(), Failure>> {
        self.tell(Moment::Before);
        let mood = *self.mood.lock();
        let half = |w: &Write<'_>| w.slices.len() / if matches!(mood, Mood::Full | Mood::Hollow) { 2 } else { 1 };
        let taken = |w: &Write<'_>| if mood == Mood::Broken { 0 } else { half(w) };
        let parts: Vec<_> = writes.iter().map(|w| w.slices[..taken(w)].to_vec()).collect();
        let partly: Vec<_> = writes.iter().zip(&parts).map(|(w, slices)| Write { slices, ..*w }).collect();
        let written = self.disk.write(&partly);
        for write in writes {
            let bytes = write.head.len() + write.slices.iter().map(bytes::Bytes::len).sum::<usize>();
            self.tell(Moment::Written { from: write.offset, half: write.offset + bytes as u64 / 2 });
        }
        let fails = || match mood {
            Mood::Well => Ok(()),
            Mood::Full | Mood::Hollow => Err(Failure::Write(io::ErrorKind::StorageFull.into())),
            Mood::Broken => Err(Failure::Write(io::Error::other("the disk is broken"))),
            Mood::Forgetful => Err(Failure::Sync(io::Error::other("write-back failed"))),
        };
        written.into_iter().map(|outcome| outcome.and_then(|()| fails())).collect()
    }

    fn has_room(&self) -> bool {
        *self.mood.lock() != Mood::Full
    }

    fn truncate(&self, file: &Output, bytes: u64) -> io::Result<()> {
        self.tell(Moment::Before);
        let cut = self.disk.truncate(file, bytes);
        self.tell(Moment::After);
        cut
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.tell(Moment::Before);
        let removed = self.disk.remove(path);
        self.tell(Moment::After);
        removed
    }

    fn note(&self, name: &str, text: &str) -> io::Result<()> {
        if *self.mood.lock() != Mood::Well {
            return Err(io::Error::other("the disk is unwell"));
        }
        self.tell(Moment::Before);
        let noted = self.disk.note(name, text);
        self.tell(Moment::After);
        noted
    }
}

/// A record that tests read.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) sealed: Vec<Sealed>,
    pub(crate) deleted: Vec<Deleted>,
    /// Nothing can be put on it.
    pub(crate) shut: bool,
}

impl Record for Book {
    fn sealed(&mut self, segments: &[Sealed]) -> bool {
        self.sealed.extend(segments.iter().filter(|_| !self.shut).cloned());
        !self.shut
    }

    fn deleting(&mut self, deleted: &Deleted) -> bool {
        self.deleted.extend((!self.shut).then(|| deleted.clone()));
        !self.shut
    }
}

impl Record for Arc<Mutex<Book>> {
    fn sealed(&mut self, segments: &[Sealed]) -> bool {
        self.lock().sealed(segments)
    }

    fn deleting(&mut self, deleted: &Deleted) -> bool {
        self.lock().deleting(deleted)
    }
}

/// A recorder of one camera.
pub(crate) struct Rig {
    pub(crate) folder: Arc<TempDir>,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) camera: CameraId,
    pub(crate) index: Arc<Index>,
    pub(crate) live: Arc<Live>,
    pub(crate) volumes: Arc<Volumes>,
    pub(crate) stock: Arc<Stock>,
    pub(crate) metrics: Metrics,
    pub(crate) mood: Arc<Mutex<Mood>>,
    pub(crate) watch: Watch,
    pub(crate) report: Report,
    pub(crate) recording: Recording,
    lane: Arc<Lane>,
    hub: Arc<Hub>,
    info: Arc<StreamInfo>,
    writer: Option<Writer<MoodyDisk>>,
}

/// A stream of one MJPEG track: any bytes are a picture.
pub(crate) fn info(generation: u32, width: u32) -> Arc<StreamInfo> {
    let params = CodecParams::Mjpeg(mjpeg::Params { width, height: 480 });
    StreamInfo::shared(generation, vec![Track { id: TrackId(0), clock_rate: 90_000, params }])
}

/// Frame number `n` of a camera that begins at `T0`, one second from keyframe to keyframe.
pub(crate) fn frame(n: i64) -> Frame {
    let payload = Bytes::from(vec![(n % 250) as u8 + 1; 1000 + (n % 50) as usize]);
    let wall = Wall::from_micros(T0 + n * 1_000_000 / RATE);
    Frame { track: TrackId(0), pts: n * 90_000 / RATE, wall, keyframe: n % RATE == 0, discontinuity: false, payload }
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self::on(Arc::new(tempfile::tempdir().unwrap()), Arc::new(TestClock::default()))
    }

    /// Opens what is in the folder, as a start of the appliance does.
    pub(crate) fn on(folder: Arc<TempDir>, clock: Arc<TestClock>) -> Self {
        let camera: CameraId = "cam-1".parse().unwrap();
        let index = Arc::new(Index::open(&folder.path().join("index")).unwrap());
        let metrics = Metrics::register(&Registry::new()).unwrap();
        let roots = [folder.path().join("recordings")];
        let waiting = Waiting::new(1 << 30);
        let volumes = Volumes::open(&roots, "test", &index, &metrics, &waiting, clock.clone()).unwrap();
        let (volumes, stock) = (Arc::new(volumes), Arc::new(Stock::new(metrics.stored_bytes.clone())));
        let volume = Arc::clone(&volumes.slots[0].volume);
        let mut recovery = Recovery::new([&*volume], &index, &stock, clock.clone());
        let mut resumed = recovery.run().unwrap();
        let report = recovery.report;
        let (live, mood, watch) = (Arc::new(Live::default()), Arc::new(Mutex::new(Mood::Well)), Watch::default());
        let coverage = resumed.remove(&camera).unwrap_or_default();
        live.change(&camera, |live| live.gap = coverage.gap());
        let lane = Lane::new(camera.clone(), coverage);
        lane.move_to(0);
        let parts = Parts {
            disk: MoodyDisk { disk: Direct::new(volume), mood: Arc::clone(&mood), watch: Arc::clone(&watch) },
            volumes: Arc::clone(&volumes),
            slot: Arc::clone(&volumes.slots[0]),
            index: Arc::clone(&index),
            live: Arc::clone(&live),
            stock: Arc::clone(&stock),
            metrics: metrics.clone(),
            clock: clock.clone(),
        };
        let cuts = Cuts { segment_micros: 60_000_000, fragment: Duration::from_millis(500), stagger_micros: 0 };
        let mut rig = Self {
            folder,
            clock,
            camera,
            index,
            live,
            volumes,
            stock,
            metrics,
            mood,
            watch,
            report,
            recording: Recording::new(cuts),
            lane,
            hub: Hub::new(HubLimits::default(), 1),
            info: info(1, 640),
            writer: Some(Writer::new(parts)),
        };
        let at = rig.clock.wall();
        rig.hand_in(vec![Op::Start { at }]);
        rig
    }

    /// Ends the process at this instant: nothing is flushed, nothing is synced.
    pub(crate) fn crash(self) -> (Arc<TempDir>, Arc<TestClock>) {
        (self.folder, self.clock)
    }

    /// Crashes and starts again.
    pub(crate) fn restart(self) -> Self {
        let (folder, clock) = self.crash();
        Self::on(folder, clock)
    }

    /// Stops in order and starts again.
    pub(crate) fn stop_and_start(mut self) -> Self {
        let mut ops = Vec::new();
        self.recording.end(&mut ops);
        self.hand_in(ops);
        self.writer.take().unwrap().finish();
        self.restart()
    }

    /// A stream with other parameters from here on.
    pub(crate) fn change_info(&mut self, info: Arc<StreamInfo>) {
        self.info = info;
    }

    /// The camera sends frames `from..to`, and the writer syncs after each second of them.
    pub(crate) fn send(&mut self, from: i64, to: i64) {
        for n in from..to {
            self.send_frame(frame(n));
            if n % RATE == RATE - 1 {
                self.sync();
            }
        }
    }

    pub(crate) fn send_frame(&mut self, frame: Frame) {
        let passed = frame.wall.micros_since(Wall::from_micros(T0)) as f64 / 1e6;
        self.clock.set(passed.clamp(0.0, 1e9));
        if self.lane.take_broken() {
            self.recording.abandon();
        }
        let published = self.hub.publish(frame, &self.info);
        self.deliver(Delivery::Frame(published));
    }

    /// A visit as the reader makes it: what has come before this frame is written, and the frame waits.
    pub(crate) fn visit_at(&mut self, frame: Frame) {
        let passed = frame.wall.micros_since(Wall::from_micros(T0)) as f64 / 1e6;
        self.clock.set(passed.clamp(0.0, 1e9));
        let published = self.hub.publish(frame, &self.info);
        let mut ops = Vec::new();
        self.recording.cut_before(&published, &mut ops);
        self.hand_in(ops);
        self.deliver(Delivery::Frame(published));
        self.sync();
    }

    pub(crate) fn deliver(&mut self, delivery: Delivery) {
        let now = Now { wall: self.clock.wall(), monotonic: self.clock.monotonic() };
        let mut ops = Vec::new();
        self.recording.handle(delivery, now, &mut ops);
        self.hand_in(ops);
    }

    pub(crate) fn hand_in(&mut self, ops: Vec<Op>) {
        for op in ops {
            let job = Job { lane: Arc::clone(&self.lane), op, at: self.clock.monotonic() };
            self.writer.as_mut().unwrap().handle(job);
        }
    }

    pub(crate) fn sync(&mut self) {
        self.writer.as_mut().unwrap().sync();
    }

    pub(crate) fn tick(&mut self) {
        self.writer.as_mut().unwrap().tick();
    }

    pub(crate) fn timeline(&self) -> Timeline {
        let (index, live, volumes) = (&self.index, &self.live, &self.volumes);
        timeline::timeline(index, live, volumes, &self.camera, at(-9e5), at(9e6), self.clock.wall()).unwrap()
    }

    /// What is kept between two instants, in seconds after `T0`.
    pub(crate) fn kept(&self, from: f64, to: f64) -> Kept {
        let (index, live, volumes) = (&self.index, &self.live, &self.volumes);
        kept::kept(index, live, volumes, &self.camera, (at(from), at(to)), self.clock.wall()).unwrap()
    }

    /// The gaps as start, end and word, in seconds after `T0`.
    pub(crate) fn gaps(&self) -> Vec<(f64, f64, String)> {
        let seconds = |wall: Wall| wall.micros_since(at(0.0)) as f64 / 1e6;
        self.timeline().gaps.iter().map(|g| (seconds(g.start), seconds(g.end), g.reason.to_string())).collect()
    }

    pub(crate) fn segments(&self) -> Vec<Segment> {
        timeline::segments(&self.index, &self.live, &self.camera, at(-9e5), at(9e6), 1000).unwrap()
    }

    pub(crate) fn path(&self, segment: &Segment) -> PathBuf {
        self.folder.path().join("recordings").join(&segment.path)
    }

    pub(crate) fn playback(&self) -> Playback {
        Playback {
            volumes: Arc::clone(&self.volumes),
            index: Arc::clone(&self.index),
            live: Arc::clone(&self.live),
            clock: self.clock.clone(),
            plans: Arc::default(),
        }
    }

    /// Retention by this rule for all cameras.
    pub(crate) fn retention(&self, rule: Rule, bounds: Bounds) -> Retention {
        let clock: Arc<dyn Clock> = self.clock.clone();
        Retention {
            volumes: Arc::clone(&self.volumes),
            index: Arc::clone(&self.index),
            stock: Arc::clone(&self.stock),
            rules: Arc::new(Rules::open(Arc::clone(&self.index), rule, Arc::clone(&clock)).unwrap()),
            metrics: self.metrics.clone(),
            clock,
            bounds,
            opened: (self.clock.wall(), self.clock.monotonic()),
            passed: Passed::default(),
        }
    }
}
