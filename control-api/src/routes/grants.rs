//! Grants over HTTP: look, suspend, resume, revoke. None is made here: that takes an approved application.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa_axum::routes;

use super::Calls;
use super::extract::{Asked, At};
use super::optional_body::OptionalBody;
use super::page::{self, Page};
use crate::authn::Principal;
use crate::deps::Deps;
use crate::error::{ApiError, Code, ErrorBody};
use crate::grants::book::{GRANTS, Hand};
use crate::grants::{Grant, GrantId, GrantState, GrantStep};
use crate::registers::field::prose;
use crate::registers::{Role, UnitId};

/// Who sees all grants; the others see their own unit's.
const OVERSEERS: &[Role] = &[Role::BureauApprover, Role::SecurityAdmin, Role::AuditAdmin];
/// Who may take a grant out of force at once: those who gave it, and those who guard the platform.
const MAY_SUSPEND: &[Role] = &[Role::BureauApprover, Role::SecurityAdmin];
/// Who may put one back in force, or take it away for good.
const MAY_DECIDE: &[Role] = &[Role::BureauApprover];

/// The calls of this file.
pub fn calls() -> Calls {
    Calls::new()
        .routes(routes!(list))
        .routes(routes!(read))
        .routes(routes!(suspend))
        .routes(routes!(resume))
        .routes(routes!(revoke))
}

/// A grant as the API shows it, with its state at this moment.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct GrantView {
    #[serde(flatten)]
    grant: Grant,
    /// The state at this moment, whether or not the change is in `history` yet.
    state_now: GrantState,
}

/// Which grants.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct GrantQuery {
    /// Only this unit's.
    unit: Option<UnitId>,
    /// Only in this state at this moment.
    #[param(value_type = Option<String>)]
    state: Option<GrantState>,
    /// Items of the page, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// Why a grant is changed.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Because {
    /// The reason; it goes into the grant's history and on the ledger.
    #[serde(default)]
    reason: String,
}

/// Grants: one's own unit's; all for those who oversee.
#[utoipa::path(get, path = "/grants", tag = "grants", params(GrantQuery), responses(
    (status = 200, body = Page<GrantView>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
async fn list(
    State(deps): State<Arc<Deps>>,
    principal: Principal,
    Asked(asked): Asked<GrantQuery>,
) -> Result<Json<Page<GrantView>>, ApiError> {
    let limit = page::limit(asked.limit)?;
    let after = page::after(GRANTS, asked.cursor.as_deref())?;
    let after = after.as_deref().and_then(|key| key.strip_prefix(GRANTS));
    let now = deps.now();
    let fits = |grant: &Grant| {
        sees(&principal, grant)
            && asked.unit.as_ref().is_none_or(|unit| unit == grant.unit())
            && asked.state.is_none_or(|state| state == grant.state_at(now))
    };
    let grants = deps.grants.list(fits, after, limit + 1);
    let keyed = grants.iter().map(|grant| (format!("{GRANTS}{}", grant.id().0), view(&deps, grant))).collect();
    Ok(Json(Page::of(keyed, limit)))
}

/// One grant with its history.
#[utoipa::path(get, path = "/grants/{id}", tag = "grants", params(("id" = String, Path)), responses(
    (status = 200, body = GrantView), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody)))]
async fn read(
    State(deps): State<Arc<Deps>>,
    principal: Principal,
    At(id): At<String>,
) -> Result<Json<GrantView>, ApiError> {
    let grant = deps.grants.find(&GrantId(id)).filter(|grant| sees(&principal, grant)).ok_or(Code::NotFound)?;
    Ok(Json(view(&deps, &grant)))
}

/// Take a grant out of force until it is resumed. What ran under it has stopped when this answers.
#[utoipa::path(post, path = "/grants/{id}/suspend", tag = "grants", params(("id" = String, Path)),
    request_body = Because, responses(
    (status = 200, body = GrantView), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: bureau_approver or security_admin suspends"),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody, description = "CONFLICT: not in force"),
    (status = 422, body = ErrorBody, description = "REASON_REQUIRED"), (status = 503, body = ErrorBody)))]
async fn suspend(
    State(deps): State<Arc<Deps>>,
    principal: Principal,
    At(id): At<String>,
    OptionalBody(because): OptionalBody<Because>,
) -> Result<Json<GrantView>, ApiError> {
    principal.require(MAY_SUSPEND)?;
    change(&deps, &principal, id, GrantStep::Suspend, &because).await
}

/// Put a suspended grant back in force.
#[utoipa::path(post, path = "/grants/{id}/resume", tag = "grants", params(("id" = String, Path)),
    request_body = Because, responses(
    (status = 200, body = GrantView), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: bureau_approver resumes"),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody, description = "CONFLICT: not suspended"),
    (status = 422, body = ErrorBody, description = "REASON_REQUIRED"), (status = 503, body = ErrorBody)))]
async fn resume(
    State(deps): State<Arc<Deps>>,
    principal: Principal,
    At(id): At<String>,
    OptionalBody(because): OptionalBody<Because>,
) -> Result<Json<GrantView>, ApiError> {
    principal.require(MAY_DECIDE)?;
    deps.outbox.require_ledger()?;
    own_unit_is_not_ones_own_judge(&deps, &principal, &id)?;
    change(&deps, &principal, id, GrantStep::Resume, &because).await
}

/// Take a grant away for good. What ran under it has stopped when this answers.
#[utoipa::path(post, path = "/grants/{id}/revoke", tag = "grants", params(("id" = String, Path)),
    request_body = Because, responses(
    (status = 200, body = GrantView), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: bureau_approver revokes"),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody, description = "CONFLICT: over already"),
    (status = 422, body = ErrorBody, description = "REASON_REQUIRED"), (status = 503, body = ErrorBody)))]
async fn revoke(
    State(deps): State<Arc<Deps>>,
    principal: Principal,
    At(id): At<String>,
    OptionalBody(because): OptionalBody<Because>,
) -> Result<Json<GrantView>, ApiError> {
    principal.require(MAY_DECIDE)?;
    change(&deps, &principal, id, GrantStep::Revoke, &because).await
}

async fn change(
    deps: &Arc<Deps>,
    principal: &Principal,
    id: String,
    step: GrantStep,
    because: &Because,
) -> Result<Json<GrantView>, ApiError> {
    if because.reason.trim().is_empty() {
        return Err(ApiError::new(Code::ReasonRequired).at("reason"));
    }
    let hand = Hand {
        actor: principal.actor(),
        user: principal.user().clone(),
        terminal: principal.terminal().to_string(),
        reason: prose("reason", &because.reason)?,
    };
    let grant = deps.sessions.change_grant(&GrantId(id), step, Some(&hand)).await?;
    Ok(Json(view(deps, &grant)))
}

/// Putting back in force is giving, and nobody gives to their own unit.
fn own_unit_is_not_ones_own_judge(deps: &Deps, principal: &Principal, id: &str) -> Result<(), ApiError> {
    let grant = deps.grants.find(&GrantId(id.into())).ok_or(Code::NotFound)?;
    if grant.unit() == principal.unit() { Err(Code::RoleForbids.into()) } else { Ok(()) }
}

fn sees(principal: &Principal, grant: &Grant) -> bool {
    principal.unit() == grant.unit() || principal.roles().has_any(OVERSEERS)
}

fn view(deps: &Deps, grant: &Grant) -> GrantView {
    GrantView { grant: grant.clone(), state_now: grant.state_at(deps.now()) }
}
