//! A camera's past: what its record was, and what of its picture is on disk.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use media::id::{CameraId, Profile, StreamKey};
use serde::{Deserialize, Serialize};
use utoipa_axum::routes;

use super::Calls;
use super::camera_view::{CameraView, visible};
use super::extract::{Asked, At};
use super::page::{self, Page};
use crate::authn::Principal;
use crate::deps::Deps;
use crate::error::{ApiError, Code, ErrorBody};
use crate::ports::{Missing, Recorded};
use crate::registers::Role;
use crate::registers::camera::{self, CameraChange};
use crate::stamp::Stamp;

/// Who reads a camera's history.
pub(super) const HISTORY_READERS: &[Role] = &[Role::CatalogueAdmin, Role::BureauApprover, Role::AuditAdmin];
/// Longest stretch of one timeline: a week is as many segments as the recorder tells at once.
const TIMELINE_MAX: Duration = Duration::from_secs(7 * 86_400);
/// Stretch of a timeline where nothing is asked: the last day.
const TIMELINE_DEFAULT: Duration = Duration::from_secs(86_400);

/// The calls of this file.
pub fn calls() -> Calls {
    Calls::new().routes(routes!(history)).routes(routes!(timeline))
}

/// One line of a camera's history.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct HistoryLine {
    at: Stamp,
    /// Who changed it.
    by: String,
    /// True where the camera left the catalogue.
    removed: bool,
    /// The record after the change.
    camera: CameraView,
}

/// What a camera was, oldest first. A removed camera keeps its history.
#[utoipa::path(get, path = "/cameras/{id}/history", tag = "cameras", params(("id" = String, Path), page::PageQuery),
    responses(
    (status = 200, body = Page<HistoryLine>), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: catalogue_admin, bureau_approver, audit_admin"),
    (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn history(
    State(deps): State<Arc<Deps>>,
    principal: Principal,
    At(id): At<CameraId>,
    Asked(asked): Asked<page::PageQuery>,
) -> Result<Json<Page<HistoryLine>>, ApiError> {
    principal.require(HISTORY_READERS)?;
    let limit = page::limit(asked.limit)?;
    let prefix = camera::history(&id);
    let after = page::after(&prefix, asked.cursor.as_deref())?;
    let rows = deps.store.range_json::<CameraChange>(&prefix, after.as_deref(), limit + 1)?;
    if rows.is_empty() && after.is_none() {
        return Err(Code::CameraUnknown.into());
    }
    let line = |change: CameraChange| HistoryLine {
        at: change.at.into(),
        by: change.by.to_string(),
        removed: change.removed,
        camera: CameraView::of(&deps, &principal, change.camera),
    };
    let keyed = rows.into_iter().map(|(key, row)| (key, line(row.value))).collect();
    Ok(Json(Page::of(keyed, limit)))
}

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
struct Stretch {
    /// Beginning, inclusive; a day before `to` where absent.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Stamp>,
    /// End, exclusive; now where absent. At most 7 days after `from`.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Stamp>,
    /// Which stream's recording; `main` where absent.
    #[param(value_type = Option<String>)]
    profile: Option<Profile>,
}

/// A stretch that is on disk.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct RecordedView {
    start: Stamp,
    end: Stamp,
    /// Bytes on disk of the segments it lies in.
    bytes: u64,
}

/// A stretch that is not on disk.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct GapView {
    start: Stamp,
    end: Stamp,
    /// The recorder's word for why.
    reason: String,
}

/// What there is of a recording.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct TimelineView {
    items: Vec<RecordedView>,
    gaps: Vec<GapView>,
}

/// What is recorded of a camera, and what is missing and why.
#[utoipa::path(get, path = "/cameras/{id}/timeline", tag = "cameras", params(("id" = String, Path), Stretch), responses(
    (status = 200, body = TimelineView), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody, description = "CAMERA_UNKNOWN, also where it is out of scope"),
    (status = 422, body = ErrorBody)))]
async fn timeline(
    State(deps): State<Arc<Deps>>,
    principal: Principal,
    At(id): At<CameraId>,
    Asked(asked): Asked<Stretch>,
) -> Result<Json<TimelineView>, ApiError> {
    visible(&deps, &principal, &id)?;
    let to = asked.to.map_or_else(|| deps.now(), |stamp| stamp.0);
    let from = asked.from.map_or(to - TIMELINE_DEFAULT, |stamp| stamp.0);
    if from >= to || to.since(from) > TIMELINE_MAX {
        return Err(ApiError::field("from", "须早于 to,且不超过7天。", "It has to be before `to`, by at most 7 days."));
    }
    let stream = StreamKey { camera: id, profile: asked.profile.unwrap_or_default() };
    let read = tokio::task::spawn_blocking(move || deps.recordings.timeline(&stream, from, to)).await;
    let timeline = match read {
        Ok(Ok(timeline)) => timeline,
        Ok(Err(error)) => {
            tracing::error!(%error, "a timeline could not be read");
            return Err(Code::Internal.into());
        }
        Err(_) => return Err(Code::Internal.into()),
    };
    let item = |r: Recorded| RecordedView { start: r.start.into(), end: r.end.into(), bytes: r.bytes };
    let gap = |m: Missing| GapView { start: m.start.into(), end: m.end.into(), reason: m.reason };
    Ok(Json(TimelineView {
        items: timeline.items.into_iter().map(item).collect(),
        gaps: timeline.gaps.into_iter().map(gap).collect(),
    }))
}
