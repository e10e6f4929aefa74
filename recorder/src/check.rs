//! Compares the recordings on a volume with their index, and changes nothing: the appliance may run meanwhile. What it finds
//! is looked at a second time, against what the index says then, since recordings come and go.
//!
//! Deliberately absent: repair, which is what a start does (`recovery`), told by [`doubt`] where to look.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;

use media::fmp4::reader;
use media::id::CameraId;
use serde::Serialize;

use crate::disk::{self, Volume};
use crate::index::{Changes, Index, IndexError};
use crate::segment::Segment;

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
            Self::Unreadable(why) => write!(f, "cannot be read: {why}"),
            Self::RowDamaged => f.write_str("its row in the index cannot be read"),
        }
    }
}

/// A fault and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Path below the volume's root; of a damaged row the camera.
    pub path: String,
    /// What is wrong.
    pub fault: Fault,
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

/// Compares. `progress` hears of cameras done and of all.
pub fn check(
    root: &Path,
    index: &Path,
    depth: Depth,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Checked, CheckError> {
    let volume = Volume::open_to_read(root).map_err(|e| failed(root, e))?;
    let mut checked = Checked::default();
    // Files before rows: a file that is listed has had its row written since, or never will.
    let files = files(&volume, root)?;
    let rows = Index::open_to_read(index)?;
    let mut cameras: Vec<CameraId> = rows.cameras()?;
    cameras.extend(files.keys().cloned());
    cameras.sort();
    cameras.dedup();
    checked.cameras = cameras.len();
    let mut doubtful = Vec::new();
    for (done, camera) in cameras.iter().enumerate() {
        progress(done, cameras.len());
        let found = files.get(camera).map_or(&[][..], Vec::as_slice);
        let count = &mut |segment: &Segment| {
            let (number, bytes) =
                if segment.sealed { (&mut checked.sealed, segment.bytes) } else { (&mut checked.open, 0) };
            *number += 1;
            checked.bytes += bytes;
        };
        if !camera_faults(&volume, &rows, camera, found, depth, count)?.is_empty() {
            doubtful.push(camera);
        }
    }
    progress(cameras.len(), cameras.len());
    drop(rows);
    for camera in doubtful {
        let found = volume.files_of(camera.as_str()).or_else(none_where_gone).map_err(|e| failed(root, e))?;
        let rows = Index::open_to_read(index)?;
        for finding in camera_faults(&volume, &rows, camera, &found, depth, &mut |_| ())? {
            if checked.findings.len() < FINDINGS_MAX {
                checked.findings.push(finding);
            } else {
                checked.findings_not_shown += 1;
            }
        }
    }
    Ok(checked)
}

/// Has the next start look at these recordings itself. The appliance must not run.
pub(crate) fn doubt(index: &Index, findings: &[Finding]) -> Result<(), IndexError> {
    let mut changes = Changes::default();
    for camera in index.cameras()? {
        index.each_segment(&camera, |_, row| {
            let Some(row) = row.filter(|row| findings.iter().any(|finding| finding.path == row.path)) else { return };
            changes.put_segment(&camera, &Segment { sealed: false, fragments: Vec::new(), ..row });
        })?;
    }
    index.commit(&changes)
}

fn failed(root: &Path, source: io::Error) -> CheckError {
    CheckError::Volume { path: root.display().to_string(), source }
}

fn none_where_gone(error: io::Error) -> io::Result<Vec<String>> {
    if error.kind() == io::ErrorKind::NotFound { Ok(Vec::new()) } else { Err(error) }
}

fn files(volume: &Volume, root: &Path) -> Result<BTreeMap<CameraId, Vec<String>>, CheckError> {
    let mut files = BTreeMap::new();
    for folder in volume.camera_folders().map_err(|e| failed(root, e))? {
        // A folder without a camera's name is somebody's, and a start leaves it alone too.
        let Ok(camera) = folder.parse::<CameraId>() else { continue };
        let of_camera = volume.files_of(&folder).or_else(none_where_gone).map_err(|e| failed(root, e))?;
        files.insert(camera, of_camera);
    }
    Ok(files)
}

fn camera_faults(
    volume: &Volume,
    index: &Index,
    camera: &CameraId,
    files: &[String],
    depth: Depth,
    count: &mut dyn FnMut(&Segment),
) -> Result<Vec<Finding>, IndexError> {
    let mut unknown: std::collections::BTreeSet<&str> = files.iter().map(String::as_str).collect();
    let mut findings = Vec::new();
    index.each_segment(camera, |_, row| {
        let Some(row) = row else {
            findings.push(Finding { path: camera.to_string(), fault: Fault::RowDamaged });
            return;
        };
        count(&row);
        let there = unknown.remove(row.path.as_str());
        let fault = if there { segment_fault(volume, &row, depth) } else { Some(Fault::Missing) };
        findings.extend(fault.map(|fault| Finding { path: row.path.clone(), fault }));
    })?;
    findings.extend(unknown.into_iter().map(|path| Finding { path: path.to_owned(), fault: Fault::NotInIndex }));
    Ok(findings)
}

fn segment_fault(volume: &Volume, row: &Segment, depth: Depth) -> Option<Fault> {
    if depth == Depth::Presence || !row.sealed {
        return None;
    }
    let opened = volume.open_file(&row.path).and_then(|file| Ok((file.metadata()?.len(), file)));
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
    let scan = match reader::scan(found, |offset, length| disk::read_at(&file, offset, length)) {
        Ok(scan) => scan,
        Err(error) => return Some(Fault::Torn(error.to_string())),
    };
    if let Some(why) = scan.torn {
        return Some(Fault::Torn(why.to_owned()));
    }
    let places = scan.fragments.iter().map(|f| (f.offset, f.bytes));
    let same = places.eq(row.fragments.iter().map(|piece| (piece.offset, piece.bytes)));
    (!same).then_some(Fault::OtherFragments)
}
