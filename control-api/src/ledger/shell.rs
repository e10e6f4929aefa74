//! The ledger's two threads around its files. The writer syncs groups of entries to the journal and answers their callers;
//! the publisher follows with tiles and checkpoints. Either's failure poisons the ledger until the next start.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use media::wall::Clock;
use parking_lot::{Mutex, RwLock};
use prometheus::Registry;
use tokio::sync::oneshot;

use super::disk::{Disk, Folder};
use super::journal::{FRAME_BYTES_MAX, Journal};
use super::metrics::Metrics;
use super::publish::Publisher;
use super::recovery::{self, Files};
use super::tail::Tail;
use super::{Checkpoint, ENTRY_BYTES_MAX, LedgerError, LedgerUnavailable};
use crate::store::Store;

/// How long the publisher waits for more entries before it signs: a checkpoint is at most this and its own writing behind.
const GATHER: Duration = Duration::from_millis(500);
/// Appends waiting for the writer; a caller past that waits for room.
const WAITING_MAX: usize = 1_024;
/// Entries in one frame: all that wait can share a sync.
const GROUP_MAX: usize = 1_024;

type Answer = Box<dyn FnOnce(Result<u64, LedgerUnavailable>) + Send>;

struct Request {
    entry: Arc<[u8]>,
    answer: Answer,
}

/// Told of each checkpoint, on the publisher's thread.
pub(super) type Hook = Box<dyn Fn(&Checkpoint) + Send>;

/// The open ledger.
pub(super) struct Shell {
    disk: Arc<dyn Disk>,
    pub(super) tail: Arc<Tail>,
    requests: RwLock<Option<SyncSender<Request>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    hook: Arc<Mutex<Option<Hook>>>,
    /// Where the words behind commitments are kept; none: everything is written in clear.
    pub(super) vault: RwLock<Option<Store>>,
    pub(super) metrics: Metrics,
    clock: Arc<dyn Clock>,
    /// Held as long as the folder is in use by this process.
    _lock: Option<File>,
}

impl Shell {
    /// Opens the ledger in a folder of the file system.
    pub(super) fn open(dir: &Path, clock: Arc<dyn Clock>, registry: &Registry) -> Result<Self, LedgerError> {
        let disk = Folder::new(dir);
        disk.make_folder("").map_err(LedgerError::io("making", &dir.display().to_string()))?;
        let lock = lock(dir)?;
        Self::on(Arc::new(disk), Some(lock), clock, registry)
    }

    /// Opens the ledger on any disk.
    pub(super) fn on(
        disk: Arc<dyn Disk>,
        lock: Option<File>,
        clock: Arc<dyn Clock>,
        registry: &Registry,
    ) -> Result<Self, LedgerError> {
        let Files { journal, publisher } = recovery::open(disk.as_ref(), seed)?;
        let tail = Arc::new(Tail::new(checkpoint(&publisher)));
        let metrics = Metrics::register(registry, &tail, &clock)?;
        let hook = Arc::new(Mutex::new(None));
        let (requests, inbox) = sync_channel(WAITING_MAX);
        let writer = Writer { disk: Arc::clone(&disk), journal, tail: Arc::clone(&tail), clock: Arc::clone(&clock) };
        let printer = Printer { disk: Arc::clone(&disk), publisher, tail: Arc::clone(&tail), hook: Arc::clone(&hook) };
        // The publisher first: if the second thread cannot start, dropping the shell ends the first.
        let shell = Self {
            disk,
            tail,
            requests: RwLock::new(Some(requests)),
            threads: Mutex::new(Vec::new()),
            hook,
            vault: RwLock::new(None),
            metrics,
            clock,
            _lock: lock,
        };
        shell.spawn("ledger-writer", move || writer.run(&inbox))?;
        shell.spawn("ledger-publisher", move || printer.run())?;
        Ok(shell)
    }

    fn spawn(&self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), LedgerError> {
        let spawned = std::thread::Builder::new().name(name.into()).spawn(work);
        self.threads.lock().push(spawned.map_err(LedgerError::io("starting the thread", name))?);
        Ok(())
    }

    pub(super) fn disk(&self) -> &dyn Disk {
        self.disk.as_ref()
    }

    /// From now on, `hook` is told of each checkpoint.
    pub(super) fn tell(&self, hook: Hook) {
        *self.hook.lock() = Some(hook);
    }

    pub(super) fn append(&self, entry: Vec<u8>) -> Result<u64, LedgerUnavailable> {
        let began = self.clock.monotonic();
        let (answer, answered) = sync_channel(1);
        let request = self.request(entry, Box::new(move |result| drop(answer.send(result))))?;
        self.inbox()?.send(request).map_err(|_| LedgerUnavailable::Closed)?;
        let result = answered.recv().unwrap_or(Err(LedgerUnavailable::Closed));
        self.observe(began);
        result
    }

    pub(super) async fn append_async(&self, entry: Vec<u8>) -> Result<u64, LedgerUnavailable> {
        let began = self.clock.monotonic();
        let (answer, answered) = oneshot::channel();
        let request = self.request(entry, Box::new(move |result| drop(answer.send(result))))?;
        let inbox = self.inbox()?;
        match inbox.try_send(request) {
            Ok(()) => {}
            Err(TrySendError::Disconnected(_)) => return Err(LedgerUnavailable::Closed),
            Err(TrySendError::Full(request)) => {
                let wait_for_room = tokio::task::spawn_blocking(move || inbox.send(request).is_ok());
                if !wait_for_room.await.unwrap_or(false) {
                    return Err(LedgerUnavailable::Closed);
                }
            }
        }
        let result = answered.await.unwrap_or(Err(LedgerUnavailable::Closed));
        self.observe(began);
        result
    }

    fn request(&self, entry: Vec<u8>, answer: Answer) -> Result<Request, LedgerUnavailable> {
        if entry.len() > ENTRY_BYTES_MAX {
            return Err(LedgerUnavailable::TooLarge { bytes: entry.len() });
        }
        Ok(Request { entry: entry.into(), answer })
    }

    fn inbox(&self) -> Result<SyncSender<Request>, LedgerUnavailable> {
        self.requests.read().clone().ok_or(LedgerUnavailable::Closed)
    }

    fn observe(&self, began: Duration) {
        let took = self.clock.monotonic().saturating_sub(began);
        self.metrics.append_seconds.observe(took.as_secs_f64());
    }

    /// Ends the writer, then the publisher with its last checkpoint.
    pub(super) fn close(&self) {
        drop(self.requests.write().take());
        let threads = std::mem::take(&mut *self.threads.lock());
        for (turn, thread) in threads.into_iter().enumerate() {
            if turn > 0 {
                self.tail.stop();
            }
            if thread.join().is_err() {
                tracing::error!("a thread of the ledger panicked");
            }
        }
        self.tail.stop();
        // The hook may hold the store open.
        drop(self.hook.lock().take());
        drop(self.vault.write().take());
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.close();
    }
}

/// The writer's own state.
struct Writer {
    disk: Arc<dyn Disk>,
    journal: Journal,
    tail: Arc<Tail>,
    clock: Arc<dyn Clock>,
}

impl Writer {
    fn run(mut self, inbox: &Receiver<Request>) {
        while let Ok(first) = inbox.recv() {
            let group = gather(first, inbox);
            let index = self.journal.next();
            match self.write(&group) {
                Ok(()) => {
                    for (index, request) in (index..).zip(group) {
                        (request.answer)(Ok(index));
                    }
                }
                Err(why) => {
                    for request in group {
                        (request.answer)(Err(LedgerUnavailable::Poisoned(why.clone())));
                    }
                }
            }
        }
    }

    fn write(&mut self, group: &[Request]) -> Result<(), String> {
        if let Some(why) = self.tail.poisoned() {
            return Err(why);
        }
        let entries: Vec<_> = group.iter().map(|request| Arc::clone(&request.entry)).collect();
        let published = self.tail.checkpoint().size;
        let disk = self.disk.as_ref();
        let written = self.journal.prune(disk, published).and_then(|()| self.journal.append(disk, &entries));
        match written {
            Ok(()) => self.tail.push(entries.into_iter(), self.clock.monotonic()),
            Err(error) => return Err(poison(&self.tail, &error)),
        }
        Ok(())
    }
}

fn gather(first: Request, inbox: &Receiver<Request>) -> Vec<Request> {
    let mut bytes = first.entry.len();
    let mut group = vec![first];
    // Room for one more at its largest, with the length prefixes of all.
    while group.len() < GROUP_MAX && bytes + 2 * GROUP_MAX + ENTRY_BYTES_MAX < FRAME_BYTES_MAX {
        let Ok(next) = inbox.try_recv() else { break };
        bytes += next.entry.len();
        group.push(next);
    }
    group
}

/// The publisher's own state.
struct Printer {
    disk: Arc<dyn Disk>,
    publisher: Publisher,
    tail: Arc<Tail>,
    hook: Arc<Mutex<Option<Hook>>>,
}

impl Printer {
    fn run(mut self) {
        while let Some(entries) = self.tail.wait(GATHER) {
            if let Err(error) = self.publisher.publish(self.disk.as_ref(), &entries) {
                poison(&self.tail, &error);
                return;
            }
            let checkpoint = checkpoint(&self.publisher);
            self.tail.published(entries.len(), checkpoint.clone());
            // Taken out for the call: no IO under a lock.
            let hook = self.hook.lock().take();
            if let Some(hook) = hook {
                hook(&checkpoint);
                self.hook.lock().get_or_insert(hook);
            }
        }
    }
}

fn poison(tail: &Tail, error: &LedgerError) -> String {
    tracing::error!(%error, "the ledger cannot be written; nothing new is granted until the next start");
    tail.poison(error.to_string());
    error.to_string()
}

fn checkpoint(publisher: &Publisher) -> Checkpoint {
    let head = publisher.head();
    let note = publisher.note().to_owned();
    Checkpoint { origin: publisher.name(), size: head.size, root: hex::encode(head.root), note }
}

fn seed() -> Result<[u8; 32], LedgerError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| LedgerError::Entropy(error.to_string()))?;
    Ok(seed)
}

/// The folder's own lock, so that no second process writes. Released when the file is dropped, or the process ends.
fn lock(dir: &Path) -> Result<File, LedgerError> {
    let shown = dir.display().to_string();
    let folder = File::open(dir).map_err(LedgerError::io("opening", &shown))?;
    match folder.try_lock() {
        Ok(()) => Ok(folder),
        Err(TryLockError::WouldBlock) => Err(LedgerError::InUse(shown)),
        Err(TryLockError::Error(source)) => Err(LedgerError::Io { doing: "locking", file: shown, source }),
    }
}
