//! Units: everyone signed in may read them; the Bureau's approvers register, change and withdraw them (J-2, J-21).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa_axum::routes;

use super::Calls;
use super::extract::{Asked, At, Body};
use super::page::{self, Page, PageQuery};
use crate::authn::Principal;
use crate::books::site_purpose;
use crate::deps::Deps;
use crate::error::{ApiError, Code, ErrorBody};
use crate::ledger::Kind;
use crate::registers::field::line;
use crate::registers::unit::{self, Unit, UnitKind, UnitState};
use crate::registers::{Area, PurposeCode, Role, UnitId, camera};
use crate::request::RequestId;
use crate::stamp::Stamp;
use crate::store::Batch;

/// Who keeps the register of units.
const KEEPERS: &[Role] = &[Role::BureauApprover];
/// Most areas of one unit.
const AREAS_MAX: usize = 256;

/// The calls of this file.
pub fn calls() -> Calls {
    Calls::new().routes(routes!(list, register)).routes(routes!(read, change))
}

/// A unit as the API shows it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct UnitView {
    id: UnitId,
    name: String,
    kind: UnitKind,
    /// Unified social credit code.
    credit_code: Option<String>,
    /// 主要负责人 (J-24(1)).
    principal: Option<String>,
    state: UnitState,
    /// The purposes of its duties.
    purposes: Vec<PurposeCode>,
    /// Its jurisdiction; empty means the whole zone.
    areas: Vec<Area>,
    /// The part of it that its duties are for; empty means all of it.
    duty_areas: Vec<Area>,
    version: u64,
    created_at: Stamp,
    changed_at: Stamp,
}

impl From<Unit> for UnitView {
    fn from(unit: Unit) -> Self {
        Self {
            id: unit.id,
            name: unit.name,
            kind: unit.kind,
            credit_code: unit.credit_code,
            principal: unit.principal,
            state: unit.state,
            purposes: unit.purposes,
            areas: unit.areas,
            duty_areas: unit.duty_areas,
            version: unit.version,
            created_at: unit.created_at.into(),
            changed_at: unit.changed_at.into(),
        }
    }
}

/// What a unit is registered with. A new unit has no purposes unless the Bureau sets them (J-21).
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewUnit {
    /// Its id, never changed.
    id: UnitId,
    name: String,
    #[serde(default)]
    credit_code: Option<String>,
    #[serde(default)]
    principal: Option<String>,
    #[serde(default)]
    purposes: Vec<PurposeCode>,
    #[serde(default)]
    areas: Vec<String>,
    /// The part of its areas that its duties are for; none named means all.
    #[serde(default)]
    duty_areas: Vec<String>,
}

/// What of a unit changes; what is absent stays. An empty text clears `credit_code` and `principal`.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
struct UnitChange {
    name: Option<String>,
    credit_code: Option<String>,
    principal: Option<String>,
    /// `withdrawn` stops all of its people at once.
    state: Option<UnitState>,
    purposes: Option<Vec<PurposeCode>>,
    areas: Option<Vec<String>>,
    /// The part of its areas that its duties are for; none named means all.
    duty_areas: Option<Vec<String>>,
}

/// All units, by id.
#[utoipa::path(get, path = "/units", tag = "registers", params(PageQuery), responses(
    (status = 200, body = Page<UnitView>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
async fn list(
    State(deps): State<Arc<Deps>>,
    _principal: Principal,
    Asked(asked): Asked<PageQuery>,
) -> Result<Json<Page<UnitView>>, ApiError> {
    let limit = page::limit(asked.limit)?;
    let after = page::after(unit::UNITS, asked.cursor.as_deref())?;
    let rows = deps.store.range_json::<Unit>(unit::UNITS, after.as_deref(), limit + 1)?;
    let keyed = rows.into_iter().map(|(key, row)| (key, UnitView::from(row.value))).collect();
    Ok(Json(Page::of(keyed, limit)))
}

/// Register a unit.
#[utoipa::path(post, path = "/units", tag = "registers", request_body = NewUnit, responses(
    (status = 201, body = UnitView), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: bureau_approver registers units"),
    (status = 409, body = ErrorBody, description = "CONFLICT: the id is taken"),
    (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn register(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    principal: Principal,
    Body(new): Body<NewUnit>,
) -> Result<(StatusCode, Json<UnitView>), ApiError> {
    principal.require(KEEPERS)?;
    let now = deps.now();
    let unit = Unit {
        name: line("name", &new.name)?,
        kind: UnitKind::Other,
        credit_code: optional("credit_code", new.credit_code.as_deref().unwrap_or_default())?,
        principal: optional("principal", new.principal.as_deref().unwrap_or_default())?,
        state: UnitState::Registered,
        purposes: known_purposes(&deps, new.purposes)?,
        areas: areas("areas", &new.areas)?,
        duty_areas: areas("duty_areas", &new.duty_areas)?,
        version: 1,
        created_at: now,
        changed_at: now,
        id: new.id,
    };
    let key = unit::key(&unit.id);
    let event = deps.event(Kind::REGISTER_CREATED, &principal).action("unit.register").object(key.as_str());
    let event = event.with("after", serde_json::to_value(&unit).unwrap_or_default()).request_id(request_id);
    let batch = Batch::new().expect_absent(key.as_str()).put_json(key, &unit)?;
    let batch = batch.put_json(unit::history_key(&unit), &unit)?;
    let taken = |error: ApiError| match error.code() {
        Code::Conflict => error.at("id").remedied("该编号已被使用。", "The id is taken; choose another."),
        _ => error,
    };
    deps.change(event, batch).await.map_err(taken)?;
    Ok((StatusCode::CREATED, Json(unit.into())))
}

/// One unit.
#[utoipa::path(get, path = "/units/{id}", tag = "registers", params(("id" = String, Path)), responses(
    (status = 200, body = UnitView), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody)))]
async fn read(
    State(deps): State<Arc<Deps>>,
    _principal: Principal,
    At(id): At<UnitId>,
) -> Result<Json<UnitView>, ApiError> {
    let row = unit::load(&deps.store, &id)?.ok_or(Code::NotFound)?;
    Ok(Json(row.value.into()))
}

/// Change a unit.
#[utoipa::path(patch, path = "/units/{id}", tag = "registers", params(("id" = String, Path)), request_body = UnitChange,
    responses(
    (status = 200, body = UnitView), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: bureau_approver changes units"),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
async fn change(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    principal: Principal,
    At(id): At<UnitId>,
    Body(wanted): Body<UnitChange>,
) -> Result<Json<UnitView>, ApiError> {
    principal.require(KEEPERS)?;
    let row = unit::load(&deps.store, &id)?.ok_or(Code::NotFound)?;
    let mut unit = row.value;
    apply(&deps, &mut unit, wanted)?;
    unit.version += 1;
    unit.changed_at = deps.now();
    let key = unit::key(&id);
    let event = deps.event(Kind::REGISTER_CHANGED, &principal).action("unit.change").object(key.as_str());
    let event = event.with("after", serde_json::to_value(&unit).unwrap_or_default()).request_id(request_id);
    let batch = Batch::new().expect_version(key.as_str(), row.version).put_json(key, &unit)?;
    deps.change(event, batch.put_json(unit::history_key(&unit), &unit)?).await?;
    Ok(Json(unit.into()))
}

fn apply(deps: &Deps, unit: &mut Unit, wanted: UnitChange) -> Result<(), ApiError> {
    if let Some(name) = wanted.name {
        unit.name = line("name", &name)?;
    }
    if let Some(text) = wanted.credit_code {
        unit.credit_code = optional("credit_code", &text)?;
    }
    if let Some(text) = wanted.principal {
        unit.principal = optional("principal", &text)?;
    }
    if let Some(state) = wanted.state {
        if unit.kind == UnitKind::Bureau && state == UnitState::Withdrawn {
            return Err(ApiError::field("state", "大数据管理局不可撤销。", "The Bureau cannot be withdrawn."));
        }
        unit.state = state;
    }
    if let Some(purposes) = wanted.purposes {
        unit.purposes = known_purposes(deps, purposes)?;
    }
    if let Some(given) = wanted.areas {
        unit.areas = areas("areas", &given)?;
    }
    if let Some(given) = wanted.duty_areas {
        unit.duty_areas = areas("duty_areas", &given)?;
    }
    Ok(())
}

fn optional(field: &str, text: &str) -> Result<Option<String>, ApiError> {
    if text.trim().is_empty() { Ok(None) } else { line(field, text).map(Some) }
}

/// Shipped ones and the site's own.
fn known_purposes(deps: &Deps, given: Vec<PurposeCode>) -> Result<Vec<PurposeCode>, ApiError> {
    for (i, code) in given.iter().enumerate() {
        let is_known = site_purpose::standing(&deps.store, code, deps.now())?.is_some();
        if given.iter().take(i).any(|earlier| earlier == code) || !is_known {
            return Err(ApiError::field(
                format!("purposes[{i}]"),
                "没有该用途代码,或重复。",
                "There is no such purpose, or it is given twice.",
            ));
        }
    }
    Ok(given)
}

fn areas(field: &str, given: &[String]) -> Result<Vec<Area>, ApiError> {
    if given.len() > AREAS_MAX {
        return Err(ApiError::field(field, "最多256个。", "At most 256."));
    }
    given.iter().enumerate().map(|(i, text)| camera::area(&format!("{field}[{i}]"), text.trim())).collect()
}
