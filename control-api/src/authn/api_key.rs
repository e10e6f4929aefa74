//! A service shows its API key with each request in place of a sign-in: in force, from a network it is for, of an account that
//! may act. There is no idle time-out and nothing to sign out of; the key ends when it expires or is revoked.

use std::net::IpAddr;

use media::wall::Wall;

use super::principal::{HeldKey, Principal};
use super::{Authn, TOUCH_EVERY, check_user};
use crate::error::{ApiError, Code};
use crate::registers::api_key::{self, ApiKey, PREFIX};
use crate::registers::user::{self, User};
use crate::store::{Batch, Versioned};

/// True where a bearer token is an API key.
pub(super) fn is_one(token: &str) -> bool {
    token.starts_with(PREFIX)
}

impl Authn {
    /// The service behind a key shown from `terminal`.
    pub(super) async fn key_holder(&self, shown: &str, terminal: IpAddr) -> Result<(Principal, User), ApiError> {
        let now = self.clock.wall();
        let row = api_key::shown(&self.store, shown)?.ok_or(Code::AuthRequired)?;
        let key = &row.value;
        if !key.is_in_force(now) {
            return Err(Code::AuthRequired.into());
        }
        if !key.is_for(terminal) {
            return Err(ApiError::new(Code::TerminalMismatch).remedied(
                "该密钥不可在此地址使用;允许的地址由安全管理员登记。",
                "This key may not be used from this address; the security administrator names its networks.",
            ));
        }
        let user = user::load(&self.store, &key.user)?.ok_or(Code::AuthRequired)?.value;
        check_user(&user)?;
        if !user.roles.has(crate::registers::Role::Service) {
            return Err(Code::RoleForbids.into());
        }
        let unit = self.registered_unit(&user)?;
        let held = HeldKey { expires_at: key.expires_at, grants: key.grants.clone() };
        let principal = Principal::new(user.id.clone(), unit, user.roles.clone(), terminal, key.id.clone());
        self.note_use(&row, now).await;
        Ok((principal.holding(held), user))
    }

    /// Notes the use. That it may fail or be lost costs a line of the list, nothing else.
    async fn note_use(&self, row: &Versioned<ApiKey>, now: Wall) {
        if row.value.used_at.is_some_and(|at| now.since(at) < TOUCH_EVERY) {
            return;
        }
        let key = api_key::key(&row.value.user, &row.value.id);
        let used = ApiKey { used_at: Some(now), ..row.value.clone() };
        let Ok(batch) = Batch::new().expect_version(key.as_str(), row.version).put_json(key.as_str(), &used) else {
            return;
        };
        if let Err(error) = self.store.commit_async(batch).await {
            tracing::debug!(%error, "the use of an API key was not noted");
        }
    }
}
