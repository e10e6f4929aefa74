//! The deletion register: what retention deleted, when and by which rule, as the ledger has it.

use std::ops::ControlFlow;

use media::wall::Wall;
use serde_json::Value;

use super::ledger_walk::{first_at_or_after, walk};
use super::{Asked, Cell, Part, READERS, Report, Takes, Words, column, unreadable};
use crate::error::ApiError;
use crate::ledger::{Event, Kind};
use crate::registers::Role;

/// Entries of the ledger behind one part. Some tens of milliseconds of reading.
const ENTRIES_PER_PART: u64 = 5_000;

/// The report.
pub(super) const REPORT: Report = Report {
    name: "deletions",
    title: Words { zh: "录像删除登记", en: "Deletion register" },
    articles: &["O-17", "AT-32"],
    columns: &[
        column("at", "删除时间"),
        column("camera", "摄像机"),
        column("start", "开始"),
        column("end", "结束"),
        column("bytes", "字节数"),
        column("why", "依据"),
    ],
    takes: &[Takes::Period, Takes::Camera],
    readers: READERS,
    own_unit: &[] as &[Role],
    read,
};

fn read(asked: &Asked, place: Option<&str>, limit: usize) -> Result<Part, ApiError> {
    let ledger = &asked.deps.ledger;
    let failed = |error| unreadable(&error);
    let start = match place.and_then(|place| place.parse().ok()) {
        Some(entry) => entry,
        None => first_at_or_after(ledger, asked.from).map_err(failed)?,
    };
    let mut rows = Vec::new();
    let walked = walk(ledger, (asked.from, asked.to), start, ENTRIES_PER_PART, &mut |event| {
        rows.extend(row(asked, event));
        if rows.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    let walked = walked.map_err(failed)?;
    Ok(Part { rows, next: (!walked.complete).then(|| walked.next.to_string()) })
}

/// The row of an event, if it is one of a deletion that is asked for.
fn row(asked: &Asked, event: &Event) -> Option<Vec<Cell>> {
    let object = event.object.as_deref().filter(|_| event.kind == Kind::SEGMENT_DELETED)?;
    let camera = object.strip_prefix("camera/").unwrap_or(object);
    if asked.camera.as_ref().is_some_and(|wanted| wanted.as_str() != camera) {
        return None;
    }
    let instant = |name: &str| event.detail.get(name).and_then(Value::as_i64).map(Wall::from_micros);
    Some(vec![
        Cell::At(event.at.0),
        Cell::Text(camera.into()),
        Cell::at(instant("start_micros")),
        Cell::at(instant("end_micros")),
        event.detail.get("bytes").and_then(Value::as_u64).map_or(Cell::Empty, Cell::Count),
        Cell::text(event.detail.get("why").and_then(Value::as_str)),
    ])
}
