//! The usage register of J-24(3), with exactly its columns. What else is kept of a viewing is read at `GET /usage`.

use super::cell::on_site;
use super::names::Names;
use super::{Asked, Cell, Part, READERS, Report, Takes, Words, column, unreadable};
use crate::error::ApiError;
use crate::registers::Role;
use crate::store::StoreError;
use crate::usage::{Filter, Medium, UsageRecord};

/// The report.
pub(super) const REPORT: Report = Report {
    name: "usage-register",
    title: Words { zh: "视频资源使用登记", en: "Usage register" },
    articles: &["J-24(3)"],
    columns: &[
        column("purpose", "具体用途"),
        column("user", "使用人员"),
        column("approver", "批准人员"),
        column("content", "视频内容"),
        column("obtained_at", "获取时间"),
        column("medium", "介质类型"),
    ],
    takes: &[Takes::Period, Takes::Camera, Takes::Unit],
    readers: READERS,
    own_unit: &[Role::UnitPrincipal],
    read,
};

fn read(asked: &Asked, place: Option<&str>, limit: usize) -> Result<Part, ApiError> {
    let filter = Filter {
        from: Some(asked.from),
        to: Some(asked.to),
        camera: asked.camera.as_ref().map(ToString::to_string),
        unit: asked.unit.as_ref().map(ToString::to_string),
        ..Filter::default()
    };
    let page = asked.deps.usage.list(&filter, place, limit).map_err(|error| unreadable(&error))?;
    let mut names = Names::of(asked);
    let rows = page.items.iter().map(|record| row(asked, &mut names, record)).collect::<Result<_, _>>()?;
    Ok(Part { rows, next: page.next })
}

fn row(asked: &Asked, names: &mut Names<'_>, record: &UsageRecord) -> Result<Vec<Cell>, StoreError> {
    Ok(vec![
        names.purpose(&record.purpose)?,
        names.user(&record.user)?,
        names.user(&record.approver)?,
        content(asked, names, record)?,
        Cell::At(record.opened_at.0),
        Cell::Word(medium(record.medium)),
    ])
}

/// The camera, and the stretch where it is one of a recording.
fn content(asked: &Asked, names: &mut Names<'_>, record: &UsageRecord) -> Result<Cell, StoreError> {
    let content = &record.content;
    let mut text = content.camera.to_string();
    let name = names.camera(&text)?;
    if !name.is_empty() && name != text {
        text = format!("{text} {name}");
    }
    if let (Some(from), Some(to)) = (content.from, content.to) {
        text = format!("{text} {} — {}", on_site(from.0, asked.zone()), on_site(to.0, asked.zone()));
    }
    Ok(Cell::Nested(serde_json::to_value(content).unwrap_or_default(), text))
}

const fn medium(medium: Medium) -> Words {
    match medium {
        Medium::LiveStream => Words { zh: "实时视频流", en: "live_stream" },
        Medium::PlaybackStream => Words { zh: "回放视频流", en: "playback_stream" },
        Medium::File => Words { zh: "文件", en: "file" },
    }
}
