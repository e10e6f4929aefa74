//! The calls as the system has them.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::{Advice, FallocateFlags, OFlags};
use uring::Outcome;
use uring::storage::{self, Storage};

use super::{Disk, Entry, How, Room, Space, Status};

/// The file system that the system has there.
#[derive(Debug)]
pub(crate) struct System;

impl Disk for System {
    fn make_folders(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn open(&self, path: &Path, how: How) -> io::Result<fs::File> {
        let mut options = OpenOptions::new();
        match how {
            How::Read => options.read(true),
            How::Change => options.write(true),
            How::Append => options.append(true).create(true),
            How::Fresh => options.write(true).create(true).truncate(true),
            How::New => options.write(true).create_new(true),
            How::NewDirect => options.write(true).create_new(true).custom_flags(OFlags::DIRECT.bits().cast_signed()),
        };
        options.open(path)
    }

    fn status(&self, path: &Path) -> io::Result<Status> {
        let found = fs::metadata(path)?;
        Ok(Status { device: found.dev(), modified: found.modified().ok() })
    }

    fn length(&self, file: &fs::File) -> io::Result<u64> {
        Ok(file.metadata()?.len())
    }

    fn read(&self, file: &fs::File, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
        file.read_at(bytes, offset)
    }

    fn forget(&self, file: &fs::File) -> io::Result<()> {
        Ok(rustix::fs::fadvise(file, 0, None, Advice::DontNeed)?)
    }

    fn append(&self, mut file: &fs::File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn truncate(&self, file: &fs::File, bytes: u64) -> io::Result<()> {
        file.set_len(bytes)
    }

    fn reserve(&self, file: &fs::File, from: u64, bytes: u64) -> io::Result<()> {
        Ok(rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, from, bytes)?)
    }

    fn sync(&self, file: &fs::File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        fs::File::open(path)?.sync_all()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if let Ok(name) = entry.file_name().into_string() {
                entries.push(Entry { name, is_folder: kind.is_dir(), is_file: kind.is_file() });
            }
        }
        Ok(entries)
    }

    fn room(&self, path: &Path) -> io::Result<Room> {
        let stat = rustix::fs::statvfs(path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        let space = Space { free: bytes(stat.f_bavail), total: bytes(stat.f_blocks) };
        // Some count no files.
        Ok(Room { space, files: stat.f_files == 0 || stat.f_favail > 0 })
    }

    fn write(&self, storage: &mut Storage, batch: &[storage::Write<'_>], outcomes: &mut Vec<Outcome>) {
        storage.write(batch, outcomes);
    }

    fn sync_batch(&self, storage: &mut Storage, files: &[BorrowedFd<'_>], outcomes: &mut Vec<Outcome>) {
        storage.sync(files, outcomes);
    }
}
