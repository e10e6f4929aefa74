//! A disk on which every call can fail, before it is made or after, halt, break off and give other bytes, and that can be watched.
//! Under it is the real one.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use rustix::io::Errno;
use uring::Outcome;
use uring::storage::{self, Storage};

use crate::disk::{BLOCK_BYTES, Disk, Entry, How, Room, Space, Status, System};

/// A call, as [`Disk`] has them; those that open are told apart by what for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    MakeFolders,
    OpenToRead,
    OpenToChange,
    OpenToAppend,
    OpenFresh,
    OpenNew,
    OpenNewDirect,
    Status,
    Length,
    Read,
    Forget,
    Append,
    Truncate,
    Reserve,
    Sync,
    SyncFolder,
    Remove,
    RemoveFolder,
    Rename,
    List,
    Room,
    Write,
    SyncBatch,
}

impl Call {
    pub(crate) const ALL: [Self; 23] = [
        Self::MakeFolders,
        Self::OpenToRead,
        Self::OpenToChange,
        Self::OpenToAppend,
        Self::OpenFresh,
        Self::OpenNew,
        Self::OpenNewDirect,
        Self::Status,
        Self::Length,
        Self::Read,
        Self::Forget,
        Self::Append,
        Self::Truncate,
        Self::Reserve,
        Self::Sync,
        Self::SyncFolder,
        Self::Remove,
        Self::RemoveFolder,
        Self::Rename,
        Self::List,
        Self::Room,
        Self::Write,
        Self::SyncBatch,
    ];

    fn of(how: How) -> Self {
        match how {
            How::Read => Self::OpenToRead,
            How::Change => Self::OpenToChange,
            How::Append => Self::OpenToAppend,
            How::Fresh => Self::OpenFresh,
            How::New => Self::OpenNew,
            How::NewDirect => Self::OpenNewDirect,
        }
    }

    /// After it something on the disk may be other than before. What a sync does is not seen in a copy.
    fn changes(self) -> bool {
        use Call::{
            Forget, Length, List, OpenToChange, OpenToRead, Read, Reserve, Room, Status, Sync, SyncBatch, SyncFolder,
        };
        let looks =
            [Forget, OpenToRead, OpenToChange, Status, Length, Read, Reserve, Sync, SyncFolder, List, Room, SyncBatch];
        !looks.contains(&self)
    }
}

/// What becomes of a call.
#[derive(Clone, Debug)]
pub(crate) enum Then {
    /// Nothing is done.
    Fail(Errno),
    /// It is done, and fails all the same.
    FailAfter(Errno),
    /// It is done by half: some of the bytes, down to what cannot be halved, which fails so.
    Halve(Errno),
    /// A bit of what is read or written is another: of the byte at this place, counted round and round.
    Flip(usize),
    /// It waits until nobody holds this.
    Halt(Arc<RwLock<()>>),
}

/// Calls that go wrong.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    call: Call,
    then: Then,
    /// Part of the path.
    path: String,
    /// So many are let pass first.
    skip: usize,
    /// So many go wrong.
    times: usize,
}

impl Fault {
    /// Each such call, until the fault is taken away.
    pub(crate) fn new(call: Call, then: Then) -> Self {
        Self { call, then, path: String::new(), skip: 0, times: usize::MAX }
    }

    /// Only on paths with this in them.
    pub(crate) fn at(self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self }
    }

    /// Only the call after so many others.
    pub(crate) fn once_after(self, skip: usize) -> Self {
        Self { skip, times: 1, ..self }
    }
}

/// What the disk does next: sets of faults as they come together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It works.
    #[default]
    Well,
    /// Half of what is written is taken, then there is no room.
    Full,
    /// As that, and all the while it says that it has room.
    Hollow,
    /// Writing fails.
    Broken,
    /// Syncing fails.
    Forgetful,
}

/// A moment in which the power could go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// An operation is about to be made.
    Before,
    /// A write was made from this place on; the file would be so long had only half of it been.
    Written { from: u64, half: u64 },
    /// Another operation was made, and nobody was told yet.
    After,
}

/// Whoever looks on as things are changed.
pub(crate) type Watch = Mutex<Option<Box<dyn FnMut(Call, Moment) + Send>>>;

/// The disk.
#[derive(Default)]
pub(crate) struct Faulty {
    pub(crate) watch: Watch,
    faults: Mutex<Vec<Fault>>,
    has_no_room: Mutex<bool>,
    met: Mutex<BTreeMap<Call, usize>>,
}

impl std::fmt::Debug for Faulty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Faulty").field("faults", &self.faults).finish_non_exhaustive()
    }
}

impl Faulty {
    /// In the place of all faults before.
    pub(crate) fn set(&self, faults: &[Fault]) {
        *self.faults.lock() = faults.to_vec();
        *self.has_no_room.lock() = false;
        self.met.lock().clear();
    }

    pub(crate) fn be(&self, mood: Mood) {
        use Call::{Append, Sync, SyncBatch, Write};
        let fails = |call, errno| Fault::new(call, Then::Fail(errno));
        let halves = || vec![Fault::new(Write, Then::Halve(Errno::NOSPC)), fails(Append, Errno::NOSPC)];
        self.set(&match mood {
            Mood::Well => vec![],
            Mood::Full | Mood::Hollow => halves(),
            Mood::Broken => vec![fails(Write, Errno::IO), fails(Append, Errno::IO)],
            Mood::Forgetful => vec![fails(SyncBatch, Errno::IO), fails(Sync, Errno::IO)],
        });
        *self.has_no_room.lock() = mood == Mood::Full;
    }

    /// How many calls have gone wrong since the faults were set.
    pub(crate) fn met(&self, call: Call) -> usize {
        self.met.lock().get(&call).copied().unwrap_or_default()
    }

    fn tell(&self, call: Call, moment: Moment) {
        if let Some(watch) = self.watch.lock().as_mut().filter(|_| call.changes()) {
            watch(call, moment);
        }
    }

    /// What becomes of this call.
    fn fate(&self, call: Call, path: &Path) -> Option<Then> {
        let path = path.to_string_lossy();
        let then = {
            let mut faults = self.faults.lock();
            let fault = faults.iter_mut().find(|f| f.call == call && f.times > 0 && path.contains(&f.path))?;
            if fault.skip > 0 {
                fault.skip -= 1;
                return None;
            }
            fault.times = fault.times.saturating_sub(usize::from(fault.times < usize::MAX));
            fault.then.clone()
        };
        *self.met.lock().entry(call).or_default() += 1;
        if let Then::Halt(gate) = &then {
            drop(gate.read());
        }
        Some(then)
    }

    /// Makes a call that takes no bytes, if it is to be.
    fn pass<T>(&self, call: Call, path: &Path, make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let fate = self.fate(call, path);
        self.tell(call, Moment::Before);
        match fate {
            Some(Then::Fail(errno) | Then::Halve(errno)) => return Err(errno.into()),
            Some(Then::FailAfter(errno)) => {
                let _ = make();
                return Err(errno.into());
            }
            Some(Then::Flip(_) | Then::Halt(_)) | None => {}
        }
        let made = make();
        self.tell(call, Moment::After);
        made
    }

    /// Writes one of a batch, or what is left of it.
    fn write_one(&self, storage: &mut Storage, write: storage::Write<'_>) -> Outcome {
        let mut outcomes = Vec::new();
        let mut write_now = |storage: &mut Storage, write| {
            System.write(storage, &[write], &mut outcomes);
            outcomes.first().copied().unwrap_or(Err(Errno::CANCELED))
        };
        match self.fate(Call::Write, &path_of(write.file)) {
            Some(Then::Fail(errno)) => Err(errno),
            Some(Then::FailAfter(errno)) => write_now(storage, write).and(Err(errno)),
            Some(Then::Halve(errno)) if write.bytes < 2 * BLOCK_BYTES => Err(errno),
            Some(Then::Halve(_)) => {
                let bytes = write.bytes / 2 / BLOCK_BYTES * BLOCK_BYTES;
                write_now(storage, storage::Write { bytes, ..write })
            }
            Some(Then::Flip(place)) => {
                storage.buffer(write.buffer)[place % write.bytes] ^= 1;
                write_now(storage, write)
            }
            Some(Then::Halt(_)) | None => write_now(storage, write),
        }
    }
}

/// Where an open file is.
fn path_of(file: BorrowedFd<'_>) -> PathBuf {
    fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap_or_default()
}

fn at(file: &fs::File) -> PathBuf {
    path_of(file.as_fd())
}

impl Disk for Faulty {
    fn make_folders(&self, path: &Path) -> io::Result<()> {
        self.pass(Call::MakeFolders, path, || System.make_folders(path))
    }

    fn open(&self, path: &Path, how: How) -> io::Result<fs::File> {
        self.pass(Call::of(how), path, || System.open(path, how))
    }

    fn status(&self, path: &Path) -> io::Result<Status> {
        self.pass(Call::Status, path, || System.status(path))
    }

    fn length(&self, file: &fs::File) -> io::Result<u64> {
        self.pass(Call::Length, &at(file), || System.length(file))
    }

    fn read(&self, file: &fs::File, offset: u64, bytes: &mut [u8]) -> io::Result<usize> {
        let half = bytes.len() / 2;
        let fate = self.fate(Call::Read, &at(file));
        match fate {
            Some(Then::Fail(errno) | Then::FailAfter(errno)) => return Err(errno.into()),
            Some(Then::Halve(errno)) if half == 0 => return Err(errno.into()),
            Some(Then::Halve(_)) => return System.read(file, offset, &mut bytes[..half]),
            _ => {}
        }
        let read = System.read(file, offset, bytes)?;
        if let (Some(Then::Flip(place)), true) = (fate, read > 0) {
            bytes[place % read] ^= 1;
        }
        Ok(read)
    }

    fn forget(&self, file: &fs::File) -> io::Result<()> {
        self.pass(Call::Forget, &at(file), || System.forget(file))
    }

    fn append(&self, file: &fs::File, bytes: &[u8]) -> io::Result<()> {
        let fate = self.fate(Call::Append, &at(file));
        self.tell(Call::Append, Moment::Before);
        let mut bytes = bytes.to_vec();
        match fate {
            Some(Then::Fail(errno)) => return Err(errno.into()),
            Some(Then::FailAfter(errno)) => return System.append(file, &bytes).and(Err(errno.into())),
            Some(Then::Halve(errno)) => {
                return System.append(file, &bytes[..bytes.len() / 2]).and(Err(errno.into()));
            }
            Some(Then::Flip(place)) => {
                let length = bytes.len();
                bytes[place % length] ^= 1;
            }
            Some(Then::Halt(_)) | None => {}
        }
        System.append(file, &bytes)?;
        self.tell(Call::Append, Moment::After);
        Ok(())
    }

    fn truncate(&self, file: &fs::File, bytes: u64) -> io::Result<()> {
        self.pass(Call::Truncate, &at(file), || System.truncate(file, bytes))
    }

    fn reserve(&self, file: &fs::File, from: u64, bytes: u64) -> io::Result<()> {
        self.pass(Call::Reserve, &at(file), || System.reserve(file, from, bytes))
    }

    fn sync(&self, file: &fs::File) -> io::Result<()> {
        self.pass(Call::Sync, &at(file), || System.sync(file))
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.pass(Call::SyncFolder, path, || System.sync_folder(path))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.pass(Call::Remove, path, || System.remove(path))
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.pass(Call::RemoveFolder, path, || System.remove_folder(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.pass(Call::Rename, from, || System.rename(from, to))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.pass(Call::List, path, || System.list(path))
    }

    fn room(&self, path: &Path) -> io::Result<Room> {
        let room = self.pass(Call::Room, path, || System.room(path))?;
        let space = if *self.has_no_room.lock() { Space { free: 0, ..room.space } } else { room.space };
        Ok(Room { space, ..room })
    }

    fn write(&self, storage: &mut Storage, batch: &[storage::Write<'_>], outcomes: &mut Vec<Outcome>) {
        self.tell(Call::Write, Moment::Before);
        outcomes.clear();
        if self.faults.lock().is_empty() {
            System.write(storage, batch, outcomes);
        } else {
            outcomes.extend(batch.iter().map(|write| self.write_one(storage, *write)));
        }
        for write in batch {
            let (from, half) = (write.offset, write.offset + write.bytes as u64 / 2);
            self.tell(Call::Write, Moment::Written { from, half });
        }
    }

    fn sync_batch(&self, storage: &mut Storage, files: &[BorrowedFd<'_>], outcomes: &mut Vec<Outcome>) {
        let fates: Vec<_> = files.iter().map(|file| self.fate(Call::SyncBatch, &path_of(*file))).collect();
        System.sync_batch(storage, files, outcomes);
        for (outcome, fate) in outcomes.iter_mut().zip(fates) {
            if let Some(Then::Fail(errno) | Then::FailAfter(errno) | Then::Halve(errno)) = fate {
                *outcome = Err(errno);
            }
        }
    }
}
