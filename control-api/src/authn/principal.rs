//! The person or service behind a request. A value of this type is proof that a live sign-in of an approved user of a registered
//! unit was shown from its own terminal, or a service's API key from a network it is for; only `authn` can make one.

use std::net::IpAddr;

use media::wall::Wall;

use crate::error::{ApiError, Code};
use crate::ledger::Actor;
use crate::registers::{LoginId, Role, Roles, UnitId, UserId};

/// Who asks, for whom, in which roles, from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    user: UserId,
    unit: UnitId,
    roles: Roles,
    terminal: IpAddr,
    login: LoginId,
    key: Option<HeldKey>,
}

/// What an API key adds to the account it is of: an end, and the grants it is held to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldKey {
    /// Nothing goes on under it past this.
    pub expires_at: Wall,
    /// The grants; empty means all of the account's.
    pub grants: Vec<String>,
}

impl Principal {
    pub(super) const fn new(user: UserId, unit: UnitId, roles: Roles, terminal: IpAddr, login: LoginId) -> Self {
        Self { user, unit, roles, terminal, login, key: None }
    }

    pub(super) fn holding(self, key: HeldKey) -> Self {
        Self { key: Some(key), ..self }
    }

    /// One without a sign-in, for tests of what lies behind `authn`.
    #[cfg(test)]
    pub(crate) fn for_test(user: &str, unit: &str, roles: &[Role], terminal: IpAddr) -> Self {
        let roles = Roles::try_from(roles.to_vec()).unwrap();
        Self::new(user.parse().unwrap(), unit.parse().unwrap(), roles, terminal, "login-1".parse().unwrap())
    }

    /// The user.
    pub const fn user(&self) -> &UserId {
        &self.user
    }

    /// The unit they act for.
    pub const fn unit(&self) -> &UnitId {
        &self.unit
    }

    /// Their roles.
    pub const fn roles(&self) -> &Roles {
        &self.roles
    }

    /// The address they speak from, IPv4 in its own form.
    pub const fn terminal(&self) -> IpAddr {
        self.terminal
    }

    /// The API key in place of a sign-in; [`Self::login`] is its id then.
    pub const fn key(&self) -> Option<&HeldKey> {
        self.key.as_ref()
    }

    /// `ROLE_FORBIDS` for what only a person who signed in does.
    pub fn require_sign_in(&self) -> Result<(), ApiError> {
        if self.key.is_none() {
            return Ok(());
        }
        Err(ApiError::new(Code::RoleForbids).remedied(
            "该操作须登录后办理,不能使用 API 密钥。",
            "This takes a sign-in; an API key is revoked by the security administrator.",
        ))
    }

    /// The sign-in, or the API key.
    pub const fn login(&self) -> &LoginId {
        &self.login
    }

    /// They as the ledger names them.
    pub fn actor(&self) -> Actor {
        Actor { user: self.user.to_string(), unit: Some(self.unit.to_string()), role: None }
    }

    /// True when `role` is among their roles.
    pub fn has(&self, role: Role) -> bool {
        self.roles.has(role)
    }

    /// `ROLE_FORBIDS` unless they hold one of `roles`.
    pub fn require(&self, roles: &[Role]) -> Result<(), ApiError> {
        if self.roles.has_any(roles) { Ok(()) } else { Err(Code::RoleForbids.into()) }
    }
}
