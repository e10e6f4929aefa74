//! Filing, moving and reading applications. Deliberately absent: who may (`authority`), which step follows which (`stage`), and
//! what an approval makes (`approval`).

use std::sync::Arc;

use media::wall::{Clock, Wall};

use super::approval::{Approvable, Approval, digest};
use super::authority::{self, Barred, Hand, Trail, may_read};
use super::{Application, Form, ResourceForm, Stage, Step, key};
use crate::authn::Principal;
use crate::error::{ApiError, Code};
use crate::grants::book::{Hand as GrantHand, StepError};
use crate::grants::{ApplicationId, GrantBook, GrantStep};
use crate::ledger::{Event, Kind};
use crate::mint::sortable_id;
use crate::outbox::{ChangeError, Outbox};
use crate::register::inbox::{self, Task, Waiter};
use crate::registers::Role;
use crate::registers::field::prose;
use crate::sessions::SessionDesk;
use crate::stamp::Stamp;
use crate::store::{Batch, CommitError, Order, Revision, Store, Versioned};

/// Rows read for one page at most; past them the page ends early with a cursor.
const ROWS_READ_MAX: usize = 5_000;
/// Rows read at a time.
const ROWS_FETCHED_MAX: usize = 500;

/// An application with its key.
pub type Keyed<F> = (String, Versioned<Application<F>>);

/// What a step brings besides itself.
#[derive(Clone, Debug, Default)]
pub struct Note {
    /// Opinion or reason; a must where `Step::needs_reason`.
    pub reason: Option<String>,
    /// The version that the caller has read; the step is refused if it is not the newest.
    pub version: Option<Revision>,
    /// The HTTP request.
    pub request_id: String,
}

/// Both kinds of applications.
pub struct ApplicationDesk {
    pub(super) store: Store,
    outbox: Outbox,
    clock: Arc<dyn Clock>,
    grants: Arc<GrantBook>,
    sessions: Arc<SessionDesk>,
}

impl ApplicationDesk {
    /// Over these.
    pub fn new(
        store: Store,
        outbox: Outbox,
        clock: Arc<dyn Clock>,
        grants: Arc<GrantBook>,
        sessions: Arc<SessionDesk>,
    ) -> Self {
        Self { store, outbox, clock, grants, sessions }
    }

    /// Takes a form in as a draft of the caller's unit.
    pub async fn file<F: Approvable>(&self, by: &Principal, form: F, note: &Note) -> Result<Application<F>, ApiError> {
        by.require(&authority::FILING)?;
        self.outbox.require_ledger()?;
        let now = self.clock.wall();
        let form = form.checked(now)?;
        form.check_registers(self, by)?;
        let id = ApplicationId(sortable_id(now).map_err(ChangeError::from)?);
        let application = Application::filed(id, by.unit().clone(), by.user().clone(), form, now);
        let key = key::<F>(&application.id);
        let batch = Batch::new().expect_absent(&key).put_json(&key, &application)?;
        let batch = waiting(batch, &application)?;
        let event = moved(&application, by, note, now);
        self.outbox.change(now, batch, event, || {}).await?;
        Ok(application)
    }

    /// One application; `NOT_FOUND` also where the caller may not read it.
    pub fn find<F: Form>(&self, by: &Principal, id: &ApplicationId) -> Result<Versioned<Application<F>>, ApiError> {
        let row = self.load::<F>(id)?;
        if may_read(hand(by), &row.value.unit) { Ok(row) } else { Err(Code::NotFound.into()) }
    }

    /// Applications that the caller may read and that fit, each with its key, in the order of their ids, after the key
    /// `after`; one more than `limit` where there are more.
    pub fn list<F: Form>(
        &self,
        by: &Principal,
        fits: impl Fn(&Application<F>) -> bool,
        order: Order,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<Keyed<F>>, ApiError> {
        let prefix = key::<F>(&ApplicationId(String::new()));
        let (mut found, mut after) = (Vec::new(), after);
        for _ in 0..ROWS_READ_MAX.div_ceil(ROWS_FETCHED_MAX) {
            let rows =
                self.store.range_json_in::<Application<F>>(order, &prefix, after.as_deref(), ROWS_FETCHED_MAX)?;
            let Some((last, _)) = rows.last() else { break };
            after = Some(last.clone());
            found.extend(rows.into_iter().filter(|(_, row)| may_read(hand(by), &row.value.unit) && fits(&row.value)));
            if found.len() > limit {
                break;
            }
        }
        found.truncate(limit + 1);
        Ok(found)
    }

    /// Takes a step that a person takes.
    pub async fn step<F: Approvable>(
        &self,
        by: &Principal,
        id: &ApplicationId,
        step: Step,
        note: Note,
    ) -> Result<Application<F>, ApiError> {
        let row = self.find::<F>(by, id)?;
        self.check(by, &row, step, &note)?;
        let now = self.clock.wall();
        let reason = note.reason.as_deref().filter(|r| !r.trim().is_empty());
        let reason = reason.map(|r| prose("reason", r)).transpose()?;
        if step == Step::Withdraw && row.value.stage == Stage::Granted {
            self.take_back(by, &row.value, &note).await?;
        }
        let next = row.value.after(step, Some(by.user()), reason.as_deref(), now).ok_or(Code::Conflict)?;
        if step == Step::Approve {
            return self.approve(by, &next, row.version, &note, now).await;
        }
        self.keep(&next, row.version, moved(&next, by, &note, now), now).await?;
        Ok(next)
    }

    /// Corrects a form that is a draft or was returned; it must be endorsed again.
    pub async fn revise<F: Approvable>(
        &self,
        by: &Principal,
        id: &ApplicationId,
        form: F,
        note: Note,
    ) -> Result<Application<F>, ApiError> {
        let row = self.find::<F>(by, id)?;
        self.check(by, &row, Step::Revise, &note)?;
        let now = self.clock.wall();
        let form = form.checked(now)?;
        form.check_registers(self, by)?;
        let mut next = row.value.after(Step::Revise, Some(by.user()), None, now).ok_or(Code::Conflict)?;
        next.earlier_forms.push(std::mem::replace(&mut next.form, form));
        self.keep(&next, row.version, moved(&next, by, &note, now), now).await?;
        Ok(next)
    }

    /// Notes that what an application led to has run out.
    pub async fn expire(&self, id: &ApplicationId) -> Result<(), ApiError> {
        // A grant that came with an emergency has none.
        let Some(row) = self.store.get_json::<Application<ResourceForm>>(&key::<ResourceForm>(id))? else {
            return Ok(());
        };
        let now = self.clock.wall();
        let Some(next) = row.value.after(Step::Expire, None, None, now) else { return Ok(()) };
        let event = told(&next, Event::new(Kind::APPLICATION_MOVED, now));
        self.keep(&next, row.version, event, now).await
    }

    fn load<F: Form>(&self, id: &ApplicationId) -> Result<Versioned<Application<F>>, ApiError> {
        self.store.get_json(&key::<F>(id))?.ok_or_else(|| Code::NotFound.into())
    }

    fn check<F: Approvable>(
        &self,
        by: &Principal,
        row: &Versioned<Application<F>>,
        step: Step,
        note: &Note,
    ) -> Result<(), ApiError> {
        let Versioned { value: application, version } = row;
        let trail = Trail {
            unit: &application.unit,
            requester: &application.requester,
            endorser: application.endorser.as_ref(),
        };
        authority::allows(step, hand(by), trail).map_err(barred)?;
        if step != Step::Withdraw {
            self.outbox.require_ledger()?;
        }
        let stale = note.version.is_some_and(|read| read != *version);
        let for_good = step == Step::Withdraw && application.stage == Stage::Granted && !F::WITHDRAWN_AFTER_GRANT;
        if stale || for_good || application.stage.after(step).is_none() {
            return Err(Code::Conflict.into());
        }
        if step.needs_reason() && note.reason.as_deref().is_none_or(|reason| reason.trim().is_empty()) {
            return Err(ApiError::new(Code::ReasonRequired).at("reason"));
        }
        Ok(())
    }

    /// Approval and what follows from it, in one commit.
    async fn approve<F: Approvable>(
        &self,
        by: &Principal,
        approved: &Application<F>,
        version: Revision,
        note: &Note,
        now: Wall,
    ) -> Result<Application<F>, ApiError> {
        let made = F::make(self, Approval { application: approved, by, now, batch: Batch::new() })?;
        let mut granted = approved.after(Step::Grant, None, None, now).ok_or(Code::Conflict)?;
        granted.grant = made.grant.as_ref().map(|grant| grant.id().clone());
        let key = key::<F>(&granted.id);
        let batch = waiting(made.batch.expect_version(&key, version).put_json(&key, &granted)?, &granted)?;
        let events = vec![moved(approved, by, note, now), made.event];
        let kept = made.grant.map(|grant| self.grants.keep(grant));
        self.outbox.change_all(now, batch, events, move || kept.into_iter().for_each(|keep| keep())).await?;
        Ok(granted)
    }

    /// What was granted goes first: better an application that claims a grant it no longer has than the reverse.
    async fn take_back<F: Form>(&self, by: &Principal, from: &Application<F>, note: &Note) -> Result<(), ApiError> {
        let Some(grant) = &from.grant else { return Ok(()) };
        let hand = GrantHand {
            actor: by.actor(),
            user: by.user().clone(),
            terminal: by.terminal().to_string(),
            reason: note.reason.clone().unwrap_or_else(|| "application withdrawn".into()),
        };
        match self.sessions.change_grant(grant, GrantStep::Revoke, Some(&hand)).await {
            Ok(_) | Err(StepError::Unfit(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn keep<F: Form>(
        &self,
        next: &Application<F>,
        version: Revision,
        event: Event,
        now: Wall,
    ) -> Result<(), ApiError> {
        let key = key::<F>(&next.id);
        let batch = waiting(Batch::new().expect_version(&key, version).put_json(&key, next)?, next)?;
        Ok(self.outbox.change(now, batch, event, || {}).await?)
    }
}

/// Puts the application in the inbox of whoever has to act on it, and takes it out of all others.
fn waiting<F: Form>(batch: Batch, application: &Application<F>) -> Result<Batch, CommitError> {
    let of_unit = |role| Waiter::Unit(role, application.unit.clone());
    let (head, clerk, bureau) =
        (of_unit(Role::UnitPrincipal), of_unit(Role::UnitAdmin), Waiter::Role(Role::BureauApprover));
    let now = match application.stage {
        Stage::Draft => Some(head.clone()),
        Stage::Endorsed | Stage::Returned => Some(clerk.clone()),
        Stage::Submitted | Stage::Accepted => Some(bureau.clone()),
        Stage::Approved | Stage::Refused | Stage::Granted | Stage::Expired | Stage::Withdrawn => None,
    };
    let since = application.history.last().map_or(Stamp(Wall::EPOCH), |line| line.at);
    let task = Task {
        register: format!("applications/{}", F::KIND),
        id: application.id.0.clone(),
        unit: application.unit.clone(),
        state: application.stage.word().into(),
        since,
        due: None,
    };
    inbox::passed_on(batch, Some((&task, &[head, clerk, bureau])), &task, now.as_slice())
}

fn hand(by: &Principal) -> Hand<'_> {
    Hand { user: by.user(), unit: by.unit(), roles: by.roles() }
}

fn barred(why: Barred) -> ApiError {
    let zh = match why {
        Barred::Role(_) => "此步骤须由具备相应角色的人员办理。",
        Barred::OtherUnit => "这是其他单位的申请。",
        Barred::OwnUnit => "不得审批本单位的申请。",
        Barred::SamePerson => "申请人、签署人、审批人须为不同的人。",
    };
    ApiError::new(Code::RoleForbids).remedied(zh, why.to_string())
}

/// The event of an application's newest line, by a person.
fn moved<F: Form>(application: &Application<F>, by: &Principal, note: &Note, now: Wall) -> Event {
    let event = Event::new(Kind::APPLICATION_MOVED, now)
        .actor(by.actor())
        .terminal(by.terminal().to_string())
        .request_id(&note.request_id);
    told(application, event)
}

/// The form itself may be larger than an entry of the ledger; its hash says which it was.
fn told<F: Form>(application: &Application<F>, event: Event) -> Event {
    let line = application.history.last();
    let step = line.and_then(|line| line.step).map_or("file", Step::word);
    let mut event = event
        .object(key::<F>(&application.id))
        .action(step)
        .articles(["J-7"])
        .with("unit", application.unit.as_str())
        .with("stage", serde_json::json!(application.stage))
        .with("form_sha256", digest(&application.form));
    event.reason = line.and_then(|line| line.reason.clone());
    event
}
