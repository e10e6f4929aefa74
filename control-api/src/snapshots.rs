//! Snapshots: one picture of now or of an instant, with the visible mark burnt in and the other one beside it (J-26: its own verb).
//! On record before anything is read, and closed when it is over, as every viewing is. The picture is rendered by the same confined
//! process as an export; nothing of it is kept.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bytes::Bytes;
use media::id::{CameraId, Profile, StreamKey};
use media::mark::{Carrier, MarkKey, SessionMark};
use media::wall::{Clock, Wall};
use recorder::Range;
use recorder::playback::extract::{Extract, ExtractError, Part};
use relay::lease::{EndReason, SessionId};
use serde::Deserialize;
use tokio::sync::Semaphore;

use crate::authn::Principal;
use crate::error::{ApiError, Code};
use crate::exports;
use crate::extracts::ExtractPort;
use crate::grants::Verb;
use crate::mint;
use crate::outbox::ChangeError;
use crate::policy::Permit;
use crate::registers::{unit, user};
use crate::render::{Clip, Look, Output, RenderError, Studio};
use crate::sessions::{Ask, SessionDesk};
use crate::stamp::Stamp;
use crate::store::{Store, StoreError};
use crate::usage::{Medium, Register, UsageError, UsageRecord, VideoContent};

/// Snapshots rendered at once; each is a decoder for a second or so.
const AT_ONCE_MAX: usize = 2;
/// How far behind an instant its picture may lie: the longest time between two pictures of a camera that is of any use.
const REACH: Duration = Duration::from_secs(10);
/// A snapshot of now is of the last second that is on the disk.
const NEWEST: i64 = 1_000_000;
/// Largest picture: 8K at the best quality stays below.
const PICTURE_BYTES_MAX: u64 = 32 << 20;
/// SOI, behind which the mark stands.
const JPEG_START: usize = 2;

/// What is asked for.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SnapshotForm {
    /// The camera's id.
    pub camera: String,
    /// A purpose code of the unit's duties.
    #[serde(default)]
    #[schema(example = "GA-3")]
    pub purpose: String,
    /// The concrete reason, at most 1000 characters.
    #[serde(default)]
    pub reason: String,
    /// The instant; now where it is not given.
    #[serde(default)]
    pub at: Option<Stamp>,
}

/// A picture that was taken.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Its id, which stands on it.
    pub id: String,
    /// When it was captured, to a picture.
    pub at: Wall,
    /// The picture, marked.
    pub jpeg: Bytes,
}

/// Takes them.
pub struct Snapshots {
    tools: Tools,
    at_once: Semaphore,
}

/// What they are taken with.
pub struct Tools {
    /// State.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Decisions.
    pub sessions: Arc<SessionDesk>,
    /// The usage register.
    pub usage: Register,
    /// The appliance's key for marks.
    pub marks: MarkKey,
    /// Where pictures are made.
    pub studio: Studio,
    /// The recorder's side.
    pub source: Arc<dyn ExtractPort>,
}

/// They go the way of exports, with the same tools.
impl From<&exports::Tools> for Tools {
    fn from(tools: &exports::Tools) -> Self {
        Self {
            store: tools.store.clone(),
            clock: Arc::clone(&tools.clock),
            sessions: Arc::clone(&tools.sessions),
            usage: tools.usage.clone(),
            marks: tools.marks.clone(),
            studio: tools.setup.studio.clone(),
            source: Arc::clone(&tools.setup.source),
        }
    }
}

/// Why there is no picture. The texts are for the log.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Extract(#[from] ExtractError),
    #[error(transparent)]
    Render(#[from] RenderError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the picture: {0}")]
    Picture(#[from] std::io::Error),
}

impl Snapshots {
    /// With these.
    pub fn new(tools: Tools) -> Arc<Self> {
        Arc::new(Self { tools, at_once: Semaphore::new(AT_ONCE_MAX) })
    }

    /// Decides, records, takes. Once begun it goes on to its end even if the caller goes away, so that its record is closed.
    pub async fn take(
        self: &Arc<Self>,
        by: &Principal,
        form: SnapshotForm,
        request_id: &str,
    ) -> Result<Snapshot, ApiError> {
        let (this, by, request_id) = (Arc::clone(self), by.clone(), request_id.to_owned());
        let taking = tokio::spawn(async move { this.take_to_end(&by, &form, &request_id).await });
        taking.await.unwrap_or_else(|failed| {
            tracing::error!(error = %failed, "a snapshot failed");
            Err(Code::Internal.into())
        })
    }

    async fn take_to_end(
        self: &Arc<Self>,
        by: &Principal,
        form: &SnapshotForm,
        request_id: &str,
    ) -> Result<Snapshot, ApiError> {
        let tools = &self.tools;
        let ask = Ask {
            camera: form.camera.clone(),
            verb: Verb::Snapshot,
            profile: Profile::Main,
            purpose: form.purpose.clone(),
            reason: form.reason.clone(),
            range: form.at.map(|at| (at.0, at.0 + REACH)),
            emergency: None,
        };
        let permit = tools.sessions.permit(by, &ask, request_id).await?;
        let Ok(_place) = self.at_once.try_acquire() else { return Err(Code::BandwidthLimit.into()) };
        let now = tools.clock.wall();
        let session = SessionId(mint::sortable_id(now).map_err(ChangeError::from)?);
        let mark = mint::mark().map_err(ChangeError::from)?;
        let record = usage_record(by, &permit, form.at, (session.clone(), mark), now, request_id);
        tools.usage.open(record).await.map_err(|error| unrecorded(&error))?;
        let (this, id, camera) = (Arc::clone(self), session.0.clone(), permit.camera().clone());
        let (person, at) = (by.clone(), form.at.map(|at| at.0));
        let made = tokio::task::spawn_blocking(move || this.make(&person, camera, at, &id, mark)).await;
        let made = made.map_err(|error| {
            tracing::error!(%error, "a snapshot ended by a defect");
            ApiError::new(Code::Internal)
        });
        let made = made.and_then(|made| made.map_err(|failure| refusal(&failure)));
        let (why, bytes) =
            made.as_ref().map_or((EndReason::Crash, 0), |made| (EndReason::User, made.jpeg.len() as u64));
        // Nobody gets a picture whose record is not complete.
        tools.usage.close(&session, tools.clock.wall(), why, bytes).await.map_err(|error| unrecorded(&error))?;
        made
    }

    /// Takes the picture out, renders and marks it. Blocks.
    fn make(
        &self,
        by: &Principal,
        camera: CameraId,
        at: Option<Wall>,
        id: &str,
        mark: SessionMark,
    ) -> Result<Snapshot, Failure> {
        let tools = &self.tools;
        let bench = tools.studio.bench(id)?;
        let now = tools.clock.wall();
        let (from, to) = at.map_or((now - REACH, now), |at| (at, at + REACH));
        let range = Range { stream: StreamKey { camera, profile: Profile::Main }, from, to };
        let extract = tools.source.extract(&range, &bench.input(), &mut |_, _| true)?;
        let (part, from) = first_picture(&extract, at, range.from).ok_or(ExtractError::Nothing)?;
        let begin = from.micros_since(part.zero);
        let look = self.look(by, id, from)?;
        let clip = Clip {
            input: &part.name,
            span_micros: (begin, begin + part.end.micros_since(from).max(1)),
            zero_micros: part.zero.micros(),
            sound: false,
            look: &look,
            regions: &[],
        };
        let never = AtomicBool::new(false);
        let path = tools.studio.render(&bench, &clip, &Output::Picture, "snapshot.jpg", &never, &mut |_| {})?;
        if fs::metadata(&path)?.len() > PICTURE_BYTES_MAX {
            return Err(std::io::Error::other("it is larger than any picture").into());
        }
        let picture = fs::read(path)?;
        let (start, rest) = picture.split_at_checked(JPEG_START).unwrap_or_default();
        if start != [0xff, 0xd8] {
            return Err(std::io::Error::other("it is no JPEG").into());
        }
        let unit = Carrier::Jpeg.unit(&[]).filled(&tools.marks.write(mark, from));
        Ok(Snapshot { id: id.to_owned(), at: from, jpeg: [start, unit.bytes(), rest].concat().into() })
    }

    fn look(&self, by: &Principal, id: &str, at: Wall) -> Result<Look, Failure> {
        let tools = &self.tools;
        let person = user::load(&tools.store, by.user())?.map(|row| row.value);
        let unit = unit::load(&tools.store, by.unit())?.map_or_else(|| by.unit().to_string(), |row| row.value.name);
        let name = person.as_ref().map_or(by.user().as_str(), |person| person.name.as_str());
        let staff_no = person.as_ref().and_then(|person| person.staff_no.as_deref());
        Ok(Look::new(&unit, name, staff_no, id, tools.sessions.zone(), at))
    }
}

/// The file, and the instant from which on the first picture in it is the one that is wanted.
fn first_picture(extract: &Extract, at: Option<Wall>, from: Wall) -> Option<(&Part, Wall)> {
    if at.is_some() {
        let part = extract.parts.iter().find(|part| part.end > from)?;
        return Some((part, part.start.max(from)));
    }
    let part = extract.parts.last()?;
    Some((part, part.start.max(Wall::from_micros(part.end.micros() - NEWEST))))
}

fn refusal(failure: &Failure) -> ApiError {
    if matches!(failure, Failure::Extract(ExtractError::Nothing)) {
        return ApiError::new(Code::NotFound).remedied("该时刻没有录像。", "Nothing is recorded of that instant.");
    }
    tracing::error!(%failure, "a snapshot could not be taken");
    Code::Internal.into()
}

fn unrecorded(error: &UsageError) -> ApiError {
    tracing::error!(%error, "a snapshot could not be put on record");
    match error {
        UsageError::Ledger(_) => Code::AuditUnavailable.into(),
        _ => Code::Internal.into(),
    }
}

fn usage_record(
    by: &Principal,
    permit: &Permit,
    at: Option<Stamp>,
    (session, mark): (SessionId, SessionMark),
    now: Wall,
    request_id: &str,
) -> UsageRecord {
    UsageRecord {
        purpose: permit.purpose().to_string(),
        user: permit.user().to_string(),
        approver: permit.approver().to_string(),
        content: VideoContent { camera: permit.camera().clone(), profile: permit.profile(), from: at, to: at },
        opened_at: now.into(),
        medium: Medium::File,
        unit: permit.unit().to_string(),
        reason: permit.reason().into(),
        terminal: by.terminal().to_string(),
        grant: Some(permit.grant().0.clone()),
        export: Some(session.0.clone()),
        session,
        mark: Some(mark.to_string()),
        request_id: Some(request_id.into()),
        started_at: None,
        protocol: None,
        closed_at: None,
        bytes: 0,
        end_reason: None,
    }
}
