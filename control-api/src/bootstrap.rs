//! The first account: one security administrator with a one-time secret, made on an appliance that has no accounts yet. There
//! are no default credentials; the secret is shown once and has to be changed at the first sign-in.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use media::wall::Wall;

use crate::authn::Passwords;
use crate::authn::password::BadCost;
use crate::config::Config;
use crate::error::ApiError;
use crate::ledger::{Event, Kind, Ledger, LedgerUnavailable};
use crate::mint;
use crate::registers::user::{self, LoginName, User, UserState};
use crate::registers::{Role, Roles, UnitId, purpose, unit};
use crate::store::{Batch, CommitError, Store, StoreError};

/// Bytes of the one-time secret: 144 bits, 24 characters.
const SECRET_BYTES: usize = 18;

/// Why no first account was made.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// There are accounts already; a further one is made by the security administrator.
    #[error("there are accounts already: a further one is made by the security administrator, over the API")]
    Done,
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store could not be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The ledger could not be written.
    #[error(transparent)]
    Ledger(#[from] LedgerUnavailable),
    /// The password hash cannot be computed at the configured costs.
    #[error(transparent)]
    Cost(#[from] BadCost),
    /// No random bytes, or the hash failed.
    #[error("no secret could be made: {0}")]
    Secret(String),
}

/// The first account. The secret exists nowhere else; show it once.
pub struct FirstAccount {
    /// Login name.
    pub login: LoginName,
    /// One-time secret.
    pub secret: String,
}

/// Puts the shipped units into an empty register; returns how many were new. Blocks.
pub fn seed_units(store: &Store, now: Wall) -> Result<usize, BootstrapError> {
    let mut seeded = 0;
    for unit in unit::shipped(now) {
        let key = unit::key(&unit.id);
        if store.get(&key)?.is_none() {
            let batch = Batch::new().expect_absent(key.as_str()).put_json(key, &unit)?;
            store.commit(batch.put_json(unit::history_key(&unit), &unit)?)?;
            seeded += 1;
        }
    }
    Ok(seeded)
}

/// Makes the first security administrator, named `login`, in the Bureau's unit. Blocks. Refuses where any account exists.
pub fn first_account(
    store: &Store,
    ledger: &Ledger,
    config: &Config,
    now: Wall,
    login: LoginName,
) -> Result<FirstAccount, BootstrapError> {
    if !store.range(user::USERS, None, 1)?.is_empty() {
        return Err(BootstrapError::Done);
    }
    let seeded = seed_units(store, now)?;
    let secret = secret()?;
    let password = Passwords::new(config)?.hash_now(&secret).map_err(|e| BootstrapError::Secret(words(&e)))?;
    let id = mint::sortable_id(now).map_err(|e| BootstrapError::Secret(e.to_string()))?;
    let user = User {
        id: id.parse().map_err(|_| BootstrapError::Secret("an odd id".into()))?,
        login: login.clone(),
        name: login.to_string(),
        staff_no: None,
        unit: bureau(),
        roles: Roles::try_from(vec![Role::SecurityAdmin]).expect("one role can be held alone"),
        state: UserState::Approved,
        password,
        must_change_password: true,
        failed_count: 0,
        locked_until: None,
        sign_in_epoch: 0,
        version: 1,
        created_at: now,
        created_by: None,
        changed_at: now,
        means: user::Means::default(),
    };
    let event = Event::new(Kind::REGISTER_CREATED, now).action("admin.bootstrap").object(user::key(&user.id));
    ledger
        .append(&event.with("user", login.as_str()).with("units", seeded).with("purposes", purpose::shipped().len()))?;
    store.commit(user::creation(&user)?)?;
    Ok(FirstAccount { login, secret })
}

/// Takes the second factor from an account on an appliance that does not run, for the day on which the last security
/// administrator has lost theirs. It has to be enrolled anew at the next sign-in; the password stays as it is. On the ledger
/// first. Blocks. False where nobody signs in by that name.
pub fn reset_second_factor(
    store: &Store,
    ledger: &Ledger,
    now: Wall,
    login: &LoginName,
) -> Result<bool, BootstrapError> {
    let Some(row) = user::by_login(store, login)? else { return Ok(false) };
    let mut user = row.value;
    user.means.second_factor = None;
    user.means.enrolling = None;
    user.sign_in_epoch += 1;
    user.version += 1;
    user.changed_at = now;
    let key = user::key(&user.id);
    ledger.append(&Event::new(Kind::REGISTER_CHANGED, now).action("admin.reset_second_factor").object(key.as_str()))?;
    store.commit(Batch::new().expect_version(key.as_str(), row.version).put_json(key, &user)?)?;
    Ok(true)
}

/// The Bureau's unit.
pub fn bureau() -> UnitId {
    unit::BUREAU.parse().expect("a shipped id is valid, as a test shows")
}

fn secret() -> Result<String, BootstrapError> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(|e| BootstrapError::Secret(e.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn words(error: &ApiError) -> String {
    error.code().text().into()
}
