//! What an operator watches from the console: a selection of the metrics, the configuration in force, and the newest lines of the log.
//! Prometheus has all metrics on a listener of its own; this is for whoever has a login and no dashboard.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use prometheus::proto::MetricType;
use serde::{Deserialize, Serialize};
use utoipa_axum::routes;

use super::Calls;
use super::extract::Asked;
use crate::authn::Principal;
use crate::deps::Deps;
use crate::error::{ApiError, ErrorBody};
use crate::registers::Role;
use crate::setting::Setting;

/// Metrics by camera are the catalogue's: with thousands of cameras they would be most of the answer.
const PER_CAMERA: &str = "camera";

/// The calls of this file.
pub fn calls() -> Calls {
    Calls::new().routes(routes!(metrics)).routes(routes!(settings)).routes(routes!(log))
}

/// One value.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Sample {
    /// The metric's name.
    name: String,
    /// Its labels.
    labels: BTreeMap<String, String>,
    /// Its value.
    value: f64,
}

/// Metrics at this moment: counters and gauges, but for those by camera.
#[utoipa::path(get, path = "/system/metrics", tag = "system", responses(
    (status = 200, body = Vec<Sample>), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: for system_admin")))]
async fn metrics(State(deps): State<Arc<Deps>>, principal: Principal) -> Result<Json<Vec<Sample>>, ApiError> {
    principal.require(&[Role::SystemAdmin])?;
    let mut samples = Vec::new();
    for family in deps.registry.gather() {
        for metric in family.get_metric() {
            let value = match family.get_field_type() {
                MetricType::COUNTER => metric.get_counter().get_value(),
                MetricType::GAUGE => metric.get_gauge().get_value(),
                _ => continue,
            };
            let labels: BTreeMap<_, _> =
                metric.get_label().iter().map(|label| (label.name().to_owned(), label.value().to_owned())).collect();
            if value.is_finite() && !labels.contains_key(PER_CAMERA) {
                samples.push(Sample { name: family.name().to_owned(), labels, value });
            }
        }
    }
    Ok(Json(samples))
}

/// Each key of the configuration since the start, by name, with the line of the file that sets it. Secrets are hidden.
#[utoipa::path(get, path = "/system/config", tag = "system", responses(
    (status = 200, body = Vec<Setting>), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: for system_admin")))]
async fn settings(State(deps): State<Arc<Deps>>, principal: Principal) -> Result<Json<Vec<Setting>>, ApiError> {
    principal.require(&[Role::SystemAdmin])?;
    Ok(Json(deps.settings.clone()))
}

/// Which lines.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
struct After {
    /// The number of the first line wanted, from an earlier answer's `next`.
    #[serde(default)]
    after: u64,
}

/// Lines of the log.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Lines {
    /// The lines, oldest first.
    lines: Vec<String>,
    /// Where to go on.
    next: u64,
}

/// The newest lines of the log, a thousand at most.
#[utoipa::path(get, path = "/system/log", tag = "system", params(After), responses(
    (status = 200, body = Lines), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: for system_admin"),
    (status = 422, body = ErrorBody, description = "INVALID_FIELD")))]
async fn log(
    State(deps): State<Arc<Deps>>,
    principal: Principal,
    Asked(After { after }): Asked<After>,
) -> Result<Json<Lines>, ApiError> {
    principal.require(&[Role::SystemAdmin])?;
    let (lines, next) = deps.log.after(after);
    Ok(Json(Lines { lines, next }))
}
