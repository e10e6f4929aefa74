//! The purposes of the regulation, and which of them the caller's unit may name.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa_axum::routes;

use super::Calls;
use super::extract::Asked;
use crate::authn::Principal;
use crate::deps::Deps;
use crate::error::{ApiError, ErrorBody};
use crate::registers::purpose::{self, PublicSecurity};
use crate::registers::{PurposeCode, UnitId, unit};
use crate::stamp::Stamp;

/// The calls of this file.
pub fn calls() -> Calls {
    Calls::new().routes(routes!(list))
}

/// One purpose as the API shows it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct PurposeView {
    /// Its code.
    code: PurposeCode,
    /// The shipped unit whose duty it is.
    unit: UnitId,
    /// The article it stands in.
    article: &'static str,
    /// The regulation's words.
    zh: &'static str,
    /// The same in English.
    en: &'static str,
    /// Whether it serves public security; M is in part.
    public_security: PublicSecurity,
    /// True for "other key work": the application has to say which.
    needs_narrative: bool,
    /// True while it is in force.
    in_force: bool,
    /// In force until then, exclusive.
    valid_to: Option<Stamp>,
    /// True where the caller's unit may name it.
    mine: bool,
}

/// All purposes; there are some fifty, so there is one page.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Purposes {
    /// In the order of the articles.
    items: Vec<PurposeView>,
    /// Always null.
    next: Option<String>,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Filter {
    /// Only those that the caller's unit may name.
    mine: Option<bool>,
}

/// The purpose codes.
#[utoipa::path(get, path = "/purposes", tag = "registers", params(Filter), responses(
    (status = 200, body = Purposes), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
async fn list(
    State(deps): State<Arc<Deps>>,
    principal: Principal,
    Asked(filter): Asked<Filter>,
) -> Result<Json<Purposes>, ApiError> {
    let duties = unit::load(&deps.store, principal.unit())?.map(|row| row.value.purposes).unwrap_or_default();
    let now = deps.now();
    let view = |p: purpose::Purpose| PurposeView {
        needs_narrative: p.needs_narrative(),
        in_force: p.is_in_force(now),
        mine: duties.contains(&p.code),
        valid_to: p.valid_to.map(Stamp),
        code: p.code,
        unit: p.unit,
        article: p.article,
        zh: p.zh,
        en: p.en,
        public_security: p.ps,
    };
    let items = purpose::shipped().into_iter().map(view).filter(|p| p.mine || filter.mine != Some(true)).collect();
    Ok(Json(Purposes { items, next: None }))
}
