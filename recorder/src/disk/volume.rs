//! A volume: a root folder, on a file system of its own as a rule. It carries its identity with it, so that a disk of another
//! appliance is never written to, and a mount that is not there is never taken for an empty disk.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rustix::fs::OFlags;

use super::Output;
use super::identity::{self, Identity};
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
    id: AtomicU32,
    device: AtomicU64,
}

impl Volume {
    /// The volume that should be there. Nothing can be done with it before [`Volume::enter`].
    pub(crate) fn at(root: &Path) -> Self {
        Self { root: root.to_path_buf(), id: AtomicU32::new(0), device: AtomicU64::new(NOWHERE) }
    }

    /// Takes the folder into use for this appliance: reads whose it is, says so where nobody does yet, and tries whether
    /// it can be written. `known` is the volume that recordings were last written to at this path.
    pub(crate) fn enter(&self, appliance: &str, known: Option<VolumeId>) -> Result<(), VolumeError> {
        fs::create_dir_all(&self.root)?;
        let found = identity::read(&self.root)?;
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
            identity.write(&self.root)?;
        }
        // One that cannot be written can still be read.
        self.id.store(id.0, Ordering::Relaxed);
        self.device.store(fs::metadata(&self.root)?.dev(), Ordering::Relaxed);
        Ok(self.probe()?)
    }

    /// As [`Volume::enter`], to be read only, whoever it belongs to.
    pub(crate) fn enter_to_read(&self) -> Result<(), VolumeError> {
        let device = fs::metadata(&self.root)?.dev();
        let identity = identity::read(&self.root)?;
        self.id.store(identity.and_then(|identity| identity.id()).unwrap_or_default().0, Ordering::Relaxed);
        self.device.store(device, Ordering::Relaxed);
        Ok(())
    }

    /// Writes a block, makes it durable and takes it away again.
    fn probe(&self) -> io::Result<()> {
        let path = self.root.join(PROBE);
        let file = File::create(&path)?;
        io::Write::write_all(&mut &file, &[0x5a; 512])?;
        file.sync_all()?;
        fs::remove_file(&path)
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
        if fs::metadata(&self.root)?.dev() == self.device.load(Ordering::Relaxed) {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::NotConnected, "the volume is not mounted here any more"))
    }

    /// Room on its file system.
    pub(crate) fn space(&self) -> io::Result<Space> {
        let stat = rustix::fs::statvfs(&self.root)?;
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        Ok(Space { free: bytes(stat.f_bavail), total: bytes(stat.f_blocks) })
    }

    /// The file system says that it has room, for new files too. Where a write finds none all the same, what it lies on is full.
    pub(crate) fn has_room(&self) -> bool {
        // Some count no files.
        let files = rustix::fs::statvfs(&self.root).is_ok_and(|stat| stat.f_files == 0 || stat.f_favail > 0);
        files && self.space().is_ok_and(Space::is_enough)
    }

    /// Opens a recording for reading.
    pub(crate) fn open_file(&self, path: &str) -> io::Result<File> {
        File::open(self.root.join(path))
    }

    /// Cuts a recording to its whole fragments.
    pub(crate) fn truncate_at(&self, path: &str, bytes: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(self.root.join(path))?;
        file.set_len(bytes)?;
        file.sync_all()
    }

    /// Removes a recording, and its day's folder where that is then empty. A file that is not there is no error.
    pub(crate) fn remove(&self, path: &str) -> io::Result<()> {
        self.is_here()?;
        let full = self.root.join(path);
        match fs::remove_file(&full) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        for folder in full.ancestors().skip(1).take(2).filter(|f| *f != self.root) {
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Moves a file that is no recording out of the way, with a text beside it that says why.
    pub(crate) fn quarantine(&self, path: &str, reason: &str) -> io::Result<PathBuf> {
        let folder = self.root.join(QUARANTINE);
        fs::create_dir_all(&folder)?;
        let flat = path.replace('/', "__");
        let mut name = flat.clone();
        let mut copy = 1;
        while folder.join(&name).exists() {
            name = format!("{flat}-{copy}");
            copy += 1;
        }
        let to = folder.join(&name);
        fs::rename(self.root.join(path), &to)?;
        fs::write(folder.join(format!("{name}.reason.txt")), format!("{path}: {reason}\n"))?;
        Ok(to)
    }

    /// Every file below the root, by camera folder: names of the folders, then `files_of` each. Foreign files directly
    /// in the root come as folders without a file and are left alone.
    pub(crate) fn camera_folders(&self) -> io::Result<Vec<String>> {
        self.is_here()?;
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.root)? {
            let entry = entry?;
            if let (true, Some(name)) = (entry.file_type()?.is_dir(), entry.file_name().to_str()) {
                names.push(name.to_owned());
            }
        }
        names.retain(|name| !name.starts_with('_') && name != "lost+found");
        names.sort();
        Ok(names)
    }

    /// Paths below the root of all files in a camera's folder: two levels, the day and the file. Sorted.
    pub(crate) fn files_of(&self, camera: &str) -> io::Result<Vec<String>> {
        let mut paths = Vec::new();
        let mut folders = vec![camera.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(self.root.join(&folder))? {
                let entry = entry?;
                let Some(name) = entry.file_name().to_str().map(|name| format!("{folder}/{name}")) else { continue };
                match entry.file_type()? {
                    kind if kind.is_dir() && folder == camera => folders.push(name),
                    kind if kind.is_file() => paths.push(name),
                    _ => {}
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
        let fresh = !folder.exists();
        fs::create_dir_all(folder)?;
        let open = |flags: OFlags| {
            OpenOptions::new().write(true).create_new(true).custom_flags(flags.bits().cast_signed()).open(&full)
        };
        let file = match open(OFlags::DIRECT) {
            // A file system without direct IO. Some make the file before they refuse it.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                let _ = fs::remove_file(&full);
                open(OFlags::empty())?
            }
            opened => opened?,
        };
        let mut folders =
            full.ancestors().skip(1).take(if fresh { 3 } else { 1 }).filter(|f| f.starts_with(&self.root));
        if let Err(error) = folders.try_for_each(|folder| File::open(folder)?.sync_all()) {
            let _ = fs::remove_file(&full);
            return Err(error);
        }
        Ok(Output::new(file))
    }
}
