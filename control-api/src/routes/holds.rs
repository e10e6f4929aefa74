//! Holds over HTTP: those who watch place them, so that no evidence is deleted; the Bureau releases them, by a second person.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use media::id::CameraId;
use serde::{Deserialize, Serialize};
use utoipa_axum::routes;

use super::Calls;
use super::camera_view::{scope, visible};
use super::extract::{Asked, At, Body};
use super::page::{self, Page};
use crate::authn::Principal;
use crate::deps::Deps;
use crate::error::{ApiError, Code, ErrorBody};
use crate::ledger::Kind;
use crate::mint;
use crate::registers::field::prose;
use crate::registers::hold::{self, ACTIVE_PER_CAMERA_MAX, HOLDS, Hold, HoldForm, HoldId, HoldState, Placing};
use crate::registers::{Role, camera, retired};
use crate::request::RequestId;
use crate::sight::Scope;
use crate::stamp::Stamp;

/// Who places holds, on cameras that they may see.
const PLACERS: &[Role] = &[Role::UnitPrincipal, Role::IncidentCommander, Role::BureauApprover, Role::Operator];
/// Who releases them; never the one who placed it.
const RELEASERS: &[Role] = &[Role::BureauApprover];
/// Who sees all holds; the others see those of their unit and of the cameras they may see.
const OVERSEERS: &[Role] = &[Role::BureauApprover, Role::AuditAdmin];
/// Who sees holds.
const READERS: &[Role] =
    &[Role::UnitPrincipal, Role::IncidentCommander, Role::BureauApprover, Role::Operator, Role::AuditAdmin];
/// Rows read at a time while a page is filled.
const ROWS_FETCHED: usize = 500;

/// A hold was placed.
const HOLD_PLACED: Kind = Kind::named("hold.placed");
/// A hold was released.
const HOLD_RELEASED: Kind = Kind::named("hold.released");

/// The calls of this file.
pub fn calls() -> Calls {
    Calls::new().routes(routes!(list, place)).routes(routes!(read)).routes(routes!(release))
}

/// A hold as the API shows it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct HoldView {
    #[serde(flatten)]
    hold: Hold,
    state: HoldState,
}

impl From<Hold> for HoldView {
    fn from(hold: Hold) -> Self {
        Self { state: hold.state(), hold }
    }
}

/// A hold to be placed: over `from` to `to`, or around an instant.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewHold {
    /// Whose recording.
    #[schema(value_type = String)]
    camera: CameraId,
    /// Beginning, inclusive.
    #[serde(default)]
    from: Option<Stamp>,
    /// End, exclusive; at most 31 days after `from`, and at most 31 days from now.
    #[serde(default)]
    to: Option<Stamp>,
    /// The instant of what happened, in place of `from` and `to`: held is `retention.hold_margin` before and after it.
    #[serde(default)]
    around: Option<Stamp>,
    /// Why; it goes on the ledger.
    #[serde(default)]
    reason: String,
    /// The incident it belongs to.
    #[serde(default)]
    incident: Option<String>,
}

/// Why a hold is released.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Release {
    /// The reason; it goes on the ledger.
    #[serde(default)]
    reason: String,
}

/// Which holds.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct HoldQuery {
    /// Only of this camera.
    #[param(value_type = Option<String>)]
    camera: Option<CameraId>,
    /// Only in this state.
    #[param(value_type = Option<String>)]
    state: Option<HoldState>,
    /// Items of the page, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// Holds, oldest first: of one's own unit and of the cameras one may see; all for those who oversee. A released one stays.
#[utoipa::path(get, path = "/holds", tag = "holds", params(HoldQuery), responses(
    (status = 200, body = Page<HoldView>), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS"), (status = 422, body = ErrorBody)))]
async fn list(
    State(deps): State<Arc<Deps>>,
    principal: Principal,
    Asked(asked): Asked<HoldQuery>,
) -> Result<Json<Page<HoldView>>, ApiError> {
    principal.require(READERS)?;
    let page = tokio::task::spawn_blocking(move || listed(&deps, &principal, &asked)).await;
    Ok(Json(page.map_err(|_| ApiError::new(Code::Internal))??))
}

fn listed(deps: &Deps, principal: &Principal, asked: &HoldQuery) -> Result<Page<HoldView>, ApiError> {
    let limit = page::limit(asked.limit)?;
    let mut after = page::after(HOLDS, asked.cursor.as_deref())?;
    let mut sight = Sight::of(deps, principal)?;
    let mut found = Vec::new();
    while found.len() <= limit {
        let rows = deps.store.range_json::<Hold>(HOLDS, after.as_deref(), ROWS_FETCHED)?;
        let Some((last, _)) = rows.last() else { break };
        after = Some(last.clone());
        for (key, row) in rows {
            let hold = row.value;
            let wanted = asked.camera.as_ref().is_none_or(|camera| *camera == hold.camera)
                && asked.state.is_none_or(|state| state == hold.state());
            if wanted && found.len() <= limit && sight.shows(&hold)? {
                found.push((key, hold.into()));
            }
        }
    }
    Ok(Page::of(found, limit))
}

/// Which holds one principal may see.
struct Sight<'a> {
    deps: &'a Deps,
    principal: &'a Principal,
    scope: Scope<'a>,
    cameras: HashMap<CameraId, bool>,
}

impl<'a> Sight<'a> {
    fn of(deps: &'a Deps, principal: &'a Principal) -> Result<Self, ApiError> {
        Ok(Self { deps, principal, scope: scope(deps, principal)?, cameras: HashMap::new() })
    }

    fn shows(&mut self, hold: &Hold) -> Result<bool, ApiError> {
        if self.principal.roles().has_any(OVERSEERS) || hold.unit == *self.principal.unit() {
            return Ok(true);
        }
        if let Some(known) = self.cameras.get(&hold.camera) {
            return Ok(*known);
        }
        let row = camera::load(&self.deps.store, &hold.camera)?;
        let shown = row.is_some_and(|row| self.scope.shows(&row.value));
        self.cameras.insert(hold.camera.clone(), shown);
        Ok(shown)
    }
}

/// One hold.
#[utoipa::path(get, path = "/holds/{id}", tag = "holds", params(("id" = String, Path)), responses(
    (status = 200, body = HoldView), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS"),
    (status = 404, body = ErrorBody, description = "NOT_FOUND, also where it is out of scope")))]
async fn read(
    State(deps): State<Arc<Deps>>,
    principal: Principal,
    At(id): At<HoldId>,
) -> Result<Json<HoldView>, ApiError> {
    principal.require(READERS)?;
    let hold = hold::load(&deps.store, &id)?.ok_or(Code::NotFound)?.value;
    if Sight::of(&deps, &principal)?.shows(&hold)? { Ok(Json(hold.into())) } else { Err(Code::NotFound.into()) }
}

/// Place a hold. Nothing of its stretch is deleted from the moment this answers until it is released.
#[utoipa::path(post, path = "/holds", tag = "holds", request_body = NewHold, responses(
    (status = 201, body = HoldView), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: operator, incident_commander, unit_principal, bureau_approver"),
    (status = 404, body = ErrorBody, description = "CAMERA_UNKNOWN, also where it is out of scope"),
    (status = 409, body = ErrorBody, description = "CONFLICT: as many active holds as a camera may have"),
    (status = 422, body = ErrorBody, description = "REASON_REQUIRED, INVALID_FIELD"), (status = 503, body = ErrorBody)))]
async fn place(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    principal: Principal,
    Body(new): Body<NewHold>,
) -> Result<(StatusCode, Json<HoldView>), ApiError> {
    principal.require(PLACERS)?;
    holdable(&deps, &principal, &new.camera)?;
    let at = deps.now();
    let placing = Placing {
        id: HoldId(mint::sortable_id(at).map_err(|_| Code::Internal)?),
        camera: new.camera,
        by: principal.user().clone(),
        unit: principal.unit().clone(),
        at,
        margin: deps.retention.settings().hold_margin,
    };
    let NewHold { from, to, around, reason, incident, .. } = new;
    let hold = HoldForm { from, to, around, reason, incident }.checked(placing)?;
    if hold::active(&deps.store, &hold.camera)?.len() >= ACTIVE_PER_CAMERA_MAX {
        return Err(ApiError::new(Code::Conflict).remedied(
            "该摄像机的有效保全已达200个;请合并时段,或请审批人解除不再需要的保全。",
            "The camera has 200 active holds; join stretches, or have the Bureau release what is no longer needed.",
        ));
    }
    let event = event(&deps, HOLD_PLACED, &principal, &hold).reason(&hold.reason).request_id(request_id);
    deps.change(event, hold::placing(&hold)?).await?;
    tell(&deps, &hold)?;
    Ok((StatusCode::CREATED, Json(hold.into())))
}

/// The camera is one that the principal may see; for those who see all, one that left the catalogue counts too, since its
/// recordings may still be there.
fn holdable(deps: &Deps, principal: &Principal, id: &CameraId) -> Result<(), ApiError> {
    let Err(unknown) = visible(deps, principal, id) else { return Ok(()) };
    let left = principal.has(Role::BureauApprover) && retired::load(&deps.store, id)?.is_some();
    if left { Ok(()) } else { Err(unknown) }
}

/// Release a hold. Floors and ceilings are then what keeps the recording.
#[utoipa::path(post, path = "/holds/{id}/release", tag = "holds", params(("id" = String, Path)), request_body = Release,
    responses(
    (status = 200, body = HoldView), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody,
        description = "ROLE_FORBIDS: bureau_approver releases; SECOND_PERSON_REQUIRED: not the one who placed it"),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody, description = "CONFLICT: released already"),
    (status = 422, body = ErrorBody, description = "REASON_REQUIRED"), (status = 503, body = ErrorBody)))]
async fn release(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    principal: Principal,
    At(id): At<HoldId>,
    Body(because): Body<Release>,
) -> Result<Json<HoldView>, ApiError> {
    principal.require(RELEASERS)?;
    let row = hold::load(&deps.store, &id)?.ok_or(Code::NotFound)?;
    let mut hold = row.value;
    if hold.placed_by == *principal.user() {
        return Err(Code::SecondPersonRequired.into());
    }
    if hold.state() == HoldState::Released {
        return Err(ApiError::new(Code::Conflict).remedied("该保全已解除。", "It has been released already."));
    }
    if because.reason.trim().is_empty() {
        return Err(ApiError::new(Code::ReasonRequired).at("reason"));
    }
    let reason = prose("reason", &because.reason)?;
    hold.released_by = Some(principal.user().clone());
    hold.released_at = Some(deps.now().into());
    hold.release_reason = Some(reason.clone());
    let event = event(&deps, HOLD_RELEASED, &principal, &hold).reason(reason).request_id(request_id);
    deps.change(event, hold::releasing(&hold, row.version)?).await?;
    tell(&deps, &hold)?;
    Ok(Json(hold.into()))
}

fn event(deps: &Deps, kind: Kind, principal: &Principal, hold: &Hold) -> crate::ledger::Event {
    let event = deps.event(kind, principal).object(hold::key(&hold.id)).articles(["J-28"]);
    let event = event.with("camera", hold.camera.as_str()).with("from", hold.from.to_string());
    let event = event.with("to", hold.to.to_string()).with("placed_by", hold.placed_by.as_str());
    match &hold.incident {
        Some(incident) => event.with("incident", incident.as_str()),
        None => event,
    }
}

/// Hands the camera's holds to the recorder. The register has the change already; where the recorder does not take it the caller
/// must not believe it in force.
fn tell(deps: &Deps, hold: &Hold) -> Result<(), ApiError> {
    deps.retention.apply_holds(&hold.camera).map_err(|error| {
        tracing::error!(camera = %hold.camera, hold = %hold.id.0, %error, "the recorder did not take a hold; it is tried again");
        ApiError::new(Code::Internal).remedied(
            "已登记,但录像机尚未执行,十分钟内重试;请将 request_id 告知系统管理员。",
            "It is on record, but not in force yet; that is tried again within ten minutes. Give the request_id to the system administrator.",
        )
    })
}
