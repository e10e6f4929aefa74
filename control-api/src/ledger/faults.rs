//! A ledger whose disk fails at a chosen operation, as disks do: no room, a broken write, a sync that says no. For tests.

use std::io;
use std::path::Path;
use std::sync::Arc;

use media::wall::Clock;
use parking_lot::Mutex;
use prometheus::Registry;

use super::disk::{Disk, Folder, Item};
use super::shell::Shell;
use super::{Ledger, LedgerError};

/// What the failing operation leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// ENOSPC, and nothing of it on disk.
    NoRoom,
    /// ENOSPC after half of the bytes.
    Half,
    /// EIO from the sync: everything is in the file, and nobody knows whether it stays.
    NotSynced,
}

/// When it fails.
#[derive(Default)]
pub(crate) struct Faults {
    armed: Mutex<Option<(usize, Fault)>>,
    struck: Mutex<Option<&'static str>>,
}

impl Faults {
    /// The changing operation after `operations` more fails, and every one after it.
    pub(crate) fn arm(&self, operations: usize, fault: Fault) {
        *self.armed.lock() = Some((operations, fault));
    }

    /// Which kind of operation failed first.
    pub(crate) fn struck(&self) -> Option<&'static str> {
        *self.struck.lock()
    }

    fn due(&self, name: &'static str) -> Option<Fault> {
        let mut armed = self.armed.lock();
        let (left, fault) = armed.as_mut()?;
        if *left > 0 {
            *left -= 1;
            return None;
        }
        self.struck.lock().get_or_insert(name);
        Some(*fault)
    }
}

/// Opens the ledger in `dir` over such a disk; nothing fails before it is armed.
pub(crate) fn open(
    dir: &Path,
    clock: Arc<dyn Clock>,
    registry: &Registry,
) -> Result<(Ledger, Arc<Faults>), LedgerError> {
    let faults = Arc::new(Faults::default());
    open_with(dir, clock, registry, &faults).map(|ledger| (ledger, faults))
}

/// The same with faults that may be armed already.
pub(crate) fn open_with(
    dir: &Path,
    clock: Arc<dyn Clock>,
    registry: &Registry,
    faults: &Arc<Faults>,
) -> Result<Ledger, LedgerError> {
    let disk = Failing { under: Folder::new(dir), faults: Arc::clone(faults) };
    disk.under.make_folder("").map_err(LedgerError::io("making", "."))?;
    Ok(Ledger { shell: Arc::new(Shell::on(Arc::new(disk), None, clock, registry)?) })
}

struct Failing {
    under: Folder,
    faults: Arc<Faults>,
}

impl Failing {
    /// Does `half` or `whole` of a write, or none of it, and fails; or does it.
    fn bytes(
        &self,
        name: &'static str,
        bytes: &[u8],
        write: impl Fn(&Folder, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some(fault) = self.faults.due(name) else { return write(&self.under, bytes) };
        match fault {
            Fault::NoRoom => {}
            Fault::Half => write(&self.under, &bytes[..bytes.len() / 2])?,
            Fault::NotSynced => write(&self.under, bytes)?,
        }
        Err(error(fault))
    }

    /// The same of an operation without bytes: it is done or not.
    fn whole(&self, name: &'static str, work: impl Fn(&Folder) -> io::Result<()>) -> io::Result<()> {
        let Some(fault) = self.faults.due(name) else { return work(&self.under) };
        if fault == Fault::NotSynced {
            work(&self.under)?;
        }
        Err(error(fault))
    }
}

fn error(fault: Fault) -> io::Error {
    let errno = if fault == Fault::NotSynced { rustix::io::Errno::IO } else { rustix::io::Errno::NOSPC };
    io::Error::from(errno)
}

impl Disk for Failing {
    fn read(&self, file: &str, bytes_max: usize) -> io::Result<Vec<u8>> {
        self.under.read(file, bytes_max)
    }
    fn list(&self, folder: &str) -> io::Result<Vec<Item>> {
        self.under.list(folder)
    }
    fn make_folder(&self, folder: &str) -> io::Result<()> {
        self.whole("make_folder", |disk| disk.make_folder(folder))
    }
    fn write(&self, file: &str, bytes: &[u8], private: bool) -> io::Result<()> {
        self.bytes("write", bytes, |disk, bytes| disk.write(file, bytes, private))
    }
    fn append(&self, file: &str, bytes: &[u8]) -> io::Result<()> {
        self.bytes("append", bytes, |disk, bytes| disk.append(file, bytes))
    }
    fn cut(&self, file: &str, length: u64) -> io::Result<()> {
        self.whole("cut", |disk| disk.cut(file, length))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.whole("rename", |disk| disk.rename(from, to))
    }
    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        self.whole("sync_folder", |disk| disk.sync_folder(folder))
    }
    fn remove(&self, file: &str) -> io::Result<()> {
        self.whole("remove", |disk| disk.remove(file))
    }
    fn remove_folder(&self, folder: &str) -> io::Result<()> {
        self.whole("remove_folder", |disk| disk.remove_folder(folder))
    }
}
