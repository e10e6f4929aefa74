//! The volume's one writing thread: takes fragments from the queue, writes those that came together as one batch that is
//! durable when it returns, and only then puts rows into the index. A camera whose write fails loses its segment,
//! not the others theirs; a volume whose sync fails takes nothing more until a restart, since the kernel may have dropped
//! what it could not write.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use media::fmp4::Fragment;
use media::id::CameraId;
use media::wall::{Clock, Wall};

use crate::coverage::{Change, Coverage};
use crate::disk::{Disk, Failure};
use crate::gap::{Gap, GapReason};
use crate::index::{Changes, Index};
use crate::live::Live;
use crate::metrics::Metrics;
use crate::open_file::OpenFile;
use crate::queue::{Job, Lane, Op, Opening, Queue};
use crate::segment::{Piece, Segment};

/// Jobs taken between two looks at the clock.
const BATCH_JOBS: usize = 256;
/// Media gathered before it is written even if more is there: after a halt of the disk a whole queue comes at once.
const GATHERED_BYTES_MAX: u64 = 8 << 20;
/// How often silence is looked for.
const TICK: Duration = Duration::from_secs(1);

/// What a writer works with.
pub(crate) struct Parts<D> {
    pub(crate) disk: D,
    pub(crate) volume_name: String,
    pub(crate) queue: Arc<Queue>,
    pub(crate) index: Arc<Index>,
    pub(crate) live: Arc<Live>,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Arc<dyn Clock>,
}

/// The writer's state.
pub(crate) struct Writer<D> {
    parts: Parts<D>,
    cameras: BTreeMap<CameraId, Camera>,
    /// Rows to commit after the next sync.
    changes: Changes,
    dirty: bool,
    /// Bytes of media that wait for the next write.
    gathered: u64,
    poisoned: bool,
    ticked_at: Duration,
    /// When the oldest job since the last sync was handed in.
    oldest: Option<Duration>,
}

#[derive(Default)]
struct Camera {
    coverage: Coverage,
    open: Option<OpenFile>,
    /// Ended, and to be stored as such after the next sync.
    sealed: Vec<Segment>,
    lane: Option<Arc<Lane>>,
}

impl<D: Disk> Writer<D> {
    /// A writer that goes on where the index left each camera.
    pub(crate) fn new(parts: Parts<D>, resumed: BTreeMap<CameraId, Coverage>) -> Self {
        let now = parts.clock.monotonic();
        parts.metrics.poisoned.with_label_values(&[&parts.volume_name]).set(0);
        for (camera, coverage) in &resumed {
            parts.live.change(camera, |live| live.gap = coverage.gap());
        }
        let cameras =
            resumed.into_iter().map(|(id, coverage)| (id, Camera { coverage, ..Camera::default() })).collect();
        Self {
            parts,
            cameras,
            changes: Changes::default(),
            dirty: false,
            gathered: 0,
            poisoned: false,
            ticked_at: now,
            oldest: None,
        }
    }

    /// Works until the queue is closed and empty, then makes everything durable.
    pub(crate) fn run(mut self) {
        while let Some(jobs) = self.parts.queue.take(TICK, BATCH_JOBS) {
            for job in jobs {
                self.oldest.get_or_insert(job.at);
                let queue = Arc::clone(&self.parts.queue);
                queue.release(&job);
                self.handle(job);
                if self.gathered >= GATHERED_BYTES_MAX {
                    self.write(None);
                }
            }
            if self.parts.queue.is_empty() {
                self.sync();
            }
            self.keep_time();
        }
        self.finish();
    }

    fn keep_time(&mut self) {
        let now = self.parts.clock.monotonic();
        if now.saturating_sub(self.ticked_at) >= TICK {
            self.ticked_at = now;
            self.tick();
        }
    }

    pub(crate) fn handle(&mut self, job: Job) {
        let camera = job.lane.camera.clone();
        if !matches!(job.op, Op::Start { .. } | Op::Fragment { opening: None, .. }) {
            // What follows is about an end: all that came before it counts first.
            self.write(Some(&camera));
        }
        let known = self.cameras.entry(camera.clone()).or_default();
        known.lane = Some(Arc::clone(&job.lane));
        match job.op {
            Op::Start { at } => known.coverage.begin(at, job.at),
            Op::Fragment { fragment, opening } => self.fragment(&job.lane, &fragment, opening),
            Op::Seal { lost } => {
                if let Some(reason) = lost {
                    known.coverage.lose(reason);
                }
                self.seal(&camera);
            }
            Op::Down { at, reason } => {
                let changes = known.coverage.down(at, reason);
                self.record(&camera, changes);
            }
            Op::Stop { at, reason } => {
                let changes = known.coverage.stop(at, reason);
                self.seal(&camera);
                self.record(&camera, changes);
            }
        }
    }

    fn fragment(&mut self, lane: &Arc<Lane>, fragment: &Fragment, opening: Option<Box<Opening>>) {
        let camera = &lane.camera;
        if opening.is_some() {
            self.seal(camera);
        }
        if self.poisoned {
            return self.give_up(lane, GapReason::VolumeFailed);
        }
        let known = self.cameras.entry(camera.clone()).or_default();
        match (opening, &mut known.open) {
            (Some(opening), open) => match OpenFile::begin(&self.parts.disk, camera, fragment, &opening) {
                Ok(file) => {
                    self.parts.metrics.segments.inc();
                    *open = Some(file);
                }
                Err(error) => return self.failed(lane, &error),
            },
            (None, Some(open)) => open.add(fragment),
            (None, None) => return lane.broken.store(true, Ordering::Relaxed),
        }
        self.gathered += fragment.bytes;
        self.dirty = true;
    }

    /// Writes what waits, of one camera or of all, and makes it durable.
    fn write(&mut self, only: Option<&CameraId>) {
        let waits = |(id, camera): (&CameraId, &Camera)| {
            let wanted = only.is_none_or(|only| only == id);
            (wanted && camera.open.as_ref().is_some_and(|open| open.write().is_some())).then(|| id.clone())
        };
        let ids: Vec<CameraId> = self.cameras.iter().filter_map(waits).collect();
        if ids.is_empty() {
            return;
        }
        let opens = ids.iter().filter_map(|id| self.cameras.get(id)?.open.as_ref());
        let writes: Vec<_> = opens.filter_map(OpenFile::write).collect();
        let began = self.parts.clock.monotonic();
        let outcomes = self.parts.disk.write(&writes);
        let took = self.parts.clock.monotonic().saturating_sub(began);
        self.parts.metrics.sync_seconds.observe(took.as_secs_f64());
        if only.is_none() {
            self.gathered = 0;
        }
        for (id, outcome) in ids.iter().zip(outcomes) {
            match outcome {
                Ok(()) => self.covered(id),
                Err(Failure::Write(error)) => self.lost(id, &error),
                Err(Failure::Sync(error)) => self.poison(&error),
            }
        }
        if self.poisoned {
            self.abandon_all();
        }
    }

    /// What waited of this camera is durable.
    fn covered(&mut self, camera: &CameraId) {
        let now = self.parts.clock.monotonic();
        let Some(known) = self.cameras.get_mut(camera) else { return };
        let Some(open) = known.open.as_mut() else { return };
        let mut changes = Vec::new();
        let mut bytes = 0;
        for piece in open.settle() {
            bytes += piece.bytes;
            changes.extend(known.coverage.cover(piece.start, piece.end(), now));
        }
        self.parts.metrics.bytes.with_label_values(&[camera.as_str()]).inc_by(bytes);
        self.record(camera, changes);
    }

    /// What waited of this camera could not be written.
    fn lost(&mut self, camera: &CameraId, error: &io::Error) {
        let Some(known) = self.cameras.get_mut(camera) else { return };
        if let Some(open) = known.open.as_mut() {
            open.give_up();
        }
        if let Some(lane) = known.lane.clone() {
            self.failed(&lane, error);
        }
    }

    /// One camera's write failed. Want of room, or of a name or a handle for a new file, is not damage: the camera tries
    /// again at its next keyframe. All else is.
    fn failed(&mut self, lane: &Arc<Lane>, error: &io::Error) {
        use io::ErrorKind::{AlreadyExists, InvalidInput, QuotaExceeded, StorageFull};
        let reason = match error.kind() {
            StorageFull | QuotaExceeded => GapReason::DiskFull,
            AlreadyExists | InvalidInput => GapReason::Unwritable,
            _ if is_want_of_handles(error) => GapReason::Unwritable,
            _ => GapReason::VolumeFailed,
        };
        if reason == GapReason::VolumeFailed {
            self.poison(error);
        } else if self.gap_of(&lane.camera).is_none_or(|gap| gap.reason != reason) {
            tracing::error!(camera = %lane.camera, %error, "a recording cannot go on for want of room or of a new file");
        }
        self.give_up(lane, reason);
    }

    fn gap_of(&self, camera: &CameraId) -> Option<Gap> {
        self.cameras.get(camera).and_then(|c| c.coverage.gap())
    }

    fn give_up(&mut self, lane: &Arc<Lane>, reason: GapReason) {
        lane.broken.store(true, Ordering::Relaxed);
        self.seal(&lane.camera);
        let now = self.parts.clock.wall();
        let Some(known) = self.cameras.get_mut(&lane.camera) else { return };
        if known.coverage.gap().is_none_or(|gap| gap.reason != reason) {
            let changes = known.coverage.down(now, reason);
            self.record(&lane.camera, changes);
        }
    }

    fn poison(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.poisoned, true) {
            let volume = &self.parts.volume_name;
            tracing::error!(volume, %error, "writing failed: the volume takes no more recordings until a restart; check the disk");
            self.parts.metrics.poisoned.with_label_values(&[volume]).set(1);
        }
    }

    /// Ends the camera's segment, if one is open. What waits must have been written.
    fn seal(&mut self, camera: &CameraId) {
        let Some(known) = self.cameras.get_mut(camera) else { return };
        if let Some(mut segment) = known.open.take().and_then(|open| open.end(&self.parts.disk)) {
            segment.sealed = true;
            known.sealed.push(segment);
            self.dirty = true;
        }
    }

    /// Notes gap rows for the next commit, and counts their seconds.
    fn record(&mut self, camera: &CameraId, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        self.dirty = true;
        for change in changes {
            match change {
                Change::Put { gap, uncounted_micros } => {
                    self.count(camera, &gap.reason, uncounted_micros);
                    self.changes.put_gap(camera, &gap);
                }
                Change::Remove { start } => self.changes.remove_gap(camera, start),
            }
        }
        let gap = self.gap_of(camera);
        self.parts.live.change(camera, |live| live.gap = gap);
    }

    fn count(&self, camera: &CameraId, reason: &GapReason, micros: i64) {
        if micros > 0 {
            let labels = [camera.as_str(), reason.as_str()];
            self.parts.metrics.gap_seconds.with_label_values(&labels).inc_by(micros as f64 / 1e6);
        }
    }

    pub(crate) fn tick(&mut self) {
        let (now, monotonic) = (self.parts.clock.wall(), self.parts.clock.monotonic());
        let ids: Vec<CameraId> = self.cameras.keys().cloned().collect();
        for id in ids {
            let Some(known) = self.cameras.get_mut(&id) else { continue };
            let (changes, counted) = known.coverage.tick(now, monotonic);
            self.record(&id, changes);
            if let Some((reason, micros)) = counted {
                self.count(&id, &reason, micros);
            }
        }
        self.parts.metrics.open_segments.set(self.parts.live.open_segments() as i64);
        self.parts.metrics.queue_bytes.set(self.parts.queue.bytes() as i64);
    }

    /// Makes what was written durable, then commits the rows that tell of it.
    pub(crate) fn sync(&mut self) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        self.write(None);
        if let Some(oldest) = self.oldest.take() {
            let lag = self.parts.clock.monotonic().saturating_sub(oldest);
            self.parts.metrics.lag_seconds.set(lag.as_secs_f64());
        }
        self.publish();
    }

    /// Of a volume that failed nothing is trusted but what was durable before: open segments end there, and all their rows say
    /// "look at the file" at the next start.
    fn abandon_all(&mut self) {
        for camera in self.cameras.values_mut() {
            if let Some(open) = &mut camera.open {
                open.give_up();
            }
        }
        let lanes: Vec<Arc<Lane>> =
            self.cameras.values().filter(|c| c.open.is_some()).filter_map(|c| c.lane.clone()).collect();
        for lane in lanes {
            self.give_up(&lane, GapReason::VolumeFailed);
        }
        for camera in self.cameras.values_mut() {
            camera.sealed.retain(|segment| !segment.fragments.is_empty());
            camera.sealed.iter_mut().for_each(|segment| segment.sealed = false);
        }
    }

    /// Rows first, then what others are shown: nobody sees a moment in which a segment is in neither place.
    fn publish(&mut self) {
        let mut shown = Vec::new();
        for (id, camera) in &mut self.cameras {
            for segment in &camera.sealed {
                self.changes.put_segment(id, segment);
            }
            let Some(open) = camera.open.as_mut().filter(|open| open.shown < open.segment.fragments.len()) else {
                continue;
            };
            if open.shown == 0 {
                // This row tells a restart to look at the file; the file tells the rest.
                self.changes.put_segment(id, &Segment { fragments: Vec::new(), ..open.segment.clone() });
            }
            let fresh: Vec<Piece> = open.segment.fragments.iter().skip(open.shown).copied().collect();
            let first = (open.shown == 0).then(|| open.segment.clone());
            open.shown = open.segment.fragments.len();
            shown.push((id.clone(), fresh, first));
        }
        self.commit();
        for (id, fresh, first) in shown {
            self.parts.live.change(&id, |live| match (first, &mut live.segment) {
                (None, Some(segment)) => fresh.into_iter().for_each(|piece| segment.add(piece)),
                (first, segment) => *segment = first,
            });
        }
    }

    fn commit(&mut self) {
        if let Err(error) = self.parts.index.commit(&self.changes) {
            // The rows stay in `changes` and are tried again at the next sync; the files themselves are safe.
            self.parts.metrics.index_failures.inc();
            self.dirty = true;
            tracing::error!(%error, "recordings are written but not yet in the index");
            return;
        }
        self.changes = Changes::default();
        for (id, camera) in &mut self.cameras {
            let sealed = std::mem::take(&mut camera.sealed);
            self.parts.metrics.stored_bytes.add(sealed.iter().map(|s| s.bytes as i64).sum());
            if sealed.is_empty() {
                continue;
            }
            let is_sealed = |start: Wall| sealed.iter().any(|s| s.start == start);
            self.parts.live.change(id, |live| drop(live.segment.take_if(|s| is_sealed(s.start))));
        }
    }

    pub(crate) fn finish(mut self) {
        let now = self.parts.clock.wall();
        self.write(None);
        let ids: Vec<CameraId> = self.cameras.keys().cloned().collect();
        for id in ids {
            self.seal(&id);
            let changes = self.cameras.get_mut(&id).map(|c| c.coverage.shut_down(now)).unwrap_or_default();
            self.record(&id, changes);
        }
        self.sync();
    }
}

/// The process, or the system, has no more files to open.
fn is_want_of_handles(error: &io::Error) -> bool {
    use rustix::io::Errno;
    [Errno::MFILE, Errno::NFILE].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
