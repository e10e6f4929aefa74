//! By what an account proves who it is, beyond the password in force: passwords it had before, its second factor, its name at
//! the identity provider. Kept in the user's row, so that each use is one compare-and-swap. Nothing here prints or is shown.

use std::fmt;

use media::wall::Wall;
use serde::{Deserialize, Serialize};

use super::{PasswordHash, User};
use crate::registers::Role;

/// Passwords before the present one that may not come back; with the present one they are five.
pub const FORMER_PASSWORDS_MAX: usize = 4;

/// Whom a rule about accounts is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nobody.
    Off,
    /// The three separated administrators.
    Administrators,
    /// Everybody who signs in.
    All,
}

impl Reach {
    /// True where the rule is for this user. Accounts of machines have nobody who could hold a second factor.
    pub fn covers(self, user: &User) -> bool {
        match self {
            Self::Off => false,
            Self::Administrators => user.roles.has_any(&Role::SEPARATED),
            Self::All => !user.roles.has_any(&[Role::Service, Role::MetricsReader]),
        }
    }
}

/// A secret sealed under the appliance's key. Prints as nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(pub(crate) String);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(..)")
    }
}

/// A second factor in force: an authenticator's secret, and the recovery codes for when it is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondFactor {
    /// The authenticator's secret.
    pub secret: Sealed,
    /// The last time step a code was taken for. Codes of it and of earlier ones are used up (RFC 6238 section 5.2).
    pub last_step: u64,
    /// SHA-256 of the recovery codes that were not used yet, as hex.
    pub recovery: Vec<String>,
    /// Since when.
    pub since: Wall,
}

/// See the file's first lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Means {
    /// When the password was set; an account of an earlier version has the one it was made with.
    pub password_since: Option<Wall>,
    /// The passwords before it, the newest first.
    pub former_passwords: Vec<PasswordHash>,
    /// The second factor, once enrolled.
    pub second_factor: Option<SecondFactor>,
    /// The secret of one being enrolled, until its first code comes.
    pub enrolling: Option<Sealed>,
    /// Their name (`sub`) at the identity provider.
    pub oidc_subject: Option<String>,
}

impl User {
    /// Sets a password that was accepted, at `now`; ends sign-ins and remembers the one before.
    pub fn set_password(&mut self, hash: PasswordHash, must_change: bool, now: Wall) {
        let former = std::mem::replace(&mut self.password, hash);
        self.means.former_passwords.insert(0, former);
        self.means.former_passwords.truncate(FORMER_PASSWORDS_MAX);
        self.means.password_since = Some(now);
        self.must_change_password = must_change;
        self.sign_in_epoch += 1;
        self.version += 1;
        self.changed_at = now;
    }

    /// When their password was set.
    pub fn password_since(&self) -> Wall {
        self.means.password_since.unwrap_or(self.created_at)
    }

    /// The password in force and those before it that may not come back.
    pub fn known_passwords(&self) -> Vec<PasswordHash> {
        std::iter::once(&self.password).chain(&self.means.former_passwords).cloned().collect()
    }
}
