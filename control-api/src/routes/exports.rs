//! Exports over HTTP: ask, judge, look, collect, close. Who may is `exports::stage`'s.

use std::sync::Arc;

use axum::Json;
use axum::body::Body as HttpBody;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa_axum::routes;

use super::Calls;
use super::extract::{Asked, At, Body};
use super::file;
use super::optional_body::OptionalBody;
use super::page::{self, Page};
use crate::authn::Principal;
use crate::deps::Deps;
use crate::error::{ApiError, Code, ErrorBody};
use crate::exports::{Export, ExportForm, ExportId, Note, Progress, Stage, Step};
use crate::registers::UnitId;
use crate::request::RequestId;
use crate::store::{Order, Revision, Versioned};

/// Prefix of cursors of this list.
const CURSOR: &str = "export/";

/// The calls of this file.
pub fn calls() -> Calls {
    Calls::new().routes(routes!(list, ask)).routes(routes!(read)).routes(routes!(package)).routes(routes!(step))
}

/// An export as the API shows it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ExportView {
    #[serde(flatten)]
    export: Export,
    /// How far its rendering is, while it is under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Progress>,
    /// Hand it back as `version` with a step, to be sure that nothing was changed since it was read.
    version: u64,
}

/// Which exports.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ExportQuery {
    /// Only this unit's.
    unit: Option<UnitId>,
    /// Only at this stage.
    #[param(value_type = Option<String>)]
    stage: Option<Stage>,
    /// Items of the page, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Which come first; the oldest where nothing is asked.
    #[serde(default)]
    #[param(inline, required = false)]
    order: Order,
}

/// What a step brings.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct ExportStepBody {
    /// Opinion or reason; a must for `refuse`.
    #[serde(default)]
    reason: Option<String>,
    /// The version that was read; where it is not the newest, the answer is CONFLICT.
    #[serde(default)]
    version: Option<u64>,
}

/// A step as the path names it; those that the appliance takes by itself are unknown here.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
enum ExportStep {
    Endorse,
    Approve,
    Refuse,
    Release,
    Withdraw,
    Close,
}

impl From<ExportStep> for Step {
    fn from(step: ExportStep) -> Self {
        match step {
            ExportStep::Endorse => Self::Endorse,
            ExportStep::Approve => Self::Approve,
            ExportStep::Refuse => Self::Refuse,
            ExportStep::Release => Self::Release,
            ExportStep::Withdraw => Self::Withdraw,
            ExportStep::Close => Self::Close,
        }
    }
}

/// An export's id and a step, from the path.
struct StepAt(ExportId, Step);

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for StepAt {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut axum::http::request::Parts, state: &S) -> Result<Self, ApiError> {
        let path = axum::extract::Path::<(String, ExportStep)>::from_request_parts(parts, state).await;
        let axum::extract::Path((id, step)) = path.map_err(|_| ApiError::new(Code::NotFound))?;
        Ok(Self(ExportId(id), step.into()))
    }
}

fn view(deps: &Deps, row: Versioned<Export>) -> ExportView {
    ExportView { progress: deps.exports.progress(&row.value.id), version: row.version.0, export: row.value }
}

fn current(deps: &Deps, by: &Principal, id: &ExportId) -> Result<Json<ExportView>, ApiError> {
    Ok(Json(view(deps, deps.exports.find(by, id)?)))
}

/// Exports: one's own, the unit's for its head and officers; all for those who decide or audit.
#[utoipa::path(get, path = "/exports", tag = "exports", params(ExportQuery), responses(
    (status = 200, body = Page<ExportView>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
async fn list(
    State(deps): State<Arc<Deps>>,
    by: Principal,
    Asked(asked): Asked<ExportQuery>,
) -> Result<Json<Page<ExportView>>, ApiError> {
    let limit = page::limit(asked.limit)?;
    let after = page::after(CURSOR, asked.cursor.as_deref())?;
    let fits = |e: &Export| {
        asked.unit.as_ref().is_none_or(|unit| *unit == e.unit) && asked.stage.is_none_or(|stage| stage == e.stage)
    };
    let found = deps.exports.list(&by, fits, asked.order, after, limit)?;
    let keyed = found.into_iter().map(|(key, row)| (key, view(&deps, row))).collect();
    Ok(Json(Page::of(keyed, limit)))
}

/// Ask for an export; it is decided as a viewing is, with the verb `export`, and then needs three other persons.
#[utoipa::path(post, path = "/exports", tag = "exports", request_body = ExportForm, responses(
    (status = 201, body = ExportView), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "EXPORT_NOT_AUTHORISED, NO_GRANT, GRANT_*, PURPOSE_NOT_IN_DUTIES, \
        PLAYBACK_DEPTH, MEDIA_RELEASE_APPROVAL_MISSING and the others of the order of decision"),
    (status = 404, body = ErrorBody, description = "CAMERA_UNKNOWN"),
    (status = 410, body = ErrorBody, description = "RECORDING_PURGED"),
    (status = 409, body = ErrorBody, description = "CONFLICT: too many exports are not over"),
    (status = 422, body = ErrorBody, description = "PURPOSE_REQUIRED, REASON_REQUIRED, INVALID_FIELD"),
    (status = 503, body = ErrorBody)))]
async fn ask(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    by: Principal,
    Body(form): Body<ExportForm>,
) -> Result<(StatusCode, Json<ExportView>), ApiError> {
    let filed = deps.exports.file(&by, form, &Note { request_id, ..Note::default() }).await?;
    Ok((StatusCode::CREATED, current(&deps, &by, &filed.id)?))
}

/// One export with its history, and how far its rendering is.
#[utoipa::path(get, path = "/exports/{id}", tag = "exports", params(("id" = String, Path)), responses(
    (status = 200, body = ExportView), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody)))]
async fn read(State(deps): State<Arc<Deps>>, by: Principal, At(id): At<String>) -> Result<Json<ExportView>, ApiError> {
    current(&deps, &by, &ExportId(id))
}

/// Take a step: endorse (unit_principal), approve (bureau_approver of another unit), release (export_officer), refuse (whoever
/// decides next), withdraw (the unit), close (requester or export_officer; the package is deleted). The steps of judgement are by
/// different persons.
#[utoipa::path(post, path = "/exports/{id}/{step}", tag = "exports", params(("id" = String, Path), ("step" = inline(ExportStep), Path)),
    request_body = ExportStepBody, responses(
    (status = 200, body = ExportView), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS; SECOND_PERSON_REQUIRED; the grant's refusals at release"),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody, description = "CONFLICT: stage or version"),
    (status = 422, body = ErrorBody, description = "REASON_REQUIRED for refuse"), (status = 503, body = ErrorBody)))]
async fn step(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    by: Principal,
    StepAt(id, step): StepAt,
    OptionalBody(body): OptionalBody<ExportStepBody>,
) -> Result<Json<ExportView>, ApiError> {
    let note = Note { reason: body.reason, version: body.version.map(Revision), request_id };
    deps.exports.step(&by, &id, step, note).await?;
    current(&deps, &by, &id)
}

/// Collect the package, as requester or export_officer: a ZIP that `sluice verify-export` checks. Each time is on the ledger.
#[utoipa::path(get, path = "/exports/{id}/package", tag = "exports", params(("id" = String, Path)), responses(
    (status = 200, body = Vec<u8>, content_type = "application/zip"), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody, description = "CONFLICT: there is no package yet, or none any more"),
    (status = 503, body = ErrorBody)))]
async fn package(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    by: Principal,
    At(id): At<String>,
) -> Result<Response, ApiError> {
    let id = ExportId(id);
    let path = deps.exports.collect(&by, &id, &request_id).await?;
    let (bytes, stream) = file::open(path).await?;
    let name = format!("attachment; filename=\"export-{}.zip\"", id.0);
    let headers = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (header::CONTENT_LENGTH, bytes.to_string()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, HttpBody::from_stream(stream)).into_response())
}
