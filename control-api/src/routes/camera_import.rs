//! Import of cameras from CSV, all or nothing: one commit takes the whole file, or none of it with every fault named.

use std::collections::HashSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use media::id::CameraId;
use serde::Serialize;
use utoipa_axum::routes;

use super::Calls;
use super::camera_room;
use super::cameras::{KEEPERS, check_owner, enrolment};
use super::extract::check_media_type;
use crate::authn::Principal;
use crate::deps::Deps;
use crate::error::{ApiError, Code, ErrorBody, RowError};
use crate::ledger::Kind;
use crate::ports::CameraSetup;
use crate::registers::camera;
use crate::registers::camera_csv::{self, FAULTS_MAX, Row};
use crate::registers::camera_fields::differences;
use crate::registers::retired;
use crate::request::{RequestId, body_bytes};
use crate::store::Batch;

/// Ids of one import that its ledger event names; the history of each camera names the rest.
const IDS_NAMED_MAX: usize = 500;

/// The calls of this file.
pub fn calls() -> Calls {
    Calls::new().routes(routes!(import))
}

/// What an import took.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Imported {
    /// How many cameras.
    count: usize,
    /// Rows that say what the catalogue says already.
    unchanged: usize,
    /// Their ids, in the order of the file.
    #[schema(value_type = Vec<String>)]
    ids: Vec<CameraId>,
}

/// Import cameras: UTF-8 CSV with a header, at most 2,000 rows, all or nothing. New cameras only; a row that says what the catalogue
/// says already changes nothing, so that what `GET /cameras/export` gave can come back.
#[utoipa::path(post, path = "/cameras/import", tag = "cameras",
    request_body(content = String, content_type = "text/csv", description = "Columns: name, source, resource_category, \
        location_name, camera_type, construction_unit, maintenance_unit, contact; besides them id, sub_source, transport, area, \
        owner, retention_class, security_level, username, password"),
    responses(
    (status = 200, body = Imported, description = "No row said anything new"), (status = 201, body = Imported),
    (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: catalogue_admin keeps the catalogue"),
    (status = 409, body = ErrorBody, description = "RETENTION_CAPACITY: the floors could not be kept"),
    (status = 413, body = ErrorBody), (status = 415, body = ErrorBody),
    (status = 422, body = ErrorBody, description = "INVALID_FIELD; `rows` has each fault with its line and column"),
    (status = 503, body = ErrorBody)))]
async fn import(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    principal: Principal,
    request: Request,
) -> Result<(StatusCode, Json<Imported>), ApiError> {
    principal.require(KEEPERS)?;
    check_media_type(request.headers(), "text/csv")?;
    let bytes = body_bytes(request, deps.config.import_bytes_max).await?;
    let (reading, by) = (Arc::clone(&deps), principal.clone());
    let read = tokio::task::spawn_blocking(move || {
        let mut rows = camera_csv::read(&bytes, || enrolment(&reading, &by))?;
        let all = rows.len();
        check_against_register(&reading, &mut rows)?;
        let unchanged = all - rows.len();
        let taken_up = |row: Row| Ok(Row { camera: retired::taken_up(&reading.store, row.camera)?, ..row });
        Ok::<_, ApiError>((rows.into_iter().map(taken_up).collect::<Result<Vec<_>, ApiError>>()?, unchanged))
    });
    let (rows, unchanged) = read.await.map_err(|_| ApiError::new(Code::Internal))??;
    if rows.is_empty() {
        return Ok((StatusCode::OK, Json(Imported { count: 0, unchanged, ids: Vec::new() })));
    }
    camera_room::check(&deps, rows.iter().map(|row| camera_room::of_one_more(&deps, &row.camera)).collect()).await?;
    let ids: Vec<CameraId> = rows.iter().map(|row| row.camera.id.clone()).collect();
    let named: Vec<&str> = ids.iter().take(IDS_NAMED_MAX).map(CameraId::as_str).collect();
    let event = deps.event(Kind::REGISTER_CREATED, &principal).action("camera.import").object(camera::CAMERAS);
    let event = event.with("count", ids.len()).with("ids", named).request_id(request_id);
    let mut batch = Batch::new();
    for row in &rows {
        batch = camera::creation(batch, &row.camera, row.credentials.as_ref())?;
    }
    deps.change(event, batch).await?;
    for Row { camera, credentials, .. } in rows {
        camera_room::tell_rule(&deps, &camera.id);
        deps.cameras.add(CameraSetup::of(&camera, credentials));
    }
    Ok((StatusCode::CREATED, Json(Imported { count: ids.len(), unchanged, ids })))
}

/// Faults of rows that do not fit the register; rows that say what it says are taken out.
fn check_against_register(deps: &Deps, rows: &mut Vec<Row>) -> Result<(), ApiError> {
    let (mut faults, mut known) = (Vec::new(), HashSet::new());
    for Row { line, camera, credentials } in rows.iter() {
        if let Some(before) = camera::load(&deps.store, &camera.id)? {
            if credentials.is_none() && differences(&before.value, camera).next().is_none() {
                known.insert(*line);
                continue;
            }
            faults.push(RowError::new(*line, "id", "该编号已被使用。", "The id is taken."));
        }
        match check_owner(&deps.store, camera) {
            Ok(()) => {}
            Err(error) if error.code() == Code::InvalidField => faults.push(RowError::told(*line, &error)),
            Err(error) => return Err(error),
        }
        if faults.len() >= FAULTS_MAX {
            break;
        }
    }
    if !faults.is_empty() {
        return Err(ApiError::rows(faults));
    }
    rows.retain(|row| !known.contains(&row.line));
    Ok(())
}
