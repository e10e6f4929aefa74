//! Reports that the Bureau prints, by name: the usage register of a month, refusals by article, the attestation of recordings,
//! what was deleted, and when volumes are in danger. More names come as more is kept.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use media::id::CameraId;
use media::wall::Wall;
use serde::{Deserialize, Serialize};
use utoipa_axum::routes;

use super::Calls;
use super::extract::{Asked, At};
use super::ledger_walk::{first_at_or_after, walk};
use super::page::{LIMIT_MAX, Page};
use super::report_deletions::{self, DeletionReport, deletions};
use super::report_retention::{self, OutlookReport, RetentionReport, outlook, retention};
use super::usage::{csv_response, csv_row, is_chinese, read_failed, wants_csv};
use crate::authn::Principal;
use crate::deps::Deps;
use crate::error::{ApiError, Code, ErrorBody};
use crate::ledger::{Event, Kind, Ledger, LedgerError};
use crate::registers::Role;
use crate::stamp::Stamp;
use crate::usage::Filter;

/// Who prints reports.
const READERS: &[Role] = &[Role::BureauApprover, Role::AuditAdmin];
/// Entries of the ledger that one report walks at most; past them it says that it is cut. Some seconds of reading.
const ENTRIES_WALKED_MAX: u64 = 1_000_000;

/// The calls of this file.
pub fn calls() -> Calls {
    Calls::new().routes(routes!(report))
}

/// Which stretch of time; a month when neither is given, the last 31 days.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ReportQuery {
    /// Beginning, inclusive.
    from: Option<Stamp>,
    /// End, exclusive.
    to: Option<Stamp>,
    /// Only this camera; for `retention` and `deletions`.
    #[param(value_type = Option<String>)]
    camera: Option<CameraId>,
    /// The `next` of the answer before; for `deletions`.
    cursor: Option<u64>,
}

/// Refusals under one article with one code.
#[derive(Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
struct DenialCount {
    /// The article.
    article: String,
    /// The code.
    code: String,
    /// How many.
    count: u64,
}

/// Refusals by article.
#[derive(Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
struct DenialReport {
    /// Beginning, inclusive.
    from: Stamp,
    /// End, exclusive.
    to: Stamp,
    /// Counts by article and code. A refusal that rests on several articles counts under each.
    items: Vec<DenialCount>,
    /// False where the stretch was too long to be walked whole: ask for a shorter one.
    complete: bool,
}

/// One of the reports, by its name.
#[derive(utoipa::ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "only described: each report writes its own")]
enum ReportBody {
    /// `denials`.
    Denials(DenialReport),
    /// `retention`.
    Retention(RetentionReport),
    /// `deletions`.
    Deletions(DeletionReport),
    /// `outlook`.
    Outlook(OutlookReport),
}

/// How long a stretch is where none is asked for.
const MONTH: std::time::Duration = std::time::Duration::from_secs(31 * 24 * 3_600);

/// A report: `usage-register`, `denials`, `retention`, `deletions` or `outlook`. `Accept: text/csv` gives CSV.
#[utoipa::path(get, path = "/reports/{name}", tag = "audit", params(("name" = String, Path), ReportQuery), responses(
    (status = 200, description = "The report", content((ReportBody = "application/json"), (String = "text/csv"))),
    (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: bureau_approver or audit_admin"),
    (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn report(
    State(deps): State<Arc<Deps>>,
    principal: Principal,
    headers: HeaderMap,
    At(name): At<String>,
    Asked(asked): Asked<ReportQuery>,
) -> Result<Response, ApiError> {
    principal.require(READERS)?;
    let to = asked.to.map_or_else(|| deps.now(), |stamp| stamp.0);
    let from = asked.from.map_or(to - MONTH, |stamp| stamp.0);
    if from >= to {
        return Err(ApiError::field("from", "须早于 to。", "It must lie before `to`."));
    }
    let ReportQuery { camera, cursor, .. } = asked;
    check_fits(&name, camera.is_some(), cursor.is_some())?;
    match name.as_str() {
        "usage-register" => usage_register(&deps, &headers, from, to).await,
        "denials" => denials(&deps, &headers, from, to).await,
        "retention" => retention(&deps, &headers, report_retention::Wanted { from, to, camera }).await,
        "deletions" => deletions(&deps, &headers, report_deletions::Wanted { from, to, camera, cursor }).await,
        "outlook" => outlook(&deps, &headers).await,
        _ => Err(Code::NotFound.into()),
    }
}

/// A wish that a report has no use for is refused, so that nobody takes the whole for a part.
fn check_fits(name: &str, has_camera: bool, has_cursor: bool) -> Result<(), ApiError> {
    let refused = |field| ApiError::field(field, "该报表没有此参数。", "This report has no such parameter.");
    if has_camera && !["retention", "deletions"].contains(&name) {
        return Err(refused("camera"));
    }
    if has_cursor && name != "deletions" {
        return Err(refused("cursor"));
    }
    Ok(())
}

async fn usage_register(deps: &Deps, headers: &HeaderMap, from: Wall, to: Wall) -> Result<Response, ApiError> {
    let filter = Filter { from: Some(from), to: Some(to), ..Filter::default() };
    if wants_csv(headers) {
        return Ok(csv_response(deps.usage.clone(), filter, is_chinese(headers)));
    }
    let page = deps.usage.list(&filter, None, LIMIT_MAX).map_err(|error| read_failed(&error))?;
    Ok(Json(Page { items: page.items, next: page.next }).into_response())
}

async fn denials(deps: &Deps, headers: &HeaderMap, from: Wall, to: Wall) -> Result<Response, ApiError> {
    let ledger = deps.ledger.clone();
    let counted = tokio::task::spawn_blocking(move || count_denials(&ledger, from, to)).await;
    let report = counted.map_err(|_| Code::Internal)?.map_err(|error| {
        tracing::error!(%error, "the ledger could not be read");
        Code::Internal
    })?;
    if !wants_csv(headers) {
        return Ok(Json(report).into_response());
    }
    let head = if is_chinese(headers) { ["条款", "代码", "次数"] } else { ["article", "code", "count"] };
    let mut text = csv_row(&head);
    for row in &report.items {
        text.extend(csv_row(&[row.article.as_str(), row.code.as_str(), row.count.to_string().as_str()]));
    }
    let kind = HeaderValue::from_static("text/csv; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

fn count_denials(ledger: &Ledger, from: Wall, to: Wall) -> Result<DenialReport, LedgerError> {
    let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
    let first = first_at_or_after(ledger, from)?;
    let walked = walk(ledger, (from, to), first, ENTRIES_WALKED_MAX, &mut |event| {
        count(event, &mut counts);
        ControlFlow::Continue(())
    })?;
    let items = counts.into_iter().map(|((article, code), count)| DenialCount { article, code, count }).collect();
    Ok(DenialReport { from: from.into(), to: to.into(), items, complete: walked.complete })
}

fn count(event: &Event, counts: &mut BTreeMap<(String, String), u64>) {
    let Some(code) = event.code.as_ref().filter(|_| event.kind == Kind::DENIED) else { return };
    for article in &event.articles {
        *counts.entry((article.clone(), code.clone())).or_default() += 1;
    }
}
