//! Whose a volume is: a small file in its root, written once.

use std::io;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Disk, File, How, VolumeError, read_at};
use crate::segment::VolumeId;

const FILE: &str = "_volume.json";
/// Longer is not ours.
const FILE_BYTES_MAX: usize = 4096;
/// The layout written today.
const FORMAT: u32 = 1;

/// What the file says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Identity {
    format: u32,
    /// The volume's number, in hexadecimal.
    volume: String,
    /// The appliance that records here.
    pub(super) appliance: String,
}

impl Identity {
    /// Of a volume that is used for the first time.
    pub(super) fn new(appliance: &str) -> io::Result<Self> {
        let number = getrandom::u32().map_err(|error| io::Error::other(error.to_string()))?.max(1);
        Ok(Self { format: FORMAT, volume: VolumeId(number).to_string(), appliance: appliance.to_owned() })
    }

    pub(super) fn id(&self) -> Option<VolumeId> {
        u32::from_str_radix(&self.volume, 16).ok().map(VolumeId).filter(|id| *id != VolumeId::UNTOLD)
    }

    /// Whole or not at all, also after a power cut.
    pub(super) fn write(&self, disk: &dyn Disk, root: &Path) -> io::Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(io::Error::other)?;
        let new = root.join("_volume.json.new");
        let file = disk.open(&new, How::Fresh)?;
        disk.append(&file, text.as_bytes())?;
        disk.sync(&file)?;
        disk.rename(&new, &root.join(FILE))?;
        disk.sync_folder(root)
    }
}

/// What the root says; none where it says nothing.
pub(super) fn read(disk: &Arc<dyn Disk>, root: &Path) -> Result<Option<Identity>, VolumeError> {
    let file = match disk.open(&root.join(FILE), How::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => File { file: opened?, disk: Arc::clone(disk) },
    };
    let text = read_at(&file, 0, FILE_BYTES_MAX + 1)?;
    if text.len() > FILE_BYTES_MAX {
        return Err(VolumeError::Unreadable("it is too long".into()));
    }
    let identity: Identity =
        serde_json::from_slice(&text).map_err(|error| VolumeError::Unreadable(error.to_string()))?;
    if identity.format > FORMAT {
        return Err(VolumeError::Unreadable(format!("format {} is of a later version", identity.format)));
    }
    Ok(Some(identity))
}
