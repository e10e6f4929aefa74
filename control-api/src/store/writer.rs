//! The one thread that writes: checks each batch's preconditions in order, writes a group of batches with one sync, tells
//! the callers, then the watchers. After a failed write it takes no more (what is on disk is then unknown until a restart).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::{broadcast, oneshot};

use super::rocks::Rows;
use super::watch::{COMMITS_QUEUED_MAX, Change, Watch};
use super::{Batch, CommitError, Revision, StoreError};

/// Batches waiting for the writer; a caller past that waits for room.
const WAITING_MAX: usize = 1_024;
/// Batches in one group: enough to share a sync among all waiting callers.
const GROUP_MAX: usize = 256;
/// Bytes in one group: bounds the memory and the time of one sync.
const GROUP_BYTES_MAX: usize = 8 << 20;

type Answer = Box<dyn FnOnce(Result<Revision, CommitError>) + Send>;

struct Request {
    batch: Batch,
    answer: Answer,
}

pub(super) struct Writer {
    requests: Option<SyncSender<Request>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    commits: broadcast::Sender<super::watch::Commit>,
    revision: Arc<AtomicU64>,
}

impl Writer {
    pub(super) fn start(rows: Arc<Rows>) -> Result<Self, StoreError> {
        let revision = Arc::new(AtomicU64::new(rows.revision()?.0));
        let (requests, inbox) = sync_channel(WAITING_MAX);
        let commits = broadcast::Sender::new(COMMITS_QUEUED_MAX);
        let desk = Desk { rows, revision: Arc::clone(&revision), commits: commits.clone(), failed: None };
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || desk.run(&inbox))
            .map_err(StoreError::Thread)?;
        Ok(Self { requests: Some(requests), thread: Mutex::new(Some(thread)), commits, revision })
    }

    pub(super) fn commit(&self, batch: Batch) -> Result<Revision, CommitError> {
        batch.check()?;
        let (answer, answered) = sync_channel(1);
        self.send(Request { batch, answer: Box::new(move |result| drop(answer.send(result))) })?;
        answered.recv().unwrap_or_else(|_| Err(gone()))
    }

    pub(super) async fn commit_async(self: Arc<Self>, batch: Batch) -> Result<Revision, CommitError> {
        batch.check()?;
        let (answer, answered) = oneshot::channel();
        let request = Request { batch, answer: Box::new(move |result| drop(answer.send(result))) };
        match self.inbox().try_send(request) {
            Ok(()) => {}
            Err(TrySendError::Disconnected(_)) => return Err(gone()),
            Err(TrySendError::Full(request)) => {
                let wait_for_room = tokio::task::spawn_blocking(move || self.send(request));
                wait_for_room.await.unwrap_or_else(|_| Err(gone()))?;
            }
        }
        answered.await.unwrap_or_else(|_| Err(gone()))
    }

    pub(super) fn watch(&self, prefix: &str) -> Watch {
        Watch { prefix: prefix.to_owned(), commits: self.commits.subscribe() }
    }

    pub(super) fn revision(&self) -> Revision {
        Revision(self.revision.load(Ordering::Acquire))
    }

    fn inbox(&self) -> &SyncSender<Request> {
        self.requests.as_ref().expect("taken only in drop")
    }

    fn send(&self, request: Request) -> Result<(), CommitError> {
        self.inbox().send(request).map_err(|_| gone())
    }
}

/// The last handle waits for the writer, so that the folder is free when the drop returns.
impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer panicked");
        }
    }
}

fn gone() -> CommitError {
    CommitError::Unavailable("the writer has ended".into())
}

/// The thread's own state.
struct Desk {
    rows: Arc<Rows>,
    revision: Arc<AtomicU64>,
    commits: broadcast::Sender<super::watch::Commit>,
    failed: Option<String>,
}

/// A batch whose preconditions hold, with the revision it gets.
struct Passed {
    batch: Batch,
    revision: Revision,
    answer: Answer,
}

impl Desk {
    fn run(mut self, inbox: &Receiver<Request>) {
        while let Ok(first) = inbox.recv() {
            let group = gather(first, inbox);
            self.settle(group);
        }
    }

    fn settle(&mut self, group: Vec<Request>) {
        let (passed, last) = self.judge(group);
        if passed.is_empty() {
            return;
        }
        let writes = passed
            .iter()
            .flat_map(|p| p.batch.writes.iter().map(|(key, value)| (key.as_str(), value.as_deref(), p.revision)));
        if let Err(error) = self.rows.write(writes, last) {
            tracing::error!(%error, "the store failed to write and takes no more until the next start");
            self.failed = Some(error.to_string());
            for refused in passed {
                (refused.answer)(Err(CommitError::Unavailable(error.to_string())));
            }
            return;
        }
        self.revision.store(last.0, Ordering::Release);
        for done in passed {
            self.tell(done.batch, done.revision);
            (done.answer)(Ok(done.revision));
        }
    }

    /// Answers what cannot be written; gives the rest, in order, and the last revision. Within a group later batches see earlier
    /// ones.
    fn judge(&self, group: Vec<Request>) -> (Vec<Passed>, Revision) {
        let mut last = Revision(self.revision.load(Ordering::Acquire));
        let mut passed = Vec::new();
        let mut ahead: HashMap<String, Option<Revision>> = HashMap::new();
        for Request { batch, answer } in group {
            if let Some(why) = &self.failed {
                answer(Err(CommitError::Unavailable(why.clone())));
            } else if let Err(error) = self.check(&batch, &ahead) {
                answer(Err(error));
            } else if batch.is_empty() {
                answer(Ok(last));
            } else {
                last = Revision(last.0 + 1);
                ahead.extend(batch.writes.iter().map(|(key, value)| (key.clone(), value.as_ref().map(|_| last))));
                passed.push(Passed { batch, revision: last, answer });
            }
        }
        (passed, last)
    }

    fn check(&self, batch: &Batch, ahead: &HashMap<String, Option<Revision>>) -> Result<(), CommitError> {
        for (key, expected) in &batch.expects {
            let now = match ahead.get(key) {
                Some(version) => *version,
                None => match self.rows.get(key) {
                    Ok(found) => found.map(|row| row.version),
                    Err(error) => return Err(CommitError::Unavailable(error.to_string())),
                },
            };
            if now != *expected {
                return Err(CommitError::Conflict { key: key.clone() });
            }
        }
        Ok(())
    }

    fn tell(&self, batch: Batch, revision: Revision) {
        if self.commits.receiver_count() == 0 {
            return;
        }
        let changes =
            batch.writes.into_iter().map(|(key, value)| Change { key, value: value.map(Into::into), revision });
        // No receiver is no error: they may have left since the count.
        drop(self.commits.send(changes.collect()));
    }
}

fn gather(first: Request, inbox: &Receiver<Request>) -> Vec<Request> {
    let mut bytes = first.batch.bytes();
    let mut group = vec![first];
    while group.len() < GROUP_MAX && bytes < GROUP_BYTES_MAX {
        let Ok(next) = inbox.try_recv() else { break };
        bytes += next.batch.bytes();
        group.push(next);
    }
    group
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn within_a_group_a_later_batch_sees_the_earlier_ones() {
        let dir = tempfile::tempdir().unwrap();
        let rows = Arc::new(Rows::open(dir.path()).unwrap());
        let commits = broadcast::Sender::new(1);
        let mut desk = Desk { rows, revision: Arc::default(), commits, failed: None };
        let (answer, answers) = sync_channel(8);
        let request = |batch| {
            let answer = answer.clone();
            Request { batch, answer: Box::new(move |result| answer.send(result).unwrap()) }
        };
        desk.settle(vec![
            request(Batch::new().expect_absent("seat").put("seat", "first")),
            request(Batch::new().expect_absent("seat").put("seat", "second").put("other", "x")),
            request(Batch::new().expect_version("seat", Revision(1)).delete("seat")),
            request(Batch::new().expect_absent("seat").put("seat", "third")),
        ]);
        let mut told: Vec<Option<u64>> =
            answers.try_iter().map(|answer| answer.ok().map(|revision| revision.0)).collect();
        told.sort();
        assert_eq!(told, [None, Some(1), Some(2), Some(3)]);
        let kept = desk.rows.get("seat").unwrap().unwrap();
        assert_eq!((kept.value, kept.version), (b"third".to_vec(), Revision(3)));
        assert_eq!(desk.rows.get("other").unwrap(), None);
    }
}
