//! `/healthz` and `/readyz`: without sign-in, and without a word about what is inside.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa_axum::routes;

use super::Calls;
use crate::deps::Deps;
use crate::registers::unit;

/// The calls of this file.
pub fn calls() -> Calls {
    Calls::new().routes(routes!(healthz)).routes(routes!(readyz))
}

/// How the appliance is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Health {
    /// `ok`, or what stands in the way: `ledger`, `store`.
    pub status: &'static str,
}

/// The process runs.
#[utoipa::path(get, path = "/healthz", tag = "health", security(()), responses((status = 200, body = Health)))]
async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Requests can be served: the ledger takes entries and the store answers.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()), responses(
    (status = 200, body = Health), (status = 503, body = Health, description = "Not now; the status says why")))]
async fn readyz(State(deps): State<Arc<Deps>>) -> (StatusCode, Json<Health>) {
    let (status, word) = if deps.ledger.status().poisoned.is_some() {
        (StatusCode::SERVICE_UNAVAILABLE, "ledger")
    } else if deps.store.range(unit::UNITS, None, 1).is_err() {
        (StatusCode::SERVICE_UNAVAILABLE, "store")
    } else {
        (StatusCode::OK, "ok")
    };
    (status, Json(Health { status: word }))
}
