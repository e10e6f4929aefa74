//! A console sign-in as it is stored: under the hash of its token, never the token.

use std::net::IpAddr;

use media::wall::Wall;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::registers::{LoginId, UserId};
use crate::store::{Store, StoreError, Versioned};

/// All sign-ins, by token hash.
pub const LOGINS: &str = "login/";

/// How somebody signed in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// By password, and by the second factor where the account has one.
    #[default]
    Password,
    /// Through the identity provider, and by the second factor where the account has one.
    Provider,
    /// Through the identity provider, which said that it asked for a second factor.
    ProviderWithSecondFactor,
}

/// One sign-in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// Names it in records.
    pub id: LoginId,
    /// Whose.
    pub user: UserId,
    /// The address it was made from, the only one it serves.
    pub terminal: IpAddr,
    /// The user's `sign_in_epoch` when it was made.
    pub epoch: u64,
    /// How it was made.
    #[serde(default)]
    pub way: Way,
    /// When it was made.
    pub created_at: Wall,
    /// When it is over in any case.
    pub expires_at: Wall,
    /// When it was last used, to within [`super::TOUCH_EVERY`].
    pub seen_at: Wall,
}

/// The key of a sign-in: what is stored cannot be turned back into the token.
pub fn key(token: &str) -> String {
    format!("{LOGINS}{}", hex::encode(Sha256::digest(token.as_bytes())))
}

/// The keys of a user's sign-ins, in order of time.
pub fn of_user(user: &UserId) -> String {
    format!("login-of/{user}/")
}

/// The index row that leads from a user to a sign-in; its value is the sign-in's key.
pub fn of_user_key(user: &UserId, login: &LoginId) -> String {
    format!("login-of/{user}/{login}")
}

/// The sign-in behind a token.
pub fn load(store: &Store, token: &str) -> Result<Option<Versioned<Login>>, StoreError> {
    store.get_json(&key(token))
}
