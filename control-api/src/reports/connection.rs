//! 应接尽接: the points that have to be connected against the cameras that are (J-6): a point is connected in truth where it names a
//! camera of the catalogue, and online where that one is.

use super::camera_status::state;
use super::names::Names;
use super::{Asked, Cell, Part, Report, Takes, Words, column};
use crate::books::connection_point::{ConnectionPoint, PointState};
use crate::error::ApiError;
use crate::ports::DeviceState;
use crate::register::{Record, rows};
use crate::registers::{Role, camera};

/// Records read at a time.
const RECORDS_FETCHED: usize = 500;

/// The report.
pub(super) const REPORT: Report = Report {
    name: "connection",
    title: Words { zh: "应接尽接", en: "Should connect, connected" },
    articles: &["J-6"],
    columns: &[
        column("point", "点位编号"),
        column("name", "点位名称"),
        column("location_name", "位置名称"),
        column("owner", "权属单位"),
        column("state", "接入状态"),
        column("connect_by", "接入期限"),
        column("camera", "摄像机"),
        column("in_catalogue", "已入目录"),
        column("device_status", "设备状态"),
    ],
    takes: &[Takes::Unit],
    readers: &[Role::BureauApprover, Role::AuditAdmin, Role::CatalogueAdmin],
    own_unit: &[Role::OwnerMaintainer, Role::UnitAdmin, Role::UnitPrincipal],
    read,
};

fn read(asked: &Asked, place: Option<&str>, limit: usize) -> Result<Part, ApiError> {
    let prefix = rows::prefix::<ConnectionPoint>();
    let fetched = limit.min(RECORDS_FETCHED);
    let points = asked.deps.store.range_json::<Record<ConnectionPoint>>(&prefix, place, fetched)?;
    let next = points.last().filter(|_| points.len() >= fetched).map(|(key, _)| key.clone());
    let (mut names, mut rows) = (Names::of(asked), Vec::new());
    for (_, row) in points {
        if asked.unit.as_ref().is_none_or(|unit| row.value.fields.owner == *unit) {
            rows.push(cells(asked, &mut names, row.value)?);
        }
    }
    Ok(Part { rows, next })
}

fn cells(asked: &Asked, names: &mut Names<'_>, point: Record<ConnectionPoint>) -> Result<Vec<Cell>, ApiError> {
    let fields = point.fields;
    // A camera may have left the catalogue since it was named.
    let known = match &fields.camera {
        Some(id) => camera::load(&asked.deps.store, id)?.is_some(),
        None => false,
    };
    let status = fields
        .camera
        .as_ref()
        .filter(|_| known)
        .map(|id| state(asked.deps.cameras.status(id).map_or(DeviceState::Offline, |status| status.state)));
    Ok(vec![
        Cell::Text(point.id.0),
        Cell::Text(fields.name),
        Cell::Text(fields.location_name),
        names.unit(fields.owner.as_str())?,
        Cell::Word(connection(point.state)),
        Cell::at(fields.connect_by.map(|at| at.0)),
        Cell::text(fields.camera.map(|id| id.to_string())),
        Cell::Flag(known),
        status.map_or(Cell::Empty, Cell::Word),
    ])
}

const fn connection(state: PointState) -> Words {
    match state {
        PointState::ShouldConnect => Words { zh: "应接未接", en: "should_connect" },
        PointState::Overdue => Words { zh: "逾期未接", en: "overdue" },
        PointState::Connected => Words { zh: "已接入", en: "connected" },
        PointState::Waived => Words { zh: "免于接入", en: "waived" },
    }
}
