//! The deletion register: what retention deleted, when and by which rule, as the ledger has it.

use std::ops::ControlFlow;

use axum::Json;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use media::id::CameraId;
use media::wall::Wall;
use serde::Serialize;

use super::csv_stream;
use super::ledger_walk::{first_at_or_after, walk};
use super::usage::{csv_row, is_chinese, wants_csv};
use crate::deps::Deps;
use crate::error::{ApiError, Code};
use crate::ledger::{Event, Kind, Ledger, LedgerError};
use crate::stamp::Stamp;

/// Deletions of one JSON answer: some 2 MB.
const ITEMS_MAX: usize = 10_000;
/// Entries of the ledger that one JSON answer walks. Some seconds of reading.
const ENTRIES_WALKED_MAX: u64 = 1_000_000;
/// Entries of the ledger behind one part of a CSV.
const ENTRIES_PER_PART: u64 = 5_000;

/// What is asked for.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) from: Wall,
    pub(super) to: Wall,
    pub(super) camera: Option<CameraId>,
    /// The entry to go on from.
    pub(super) cursor: Option<u64>,
}

/// One recording that was deleted.
#[derive(Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub(super) struct Deletion {
    /// When it was deleted.
    at: Stamp,
    /// Whose recording.
    camera: String,
    /// Its beginning.
    start: Option<Stamp>,
    /// Its end.
    end: Option<Stamp>,
    /// Bytes freed.
    bytes: Option<u64>,
    /// By which rule.
    why: Option<String>,
}

/// The deletion register.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct DeletionReport {
    /// Beginning, inclusive.
    from: Stamp,
    /// End, exclusive.
    to: Stamp,
    /// Deletions in the order in which they were made.
    items: Vec<Deletion>,
    /// False where there is more: ask again with `next` as `cursor`.
    complete: bool,
    /// Where to go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

impl Deletion {
    fn of(event: &Event) -> Option<Self> {
        let camera = event.object.as_deref().filter(|_| event.kind == Kind::SEGMENT_DELETED)?;
        let micros = |name: &str| Some(Stamp(Wall::from_micros(event.detail.get(name)?.as_i64()?)));
        Some(Self {
            at: event.at,
            camera: camera.strip_prefix("camera/").unwrap_or(camera).into(),
            start: micros("start_micros"),
            end: micros("end_micros"),
            bytes: event.detail.get("bytes").and_then(serde_json::Value::as_u64),
            why: event.detail.get("why").and_then(|why| why.as_str()).map(str::to_owned),
        })
    }

    fn row(&self) -> Vec<u8> {
        let stamp = |stamp: Option<Stamp>| stamp.map(|s| s.to_string()).unwrap_or_default();
        let bytes = self.bytes.map(|bytes| bytes.to_string()).unwrap_or_default();
        csv_row(&[
            self.at.to_string(),
            self.camera.clone(),
            stamp(self.start),
            stamp(self.end),
            bytes,
            self.why.clone().unwrap_or_default(),
        ])
    }
}

const HEAD: [&str; 6] = ["deleted_at", "camera", "start", "end", "bytes", "why"];
const HEAD_ZH: [&str; 6] = ["删除时间", "摄像机", "开始", "结束", "字节数", "依据"];

/// As JSON, page by page; as CSV the whole stretch.
pub(super) async fn deletions(deps: &Deps, headers: &HeaderMap, wanted: Wanted) -> Result<Response, ApiError> {
    let ledger = deps.ledger.clone();
    if wants_csv(headers) {
        let head = csv_row(if is_chinese(headers) { &HEAD_ZH } else { &HEAD });
        return Ok(csv_stream::response(head, wanted.cursor, move |at| part(&ledger, &wanted, at)));
    }
    let read = tokio::task::spawn_blocking(move || collect(&ledger, &wanted, wanted.cursor, ENTRIES_WALKED_MAX)).await;
    let report = read.map_err(|_| Code::Internal)?.map_err(|error| {
        tracing::error!(%error, "the ledger could not be read");
        Code::Internal
    })?;
    Ok(Json(report).into_response())
}

fn part(ledger: &Ledger, wanted: &Wanted, at: Option<u64>) -> Result<csv_stream::Part<Option<u64>>, LedgerError> {
    let report = collect(ledger, wanted, at, ENTRIES_PER_PART)?;
    let text = report.items.iter().flat_map(Deletion::row).collect();
    Ok((text, report.next.map(Some)))
}

fn collect(ledger: &Ledger, wanted: &Wanted, at: Option<u64>, entries: u64) -> Result<DeletionReport, LedgerError> {
    let start = at.map_or_else(|| first_at_or_after(ledger, wanted.from), Ok)?;
    let mut items = Vec::new();
    let walked = walk(ledger, (wanted.from, wanted.to), start, entries, &mut |event| {
        let deletion = Deletion::of(event);
        let fits = |d: &Deletion| wanted.camera.as_ref().is_none_or(|camera| camera.as_str() == d.camera);
        items.extend(deletion.filter(fits));
        if items.len() < ITEMS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    let next = (!walked.complete).then_some(walked.next);
    Ok(DeletionReport { from: wanted.from.into(), to: wanted.to.into(), items, complete: walked.complete, next })
}
