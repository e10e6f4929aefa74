//! The calls of a register, the same for each: list, file, read, correct, step, history, CSV in and out. What differs is declared
//! where the register is.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;

use super::Calls;
use super::csv_stream;
use super::extract::{Asked, At, Body, check_media_type, parse_json};
use super::optional_body::OptionalBody;
use super::page::{self, Page};
use super::register_bodies::{Filed, StepBody};
use super::register_doc as doc;
use super::report_format::Format;
use crate::authn::Principal;
use crate::deps::Deps;
use crate::error::{ApiError, Code, RowError};
use crate::register::desk::Note;
use crate::register::rows::{self, View};
use crate::register::{Line, Record, RecordId, Register, State as _, csv};
use crate::registers::{UnitId, UserId};
use crate::request::{RequestId, body_bytes};
use crate::store::{Order, Revision};

/// Rows of one part of a CSV file.
const CSV_ROWS: usize = 500;

/// Which records.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    /// Only of this unit.
    unit: Option<UnitId>,
    /// Only in this state.
    state: Option<String>,
    /// Only about this person.
    user: Option<UserId>,
    /// Items of the page, 1 to 500.
    limit: Option<usize>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Which come first.
    #[serde(default)]
    order: Order,
}

/// The calls of register `R`.
pub(super) fn calls<R: Register>() -> Calls {
    let at = |rest: &str| format!("/{}{rest}", R::NAME);
    let calls = Calls::new()
        .routes((doc::schemas::<R>(), doc::collection::<R>(), get(list::<R>).post(file::<R>)).at(&at("")))
        .routes((Vec::new(), doc::import::<R>(), post(import::<R>)).at(&at("/import")))
        .routes((Vec::new(), doc::history::<R>(), get(history::<R>)).at(&at("/{id}/history")));
    let calls = match doc::step::<R>() {
        Some(steps) => calls.routes((Vec::new(), steps, post(step::<R>)).at(&at("/{id}/{step}"))),
        None => calls,
    };
    let one = if R::CORRECTED_IN.is_empty() { get(read::<R>) } else { get(read::<R>).put(correct::<R>) };
    calls.routes((Vec::new(), doc::one::<R>(), one).at(&at("/{id}")))
}

/// Puts what `doc` says of a call under its path.
trait AtPath {
    fn at(self, path: &str) -> utoipa_axum::router::UtoipaMethodRouter<Arc<Deps>>;
}

type Described = (
    Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>,
    utoipa::openapi::PathItem,
    axum::routing::MethodRouter<Arc<Deps>>,
);

impl AtPath for Described {
    fn at(self, path: &str) -> utoipa_axum::router::UtoipaMethodRouter<Arc<Deps>> {
        let paths = utoipa::openapi::path::PathsBuilder::new().path(path, self.1).build();
        (self.0, paths, self.2)
    }
}

fn fits<R: Register>(asked: &Query) -> impl Fn(&Record<R>) -> bool + Clone + use<R> {
    let asked = asked.clone();
    move |record| {
        asked.unit.as_ref().is_none_or(|unit| *unit == record.unit)
            && asked.state.as_deref().is_none_or(|state| state == record.state.word())
            && asked.user.as_ref().is_none_or(|user| record.fields.subject() == Some(user))
    }
}

async fn list<R: Register>(
    State(deps): State<Arc<Deps>>,
    by: Principal,
    headers: HeaderMap,
    Asked(asked): Asked<Query>,
) -> Result<Response, ApiError> {
    R::READING.check(&by)?;
    if asked.state.as_deref().is_some_and(|state| R::State::ALL.iter().all(|known| known.word() != state)) {
        return Err(ApiError::field("state", "没有该状态。", "There is no such state."));
    }
    if Format::accepted(&headers) == Format::Csv {
        return Ok(as_csv::<R>(&deps, by, &asked));
    }
    let limit = page::limit(asked.limit)?;
    let after = page::after(&rows::prefix::<R>(), asked.cursor.as_deref())?;
    let (fits, order) = (fits::<R>(&asked), asked.order);
    let listed = tokio::task::spawn_blocking(move || deps.registers.list::<R>(&by, fits, order, after, limit)).await;
    let found = listed.map_err(|_| ApiError::new(Code::Internal))??;
    let keyed = found.into_iter().map(|(key, row)| (key, View::from(row))).collect();
    Ok(Json(Page::<View<R>>::of(keyed, limit)).into_response())
}

fn as_csv<R: Register>(deps: &Arc<Deps>, by: Principal, asked: &Query) -> Response {
    let (desk, fits, order) = (deps.registers.clone(), fits::<R>(asked), asked.order);
    csv_stream::response(csv::header::<R>(), None, move |after: Option<String>| {
        let found = desk.list::<R>(&by, fits.clone(), order, after, CSV_ROWS).map_err(|error| Unread(error.code()))?;
        let next = (found.len() > CSV_ROWS).then(|| found.get(CSV_ROWS - 1).map(|(key, _)| key.clone())).flatten();
        let part = found.iter().take(CSV_ROWS).flat_map(|(_, row)| csv::row(&row.value)).collect();
        Ok::<_, Unread>((part, next.map(Some)))
    })
}

#[derive(Debug, thiserror::Error)]
#[error("{}", .0.text())]
struct Unread(Code);

async fn file<R: Register>(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    by: Principal,
    Body(form): Body<R>,
) -> Result<Response, ApiError> {
    let id = deps.registers.file(&by, form, &request_id).await?;
    Ok((StatusCode::CREATED, current::<R>(&deps, &id)?).into_response())
}

async fn import<R: Register>(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    by: Principal,
    request: Request,
) -> Result<Response, ApiError> {
    by.require(&R::FILING.roles().collect::<Vec<_>>())?;
    check_media_type(request.headers(), "text/csv")?;
    let bytes = body_bytes(request, deps.config.import_bytes_max).await?;
    let (desk, reader) = (deps.registers.clone(), by.clone());
    let read = tokio::task::spawn_blocking(move || {
        let (mut records, mut faults) = (Vec::new(), Vec::new());
        for (line, form) in csv::read::<R>(&bytes, parse_json)? {
            match desk.filed(&reader, form) {
                Ok(record) => records.push(record),
                Err(error) => faults.push(RowError::told(line, &error)),
            }
        }
        if faults.is_empty() { Ok(records) } else { Err(ApiError::rows(faults)) }
    });
    let records = read.await.map_err(|_| ApiError::new(Code::Internal))??;
    let ids = records.iter().map(|record| record.id.clone()).collect();
    deps.registers.file_all(&by, records, &request_id).await?;
    Ok((StatusCode::CREATED, Json(Filed { ids })).into_response())
}

async fn read<R: Register>(
    State(deps): State<Arc<Deps>>,
    by: Principal,
    At(id): At<RecordId>,
) -> Result<Response, ApiError> {
    let row = deps.registers.find::<R>(&by, &id)?;
    Ok(Json(View::from(row)).into_response())
}

async fn correct<R: Register>(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    by: Principal,
    At(id): At<RecordId>,
    Body(form): Body<R>,
) -> Result<Response, ApiError> {
    deps.registers.correct(&by, &id, form, Note { request_id, ..Note::default() }).await?;
    Ok(current::<R>(&deps, &id)?.into_response())
}

async fn step<R: Register>(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    by: Principal,
    at: Result<Path<(String, String)>, axum::extract::rejection::PathRejection>,
    OptionalBody(body): OptionalBody<StepBody>,
) -> Result<Response, ApiError> {
    let Path((id, step)) = at.map_err(|_| ApiError::new(Code::NotFound))?;
    let id: RecordId = id.parse().map_err(|_| ApiError::new(Code::NotFound))?;
    let note = Note { reason: body.reason, version: body.version.map(Revision), request_id };
    deps.registers.step::<R>(&by, &id, &step, note).await?;
    Ok(current::<R>(&deps, &id)?.into_response())
}

/// The record as it is after a change of the caller's, who need not be one who reads the register.
fn current<R: Register>(deps: &Deps, id: &RecordId) -> Result<Json<View<R>>, ApiError> {
    let row = rows::load::<R>(&deps.store, id)?.ok_or(Code::NotFound)?;
    Ok(Json(row.into()))
}

async fn history<R: Register>(
    State(deps): State<Arc<Deps>>,
    by: Principal,
    At(id): At<RecordId>,
    Asked(asked): Asked<page::PageQuery>,
) -> Result<Json<Page<Line<R>>>, ApiError> {
    deps.registers.find::<R>(&by, &id)?;
    let limit = page::limit(asked.limit)?;
    let under = rows::lines::<R>(&id);
    let after = page::after(&under, asked.cursor.as_deref())?;
    let lines = deps.store.range_json::<Line<R>>(&under, after.as_deref(), limit + 1)?;
    Ok(Json(Page::of(lines.into_iter().map(|(key, row)| (key, row.value)).collect(), limit)))
}
