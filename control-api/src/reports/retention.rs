//! The attestation of recordings by day and camera: what is covered, what is missing and why, and whether the floor is met.

use std::collections::HashMap;
use std::time::Duration;

use jiff::civil::Date;
use media::id::CameraId;
use media::wall::Wall;

use super::cell::on_site;
use super::{Asked, Cell, Part, Place, READERS, Report, Takes, Words, column};
use crate::attestation::{self, Attestation};
use crate::error::ApiError;
use crate::registers::{Role, camera};
use crate::store::StoreError;

/// Longest stretch of one report: a year, with a day for the leap.
const STRETCH_MAX: Duration = Duration::from_secs(367 * 86_400);

/// The report.
pub(super) const REPORT: Report = Report {
    name: "retention",
    title: Words { zh: "录像保存核验", en: "Attestation of recordings" },
    articles: &["O-17", "AT-32"],
    columns: &[
        column("day", "日期"),
        column("camera", "摄像机"),
        column("retention_class", "保存类别"),
        column("covered_seconds", "已录秒数"),
        column("missing_seconds", "缺失秒数"),
        column("gap_seconds", "缺失原因"),
        column("unexplained_seconds", "原因不明秒数"),
        column("floor_seconds", "法定保存秒数"),
        column("floor_met", "达到期限"),
        column("lost_seconds", "丢失秒数"),
        column("oldest", "最早录像"),
        column("held", "证据保全"),
        column("attested_at", "核验时间"),
    ],
    takes: &[Takes::Period, Takes::Camera, Takes::Unit],
    readers: READERS,
    own_unit: &[Role::OwnerMaintainer],
    read,
};

fn read(asked: &Asked, place: Option<&str>, limit: usize) -> Result<Part, ApiError> {
    if asked.to.since(asked.from) > STRETCH_MAX {
        return Err(ApiError::field("from", "与 to 相距不超过367天。", "At most 367 days before `to`."));
    }
    let last = Wall::from_micros(asked.to.micros().saturating_sub(1));
    let days = attestation::date_of(asked.zone(), asked.from).zip(attestation::date_of(asked.zone(), last));
    let (first, last) = days.ok_or_else(|| ApiError::field("from", "日期无效。", "It is no date of the calendar."))?;
    let (day, after) = place.and_then(parsed).unwrap_or((first, None));
    let (found, next) = rows(asked, (day, after), last, limit)?;
    let mut owners = Owners { asked, known: HashMap::new() };
    let mut rows = Vec::new();
    for attestation in found {
        if owners.fit(&attestation.camera)? {
            rows.push(cells(asked, &attestation));
        }
    }
    Ok(Part { rows, next })
}

/// `2026-03-02` or `2026-03-02 key`: a day, and the key after which to go on.
fn parsed(place: &str) -> Option<(Date, Option<String>)> {
    match place.split_once(' ') {
        Some((day, after)) => Some((day.parse().ok()?, Some(after.into()))),
        None => Some((place.parse().ok()?, None)),
    }
}

/// Attestations of one day, and where the next ones are.
fn rows(
    asked: &Asked,
    (day, after): (Date, Option<String>),
    last: Date,
    limit: usize,
) -> Result<(Vec<Attestation>, Option<Place>), StoreError> {
    let prefix = attestation::of_day(day);
    let tomorrow = || day.tomorrow().ok().filter(|day| *day <= last).map(|day| day.to_string());
    if let Some(camera) = &asked.camera {
        let row = asked.deps.store.get_json::<Attestation>(&format!("{prefix}{camera}"))?;
        return Ok((row.map(|row| row.value).into_iter().collect(), tomorrow()));
    }
    let found = asked.deps.store.range_json::<Attestation>(&prefix, after.as_deref(), limit)?;
    let next = match found.last() {
        Some((key, _)) if found.len() >= limit => Some(format!("{day} {key}")),
        _ => tomorrow(),
    };
    Ok((found.into_iter().map(|(_, row)| row.value).collect(), next))
}

/// Whether a camera is the asked unit's, looked up once for each part.
struct Owners<'a> {
    asked: &'a Asked,
    known: HashMap<CameraId, bool>,
}

impl Owners<'_> {
    fn fit(&mut self, id: &CameraId) -> Result<bool, StoreError> {
        let Some(unit) = &self.asked.unit else { return Ok(true) };
        if let Some(fits) = self.known.get(id) {
            return Ok(*fits);
        }
        let owner = camera::load(&self.asked.deps.store, id)?.and_then(|row| row.value.owner);
        let fits = owner.as_ref() == Some(unit);
        self.known.insert(id.clone(), fits);
        Ok(fits)
    }
}

fn cells(asked: &Asked, row: &Attestation) -> Vec<Cell> {
    let gaps: Vec<String> = row.gap_seconds.iter().map(|(reason, seconds)| format!("{reason} {seconds}")).collect();
    let span = |at: crate::stamp::Stamp| on_site(at.0, asked.zone());
    let held: Vec<String> = row.held.iter().map(|held| format!("{} — {}", span(held.from), span(held.to))).collect();
    let nested = |value: Result<serde_json::Value, _>, text| Cell::Nested(value.unwrap_or_default(), text);
    vec![
        Cell::Text(row.day.to_string()),
        Cell::Text(row.camera.to_string()),
        Cell::Text(row.retention_class.text().into()),
        Cell::Number(row.covered_seconds),
        Cell::Number(row.gap_seconds.values().fold(row.unexplained_seconds, |sum, seconds| sum + seconds)),
        nested(serde_json::to_value(&row.gap_seconds), gaps.join("; ")),
        Cell::Number(row.unexplained_seconds),
        Cell::Count(row.floor_seconds),
        Cell::Flag(row.floor_met),
        Cell::Number(row.lost_seconds),
        Cell::at(row.oldest.map(|stamp| stamp.0)),
        nested(serde_json::to_value(&row.held), held.join("; ")),
        Cell::At(row.attested_at.0),
    ]
}
