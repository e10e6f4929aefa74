//! Snapshots over HTTP: a JPEG of now or of an instant. The rules are `policy`'s, the picture `snapshots`'.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa_axum::routes;

use super::Calls;
use super::extract::Body;
use crate::authn::Principal;
use crate::deps::Deps;
use crate::error::{ApiError, ErrorBody};
use crate::request::RequestId;
use crate::snapshots::SnapshotForm;

/// The calls of this file.
pub fn calls() -> Calls {
    Calls::new().routes(routes!(take))
}

/// Take a snapshot: decided as a viewing is, with the verb `snapshot`, put on record, marked visibly and invisibly.
#[utoipa::path(post, path = "/snapshots", tag = "snapshots", request_body = SnapshotForm, responses(
    (status = 200, body = Vec<u8>, content_type = "image/jpeg"), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "VERB_NOT_GRANTED, NO_GRANT, GRANT_* and the others of the order of decision"),
    (status = 404, body = ErrorBody, description = "CAMERA_UNKNOWN; NOT_FOUND where nothing is recorded of that instant"),
    (status = 410, body = ErrorBody, description = "RECORDING_PURGED"),
    (status = 422, body = ErrorBody), (status = 429, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn take(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    by: Principal,
    Body(form): Body<SnapshotForm>,
) -> Result<Response, ApiError> {
    let taken = deps.snapshots.take(&by, form, &request_id).await?;
    let name = format!("inline; filename=\"snapshot-{}.jpg\"", taken.id);
    let headers = [(header::CONTENT_TYPE, "image/jpeg".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, taken.jpeg).into_response())
}
