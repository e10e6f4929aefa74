//! The few file operations the ledger is made of, each durable when it returns, on paths relative to the ledger's folder. A
//! trait, because the crash tests stop between any two of them.

#[cfg(test)]
pub(super) mod memory;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// A name in a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Item {
    pub(super) name: String,
    pub(super) kind: ItemKind,
}

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ItemKind {
    File,
    Folder,
    /// A link, a socket, a name that is no text: nothing the ledger makes.
    Other,
}

/// Where the ledger's files are. Reads of a missing file give `NotFound`, of a folder that is missing an empty list.
pub(super) trait Disk: Send + Sync {
    /// A whole file; one over `bytes_max` is an error.
    fn read(&self, file: &str, bytes_max: usize) -> io::Result<Vec<u8>>;
    /// The names in a folder, sorted.
    fn list(&self, folder: &str) -> io::Result<Vec<Item>>;
    /// Makes a folder with those above it.
    fn make_folder(&self, folder: &str) -> io::Result<()>;
    /// Writes a file afresh, readable by its owner only if `private`, and syncs it. The name itself is not synced.
    fn write(&self, file: &str, bytes: &[u8], private: bool) -> io::Result<()>;
    /// Appends to a file that exists, and syncs its data.
    fn append(&self, file: &str, bytes: &[u8]) -> io::Result<()>;
    /// Cuts a file to a length, and syncs it.
    fn cut(&self, file: &str, length: u64) -> io::Result<()>;
    /// Gives a file another name, in place of what had it. Not synced.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &str) -> io::Result<()>;
    /// Removes a file. Not synced.
    fn remove(&self, file: &str) -> io::Result<()>;
    /// Removes an empty folder. Not synced.
    fn remove_folder(&self, folder: &str) -> io::Result<()>;
}

/// The folder part of a path; empty for the ledger's own folder.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Puts a file in place whole or not at all, by way of `draft`, and durably.
pub(super) fn replace(disk: &dyn Disk, draft: &str, file: &str, bytes: &[u8], private: bool) -> io::Result<()> {
    disk.write(draft, bytes, private)?;
    disk.rename(draft, file)?;
    disk.sync_folder(parent(file))
}

/// A folder of the file system.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    fn at(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.0.clone() } else { self.0.join(path) }
    }
}

impl Disk for Folder {
    fn read(&self, file: &str, bytes_max: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
        File::open(self.at(file))?.take(limit).read_to_end(&mut bytes)?;
        if bytes.len() > bytes_max {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("over {bytes_max} bytes")));
        }
        Ok(bytes)
    }

    fn list(&self, folder: &str) -> io::Result<Vec<Item>> {
        let entries = match fs::read_dir(self.at(folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut items = Vec::new();
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            let name = entry.file_name();
            let kind = match name.to_str() {
                Some(_) if kind.is_file() => ItemKind::File,
                Some(_) if kind.is_dir() => ItemKind::Folder,
                _ => ItemKind::Other,
            };
            items.push(Item { name: name.to_string_lossy().into_owned(), kind });
        }
        items.sort();
        Ok(items)
    }

    fn make_folder(&self, folder: &str) -> io::Result<()> {
        let path = self.at(folder);
        if path.is_dir() {
            return Ok(());
        }
        if !folder.is_empty() {
            self.make_folder(parent(folder))?;
        }
        match fs::create_dir(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        match path.parent() {
            Some(above) => File::open(above)?.sync_all(),
            None => Ok(()),
        }
    }

    fn write(&self, file: &str, bytes: &[u8], private: bool) -> io::Result<()> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let path = self.at(file);
        if private {
            // A draft left by a crash would keep its old mode.
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        let mode = if private { 0o600 } else { 0o640 };
        let mut open = OpenOptions::new().create(true).write(true).truncate(true).mode(mode).open(path)?;
        open.write_all(bytes)?;
        open.sync_all()
    }

    fn append(&self, file: &str, bytes: &[u8]) -> io::Result<()> {
        let mut open = OpenOptions::new().append(true).open(self.at(file))?;
        open.write_all(bytes)?;
        open.sync_data()
    }

    fn cut(&self, file: &str, length: u64) -> io::Result<()> {
        let open = OpenOptions::new().write(true).open(self.at(file))?;
        open.set_len(length)?;
        open.sync_all()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.at(from), self.at(to))
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        File::open(self.at(folder))?.sync_all()
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        fs::remove_file(self.at(file))
    }

    fn remove_folder(&self, folder: &str) -> io::Result<()> {
        fs::remove_dir(self.at(folder))
    }
}
