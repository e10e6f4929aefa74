//! The only place here that touches storage, RocksDB's own files apart: every call on a volume's file system is one of [`Disk`].
//! `volume` is a root folder and what is done to whole files, `notes` are texts beside them, this file and `direct` are how recordings
//! grow, `system` are the calls themselves. Everything blocks; no caller is a network thread.
//!
//! Recordings are written past the page cache, in aligned blocks, and each write is made durable before it counts. Measured
//! with 200 files that each grow by 500 kB/s (ext4, virtio disk): such writes by io_uring with a sync a second cost a sixth of
//! buffered writes with the same syncs, and leave the page cache to those who read.

mod direct;
mod identity;
mod notes;
mod system;
mod volume;

use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::fs;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use uring::Outcome;
use uring::storage::{self, Storage};

use crate::segment::Hash;
pub(crate) use direct::{BLOCK_BYTES, Direct};
pub(crate) use system::System;
pub(crate) use volume::{Space, Volume, VolumeError};

/// Room that a growing file is given at once: the file system lays it out in one piece, and a write need not ask for more.
const RESERVE_BYTES: u64 = 8 << 20;
/// Read at once for a hash.
const HASH_WINDOW_BYTES: usize = 1 << 20;

/// The calls on a file system. The tests bring one in which any of them can fail, halt, break off or give other bytes.
pub(crate) trait Disk: Debug + Send + Sync + 'static {
    /// Makes a folder, and those it lies in. One that is there is no error.
    fn make_folders(&self, path: &Path) -> io::Result<()>;
    /// Opens a file, or makes it.
    fn open(&self, path: &Path, how: How) -> io::Result<fs::File>;
    /// What is at the path.
    fn status(&self, path: &Path) -> io::Result<Status>;
    /// Length of an open file.
    fn length(&self, file: &fs::File) -> io::Result<u64>;
    /// Reads some bytes, none at the end.
    fn read(&self, file: &fs::File, offset: u64, bytes: &mut [u8]) -> io::Result<usize>;
    /// Lets go of what is in memory of a file, so that it is read from the disk again.
    fn forget(&self, file: &fs::File) -> io::Result<()>;
    /// Adds all of the bytes at the end.
    fn append(&self, file: &fs::File, bytes: &[u8]) -> io::Result<()>;
    /// Cuts to this length.
    fn truncate(&self, file: &fs::File, bytes: u64) -> io::Result<()>;
    /// Sets room aside behind a file's end.
    fn reserve(&self, file: &fs::File, from: u64, bytes: u64) -> io::Result<()>;
    /// Makes a file durable, and what is needed to find it again.
    fn sync(&self, file: &fs::File) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
    /// Takes a file away.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Takes an empty folder away.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;
    /// Gives a file another name, in the place of whatever has it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// What is in a folder, in any order; names that are no text are left out.
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>>;
    /// Room on the file system.
    fn room(&self, path: &Path) -> io::Result<Room>;
    /// Writes a batch, see [`Storage::write`].
    fn write(&self, storage: &mut Storage, batch: &[storage::Write<'_>], outcomes: &mut Vec<Outcome>);
    /// Makes a batch durable, see [`Storage::sync`].
    fn sync_batch(&self, storage: &mut Storage, files: &[BorrowedFd<'_>], outcomes: &mut Vec<Outcome>);
}

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// To be read.
    Read,
    /// To be changed.
    Change,
    /// To be added to; made where it is not there.
    Append,
    /// Made, or made empty.
    Fresh,
    /// Made; fails with `AlreadyExists` where it is there.
    New,
    /// As that, for writes past the page cache. Fails with `InvalidInput` where the file system has no such thing.
    NewDirect,
}

/// What is at a path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Status {
    /// The file system's number.
    pub(crate) device: u64,
    pub(crate) modified: Option<SystemTime>,
}

/// What a folder holds.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) is_folder: bool,
    pub(crate) is_file: bool,
}

/// What a file system says of its room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) space: Space,
    /// It takes new files.
    pub(crate) files: bool,
}

/// A file that is open for reading, or for a word to be added.
#[derive(Debug)]
pub(crate) struct File {
    file: fs::File,
    disk: Arc<dyn Disk>,
}

/// A file being written.
#[derive(Debug)]
pub(crate) struct Output {
    file: fs::File,
    disk: Arc<dyn Disk>,
    /// Up to here the file system has set room aside.
    reserved: Cell<u64>,
    /// Over all that was written, taken along while it is in the cache.
    hasher: RefCell<blake3::Hasher>,
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

impl File {
    pub(crate) fn bytes(&self) -> io::Result<u64> {
        self.disk.length(&self.file)
    }

    /// What is read next comes from the disk, if the system can have it so.
    pub(crate) fn forget(&self) {
        let _ = self.disk.forget(&self.file);
    }

    /// Makes it durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.disk.sync(&self.file)
    }
}

impl Output {
    fn new(file: fs::File, disk: Arc<dyn Disk>) -> Self {
        Self { file, disk, reserved: Cell::new(0), hasher: RefCell::default() }
    }

    /// BLAKE3 of all that was written, whether or not the disk took it.
    pub(crate) fn hash(&self) -> Hash {
        Hash(*self.hasher.borrow().finalize().as_bytes())
    }

    /// Room up to there. Where the file system has no such thing, or no room, the write will tell.
    fn reserve(&self, end: u64) {
        let reserved = self.reserved.get();
        if end > reserved {
            let more = (end - reserved).max(RESERVE_BYTES);
            self.reserved.set(reserved + more);
            let _ = self.disk.reserve(&self.file, reserved, more);
        }
    }

    /// Cuts the file to this length.
    pub(crate) fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.reserved.set(bytes);
        self.disk.truncate(&self.file, bytes)
    }
}

/// Bytes of a file from `offset` on; fewer than `length` only at its end.
pub(crate) fn read_at(file: &File, offset: u64, length: usize) -> io::Result<Bytes> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.disk.read(&file.file, offset + filled as u64, rest) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes.into())
}

/// BLAKE3 of a whole file, read a piece at a time.
pub(crate) fn hash_of(file: &File) -> io::Result<Hash> {
    let (mut hasher, mut offset) = (blake3::Hasher::new(), 0);
    loop {
        let bytes = read_at(file, offset, HASH_WINDOW_BYTES)?;
        if bytes.is_empty() {
            return Ok(Hash(*hasher.finalize().as_bytes()));
        }
        hasher.update(&bytes);
        offset += bytes.len() as u64;
    }
}
