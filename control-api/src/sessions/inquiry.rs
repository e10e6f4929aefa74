//! Gathers the facts of a decision from the registers, the grants and the relay, as they are at this moment.

use std::net::IpAddr;

use media::id::{CameraId, StreamKey};
use media::wall::Wall;
use relay::lease::SessionId;

use super::SessionDesk;
use super::asking::Ask;
use super::table::Peg;
use crate::authn::Principal;
use crate::books::site_purpose::{self, PurposeStanding};
use crate::error::{ApiError, Code};
use crate::policy::{Caller, Candidate, Facts, Handling, Sight, UnitFacts};
use crate::ports::DeviceState;
use crate::registers::user::{User, UserState};
use crate::registers::{UserId, camera, unit, user};

/// What a stream takes that is not known yet: a camera of 4 megapixels.
const EXPECTED_BITS: u64 = 4_000_000;

/// Who asks, from where, of which camera; and for which session that runs already.
pub(super) struct Inquiry<'a> {
    pub(super) user: &'a UserId,
    pub(super) terminal: IpAddr,
    /// What is asked for, as it was given: no camera has a name that is none.
    pub(super) ask: &'a Ask,
    /// A session that runs is not ended for what only bars new ones: a locked account (a stranger's guesses must not end
    /// a duty officer's view), a camera that is away (viewers stay), its own place under the grant.
    pub(super) running: Option<&'a SessionId>,
    /// The grants that the caller's API key is held to; empty means all.
    pub(super) held_to: &'a [String],
}

impl<'a> Inquiry<'a> {
    /// What `caller` asks; of a session that runs where there is one.
    pub(super) fn of(caller: &'a Principal, ask: &'a Ask, running: Option<&'a SessionId>) -> Self {
        let held_to = caller.key().map_or(&[][..], |key| key.grants.as_slice());
        Self { held_to, ..Self::about(caller.user(), caller.terminal(), ask, running) }
    }

    /// What somebody asks who need not be there.
    pub(super) fn about(user: &'a UserId, terminal: IpAddr, ask: &'a Ask, running: Option<&'a SessionId>) -> Self {
        Self { user, terminal, ask, running, held_to: &[] }
    }
}

impl SessionDesk {
    /// The facts of an inquiry. Reads a few rows of the store.
    pub(super) fn facts(&self, inquiry: &Inquiry<'_>) -> Result<Facts<'_>, ApiError> {
        let now = self.clock.wall();
        let running = inquiry.running.is_some();
        let account = user::load(&self.store, inquiry.user)?.map(|row| row.value);
        let unit = account.as_ref().map(|account| unit::load(&self.store, &account.unit)).transpose()?.flatten();
        let unit = unit.map(|row| row.value);
        let standing = self.standing(account.as_ref(), unit.as_ref(), inquiry.terminal, now)?;
        let caller = account.map(|account| self.caller(&account, unit, inquiry));
        let camera = self.sight(inquiry)?;
        let grants = match (&caller, &camera) {
            (Some(caller), Some(camera)) => self.candidates(caller, camera, inquiry),
            _ => Vec::new(),
        };
        let audit_available = running || self.ledger.status().poisoned.is_none();
        let overloaded = !running && self.overloaded(inquiry);
        Ok(Facts {
            now,
            zone: &self.settings.zone,
            audit_available,
            // A view that runs is not ended for a clock that went astray under it.
            clock_trusted: running || self.clock_trust.is_trusted(),
            overloaded,
            non_security_sub_stream: self.settings.non_security_sub_stream,
            standing,
            caller,
            camera,
            grants,
            purpose: self.purpose(&inquiry.ask.purpose, now)?,
            handling: Handling::default(),
        })
    }

    fn caller(&self, account: &User, unit: Option<unit::Unit>, inquiry: &Inquiry<'_>) -> Caller {
        let unit = UnitFacts {
            id: account.unit.clone(),
            registered: unit.as_ref().is_some_and(unit::Unit::is_registered),
            purposes: unit.as_ref().map(|u| u.purposes.clone()).unwrap_or_default(),
            areas: unit.as_ref().map(|u| u.areas.clone()).unwrap_or_default(),
            duty_areas: unit.map(|u| u.duty_areas).unwrap_or_default(),
        };
        let open_sessions = self.table.lock().count_on(&Peg::User(account.id.clone()), inquiry.running);
        Caller {
            user: account.id.clone(),
            // That the sign-in is live, strong and by a fresh password is what a `Principal` proves; without one nobody comes here.
            strong: true,
            awake: true,
            password_fresh: true,
            locked: inquiry.running.is_none() && account.is_locked(self.clock.wall()),
            disabled: account.state == UserState::Disabled,
            approved: account.state == UserState::Approved,
            roles: account.roles.clone(),
            unit,
            terminal: inquiry.terminal,
            open_sessions,
            places_max: self.settings.per_user_max,
        }
    }

    fn purpose(&self, given: &str, now: Wall) -> Result<Option<PurposeStanding>, ApiError> {
        let Ok(code) = given.trim().parse() else { return Ok(None) };
        Ok(site_purpose::standing(&self.store, &code, now)?)
    }

    fn sight(&self, inquiry: &Inquiry<'_>) -> Result<Option<Sight>, ApiError> {
        let (profile, running) = (inquiry.ask.profile, inquiry.running.is_some());
        let Ok(id) = inquiry.ask.camera.parse::<CameraId>() else { return Ok(None) };
        let Some(row) = camera::load(&self.store, &id)? else { return Ok(None) };
        let online = running || self.cameras.status(&id).is_some_and(|status| status.state == DeviceState::Online);
        let recording_kept = running || !self.is_purged(&id, row.value.created_at, inquiry.ask.range)?;
        let stream = StreamKey { camera: id.clone(), profile };
        let carries_marks = running || self.cameras.stream(&stream).is_none_or(|stream| stream.carries_marks);
        let level = row.value.security_level.number();
        Ok(Some(Sight { id, area: row.value.area, level, recording_kept, online, carries_marks }))
    }

    /// True where the stretch lies wholly before the oldest recording there is, and after the camera was enrolled: it was recorded
    /// if ever it was, and has been deleted as due. What is held or younger than its floor is never deleted, so it is not before.
    fn is_purged(&self, id: &CameraId, enrolled: Wall, range: Option<(Wall, Wall)>) -> Result<bool, ApiError> {
        let Some((from, to)) = range.filter(|(from, _)| *from >= enrolled) else { return Ok(false) };
        let kept = self.kept.kept(id, from, to).map_err(|error| {
            tracing::error!(%error, "what is kept could not be looked up");
            ApiError::new(Code::Internal)
        })?;
        Ok(kept.covered_micros == 0 && kept.oldest.is_some_and(|oldest| to <= oldest))
    }

    /// Whether another session of this stream finds room on the network and on its core.
    fn overloaded(&self, inquiry: &Inquiry<'_>) -> bool {
        let Ok(camera) = inquiry.ask.camera.parse::<CameraId>() else { return false };
        let stream = StreamKey { camera, profile: inquiry.ask.profile };
        let busy = self.cameras.stream(&stream).map_or(0.0, |stream| stream.core_busy);
        busy >= self.settings.core_busy_max || self.leases.room_for(self.expected_bits(&stream)).is_err()
    }

    /// What a session of this stream will take of the network; a guess where the camera has not been heard yet.
    pub(super) fn expected_bits(&self, stream: &StreamKey) -> u64 {
        let known = self.cameras.stream(stream).map(|stream| stream.bits_per_second).filter(|bits| *bits > 0);
        known.unwrap_or(EXPECTED_BITS)
    }

    fn candidates(&self, caller: &Caller, camera: &Sight, inquiry: &Inquiry<'_>) -> Vec<Candidate> {
        let mut grants = self.grants.covering(&caller.unit.id, &caller.user, &camera.id, camera.area.as_ref());
        grants.retain(|grant| inquiry.held_to.is_empty() || inquiry.held_to.contains(&grant.id().0));
        // What came with an emergency counts for whoever claims it, and gives nobody else its priority.
        let claimed = inquiry.ask.emergency.as_deref();
        grants.retain(|grant| grant.emergency().is_none() || grant.emergency() == claimed);
        let table = self.table.lock();
        let candidate = |grant: std::sync::Arc<crate::grants::Grant>| {
            let open_sessions = table.count_on(&Peg::Grant(grant.id().clone()), inquiry.running);
            Candidate { grant, open_sessions }
        };
        grants.into_iter().map(candidate).collect()
    }
}
