//! Compares the recordings on a volume with their index, and changes nothing: the appliance may run meanwhile. What it finds
//! is looked at a second time, against what the index says then, since recordings come and go.
//!
//! Deliberately absent: repair, which is what a start does (`recovery`), told where to look (`repair`).

mod price;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use media::fmp4::reader::{self, ScanError};
use media::id::CameraId;
use media::wall::Wall;
use serde::Serialize;

use crate::disk::{self, Volume};
use crate::index::{Changes, Index, IndexError};
use crate::segment::{Segment, VolumeId};
use price::Meter;
pub use price::Progress;

/// Findings that are told one by one.
const FINDINGS_MAX: usize = 1_000;

/// How closely each recording is looked at. Each depth includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// Every row has its file, and every file its row.
    Presence,
    /// The file is as long as its row says.
    Size,
    /// Its boxes are whole, and its fragments lie where its row says. Reads the headers of each fragment, not the media.
    Structure,
    /// All of it is what it was when it was sealed. Reads everything.
    Hash,
}

/// What is wrong with a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The index knows it and the volume does not.
    Missing,
    /// The volume has it and the index does not know it.
    NotInIndex,
    /// Its row says one length and the file system another.
    Length {
        /// The row's.
        expected: u64,
        /// The file's.
        found: u64,
    },
    /// Its boxes break off, or are none.
    Torn(String),
    /// Whole, but not what its row says.
    OtherFragments,
    /// Whole, and another recording than the one that was sealed.
    OtherContent,
    /// The record has another hash of it than the index.
    OtherOnRecord,
    /// It was longer when it was put on the record: it was cut to what was whole of it since.
    CutSinceRecord,
    /// It cannot be read.
    Unreadable(String),
    /// Its row in the index cannot be read.
    RowDamaged,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("in the index, but not on the volume"),
            Self::NotInIndex => f.write_str("on the volume, but not in the index"),
            Self::Length { expected, found } => write!(f, "{found} bytes, and the index says {expected}"),
            Self::Torn(why) => write!(f, "damaged: {why}"),
            Self::OtherFragments => f.write_str("whole, but with other fragments than the index says"),
            Self::OtherContent => f.write_str("changed since it was sealed: its hash is another"),
            Self::OtherOnRecord => f.write_str("changed since it was put on the ledger: its hash there is another"),
            Self::CutSinceRecord => {
                f.write_str("cut since it was put on the ledger: what is left of it cannot be proven by its hash there")
            }
            Self::Unreadable(why) => write!(f, "cannot be read: {why}"),
            Self::RowDamaged => f.write_str("its row in the index cannot be read"),
        }
    }
}

/// A fault and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The volume it is on.
    #[serde(serialize_with = "as_text")]
    pub volume: VolumeId,
    /// Path below the volume's root; of a damaged row the camera.
    pub path: String,
    /// What is wrong.
    pub fault: Fault,
}

fn as_text<S: serde::Serializer>(id: &VolumeId, out: S) -> Result<S::Ok, S::Error> {
    out.collect_str(id)
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Cameras that have recordings.
    pub cameras: usize,
    /// Recordings that nothing will be added to.
    pub sealed: u64,
    /// Recordings that are being written, of which only their presence was looked at.
    pub open: u64,
    /// Bytes of the sealed ones, as the index has them.
    pub bytes: u64,
    /// The first faults.
    pub findings: Vec<Finding>,
    /// Further faults.
    pub findings_not_shown: u64,
}

/// Why a check could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The volume's folder.
    #[error("recordings in {path}: {source}")]
    Volume {
        /// Where.
        path: String,
        /// Why.
        source: io::Error,
    },
}

impl Checked {
    /// Nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }
}

/// A file this young may be one whose first fragment is durable while its row is still on the way: the index of a running appliance
/// may be as late as a disk that stands still for a while. One that stays without a row is found once it is older.
const BEGUN_WITHIN: Duration = Duration::from_secs(10);

/// Compares at the time `now`. `progress` hears of all that is to be done before anything is, and then how far it is.
pub fn check(
    roots: &[PathBuf],
    index: &Path,
    depth: Depth,
    now: Wall,
    progress: &mut dyn FnMut(Progress),
) -> Result<Checked, CheckError> {
    check_on(&open(roots)?, index, depth, now, progress)
}

/// [`check`] on volumes that are open.
pub(crate) fn check_on(
    volumes: &[Volume],
    index: &Path,
    depth: Depth,
    now: Wall,
    progress: &mut dyn FnMut(Progress),
) -> Result<Checked, CheckError> {
    let mut checked = Checked::default();
    // Files before rows: a file that is listed has had its row written since, or never will.
    let files = files(volumes)?;
    let rows = Index::open_to_read(index)?;
    let mut cameras: Vec<CameraId> = rows.cameras()?;
    cameras.extend(files.keys().cloned());
    cameras.sort();
    cameras.dedup();
    checked.cameras = cameras.len();
    let mut meter = Meter::priced(&rows, &cameras, depth, progress)?;
    let mut doubtful = Vec::new();
    for camera in &cameras {
        let none = Vec::new();
        let found = files.get(camera).unwrap_or(&none);
        if !camera_faults(volumes, &rows, camera, found, depth, &mut meter)?.is_empty() {
            doubtful.push(camera);
        }
    }
    (checked.sealed, checked.open, checked.bytes) = meter.end();
    drop(rows);
    for camera in doubtful {
        let found = files_of(volumes, camera)?;
        let rows = Index::open_to_read(index)?;
        let silent = &mut |_| ();
        for finding in camera_faults(volumes, &rows, camera, &found, depth, &mut Meter::new(depth, silent))? {
            if finding.fault == Fault::NotInIndex && is_being_begun(volumes, &finding, now) {
                checked.open += 1;
            } else {
                checked.add(finding);
            }
        }
    }
    Ok(checked)
}

fn is_being_begun(volumes: &[Volume], finding: &Finding, now: Wall) -> bool {
    let volume = volumes.iter().find(|volume| volume.id() == finding.volume);
    let modified = volume.and_then(|volume| volume.modified(&finding.path).ok()?);
    let modified = modified.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
    modified.is_some_and(|at| now.since(Wall::EPOCH).saturating_sub(at) < BEGUN_WITHIN)
}

impl Checked {
    /// Takes one more finding, or counts it.
    pub fn add(&mut self, finding: Finding) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else {
            self.findings_not_shown += 1;
        }
    }
}

/// The index, to be asked whether it says the same of a segment as a record does.
pub struct Claims {
    index: Index,
    /// What need not be put on the record again; none where that is not asked.
    settled: Option<Vec<(CameraId, Wall)>>,
}

impl Claims {
    /// Segments settled at once.
    const SETTLED_MAX: usize = 1_000;

    /// Opens the index to be read.
    pub fn open(index: &Path) -> Result<Self, IndexError> {
        Ok(Self { index: Index::open_to_read(index)?, settled: None })
    }

    /// Opens an index that was made anew: what the record says of a segment need not be put there again.
    pub fn open_to_settle(index: &Path) -> Result<Self, IndexError> {
        Ok(Self { index: Index::open(index)?, settled: Some(Vec::new()) })
    }

    /// A finding where the index has this segment with another hash. One that was deleted since is no matter.
    pub fn dispute(&mut self, claim: &Claim<'_>) -> Result<Option<Finding>, IndexError> {
        let Some(row) = self.index.segment(claim.camera, claim.start)? else { return Ok(None) };
        let Some(known) = row.hash.filter(|_| row.volume.to_string() == claim.volume) else { return Ok(None) };
        if known.to_string() == claim.hash {
            self.settle(claim)?;
            return Ok(None);
        }
        let fault = if row.bytes < claim.bytes { Fault::CutSinceRecord } else { Fault::OtherOnRecord };
        Ok(Some(Finding { volume: row.volume, path: row.path, fault }))
    }

    fn settle(&mut self, claim: &Claim<'_>) -> Result<(), IndexError> {
        let Some(settled) = &mut self.settled else { return Ok(()) };
        settled.push((claim.camera.clone(), claim.start));
        if settled.len() < Self::SETTLED_MAX { Ok(()) } else { self.commit() }
    }

    fn commit(&mut self) -> Result<(), IndexError> {
        let mut changes = Changes::default();
        for (camera, start) in self.settled.iter_mut().flat_map(std::mem::take) {
            changes.proven(&camera, start);
        }
        self.index.commit(&changes)
    }

    /// All claims were made.
    pub fn close(mut self) -> Result<(), IndexError> {
        self.commit()
    }
}

/// What a record says of a segment.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Whose recording.
    pub camera: &'a CameraId,
    /// Its beginning.
    pub start: Wall,
    /// The volume it was on, as text.
    pub volume: &'a str,
    /// Its length.
    pub bytes: u64,
    /// Its hash, in hexadecimal.
    pub hash: &'a str,
}

fn open(roots: &[PathBuf]) -> Result<Vec<Volume>, CheckError> {
    let open = |root: &PathBuf| {
        let volume = Volume::at(root);
        let entered = volume.enter_to_read();
        entered.map_err(|error| failed(root, io::Error::other(error.to_string())))?;
        Ok(volume)
    };
    roots.iter().map(open).collect()
}

fn failed(root: &Path, source: io::Error) -> CheckError {
    CheckError::Volume { path: root.display().to_string(), source }
}

fn none_where_gone(error: io::Error) -> io::Result<Vec<String>> {
    if error.kind() == io::ErrorKind::NotFound { Ok(Vec::new()) } else { Err(error) }
}

/// Files of a camera, with their volumes.
type Files<'a> = Vec<(&'a Volume, String)>;

fn files(volumes: &[Volume]) -> Result<BTreeMap<CameraId, Files<'_>>, CheckError> {
    let mut files = BTreeMap::new();
    for volume in volumes {
        for folder in volume.camera_folders().map_err(|e| failed(volume.root(), e))? {
            // A folder without a camera's name is somebody's, and a start leaves it alone too.
            let Ok(camera) = folder.parse::<CameraId>() else { continue };
            if let Entry::Vacant(vacant) = files.entry(camera) {
                let of_camera = files_of(volumes, vacant.key())?;
                vacant.insert(of_camera);
            }
        }
    }
    Ok(files)
}

fn files_of<'a>(volumes: &'a [Volume], camera: &CameraId) -> Result<Files<'a>, CheckError> {
    let mut files = Files::new();
    for volume in volumes {
        let paths = volume.files_of(camera.as_str()).or_else(none_where_gone).map_err(|e| failed(volume.root(), e))?;
        files.extend(paths.into_iter().map(|path| (volume, path)));
    }
    Ok(files)
}

fn camera_faults(
    volumes: &[Volume],
    index: &Index,
    camera: &CameraId,
    files: &Files<'_>,
    depth: Depth,
    meter: &mut Meter<'_>,
) -> Result<Vec<Finding>, IndexError> {
    let mut unknown: BTreeMap<(VolumeId, String), &Volume> =
        files.iter().map(|(volume, path)| ((volume.id(), path.clone()), *volume)).collect();
    let mut findings = Vec::new();
    // Rows from before there were several volumes do not say which.
    let first = volumes.first().map(Volume::id).unwrap_or_default();
    index.each_segment(camera, |_, row| {
        let Some(row) = row else {
            findings.push(Finding { volume: VolumeId::UNTOLD, path: camera.to_string(), fault: Fault::RowDamaged });
            return;
        };
        let id = if row.volume == VolumeId::UNTOLD { first } else { row.volume };
        let fault = match unknown.remove(&(id, row.path.clone())) {
            Some(volume) => segment_fault(volume, &row, depth, meter),
            None => Some(Fault::Missing),
        };
        meter.looked_at(&row);
        findings.extend(fault.map(|fault| Finding { volume: row.volume, path: row.path.clone(), fault }));
    })?;
    let no_row = |(volume, path): (VolumeId, String)| Finding { volume, path, fault: Fault::NotInIndex };
    findings.extend(unknown.into_keys().map(no_row));
    Ok(findings)
}

fn segment_fault(volume: &Volume, row: &Segment, depth: Depth, meter: &mut Meter<'_>) -> Option<Fault> {
    if depth == Depth::Presence || !row.sealed {
        return None;
    }
    let opened = volume.open_file(&row.path).and_then(|file| Ok((file.bytes()?, file)));
    let (found, file) = match opened {
        Ok(opened) => opened,
        Err(error) => return Some(Fault::Unreadable(error.to_string())),
    };
    if found != row.bytes {
        return Some(Fault::Length { expected: row.bytes, found });
    }
    if depth < Depth::Structure {
        return None;
    }
    let read = |offset, length| {
        let bytes = disk::read_at(&file, offset, length)?;
        meter.read(bytes.len());
        Ok::<_, io::Error>(bytes)
    };
    let scan = match reader::scan(found, read) {
        Ok(scan) => scan,
        Err(ScanError::Read(error)) => return Some(Fault::Unreadable(error.to_string())),
        Err(error) => return Some(Fault::Torn(error.to_string())),
    };
    if let Some(why) = scan.torn {
        return Some(Fault::Torn(why.to_owned()));
    }
    let places = scan.fragments.iter().map(|f| (f.offset, f.bytes));
    let same = places.eq(row.fragments.iter().map(|piece| (piece.offset, piece.bytes)));
    if !same {
        return Some(Fault::OtherFragments);
    }
    let known = row.hash.filter(|_| depth == Depth::Hash)?;
    match disk::hash_of(&file) {
        Ok(hash) => (hash != known).then_some(Fault::OtherContent),
        Err(error) => Some(Fault::Unreadable(error.to_string())),
    }
}
