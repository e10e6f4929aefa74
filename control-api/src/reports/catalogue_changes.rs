//! What changed in the catalogue between two instants (J-4): each enrolment, change of a field and removal, by camera, with both
//! texts. Passwords are nowhere in it, and addresses only as that they changed.

use super::{Asked, Cell, Part, Report, Takes, Words, column};
use crate::error::ApiError;
use crate::registers::Role;
use crate::registers::camera::{self, Camera, CameraChange};
use crate::registers::camera_fields::{differences, is_address};

/// Lines of history of one part.
const LINES_PER_PART: usize = 500;

/// The report.
pub(super) const REPORT: Report = Report {
    name: "catalogue-changes",
    title: Words { zh: "目录变更", en: "Changes of the catalogue" },
    articles: &["J-4"],
    columns: &[
        column("camera", "编号"),
        column("version", "版本"),
        column("at", "变更时间"),
        column("by", "变更人"),
        column("change", "变更"),
        column("field", "字段"),
        column("before", "变更前"),
        column("after", "变更后"),
    ],
    takes: &[Takes::Period, Takes::Camera],
    readers: &[Role::BureauApprover, Role::AuditAdmin, Role::CatalogueAdmin],
    own_unit: &[],
    read,
};

/// The place is the key of the last line that was read: the one that the next is compared with.
fn read(asked: &Asked, place: Option<&str>, limit: usize) -> Result<Part, ApiError> {
    let store = &asked.deps.store;
    let prefix = asked.camera.as_ref().map_or_else(|| camera::HISTORIES.to_owned(), camera::history);
    let mut before = match place {
        Some(key) => store.get_json::<CameraChange>(key)?.map(|row| row.value),
        None => None,
    };
    let lines = store.range_json::<CameraChange>(&prefix, place, LINES_PER_PART)?;
    let whole = lines.len() < LINES_PER_PART;
    let (mut rows, mut last) = (Vec::new(), None);
    for (key, line) in lines {
        let change = line.value;
        let previous = before.as_ref().filter(|before| before.camera.id == change.camera.id && !before.removed);
        if asked.from <= change.at && change.at < asked.to {
            rows.extend(of_line(previous.map(|change| &change.camera), &change));
        }
        before = Some(change);
        last = Some(key);
        if rows.len() >= limit {
            return Ok(Part { rows, next: last });
        }
    }
    Ok(Part { rows, next: last.filter(|_| !whole) })
}

fn of_line(previous: Option<&Camera>, change: &CameraChange) -> Vec<Vec<Cell>> {
    let word = match previous {
        _ if change.removed => Words { zh: "注销", en: "removed" },
        None => Words { zh: "登记", en: "enrolled" },
        Some(_) => Words { zh: "变更", en: "changed" },
    };
    let row = |field: Cell, before: Cell, after: Cell| {
        vec![
            Cell::Text(change.camera.id.to_string()),
            Cell::Count(change.camera.version),
            Cell::At(change.at),
            Cell::Text(change.by.to_string()),
            Cell::Word(word),
            field,
            before,
            after,
        ]
    };
    let Some(previous) = previous.filter(|_| !change.removed) else {
        return vec![row(Cell::Empty, Cell::Empty, Cell::Empty)];
    };
    let fields = differences(previous, &change.camera).map(|(field, before, after)| {
        let shown = |text: String| if is_address(field) { Cell::Empty } else { Cell::Text(text) };
        row(Cell::Word(Words { zh: field.zh, en: field.name }), shown(before), shown(after))
    });
    let rows: Vec<_> = fields.collect();
    // A change of credentials alone changes no field that is shown.
    if rows.is_empty() { vec![row(Cell::Empty, Cell::Empty, Cell::Empty)] } else { rows }
}
