//! A camera as the API shows it. Out of scope and unknown are the same answer.

use media::id::CameraId;
use serde::Serialize;

use crate::authn::Principal;
use crate::deps::Deps;
use crate::error::{ApiError, Code};
use crate::ports::{DeviceState, DeviceStatus};
use crate::registers::camera::{self, Camera, Transport};
use crate::registers::{Area, RetentionClass, Role, SecurityLevel, UnitId};
use crate::sight::Scope;
use crate::stamp::Stamp;
use crate::store::Versioned;

/// A camera: the seven fields of J-4 and what goes with them. Never its credentials.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CameraView {
    /// Its id; a GB/T 28181 code where it has one.
    #[schema(value_type = String)]
    id: CameraId,
    /// Its name.
    name: String,
    /// Where the main stream is fetched, without credentials. Shown to the keeper of the catalogue only.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// Where the sub stream is fetched. Shown to the keeper of the catalogue only.
    #[serde(skip_serializing_if = "Option::is_none")]
    sub_source: Option<String>,
    /// How it is fetched.
    transport: Transport,
    /// True where there is a sub stream.
    has_sub: bool,
    /// True where credentials are kept. They are never shown.
    has_credentials: bool,
    /// 视频资源类别.
    resource_category: String,
    /// 位置名称.
    location_name: String,
    /// 摄像头类型.
    camera_type: String,
    /// 设备状态, kept by the relay itself.
    device_status: DeviceState,
    /// Why it is not online.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_status_reason: Option<String>,
    /// Since when it is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    device_status_since: Option<Stamp>,
    /// 建设单位.
    construction_unit: String,
    /// 维护单位.
    maintenance_unit: String,
    /// 联系方式.
    contact: String,
    /// Where it stands.
    area: Option<Area>,
    /// The registered unit that owns it.
    owner: Option<UnitId>,
    /// Which law its recordings are kept under.
    retention_class: RetentionClass,
    /// 1 to 3, the higher the less people may see it.
    security_level: SecurityLevel,
    /// Counts changes, from 1.
    version: u64,
    created_at: Stamp,
    changed_at: Stamp,
}

impl CameraView {
    /// `camera` with its status at this moment, for `principal`.
    pub fn of(deps: &Deps, principal: &Principal, camera: Camera) -> Self {
        let unknown = DeviceStatus { state: DeviceState::Offline, reason: None, since: None };
        let status = deps.cameras.status(&camera.id).unwrap_or(unknown);
        let keeps = principal.has(Role::CatalogueAdmin);
        Self {
            source: keeps.then(|| camera.source.as_str().into()),
            has_sub: camera.sub_source.is_some(),
            sub_source: camera.sub_source.filter(|_| keeps).map(|s| s.as_str().into()),
            transport: camera.transport,
            has_credentials: camera.has_credentials,
            id: camera.id,
            name: camera.name,
            resource_category: camera.resource_category,
            location_name: camera.location_name,
            camera_type: camera.camera_type,
            device_status: status.state,
            device_status_reason: status.reason,
            device_status_since: status.since,
            construction_unit: camera.construction_unit,
            maintenance_unit: camera.maintenance_unit,
            contact: camera.contact,
            area: camera.area,
            owner: camera.owner,
            retention_class: camera.retention_class,
            security_level: camera.security_level,
            version: camera.version,
            created_at: camera.created_at.into(),
            changed_at: camera.changed_at.into(),
        }
    }
}

/// What `principal` may see of the catalogue at this moment.
pub fn scope<'a>(deps: &'a Deps, principal: &'a Principal) -> Result<Scope<'a>, ApiError> {
    Ok(Scope::of(&deps.store, &deps.grants, deps.now(), principal)?)
}

/// The camera, if there is one that `principal` may see; else `CAMERA_UNKNOWN`, whichever of the two it is.
pub fn visible(deps: &Deps, principal: &Principal, id: &CameraId) -> Result<Versioned<Camera>, ApiError> {
    let row = camera::load(&deps.store, id)?;
    let scope = scope(deps, principal)?;
    row.filter(|row| scope.shows(&row.value)).ok_or_else(|| Code::CameraUnknown.into())
}
