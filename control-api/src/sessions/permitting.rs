//! The decision for what is no stream: an export, a snapshot. Decided from the same facts by the same table as a session, and a
//! refusal is on the ledger in the same form; no lease follows.

use std::net::IpAddr;

use relay::lease::SessionId;

use super::SessionDesk;
use super::asking::Ask;
use super::inquiry::Inquiry;
use crate::authn::Principal;
use crate::error::{ApiError, Code};
use crate::policy::{Permit, decide};
use crate::registers::UserId;

/// The grants that the caller's API key is held to; empty means all.
pub(super) fn held_to(caller: &Principal) -> &[String] {
    caller.key().map_or(&[], |key| key.grants.as_slice())
}

impl SessionDesk {
    /// A permit for what is asked, or the refusal, which is on record then.
    pub async fn permit(&self, caller: &Principal, ask: &Ask, request_id: &str) -> Result<Permit, ApiError> {
        let action = ask.action(self.clock.wall(), self.settings.playback_max)?;
        let inquiry = Inquiry {
            user: caller.user(),
            terminal: caller.terminal(),
            camera: &ask.camera,
            profile: ask.profile,
            running: None,
            held_to: held_to(caller),
        };
        let decision = decide(&self.facts(&inquiry)?, &action);
        match decision {
            Ok(permit) => Ok(permit),
            Err(denial) => Err(self.refuse(caller, ask, request_id, denial).await),
        }
    }

    /// Whether what was permitted to `user` at `terminal` would be permitted now; the refusal else.
    pub fn still_permits(&self, user: &UserId, terminal: IpAddr, ask: &Ask) -> Result<Permit, ApiError> {
        // Not a new request: what only bars those (a lock after a stranger's guesses) does not count.
        let running = SessionId(String::new());
        let running = Some(&running);
        let inquiry = Inquiry { user, terminal, camera: &ask.camera, profile: ask.profile, running, held_to: &[] };
        decide(&self.facts(&inquiry)?, &ask.action_as_it_was()).map_err(ApiError::from)
    }

    /// The site's time zone.
    pub const fn zone(&self) -> &jiff::tz::TimeZone {
        &self.settings.zone
    }

    /// Refuses for a reason that the table of decisions does not know, on record.
    pub async fn refused(&self, caller: &Principal, ask: &Ask, request_id: &str, code: Code) -> ApiError {
        let denial = crate::policy::Denial { code, articles: code.articles().to_vec(), grant: None };
        self.refuse(caller, ask, request_id, denial).await
    }
}
