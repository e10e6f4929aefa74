//! A batch: what one commit writes, and what must hold for it to happen. Plain data; the writer carries it out.

use serde::Serialize;

use super::{CommitError, Revision};

/// Longest key in bytes: ids are at most 64, a key joins a few of them.
pub const KEY_BYTES_MAX: usize = 512;

/// Largest value in bytes: a register's row is a few kilobytes; a megabyte leaves room for a form with its attachments' text.
pub const VALUE_BYTES_MAX: usize = 1 << 20;

/// Most writes and preconditions in one batch: a CSV import is cut into batches of this size.
pub(super) const STEPS_MAX: usize = 10_000;

/// Writes and preconditions that happen together or not at all. Built by chaining; a later write to a key wins.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(super) writes: Vec<(String, Option<Vec<u8>>)>,
    pub(super) expects: Vec<(String, Option<Revision>)>,
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores `value` under `key`.
    #[must_use]
    pub fn put(mut self, key: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.writes.push((key.into(), Some(value.into())));
        self
    }

    /// Stores `value` as JSON under `key`. Fails only if the type cannot be JSON (a map with keys that are no text).
    pub fn put_json<T: Serialize>(self, key: impl Into<String>, value: &T) -> Result<Self, CommitError> {
        let key = key.into();
        let bytes = serde_json::to_vec(value).map_err(|e| CommitError::Malformed(format!("{key:?}: {e}")))?;
        Ok(self.put(key, bytes))
    }

    /// Deletes `key`; deleting what is not there is no error.
    #[must_use]
    pub fn delete(mut self, key: impl Into<String>) -> Self {
        self.writes.push((key.into(), None));
        self
    }

    /// The commit fails with a conflict if `key` exists.
    #[must_use]
    pub fn expect_absent(mut self, key: impl Into<String>) -> Self {
        self.expects.push((key.into(), None));
        self
    }

    /// The commit fails with a conflict unless `key` exists with this version.
    #[must_use]
    pub fn expect_version(mut self, key: impl Into<String>, version: Revision) -> Self {
        self.expects.push((key.into(), Some(version)));
        self
    }

    /// Both, in this order, as one.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.writes.extend(other.writes);
        self.expects.extend(other.expects);
        self
    }

    /// What it stores under keys that begin with `prefix`, by key.
    pub fn stored_under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let under = self.writes.iter().filter(move |(key, _)| key.starts_with(prefix));
        under.filter_map(|(key, value)| Some((key.as_str(), value.as_deref()?)))
    }

    /// No write in it. Committing it checks its preconditions and changes nothing.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Bytes it would write, for the writer's group bound.
    pub(super) fn bytes(&self) -> usize {
        self.writes.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len)).sum()
    }

    /// The bounds above; they keep one caller from filling the memory of all.
    pub(super) fn check(&self) -> Result<(), CommitError> {
        if self.writes.len() + self.expects.len() > STEPS_MAX {
            return Err(CommitError::Malformed(format!("more than {STEPS_MAX} steps")));
        }
        let keys = self.writes.iter().map(|(key, _)| key).chain(self.expects.iter().map(|(key, _)| key));
        for key in keys {
            if key.is_empty() || key.len() > KEY_BYTES_MAX || key.contains('\0') {
                let shown: String = key.chars().take(64).collect();
                return Err(CommitError::Malformed(format!("key {shown:?}: 1 to {KEY_BYTES_MAX} bytes without NUL")));
            }
        }
        let oversize = |value: &Option<Vec<u8>>| value.as_ref().is_some_and(|v| v.len() > VALUE_BYTES_MAX);
        match self.writes.iter().find(|(_, value)| oversize(value)) {
            Some((key, _)) => {
                Err(CommitError::Malformed(format!("the value of {key:?} is over {VALUE_BYTES_MAX} bytes")))
            }
            None => Ok(()),
        }
    }
}
