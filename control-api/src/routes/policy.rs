//! The policies over HTTP: which are in force, and reading the site's own anew. And the clock, which every decision rests on.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa_axum::routes;

use super::Calls;
use super::extract::Body;
use crate::authn::Principal;
use crate::clock_trust::Distrust;
use crate::deps::Deps;
use crate::error::{ApiError, Code, ErrorBody, RowError};
use crate::ledger::Kind;
use crate::policy::book::PolicyError;
use crate::policy::{InForce, Rule};
use crate::registers::Role;
use crate::registers::field::prose;
use crate::request::RequestId;
use crate::stamp::Stamp;

/// Who puts policies in force.
const KEEPERS: &[Role] = &[Role::SecurityAdmin];
/// Who answers for the machine's clock.
const CLOCK_KEEPERS: &[Role] = &[Role::SystemAdmin];
/// An administrator said that the clock is right.
const CLOCK_CONFIRMED: Kind = Kind::named("clock.confirmed");

/// The calls of this file.
pub fn calls() -> Calls {
    Calls::new().routes(routes!(read)).routes(routes!(reload)).routes(routes!(clock)).routes(routes!(confirm))
}

/// A policy that refuses.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct RuleView {
    /// Its id.
    id: String,
    /// The code it refuses with.
    #[schema(value_type = String)]
    code: Code,
    /// The articles it carries out.
    articles: Vec<String>,
    /// One of the site's own.
    site: bool,
}

/// The policies in force.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct PolicyView {
    /// The shipped version, with a hash of the site's own where there are any.
    version: String,
    /// Since when this version is in force.
    since: Stamp,
    /// The policies that refuse, in their order: of those that apply, the first answers.
    policies: Vec<RuleView>,
}

/// How the clock stands.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ClockView {
    /// Its time.
    now: Stamp,
    /// It can be trusted with times on record.
    trusted: bool,
    /// Why not, where not.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Distrust>,
}

/// Why a clock that stepped back is right.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Confirmation {
    /// What was found; it goes on the ledger.
    #[serde(default)]
    reason: String,
}

/// The policies in force: their version, since when, and each refusal with its articles.
#[utoipa::path(get, path = "/policy", tag = "policy", responses(
    (status = 200, body = PolicyView), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
async fn read(State(deps): State<Arc<Deps>>, _principal: Principal) -> Json<PolicyView> {
    Json(view(&deps.policies.in_force()))
}

/// Read the site's own policies anew. A fault in them is told with file and line, and those in force stay. What runs is decided anew.
#[utoipa::path(post, path = "/policy/reload", tag = "policy", responses(
    (status = 200, body = PolicyView), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: security_admin puts policies in force"),
    (status = 422, body = ErrorBody, description = "INVALID_FIELD: each fault with its file and line"),
    (status = 503, body = ErrorBody)))]
async fn reload(State(deps): State<Arc<Deps>>, principal: Principal) -> Result<Json<PolicyView>, ApiError> {
    principal.require(KEEPERS)?;
    let actor = principal.actor();
    let task = tokio::task::spawn_blocking(move || deps.reload_policies(Some(&actor)).map_err(refusal));
    let loaded = task.await.map_err(|error| {
        tracing::error!(%error, "reloading policies ended by a defect");
        ApiError::new(Code::Internal)
    })??;
    Ok(Json(view(&loaded)))
}

/// How the clock stands.
#[utoipa::path(get, path = "/clock", tag = "policy", responses(
    (status = 200, body = ClockView), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
async fn clock(State(deps): State<Arc<Deps>>, _principal: Principal) -> Json<ClockView> {
    Json(clock_view(&deps))
}

/// Say that a clock that stepped back is right as it is now.
#[utoipa::path(post, path = "/clock/confirm", tag = "policy", request_body = Confirmation, responses(
    (status = 200, body = ClockView), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: system_admin answers for the clock"),
    (status = 422, body = ErrorBody, description = "REASON_REQUIRED"), (status = 503, body = ErrorBody)))]
async fn confirm(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    principal: Principal,
    Body(given): Body<Confirmation>,
) -> Result<Json<ClockView>, ApiError> {
    principal.require(CLOCK_KEEPERS)?;
    if given.reason.trim().is_empty() {
        return Err(ApiError::new(Code::ReasonRequired).at("reason"));
    }
    let reason = prose("reason", &given.reason)?;
    let event = deps.event(CLOCK_CONFIRMED, &principal).articles(["J-24(3)"]).reason(reason).request_id(request_id);
    deps.record(&event).await?;
    deps.clock_trust.confirm();
    Ok(Json(clock_view(&deps)))
}

fn clock_view(deps: &Deps) -> ClockView {
    let why = deps.clock_trust.distrust();
    ClockView { now: deps.now().into(), trusted: why.is_none(), why }
}

fn view(in_force: &InForce) -> PolicyView {
    let shown = |rule: &Arc<Rule>| RuleView {
        id: rule.id.to_string(),
        code: rule.code,
        articles: rule.articles.clone(),
        site: rule.is_site,
    };
    let policies = in_force.rules.rules().iter().map(shown).collect();
    PolicyView { version: in_force.rules.version().to_string(), since: in_force.since, policies }
}

fn refusal(error: PolicyError) -> ApiError {
    match error {
        PolicyError::Faults(faults) => {
            let row = |fault: crate::policy::text::PolicyFault| RowError {
                row: fault.line as u64,
                field: fault.file,
                zh: format!("策略有误:{}", fault.reason),
                en: fault.reason,
            };
            let rows = faults.into_iter().map(row).collect();
            let told = ApiError::field(
                "policy",
                "策略未启用,原策略继续有效;请按文件和行号修正。",
                "The policies are not taken; those in force stay. Correct what is named by file and line.",
            );
            told.with_rows(rows)
        }
        PolicyError::Ledger(_) => Code::AuditUnavailable.into(),
        error => {
            tracing::error!(%error, "policies could not be reloaded");
            Code::Internal.into()
        }
    }
}
