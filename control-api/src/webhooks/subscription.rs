//! One subscription: where to, what, how signed, and how far it has come.

use media::wall::Wall;
use serde::{Deserialize, Serialize};
use url::Url;

use super::signing::Secret;
use crate::ledger::Event;
use crate::registers::UserId;
use crate::stamp::Stamp;
use crate::store::{Batch, CommitError, Store, StoreError};

/// Rows of subscriptions.
pub const SUBSCRIPTIONS: &str = "webhook/subscription/";
/// Rows of cursors. Apart, so that a delivery does not race with a change.
const CURSORS: &str = "webhook/cursor/";
/// Kinds that one subscription names at most.
pub const KINDS_MAX: usize = 64;

/// A subscription as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Subscription {
    /// Its id.
    pub id: String,
    /// Where events go.
    pub url: Url,
    /// Kinds of events; one that ends in `.` means all that begin so. None: all kinds.
    pub kinds: Vec<String>,
    /// Personal words are sent too.
    pub personal: bool,
    /// What they are signed with.
    pub secret: Secret,
    /// Events are sent.
    pub active: bool,
    /// Who made it, and when.
    pub created_by: UserId,
    /// When.
    pub created_at: Stamp,
}

impl Subscription {
    /// Whether it asked for this event.
    pub fn wants(&self, event: &Event) -> bool {
        let kind = event.kind.as_str();
        let fits = |wanted: &String| wanted == kind || (wanted.ends_with('.') && kind.starts_with(wanted.as_str()));
        self.kinds.is_empty() || self.kinds.iter().any(fits)
    }
}

/// How far a subscription has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The first entry of the ledger that was not delivered, or passed over.
    pub next: u64,
    /// When it last moved.
    pub at: Stamp,
}

/// The key of a subscription's row.
pub fn key(id: &str) -> String {
    format!("{SUBSCRIPTIONS}{id}")
}

/// The cursor of a subscription.
pub fn cursor(store: &Store, id: &str) -> Result<Option<Cursor>, StoreError> {
    Ok(store.get_json(&format!("{CURSORS}{id}"))?.map(|row| row.value))
}

/// Adds to `batch` that a subscription has come so far.
pub fn put_cursor(batch: Batch, id: &str, next: u64, now: Wall) -> Result<Batch, CommitError> {
    batch.put_json(format!("{CURSORS}{id}"), &Cursor { next, at: Stamp(now) })
}
