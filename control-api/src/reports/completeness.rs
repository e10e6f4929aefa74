//! How complete the catalogue is (J-4): for each field, how many cameras have it and which have not.

use serde_json::json;

use super::{Asked, Cell, Part, Report, Takes, Words, column, online};
use crate::error::ApiError;
use crate::registers::camera_fields::{FIELDS, has_gb_code};
use crate::registers::{Camera, Role};

/// Cameras that one row names.
const NAMED_MAX: usize = 500;

/// The report.
pub(super) const REPORT: Report = Report {
    name: "catalogue-completeness",
    title: Words { zh: "目录完整性", en: "Catalogue completeness" },
    articles: &["J-4"],
    columns: &[
        column("field", "字段"),
        column("mandatory", "必填"),
        column("cameras", "摄像机数"),
        column("filled", "已填"),
        column("missing", "未填"),
        column("filled_percent", "完整率(%)"),
        column("missing_cameras", "未填摄像机"),
    ],
    takes: &[Takes::Unit],
    readers: &[Role::BureauApprover, Role::AuditAdmin, Role::CatalogueAdmin],
    own_unit: &[Role::OwnerMaintainer],
    read,
};

/// Whether a camera has what a line counts.
type Has = Box<dyn Fn(&Asked, &Camera) -> bool>;

/// One line of the report while it is counted.
struct Tally {
    words: Words,
    is_mandatory: bool,
    has: Has,
    filled: u64,
    missing: Vec<String>,
    missing_count: u64,
}

impl Tally {
    fn new(words: Words, is_mandatory: bool, has: impl Fn(&Asked, &Camera) -> bool + 'static) -> Self {
        Self { words, is_mandatory, has: Box::new(has), filled: 0, missing: Vec::new(), missing_count: 0 }
    }

    fn count(&mut self, asked: &Asked, camera: &Camera) {
        if (self.has)(asked, camera) {
            self.filled += 1;
            return;
        }
        self.missing_count += 1;
        if self.missing.len() < NAMED_MAX {
            self.missing.push(camera.id.to_string());
        }
    }

    fn row(self) -> Vec<Cell> {
        let cameras = self.filled + self.missing_count;
        vec![
            Cell::Word(self.words),
            Cell::Flag(self.is_mandatory),
            Cell::Count(cameras),
            Cell::Count(self.filled),
            Cell::Count(self.missing_count),
            online::percent(self.filled as f64, cameras as f64).map_or(Cell::Empty, Cell::Number),
            Cell::Nested(json!(self.missing), self.missing.join(" ")),
        ]
    }
}

/// The fields of the register, the seventh of J-4 that the relay keeps, and the national code.
fn tallies() -> Vec<Tally> {
    let of_field = FIELDS.iter().map(|field| {
        let words = Words { zh: field.zh, en: field.name };
        Tally::new(words, field.is_mandatory, |_, camera| !(field.text)(camera).trim().is_empty())
    });
    let status = Words { zh: "设备状态", en: "device_status" };
    let code = Words { zh: "GB/T 28181 编码", en: "gb_code" };
    let known = |asked: &Asked, camera: &Camera| asked.deps.cameras.status(&camera.id).is_some();
    let more = [Tally::new(status, true, known), Tally::new(code, false, |_, camera| has_gb_code(camera))];
    of_field.chain(more).collect()
}

fn read(asked: &Asked, _: Option<&str>, _: usize) -> Result<Part, ApiError> {
    let mut tallies = tallies();
    online::each_camera(asked, None, &mut |camera| {
        tallies.iter_mut().for_each(|tally| tally.count(asked, &camera));
        Ok(true)
    })?;
    Ok(Part::last(tallies.into_iter().map(Tally::row).collect()))
}
