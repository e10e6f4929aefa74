//! The only place here that touches storage, RocksDB's own files apart: `volume` is a root folder and what is done to whole files,
//! `notes` are texts beside them, this file and `direct` are how recordings grow. Everything blocks; no caller is a network thread.
//!
//! Recordings are written past the page cache, in aligned blocks, and each write is made durable before it counts. Measured
//! with 200 files that each grow by 500 kB/s (ext4, virtio disk): such writes by io_uring with a sync a second cost a sixth of
//! buffered writes with the same syncs, and leave the page cache to those who read.

mod direct;
mod identity;
mod notes;
mod volume;

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use bytes::Bytes;
use rustix::fs::FallocateFlags;

use crate::segment::Hash;
pub(crate) use direct::{BLOCK_BYTES, Direct};
pub(crate) use volume::{Space, Volume, VolumeError};

/// Room that a growing file is given at once: the file system lays it out in one piece, and a write need not ask for more.
const RESERVE_BYTES: u64 = 8 << 20;
/// Read at once for a hash.
const HASH_WINDOW_BYTES: usize = 1 << 20;

/// What the writer needs of a volume. The tests bring one that is slow, full or broken.
pub(crate) trait Disk: Send + 'static {
    /// Makes a new file, its folders too. Fails with `AlreadyExists` where it is there.
    fn create(&self, path: &str) -> io::Result<Output>;
    /// Writes all of them and makes them durable; tells of each whether it is.
    fn write(&mut self, writes: &[Write<'_>]) -> Vec<Result<(), Failure>>;
    /// Cuts the file to this length.
    fn truncate(&self, file: &Output, bytes: u64) -> io::Result<()>;
    /// Takes a file away that holds nothing.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// True where the file system says that it has room, whatever a write finds.
    fn has_room(&self) -> bool;
    /// Adds a text to a note of the volume, durably.
    fn note(&self, name: &str, text: &str) -> io::Result<()>;
}

/// A file being written.
#[derive(Debug)]
pub(crate) struct Output {
    file: File,
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

impl Output {
    fn new(file: File) -> Self {
        Self { file, reserved: Cell::new(0), hasher: RefCell::default() }
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
            let _ = rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, reserved, more);
        }
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.reserved.set(bytes);
        self.file.set_len(bytes)
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
