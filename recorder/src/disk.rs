//! The volume: the only place here that touches storage, RocksDB's own files apart. Everything blocks; no caller is a network
//! thread.
//!
//! Recordings are written past the page cache, in aligned blocks, and each write is made durable before it counts. Measured
//! with 200 files that each grow by 500 kB/s (ext4, virtio disk): such writes by io_uring with a sync a second cost a sixth of
//! buffered writes with the same syncs, and leave the page cache to those who read.

mod direct;

use std::cell::Cell;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rustix::fs::{FallocateFlags, OFlags};

pub(crate) use direct::{BLOCK_BYTES, Direct};

/// Room that a growing file is given at once: the file system lays it out in one piece, and a write need not ask for more.
const RESERVE_BYTES: u64 = 8 << 20;
/// Folder for files that are no recordings. Camera ids begin with a letter or digit, so none has this name.
pub(crate) const QUARANTINE: &str = "_quarantine";

/// What the writer needs of a volume. The tests bring one that is slow, full or broken.
pub(crate) trait Disk: Send + 'static {
    /// Makes a new file, its folders too. Fails with `AlreadyExists` where it is there.
    fn create(&self, path: &str) -> io::Result<Output>;
    /// Writes all of them and makes them durable; tells of each whether it is.
    fn write(&mut self, writes: &[Write<'_>]) -> Vec<Result<(), Failure>>;
    /// Cuts the file to this length.
    fn truncate(&self, file: &Output, bytes: u64) -> io::Result<()>;
}

/// A file being written.
#[derive(Debug)]
pub(crate) struct Output {
    file: File,
    /// Up to here the file system has set room aside.
    reserved: Cell<u64>,
}

/// Bytes for a file, from a block's beginning on: what that block holds already, and all that is new. The rest of the last
/// block is filled with a `free` box, so that the file is whole MP4 after every write.
pub(crate) struct Write<'a> {
    pub(crate) file: &'a Output,
    pub(crate) offset: u64,
    pub(crate) head: &'a [u8],
    pub(crate) slices: &'a [Bytes],
}

/// Why a write does not count.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was not taken, or not all of it.
    Write(io::Error),
    /// It was taken and may yet be lost: nothing that this volume says can be trusted until it was read again.
    Sync(io::Error),
}

impl Output {
    fn new(file: File) -> Self {
        Self { file, reserved: Cell::new(0) }
    }

    /// Room up to there. Where the file system has no such thing, or no room, the write will tell.
    fn reserve(&self, end: u64) {
        let reserved = self.reserved.get();
        if end > reserved {
            let more = (end - reserved).max(RESERVE_BYTES);
            self.reserved.set(reserved + more);
            let _ = rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, reserved, more);
        }
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.reserved.set(bytes);
        self.file.set_len(bytes)
    }
}

/// A volume's root folder.
#[derive(Debug)]
pub(crate) struct Volume {
    root: PathBuf,
    handle: File,
}

impl Volume {
    /// Makes the folder if it is not there, and checks that files can be made in it.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        let probe = root.join("_probe");
        File::create(&probe)?;
        fs::remove_file(&probe)?;
        Ok(Self { root: root.to_path_buf(), handle: File::open(root)? })
    }

    /// A volume that must be there, and is only read.
    pub(crate) fn open_to_read(root: &Path) -> io::Result<Self> {
        Ok(Self { root: root.to_path_buf(), handle: File::open(root)? })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A second handle on the same volume.
    pub(crate) fn another(&self) -> io::Result<Self> {
        Ok(Self { root: self.root.clone(), handle: self.handle.try_clone()? })
    }

    /// Bytes that the file system still takes from us.
    pub(crate) fn free_bytes(&self) -> io::Result<u64> {
        let stat = rustix::fs::fstatvfs(&self.handle)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
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
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.root)? {
            let entry = entry?;
            if let (true, Some(name)) = (entry.file_type()?.is_dir(), entry.file_name().to_str()) {
                names.push(name.to_owned());
            }
        }
        names.retain(|name| name != QUARANTINE);
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
    fn create(&self, path: &str) -> io::Result<Output> {
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
        for folder in full.ancestors().skip(1).take(if fresh { 3 } else { 1 }).filter(|f| f.starts_with(&self.root)) {
            File::open(folder)?.sync_all()?;
        }
        Ok(Output::new(file))
    }
}

/// Bytes of a file from `offset` on; fewer than `length` only at its end.
pub(crate) fn read_at(file: &File, offset: u64, length: usize) -> io::Result<Bytes> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes.into())
}
