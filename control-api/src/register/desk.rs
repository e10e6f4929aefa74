//! Filing, moving and reading records of whatever register, each change with its line of history and its event on the ledger.
//! Deliberately absent: what the registers are.

use std::sync::Arc;

use jiff::tz::TimeZone;
use media::id::CameraId;
use media::wall::{Clock, Wall};

use super::{Change, Filing, Line, Move, Record, RecordId, Register, State, rows};
use crate::authn::Principal;
use crate::error::{ApiError, Code};
use crate::grants::GrantBook;
use crate::ledger::{Event, Kind};
use crate::mint;
use crate::outbox::Outbox;
use crate::registers::field::prose;
use crate::registers::{UnitId, UserId, camera, hold};
use crate::retention::Keeper;
use crate::sight::Scope;
use crate::store::{Batch, Order, Revision, Store, Versioned};

/// The word of a correction in a record's history.
pub const CORRECT: &str = "correct";
/// The word of the filing in a record's history.
pub const FILE: &str = "file";
/// Most lines of a record's history: one that is corrected more often is filed anew.
const LINES_MAX: u32 = 10_000;
/// Rows read at a time while a page is filled.
const ROWS_FETCHED: usize = 500;
/// Rows read for one page at most; past them the page ends early with a cursor.
const ROWS_READ_MAX: usize = 20_000;

/// A record was filed.
const FILED: Kind = Kind::named("record.filed");
/// A record was corrected or moved.
const MOVED: Kind = Kind::named("record.moved");

/// What a step brings besides itself.
#[derive(Clone, Debug, Default)]
pub struct Note {
    /// Why.
    pub reason: Option<String>,
    /// The version that the caller has read; refused if it is not the newest.
    pub version: Option<Revision>,
    /// The HTTP request.
    pub request_id: String,
}

/// All registers.
#[derive(Clone)]
pub struct Desk {
    store: Store,
    outbox: Outbox,
    clock: Arc<dyn Clock>,
    grants: Arc<GrantBook>,
    keeper: Arc<Keeper>,
    zone: TimeZone,
}

/// A record with its key.
pub type Keyed<R> = (String, Versioned<Record<R>>);

impl Desk {
    /// Over this store.
    pub fn new(
        store: Store,
        outbox: Outbox,
        clock: Arc<dyn Clock>,
        grants: Arc<GrantBook>,
        keeper: Arc<Keeper>,
        zone: TimeZone,
    ) -> Self {
        Self { store, outbox, clock, grants, keeper, zone }
    }

    /// The registers' rows.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// The time.
    pub fn now(&self) -> Wall {
        self.clock.wall()
    }

    /// The site's time zone.
    pub const fn zone(&self) -> &TimeZone {
        &self.zone
    }

    fn checked<R: Register>(&self, by: &Principal, form: R, now: Wall) -> Result<R, ApiError> {
        let sees = |id: &CameraId| {
            let Some(row) = camera::load(&self.store, id)? else { return Ok(false) };
            Ok(Scope::of(&self.store, &self.grants, now, by)?.shows(&row.value))
        };
        form.checked(&Filing { store: &self.store, by, now, zone: &self.zone, sees: &sees })
    }

    /// Files one record.
    pub async fn file<R: Register>(&self, by: &Principal, form: R, request_id: &str) -> Result<RecordId, ApiError> {
        let record = self.filed(by, form)?;
        let id = record.id.clone();
        self.file_all(by, vec![record], request_id).await?;
        Ok(id)
    }

    /// Files records that [`Self::filed`] made, all or none.
    pub async fn file_all<R: Register>(
        &self,
        by: &Principal,
        records: Vec<Record<R>>,
        request_id: &str,
    ) -> Result<(), ApiError> {
        self.outbox.require_ledger()?;
        let (mut batch, mut events) = (Batch::new(), Vec::new());
        for record in &records {
            batch = batch.and(self.batch(None, record, &line_of(record, FILE, Some(by.user()), None, true), None)?);
            events.push(event(FILED, record, FILE, Some(by), None).request_id(request_id));
        }
        self.commit(batch, events).await
    }

    /// Commits a change; what follows from it (grants, holds) is in force when this returns.
    async fn commit(&self, batch: Batch, events: Vec<Event>) -> Result<(), ApiError> {
        let (kept, held) = (self.grants.keep_all(&batch), hold::held_by(&batch));
        let changed = self.outbox.change_all(self.now(), batch, events, kept).await;
        for camera in held {
            if let Err(error) = self.keeper.apply_holds(&camera) {
                tracing::error!(%camera, %error, "the recorder did not take a hold; it is tried again");
            }
        }
        Ok(changed?)
    }

    /// Files a record of the appliance's own.
    pub async fn file_own<R: Register>(&self, unit: UnitId, fields: R) -> Result<RecordId, ApiError> {
        let record = record(unit, fields, self.now())?;
        let batch = self.batch(None, &record, &line_of(&record, FILE, None, None, true), None)?;
        self.commit(batch, vec![event(FILED, &record, FILE, None, None)]).await?;
        Ok(record.id)
    }

    /// The record that a form makes, or why it cannot be filed; nothing is stored. Blocks on store reads.
    pub fn filed<R: Register>(&self, by: &Principal, form: R) -> Result<Record<R>, ApiError> {
        // Who may not file at all hears so before the form is looked at.
        let may = by.roles().has_any(&R::FILING.roles().collect::<Vec<_>>()) || R::FILING.is_of_subject();
        if !may {
            return Err(Code::RoleForbids.into());
        }
        let now = self.now();
        let fields = self.checked(by, form, now)?;
        let unit = fields.unit(&self.store)?.unwrap_or_else(|| by.unit().clone());
        R::FILING.check_filing(by, &unit, fields.subject())?;
        let mut record = record(unit, fields, now)?;
        record.filed_by = Some(by.user().clone());
        record.hands.push(by.user().clone());
        Ok(record)
    }

    /// Takes a step that a person takes.
    pub async fn step<R: Register>(
        &self,
        by: &Principal,
        id: &RecordId,
        step: &str,
        note: Note,
    ) -> Result<(), ApiError> {
        let row = self.find::<R>(by, id)?;
        let transition = transition::<R>(&row.value, step)?;
        transition.who.check(by, &row.value)?;
        not_stale(&row, &note)?;
        let reason = note.reason.as_deref().filter(|text| !text.trim().is_empty());
        if transition.needs_reason && reason.is_none() {
            return Err(ApiError::new(Code::ReasonRequired).at("reason"));
        }
        let reason = reason.map(|text| prose("reason", text)).transpose()?;
        self.outbox.require_ledger()?;
        self.moved(&row, transition, Some(by), reason, Some(&note.request_id)).await
    }

    /// Takes the step that is due, if it still is. Gives whether one was taken.
    pub async fn take_due<R: Register>(&self, id: &RecordId) -> Result<bool, ApiError> {
        let Some(row) = rows::load::<R>(&self.store, id)? else { return Ok(false) };
        let Some(due) = R::due(&row.value).filter(|due| due.at <= self.now()) else { return Ok(false) };
        let transition = transition::<R>(&row.value, due.step)?;
        self.moved(&row, transition, None, None, None).await?;
        Ok(true)
    }

    async fn moved<R: Register>(
        &self,
        row: &Versioned<Record<R>>,
        transition: &'static Move<R::State>,
        by: Option<&Principal>,
        reason: Option<String>,
        request_id: Option<&str>,
    ) -> Result<(), ApiError> {
        let now = self.now();
        let mut next = touched(&row.value, by)?;
        next.state = transition.to;
        next.since = now.into();
        let line = line_of(&next, transition.step, by.map(Principal::user), reason.as_deref(), false);
        let batch = self.batch(Some(row), &next, &Line { at: now.into(), ..line }, Some(transition.step))?;
        let mut event =
            event(MOVED, &next, transition.step, by, reason.as_deref()).with("from", row.value.state.word());
        event.at = now.into();
        event.request_id = request_id.map(Into::into);
        self.commit(batch, vec![event]).await
    }

    /// Corrects a record's fields; what they were stays in the history.
    pub async fn correct<R: Register>(
        &self,
        by: &Principal,
        id: &RecordId,
        form: R,
        note: Note,
    ) -> Result<(), ApiError> {
        let row = self.find::<R>(by, id)?;
        R::FILING.check_filing(by, &row.value.unit, row.value.fields.subject())?;
        not_stale(&row, &note)?;
        if !row.value.is_in(R::CORRECTED_IN) {
            return Err(unfit(CORRECT, row.value.state));
        }
        let now = self.now();
        let fields = self.checked(by, form, now)?;
        let unit = fields.unit(&self.store)?.unwrap_or_else(|| row.value.unit.clone());
        if unit != row.value.unit || fields.subject() != row.value.fields.subject() {
            return Err(ApiError::new(Code::Conflict)
                .remedied("单位和人员不能更改,请另行登记。", "Whose record it is cannot be changed; file another."));
        }
        self.outbox.require_ledger()?;
        let mut next = touched(&row.value, Some(by))?;
        next.fields = fields;
        let line = Line { at: now.into(), ..line_of(&next, CORRECT, Some(by.user()), None, true) };
        let batch = self.batch(Some(&row), &next, &line, Some(CORRECT))?;
        let mut event = event(MOVED, &next, CORRECT, Some(by), None).request_id(&note.request_id);
        event.at = now.into();
        self.commit(batch, vec![event]).await
    }

    fn batch<R: Register>(
        &self,
        before: Option<&Versioned<Record<R>>>,
        after: &Record<R>,
        line: &Line<R>,
        step: Option<&'static str>,
    ) -> Result<Batch, ApiError> {
        let batch = rows::kept(before, after, line)?;
        let before = before.map(|row| &row.value);
        let hold_margin = self.keeper.settings().hold_margin;
        R::with(batch, &Change { before, after, step, store: &self.store, now: self.now(), hold_margin })
    }

    /// One record; `NOT_FOUND` also where the caller may not read it.
    pub fn find<R: Register>(&self, by: &Principal, id: &RecordId) -> Result<Versioned<Record<R>>, ApiError> {
        R::READING.check(by)?;
        let row = rows::load::<R>(&self.store, id)?;
        row.filter(|row| R::READING.shows(by, &row.value)).ok_or_else(|| Code::NotFound.into())
    }

    /// Records that the caller may read and that fit, in the order of their ids, after the key `after`; one more than `limit`
    /// where there are more. Blocks.
    pub fn list<R: Register>(
        &self,
        by: &Principal,
        fits: impl Fn(&Record<R>) -> bool,
        order: Order,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<Keyed<R>>, ApiError> {
        let (mut found, mut after) = (Vec::new(), after);
        for _ in 0..ROWS_READ_MAX.div_ceil(ROWS_FETCHED) {
            let read =
                self.store.range_json_in::<Record<R>>(order, &rows::prefix::<R>(), after.as_deref(), ROWS_FETCHED)?;
            let Some((last, _)) = read.last() else { break };
            after = Some(last.clone());
            found.extend(read.into_iter().filter(|(_, row)| R::READING.shows(by, &row.value) && fits(&row.value)));
            if found.len() > limit {
                break;
            }
        }
        found.truncate(limit + 1);
        Ok(found)
    }
}

/// A new record, filed by nobody yet.
fn record<R: Register>(unit: UnitId, fields: R, now: Wall) -> Result<Record<R>, ApiError> {
    let id = RecordId(mint::sortable_id(now).map_err(|_| Code::Internal)?);
    let since = now.into();
    Ok(Record {
        id,
        unit,
        state: R::FIRST,
        filed_by: None,
        filed_at: since,
        since,
        hands: Vec::new(),
        lines: 1,
        fields,
    })
}

/// The record with one more line, and with `by` among its hands.
fn touched<R: Register>(record: &Record<R>, by: Option<&Principal>) -> Result<Record<R>, ApiError> {
    if record.lines >= LINES_MAX {
        return Err(Code::Conflict.into());
    }
    let mut next = record.clone();
    next.lines += 1;
    if let Some(by) = by.filter(|by| !record.hands.contains(by.user())) {
        next.hands.push(by.user().clone());
    }
    Ok(next)
}

fn transition<R: Register>(record: &Record<R>, step: &str) -> Result<&'static Move<R::State>, ApiError> {
    let known = R::MOVES.iter().filter(|transition| transition.step == step);
    let mut known = known.peekable();
    if known.peek().is_none() {
        return Err(Code::NotFound.into());
    }
    known.find(|transition| transition.from.contains(&record.state)).ok_or_else(|| unfit(step, record.state))
}

fn unfit<S: State>(step: &str, state: S) -> ApiError {
    let step: String = step.chars().take(32).collect();
    ApiError::new(Code::Conflict).remedied(
        format!("当前状态为 {},不能执行 {step}。", state.word()),
        format!("It is {}; {step} cannot be taken from there.", state.word()),
    )
}

fn not_stale<R: Register>(row: &Versioned<Record<R>>, note: &Note) -> Result<(), ApiError> {
    if note.version.is_none_or(|version| version == row.version) { Ok(()) } else { Err(Code::Conflict.into()) }
}

fn line_of<R: Register>(
    record: &Record<R>,
    step: &str,
    by: Option<&UserId>,
    reason: Option<&str>,
    whole: bool,
) -> Line<R> {
    Line {
        at: record.since,
        by: by.cloned(),
        step: step.into(),
        to: record.state,
        reason: reason.map(Into::into),
        fields: whole.then(|| record.fields.clone()),
    }
}

fn event<R: Register>(
    kind: Kind,
    record: &Record<R>,
    step: &str,
    by: Option<&Principal>,
    reason: Option<&str>,
) -> Event {
    let event = Event::new(kind, record.since.0)
        .action(format!("{}.{step}", R::NAME))
        .object(format!("{}/{}", R::NAME, record.id.0))
        .articles(R::ARTICLES.iter().copied())
        .with("unit", record.unit.as_str())
        .with("state", record.state.word());
    let event = match by {
        Some(by) => event.actor(by.actor()).terminal(by.terminal().to_string()),
        None => event,
    };
    let event = if let Some(reason) = reason { event.reason(reason) } else { event };
    // A step changes no field; what was filed or corrected is on the ledger whole.
    if step == FILE || step == CORRECT {
        let fields = serde_json::to_value(&record.fields).expect("text keys and plain values always make JSON");
        return event.with("fields", fields);
    }
    event
}
