//! A disk in memory that knows which of its names are durable, and can give every state that a power cut might leave. For tests.

use std::collections::BTreeMap;
use std::io;

use parking_lot::Mutex;

use super::{Disk, Item, ItemKind, parent};

/// One operation that changes the disk, or a mark of the test's.
#[derive(Clone, Debug)]
pub(in crate::ledger) enum Op {
    Write(String, Vec<u8>),
    Append(String, Vec<u8>),
    Cut(String, u64),
    Rename(String, String),
    Sync(String),
    Remove(String),
    /// So many entries were acknowledged.
    Ack(u64),
}

/// What the power cut does to names that were not synced.
#[derive(Clone, Copy, Debug)]
pub(in crate::ledger) enum Names {
    Kept,
    Lost,
    /// Each kept or lost by a bit of the seed.
    Some(u64),
}

#[derive(Clone, Default)]
struct State {
    inodes: Vec<Vec<u8>>,
    now: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
}

/// The disk. Folders are implied by the files in them.
#[derive(Default)]
pub(in crate::ledger) struct Memory {
    state: Mutex<State>,
    log: Mutex<Vec<Op>>,
    /// Changing operations until one fails; none: never.
    fail_in: Mutex<Option<usize>>,
}

impl Memory {
    pub(in crate::ledger) fn of(files: BTreeMap<String, Vec<u8>>) -> Self {
        let disk = Self::default();
        for (name, bytes) in files {
            disk.put(&name, bytes);
        }
        disk
    }

    pub(in crate::ledger) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state.lock();
        state.now.iter().map(|(name, inode)| (name.clone(), state.inodes[*inode].clone())).collect()
    }

    pub(in crate::ledger) fn put(&self, name: &str, bytes: Vec<u8>) {
        let mut state = self.state.lock();
        state.inodes.push(bytes);
        let inode = state.inodes.len() - 1;
        state.now.insert(name.to_owned(), inode);
        state.durable.insert(name.to_owned(), inode);
    }

    pub(in crate::ledger) fn forget(&self, name: &str) {
        self.state.lock().now.remove(name);
    }

    pub(in crate::ledger) fn ack(&self, entries: u64) {
        self.log.lock().push(Op::Ack(entries));
    }

    pub(in crate::ledger) fn log(&self) -> Vec<Op> {
        self.log.lock().clone()
    }

    pub(in crate::ledger) fn fail_in(&self, operations: usize) {
        *self.fail_in.lock() = Some(operations);
    }

    /// The disk after a power cut at the end of `log`, the last operation being done up to `torn` of its bytes.
    pub(in crate::ledger) fn after(log: &[Op], torn: Option<&[u8]>, names: Names) -> Self {
        let mut state = State::default();
        for (at, op) in log.iter().enumerate() {
            let torn = torn.filter(|_| at + 1 == log.len());
            state.apply(op, torn);
        }
        let mut seed = match names {
            Names::Kept => u64::MAX,
            Names::Lost => 0,
            Names::Some(seed) => seed,
        };
        let all: Vec<String> = state.now.keys().chain(state.durable.keys()).cloned().collect();
        for name in all {
            if state.now.get(&name) != state.durable.get(&name) {
                if seed & 1 == 0 {
                    match state.durable.get(&name).copied() {
                        Some(inode) => state.now.insert(name, inode),
                        None => state.now.remove(&name),
                    };
                }
                seed = seed.rotate_right(1);
            }
        }
        state.durable = state.now.clone();
        Self { state: Mutex::new(state), ..Self::default() }
    }

    fn change(&self, op: Op) -> io::Result<()> {
        if let Some(left) = self.fail_in.lock().as_mut() {
            if *left == 0 {
                return Err(io::Error::other("the test's disk fails"));
            }
            *left -= 1;
        }
        self.state.lock().apply(&op, None);
        self.log.lock().push(op);
        Ok(())
    }
}

impl State {
    fn apply(&mut self, op: &Op, torn: Option<&[u8]>) {
        match op {
            Op::Write(name, bytes) => {
                self.inodes.push(torn.unwrap_or(bytes).to_vec());
                self.now.insert(name.clone(), self.inodes.len() - 1);
            }
            Op::Append(name, bytes) => self.inodes[self.now[name]].extend_from_slice(torn.unwrap_or(bytes)),
            Op::Cut(name, length) => self.inodes[self.now[name]].truncate(*length as usize),
            Op::Rename(from, to) => {
                let inode = self.now.remove(from).unwrap();
                self.now.insert(to.clone(), inode);
            }
            Op::Sync(folder) => {
                self.durable.retain(|name, _| parent(name) != folder);
                let synced = self.now.iter().filter(|(name, _)| parent(name) == folder);
                self.durable.extend(synced.map(|(name, inode)| (name.clone(), *inode)));
            }
            Op::Remove(name) => {
                self.now.remove(name);
            }
            Op::Ack(_) => {}
        }
    }
}

impl Disk for Memory {
    fn read(&self, file: &str, bytes_max: usize) -> io::Result<Vec<u8>> {
        let state = self.state.lock();
        let bytes = state.now.get(file).map(|inode| state.inodes[*inode].clone());
        let bytes = bytes.ok_or(io::ErrorKind::NotFound)?;
        if bytes.len() > bytes_max { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
    }

    fn list(&self, folder: &str) -> io::Result<Vec<Item>> {
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let state = self.state.lock();
        let below = state.now.keys().filter_map(|name| name.strip_prefix(&prefix));
        let mut items: Vec<Item> = below
            .map(|rest| match rest.split_once('/') {
                Some((folder, _)) => Item { name: folder.to_owned(), kind: ItemKind::Folder },
                None => Item { name: rest.to_owned(), kind: ItemKind::File },
            })
            .collect();
        items.dedup();
        Ok(items)
    }

    fn make_folder(&self, _folder: &str) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, file: &str, bytes: &[u8], _private: bool) -> io::Result<()> {
        self.change(Op::Write(file.to_owned(), bytes.to_vec()))
    }

    fn append(&self, file: &str, bytes: &[u8]) -> io::Result<()> {
        self.change(Op::Append(file.to_owned(), bytes.to_vec()))
    }

    fn cut(&self, file: &str, length: u64) -> io::Result<()> {
        self.change(Op::Cut(file.to_owned(), length))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.change(Op::Rename(from.to_owned(), to.to_owned()))
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        self.change(Op::Sync(folder.to_owned()))
    }

    fn remove(&self, file: &str) -> io::Result<()> {
        self.change(Op::Remove(file.to_owned()))
    }

    fn remove_folder(&self, _folder: &str) -> io::Result<()> {
        Ok(())
    }
}
