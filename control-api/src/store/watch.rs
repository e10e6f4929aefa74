//! Watching a prefix: a bounded queue of commits per watcher. A watcher that falls behind is told so and reads again.

use std::sync::Arc;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::Revision;

/// Commits kept for the slowest watcher: at a thousand commits a second, two seconds of slack.
pub(super) const COMMITS_QUEUED_MAX: usize = 2_048;

/// One key's change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: String,
    /// Its new value; none when it was deleted.
    pub value: Option<Arc<[u8]>>,
    /// The commit that did it.
    pub revision: Revision,
}

/// The watcher lost changes, or the store is closing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchLag {
    /// This many commits were lost (to any prefix): read the whole range again, then go on watching.
    #[error("{commits} commits were missed; read the range again")]
    Missed {
        /// How many commits.
        commits: u64,
    },
    /// The store was closed; nothing more will come.
    #[error("the store was closed")]
    Closed,
}

/// A commit's changes, as the watchers get them.
pub(super) type Commit = Arc<[Change]>;

/// Changes to keys under one prefix.
pub struct Watch {
    pub(super) prefix: String,
    pub(super) commits: broadcast::Receiver<Commit>,
}

impl Watch {
    /// Waits for the next commit that touches the prefix, and gives its changes there. Cancel-safe.
    pub async fn changed(&mut self) -> Result<Vec<Change>, WatchLag> {
        loop {
            let commit = match self.commits.recv().await {
                Ok(commit) => commit,
                Err(RecvError::Lagged(commits)) => return Err(WatchLag::Missed { commits }),
                Err(RecvError::Closed) => return Err(WatchLag::Closed),
            };
            let mine = self.pick(&commit);
            if !mine.is_empty() {
                return Ok(mine);
            }
        }
    }

    /// As [`Watch::changed`], without waiting: `None` when nothing new touched the prefix.
    pub fn try_changed(&mut self) -> Result<Option<Vec<Change>>, WatchLag> {
        loop {
            let commit = match self.commits.try_recv() {
                Ok(commit) => commit,
                Err(TryRecvError::Empty) => return Ok(None),
                Err(TryRecvError::Lagged(commits)) => return Err(WatchLag::Missed { commits }),
                Err(TryRecvError::Closed) => return Err(WatchLag::Closed),
            };
            let mine = self.pick(&commit);
            if !mine.is_empty() {
                return Ok(Some(mine));
            }
        }
    }

    fn pick(&self, commit: &Commit) -> Vec<Change> {
        commit.iter().filter(|change| change.key.starts_with(&self.prefix)).cloned().collect()
    }
}
