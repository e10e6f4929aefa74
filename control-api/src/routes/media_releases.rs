//! Approvals of releases to the media over HTTP (J-23): given by a unit's principal, named by exports for the media.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use utoipa_axum::routes;

use super::Calls;
use super::extract::{Asked, Body};
use super::page::{self, Page, PageQuery};
use crate::authn::Principal;
use crate::deps::Deps;
use crate::error::{ApiError, ErrorBody};
use crate::exports::{MediaRelease, MediaReleaseForm, Note};
use crate::request::RequestId;

/// Prefix of cursors of this list.
const CURSOR: &str = "media-release/";

/// The calls of this file.
pub fn calls() -> Calls {
    Calls::new().routes(routes!(list, approve))
}

/// Approved releases: one's own unit's; all for those who oversee.
#[utoipa::path(get, path = "/media-releases", tag = "exports", params(PageQuery), responses(
    (status = 200, body = Page<MediaRelease>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
async fn list(
    State(deps): State<Arc<Deps>>,
    by: Principal,
    Asked(asked): Asked<PageQuery>,
) -> Result<Json<Page<MediaRelease>>, ApiError> {
    let limit = page::limit(asked.limit)?;
    let after = page::after(CURSOR, asked.cursor.as_deref())?;
    Ok(Json(Page::of(deps.exports.media_releases(&by, after.as_deref(), limit)?, limit)))
}

/// Approve that a stretch may be published by the media; for the unit's principal, who answers for it.
#[utoipa::path(post, path = "/media-releases", tag = "exports", request_body = MediaReleaseForm, responses(
    (status = 201, body = MediaRelease), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: unit_principal approves"),
    (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn approve(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    by: Principal,
    Body(form): Body<MediaReleaseForm>,
) -> Result<(StatusCode, Json<MediaRelease>), ApiError> {
    let release = deps.exports.approve_media(&by, form, &Note { request_id, ..Note::default() }).await?;
    Ok((StatusCode::CREATED, Json(release)))
}
