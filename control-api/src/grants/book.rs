//! The register of grants: the store's rows with their index in memory, and the steps that change one. Deliberately absent:
//! making a grant without an application (`applications` does it), and ending what runs under one (`sessions`).

use std::sync::Arc;

use media::id::CameraId;
use media::wall::Wall;
use parking_lot::RwLock;

use super::index::GrantIndex;
use super::{Grant, GrantId, GrantState, GrantStep, Verb};
use crate::error::{ApiError, Code};
use crate::ledger::{Actor, Event, Kind};
use crate::outbox::{ChangeError, Outbox};
use crate::registers::{Area, UnitId, UserId};
use crate::store::{Batch, CommitError, Store, StoreError};

/// The store's prefix of grants.
pub const GRANTS: &str = "grant/";
/// Rows read at a time while the index is built.
const ROWS_FETCHED_MAX: usize = 1_000;

/// A grant's time came.
const GRANT_BEGAN: Kind = Kind::named("grant.began");
/// A grant's time is over.
const GRANT_EXPIRED: Kind = Kind::named("grant.expired");

/// Why a step could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// No grant has this id.
    #[error("no such grant")]
    Unknown,
    /// The step does not fit the grant's state.
    #[error("a grant that is {0:?} cannot be changed so")]
    Unfit(GrantState),
    /// Store or ledger.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

impl From<StepError> for ApiError {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Unknown => Code::NotFound.into(),
            StepError::Unfit(_) => Code::Conflict.into(),
            StepError::Change(error) => error.into(),
        }
    }
}

/// Who takes a step, and why; none for what time does.
#[derive(Clone, Debug)]
pub struct Hand {
    /// The person.
    pub actor: Actor,
    /// Their id.
    pub user: UserId,
    /// Where from.
    pub terminal: String,
    /// Why.
    pub reason: String,
}

/// All grants.
pub struct GrantBook {
    store: Store,
    outbox: Outbox,
    index: Arc<RwLock<GrantIndex>>,
}

impl GrantBook {
    /// Reads all grants of the store. Blocks.
    pub fn open(store: Store, outbox: Outbox) -> Result<Self, StoreError> {
        let mut index = GrantIndex::default();
        let mut after: Option<String> = None;
        loop {
            let rows = store.range_json::<Grant>(GRANTS, after.as_deref(), ROWS_FETCHED_MAX)?;
            let Some((last, _)) = rows.last() else { break };
            after = Some(last.clone());
            rows.into_iter().for_each(|(_, row)| index.put(row.value));
        }
        Ok(Self { store, outbox, index: Arc::new(RwLock::new(index)) })
    }

    /// One grant.
    pub fn find(&self, id: &GrantId) -> Option<Arc<Grant>> {
        self.index.read().by_id(id)
    }

    /// Every grant, whatever its state, that covers the camera for this user.
    pub fn covering(&self, unit: &UnitId, user: &UserId, camera: &CameraId, area: Option<&Area>) -> Vec<Arc<Grant>> {
        self.index.read().covering(unit, user, camera, area)
    }

    /// True where the catalogue may show the camera to this user: a grant covers it that is not over.
    pub fn shows(&self, now: Wall, unit: &UnitId, user: &UserId, camera: &CameraId, area: Option<&Area>) -> bool {
        let over = |grant: &Arc<Grant>| matches!(grant.state_at(now), GrantState::Expired | GrantState::Revoked);
        self.covering(unit, user, camera, area).iter().any(|grant| !over(grant))
    }

    /// Grants that fit, in the order of their ids, after the id `after`, at most `limit`.
    pub fn list(&self, fits: impl Fn(&Grant) -> bool, after: Option<&str>, limit: usize) -> Vec<Arc<Grant>> {
        let index = self.index.read();
        let wanted = |grant: &&Arc<Grant>| after.is_none_or(|after| grant.id().0.as_str() > after) && fits(grant);
        let mut found: Vec<_> = index.iter().filter(wanted).cloned().collect();
        drop(index);
        found.sort_unstable_by(|a, b| a.id().cmp(b.id()));
        found.truncate(limit);
        found
    }

    /// Each grant that time will change, with when.
    pub fn changes_due(&self) -> Vec<(GrantId, Wall)> {
        self.index.read().iter().filter_map(|g| g.next_change().map(|at| (g.id().clone(), at))).collect()
    }

    /// Adds a new grant to the batch that approves its application.
    pub(crate) fn put_in(batch: Batch, grant: &Grant) -> Result<Batch, CommitError> {
        let key = key(grant.id());
        batch.expect_absent(&key).put_json(key, grant)
    }

    /// What takes a grant into the index, to be called once the batch that holds it is committed.
    pub(crate) fn keep(&self, grant: Grant) -> impl FnOnce() + Send + 'static {
        let index = Arc::clone(&self.index);
        move || index.write().put(grant)
    }

    /// What takes the grants of a batch into the index, to be called once it is committed.
    pub(crate) fn keep_all(&self, batch: &Batch) -> impl FnOnce() + Send + 'static {
        let index = Arc::clone(&self.index);
        let grants: Vec<Grant> =
            batch.stored_under(GRANTS).filter_map(|(_, bytes)| serde_json::from_slice(bytes).ok()).collect();
        move || {
            if !grants.is_empty() {
                let mut index = index.write();
                grants.into_iter().for_each(|grant| index.put(grant));
            }
        }
    }

    /// Takes a grant into the index as the store told of it: whoever follows the store may be faster than whoever commits.
    pub(crate) fn learn(&self, grant: Grant) {
        self.index.write().put(grant);
    }

    /// Takes a step. `taken` runs once the step is in force, before the ledger is written.
    pub async fn step(
        &self,
        id: &GrantId,
        step: GrantStep,
        hand: Option<&Hand>,
        now: Wall,
        taken: impl FnOnce(&Grant) + Send + 'static,
    ) -> Result<Arc<Grant>, StepError> {
        let row = self.store.get_json::<Grant>(&key(id)).map_err(ChangeError::from)?.ok_or(StepError::Unknown)?;
        let (user, reason) = (hand.map(|h| &h.user), hand.map(|h| h.reason.as_str()));
        let next = row.value.after(step, now, user, reason).ok_or(StepError::Unfit(row.value.state()))?;
        let batch = Batch::new().expect_version(key(id), row.version);
        let batch = batch.put_json(key(id), &next).map_err(ChangeError::from)?;
        let event = event(&next, step, hand, now);
        let (index, changed) = (Arc::clone(&self.index), next.clone());
        let committed = move || {
            index.write().put(changed.clone());
            taken(&changed);
        };
        self.outbox.change(now, batch, event, committed).await?;
        Ok(Arc::new(next))
    }
}

/// Adds to a batch that a grant's time is over; nothing where it was over before.
pub(crate) fn expire_in(batch: Batch, store: &Store, id: &GrantId, now: Wall) -> Result<Batch, ApiError> {
    let Some(row) = store.get_json::<Grant>(&key(id))? else { return Ok(batch) };
    let Some(next) = row.value.after(GrantStep::Expire, now, None, None) else { return Ok(batch) };
    Ok(batch.expect_version(key(id), row.version).put_json(key(id), &next)?)
}

/// True where a grant of the unit lets its people use players of their own.
pub(crate) fn has_raw(store: &Store, unit: &UnitId, now: Wall) -> Result<bool, StoreError> {
    let mut after: Option<String> = None;
    loop {
        let rows = store.range_json::<Grant>(GRANTS, after.as_deref(), ROWS_FETCHED_MAX)?;
        let Some((last, _)) = rows.last() else { return Ok(false) };
        after = Some(last.clone());
        let raw = |grant: &Grant| {
            grant.unit() == unit
                && grant.terms().verbs.contains(&Verb::Raw)
                && grant.state_at(now) == GrantState::Active
        };
        if rows.iter().any(|(_, row)| raw(&row.value)) {
            return Ok(true);
        }
    }
}

fn key(id: &GrantId) -> String {
    format!("{GRANTS}{}", id.0)
}

fn event(grant: &Grant, step: GrantStep, hand: Option<&Hand>, now: Wall) -> Event {
    let kind = match step {
        GrantStep::Suspend => Kind::GRANT_SUSPENDED,
        GrantStep::Resume => Kind::GRANT_RESUMED,
        GrantStep::Revoke => Kind::GRANT_REVOKED,
        GrantStep::Begin => GRANT_BEGAN,
        GrantStep::Expire => GRANT_EXPIRED,
    };
    let event = Event::new(kind, now)
        .object(key(grant.id()))
        .articles(["J-7"])
        .with("application", grant.application().0.clone())
        .with("unit", grant.unit().as_str());
    match hand {
        None => event,
        Some(hand) => event.actor(hand.actor.clone()).terminal(&hand.terminal).reason(&hand.reason),
    }
}
