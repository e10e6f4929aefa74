//! Connection and online rate by owning unit (J-6): how many of its cameras are online now and which are not, and how much of the
//! stretch was recorded of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::names::Names;
use super::online::{self, Line, Time, percent};
use super::{Asked, Cell, Part, Report, Takes, Words, column};
use crate::error::ApiError;
use crate::registers::{Role, UnitId};
use crate::stamp::Stamp;
use crate::store::StoreError;

/// Cameras that one row names; the rest are in `camera-status`.
const NAMED_MAX: usize = 1_000;

/// The report.
pub(super) const REPORT: Report = Report {
    name: "online-rate",
    title: Words { zh: "按权属单位统计的在线率", en: "Online rate by owner" },
    articles: &["J-6"],
    columns: &[
        column("owner", "权属单位"),
        column("cameras", "应在线数"),
        column("online", "在线数"),
        column("offline", "离线数"),
        column("online_percent", "在线率(%)"),
        column("offline_cameras", "离线摄像机"),
        column("recorded_seconds", "已录秒数"),
        column("missing_seconds", "缺失秒数"),
        column("gap_seconds", "缺失原因"),
        column("recorded_percent", "录像率(%)"),
    ],
    takes: &[Takes::Period, Takes::Unit],
    readers: &[Role::BureauApprover, Role::AuditAdmin, Role::CatalogueAdmin],
    own_unit: &[Role::OwnerMaintainer, Role::UnitPrincipal, Role::UnitAdmin],
    read,
};

/// What is known of one owner's cameras.
#[derive(Default)]
struct Owner {
    cameras: u64,
    online: u64,
    offline: Vec<Value>,
    time: Time,
}

fn read(asked: &Asked, _: Option<&str>, _: usize) -> Result<Part, ApiError> {
    online::check_stretch(asked)?;
    let mut owners: BTreeMap<Option<UnitId>, Owner> = BTreeMap::new();
    online::each_camera(asked, None, &mut |camera| {
        let line = online::line(asked, camera)?;
        owners.entry(line.camera.owner.clone()).or_default().add(&line);
        Ok(true)
    })?;
    let mut names = Names::of(asked);
    let rows =
        owners.into_iter().map(|(unit, owner)| row(&mut names, unit.as_ref(), &owner)).collect::<Result<_, _>>()?;
    Ok(Part::last(rows))
}

impl Owner {
    fn add(&mut self, line: &Line) {
        self.cameras += 1;
        self.time.add(&line.time);
        if line.is_online() {
            self.online += 1;
        } else if self.offline.len() < NAMED_MAX {
            self.offline.push(json!({
                "camera": line.camera.id, "name": line.camera.name, "reason": line.status.reason,
                "since": line.status.since.map(|since: Stamp| since.to_string()),
            }));
        }
    }
}

fn row(names: &mut Names<'_>, unit: Option<&UnitId>, owner: &Owner) -> Result<Vec<Cell>, StoreError> {
    let unit = unit.map(|unit| names.unit(unit.as_str())).transpose()?;
    let (recorded, missing) = (owner.time.recorded, owner.time.missing());
    let gaps: Vec<String> = owner.time.gaps.iter().map(|(reason, seconds)| format!("{reason} {seconds}")).collect();
    Ok(vec![
        unit.unwrap_or(Cell::Empty),
        Cell::Count(owner.cameras),
        Cell::Count(owner.online),
        Cell::Count(owner.cameras - owner.online),
        percent(owner.online as f64, owner.cameras as f64).map_or(Cell::Empty, Cell::Number),
        Cell::Nested(owner.offline.clone().into(), printed(&owner.offline)),
        Cell::Number(recorded),
        Cell::Number(missing),
        Cell::Nested(serde_json::to_value(&owner.time.gaps).unwrap_or_default(), gaps.join("; ")),
        percent(recorded, recorded + missing).map_or(Cell::Empty, Cell::Number),
    ])
}

fn printed(offline: &[Value]) -> String {
    let one = |camera: &Value| {
        let text = |field: &str| camera.get(field).and_then(Value::as_str).unwrap_or_default();
        format!("{} {} ({})", text("camera"), text("name"), text("reason"))
    };
    offline.iter().map(one).collect::<Vec<_>>().join("; ")
}
