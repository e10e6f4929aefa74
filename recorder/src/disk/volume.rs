//! A volume: a root folder, on a file system of its own as a rule. It carries its identity with it, so that a disk of another
//! appliance is never written to, and a mount that is not there is never taken for an empty disk.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::SystemTime;

use super::identity::{self, Identity};
use super::{Disk, File, How, Output, System};
use crate::segment::VolumeId;

/// Folder for files that are no recordings. Camera ids begin with a letter or digit, so none has this name.
const QUARANTINE: &str = "_quarantine";
/// What is written and read back before a volume is trusted.
const PROBE: &str = "_probe";
/// No device has this number.
const NOWHERE: u64 = u64::MAX;
/// So much, or a tenth of the volume, is room to go on with.
const ENOUGH_BYTES: u64 = 256 << 20;

/// Why a folder cannot be used as a volume.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VolumeError {
    /// The system refused.
    #[error("{0}; make the folder writable for this user, and check the disk")]
    Io(#[from] io::Error),
    /// Another appliance records here.
    #[error(
        "it belongs to the appliance {appliance}; nothing is written to it. To take it over, remove its _volume.json"
    )]
    Foreign {
        /// Whose it is.
        appliance: String,
    },
    /// Recordings are known to be here, and the folder does not even say whose it is.
    #[error(
        "its recordings are not there: it is not mounted. If they are given up for good, make an empty folder in its place \
        and name it by another path"
    )]
    NotMounted,
    /// Its identity is damaged.
    #[error("its _volume.json cannot be read: {0}")]
    Unreadable(String),
}

/// Room on the file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Space {
    /// Bytes that it still takes from us.
    pub(crate) free: u64,
    /// Bytes that it has in all.
    pub(crate) total: u64,
}

impl Space {
    /// Enough to go on with.
    pub(crate) fn is_enough(self) -> bool {
        self.free >= ENOUGH_BYTES.min(self.total / 10)
    }
}

/// A volume, whether it is there or not.
#[derive(Debug)]
pub(crate) struct Volume {
    root: PathBuf,
    pub(super) disk: Arc<dyn Disk>,
    id: AtomicU32,
    device: AtomicU64,
}

impl Volume {
    /// The volume that should be there. Nothing can be done with it before [`Volume::enter`].
    pub(crate) fn at(root: &Path) -> Self {
        Self::on(Arc::new(System), root)
    }

    /// [`Volume::at`] on another disk.
    pub(crate) fn on(disk: Arc<dyn Disk>, root: &Path) -> Self {
        Self { root: root.to_path_buf(), disk, id: AtomicU32::new(0), device: AtomicU64::new(NOWHERE) }
    }

    /// Takes the folder into use for this appliance: reads whose it is, says so where nobody does yet, and tries whether
    /// it can be written. `known` is the volume that recordings were last written to at this path.
    pub(crate) fn enter(&self, appliance: &str, known: Option<VolumeId>) -> Result<(), VolumeError> {
        self.disk.make_folders(&self.root)?;
        let found = identity::read(&self.disk, &self.root)?;
        let (identity, fresh) = match found {
            Some(identity) if identity.appliance != appliance => {
                return Err(VolumeError::Foreign { appliance: identity.appliance });
            }
            Some(identity) => (identity, false),
            None if known.is_some() => return Err(VolumeError::NotMounted),
            None => (Identity::new(appliance)?, true),
        };
        let id = identity.id().ok_or_else(|| VolumeError::Unreadable("no volume number".into()))?;
        if fresh {
            self.probe()?;
            identity.write(&*self.disk, &self.root)?;
        }
        // One that cannot be written can still be read.
        self.id.store(id.0, Ordering::Relaxed);
        self.device.store(self.disk.status(&self.root)?.device, Ordering::Relaxed);
        Ok(self.probe()?)
    }

    /// As [`Volume::enter`], to be read only, whoever it belongs to.
    pub(crate) fn enter_to_read(&self) -> Result<(), VolumeError> {
        let device = self.disk.status(&self.root)?.device;
        let identity = identity::read(&self.disk, &self.root)?;
        self.id.store(identity.and_then(|identity| identity.id()).unwrap_or_default().0, Ordering::Relaxed);
        self.device.store(device, Ordering::Relaxed);
        Ok(())
    }

    /// Writes a block, makes it durable and takes it away again.
    fn probe(&self) -> io::Result<()> {
        let path = self.root.join(PROBE);
        let file = self.disk.open(&path, How::Fresh)?;
        self.disk.append(&file, &[0x5a; 512])?;
        self.disk.sync(&file)?;
        self.disk.remove(&path)
    }

    /// Its number; [`VolumeId::UNTOLD`] before it was entered.
    pub(crate) fn id(&self) -> VolumeId {
        VolumeId(self.id.load(Ordering::Relaxed))
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Fails where the folder is another file system than the one that was entered: something was mounted or unmounted.
    pub(crate) fn is_here(&self) -> io::Result<()> {
        if self.disk.status(&self.root)?.device == self.device.load(Ordering::Relaxed) {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::NotConnected, "the volume is not mounted here any more"))
    }

    /// Room on its file system.
    pub(crate) fn space(&self) -> io::Result<Space> {
        Ok(self.disk.room(&self.root)?.space)
    }

    /// The file system says that it has room, for new files too. Where a write finds none all the same, what it lies on is full.
    pub(crate) fn has_room(&self) -> bool {
        self.disk.room(&self.root).is_ok_and(|room| room.files && room.space.is_enough())
    }

    /// Opens a recording for reading.
    pub(crate) fn open_file(&self, path: &str) -> io::Result<File> {
        let file = self.disk.open(&self.root.join(path), How::Read)?;
        Ok(File { file, disk: Arc::clone(&self.disk) })
    }

    /// When a recording was last written to, where the file system knows.
    pub(crate) fn modified(&self, path: &str) -> io::Result<Option<SystemTime>> {
        Ok(self.disk.status(&self.root.join(path))?.modified)
    }

    /// Cuts a recording to its whole fragments.
    pub(crate) fn truncate_at(&self, path: &str, bytes: u64) -> io::Result<()> {
        let file = self.disk.open(&self.root.join(path), How::Change)?;
        self.disk.truncate(&file, bytes)?;
        self.disk.sync(&file)
    }

    /// Removes a recording, and its day's folder where that is then empty. A file that is not there is no error.
    pub(crate) fn remove(&self, path: &str) -> io::Result<()> {
        self.is_here()?;
        let full = self.root.join(path);
        match self.disk.remove(&full) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        for folder in full.ancestors().skip(1).take(2).filter(|f| *f != self.root) {
            if self.disk.remove_folder(folder).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Moves a file that is no recording out of the way, with a text beside it that says why.
    pub(crate) fn quarantine(&self, path: &str, reason: &str) -> io::Result<PathBuf> {
        let folder = self.root.join(QUARANTINE);
        self.disk.make_folders(&folder)?;
        let flat = path.replace('/', "__");
        let mut name = flat.clone();
        let mut copy = 1;
        while self.disk.status(&folder.join(&name)).is_ok() {
            name = format!("{flat}-{copy}");
            copy += 1;
        }
        let to = folder.join(&name);
        self.disk.rename(&self.root.join(path), &to)?;
        let note = self.disk.open(&folder.join(format!("{name}.reason.txt")), How::Fresh)?;
        self.disk.append(&note, format!("{path}: {reason}\n").as_bytes())?;
        Ok(to)
    }

    /// Every file below the root, by camera folder: names of the folders, then `files_of` each. Foreign files directly
    /// in the root come as folders without a file and are left alone.
    pub(crate) fn camera_folders(&self) -> io::Result<Vec<String>> {
        self.is_here()?;
        let folders = self.disk.list(&self.root)?.into_iter().filter(|entry| entry.is_folder);
        let mut names: Vec<String> = folders.map(|entry| entry.name).collect();
        names.retain(|name| !name.starts_with('_') && name != "lost+found");
        names.sort();
        Ok(names)
    }

    /// Paths below the root of all files in a camera's folder: two levels, the day and the file. Sorted.
    pub(crate) fn files_of(&self, camera: &str) -> io::Result<Vec<String>> {
        let mut paths = Vec::new();
        let mut folders = vec![camera.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in self.disk.list(&self.root.join(&folder))? {
                let path = format!("{folder}/{}", entry.name);
                if entry.is_folder && folder == camera {
                    folders.push(path);
                } else if entry.is_file {
                    paths.push(path);
                }
            }
        }
        paths.sort();
        Ok(paths)
    }

    /// Makes a recording, and its folders, so that they are there after a power cut.
    pub(super) fn create(&self, path: &str) -> io::Result<Output> {
        self.is_here()?;
        let full = self.root.join(path);
        let folder = full.parent().ok_or(io::ErrorKind::InvalidInput)?;
        let fresh = self.disk.status(folder).is_err();
        self.disk.make_folders(folder)?;
        let file = match self.disk.open(&full, How::NewDirect) {
            // A file system without direct IO. Some make the file before they refuse it.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                let _ = self.disk.remove(&full);
                self.disk.open(&full, How::New)?
            }
            opened => opened?,
        };
        let mut folders =
            full.ancestors().skip(1).take(if fresh { 3 } else { 1 }).filter(|f| f.starts_with(&self.root));
        if let Err(error) = folders.try_for_each(|folder| self.disk.sync_folder(folder)) {
            let _ = self.disk.remove(&full);
            return Err(error);
        }
        Ok(Output::new(file, Arc::clone(&self.disk)))
    }
}
