//! Filing, moving and reading exports. Deliberately absent: who may and which step follows which (`stage`), and the rendering
//! (`worker`).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use media::id::Profile;
use media::mark::MarkKey;
use media::wall::{Clock, Wall};
use tokio::sync::Notify;

use super::form::ExportForm;
use super::media_release::{self, MediaRelease, MediaReleaseForm};
use super::metrics::ExportMetrics;
use super::package::ExportKey;
use super::progress::{Board, Progress};
use super::stage::{self, Actor, Barred, Trail, may_read};
use super::{Export, ExportId, ExportLine, Stage, Step};
use crate::authn::Principal;
use crate::error::{ApiError, Code};
use crate::extracts::ExtractPort;
use crate::grants::Verb;
use crate::ledger::{Event, Kind, Ledger};
use crate::mint::sortable_id;
use crate::outbox::{ChangeError, Outbox};
use crate::ports::RecordingPort;
use crate::register::inbox::{self, Task, Waiter};
use crate::registers::Role;
use crate::registers::field::prose;
use crate::registers::unit::BUREAU;
use crate::render::Studio;
use crate::sessions::{Ask, SessionDesk};
use crate::stamp::Stamp;
use crate::store::{Batch, CommitError, Order, Revision, Store, Versioned};
use crate::unusual::Use;
use crate::usage::Register;

/// An export moved to another stage.
const EXPORT_MOVED: Kind = Kind::named("export.moved");
/// A unit approved a release to the media.
const MEDIA_RELEASED: Kind = Kind::named("media_release.approved");
/// All exports.
pub(super) const EXPORTS: &str = "export/";
/// Those that are not over.
const OPEN: &str = "export-open/";
/// Exports that are not over, of all units: each may hold a package on the disk.
const OPEN_MAX: usize = 500;
/// Rows read for one page at most; past them the page ends early with a cursor.
const ROWS_READ_MAX: usize = 5_000;
/// Rows read at a time.
const ROWS_FETCHED_MAX: usize = 500;

/// What the binary brings for exports.
pub struct Setup {
    /// Where packages are kept.
    pub folder: PathBuf,
    /// Where pictures are made.
    pub studio: Studio,
    /// Signs manifests.
    pub key: ExportKey,
    /// The recorder's side.
    pub source: Arc<dyn ExtractPort>,
}

/// What the desk works with.
pub struct Tools {
    /// State.
    pub store: Store,
    /// The audit log.
    pub ledger: Ledger,
    /// Changes that the ledger hears of.
    pub outbox: Outbox,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Decisions.
    pub sessions: Arc<SessionDesk>,
    /// The usage register.
    pub usage: Register,
    /// The recorder's index.
    pub recordings: Arc<dyn RecordingPort>,
    /// The appliance's key for marks.
    pub marks: MarkKey,
    /// Counters.
    pub metrics: ExportMetrics,
    /// What the binary brings.
    pub setup: Setup,
}

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

/// All exports.
pub struct Exports {
    pub(super) tools: Tools,
    pub(super) board: Board,
    pub(super) wake: Notify,
    pub(super) stop: AtomicBool,
}

impl Exports {
    /// Over these.
    pub fn new(tools: Tools) -> Arc<Self> {
        Arc::new(Self { tools, board: Board::default(), wake: Notify::new(), stop: AtomicBool::new(false) })
    }

    /// Decides whether the caller may have such an export, and takes the request in as a draft.
    pub async fn file(&self, by: &Principal, form: ExportForm, note: &Note) -> Result<Export, ApiError> {
        let tools = &self.tools;
        tools.outbox.require_ledger()?;
        let now = tools.clock.wall();
        let form = form.checked(now)?;
        let ask = ask_of(&form);
        let permit = tools.sessions.permit(by, &ask, &note.request_id).await?;
        if !self.media_is_approved(by, &form)? {
            let code = Code::MediaReleaseApprovalMissing;
            return Err(tools.sessions.refused(by, &ask, &note.request_id, code).await);
        }
        if form.for_media && form.redact.is_empty() {
            return Err(tools.sessions.refused(by, &ask, &note.request_id, Code::RedactionRequired).await);
        }
        if tools.sessions.is_unusual(by, Use::Export, "").await {
            return Err(tools.sessions.refused(by, &ask, &note.request_id, Code::AnomalySuspended).await);
        }
        if tools.store.range(OPEN, None, OPEN_MAX)?.len() >= OPEN_MAX {
            return Err(ApiError::new(Code::Conflict).remedied(
                "未办结的导出过多,请先办结或撤回。",
                "Too many exports are not over; close or withdraw some first.",
            ));
        }
        let line =
            ExportLine { at: now.into(), by: Some(by.user().clone()), step: None, to: Stage::Draft, reason: None };
        let export = Export {
            id: ExportId(sortable_id(now).map_err(ChangeError::from)?),
            unit: by.unit().clone(),
            requester: by.user().clone(),
            terminal: by.terminal(),
            grant: permit.grant().clone(),
            endorser: None,
            approver: None,
            releaser: None,
            stage: Stage::Draft,
            form: ExportForm { purpose: permit.purpose().to_string(), reason: permit.reason().into(), ..form },
            session: None,
            mark: None,
            sealed: None,
            history: vec![line],
        };
        let key = key(&export.id);
        let batch = Batch::new().expect_absent(&key).put_json(&key, &export)?.put(open_key(&export.id), Vec::new());
        let batch = waiting(batch, &export)?;
        let event = signed(moved(&export, now), by, note);
        tools.outbox.change(now, batch, event, || {}).await?;
        Ok(export)
    }

    /// Takes a step that a person takes.
    pub async fn step(&self, by: &Principal, id: &ExportId, step: Step, note: Note) -> Result<Export, ApiError> {
        let row = self.find(by, id)?;
        let tools = &self.tools;
        stage::allows(step, actor(by), trail(&row.value)).map_err(barred)?;
        if step != Step::Withdraw && step != Step::Close {
            tools.outbox.require_ledger()?;
        }
        if note.version.is_some_and(|read| read != row.version) {
            return Err(Code::Conflict.into());
        }
        let reason = note.reason.as_deref().filter(|r| !r.trim().is_empty());
        let reason = reason.map(|r| prose("reason", r)).transpose()?;
        if step.needs_reason() && reason.is_none() {
            return Err(ApiError::new(Code::ReasonRequired).at("reason"));
        }
        if step == Step::Release {
            // A right that was taken away since it was asked for is not released.
            let export = &row.value;
            tools.sessions.still_permits(&export.requester, export.terminal, &ask_of(&export.form))?;
        }
        let now = tools.clock.wall();
        let next = row.value.after(step, Some(by.user()), reason.as_deref(), now).ok_or(Code::Conflict)?;
        self.keep(&next, row.version, signed(moved(&next, now), by, &note), now).await?;
        if next.stage.is_final() {
            self.discard(&next.id);
        }
        self.wake.notify_one();
        Ok(next)
    }

    /// One export; `NOT_FOUND` also where the caller may not read it.
    pub fn find(&self, by: &Principal, id: &ExportId) -> Result<Versioned<Export>, ApiError> {
        let row = self.load(id)?;
        let readable = may_read(actor(by), &row.value.unit, &row.value.requester);
        if readable { Ok(row) } else { Err(Code::NotFound.into()) }
    }

    /// Exports that the caller may read and that fit, each with its key, after the key `after`; one more than `limit` where
    /// there are more.
    pub fn list(
        &self,
        by: &Principal,
        fits: impl Fn(&Export) -> bool,
        order: Order,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<(String, Versioned<Export>)>, ApiError> {
        let (mut found, mut after) = (Vec::new(), after);
        let readable = |export: &Export| may_read(actor(by), &export.unit, &export.requester) && fits(export);
        for _ in 0..ROWS_READ_MAX.div_ceil(ROWS_FETCHED_MAX) {
            let rows = self.tools.store.range_json_in::<Export>(order, EXPORTS, after.as_deref(), ROWS_FETCHED_MAX)?;
            let Some((last, _)) = rows.last() else { break };
            after = Some(last.clone());
            found.extend(rows.into_iter().filter(|(_, row)| readable(&row.value)));
            if found.len() > limit {
                break;
            }
        }
        found.truncate(limit + 1);
        Ok(found)
    }

    /// How far its rendering is, while it is under way.
    pub fn progress(&self, id: &ExportId) -> Option<Progress> {
        self.board.of(id)
    }

    /// Its package, for whoever may collect it; that it was collected is on record then.
    pub async fn collect(&self, by: &Principal, id: &ExportId, request_id: &str) -> Result<PathBuf, ApiError> {
        let form = self.find(by, id)?.value.form;
        if let Some(code) = self.tools.sessions.place_bars(by)? {
            return Err(self.tools.sessions.refused(by, &ask_of(&form), request_id, code).await);
        }
        let note = Note { request_id: request_id.into(), ..Note::default() };
        self.step(by, id, Step::Collect, note).await?;
        Ok(self.package(id))
    }

    /// A unit's principal approves a release to the media.
    pub async fn approve_media(
        &self,
        by: &Principal,
        form: MediaReleaseForm,
        note: &Note,
    ) -> Result<MediaRelease, ApiError> {
        by.require(&[Role::UnitPrincipal])?;
        let tools = &self.tools;
        tools.outbox.require_ledger()?;
        let (now, form) = (tools.clock.wall(), form.checked()?);
        let id = sortable_id(now).map_err(ChangeError::from)?;
        let release = MediaRelease::given(id, by.unit().clone(), by.user().clone(), form, now);
        let key = media_release::key(&release.id);
        let batch = Batch::new().expect_absent(&key).put_json(&key, &release)?;
        let event = Event::new(MEDIA_RELEASED, now)
            .object(&key)
            .articles(["J-23"])
            .reason(&release.form.reason)
            .with("release", as_value(&release));
        tools.outbox.change(now, batch, signed(event, by, note), || {}).await?;
        Ok(release)
    }

    /// Releases to the media of the caller's unit, or all for those who oversee.
    pub fn media_releases(
        &self,
        by: &Principal,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, MediaRelease)>, ApiError> {
        by.require(&[Role::UnitAdmin, Role::UnitPrincipal, Role::Operator, Role::BureauApprover, Role::AuditAdmin])?;
        let all = by.roles().has_any(&[Role::BureauApprover, Role::AuditAdmin]);
        let rows = self.tools.store.range_json::<MediaRelease>(media_release::RELEASES, after, ROWS_READ_MAX)?;
        let own = rows.into_iter().filter(|(_, row)| all || row.value.unit == *by.unit());
        Ok(own.take(limit + 1).map(|(key, row)| (key, row.value)).collect())
    }

    fn media_is_approved(&self, by: &Principal, form: &ExportForm) -> Result<bool, ApiError> {
        let release = match &form.media_release {
            Some(id) => media_release::load(&self.tools.store, id)?,
            None => None,
        };
        Ok(!form.for_media || release.is_some_and(|release| release.covers(form, by.unit(), by.user())))
    }

    pub(super) fn load(&self, id: &ExportId) -> Result<Versioned<Export>, ApiError> {
        self.tools.store.get_json(&key(id))?.ok_or_else(|| Code::NotFound.into())
    }

    /// The ids of exports that are not over, oldest first.
    pub(super) fn open_ids(&self) -> Result<Vec<ExportId>, ApiError> {
        let rows = self.tools.store.range(OPEN, None, OPEN_MAX)?;
        Ok(rows.iter().filter_map(|row| row.key.strip_prefix(OPEN)).map(|id| ExportId(id.to_owned())).collect())
    }

    pub(super) async fn keep(&self, next: &Export, version: Revision, event: Event, now: Wall) -> Result<(), ApiError> {
        let key = key(&next.id);
        let mut batch = Batch::new().expect_version(&key, version).put_json(&key, next)?;
        if next.stage.is_final() {
            batch = batch.delete(open_key(&next.id));
        }
        let batch = waiting(batch, next)?;
        Ok(self.tools.outbox.change(now, batch, event, || {}).await?)
    }

    /// Where packages and other files on their way out lie.
    pub fn folder(&self) -> &Path {
        &self.tools.setup.folder
    }

    /// Where its package lies.
    pub(super) fn package(&self, id: &ExportId) -> PathBuf {
        package_in(&self.tools.setup.folder, id)
    }

    /// Deletes its package. What cannot be deleted now is at the next start.
    fn discard(&self, id: &ExportId) {
        if let Err(error) = std::fs::remove_file(self.package(id))
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(export = %id.0, %error, "a package stays until the next start");
        }
    }
}

/// Puts the export in the inbox of whoever has to act on it, and takes it out of all others.
fn waiting(batch: Batch, export: &Export) -> Result<Batch, CommitError> {
    let bureau = BUREAU.parse().map(|unit| Waiter::Unit(Role::ExportOfficer, unit));
    let officers: Vec<_> = bureau.into_iter().chain([Waiter::Unit(Role::ExportOfficer, export.unit.clone())]).collect();
    let head = vec![Waiter::Unit(Role::UnitPrincipal, export.unit.clone())];
    let approver = vec![Waiter::Role(Role::BureauApprover)];
    let requester = vec![Waiter::Person(export.requester.clone())];
    let all = [officers.as_slice(), &head, &approver, &requester].concat();
    let now = match export.stage {
        Stage::Draft => head,
        Stage::Endorsed => approver,
        Stage::Approved | Stage::Failed => officers,
        Stage::Ready => requester,
        _ => Vec::new(),
    };
    let state = as_value(&export.stage);
    let task = Task {
        register: "exports".into(),
        id: export.id.0.clone(),
        unit: export.unit.clone(),
        state: state.as_str().unwrap_or_default().into(),
        since: export.history.last().map_or(Stamp(Wall::EPOCH), |line| line.at),
        due: None,
    };
    inbox::passed_on(batch, Some((&task, &all)), &task, &now)
}

/// The file name of an export's package.
pub(super) fn package_in(folder: &Path, id: &ExportId) -> PathBuf {
    folder.join(format!("{}.zip", id.0))
}

/// What the decision is asked.
pub(super) fn ask_of(form: &ExportForm) -> Ask {
    Ask {
        camera: form.camera.clone(),
        verb: Verb::Export,
        profile: Profile::Main,
        purpose: form.purpose.clone(),
        reason: form.reason.clone(),
        range: Some((form.from.0, form.to.0)),
        emergency: None,
    }
}

/// The store's key of an export.
fn key(id: &ExportId) -> String {
    format!("{EXPORTS}{}", id.0)
}

fn open_key(id: &ExportId) -> String {
    format!("{OPEN}{}", id.0)
}

fn actor(by: &Principal) -> Actor<'_> {
    Actor { user: by.user(), unit: by.unit(), roles: by.roles() }
}

fn trail(export: &Export) -> Trail<'_> {
    Trail {
        stage: export.stage,
        unit: &export.unit,
        requester: &export.requester,
        endorser: export.endorser.as_ref(),
        approver: export.approver.as_ref(),
    }
}

fn barred(why: Barred) -> ApiError {
    match why {
        Barred::Stage => Code::Conflict.into(),
        Barred::SamePerson => Code::SecondPersonRequired.into(),
        Barred::Role(_) => ApiError::new(Code::RoleForbids).remedied("此步骤须由规定的人员办理。", why.to_string()),
    }
}

/// The event of an export's newest line.
pub(super) fn moved(export: &Export, now: Wall) -> Event {
    let line = export.history.last();
    let step = line.and_then(|line| line.step).map_or("file", Step::word);
    let mut event = Event::new(EXPORT_MOVED, now)
        .object(key(&export.id))
        .action(step)
        .articles(["J-26"])
        .purpose(&export.form.purpose)
        .with("unit", export.unit.as_str())
        .with("stage", as_value(&export.stage));
    if step == "file" {
        event = event.with("form", as_value(&export.form));
    }
    event.reason = line.and_then(|line| line.reason.clone());
    event
}

fn signed(event: Event, by: &Principal, note: &Note) -> Event {
    event.actor(by.actor()).terminal(by.terminal().to_string()).request_id(&note.request_id)
}

pub(super) fn as_value<T: serde::Serialize>(value: &T) -> serde_json::Value {
    serde_json::to_value(value).expect("text keys and plain values always make JSON")
}
