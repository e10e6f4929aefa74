//! Sign-in through the identity provider: there and back, and the second factor where it is still to be given.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa_axum::routes;

use super::Calls;
use super::extract::{Asked, Body};
use super::login::SignedIn;
use crate::authn::oidc::visit::Ended;
use crate::deps::Deps;
use crate::error::{ApiError, Code, ErrorBody};
use crate::request::{RequestId, Terminal};

/// The calls of this file.
pub fn calls() -> Calls {
    Calls::new().routes(routes!(begin)).routes(routes!(callback)).routes(routes!(second_factor))
}

/// Sign in through the identity provider: sends the browser there.
#[utoipa::path(get, path = "/login/oidc", tag = "login", security(()), responses(
    (status = 303, description = "to the identity provider"),
    (status = 404, body = ErrorBody, description = "NOT_FOUND: none is configured"),
    (status = 429, body = ErrorBody), (status = 503, body = ErrorBody, description = "TIMEOUT: it does not answer")))]
async fn begin(State(deps): State<Arc<Deps>>, Terminal(terminal): Terminal) -> Result<Response, ApiError> {
    deps.authn.take_attempt(terminal)?;
    let url = deps.authn.visit_provider(terminal).await?;
    let location = HeaderValue::from_str(&url).map_err(|_| ApiError::new(Code::Internal))?;
    Ok((StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response())
}

/// What the provider sends back by the browser. Prints as nothing.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Back {
    /// Names the visit.
    state: String,
    /// To be changed for the provider's token.
    #[serde(default)]
    code: Option<String>,
}

/// A visit that still wants the account's second factor.
#[derive(Serialize, utoipa::ToSchema)]
struct Pending {
    /// For `POST /login/oidc/otp`, from the same terminal within ten minutes.
    visit: String,
}

/// Back from the identity provider.
#[utoipa::path(get, path = "/login/oidc/callback", tag = "login", security(()), params(Back), responses(
    (status = 200, body = SignedIn),
    (status = 202, body = Pending, description = "the second factor is still to be given"),
    (status = 401, body = ErrorBody, description = "AUTH_REQUIRED: the visit is over, nobody has that name, or its word does not hold"),
    (status = 403, body = ErrorBody, description = "TERMINAL_MISMATCH, ACCOUNT_DISABLED, USER_NOT_APPROVED"),
    (status = 404, body = ErrorBody), (status = 422, body = ErrorBody), (status = 429, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
async fn callback(
    State(deps): State<Arc<Deps>>,
    Terminal(terminal): Terminal,
    RequestId(request_id): RequestId,
    Asked(Back { state, code }): Asked<Back>,
) -> Result<Response, ApiError> {
    deps.authn.take_attempt(terminal)?;
    // Without a code the provider says that somebody turned back; the visit is used up all the same.
    let code = code.unwrap_or_default();
    Ok(match deps.authn.back_from_provider(&state, code, terminal, &request_id).await? {
        Ended::SignedIn(signed_in) => Json(SignedIn::from(signed_in)).into_response(),
        Ended::SecondFactor(visit) => (StatusCode::ACCEPTED, Json(Pending { visit })).into_response(),
    })
}

/// The second factor of a visit. Prints as nothing.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct SecondHalf {
    /// As `/login/oidc/callback` gave it.
    visit: String,
    /// Code of the second factor, or a recovery code.
    otp: String,
}

/// Give the second factor after the identity provider.
#[utoipa::path(post, path = "/login/oidc/otp", tag = "login", security(()), request_body = SecondHalf, responses(
    (status = 200, body = SignedIn),
    (status = 401, body = ErrorBody, description = "MFA_REQUIRED, ACCOUNT_LOCKED, AUTH_REQUIRED (the visit is over)"),
    (status = 403, body = ErrorBody), (status = 422, body = ErrorBody), (status = 429, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
async fn second_factor(
    State(deps): State<Arc<Deps>>,
    Terminal(terminal): Terminal,
    RequestId(request_id): RequestId,
    Body(SecondHalf { visit, otp }): Body<SecondHalf>,
) -> Result<Json<SignedIn>, ApiError> {
    deps.authn.take_attempt(terminal)?;
    Ok(Json(deps.authn.end_visit(&visit, &otp, terminal, &request_id).await?.into()))
}
