//! Repair, by hand, of what a check found: what a start does, with a closer look at the recordings that were named.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use media::wall::Clock;
use prometheus::IntGauge;

use crate::check::Finding;
use crate::disk::Volume;
use crate::index::Index;
use crate::recovery::{Recovery, RecoveryError, Report};
use crate::stock::Stock;

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
        volume
            .enter(appliance, known)
            .map_err(|error| RecoveryError::Volume { path, source: std::io::Error::other(error.to_string()) })?;
    }
    let stock = Stock::new(IntGauge::new("stored", "Bytes").expect("a plain name"));
    let mut recovery = Recovery::new(&volumes, &index, &stock, clock).doubting(findings);
    recovery.run()?;
    Ok(recovery.report)
}
