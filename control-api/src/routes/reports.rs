//! Reports over HTTP: which there are, and each as JSON page by page, or whole as CSV or as a workbook. What they hold is in
//! `reports`.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use media::id::CameraId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use utoipa_axum::routes;

use super::Calls;
use super::csv_stream;
use super::extract::{Asked as Query, At};
use super::page;
use super::report_format::{Format, asks_chinese};
use super::report_period::Period;
use crate::authn::Principal;
use crate::csv_text;
use crate::deps::Deps;
use crate::error::{ApiError, Code, ErrorBody};
use crate::registers::UnitId;
use crate::reports::{self, Asked, Cell, Language, Part, Report, Takes, write_xlsx};
use crate::stamp::Stamp;

/// Items of one JSON answer where nothing is asked.
const LIMIT_DEFAULT: usize = 1_000;
/// Most items of one JSON answer: some 4 MB.
const LIMIT_MAX: usize = 10_000;
/// Parts that one JSON answer reads at most, so that it comes in time where few rows fit.
const PARTS_MAX: usize = 200;
/// Rows of a table read at a time.
const ROWS_PER_PART: usize = 1_000;
/// Days ahead where nothing is asked.
const DAYS_DEFAULT: u32 = 30;
/// Workbooks made at once; more wait. Each keeps a thread and a file at work.
static WORKBOOKS: Semaphore = Semaphore::const_new(2);
/// Bytes of a workbook handed on at a time.
const PIECE_BYTES: usize = 256 << 10;

/// The calls of this file.
pub fn calls() -> Calls {
    Calls::new().routes(routes!(list)).routes(routes!(report))
}

/// A report that there is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ReportView {
    /// Its name in the path.
    name: &'static str,
    title_zh: &'static str,
    title_en: &'static str,
    /// What it rests on.
    articles: Vec<&'static str>,
    /// Its columns: the keys of its items.
    columns: Vec<ColumnView>,
    /// Which parameters it takes: `period` (`from` and `to`, or `month`), `camera`, `unit`, `days`.
    takes: Vec<&'static str>,
}

/// A column of a report.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ColumnView {
    name: &'static str,
    zh: &'static str,
}

/// The reports that the caller may print.
#[utoipa::path(get, path = "/reports", tag = "audit", responses(
    (status = 200, body = Vec<ReportView>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
async fn list(principal: Principal) -> Json<Vec<ReportView>> {
    let mine =
        |report: &&Report| principal.roles().has_any(report.readers) || principal.roles().has_any(report.own_unit);
    let word = |takes: &Takes| match takes {
        Takes::Period => "period",
        Takes::Camera => "camera",
        Takes::Unit => "unit",
        Takes::Days => "days",
    };
    let view = |report: &Report| ReportView {
        name: report.name,
        title_zh: report.title.zh,
        title_en: report.title.en,
        articles: report.articles.to_vec(),
        columns: report.columns.iter().map(|column| ColumnView { name: column.name, zh: column.zh }).collect(),
        takes: report.takes.iter().map(word).collect(),
    };
    Json(reports::ALL.into_iter().filter(mine).map(view).collect())
}

/// What a report is asked for. What it does not take is refused, so that nobody takes the whole for a part.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ReportQuery {
    /// Beginning, inclusive; 31 days before `to` where absent.
    from: Option<Stamp>,
    /// End, exclusive; now where absent.
    to: Option<Stamp>,
    /// A month of the site's calendar, such as `2026-03`, in place of `from` and `to`.
    month: Option<String>,
    /// Only this camera.
    #[param(value_type = Option<String>)]
    camera: Option<CameraId>,
    /// Only this unit.
    unit: Option<UnitId>,
    /// So many days ahead, 1 to 366.
    #[param(minimum = 1, maximum = 366)]
    days: Option<u32>,
    /// `json`, `csv` or `xlsx`; else what `Accept` asks for.
    #[param(inline)]
    format: Option<Format>,
    /// Items of one JSON answer, 1 to 10,000.
    #[param(minimum = 1, maximum = 10000)]
    limit: Option<usize>,
    /// The `next` of the JSON answer before.
    cursor: Option<String>,
}

/// A report, or a page of it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ReportBody {
    /// Its name.
    report: &'static str,
    /// When it was made.
    at: Stamp,
    /// Beginning, inclusive.
    from: Stamp,
    /// End, exclusive.
    to: Stamp,
    /// Its rows; the keys are the columns that `GET /reports` lists.
    #[schema(value_type = Vec<Object>)]
    items: Vec<Value>,
    /// False where there is more: ask again with `next` as `cursor`.
    complete: bool,
    /// Where to go on.
    next: Option<String>,
}

/// A report by its name; `GET /reports` lists them. `format=csv` and `format=xlsx`, or `Accept`, give the whole of it as a table,
/// headings in Chinese unless `Accept-Language` asks for another language, times on the site's clock.
#[utoipa::path(get, path = "/reports/{name}", tag = "audit", params(("name" = String, Path), ReportQuery), responses(
    (status = 200, description = "The report", content((ReportBody = "application/json"), (String = "text/csv"),
        (String = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"))),
    (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: it is not among those that GET /reports gives to the caller"),
    (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn report(
    State(deps): State<Arc<Deps>>,
    principal: Principal,
    headers: HeaderMap,
    At(name): At<String>,
    Query(query): Query<ReportQuery>,
) -> Result<Response, ApiError> {
    // Whoever reads none gets the same answer for each name.
    let found = reports::find(&name);
    let Some(report) = found.filter(|_| reads_any(&principal)) else {
        return Err(if reads_any(&principal) { Code::NotFound } else { Code::RoleForbids }.into());
    };
    let format = query.format.unwrap_or_else(|| Format::accepted(&headers));
    let asked = asked(&deps, &principal, report, &query)?;
    let prefix = format!("report/{}/", report.name);
    let place = page::after(&prefix, query.cursor.as_deref())?;
    let place = place.as_deref().and_then(|key| key.strip_prefix(&prefix)).map(str::to_owned);
    if format == Format::Json {
        let limit = limit(query.limit)?;
        let read = tokio::task::spawn_blocking(move || collect(report, &asked, place, limit)).await;
        return Ok(Json(read.map_err(|_| Code::Internal)??).into_response());
    }
    let language = if asks_chinese(&headers) { Language::Zh } else { Language::En };
    let reading = asked.clone();
    let first = tokio::task::spawn_blocking(move || (report.read)(&reading, place.as_deref(), ROWS_PER_PART)).await;
    let first = first.map_err(|_| Code::Internal)??;
    let mut response = match format {
        Format::Xlsx => workbook(report, asked, language, first),
        _ => table(report, asked, language, first),
    };
    let name = format!("attachment; filename=\"{}.{}\"", report.name, format.extension());
    let name = HeaderValue::try_from(name).map_err(|_| Code::Internal)?;
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

fn reads_any(principal: &Principal) -> bool {
    let reads =
        |report: &&Report| principal.roles().has_any(report.readers) || principal.roles().has_any(report.own_unit);
    reports::ALL.iter().any(reads)
}

fn limit(asked: Option<usize>) -> Result<usize, ApiError> {
    match asked {
        None => Ok(LIMIT_DEFAULT),
        Some(limit) if (1..=LIMIT_MAX).contains(&limit) => Ok(limit),
        Some(_) => Err(ApiError::field("limit", "须为1至10000。", "Give 1 to 10,000.")),
    }
}

/// What is asked for, if the report takes it and the caller may have it.
fn asked(deps: &Arc<Deps>, principal: &Principal, report: &Report, query: &ReportQuery) -> Result<Asked, ApiError> {
    let has_period = query.from.is_some() || query.to.is_some() || query.month.is_some();
    let wishes = [
        ("from", Takes::Period, has_period),
        ("camera", Takes::Camera, query.camera.is_some()),
        ("unit", Takes::Unit, query.unit.is_some()),
        ("days", Takes::Days, query.days.is_some()),
    ];
    let mut unit = query.unit.clone();
    if !principal.roles().has_any(report.readers) {
        principal.require(report.own_unit)?;
        let foreign = unit.as_ref().is_some_and(|unit| unit != principal.unit());
        if foreign {
            return Err(Code::RoleForbids.into());
        }
        unit = Some(principal.unit().clone());
    }
    if let Some((field, ..)) = wishes.into_iter().find(|(_, takes, wished)| *wished && !report.takes(*takes)) {
        return Err(ApiError::field(field, "该报表没有此参数。", "This report has no such parameter."));
    }
    let now = deps.now();
    let zone = &deps.retention.settings().zone;
    let Period { from, to } = Period::of(now, zone, query.from, query.to, query.month.as_deref())?;
    let days = query.days.unwrap_or(DAYS_DEFAULT);
    if !(1..=366).contains(&days) {
        return Err(ApiError::field("days", "须为1至366。", "Give 1 to 366."));
    }
    Ok(Asked { deps: Arc::clone(deps), now, from, to, camera: query.camera.clone(), unit, days })
}

/// A page. Blocks.
fn collect(report: &Report, asked: &Asked, place: Option<String>, limit: usize) -> Result<ReportBody, ApiError> {
    let (mut items, mut place, mut more) = (Vec::new(), place, true);
    for _ in 0..PARTS_MAX {
        let part = (report.read)(asked, place.as_deref(), limit - items.len())?;
        items.extend(part.rows.into_iter().map(|row| item(report, row)));
        more = part.next.is_some();
        place = part.next;
        if !more || items.len() >= limit {
            break;
        }
    }
    let next = place.filter(|_| more).map(|place| page::cursor(&format!("report/{}/{place}", report.name)));
    let (at, from, to) = (asked.now.into(), asked.from.into(), asked.to.into());
    Ok(ReportBody { report: report.name, at, from, to, items, complete: next.is_none(), next })
}

fn item(report: &Report, row: Vec<Cell>) -> Value {
    let named = report.columns.iter().zip(row).map(|(column, cell)| (column.name.to_owned(), cell.json()));
    Value::Object(named.collect::<Map<_, _>>())
}

fn table(report: &'static Report, asked: Asked, language: Language, first: Part) -> Response {
    let headings: Vec<_> =
        report.columns.iter().map(|c| if language == Language::Zh { c.zh } else { c.name }).collect();
    let lines = move |asked: &Asked, rows: &[Vec<Cell>]| -> Vec<u8> {
        let line =
            |row: &Vec<Cell>| csv_text::row(&row.iter().map(|c| c.print(language, asked.zone())).collect::<Vec<_>>());
        rows.iter().flat_map(line).collect()
    };
    let mut head = csv_text::head(&headings);
    head.extend(lines(&asked, &first.rows));
    csv_stream::rest(head, first.next, move |place| {
        let part = (report.read)(&asked, Some(&place), ROWS_PER_PART)?;
        Ok::<_, ApiError>((lines(&asked, &part.rows), part.next))
    })
}

/// What is left to do for a workbook.
enum Making {
    Write(Box<(Asked, Part)>),
    Send(File),
}

fn workbook(report: &'static Report, asked: Asked, language: Language, first: Part) -> Response {
    let making = Making::Write(Box::new((asked, first)));
    let pieces = stream::try_unfold(making, move |making| async move {
        let mut file = match making {
            Making::Send(file) => file,
            Making::Write(what) => {
                let _turn = WORKBOOKS.acquire().await.map_err(std::io::Error::other)?;
                let folder = what.0.deps.exports.folder().to_owned();
                let write = move || write_xlsx(report, &what.0, language, what.1, &folder);
                let written = tokio::task::spawn_blocking(write).await.map_err(std::io::Error::other)?;
                written.map_err(|error| std::io::Error::other(error.code().text()))?
            }
        };
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            file.by_ref().take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
            Ok::<_, std::io::Error>((file, piece))
        });
        let (file, piece) = read.await.map_err(std::io::Error::other)??;
        Ok::<_, std::io::Error>((!piece.is_empty()).then(|| (Bytes::from(piece), Making::Send(file))))
    });
    let kind = HeaderValue::from_static(Format::Xlsx.media_type());
    ([(header::CONTENT_TYPE, kind)], Body::from_stream(pieces)).into_response()
}
