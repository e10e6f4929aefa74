//! A hazard reported from the session in which it was seen, in one call (J-28): camera and time are the session's.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use relay::lease::SessionId;
use serde::Deserialize;
use utoipa_axum::routes;

use super::Calls;
use super::extract::{At, Body};
use crate::authn::Principal;
use crate::books::incident::Incident;
use crate::deps::Deps;
use crate::error::{ApiError, Code, ErrorBody};
use crate::register::rows::{self, View};
use crate::request::RequestId;
use crate::stamp::Stamp;

/// The calls of this file.
pub(super) fn calls() -> Calls {
    Calls::new().routes(routes!(report))
}

/// What was seen.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Seen {
    /// What kind of event, for example 火情.
    event: String,
    /// What was seen.
    what: String,
    /// When it happened. A live session's: now. A playback's: its beginning.
    #[serde(default)]
    at: Option<Stamp>,
}

/// Report a hazard from one's own session, running or over. Its camera's recording around that time is held at once.
#[utoipa::path(post, path = "/sessions/{id}/incident", tag = "sessions", params(("id" = String, Path)), request_body = Seen,
    responses(
    (status = 201, body = inline(serde_json::Value), description = "The incident, as GET /incidents/{id} gives it"),
    (status = 400, body = ErrorBody), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS"),
    (status = 404, body = ErrorBody, description = "NOT_FOUND: no session of the caller's; CAMERA_UNKNOWN"),
    (status = 409, body = ErrorBody, description = "CONFLICT: as many active holds as a camera may have"),
    (status = 413, body = ErrorBody), (status = 415, body = ErrorBody), (status = 422, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
async fn report(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    by: Principal,
    At(id): At<String>,
    Body(seen): Body<Seen>,
) -> Result<Response, ApiError> {
    let usage = deps.usage.find(&SessionId(id)).map_err(|error| {
        tracing::error!(%error, "a usage record could not be read");
        ApiError::new(Code::Internal)
    })?;
    let usage = usage.filter(|usage| usage.user == by.user().as_str()).ok_or(Code::NotFound)?;
    let at = seen.at.or(usage.content.from).unwrap_or_else(|| deps.now().into());
    let (camera, session) = (usage.content.camera, Some(usage.session.0));
    let incident = Incident { camera, at, event: seen.event, what: seen.what, session };
    let id = deps.registers.file(&by, incident, &request_id).await?;
    let row = rows::load::<Incident>(&deps.store, &id)?.ok_or(Code::NotFound)?;
    Ok((StatusCode::CREATED, Json(View::from(row))).into_response())
}
