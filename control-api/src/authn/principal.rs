//! The person behind a request. A value of this type is proof that a live sign-in of an approved user of a registered unit
//! was shown from its own terminal; only `authn` can make one.

use std::net::IpAddr;

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
}

impl Principal {
    pub(super) const fn new(user: UserId, unit: UnitId, roles: Roles, terminal: IpAddr, login: LoginId) -> Self {
        Self { user, unit, roles, terminal, login }
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

    /// The sign-in.
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
