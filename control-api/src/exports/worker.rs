//! Renders what was released, one after the other: takes the recordings out, has them marked and rendered, seals the package. What
//! a stop interrupts is rendered again from its beginning at the next start, under a usage record of its own.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use media::mark::SessionMark;
use relay::lease::{EndReason, SessionId};

use super::desk::{Exports, moved};
use super::progress::Phase;
use super::{Export, ExportId, Sealed, Stage, Step, make};
use crate::error::{ApiError, Code};
use crate::mint;
use crate::outbox::ChangeError;
use crate::store::Versioned;
use crate::usage::{Medium, UsageRecord, VideoContent};

/// After a failure that is not the export's own: the store, the ledger.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// How a rendering ended.
enum Outcome {
    Made(Sealed),
    Failed(String),
    Stopped,
}

impl Exports {
    /// Renders until `stop` is done; what is under way then is broken off.
    pub async fn run(self: Arc<Self>, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        self.sweep();
        loop {
            let due = self.due().unwrap_or_else(|error| {
                tracing::error!(code = error.code().text(), "exports cannot be looked through");
                None
            });
            let Some(id) = due else {
                tokio::select! {
                    () = &mut stop => return,
                    () = self.wake.notified() => continue,
                    () = tokio::time::sleep(RETRY_AFTER) => continue,
                }
            };
            let this = Arc::clone(&self);
            let mut rendering = tokio::spawn(async move { this.render(&id).await });
            tokio::select! {
                done = &mut rendering => {
                    if !matches!(done, Ok(Ok(()))) {
                        tracing::error!(?done, "an export could not be taken on");
                        tokio::time::sleep(RETRY_AFTER).await;
                    }
                }
                () = &mut stop => {
                    self.stop.store(true, Ordering::Relaxed);
                    let _ = rendering.await;
                    return;
                }
            }
        }
    }

    /// The oldest export that waits to be rendered, or was being rendered when the appliance went down.
    fn due(&self) -> Result<Option<ExportId>, ApiError> {
        let mut due = Vec::new();
        for id in self.open_ids()? {
            if matches!(self.load(&id)?.value.stage, Stage::Released | Stage::Rendering) {
                due.push(id);
            }
        }
        self.tools.metrics.waiting.set(i64::try_from(due.len()).unwrap_or(i64::MAX));
        Ok(due.into_iter().next())
    }

    /// What an earlier run left: packages half written, and packages of exports that are over.
    fn sweep(&self) {
        let Ok(open) = self.open_ids() else { return };
        let kept: Vec<_> = open.iter().map(|id| self.package(id)).collect();
        for entry in std::fs::read_dir(&self.tools.setup.folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let ours = path.extension().is_some_and(|e| e == "zip" || e == "draft");
            if ours && !kept.contains(&path) && std::fs::remove_file(&path).is_err() {
                tracing::warn!(path = %path.display(), "a package of an export that is over cannot be deleted");
            }
        }
    }

    /// One rendering with its usage record, which is on the ledger before anything is read and closed whatever happens.
    async fn render(self: &Arc<Self>, id: &ExportId) -> Result<(), ApiError> {
        let begun = self.begin(id).await?;
        let outcome = self.outcome(&begun).await;
        self.board.clear();
        let (why, bytes) = match &outcome {
            Outcome::Made(sealed) => (EndReason::User, sealed.bytes),
            Outcome::Failed(_) => (EndReason::Crash, 0),
            Outcome::Stopped => (EndReason::Shutdown, 0),
        };
        let tools = &self.tools;
        if let Some(session) = &begun.session
            && let Err(error) = tools.usage.close(session, tools.clock.wall(), why, bytes).await
        {
            tracing::error!(export = %id.0, %error, "the usage record of an export could not be closed");
        }
        let (step, reason, sealed) = match outcome {
            Outcome::Made(sealed) => (Step::Finish, None, Some(sealed)),
            Outcome::Failed(reason) => (Step::Fail, Some(reason), None),
            Outcome::Stopped => return Ok(()),
        };
        tools.metrics.ended(step == Step::Finish);
        let Versioned { value, version } = self.load(id)?;
        let now = tools.clock.wall();
        let mut next = value.after(step, None, reason.as_deref(), now).ok_or(Code::Conflict)?;
        next.sealed = sealed;
        self.keep(&next, version, moved(&next, now), now).await
    }

    /// Opens the usage record, then says that it is being rendered.
    async fn begin(&self, id: &ExportId) -> Result<Export, ApiError> {
        let tools = &self.tools;
        let Versioned { value, version } = self.load(id)?;
        let now = tools.clock.wall();
        let session = SessionId(mint::sortable_id(now).map_err(ChangeError::from)?);
        let mark = mint::mark().map_err(ChangeError::from)?;
        let mut next = value.after(Step::Render, None, None, now).ok_or(Code::Conflict)?;
        next.session = Some(session.clone());
        next.mark = Some(mark.to_string());
        let opened = tools.usage.open(usage_record(&next, session.clone(), mark, now)?).await;
        opened.map_err(|error| {
            tracing::error!(export = %id.0, %error, "an export has no usage record, and is not rendered without");
            ApiError::new(Code::AuditUnavailable)
        })?;
        if let Err(error) = self.keep(&next, version, moved(&next, now), now).await {
            let _ = tools.usage.close(&session, tools.clock.wall(), EndReason::Crash, 0).await;
            return Err(error);
        }
        Ok(next)
    }

    async fn outcome(self: &Arc<Self>, export: &Export) -> Outcome {
        let (this, taken) = (Arc::clone(self), export.clone());
        let made = tokio::task::spawn_blocking(move || make::render(&this, &taken)).await;
        let rendered = match made {
            Ok(Ok(rendered)) => rendered,
            Ok(Err(failure)) => return self.failed(export, &failure),
            Err(error) => {
                tracing::error!(export = %export.id.0, %error, "a rendering ended by a defect");
                return Outcome::Failed("内部错误 / something failed inside".into());
            }
        };
        self.board.put(&export.id, Phase::Sealing, 0, 1);
        match make::seal(self, export, rendered).await {
            Ok(sealed) => Outcome::Made(sealed),
            Err(failure) => self.failed(export, &failure),
        }
    }

    fn failed(&self, export: &Export, failure: &make::Failure) -> Outcome {
        if self.stop.load(Ordering::Relaxed) {
            return Outcome::Stopped;
        }
        tracing::error!(export = %export.id.0, %failure, "an export could not be rendered");
        Outcome::Failed(failure.told())
    }
}

/// The six columns of J-24(3): who asked, who approved it, and that a file was made.
fn usage_record(
    export: &Export,
    session: SessionId,
    mark: SessionMark,
    now: media::wall::Wall,
) -> Result<UsageRecord, ApiError> {
    let form = &export.form;
    Ok(UsageRecord {
        session,
        purpose: form.purpose.clone(),
        user: export.requester.to_string(),
        approver: export.approver.as_ref().map(ToString::to_string).unwrap_or_default(),
        content: VideoContent {
            camera: form.camera.parse().map_err(|_| ApiError::new(Code::CameraUnknown))?,
            profile: media::id::Profile::Main,
            from: Some(form.from),
            to: Some(form.to),
        },
        opened_at: now.into(),
        medium: Medium::File,
        unit: export.unit.to_string(),
        reason: form.reason.clone(),
        terminal: export.terminal.to_string(),
        grant: Some(export.grant.0.clone()),
        export: Some(export.id.0.clone()),
        mark: Some(mark.to_string()),
        request_id: None,
        started_at: None,
        protocol: None,
        closed_at: None,
        bytes: 0,
        end_reason: None,
    })
}
