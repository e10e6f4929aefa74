//! What the appliance says of its recordings: the attestation by camera and day, and when each volume is in danger.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use jiff::civil::Date;
use media::id::CameraId;
use media::wall::Wall;
use serde::Serialize;

use super::csv_stream;
use super::usage::{csv_row, is_chinese, wants_csv};
use crate::attestation::{self, Attestation};
use crate::deps::Deps;
use crate::error::{ApiError, Code};
use crate::ports::VolumeOutlook;
use crate::stamp::Stamp;
use crate::store::StoreError;

/// Attestations of one JSON answer: some 4 MB.
const ITEMS_MAX: usize = 10_000;
/// Longest stretch of one report: a year, with a day for the leap.
const STRETCH_MAX: Duration = Duration::from_secs(367 * 86_400);
/// Attestations of one part of a CSV.
const ROWS_PER_PART: usize = 1_000;

/// What is asked for.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) from: Wall,
    pub(super) to: Wall,
    pub(super) camera: Option<CameraId>,
}

/// The attestation of a stretch of days.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct RetentionReport {
    /// Beginning, inclusive.
    from: Stamp,
    /// End, exclusive.
    to: Stamp,
    /// By day, then camera. Days on site time that the stretch touches.
    items: Vec<Attestation>,
    /// False where there was more than one answer holds: ask for fewer days, for one camera, or for CSV.
    complete: bool,
}

/// A place in the rows: a day, and the key after which to go on.
#[derive(Clone)]
struct Place {
    day: Date,
    after: Option<String>,
}

/// As JSON up to a bound; as CSV the whole stretch.
pub(super) async fn retention(deps: &Arc<Deps>, headers: &HeaderMap, wanted: Wanted) -> Result<Response, ApiError> {
    if wanted.to.since(wanted.from) > STRETCH_MAX {
        return Err(ApiError::field("from", "与 to 相距不超过367天。", "At most 367 days before `to`."));
    }
    let zone = &deps.retention.settings().zone;
    let last = Wall::from_micros(wanted.to.micros().saturating_sub(1));
    let days = attestation::date_of(zone, wanted.from).zip(attestation::date_of(zone, last));
    let (first, last) = days.ok_or_else(|| ApiError::field("from", "日期无效。", "It is no date of the calendar."))?;
    let (reading, start) = (Arc::clone(deps), Place { day: first, after: None });
    let camera = wanted.camera.clone();
    let rows = move |place: Place, limit| rows(&reading, &place, last, camera.as_ref(), limit);
    if wants_csv(headers) {
        let head = csv_row(if is_chinese(headers) { &HEAD_ZH } else { &HEAD });
        return Ok(csv_stream::response(head, start, move |place| {
            let (items, next) = rows(place, ROWS_PER_PART)?;
            Ok::<_, StoreError>((items.iter().flat_map(|row| csv_row(&columns(row))).collect(), next))
        }));
    }
    let read = tokio::task::spawn_blocking(move || {
        let (mut items, mut next) = (Vec::new(), Some(start));
        while let Some(place) = next.take().filter(|_| items.len() < ITEMS_MAX) {
            let (more, then) = rows(place, ITEMS_MAX - items.len())?;
            items.extend(more);
            next = then;
            if next.is_some() && items.len() >= ITEMS_MAX {
                return Ok((items, false));
            }
        }
        Ok::<_, StoreError>((items, true))
    });
    let (items, complete) = read.await.map_err(|_| Code::Internal)??;
    Ok(Json(RetentionReport { from: wanted.from.into(), to: wanted.to.into(), items, complete }).into_response())
}

/// Rows of one day from `place` on, and where the next ones are.
fn rows(
    deps: &Deps,
    place: &Place,
    last: Date,
    camera: Option<&CameraId>,
    limit: usize,
) -> Result<(Vec<Attestation>, Option<Place>), StoreError> {
    let prefix = attestation::of_day(place.day);
    let tomorrow = || {
        let day = place.day.tomorrow().ok().filter(|day| *day <= last)?;
        Some(Place { day, after: None })
    };
    if let Some(camera) = camera {
        let row = deps.store.get_json::<Attestation>(&format!("{prefix}{camera}"))?;
        return Ok((row.map(|row| row.value).into_iter().collect(), tomorrow()));
    }
    let found = deps.store.range_json::<Attestation>(&prefix, place.after.as_deref(), limit)?;
    let next = match found.last() {
        Some((key, _)) if found.len() >= limit => Some(Place { day: place.day, after: Some(key.clone()) }),
        _ => tomorrow(),
    };
    Ok((found.into_iter().map(|(_, row)| row.value).collect(), next))
}

const HEAD: [&str; 12] = [
    "day",
    "camera",
    "class",
    "covered_seconds",
    "gap_seconds",
    "gaps",
    "floor_days",
    "floor_met",
    "lost_seconds",
    "oldest",
    "held",
    "attested_at",
];
const HEAD_ZH: [&str; 12] = [
    "日期",
    "摄像机",
    "保存类别",
    "已录秒数",
    "缺失秒数",
    "缺失原因",
    "法定保存天数",
    "达到期限",
    "丢失秒数",
    "最早录像",
    "证据保全",
    "核验时间",
];

fn columns(row: &Attestation) -> [String; 12] {
    let gaps: Vec<String> = row.gap_seconds.iter().map(|(reason, seconds)| format!("{reason} {seconds}")).collect();
    let held: Vec<String> = row.held.iter().map(|span| format!("{}/{}", span.from, span.to)).collect();
    [
        row.day.to_string(),
        row.camera.to_string(),
        row.retention_class.text().into(),
        row.covered_seconds.to_string(),
        row.gap_seconds.values().fold(0.0, |sum, seconds| sum + seconds).to_string(),
        gaps.join("; "),
        (row.floor_seconds as f64 / 86_400.0).to_string(),
        row.floor_met.to_string(),
        row.lost_seconds.to_string(),
        row.oldest.map(|stamp| stamp.to_string()).unwrap_or_default(),
        held.join(" "),
        row.attested_at.to_string(),
    ]
}

/// A volume, and when it is in danger.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct VolumeView {
    /// Its name in the configuration.
    volume: String,
    /// How it is.
    state: String,
    /// Bytes it holds at most.
    capacity_bytes: u64,
    /// Bytes it still takes.
    free_bytes: u64,
    /// Bytes on it that a floor or a hold protects.
    protected_bytes: u64,
    /// What is written to it.
    bytes_per_second: u64,
    /// Seconds until it can take no more without breaking a floor or a hold; null where that is not foreseen.
    floor_danger_seconds: Option<u64>,
}

impl From<VolumeOutlook> for VolumeView {
    fn from(outlook: VolumeOutlook) -> Self {
        Self {
            volume: outlook.volume,
            state: outlook.state,
            capacity_bytes: outlook.capacity_bytes,
            free_bytes: outlook.free_bytes,
            protected_bytes: outlook.protected_bytes,
            bytes_per_second: outlook.bytes_per_second,
            floor_danger_seconds: outlook.floor_danger_seconds,
        }
    }
}

/// The forecast, as it is at this moment.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct OutlookReport {
    /// When it was made.
    at: Stamp,
    items: Vec<VolumeView>,
}

const OUTLOOK_HEAD: [&str; 7] =
    ["volume", "state", "capacity_bytes", "free_bytes", "protected_bytes", "bytes_per_second", "floor_danger_seconds"];
const OUTLOOK_HEAD_ZH: [&str; 7] =
    ["存储卷", "状态", "容量字节", "可用字节", "受保护字节", "每秒写入字节", "距法定期限受威胁秒数"];

/// All volumes.
pub(super) async fn outlook(deps: &Arc<Deps>, headers: &HeaderMap) -> Result<Response, ApiError> {
    let asking = Arc::clone(deps);
    let asked = tokio::task::spawn_blocking(move || asking.retention.outlook()).await;
    let volumes = asked.map_err(|_| Code::Internal)?.map_err(|error| {
        tracing::error!(%error, "the recorder has no outlook");
        Code::Internal
    })?;
    if !wants_csv(headers) {
        let items = volumes.into_iter().map(VolumeView::from).collect();
        return Ok(Json(OutlookReport { at: deps.now().into(), items }).into_response());
    }
    let mut text = csv_row(if is_chinese(headers) { &OUTLOOK_HEAD_ZH } else { &OUTLOOK_HEAD });
    for v in volumes {
        let numbers = [v.capacity_bytes, v.free_bytes, v.protected_bytes, v.bytes_per_second].map(|n| n.to_string());
        let danger = v.floor_danger_seconds.map(|s| s.to_string()).unwrap_or_default();
        let row: Vec<String> = [v.volume, v.state].into_iter().chain(numbers).chain([danger]).collect();
        text.extend(csv_row(&row));
    }
    let kind = HeaderValue::from_static("text/csv; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}
