//! Users: who may sign in, for which unit, in which roles, and what the lock-out knows of them. The password is kept only as
//! its argon2id hash, and no answer of the API is made from this type.

pub mod means;

use std::fmt;
use std::str::FromStr;

use media::wall::Wall;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Roles, UnitId, UserId};
use crate::store::{Batch, CommitError, Store, StoreError, Versioned};
pub use means::Means;

/// Longest login name.
pub const LOGIN_NAME_BYTES_MAX: usize = 64;

/// What a user types to sign in: 1 to 64 characters of `a-z 0-9 . _ -`, kept in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, min_length = 1, max_length = 64)]
pub struct LoginName(String);

/// A text that is no login name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("use 1 to 64 characters of a-z 0-9 . _ - and begin with a letter or digit")]
pub struct BadLoginName;

impl LoginName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LoginName {
    type Err = BadLoginName;
    fn from_str(text: &str) -> Result<Self, BadLoginName> {
        let text = text.to_ascii_lowercase();
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        let first = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
        if first && text.len() <= LOGIN_NAME_BYTES_MAX && text.bytes().all(allowed) {
            Ok(Self(text))
        } else {
            Err(BadLoginName)
        }
    }
}

impl TryFrom<String> for LoginName {
    type Error = BadLoginName;
    fn try_from(text: String) -> Result<Self, BadLoginName> {
        text.parse()
    }
}

impl From<LoginName> for String {
    fn from(name: LoginName) -> Self {
        name.0
    }
}

impl fmt::Display for LoginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a user may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UserState {
    /// The user application is not approved yet (J-7).
    Pending,
    /// May act within role and grant.
    Approved,
    /// May do nothing. The record stays for the ledger's sake.
    Disabled,
}

/// A password's argon2id hash in PHC form. Prints as nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(pub(crate) String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// One user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Given by the appliance, never reused.
    pub id: UserId,
    /// What they type to sign in; unique.
    pub login: LoginName,
    /// Their name.
    pub name: String,
    /// Staff number, where the unit uses one.
    pub staff_no: Option<String>,
    /// The unit they act for.
    pub unit: UnitId,
    /// Their roles.
    pub roles: Roles,
    /// Whether they may act.
    pub state: UserState,
    /// Their password's hash.
    pub password: PasswordHash,
    /// True until they have chosen a password nobody else knows.
    pub must_change_password: bool,
    /// Wrong passwords since the last right one.
    pub failed_count: u32,
    /// No password is looked at before this instant.
    pub locked_until: Option<Wall>,
    /// Counts what ends sign-ins: a sign-in made under a lower number is over.
    pub sign_in_epoch: u64,
    /// Counts changes of the record, from 1.
    pub version: u64,
    /// When it was made.
    pub created_at: Wall,
    /// Who made it; `None` for the first one.
    pub created_by: Option<UserId>,
    /// When it last changed.
    pub changed_at: Wall,
    /// By what else they prove who they are.
    #[serde(default)]
    pub means: Means,
}

impl User {
    /// True while no password is looked at.
    pub fn is_locked(&self, at: Wall) -> bool {
        self.locked_until.is_some_and(|until| at < until)
    }
}

/// All users.
pub const USERS: &str = "user/";

/// A user's key.
pub fn key(id: &UserId) -> String {
    format!("{USERS}{id}")
}

/// The row that leads from a login name to a user's id.
pub fn login_key(login: &LoginName) -> String {
    format!("user-login/{login}")
}

/// The row that leads from a name at the identity provider to a user's id; hashed, since it may be of any form and length.
pub fn subject_key(subject: &str) -> String {
    format!("user-subject/{}", hex::encode(Sha256::digest(subject.as_bytes())))
}

/// The user with this name at the identity provider.
pub fn by_subject(store: &Store, subject: &str) -> Result<Option<Versioned<User>>, StoreError> {
    let Some(id) = store.get_json::<UserId>(&subject_key(subject))? else { return Ok(None) };
    // The index row and the user's own must agree; a row left behind opens nothing.
    let user = load(store, &id.value)?;
    Ok(user.filter(|row| row.value.means.oidc_subject.as_deref() == Some(subject)))
}

/// What makes a new user, unless the id or the login name is taken.
pub fn creation(user: &User) -> Result<Batch, CommitError> {
    let (key, login_key) = (key(&user.id), login_key(&user.login));
    let batch = Batch::new().expect_absent(key.as_str()).expect_absent(login_key.as_str());
    batch.put_json(key, user)?.put_json(login_key, &user.id)
}

/// One user.
pub fn load(store: &Store, id: &UserId) -> Result<Option<Versioned<User>>, StoreError> {
    store.get_json(&key(id))
}

/// The user who signs in by this name.
pub fn by_login(store: &Store, login: &LoginName) -> Result<Option<Versioned<User>>, StoreError> {
    match store.get_json::<UserId>(&login_key(login))? {
        Some(id) => load(store, &id.value),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_names_are_lower_case_and_cannot_leave_their_key() {
        assert_eq!("Wang.Wei".parse::<LoginName>().unwrap().as_str(), "wang.wei");
        for bad in ["", ".a", "a/b", "a b", "王", "a\0", &"x".repeat(65)] {
            assert!(bad.parse::<LoginName>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_hash_does_not_print() {
        assert_eq!(format!("{:?}", PasswordHash("$argon2id$secret".into())), "PasswordHash(..)");
    }
}
