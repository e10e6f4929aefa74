//! Repair, by hand, of what a check found: what a start does, with a closer look at the recordings that were named; and an index that
//! is made anew from the volumes where it cannot be read. Nothing is destroyed: what is put in another's place is kept aside.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use media::wall::{Clock, Wall};
use prometheus::IntGauge;
use rustix::fs::{FlockOperation, fcntl_lock};

use crate::check::Finding;
use crate::disk::Volume;
use crate::index::Index;
use crate::recovery::{Recovery, RecoveryError, Report};
use crate::stock::Stock;

/// RocksDB's own lock file: a record lock on it is held for as long as a process has the index.
const LOCK: &str = "LOCK";

/// Does what a start does, and looks at the recordings in which a check found something, whatever their rows say. Fails where
/// an appliance runs on this index, and where a volume is not there.
pub fn repair(
    roots: &[PathBuf],
    appliance: &str,
    index: &Path,
    findings: &[Finding],
    clock: Arc<dyn Clock>,
) -> Result<Report, RecoveryError> {
    let index = Index::open(index)?;
    let volumes: Vec<Volume> = roots.iter().map(|root| Volume::at(root)).collect();
    for (volume, root) in volumes.iter().zip(roots) {
        let path = root.display().to_string();
        let known = index.volume_at(&path)?;
        volume.enter(appliance, known).map_err(|error| RecoveryError::Volume {
            path: path.clone(),
            source: io::Error::other(error.to_string()),
        })?;
        index.set_volume_at(&path, volume.id())?;
    }
    let stock = Stock::new(IntGauge::new("stored", "Bytes").expect("a plain name"));
    let mut recovery = Recovery::new(&volumes, &index, &stock, clock).doubting(findings);
    recovery.run()?;
    Ok(recovery.report)
}

/// Makes the index anew from the volumes alone. Where there is one it is moved aside first; the second value says where to. Fails, and
/// leaves everything as it is, where an appliance has it, and where a volume's folder does not say whose it is: one that is not
/// mounted looks like that.
pub fn rebuild(
    roots: &[PathBuf],
    appliance: &str,
    index: &Path,
    clock: Arc<dyn Clock>,
) -> Result<(Report, Option<PathBuf>), RecoveryError> {
    for root in roots {
        let refused = |source| RecoveryError::Volume { path: root.display().to_string(), source };
        let volume = Volume::at(root);
        volume.enter_to_read().map_err(|error| refused(io::Error::other(error.to_string())))?;
        if volume.id() == crate::segment::VolumeId::UNTOLD {
            return Err(refused(io::Error::new(
                io::ErrorKind::NotFound,
                "no volume is there; mount it, or take it out of the configuration",
            )));
        }
    }
    let aside = move_aside(index, clock.wall())
        .map_err(|source| RecoveryError::Aside { path: index.display().to_string(), source })?;
    Ok((repair(roots, appliance, index, &[], clock)?, aside))
}

/// Moves the folder to a name of its own beside it, unless a process has it. None where there is none.
fn move_aside(index: &Path, now: Wall) -> io::Result<Option<PathBuf>> {
    if !fs::exists(index)? {
        return Ok(None);
    }
    // What this user may not read is not broken.
    for entry in fs::read_dir(index)? {
        File::open(entry?.path())?;
    }
    let lock = match File::options().write(true).open(index.join(LOCK)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        opened => Some(opened?),
    };
    if let Some(lock) = &lock {
        fcntl_lock(lock, FlockOperation::NonBlockingLockExclusive)?;
    }
    let name = index.file_name().unwrap_or_default().to_string_lossy();
    let aside = index.with_file_name(format!("{name}.broken-{}", now.micros() / 1_000_000));
    fs::rename(index, &aside)?;
    Ok(Some(aside))
}
