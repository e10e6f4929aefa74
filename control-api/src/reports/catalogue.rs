//! The resource catalogue (J-4): the seven fields of each camera and what goes with them, as it stands at this moment.

use super::camera_status::state;
use super::{Asked, Cell, Part, Report, Takes, Words, column, online};
use crate::error::ApiError;
use crate::ports::DeviceState;
use crate::registers::{Camera, Role};

/// The report. Its columns are those of the register's fields but the addresses, which are the keeper's.
pub(super) const REPORT: Report = Report {
    name: "catalogue",
    title: Words { zh: "视频资源目录", en: "Resource catalogue" },
    articles: &["J-4"],
    columns: &[
        column("id", "编号"),
        column("name", "名称"),
        column("resource_category", "视频资源类别"),
        column("location_name", "位置名称"),
        column("camera_type", "摄像头类型"),
        column("device_status", "设备状态"),
        column("construction_unit", "建设单位"),
        column("maintenance_unit", "维护单位"),
        column("contact", "联系方式"),
        column("area", "区域"),
        column("owner", "权属单位"),
        column("retention_class", "保存类别"),
        column("security_level", "安全级别"),
        column("version", "版本"),
        column("changed_at", "变更时间"),
    ],
    takes: &[Takes::Unit],
    readers: &[Role::BureauApprover, Role::AuditAdmin, Role::CatalogueAdmin],
    own_unit: &[Role::OwnerMaintainer],
    read,
};

fn read(asked: &Asked, place: Option<&str>, limit: usize) -> Result<Part, ApiError> {
    let mut rows = Vec::new();
    let next = online::each_camera(asked, place, &mut |camera| {
        rows.push(row(asked, camera));
        Ok(rows.len() < limit)
    })?;
    Ok(Part { rows, next })
}

fn row(asked: &Asked, camera: Camera) -> Vec<Cell> {
    let status = asked.deps.cameras.status(&camera.id).map_or(DeviceState::Offline, |status| status.state);
    vec![
        Cell::Text(camera.id.to_string()),
        Cell::Text(camera.name),
        Cell::Text(camera.resource_category),
        Cell::Text(camera.location_name),
        Cell::Text(camera.camera_type),
        Cell::Word(state(status)),
        Cell::Text(camera.construction_unit),
        Cell::Text(camera.maintenance_unit),
        Cell::Text(camera.contact),
        Cell::text(camera.area.as_ref().map(ToString::to_string)),
        Cell::text(camera.owner.as_ref().map(ToString::to_string)),
        Cell::Text(camera.retention_class.text().into()),
        Cell::Count(camera.security_level.number().into()),
        Cell::Count(camera.version),
        Cell::At(camera.changed_at),
    ]
}
