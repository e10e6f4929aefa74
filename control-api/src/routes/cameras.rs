//! The catalogue over HTTP: its keeper enrols, changes and removes cameras (J-4); everyone sees what their scope shows.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use media::id::CameraId;
use relay::lease::{Content, EndReason, Lease};
use serde::Deserialize;
use utoipa_axum::routes;

use super::Calls;
use super::camera_room;
use super::camera_view::{CameraView, scope, visible};
use super::extract::{Asked, At, Body};
use super::page::{self, Page};
use crate::authn::Principal;
use crate::deps::Deps;
use crate::error::{ApiError, Code, ErrorBody};
use crate::ledger::Kind;
use crate::mint;
use crate::ports::{CameraSetup, DeviceState};
use crate::registers::camera::{self, Camera, CameraForm, Credentials, Enrolment, Transport};
use crate::registers::{RetentionClass, Role, SecurityLevel, UnitId, retired, unit};
use crate::request::RequestId;
use crate::store::{Batch, Store};

/// Who keeps the catalogue.
pub const KEEPERS: &[Role] = &[Role::CatalogueAdmin];
/// The calls of this file.
pub fn calls() -> Calls {
    Calls::new().routes(routes!(list, enrol)).routes(routes!(read, change, remove))
}

/// A camera to be enrolled. Prints as nothing.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCamera {
    /// Its id, a GB/T 28181 code where it has one; made by the appliance where absent.
    #[serde(default)]
    id: Option<String>,
    name: String,
    /// `rtsp://` address; credentials in it are taken out and kept apart.
    source: String,
    #[serde(default)]
    sub_source: Option<String>,
    #[serde(default)]
    transport: Transport,
    /// 视频资源类别.
    resource_category: String,
    /// 位置名称.
    location_name: String,
    /// 摄像头类型.
    camera_type: String,
    /// 建设单位.
    construction_unit: String,
    /// 维护单位.
    maintenance_unit: String,
    /// 联系方式.
    contact: String,
    #[serde(default)]
    area: Option<String>,
    /// Id of the registered unit that owns it.
    #[serde(default)]
    owner: Option<String>,
    /// Which law its recordings are kept under; `ordinary` where absent.
    #[serde(default)]
    retention_class: RetentionClass,
    /// 1 to 3, the higher the less people may see it; 1 where absent.
    #[serde(default)]
    security_level: SecurityLevel,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    #[schema(format = Password)]
    password: Option<String>,
}

impl From<NewCamera> for CameraForm {
    fn from(new: NewCamera) -> Self {
        Self {
            id: new.id,
            name: new.name,
            source: new.source,
            sub_source: new.sub_source,
            transport: new.transport,
            resource_category: new.resource_category,
            location_name: new.location_name,
            camera_type: new.camera_type,
            construction_unit: new.construction_unit,
            maintenance_unit: new.maintenance_unit,
            contact: new.contact,
            area: new.area,
            owner: new.owner,
            retention_class: new.retention_class,
            security_level: new.security_level,
            username: new.username,
            password: new.password,
        }
    }
}

/// What of a camera changes; what is absent stays. An empty text clears `sub_source` and `owner`, and puts
/// `area` back to the site's own; an empty `username` clears the credentials.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
struct CameraEdit {
    name: Option<String>,
    source: Option<String>,
    sub_source: Option<String>,
    transport: Option<Transport>,
    resource_category: Option<String>,
    location_name: Option<String>,
    camera_type: Option<String>,
    construction_unit: Option<String>,
    maintenance_unit: Option<String>,
    contact: Option<String>,
    area: Option<String>,
    owner: Option<String>,
    /// What was recorded under the old class is kept as that one says.
    retention_class: Option<RetentionClass>,
    /// 1 to 3.
    security_level: Option<SecurityLevel>,
    username: Option<String>,
    #[schema(format = Password)]
    password: Option<String>,
}

/// Which cameras to list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields, default)]
struct Filter {
    /// Items of the page, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Only those in this area.
    area: Option<String>,
    /// Only those whose id, name or location has this text.
    q: Option<String>,
    /// Only those with this status.
    device_status: Option<DeviceState>,
    /// Only those of this unit.
    owner: Option<UnitId>,
}

/// The cameras one may see, by id.
#[utoipa::path(get, path = "/cameras", tag = "cameras", params(Filter), responses(
    (status = 200, body = Page<CameraView>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
async fn list(
    State(deps): State<Arc<Deps>>,
    principal: Principal,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Page<CameraView>>, ApiError> {
    let page = tokio::task::spawn_blocking(move || listed(&deps, &principal, &filter)).await;
    Ok(Json(page.map_err(|_| ApiError::new(Code::Internal))??))
}

/// Rows read at a time while a page is filled.
const ROWS_FETCHED: usize = 500;

fn listed(deps: &Deps, principal: &Principal, filter: &Filter) -> Result<Page<CameraView>, ApiError> {
    let limit = page::limit(filter.limit)?;
    let mut after = page::after(camera::CAMERAS, filter.cursor.as_deref())?;
    let area = filter.area.as_deref().map(|text| camera::area("area", text)).transpose()?;
    let scope = scope(deps, principal)?;
    let wanted = |camera: &Camera| {
        let has =
            |q: &str| [camera.id.as_str(), &camera.name, &camera.location_name].iter().any(|text| text.contains(q));
        area.as_ref().is_none_or(|area| camera.area.as_ref().is_some_and(|place| area.covers(place)))
            && filter.owner.as_ref().is_none_or(|owner| camera.owner.as_ref() == Some(owner))
            && filter.q.as_deref().is_none_or(has)
            && filter.device_status.is_none_or(|state| status(deps, &camera.id) == state)
            && scope.shows(camera)
    };
    let mut found = Vec::new();
    while found.len() <= limit {
        let rows = deps.store.range_json::<Camera>(camera::CAMERAS, after.as_deref(), ROWS_FETCHED)?;
        let Some((last, _)) = rows.last() else { break };
        after = Some(last.clone());
        let fitting = rows.into_iter().filter(|(_, row)| wanted(&row.value)).take(limit + 1 - found.len());
        found.extend(fitting.map(|(key, row)| (key, CameraView::of(deps, principal, row.value))));
    }
    Ok(Page::of(found, limit))
}

fn status(deps: &Deps, id: &CameraId) -> DeviceState {
    deps.cameras.status(id).map_or(DeviceState::Offline, |status| status.state)
}

/// Enrol a camera. It is pulled from now on.
#[utoipa::path(post, path = "/cameras", tag = "cameras", request_body = NewCamera, responses(
    (status = 201, body = CameraView), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: catalogue_admin keeps the catalogue"),
    (status = 409, body = ErrorBody, description = "CONFLICT: the id is taken; RETENTION_CAPACITY: its floor could not be kept"),
    (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn enrol(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    principal: Principal,
    Body(new): Body<NewCamera>,
) -> Result<(StatusCode, Json<CameraView>), ApiError> {
    principal.require(KEEPERS)?;
    let (camera, credentials) = CameraForm::from(new).checked(enrolment(&deps, &principal)?)?;
    check_owner(&deps.store, &camera)?;
    let camera = retired::taken_up(&deps.store, camera)?;
    camera_room::check(&deps, vec![camera_room::of_one_more(&deps, &camera)]).await?;
    let event = deps.event(Kind::REGISTER_CREATED, &principal).action("camera.enrol").object(camera::key(&camera.id));
    let event = event.with("after", serde_json::to_value(&camera).unwrap_or_default()).request_id(request_id);
    let batch = camera::creation(Batch::new(), &camera, credentials.as_ref())?;
    let taken = |error: ApiError| match error.code() {
        Code::Conflict => error.at("id").remedied("该编号已被使用。", "The id is taken; choose another."),
        _ => error,
    };
    deps.change(event, batch).await.map_err(taken)?;
    camera_room::tell_rule(&deps, &camera.id);
    deps.cameras.add(CameraSetup::of(&camera, credentials));
    Ok((StatusCode::CREATED, Json(CameraView::of(&deps, &principal, camera))))
}

/// Who enrols, when, and a fresh id.
pub fn enrolment(deps: &Deps, principal: &Principal) -> Result<Enrolment, ApiError> {
    let at = deps.now();
    let id = mint::sortable_id(at).map_err(|_| ApiError::new(Code::Internal))?;
    let fallback_id = id.parse().map_err(|_| ApiError::new(Code::Internal))?;
    Ok(Enrolment { fallback_id, fallback_area: deps.config.site_area.clone(), at, by: principal.user().clone() })
}

/// The owner, where one is named, is a unit.
pub fn check_owner(store: &Store, camera: &Camera) -> Result<(), ApiError> {
    match &camera.owner {
        Some(owner) if unit::load(store, owner)?.is_none() => {
            Err(ApiError::field("owner", "没有该单位。", "There is no such unit."))
        }
        _ => Ok(()),
    }
}

/// One camera.
#[utoipa::path(get, path = "/cameras/{id}", tag = "cameras", params(("id" = String, Path)), responses(
    (status = 200, body = CameraView), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody, description = "CAMERA_UNKNOWN, also where it is out of scope")))]
async fn read(
    State(deps): State<Arc<Deps>>,
    principal: Principal,
    At(id): At<CameraId>,
) -> Result<Json<CameraView>, ApiError> {
    let camera = visible(&deps, &principal, &id)?.value;
    Ok(Json(CameraView::of(&deps, &principal, camera)))
}

/// Change a camera. Where its address changes, it is pulled anew.
#[utoipa::path(patch, path = "/cameras/{id}", tag = "cameras", params(("id" = String, Path)), request_body = CameraEdit,
    responses(
    (status = 200, body = CameraView), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: catalogue_admin keeps the catalogue"),
    (status = 404, body = ErrorBody, description = "CAMERA_UNKNOWN"),
    (status = 409, body = ErrorBody, description = "CONFLICT; RETENTION_CAPACITY: its new floor could not be kept"),
    (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn change(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    principal: Principal,
    At(id): At<CameraId>,
    Body(edit): Body<CameraEdit>,
) -> Result<Json<CameraView>, ApiError> {
    principal.require(KEEPERS)?;
    let row = visible(&deps, &principal, &id)?;
    let kept = camera::load_credentials(&deps.store, &id)?;
    let (camera, credentials) = edited(&row.value, kept.clone(), edit, enrolment(&deps, &principal)?)?;
    check_owner(&deps.store, &camera)?;
    camera_room::check(&deps, camera_room::of_change(&deps, &row.value, &camera)).await?;
    let key = camera::key(&id);
    let event = deps.event(Kind::REGISTER_CHANGED, &principal).action("camera.change").object(key.as_str());
    let event = event.with("after", serde_json::to_value(&camera).unwrap_or_default()).request_id(request_id);
    let batch = Batch::new().expect_version(key.as_str(), row.version).put_json(key, &camera)?;
    let batch = camera::put_credentials(batch, &id, credentials.as_ref())?;
    deps.change(event, camera::put_history(batch, &camera, false)?).await?;
    camera_room::tell_rule(&deps, &id);
    let (before, after) = (CameraSetup::of(&row.value, kept), CameraSetup::of(&camera, credentials));
    if before != after {
        deps.cameras.update(after);
    }
    Ok(Json(CameraView::of(&deps, &principal, camera)))
}

/// The record after an edit: the old one as a form, the edit over it, checked as a new one is.
fn edited(
    before: &Camera,
    kept: Option<Credentials>,
    edit: CameraEdit,
    enrolment: Enrolment,
) -> Result<(Camera, Option<Credentials>), ApiError> {
    let text = |edit: Option<String>, old: &str| edit.unwrap_or_else(|| old.into());
    let cleared = edit.username.as_deref() == Some("");
    let moved = edit.source.is_some();
    let username =
        edit.username.or_else(|| kept.as_ref().filter(|_| edit.password.is_some()).map(|k| k.username.clone()));
    let form = CameraForm {
        id: Some(before.id.to_string()),
        name: text(edit.name, &before.name),
        source: text(edit.source, before.source.as_str()),
        sub_source: edit.sub_source.or_else(|| before.sub_source.as_ref().map(|s| s.as_str().into())),
        transport: edit.transport.unwrap_or(before.transport),
        resource_category: text(edit.resource_category, &before.resource_category),
        location_name: text(edit.location_name, &before.location_name),
        camera_type: text(edit.camera_type, &before.camera_type),
        construction_unit: text(edit.construction_unit, &before.construction_unit),
        maintenance_unit: text(edit.maintenance_unit, &before.maintenance_unit),
        contact: text(edit.contact, &before.contact),
        area: edit.area.or_else(|| before.area.as_ref().map(ToString::to_string)),
        owner: edit.owner.or_else(|| before.owner.as_ref().map(ToString::to_string)),
        retention_class: edit.retention_class.unwrap_or(before.retention_class),
        security_level: edit.security_level.unwrap_or(before.security_level),
        username: username.filter(|u| !u.is_empty()),
        password: edit.password.filter(|_| !cleared),
    };
    let (mut camera, stated) = form.checked(enrolment)?;
    // Credentials stay with the host they were given for: a new address of another host must bring its own.
    let stays = !cleared && (!moved || camera.source.has_host_of(&before.source));
    let credentials = stated.or(kept.filter(|_| stays));
    camera.has_credentials = credentials.is_some();
    camera.version = before.version + 1;
    camera.created_at = before.created_at;
    camera.former_classes = before.former_classes.clone();
    if camera.retention_class != before.retention_class {
        camera.former_classes.insert(before.retention_class, camera.changed_at);
        camera.former_classes.remove(&camera.retention_class);
    }
    Ok((camera, credentials))
}

/// Remove a camera. Its viewers end with `camera_lost`; its recordings stay until their time is over,
/// by the rule that it had.
#[utoipa::path(delete, path = "/cameras/{id}", tag = "cameras", params(("id" = String, Path)), responses(
    (status = 204), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: catalogue_admin keeps the catalogue"),
    (status = 404, body = ErrorBody, description = "CAMERA_UNKNOWN"), (status = 409, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
async fn remove(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    principal: Principal,
    At(id): At<CameraId>,
) -> Result<StatusCode, ApiError> {
    principal.require(KEEPERS)?;
    let row = visible(&deps, &principal, &id)?;
    let mut camera = row.value;
    camera.version += 1;
    camera.changed_at = deps.now();
    camera.changed_by = principal.user().clone();
    let key = camera::key(&id);
    let event = deps.event(Kind::REGISTER_DELETED, &principal).action("camera.remove").object(key.as_str());
    let batch = Batch::new().expect_version(key.as_str(), row.version).delete(key);
    let batch = retired::put(camera::put_credentials(batch, &id, None)?, &camera, camera.changed_at)?;
    deps.change(event.request_id(request_id), camera::put_history(batch, &camera, true)?).await?;
    deps.leases.end_where(|lease| watches(lease, &id), EndReason::CameraLost);
    deps.cameras.remove(&id);
    Ok(StatusCode::NO_CONTENT)
}

fn watches(lease: &Lease, id: &CameraId) -> bool {
    match &lease.content {
        Content::Live(stream) => stream.camera == *id,
        Content::Playback { stream, .. } => stream.camera == *id,
    }
}
