//! The end of a session: one function, whatever the reason, and what calls it: a grant that is taken away, an account, unit or
//! camera that changes, and time.

use std::sync::Arc;
use std::time::Duration;

use media::wall::Wall;
use relay::lease::{EndReason, SessionId};

use super::SessionDesk;
use super::asking::Ask;
use super::deadlines::Deadlines;
use super::inquiry::Inquiry;
use super::table::{Open, Peg};
use crate::books;
use crate::error::{ApiError, Code};
use crate::grants::book::{GRANTS, Hand, StepError};
use crate::grants::{Grant, GrantId, GrantState, GrantStep};
use crate::ledger::Kind;
use crate::register::Touch;
use crate::register::rows::RECORDS;
use crate::registers::{LoginId, UserId, api_key, camera, unit, user};
use crate::store::{Change, WatchLag};

/// Somebody asked for a session's end; its close follows by itself.
pub(super) const END_ASKED: Kind = Kind::named("session.end_asked");
/// A task that waits for wall-clock time looks at least this often, so that a clock that is set is followed.
const LOOK_AGAIN_MAX: Duration = Duration::from_secs(30);
/// The least wait, so that a step that fails again and again does not spin.
const LOOK_AGAIN_MIN: Duration = Duration::from_millis(5);

/// How a session ends when a decision about it turns out so.
pub(super) const fn reason(code: Code) -> EndReason {
    match code {
        Code::GrantSuspended | Code::UnitSuspended => EndReason::Suspended,
        Code::AnomalySuspended => EndReason::Anomaly,
        Code::GrantExpired | Code::OutsideTimeWindow | Code::PurposeExpired => EndReason::Expired,
        Code::CameraUnknown => EndReason::CameraLost,
        _ => EndReason::Revoked,
    }
}

impl SessionDesk {
    /// Ends a session. No byte leaves under it after this returns; its record closes when the relay has told what was sent.
    /// False where another had ended it before.
    pub(super) fn end(&self, id: &SessionId, why: EndReason) -> bool {
        let mut table = self.table.lock();
        let ran = table.remove(id).is_some();
        self.metrics.open.set(i64::try_from(table.len()).unwrap_or(i64::MAX));
        self.leases.end(id, why);
        ran
    }

    /// Changes a grant; what runs under it has ended before the ledger is written, and if the ledger fails, ended it stays.
    pub async fn change_grant(
        self: &Arc<Self>,
        id: &GrantId,
        step: GrantStep,
        hand: Option<&Hand>,
    ) -> Result<Arc<Grant>, StepError> {
        let asked_at = self.clock.monotonic();
        let now = self.clock.wall();
        let desk = Arc::clone(self);
        let taken = move |grant: &Grant| {
            if let Some(why) = end_reason(grant.state()) {
                let ended = desk.end_under(grant.id(), why);
                desk.observe_end(ended, asked_at);
                tracing::info!(grant = %grant.id().0, step = step.word(), ended, "a grant was changed");
            }
        };
        self.grants.step(id, step, hand, now, taken).await
    }

    fn end_under(&self, grant: &GrantId, why: EndReason) -> usize {
        let hanging = self.table.lock().hanging_on(&Peg::Grant(grant.clone()));
        hanging.iter().filter(|(id, _)| self.end(id, why)).count()
    }

    /// A right that ended took so long to end what hung on it. Two may see it at once, who asked and who follows the registers.
    fn observe_end(&self, ended: usize, asked_at: Duration) {
        if ended > 0 {
            self.metrics.revocation.observe(self.clock.monotonic().saturating_sub(asked_at).as_secs_f64());
        }
    }

    /// Decides anew about everything that hangs on `peg`, and ends what may no longer run. Gives how many ended.
    pub(super) fn look_again(&self, peg: &Peg) -> usize {
        let hanging = self.table.lock().hanging_on(peg);
        self.end_barred(hanging)
    }

    /// Decides anew about every session, and ends what may no longer run. Gives how many ended.
    pub fn look_at_all(&self) -> usize {
        let all = self.table.lock().iter().map(|(id, open)| (id.clone(), open.clone())).collect();
        self.end_barred(all)
    }

    fn end_barred(&self, sessions: Vec<(SessionId, Open)>) -> usize {
        let asked_at = self.clock.monotonic();
        let mut ended = 0;
        for (id, open) in sessions {
            if let Some(why) = self.barred(&id, &open) {
                ended += usize::from(self.end(&id, why));
            }
        }
        self.observe_end(ended, asked_at);
        ended
    }

    /// Why a session that runs may not go on. It stands on the grant it was opened under, whatever others there are.
    fn barred(&self, id: &SessionId, open: &Open) -> Option<EndReason> {
        let ask = Ask::again(&open.permit);
        let inquiry = Inquiry::about(open.permit.user(), open.terminal, &ask, Some(id));
        if open.key.as_ref().is_some_and(|key| !self.key_is_in_force(open.permit.user(), key)) {
            return Some(EndReason::Revoked);
        }
        // What cannot be looked up cannot be known to be allowed.
        let Ok(mut facts) = self.facts(&inquiry) else { return Some(EndReason::Revoked) };
        facts.grants.retain(|candidate| candidate.grant.id() == open.permit.grant());
        let mut action = ask.action_as_it_was();
        // How far back playback may reach was settled when it began; watching it takes time.
        action.range = None;
        self.decide(&facts, &action).err().map(|denial| reason(denial.code))
    }

    /// False also where it cannot be looked up: then it cannot be known to be in force.
    fn key_is_in_force(&self, user: &UserId, key: &LoginId) -> bool {
        let row = api_key::load(&self.store, user, key).ok().flatten();
        row.is_some_and(|row| row.value.is_in_force(self.clock.wall()))
    }

    /// Ends what was opened with an API key that is no longer in force. Gives how many ended.
    pub fn look_again_at_key(&self, key: &LoginId) -> usize {
        self.look_again(&Peg::Key(key.clone()))
    }

    /// Follows the registers: a user, unit or camera that changes is looked at again at once, whoever changed it. Runs until
    /// the store closes.
    pub async fn follow(&self) {
        let followed = [user::USERS, unit::UNITS, camera::CAMERAS, GRANTS, RECORDS, api_key::API_KEYS];
        let mut watches = followed.map(|prefix| self.store.watch(prefix));
        let [users, units, cameras, grants, records, keys] = &mut watches;
        loop {
            let changed = tokio::select! {
                changed = users.changed() => changed,
                changed = units.changed() => changed,
                changed = cameras.changed() => changed,
                changed = grants.changed() => changed,
                changed = records.changed() => changed,
                changed = keys.changed() => changed,
            };
            match changed {
                Ok(changes) => changes.iter().for_each(|change| self.follow_one(change)),
                Err(WatchLag::Missed { commits }) => {
                    let ended = self.look_at_all();
                    tracing::warn!(commits, ended, "changes were missed; all sessions were looked at again");
                }
                Err(WatchLag::Closed) => return,
            }
        }
    }

    fn follow_one(&self, change: &Change) {
        if let Some(grant) = grant_of(change).filter(|_| change.key.starts_with(GRANTS)) {
            self.grants.learn(grant);
        }
        if let Some(peg) = peg(&change.key) {
            self.look_again(&peg);
        }
        for touch in touches(change) {
            match touch {
                Touch::User(user) => self.look_again(&Peg::User(user)),
                Touch::Unit(unit) => self.look_again(&Peg::Unit(unit)),
                Touch::Everything => self.look_at_all(),
            };
        }
    }

    /// Takes the steps that time takes: grants that begin and grants that run out. `expired` hears of the latter. Runs
    /// until it is dropped.
    pub async fn keep_time<F: Future<Output = ()>>(self: &Arc<Self>, expired: impl Fn(Arc<Grant>) -> F) {
        let mut deadlines = Deadlines::default();
        let mut grants = self.store.watch(GRANTS);
        loop {
            self.grants.changes_due().into_iter().for_each(|(id, due)| deadlines.set(id, due));
            loop {
                for grant in self.take_due(&mut deadlines).await {
                    expired(grant).await;
                }
                // Either way the next turn looks: at what is due, or at what has changed.
                match tokio::time::timeout(self.wait(deadlines.next()), grants.changed()).await {
                    Err(_) => {}
                    Ok(Ok(changes)) => {
                        changes.iter().filter_map(grant_of).for_each(|grant| reschedule(&mut deadlines, &grant));
                    }
                    Ok(Err(WatchLag::Missed { .. })) => break,
                    Ok(Err(WatchLag::Closed)) => return,
                }
            }
        }
    }

    fn wait(&self, next: Option<Wall>) -> Duration {
        next.map_or(LOOK_AGAIN_MAX, |due| due.since(self.clock.wall()).clamp(LOOK_AGAIN_MIN, LOOK_AGAIN_MAX))
    }

    /// Takes the steps that are due now. Gives the grants that ran out.
    async fn take_due(self: &Arc<Self>, deadlines: &mut Deadlines<GrantId>) -> Vec<Arc<Grant>> {
        let mut expired = Vec::new();
        for id in deadlines.take_due(self.clock.wall()) {
            let Some(grant) = self.grants.find(&id) else {
                // Committed a moment ago and not in the index yet.
                deadlines.set(id, self.clock.wall() + LOOK_AGAIN_MIN);
                continue;
            };
            let step = match grant.state_at(self.clock.wall()) {
                GrantState::Active => GrantStep::Begin,
                GrantState::Expired => GrantStep::Expire,
                _ => continue,
            };
            match self.change_grant(&id, step, None).await {
                Ok(grant) => {
                    reschedule(deadlines, &grant);
                    expired.extend((step == GrantStep::Expire).then_some(grant));
                }
                Err(StepError::Unfit(_) | StepError::Unknown) => {}
                Err(error) => {
                    tracing::warn!(grant = %id.0, %error, "a grant whose time came could not be changed yet");
                    deadlines.set(id, self.clock.wall() + LOOK_AGAIN_MAX);
                }
            }
        }
        expired
    }

    /// Ends every session because the appliance stops.
    pub fn end_all(&self) {
        let all: Vec<_> = self.table.lock().iter().map(|(id, _)| id.clone()).collect();
        for id in &all {
            self.end(id, EndReason::Shutdown);
        }
    }

    /// Ends what hangs on a grant, for a caller that has changed it by other means. Gives how many ended.
    pub fn look_again_at_grant(&self, grant: &GrantId) -> Result<usize, ApiError> {
        Ok(self.look_again(&Peg::Grant(grant.clone())))
    }
}

/// The grant as the store has it: the index may be a moment behind.
fn grant_of(change: &Change) -> Option<Grant> {
    serde_json::from_slice(change.value.as_deref()?).ok()
}

fn reschedule(deadlines: &mut Deadlines<GrantId>, grant: &Grant) {
    match grant.next_change() {
        Some(due) => deadlines.set(grant.id().clone(), due),
        None => deadlines.cancel(grant.id()),
    }
}

/// How what hangs on a grant ends that comes into this state; none where it goes on.
pub(super) const fn end_reason(state: GrantState) -> Option<EndReason> {
    match state {
        GrantState::Active => None,
        GrantState::Suspended | GrantState::Pending => Some(EndReason::Suspended),
        GrantState::Expired => Some(EndReason::Expired),
        GrantState::Revoked => Some(EndReason::Revoked),
    }
}

/// What hangs on a changed record of a register.
fn touches(change: &Change) -> Vec<Touch> {
    let name = change.key.strip_prefix(RECORDS).and_then(|rest| rest.split_once('/')).map(|(name, _)| name);
    let book = name.and_then(books::find);
    book.zip(change.value.as_deref()).map(|(book, bytes)| (book.touches)(bytes)).unwrap_or_default()
}

/// What a changed row of the store can end.
fn peg(key: &str) -> Option<Peg> {
    let (prefix, id) = key.split_once('/')?;
    match prefix {
        "user" => id.parse().ok().map(Peg::User),
        "unit" => id.parse().ok().map(Peg::Unit),
        "camera" => id.parse().ok().map(Peg::Camera),
        "api-key" => id.split_once('/').and_then(|(_, key)| key.parse().ok()).map(Peg::Key),
        "grant" => Some(Peg::Grant(GrantId(id.into()))),
        _ => None,
    }
}
