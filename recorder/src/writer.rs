//! A volume's one writing thread: takes fragments from the queue, writes those that came together as one batch that is
//! durable when it returns, and only then puts rows into the index. A camera whose write fails loses its segment,
//! not the others theirs; a volume whose sync fails takes nothing more until it was looked through, since the kernel may have
//! dropped what it could not write. What comes of a camera that has moved to another volume is let go.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use media::fmp4::Fragment;
use media::id::CameraId;
use media::wall::Clock;

use crate::coverage::Change;
use crate::disk::{Direct, Failure, hash_of};
use crate::gap::{Gap, GapReason};
use crate::gap_log::{self, Line};
use crate::index::{Changes, Index};
use crate::lane::Lane;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::open_file::OpenFile;
use crate::queue::{Job, Op, Opening};
use crate::segment::{Piece, Segment};
use crate::stock::Stock;
use crate::volumes::{Slot, VolumeState, Volumes};

/// Jobs taken between two looks at the clock.
const BATCH_JOBS: usize = 256;
/// Media gathered before it is written even if more is there: after a halt of the disk a whole queue comes at once.
const GATHERED_BYTES_MAX: u64 = 8 << 20;
/// Gaps that wait to be told beside the recordings, while the volume takes nothing. What is older is in the index alone.
const NOTES_MAX: usize = 10_000;
/// How often silence is looked for.
const TICK: Duration = Duration::from_secs(1);

/// What a writer works with.
pub(crate) struct Parts {
    pub(crate) disk: Direct,
    pub(crate) volumes: Arc<Volumes>,
    /// The volume that it writes to.
    pub(crate) slot: Arc<Slot>,
    pub(crate) index: Arc<Index>,
    pub(crate) live: Arc<Live>,
    pub(crate) stock: Arc<Stock>,
    pub(crate) metrics: Metrics,
    pub(crate) clock: Arc<dyn Clock>,
}

/// The writer's state.
pub(crate) struct Writer {
    parts: Parts,
    cameras: BTreeMap<CameraId, Camera>,
    /// Rows to commit after the next sync.
    changes: Changes,
    /// What of them is told beside the recordings before.
    notes: Vec<Line>,
    dirty: bool,
    /// Bytes of media that wait for the next write.
    gathered: u64,
    /// How often the volume had been entered when its files were opened.
    entered: u64,
    ticked_at: Duration,
    /// When the oldest job since the last sync was handed in.
    oldest: Option<Duration>,
}

struct Camera {
    lane: Arc<Lane>,
    open: Option<OpenFile>,
    /// Ended, and to be stored as such after the next sync.
    sealed: Vec<Segment>,
}

impl Writer {
    pub(crate) fn new(parts: Parts) -> Self {
        let (now, entered) = (parts.clock.monotonic(), parts.slot.entered());
        Self {
            parts,
            entered,
            cameras: BTreeMap::new(),
            changes: Changes::default(),
            notes: Vec::new(),
            dirty: false,
            gathered: 0,
            ticked_at: now,
            oldest: None,
        }
    }

    /// Works until the queue is closed and empty, then makes everything durable.
    pub(crate) fn run(mut self) {
        let queue = Arc::clone(&self.parts.slot.queue);
        while let Some(jobs) = queue.take(TICK, BATCH_JOBS) {
            for job in jobs {
                self.oldest.get_or_insert(job.at);
                queue.release(&job);
                self.handle(job);
                if self.gathered >= GATHERED_BYTES_MAX {
                    self.write(None);
                }
            }
            if queue.is_empty() {
                self.sync();
            }
            // A camera whose media waits is not silent, however long the disk stood still.
            if queue.is_empty() {
                self.keep_time();
            }
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
        self.forget_stale();
        let Job { lane, op, at: now } = job;
        if !lane.is_at(self.parts.slot.number) && !matches!(op, Op::Seal { lost: None }) {
            // It was on its way when the camera moved; what is in the other volume says it better.
            return;
        }
        let camera = lane.camera.clone();
        if !matches!(op, Op::Start { .. } | Op::Fragment { opening: None, .. }) {
            // What follows is about an end: all that came before it counts first.
            self.write(Some(&camera));
        }
        let new = || Camera { lane: Arc::clone(&lane), open: None, sealed: Vec::new() };
        self.cameras.entry(camera.clone()).or_insert_with(new);
        match op {
            Op::Start { at } => lane.coverage.lock().begin(at, now),
            Op::Fragment { fragment, opening } => self.fragment(&lane, &fragment, opening),
            Op::Seal { lost } => {
                if let Some(reason) = lost {
                    lane.coverage.lock().lose(reason);
                }
                self.seal(&camera);
            }
            Op::Down { at, reason } => {
                let changes = lane.coverage.lock().down(at, reason);
                self.record(&lane, changes);
            }
            Op::Stop { at, reason } => {
                let changes = lane.coverage.lock().stop(at, reason);
                self.seal(&camera);
                self.record(&lane, changes);
            }
        }
    }

    fn fragment(&mut self, lane: &Arc<Lane>, fragment: &Fragment, opening: Option<Box<Opening>>) {
        let camera = &lane.camera;
        if opening.is_some() {
            self.seal(camera);
        }
        if !self.parts.slot.is_ready() {
            return self.give_up(lane, GapReason::VolumeFailed);
        }
        let Some(known) = self.cameras.get_mut(camera) else { return };
        let (slot, volume) = (&self.parts.slot, self.parts.slot.volume.id());
        match (opening, &mut known.open) {
            (Some(opening), open) => {
                slot.begin_write(self.parts.clock.monotonic());
                let begun = OpenFile::begin(&self.parts.disk, volume, camera, fragment, &opening);
                slot.end_write();
                match begun {
                    Ok(file) => {
                        self.parts.metrics.segments.inc();
                        *open = Some(file);
                    }
                    Err(error) => return self.failed(lane, &error),
                }
            }
            (None, Some(open)) => open.add(fragment),
            (None, None) => return lane.break_off(self.parts.slot.number),
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
        if !self.parts.slot.is_ready() {
            return self.abandon_all();
        }
        let opens = ids.iter().filter_map(|id| self.cameras.get(id)?.open.as_ref());
        let writes: Vec<_> = opens.filter_map(OpenFile::write).collect();
        let began = self.parts.clock.monotonic();
        self.parts.slot.begin_write(began);
        let outcomes = self.parts.disk.write(&writes);
        self.parts.slot.end_write();
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
        if !self.parts.slot.is_ready() {
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
        let lane = Arc::clone(&known.lane);
        // Of a camera that has left meanwhile, the volume that it went to tells until when it is recorded.
        let here = lane.is_at(self.parts.slot.number);
        {
            let mut coverage = lane.coverage.lock();
            for piece in open.settle() {
                bytes += piece.bytes;
                if here {
                    changes.extend(coverage.cover(piece.start, piece.end(), now));
                }
            }
        }
        self.parts.metrics.bytes.with_label_values(&[camera.as_str()]).inc_by(bytes);
        self.record(&lane, changes);
    }

    /// What waited of this camera could not be written.
    fn lost(&mut self, camera: &CameraId, error: &io::Error) {
        let Some(known) = self.cameras.get_mut(camera) else { return };
        if let Some(open) = known.open.as_mut() {
            open.give_up();
        }
        let lane = Arc::clone(&known.lane);
        self.failed(&lane, error);
    }

    /// One camera's write failed. Want of room, or of a name or a handle for a new file, is not damage: the camera tries
    /// again at its next keyframe, or goes elsewhere. All else is.
    fn failed(&mut self, lane: &Arc<Lane>, error: &io::Error) {
        let reason = self.why(error);
        if reason == GapReason::VolumeFailed {
            self.poison(error);
        } else if lane.coverage.lock().gap().is_none_or(|gap| gap.reason != reason) {
            tracing::error!(camera = %lane.camera, %error, "a recording cannot go on for want of room or of a new file");
        }
        if reason == GapReason::DiskFull {
            self.parts.slot.full.store(true, Ordering::Relaxed);
        }
        self.give_up(lane, reason);
    }

    /// Why a write failed. A volume that has room and finds none lies on something that is full, such as a disk that was promised more
    /// than there is: no deletion helps, and that is a fault of the volume.
    fn why(&self, error: &io::Error) -> GapReason {
        let no_room = error.kind() == io::ErrorKind::StorageFull && !self.parts.slot.full.load(Ordering::Relaxed);
        if no_room && self.parts.disk.has_room() { GapReason::VolumeFailed } else { GapReason::of_write(error) }
    }

    fn give_up(&mut self, lane: &Arc<Lane>, reason: GapReason) {
        lane.break_off(self.parts.slot.number);
        self.seal(&lane.camera);
        let now = self.parts.clock.wall();
        let changes = {
            let mut coverage = lane.coverage.lock();
            let told = coverage.gap().is_some_and(|gap| gap.reason == reason);
            if told { Vec::new() } else { coverage.down(now, reason) }
        };
        self.record(lane, changes);
    }

    fn poison(&self, error: &io::Error) {
        let state = match error.kind() {
            io::ErrorKind::NotConnected => VolumeState::Away(error.to_string()),
            _ => VolumeState::Failed(error.to_string()),
        };
        self.parts.volumes.set(&self.parts.slot, state);
    }

    /// Ends the camera's segment, if one is open. What waits must have been written.
    fn seal(&mut self, camera: &CameraId) {
        let Some(known) = self.cameras.get_mut(camera) else { return };
        if let Some(mut segment) = known.open.take().and_then(|open| open.end(&self.parts.slot.volume)) {
            if segment.hash.is_none() {
                let file = self.parts.slot.volume.open_file(&segment.path);
                segment.hash = file.and_then(|file| hash_of(&file)).ok();
                segment.sealed &= segment.hash.is_some();
            }
            let seconds = segment.end.micros_since(segment.start) / 1_000_000;
            if let Ok(seconds @ 1..) = u64::try_from(seconds) {
                known.lane.set_rate(usize::try_from(segment.bytes / seconds).unwrap_or(usize::MAX));
            }
            known.sealed.push(segment);
            self.dirty = true;
        }
    }

    /// Notes gap rows for the next commit, and counts their seconds.
    fn record(&mut self, lane: &Lane, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        self.dirty = true;
        let now = self.parts.clock.wall();
        for change in changes {
            match change {
                Change::Put { gap, uncounted_micros } => {
                    self.count(&lane.camera, &gap.reason, uncounted_micros);
                    self.changes.put_gap(&lane.camera, &gap);
                    self.notes.push(Line::put(now, &lane.camera, &gap));
                }
                Change::Remove { start } => {
                    self.changes.remove_gap(&lane.camera, start);
                    self.notes.push(Line::removed(now, &lane.camera, start));
                }
            }
        }
        let gap: Option<Gap> = lane.coverage.lock().gap();
        self.parts.live.change(&lane.camera, |live| live.gap = gap);
    }

    fn count(&self, camera: &CameraId, reason: &GapReason, micros: i64) {
        if micros > 0 {
            let labels = [camera.as_str(), reason.as_str()];
            self.parts.metrics.gap_seconds.with_label_values(&labels).inc_by(micros as f64 / 1e6);
        }
    }

    /// The cameras that are recorded here now.
    fn lanes(&self) -> Vec<Arc<Lane>> {
        let here = |camera: &&Camera| camera.lane.is_at(self.parts.slot.number);
        self.cameras.values().filter(here).map(|camera| Arc::clone(&camera.lane)).collect()
    }

    pub(crate) fn tick(&mut self) {
        let (now, monotonic) = (self.parts.clock.wall(), self.parts.clock.monotonic());
        for lane in self.lanes() {
            let (changes, counted) = lane.coverage.lock().tick(now, monotonic);
            self.record(&lane, changes);
            if let Some((reason, micros)) = counted {
                self.count(&lane.camera, &reason, micros);
            }
        }
        self.parts.metrics.open_segments.set(self.parts.live.open_segments() as i64);
    }

    /// Makes what was written durable, then commits the rows that tell of it.
    pub(crate) fn sync(&mut self) {
        self.forget_stale();
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
    /// "look at the file" to who looks it through.
    fn abandon_all(&mut self) {
        for camera in self.cameras.values_mut() {
            if let Some(open) = &mut camera.open {
                open.give_up();
            }
        }
        let open = self.cameras.values().filter(|camera| camera.open.is_some());
        let lanes: Vec<Arc<Lane>> = open.map(|camera| Arc::clone(&camera.lane)).collect();
        for lane in lanes {
            self.give_up(&lane, GapReason::VolumeFailed);
        }
        for camera in self.cameras.values_mut() {
            camera.sealed.retain(|segment| !segment.fragments.is_empty());
            camera.sealed.iter_mut().for_each(|segment| (segment.sealed, segment.hash) = (false, None));
        }
    }

    /// The volume went away and was taken back: its files were looked through, and have their rows. None is added to; cameras that
    /// were being recorded begin anew.
    fn forget_stale(&mut self) {
        let entered = self.parts.slot.entered();
        if std::mem::replace(&mut self.entered, entered) == entered {
            return;
        }
        for (id, camera) in &mut self.cameras {
            camera.sealed.clear();
            if let Some(open) = camera.open.take() {
                camera.lane.break_off(self.parts.slot.number);
                let (volume, start) = (open.segment.volume, open.segment.start);
                let same = |live: &mut Segment| (live.volume, live.start) == (volume, start);
                self.parts.live.change(id, |live| drop(live.segment.take_if(same)));
            }
        }
    }

    /// Rows first, then what others are shown: nobody sees a moment in which a segment is in neither place.
    fn publish(&mut self) {
        let mut shown = Vec::new();
        for (id, camera) in &mut self.cameras {
            for segment in &camera.sealed {
                if segment.hash.is_some() {
                    self.changes.put_sealed(id, segment);
                } else {
                    self.changes.put_segment(id, segment);
                }
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

    /// Tells of gaps beside the recordings. Where that cannot be it is tried again with the next ones.
    fn note(&mut self) {
        let name = gap_log::name(self.parts.clock.wall()).filter(|_| !self.notes.is_empty());
        let Some(name) = name.filter(|_| self.parts.slot.is_ready()) else { return };
        self.parts.slot.begin_write(self.parts.clock.monotonic());
        let noted = self.parts.disk.note(&name, &gap_log::text(&self.notes));
        self.parts.slot.end_write();
        match noted {
            Ok(()) => self.notes.clear(),
            Err(error) => {
                tracing::warn!(%error, volume = self.parts.slot.name, "gaps are in the index alone for now");
                self.notes.drain(..self.notes.len().saturating_sub(NOTES_MAX));
            }
        }
    }

    fn commit(&mut self) {
        self.note();
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
            if sealed.is_empty() {
                continue;
            }
            sealed.iter().filter(|segment| segment.sealed).for_each(|segment| self.parts.stock.add(id, segment));
            let is_sealed = |open: &Segment| sealed.iter().any(|s| (s.volume, s.start) == (open.volume, open.start));
            self.parts.live.change(id, |live| drop(live.segment.take_if(|open| is_sealed(open))));
        }
    }

    pub(crate) fn finish(mut self) {
        let now = self.parts.clock.wall();
        self.write(None);
        let ids: Vec<CameraId> = self.cameras.keys().cloned().collect();
        ids.iter().for_each(|id| self.seal(id));
        for lane in self.lanes() {
            let changes = lane.coverage.lock().shut_down(now);
            self.record(&lane, changes);
        }
        self.sync();
    }
}
