//! The two application forms over HTTP: file, look, correct, and every step on their way. Who may is `applications::authority`'s.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa_axum::routes;

use super::Calls;
use super::extract::{Asked, At, Body};
use super::optional_body::OptionalBody;
use super::page::{self, Page};
use crate::applications::approval::Approvable;
use crate::applications::desk::Note;
use crate::applications::{Application, Form, ResourceForm, Stage, Step, UserForm};
use crate::authn::Principal;
use crate::deps::Deps;
use crate::error::{ApiError, ErrorBody};
use crate::grants::ApplicationId;
use crate::registers::UnitId;
use crate::request::RequestId;
use crate::store::{Order, Revision, Versioned};

/// The calls of this file.
pub fn calls() -> Calls {
    Calls::new()
        .routes(routes!(list_resource, file_resource))
        .routes(routes!(read_resource, revise_resource))
        .routes(routes!(step_resource))
        .routes(routes!(list_user, file_user))
        .routes(routes!(read_user, revise_user))
        .routes(routes!(step_user))
}

/// An application as the API shows it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ApplicationView<F> {
    #[serde(flatten)]
    application: Application<F>,
    /// Hand it back as `version` with a step, to be sure that nothing was changed since it was read.
    version: u64,
}

/// Which applications.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ApplicationQuery {
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
struct StepBody {
    /// Opinion or reason; a must for `return` and `refuse`.
    #[serde(default)]
    reason: Option<String>,
    /// The version that was read; where it is not the newest, the answer is CONFLICT.
    #[serde(default)]
    version: Option<u64>,
}

/// A step as the path names it; those the appliance takes by itself are unknown here, and so is correcting, which is a PUT.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
enum Taken {
    Endorse,
    Submit,
    Accept,
    Return,
    Approve,
    Refuse,
    Withdraw,
}

impl From<Taken> for Step {
    fn from(taken: Taken) -> Self {
        match taken {
            Taken::Endorse => Self::Endorse,
            Taken::Submit => Self::Submit,
            Taken::Accept => Self::Accept,
            Taken::Return => Self::Return,
            Taken::Approve => Self::Approve,
            Taken::Refuse => Self::Refuse,
            Taken::Withdraw => Self::Withdraw,
        }
    }
}

/// An application's id and a step, from the path.
struct StepAt(ApplicationId, Step);

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for StepAt {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut axum::http::request::Parts, state: &S) -> Result<Self, ApiError> {
        let path = axum::extract::Path::<(String, Taken)>::from_request_parts(parts, state).await;
        let axum::extract::Path((id, step)) = path.map_err(|_| ApiError::new(crate::error::Code::NotFound))?;
        Ok(Self(ApplicationId(id), step.into()))
    }
}

async fn file<F: Approvable>(
    deps: &Deps,
    request_id: String,
    by: &Principal,
    form: F,
) -> Result<(StatusCode, Json<ApplicationView<F>>), ApiError> {
    let filed = deps.applications.file(by, form, &Note { request_id, ..Note::default() }).await?;
    Ok((StatusCode::CREATED, current(deps, by, &filed.id)?))
}

async fn step<F: Approvable>(
    deps: &Deps,
    request_id: String,
    by: &Principal,
    StepAt(id, step): StepAt,
    body: StepBody,
) -> Result<Json<ApplicationView<F>>, ApiError> {
    let note = Note { reason: body.reason, version: body.version.map(Revision), request_id };
    deps.applications.step::<F>(by, &id, step, note).await?;
    current(deps, by, &id)
}

async fn revise<F: Approvable>(
    deps: &Deps,
    request_id: String,
    by: &Principal,
    id: String,
    form: F,
) -> Result<Json<ApplicationView<F>>, ApiError> {
    let id = ApplicationId(id);
    deps.applications.revise(by, &id, form, Note { request_id, ..Note::default() }).await?;
    current(deps, by, &id)
}

fn current<F: Form>(deps: &Deps, by: &Principal, id: &ApplicationId) -> Result<Json<ApplicationView<F>>, ApiError> {
    Ok(Json(view(deps.applications.find(by, id)?)))
}

fn list<F: Form>(
    deps: &Deps,
    by: &Principal,
    asked: &ApplicationQuery,
) -> Result<Json<Page<ApplicationView<F>>>, ApiError> {
    let limit = page::limit(asked.limit)?;
    let after = page::after(&format!("application/{}/", F::KIND), asked.cursor.as_deref())?;
    let fits = |a: &Application<F>| {
        asked.unit.as_ref().is_none_or(|unit| *unit == a.unit) && asked.stage.is_none_or(|stage| stage == a.stage)
    };
    let found = deps.applications.list::<F>(by, fits, asked.order, after, limit)?;
    let keyed = found.into_iter().map(|(key, row)| (key, view(row))).collect();
    Ok(Json(Page::of(keyed, limit)))
}

fn view<F>(row: Versioned<Application<F>>) -> ApplicationView<F> {
    ApplicationView { application: row.value, version: row.version.0 }
}

/// Resource applications: one's own unit's; all for those who decide or oversee.
#[utoipa::path(get, path = "/applications/resource", tag = "applications", params(ApplicationQuery), responses(
    (status = 200, body = Page<ApplicationView<ResourceForm>>), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn list_resource(
    State(deps): State<Arc<Deps>>,
    by: Principal,
    Asked(asked): Asked<ApplicationQuery>,
) -> Result<Json<Page<ApplicationView<ResourceForm>>>, ApiError> {
    list(&deps, &by, &asked)
}

/// File Attachment 1, as a draft of one's own unit.
#[utoipa::path(post, path = "/applications/resource", tag = "applications", request_body = ResourceForm, responses(
    (status = 201, body = ApplicationView<ResourceForm>), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: unit_admin files; PURPOSE_NOT_IN_DUTIES"),
    (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn file_resource(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    by: Principal,
    Body(form): Body<ResourceForm>,
) -> Result<(StatusCode, Json<ApplicationView<ResourceForm>>), ApiError> {
    file(&deps, request_id, &by, form).await
}

/// One resource application with its history.
#[utoipa::path(get, path = "/applications/resource/{id}", tag = "applications", params(("id" = String, Path)), responses(
    (status = 200, body = ApplicationView<ResourceForm>), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn read_resource(
    State(deps): State<Arc<Deps>>,
    by: Principal,
    At(id): At<String>,
) -> Result<Json<ApplicationView<ResourceForm>>, ApiError> {
    current(&deps, &by, &ApplicationId(id))
}

/// Correct a draft or a returned form; it must be endorsed again. The earlier form is kept.
#[utoipa::path(put, path = "/applications/resource/{id}", tag = "applications", params(("id" = String, Path)),
    request_body = ResourceForm, responses(
    (status = 200, body = ApplicationView<ResourceForm>), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn revise_resource(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    by: Principal,
    At(id): At<String>,
    Body(form): Body<ResourceForm>,
) -> Result<Json<ApplicationView<ResourceForm>>, ApiError> {
    revise(&deps, request_id, &by, id, form).await
}

/// Take a step: endorse (unit_principal), submit (unit_admin), accept, return, approve, refuse (bureau_approver of another
/// unit), withdraw (the unit). Approving makes the grant.
#[utoipa::path(post, path = "/applications/resource/{id}/{step}", tag = "applications",
    params(("id" = String, Path), ("step" = inline(Taken), Path)), request_body = StepBody, responses(
    (status = 200, body = ApplicationView<ResourceForm>), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: role, unit or person does not fit the step"),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody, description = "CONFLICT: stage or version"),
    (status = 422, body = ErrorBody, description = "REASON_REQUIRED for return and refuse"),
    (status = 503, body = ErrorBody)))]
async fn step_resource(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    by: Principal,
    at: StepAt,
    OptionalBody(body): OptionalBody<StepBody>,
) -> Result<Json<ApplicationView<ResourceForm>>, ApiError> {
    step(&deps, request_id, &by, at, body).await
}

/// User applications: one's own unit's; all for those who decide or oversee.
#[utoipa::path(get, path = "/applications/user", tag = "applications", params(ApplicationQuery), responses(
    (status = 200, body = Page<ApplicationView<UserForm>>), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn list_user(
    State(deps): State<Arc<Deps>>,
    by: Principal,
    Asked(asked): Asked<ApplicationQuery>,
) -> Result<Json<Page<ApplicationView<UserForm>>>, ApiError> {
    list(&deps, &by, &asked)
}

/// File Attachment 2 for an account of one's own unit that waits for approval.
#[utoipa::path(post, path = "/applications/user", tag = "applications", request_body = UserForm, responses(
    (status = 201, body = ApplicationView<UserForm>), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: unit_admin files"),
    (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn file_user(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    by: Principal,
    Body(form): Body<UserForm>,
) -> Result<(StatusCode, Json<ApplicationView<UserForm>>), ApiError> {
    file(&deps, request_id, &by, form).await
}

/// One user application with its history.
#[utoipa::path(get, path = "/applications/user/{id}", tag = "applications", params(("id" = String, Path)), responses(
    (status = 200, body = ApplicationView<UserForm>), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
async fn read_user(
    State(deps): State<Arc<Deps>>,
    by: Principal,
    At(id): At<String>,
) -> Result<Json<ApplicationView<UserForm>>, ApiError> {
    current(&deps, &by, &ApplicationId(id))
}

/// Correct a draft or a returned form; it must be endorsed again. The earlier form is kept.
#[utoipa::path(put, path = "/applications/user/{id}", tag = "applications", params(("id" = String, Path)),
    request_body = UserForm, responses(
    (status = 200, body = ApplicationView<UserForm>), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn revise_user(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    by: Principal,
    At(id): At<String>,
    Body(form): Body<UserForm>,
) -> Result<Json<ApplicationView<UserForm>>, ApiError> {
    revise(&deps, request_id, &by, id, form).await
}

/// Take a step, as for resource applications. Approving approves the account with its roles.
#[utoipa::path(post, path = "/applications/user/{id}/{step}", tag = "applications",
    params(("id" = String, Path), ("step" = inline(Taken), Path)), request_body = StepBody, responses(
    (status = 200, body = ApplicationView<UserForm>), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn step_user(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    by: Principal,
    at: StepAt,
    OptionalBody(body): OptionalBody<StepBody>,
) -> Result<Json<ApplicationView<UserForm>>, ApiError> {
    step(&deps, request_id, &by, at, body).await
}
