//! Who must act: one row for each record and each who is waited for, written with the change that makes them wait and taken out with
//! the one that ends it. So a thing lies in an inbox exactly once, and in none when nobody is waited for.

use media::wall::Wall;
use serde::{Deserialize, Serialize};

use crate::authn::Principal;
use crate::registers::{Role, UnitId, UserId};
use crate::stamp::Stamp;
use crate::store::{Batch, CommitError};

/// All inboxes.
pub const INBOX: &str = "inbox/";

/// Whom a record waits for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Waiter {
    /// A person.
    Person(UserId),
    /// Whoever holds the role in the unit.
    Unit(Role, UnitId),
    /// Whoever holds the role.
    Role(Role),
}

impl Waiter {
    /// The beginning of the keys of this inbox.
    pub fn prefix(&self) -> String {
        match self {
            Self::Person(user) => format!("{INBOX}user/{user}/"),
            Self::Unit(role, unit) => format!("{INBOX}unit/{unit}/{}/", role.text()),
            Self::Role(role) => format!("{INBOX}role/{}/", role.text()),
        }
    }

    /// The inboxes that `by` looks into.
    pub fn of(by: &Principal) -> Vec<Self> {
        let person = Self::Person(by.user().clone());
        let roles = by.roles().iter().flat_map(|role| [Self::Unit(role, by.unit().clone()), Self::Role(role)]);
        std::iter::once(person).chain(roles).collect()
    }
}

/// What lies in an inbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Task {
    /// The register: `findings`, `applications/resource`.
    pub register: String,
    /// The record.
    pub id: String,
    /// Whose it is.
    pub unit: UnitId,
    /// Where it stands.
    pub state: String,
    /// Since when it waits.
    pub since: Stamp,
    /// Until when it has to be done; none where there is no such time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Stamp>,
}

impl Task {
    /// True once its time is over.
    pub fn is_overdue(&self, now: Wall) -> bool {
        self.due.is_some_and(|due| due.0 <= now)
    }

    fn key(&self, waiter: &Waiter) -> String {
        format!("{}{}/{}", waiter.prefix(), self.register, self.id)
    }
}

/// Takes a task out of the inboxes it lay in and puts it in those it lies in now.
pub fn passed_on(
    batch: Batch,
    before: Option<(&Task, &[Waiter])>,
    after: &Task,
    waiters: &[Waiter],
) -> Result<Batch, CommitError> {
    let mut batch = batch;
    if let Some((task, old)) = before {
        for waiter in old.iter().filter(|waiter| !waiters.contains(waiter)) {
            batch = batch.delete(task.key(waiter));
        }
    }
    for waiter in waiters {
        batch = batch.put_json(after.key(waiter), after)?;
    }
    Ok(batch)
}
