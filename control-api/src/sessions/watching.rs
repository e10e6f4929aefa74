//! Unusual use ends in a suspension (J-26): each viewing and each export is counted, and whoever passes a bound is suspended until
//! that has been reviewed. Services are not counted: what they do is what their grants say.

use super::SessionDesk;
use crate::authn::Principal;
use crate::books::suspension::{self, Suspension};
use crate::registers::Role;
use crate::unusual::Use;

impl SessionDesk {
    /// Counts a use, and suspends the account where it passes a bound. True where its viewing is suspended by that.
    pub async fn is_unusual(&self, caller: &Principal, what: Use, session: &str) -> bool {
        if caller.has(Role::Service) {
            return false;
        }
        let breach = self.uses.lock().begun(caller.user(), what, session, self.clock.wall());
        let Some(breach) = breach else { return false };
        if suspension::is_suspended(&self.store, caller.user()).unwrap_or(false) {
            return true;
        }
        let (rule, evidence) = (breach.rule.into(), breach.evidence());
        tracing::warn!(user = %caller.user(), %evidence, "unusual use: viewing is suspended until it has been reviewed");
        let suspension = Suspension { user: caller.user().clone(), rule, evidence };
        match self.registers.file_own(caller.unit().clone(), suspension).await {
            Ok(_) => self.uses.lock().forget(caller.user()),
            Err(error) => {
                tracing::error!(user = %caller.user(), code = error.code().text(), "a suspension could not be filed");
            }
        }
        true
    }
}
