//! What differs between two versions of a camera's record (J-4).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use media::id::CameraId;
use serde::{Deserialize, Serialize};
use utoipa_axum::routes;

use super::Calls;
use super::camera_past::HISTORY_READERS;
use super::extract::{Asked, At};
use crate::authn::Principal;
use crate::deps::Deps;
use crate::error::{ApiError, Code, ErrorBody};
use crate::registers::Role;
use crate::registers::camera::{self, Camera, CameraChange};
use crate::registers::camera_fields::{differences, is_address};
use crate::stamp::Stamp;
use crate::store::Store;

/// Lines of history read at a time.
const ROWS_FETCHED: usize = 500;

/// The calls of this file.
pub(super) fn calls() -> Calls {
    Calls::new().routes(routes!(diff))
}

/// Which versions.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Versions {
    /// The earlier version.
    from: u64,
    /// The later version.
    to: u64,
}

/// A field that differs.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Difference {
    /// Its name.
    field: &'static str,
    /// Its heading in Chinese.
    zh: &'static str,
    /// As it was; null for an address, which the keeper of the catalogue alone is shown.
    before: Option<String>,
    /// As it became; null for an address, too.
    after: Option<String>,
}

/// What differs between two versions.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct DiffView {
    /// When the earlier one was made.
    from_at: Stamp,
    /// When the later one was made.
    to_at: Stamp,
    /// Who made the later one.
    to_by: String,
    /// In the order of the catalogue.
    changes: Vec<Difference>,
}

/// What differs between two versions of a camera.
#[utoipa::path(get, path = "/cameras/{id}/diff", tag = "cameras", params(("id" = String, Path), Versions), responses(
    (status = 200, body = DiffView), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: catalogue_admin, bureau_approver, audit_admin"),
    (status = 404, body = ErrorBody, description = "CAMERA_UNKNOWN"), (status = 422, body = ErrorBody)))]
async fn diff(
    State(deps): State<Arc<Deps>>,
    principal: Principal,
    At(id): At<CameraId>,
    Asked(versions): Asked<Versions>,
) -> Result<Json<DiffView>, ApiError> {
    principal.require(HISTORY_READERS)?;
    let read = tokio::task::spawn_blocking(move || found(&deps.store, &id, [versions.from, versions.to])).await;
    let [before, after] = read.map_err(|_| Code::Internal)??;
    Ok(Json(DiffView {
        from_at: before.at.into(),
        to_at: after.at.into(),
        to_by: after.by.to_string(),
        changes: changes(&before.camera, &after.camera, principal.has(Role::CatalogueAdmin)),
    }))
}

fn changes(before: &Camera, after: &Camera, keeps: bool) -> Vec<Difference> {
    let difference = differences(before, after).map(|(field, before, after)| {
        let shown = |text: String| (keeps || !is_address(field)).then_some(text);
        Difference { field: field.name, zh: field.zh, before: shown(before), after: shown(after) }
    });
    difference.collect()
}

/// Both versions; of a camera that was enrolled again and counts anew, those of the newest enrolment. Blocks.
fn found(store: &Store, id: &CameraId, wanted: [u64; 2]) -> Result<[CameraChange; 2], ApiError> {
    let prefix = camera::history(id);
    let (mut found, mut after) = ([None, None], None::<String>);
    loop {
        let rows = store.range_json::<CameraChange>(&prefix, after.as_deref(), ROWS_FETCHED)?;
        let Some((last, _)) = rows.last() else { break };
        after = Some(last.clone());
        for (_, row) in rows {
            for (place, version) in found.iter_mut().zip(wanted) {
                if row.value.camera.version == version {
                    *place = Some(row.value.clone());
                }
            }
        }
    }
    let missing = |field| ApiError::field(field, "没有该版本。", "There is no such version.");
    match (found, after) {
        (_, None) => Err(Code::CameraUnknown.into()),
        ([Some(before), Some(after)], _) => Ok([before, after]),
        ([None, _], _) => Err(missing("from")),
        ([_, None], _) => Err(missing("to")),
    }
}
