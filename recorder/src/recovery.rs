//! What happens before the first frame is recorded: the index is made to agree with the files. Torn tails are cut to the last
//! whole fragment, files that are no recordings are moved away, rows without a file go, files without a row get one. All
//! of it is logged, and every stretch that is missing afterwards is a gap with a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use media::fmp4::reader::{self, Scan, ScanError};
use media::id::CameraId;
use media::wall::{Clock, Wall};

use crate::check::{self, Finding};
use crate::coverage::Coverage;
use crate::disk::{self, Volume};
use crate::gap::{Gap, GapReason};
use crate::index::{Changes, Index, IndexError};
use crate::segment::{self, Piece, Segment};

/// Sealed files whose length and first bytes are checked. Past that number only names are compared, so that a volume of
/// millions of files does not hold up the start; damage there is told at playback.
const VERIFY_FILES_MAX: usize = 100_000;
/// Fragments at a file's end whose media is looked at: more than may lie between two syncs.
const TAIL_FRAGMENTS: usize = 16;
/// A stretch of zeros this long and so aligned was never written: a power cut took the page. No codec emits one.
const PAGE_BYTES: usize = 4096;
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
    /// Files moved away.
    pub quarantined: usize,
    /// Files without any fragment, removed.
    pub empty: usize,
    /// Rows whose file was gone.
    pub lost: usize,
}

/// Why recovery could not be done.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The volume could not be read or changed.
    #[error("recordings below {path}: {source}")]
    Volume {
        /// Where.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// Does what a start does, and looks at the recordings in which a check found something, whatever their rows say. Fails where
/// an appliance runs on this index.
pub fn repair(root: &Path, index: &Path, findings: &[Finding], clock: Arc<dyn Clock>) -> Result<Report, RecoveryError> {
    let volume =
        Volume::open(root).map_err(|source| RecoveryError::Volume { path: root.display().to_string(), source })?;
    let index = Index::open(index)?;
    check::doubt(&index, findings)?;
    let mut recovery = Recovery::new(&volume, &index, clock);
    recovery.run()?;
    Ok(recovery.report)
}

pub(crate) struct Recovery<'a> {
    pub(crate) volume: &'a Volume,
    pub(crate) index: &'a Index,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) report: Report,
    verified: usize,
    told_at: Duration,
}

/// What a file turned out to be.
enum Found {
    Segment(Box<Segment>),
    Nothing,
}

impl<'a> Recovery<'a> {
    pub(crate) fn new(volume: &'a Volume, index: &'a Index, clock: Arc<dyn Clock>) -> Self {
        let told_at = clock.monotonic();
        Self { volume, index, clock, report: Report::default(), verified: 0, told_at }
    }

    /// Goes through all cameras. What each has covered so far comes out.
    pub(crate) fn run(&mut self) -> Result<BTreeMap<CameraId, Coverage>, RecoveryError> {
        let mut cameras: BTreeSet<CameraId> = self.index.cameras()?.into_iter().collect();
        for folder in self.volume.camera_folders().map_err(|e| self.failed("", e))? {
            match folder.parse() {
                Ok(camera) => drop(cameras.insert(camera)),
                Err(_) => tracing::warn!(folder, "a folder among the recordings has no camera's name; left alone"),
            }
        }
        let mut covered = BTreeMap::new();
        for camera in cameras {
            let coverage = self.camera(&camera)?;
            covered.insert(camera, coverage);
        }
        let r = self.report;
        tracing::info!(
            segments = r.segments,
            bytes = r.bytes,
            scanned = r.scanned,
            cut = r.cut,
            quarantined = r.quarantined,
            empty = r.empty,
            lost = r.lost,
            "recordings and their index agree"
        );
        Ok(covered)
    }

    fn failed(&self, path: &str, source: io::Error) -> RecoveryError {
        RecoveryError::Volume { path: self.volume.root().join(path).display().to_string(), source }
    }

    fn camera(&mut self, camera: &CameraId) -> Result<Coverage, RecoveryError> {
        let mut files: BTreeSet<String> = match self.volume.files_of(camera.as_str()) {
            Ok(files) => files.into_iter().collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeSet::new(),
            Err(error) => return Err(self.failed(camera.as_str(), error)),
        };
        let mut changes = Changes::default();
        let mut until: Option<Wall> = None;
        let mut doubted: BTreeMap<String, Segment> = BTreeMap::new();
        let mut rows = Vec::new();
        self.index.each_segment(camera, |start, row| rows.push((start, row.map(Row::from))))?;
        for (start, row) in rows {
            let Some(row) = row else {
                changes.remove_segment(camera, start);
                continue;
            };
            if !files.contains(&row.path) {
                self.lost(camera, &row, start, &mut changes);
            } else if row.sealed && self.intact(&row) {
                files.remove(&row.path);
                self.keep(row.bytes);
                until = until.max(Some(row.end));
            } else {
                changes.remove_segment(camera, start);
                if let Some(segment) = self.index.segment(camera, start)? {
                    doubted.insert(row.path, segment);
                }
            }
        }
        for path in files {
            let found = self.file(camera, &path)?;
            let before = doubted.get(&path).filter(|row| row.sealed);
            let end = match &found {
                Found::Segment(segment) => {
                    changes.put_segment(camera, segment);
                    self.keep(segment.bytes);
                    until = until.max(Some(segment.end));
                    segment.end
                }
                Found::Nothing => before.map_or(Wall::EPOCH, |row| row.start),
            };
            if let Some(row) = before.filter(|row| row.end > end) {
                changes.put_gap(camera, &Gap { start: end, end: Some(row.end), reason: GapReason::Damaged });
            }
        }
        let coverage = self.open_gap(camera, until, &mut changes)?;
        self.index.commit(&changes)?;
        Ok(coverage)
    }

    fn keep(&mut self, bytes: u64) {
        self.report.segments += 1;
        self.report.bytes += bytes;
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
        &self,
        camera: &CameraId,
        until: Option<Wall>,
        changes: &mut Changes,
    ) -> Result<Coverage, RecoveryError> {
        let open = self.index.last_gap(camera)?.filter(|gap| gap.end.is_none());
        let gap = match (open, until) {
            (None, Some(start)) => {
                let gap = Gap { start, end: None, reason: GapReason::Crash };
                changes.put_gap(camera, &gap);
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
        if row.sealed {
            changes.put_gap(camera, &Gap { start, end: Some(row.end), reason: GapReason::Damaged });
        }
    }

    /// A sealed file is believed if its length is right and it begins as MP4.
    fn intact(&mut self, row: &Row) -> bool {
        self.verified += 1;
        if self.verified > VERIFY_FILES_MAX {
            return true;
        }
        let Ok(file) = self.volume.open_file(&row.path) else { return false };
        let length = file.metadata().map(|m| m.len()).unwrap_or(0);
        let head = disk::read_at(&file, 4, 4).unwrap_or_default();
        length == row.bytes && head.as_ref() == b"ftyp"
    }

    /// A file that no sealed row speaks for.
    fn file(&mut self, camera: &CameraId, path: &str) -> Result<Found, RecoveryError> {
        self.report.scanned += 1;
        self.tell();
        if !is_segment_path(path) {
            return self.quarantine(path, "not a name of a recording");
        }
        let file = self.volume.open_file(path).map_err(|e| self.failed(path, e))?;
        let length = file.metadata().map_err(|e| self.failed(path, e))?.len();
        let scan = match reader::scan(length, |offset, length| disk::read_at(&file, offset, length)) {
            Ok(scan) => scan,
            Err(ScanError::Read(error)) => return Err(self.failed(path, error)),
            Err(ScanError::Empty) => return self.remove_empty(path),
            Err(other) => return self.quarantine(path, &other.to_string()),
        };
        let Some(mut segment) = segment_of(path, &scan) else {
            // Only what is surely our own, and without media, is removed; anything else is somebody's.
            let ours = scan.fragments.is_empty() && (scan.note.is_some() || length == scan.init.len() as u64);
            return if ours { self.remove_empty(path) } else { self.quarantine(path, "MP4, but not of this recorder") };
        };
        let whole = written(&file, &segment).map_err(|e| self.failed(path, e))?;
        segment.truncate(whole);
        if segment.fragments.is_empty() {
            return self.remove_empty(path);
        }
        let padding = scan.torn.is_none() && whole == scan.fragments.len();
        if segment.bytes < length && padding {
            self.volume.truncate_at(path, segment.bytes).map_err(|e| self.failed(path, e))?;
        } else if segment.bytes < length {
            let (lost_bytes, kept) = (length - segment.bytes, segment.fragments.len());
            let why = scan.torn.unwrap_or("pages that were never written");
            tracing::warn!(%camera, path, lost_bytes, kept, why, "a recording had a torn tail; cut to its last whole fragment");
            self.volume.truncate_at(path, segment.bytes).map_err(|e| self.failed(path, e))?;
            self.report.cut += 1;
        }
        Ok(Found::Segment(Box::new(segment)))
    }

    fn remove_empty(&mut self, path: &str) -> Result<Found, RecoveryError> {
        tracing::info!(path, "a recording without a whole fragment; removed");
        self.volume.remove(path).map_err(|e| self.failed(path, e))?;
        self.report.empty += 1;
        Ok(Found::Nothing)
    }

    fn quarantine(&mut self, path: &str, reason: &str) -> Result<Found, RecoveryError> {
        let to = self.volume.quarantine(path, reason).map_err(|e| self.failed(path, e))?;
        tracing::error!(path, reason, to = %to.display(), "a file among the recordings is none; moved away");
        self.report.quarantined += 1;
        Ok(Found::Nothing)
    }
}

/// What recovery keeps of a row while it compares: not the fragments.
struct Row {
    path: String,
    end: Wall,
    bytes: u64,
    sealed: bool,
}

impl From<Segment> for Row {
    fn from(segment: Segment) -> Self {
        Self { path: segment.path, end: segment.end, bytes: segment.bytes, sealed: segment.sealed }
    }
}

/// `camera/YYYY-MM-DD/name.mp4`.
fn is_segment_path(path: &str) -> bool {
    let mut parts = path.split('/').skip(1);
    let day = parts.next().is_some_and(|day| day.len() == 10 && day.bytes().all(|b| b.is_ascii_digit() || b == b'-'));
    let name = parts.next().is_some_and(|name| name.ends_with(".mp4"));
    day && name && parts.next().is_none()
}

/// The row of a file; none where it is not of this recorder or has no fragment.
pub(crate) fn segment_of(path: &str, scan: &Scan) -> Option<Segment> {
    let start = scan.fragments.first()?.start?;
    let mut segment = Segment {
        path: path.to_owned(),
        start,
        end: start,
        bytes: 0,
        init_bytes: u32::try_from(scan.init.len()).ok()?,
        init_hash: segment::init_hash(&scan.init),
        note: scan.note?,
        sealed: true,
        fragments: Vec::new(),
    };
    for f in &scan.fragments {
        let (start, keyframe) = (f.start?, f.keyframe);
        segment.add(Piece { offset: f.offset, bytes: f.bytes, start, duration_micros: f.duration_micros, keyframe });
    }
    Some(segment)
}

/// How many fragments were really written: a power cut may leave a file's length but not its last pages.
fn written(file: &File, segment: &Segment) -> io::Result<usize> {
    let skip = segment.fragments.len().saturating_sub(TAIL_FRAGMENTS);
    for (place, piece) in segment.fragments.iter().enumerate().skip(skip) {
        let bytes = disk::read_at(file, piece.offset, usize::try_from(piece.bytes).unwrap_or(usize::MAX))?;
        let lead = (PAGE_BYTES - (piece.offset % PAGE_BYTES as u64) as usize) % PAGE_BYTES;
        let pages = bytes.get(lead..).unwrap_or_default().chunks_exact(PAGE_BYTES);
        if pages.into_iter().any(|page| page.iter().all(|b| *b == 0)) {
            return Ok(place);
        }
    }
    Ok(segment.fragments.len())
}
