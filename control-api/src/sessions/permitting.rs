//! The decision for what is no stream: an export, a snapshot. Decided from the same facts by the same table as a session, and a
//! refusal is on the ledger in the same form; no lease follows.

use std::net::IpAddr;

use relay::lease::SessionId;

use super::SessionDesk;
use super::asking::Ask;
use super::inquiry::Inquiry;
use crate::authn::Principal;
use crate::error::{ApiError, Code};
use crate::policy::{self, Action, Denial, Facts, Permit};
use crate::registers::{UserId, unit, user};

impl SessionDesk {
    /// A permit for what is asked, or the refusal, which is on record then.
    pub async fn permit(&self, caller: &Principal, ask: &Ask, request_id: &str) -> Result<Permit, ApiError> {
        let action = ask.action(self.clock.wall(), self.settings.playback_max)?;
        self.permit_or_refuse(caller, ask, &action, None, request_id).await
    }

    /// As [`Self::permit`], of a wish whose parts were looked at, or of a session that runs.
    pub(super) async fn permit_or_refuse(
        &self,
        caller: &Principal,
        ask: &Ask,
        action: &Action,
        running: Option<&SessionId>,
        request_id: &str,
    ) -> Result<Permit, ApiError> {
        match self.decide(&self.facts(&Inquiry::of(caller, ask, running))?, action) {
            Ok(permit) => Ok(permit),
            Err(denial) => Err(self.refuse(caller, ask, request_id, denial).await),
        }
    }

    /// Whether what was permitted to `user` at `terminal` would be permitted now; the refusal else.
    pub fn still_permits(&self, user: &UserId, terminal: IpAddr, ask: &Ask) -> Result<Permit, ApiError> {
        // Not a new request: what only bars those (a lock after a stranger's guesses) does not count.
        let running = SessionId(String::new());
        let inquiry = Inquiry::about(user, terminal, ask, Some(&running));
        self.decide(&self.facts(&inquiry)?, &ask.action_as_it_was()).map_err(ApiError::from)
    }

    /// Why media may not leave to where the caller is: outside the zones, or no registered terminal where the site asks for one
    /// (J-27). For what was decided long before it leaves.
    pub fn place_bars(&self, by: &Principal) -> Result<Option<Code>, ApiError> {
        let account = user::load(&self.store, by.user())?.map(|row| row.value);
        let unit = unit::load(&self.store, by.unit())?.map(|row| row.value);
        let standing = self.standing(account.as_ref(), unit.as_ref(), by.terminal(), self.clock.wall())?;
        Ok(match (standing.in_network_zone, standing.terminal_registered) {
            (false, _) => Some(Code::NetworkZone),
            (true, false) => Some(Code::TerminalUnregistered),
            (true, true) => None,
        })
    }

    /// Decides by the policies in force at this moment.
    pub(super) fn decide(&self, facts: &Facts<'_>, action: &Action) -> Result<Permit, Denial> {
        policy::decide(&self.policies.in_force(), facts, action)
    }

    /// The site's time zone.
    pub const fn zone(&self) -> &jiff::tz::TimeZone {
        &self.settings.zone
    }

    /// Refuses for a reason that the table of decisions does not know, on record.
    pub async fn refused(&self, caller: &Principal, ask: &Ask, request_id: &str, code: Code) -> ApiError {
        let (articles, rule) = (code.articles().to_vec(), "step".into());
        let denial = Denial { code, articles, rule, grant: None, basis: None };
        self.refuse(caller, ask, request_id, denial).await
    }
}
