//! Each camera: whether it is online, why not and since when, and how much of the stretch was recorded of it (J-6). What its owner
//! works by.

use super::names::Names;
use super::online::{self, Line, percent};
use super::{Asked, Cell, Part, Report, Takes, Words, column};
use crate::error::ApiError;
use crate::ports::DeviceState;
use crate::registers::Role;
use crate::store::StoreError;

/// Cameras of one part: each takes reads of the recorder's index.
const CAMERAS_PER_PART: usize = 100;

/// The report.
pub(super) const REPORT: Report = Report {
    name: "camera-status",
    title: Words { zh: "摄像机在线状态", en: "Status of cameras" },
    articles: &["J-6"],
    columns: &[
        column("camera", "编号"),
        column("name", "名称"),
        column("owner", "权属单位"),
        column("area", "区域"),
        column("location_name", "位置名称"),
        column("device_status", "设备状态"),
        column("reason", "原因"),
        column("since", "自何时"),
        column("recorded_seconds", "已录秒数"),
        column("missing_seconds", "缺失秒数"),
        column("recorded_percent", "录像率(%)"),
    ],
    takes: &[Takes::Period, Takes::Camera, Takes::Unit],
    readers: &[Role::BureauApprover, Role::AuditAdmin, Role::CatalogueAdmin],
    own_unit: &[Role::OwnerMaintainer, Role::UnitPrincipal, Role::UnitAdmin],
    read,
};

fn read(asked: &Asked, place: Option<&str>, limit: usize) -> Result<Part, ApiError> {
    online::check_stretch(asked)?;
    let (mut names, mut rows) = (Names::of(asked), Vec::new());
    let enough = limit.min(CAMERAS_PER_PART);
    let next = online::each_camera(asked, place, &mut |camera| {
        rows.push(row(&mut names, online::line(asked, camera)?)?);
        Ok(rows.len() < enough)
    })?;
    Ok(Part { rows, next })
}

fn row(names: &mut Names<'_>, line: Line) -> Result<Vec<Cell>, StoreError> {
    let owner = line.camera.owner.as_ref().map(|unit| names.unit(unit.as_str())).transpose()?;
    let (recorded, missing) = (line.time.recorded, line.time.missing());
    Ok(vec![
        Cell::Text(line.camera.id.to_string()),
        Cell::Text(line.camera.name),
        owner.unwrap_or(Cell::Empty),
        Cell::text(line.camera.area.as_ref().map(ToString::to_string)),
        Cell::Text(line.camera.location_name),
        Cell::Word(state(line.status.state)),
        Cell::text(line.status.reason),
        Cell::at(line.status.since.map(|since| since.0)),
        Cell::Number(recorded),
        Cell::Number(missing),
        percent(recorded, recorded + missing).map_or(Cell::Empty, Cell::Number),
    ])
}

pub(super) const fn state(state: DeviceState) -> Words {
    match state {
        DeviceState::Online => Words { zh: "在线", en: "online" },
        DeviceState::Connecting => Words { zh: "连接中", en: "connecting" },
        DeviceState::Offline => Words { zh: "离线", en: "offline" },
    }
}
