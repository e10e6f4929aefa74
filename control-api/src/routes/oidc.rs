//! Sign-in through the identity provider: there and back, and the second factor where it is still to be given. The console goes
//! there with `cookie=true` and is sent back to its own page.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa_axum::routes;

use super::Calls;
use super::extract::{Asked, Body};
use super::login::SignedIn;
use crate::authn::oidc::visit::{Away, Ended};
use crate::deps::Deps;
use crate::error::{ApiError, Code, ErrorBody};
use crate::request::cookie::{self, Jar, Transport};
use crate::request::{RequestId, Terminal};

/// The console's page.
const CONSOLE: &str = "/";

/// The calls of this file.
pub fn calls() -> Calls {
    Calls::new().routes(routes!(begin)).routes(routes!(callback)).routes(routes!(second_factor))
}

/// How the visit is to end.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Going {
    /// True for the console: the browser comes back to its page, with the token in a cookie.
    #[serde(default)]
    cookie: bool,
}

/// Sign in through the identity provider: sends the browser there.
#[utoipa::path(get, path = "/login/oidc", tag = "login", security(()), params(Going), responses(
    (status = 303, description = "to the identity provider"),
    (status = 404, body = ErrorBody, description = "NOT_FOUND: none is configured"),
    (status = 429, body = ErrorBody), (status = 503, body = ErrorBody, description = "TIMEOUT: it does not answer")))]
async fn begin(
    State(deps): State<Arc<Deps>>,
    Terminal(terminal): Terminal,
    transport: Transport,
    Asked(Going { cookie }): Asked<Going>,
) -> Result<Response, ApiError> {
    deps.authn.take_attempt(terminal)?;
    let Away { url, state } = deps.authn.visit_provider(terminal).await?;
    let mut response = sent_to(&url)?;
    if cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie::give(&state, Jar::Visit, transport)?);
    }
    Ok(response)
}

fn sent_to(url: &str) -> Result<Response, ApiError> {
    let location = HeaderValue::from_str(url).map_err(|_| ApiError::new(Code::Internal))?;
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
    (status = 303, description = "to the console, signed in by cookie; or to `/#visit=`, where the second factor is still to be given"),
    (status = 401, body = ErrorBody, description = "AUTH_REQUIRED: the visit is over, nobody has that name, or its word does not hold"),
    (status = 403, body = ErrorBody, description = "TERMINAL_MISMATCH, ACCOUNT_DISABLED, USER_NOT_APPROVED"),
    (status = 404, body = ErrorBody), (status = 422, body = ErrorBody), (status = 429, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
async fn callback(
    State(deps): State<Arc<Deps>>,
    Terminal(terminal): Terminal,
    transport: Transport,
    RequestId(request_id): RequestId,
    headers: HeaderMap,
    Asked(Back { state, code }): Asked<Back>,
) -> Result<Response, ApiError> {
    deps.authn.take_attempt(terminal)?;
    // Without a code the provider says that somebody turned back; the visit is used up all the same.
    let code = code.unwrap_or_default();
    let ended = deps.authn.back_from_provider(&state, code, terminal, &request_id).await?;
    if cookie::read(&headers, Jar::Visit, transport) != Some(state.as_str()) {
        return Ok(match ended {
            Ended::SignedIn(signed_in) => Json(SignedIn::from(signed_in)).into_response(),
            Ended::SecondFactor(visit) => (StatusCode::ACCEPTED, Json(Pending { visit })).into_response(),
        });
    }
    let mut response = match ended {
        Ended::SignedIn(signed_in) => {
            let mut response = sent_to(CONSOLE)?;
            let login = cookie::give(&signed_in.token, Jar::Login, transport)?;
            response.headers_mut().append(header::SET_COOKIE, login);
            response
        }
        // What follows `#` stays in the browser.
        Ended::SecondFactor(visit) => sent_to(&format!("{CONSOLE}#visit={visit}"))?,
    };
    response.headers_mut().append(header::SET_COOKIE, cookie::take_away(Jar::Visit, transport)?);
    Ok(response)
}

/// The second factor of a visit. Prints as nothing.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct SecondHalf {
    /// As `/login/oidc/callback` gave it.
    visit: String,
    /// Code of the second factor, or a recovery code.
    otp: String,
    /// True for the console: the token goes into a cookie.
    #[serde(default)]
    cookie: bool,
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
    transport: Transport,
    RequestId(request_id): RequestId,
    headers: HeaderMap,
    Body(SecondHalf { visit, otp, cookie }): Body<SecondHalf>,
) -> Result<Response, ApiError> {
    deps.authn.take_attempt(terminal)?;
    if cookie {
        cookie::own_page(&headers)?;
    }
    let signed_in = deps.authn.end_visit(&visit, &otp, terminal, &request_id).await?;
    SignedIn::answer(signed_in, cookie, transport)
}
