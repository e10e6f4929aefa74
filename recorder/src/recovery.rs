//! What happens before the first frame is recorded, and again to a volume that comes back: the index is made to agree with the
//! files. Torn tails are cut to the last whole fragment, files that are no recordings are moved away, rows without a file go,
//! files without a row get one. All of it is logged, and every stretch that is missing afterwards is a gap with a reason. What
//! lies on a volume that is not there stays as its rows say.

mod file;
mod rebuild;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use media::id::CameraId;
use media::wall::{Clock, Wall};

use crate::check::{Fault, Finding};
use crate::coverage::Coverage;
use crate::disk::{self, File, Volume};
use crate::gap::{Gap, GapReason};
use crate::gap_log::{self, Line, Told};
use crate::index::{Changes, Index, IndexError};
use crate::segment::{Segment, VolumeId};
use crate::stock::Stock;

/// Sealed files whose length and first bytes are checked. Past that number only names are compared, so that a volume of
/// millions of files does not hold up the start; damage there is told at playback.
const VERIFY_FILES_MAX: usize = 100_000;
/// Time between two words about the progress.
const PROGRESS: Duration = Duration::from_secs(5);

/// What was found and done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Segments in the index afterwards.
    pub segments: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Files read because no sealed row spoke for them.
    pub scanned: usize,
    /// Files cut to their whole fragments.
    pub cut: usize,
    /// Files moved away because they are no recordings.
    pub quarantined: usize,
    /// Files moved away because they are not the recordings that were sealed.
    pub changed: usize,
    /// Files without any fragment, removed.
    pub empty: usize,
    /// Rows whose file was gone.
    pub lost: usize,
    /// Gaps that were told of beside the recordings and not in the index.
    pub gaps_recalled: usize,
    /// Stretches between recordings of which nothing is told there, where the index was made anew.
    pub gaps_unknown: usize,
}

/// Why recovery could not be done.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The index that cannot be read could not be moved aside.
    #[error("{path} cannot be moved aside: {source}; an appliance that runs has it to itself, so stop it first")]
    Aside {
        /// Where.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The volume could not be read or changed.
    #[error("recordings below {path}: {source}")]
    Volume {
        /// Where.
        path: String,
        /// Why.
        source: io::Error,
    },
}

pub(crate) struct Recovery<'a> {
    pub(crate) index: &'a Index,
    pub(crate) stock: &'a Stock,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) report: Report,
    /// The volumes that are looked through.
    volumes: Vec<&'a Volume>,
    /// False where only these volumes are looked at, beside a recorder that runs.
    whole: bool,
    /// Files that are looked at whatever their rows say.
    doubted: Named,
    /// Files that the record contradicts.
    disputed: Named,
    /// The index knew nothing.
    rebuilding: bool,
    /// What is told of gaps beside the recordings, and from which note on; none before anybody had to ask.
    told: Option<(String, Told)>,
    /// When a recording of this camera was begun of which nothing is left.
    begun: Option<Wall>,
    /// Gaps to be told of beside the recordings before their rows are put in.
    notes: Vec<Line>,
    /// The note that was added to, until it is durable.
    noted: Option<File>,
    verified: usize,
    told_at: Duration,
}

/// What a file turned out to be.
enum Found {
    Segment(Box<Segment>),
    Nothing,
}

impl<'a> Recovery<'a> {
    /// Of a start: of all that is recorded.
    pub(crate) fn new(
        volumes: impl IntoIterator<Item = &'a Volume>,
        index: &'a Index,
        stock: &'a Stock,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let (told_at, volumes) = (clock.monotonic(), volumes.into_iter().collect());
        Self {
            index,
            stock,
            clock,
            report: Report::default(),
            volumes,
            whole: true,
            doubted: Named::new(),
            disputed: Named::new(),
            rebuilding: false,
            told: None,
            begun: None,
            notes: Vec::new(),
            noted: None,
            verified: 0,
            told_at,
        }
    }

    /// Looks at the recordings in which a check found something, whatever their rows say.
    pub(crate) fn doubting(mut self, findings: &[Finding]) -> Self {
        for finding in findings {
            let named = (finding.volume, finding.path.clone());
            match finding.fault {
                Fault::OtherOnRecord => self.disputed.insert(named.clone()) && self.doubted.insert(named),
                _ => self.doubted.insert(named),
            };
        }
        self
    }

    /// Looks through a volume that came back.
    pub(crate) fn of_one(volume: &'a Volume, index: &'a Index, stock: &'a Stock, clock: Arc<dyn Clock>) -> Self {
        Self { whole: false, ..Self::new([volume], index, stock, clock) }
    }

    /// Goes through all cameras. What each has covered so far comes out.
    pub(crate) fn run(&mut self) -> Result<BTreeMap<CameraId, Coverage>, RecoveryError> {
        self.recall()?;
        let mut cameras: BTreeSet<CameraId> = self.index.cameras()?.into_iter().collect();
        for volume in self.volumes.clone() {
            for folder in volume.camera_folders().map_err(|e| failed(volume, "", e))? {
                match folder.parse() {
                    Ok(camera) => drop(cameras.insert(camera)),
                    Err(_) => tracing::warn!(folder, "a folder among the recordings has no camera's name; left alone"),
                }
            }
        }
        let mut covered = BTreeMap::new();
        for camera in cameras {
            let coverage = self.camera(&camera)?;
            covered.insert(camera, coverage);
        }
        self.sync_notes();
        let r = self.report;
        tracing::info!(
            segments = r.segments,
            bytes = r.bytes,
            scanned = r.scanned,
            cut = r.cut,
            quarantined = r.quarantined,
            changed = r.changed,
            empty = r.empty,
            lost = r.lost,
            gaps_recalled = r.gaps_recalled,
            gaps_unknown = r.gaps_unknown,
            "recordings and their index agree"
        );
        Ok(covered)
    }

    /// All files of a camera, by volume and path.
    fn files(&self, camera: &CameraId) -> Result<Files<'a>, RecoveryError> {
        let mut files = Files::new();
        for volume in &self.volumes {
            match volume.files_of(camera.as_str()) {
                Ok(paths) => files.extend(paths.into_iter().map(|path| ((volume.id(), path), *volume))),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(volume, camera.as_str(), error)),
            }
        }
        Ok(files)
    }

    fn camera(&mut self, camera: &CameraId) -> Result<Coverage, RecoveryError> {
        let mut files = self.files(camera)?;
        self.begun = None;
        let mut changes = Changes::default();
        let mut until: Option<Wall> = None;
        let mut doubted: BTreeMap<(VolumeId, String), Row> = BTreeMap::new();
        let mut taken: BTreeMap<Wall, Wall> = BTreeMap::new();
        let mut rows = Vec::new();
        self.index.each_segment(camera, |start, row| rows.push((start, row.map(Row::from))))?;
        for (start, row) in rows {
            let Some(mut row) = row else {
                changes.remove_segment(camera, start);
                continue;
            };
            self.settle_volume(camera, start, &mut row, &files, &mut changes)?;
            match self.volumes.iter().find(|volume| volume.id() == row.volume).copied() {
                None => {
                    taken.insert(start, row.end);
                    self.elsewhere(camera, start, &row, &mut until);
                }
                Some(volume) => {
                    let key = (row.volume, row.path.clone());
                    if !files.contains_key(&key) {
                        self.lost(camera, &row, start, &mut changes);
                    } else if row.sealed && !self.doubted.contains(&key) && self.intact(volume, &row) {
                        files.remove(&key);
                        taken.insert(start, row.end);
                        self.keep(camera, start, &row, true);
                        until = until.max(Some(row.end));
                    } else {
                        changes.remove_segment(camera, start);
                        doubted.insert(key, row);
                    }
                }
            }
        }
        for ((id, path), volume) in files {
            let before = doubted.remove(&(id, path.clone())).filter(|row| row.sealed);
            if let Some(row) = before.as_ref().filter(|_| !self.whole) {
                self.stock.remove(camera, row.start, row.volume, row.bytes);
            }
            let sealed = before.as_ref().map(|row| self.index.segment(camera, row.start)).transpose()?.flatten();
            let found = self.file(volume, &path, sealed.as_ref())?;
            let found = self.one_of_a_kind(volume, found, &mut taken)?;
            let end = match &found {
                Found::Segment(segment) => {
                    changes.put_sealed(camera, segment);
                    self.keep(camera, segment.start, &Row::of(segment), false);
                    until = until.max(Some(segment.end));
                    segment.end
                }
                Found::Nothing => before.as_ref().map_or(Wall::EPOCH, |row| row.start),
            };
            if let Some(row) = before.filter(|row| row.end > end) {
                let gap = Gap { start: end, end: Some(row.end), reason: GapReason::Damaged };
                self.put_gap(camera, &gap, &mut changes);
            }
        }
        if self.whole {
            self.commit(&mut changes)?;
            changes = self.explain(camera, &taken)?;
            self.commit(&mut changes)?;
        }
        let coverage = if self.whole { self.open_gap(camera, until, &mut changes)? } else { Coverage::default() };
        self.commit(&mut changes)?;
        Ok(coverage)
    }

    /// A gap that was found here.
    fn put_gap(&mut self, camera: &CameraId, gap: &Gap, changes: &mut Changes) {
        self.notes.push(Line::put(self.clock.wall(), camera, gap));
        changes.put_gap(camera, gap);
    }

    /// Tells beside the recordings of the gaps that were found, and makes the changes.
    fn commit(&mut self, changes: &mut Changes) -> Result<(), IndexError> {
        let (lines, name) = (std::mem::take(&mut self.notes), gap_log::name(self.clock.wall()));
        if let Some(name) = name.filter(|_| !lines.is_empty()) {
            let text = gap_log::text(&lines);
            self.noted = self.volumes.iter().find_map(|volume| volume.add_to_note(&name, &text).ok());
            if self.noted.is_none() {
                tracing::warn!("gaps are in the index alone: no volume takes a note of them");
            }
        }
        self.index.commit(&std::mem::take(changes))
    }

    /// Once for all cameras, that a start after a crash is not held up by each. Where it fails, the next word to the volume tells.
    fn sync_notes(&mut self) {
        if let Some(Err(error)) = self.noted.take().map(|note| note.sync()) {
            tracing::warn!(%error, "a note of gaps may not be durable");
        }
    }

    /// A camera whose volume failed begins again at its last keyframe elsewhere, which may be where the file that was given up began:
    /// then that one says nothing more. One that goes further gets a start of its own.
    fn one_of_a_kind(
        &mut self,
        volume: &Volume,
        found: Found,
        taken: &mut BTreeMap<Wall, Wall>,
    ) -> Result<Found, RecoveryError> {
        let Found::Segment(mut segment) = found else { return Ok(found) };
        while let Some(end) = taken.get(&segment.start) {
            if *end >= segment.end {
                let path = segment.path;
                tracing::info!(path, "the same stretch is recorded on another volume; removed");
                volume.remove(&path).map_err(|e| failed(volume, &path, e))?;
                self.report.empty += 1;
                return Ok(Found::Nothing);
            }
            segment.start = Wall::from_micros(segment.start.micros().saturating_add(1));
        }
        taken.insert(segment.start, segment.end);
        Ok(Found::Segment(segment))
    }

    /// A row from before there were several volumes says none: the one that has the file is it.
    fn settle_volume(
        &self,
        camera: &CameraId,
        start: Wall,
        row: &mut Row,
        files: &Files<'_>,
        changes: &mut Changes,
    ) -> Result<(), RecoveryError> {
        if row.volume != VolumeId::UNTOLD {
            return Ok(());
        }
        let found = self.volumes.iter().map(|volume| volume.id());
        let first = self.volumes.first().map_or(VolumeId::UNTOLD, |volume| volume.id());
        row.volume = found.into_iter().find(|id| files.contains_key(&(*id, row.path.clone()))).unwrap_or(first);
        if let Some(segment) = self.index.segment(camera, start)? {
            changes.put_segment(camera, &Segment { volume: row.volume, ..segment });
        }
        Ok(())
    }

    /// It lies on a volume that is not looked at.
    fn elsewhere(&mut self, camera: &CameraId, start: Wall, row: &Row, until: &mut Option<Wall>) {
        *until = (*until).max(Some(row.end));
        if self.whole {
            self.keep(camera, start, row, false);
        }
    }

    /// `counted` where the stock of a recorder that runs has it already.
    fn keep(&mut self, camera: &CameraId, start: Wall, row: &Row, counted: bool) {
        self.report.segments += 1;
        self.report.bytes += row.bytes;
        if self.whole || !counted {
            self.stock.add_bytes(camera, start, row.volume, row.bytes);
        }
        self.tell();
    }

    fn tell(&mut self) {
        let now = self.clock.monotonic();
        if now.saturating_sub(self.told_at) >= PROGRESS {
            self.told_at = now;
            let (segments, scanned) = (self.report.segments, self.report.scanned);
            tracing::info!(segments, scanned, "comparing recordings with their index");
        }
    }

    /// Where no gap is open the appliance ended without stopping.
    fn open_gap(
        &mut self,
        camera: &CameraId,
        until: Option<Wall>,
        changes: &mut Changes,
    ) -> Result<Coverage, RecoveryError> {
        let open = self.index.last_gap(camera)?.filter(|gap| gap.end.is_none());
        // Of one whose first recording came to nothing the file's name tells when it began.
        let gap = match (open, until.or(self.begun)) {
            (None, Some(start)) => {
                let untold = self.rebuilding && self.report.gaps_recalled == 0;
                let reason = match self.told_as_open(camera, start)? {
                    Some(reason) => reason,
                    None if untold => GapReason::Unknown,
                    None => GapReason::Crash,
                };
                let gap = Gap { start, end: None, reason };
                self.put_gap(camera, &gap, changes);
                tracing::warn!(%camera, ?start, "recording ended without a stop");
                Some(gap)
            }
            (open, _) => open,
        };
        Ok(Coverage::resume(until, gap.as_ref()))
    }

    fn lost(&mut self, camera: &CameraId, row: &Row, start: Wall, changes: &mut Changes) {
        tracing::error!(%camera, path = row.path, "a recording is gone from the volume; its time is now a gap");
        self.report.lost += 1;
        changes.remove_segment(camera, start);
        if row.sealed && !self.whole {
            self.stock.remove(camera, start, row.volume, row.bytes);
        }
        if row.sealed {
            let gap = Gap { start, end: Some(row.end), reason: GapReason::Damaged };
            self.put_gap(camera, &gap, changes);
        }
    }

    /// A sealed file is believed if its length is right and it begins as MP4.
    fn intact(&mut self, volume: &Volume, row: &Row) -> bool {
        self.verified += 1;
        if self.verified > VERIFY_FILES_MAX {
            return true;
        }
        let Ok(file) = volume.open_file(&row.path) else { return false };
        let length = file.bytes().unwrap_or(0);
        let head = disk::read_at(&file, 4, 4).unwrap_or_default();
        length == row.bytes && head.as_ref() == b"ftyp"
    }
}

/// What recovery keeps of a row while it compares: not the fragments.
struct Row {
    volume: VolumeId,
    path: String,
    start: Wall,
    end: Wall,
    bytes: u64,
    sealed: bool,
}

/// Files, by volume and path.
type Named = BTreeSet<(VolumeId, String)>;

/// A camera's files and the volumes that they are on.
type Files<'a> = BTreeMap<(VolumeId, String), &'a Volume>;

impl Row {
    fn of(segment: &Segment) -> Self {
        let Segment { volume, start, end, bytes, sealed, .. } = *segment;
        Self { volume, path: segment.path.clone(), start, end, bytes, sealed }
    }
}

impl From<Segment> for Row {
    fn from(segment: Segment) -> Self {
        Self::of(&segment)
    }
}

fn failed(volume: &Volume, path: &str, source: io::Error) -> RecoveryError {
    RecoveryError::Volume { path: volume.root().join(path).display().to_string(), source }
}
