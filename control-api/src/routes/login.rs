//! Signing in and out, who am I, and one's own password.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa_axum::routes;

use super::Calls;
use super::extract::{Body, Newcomer};
use crate::authn::{self, Typed};
use crate::deps::Deps;
use crate::error::{ApiError, ErrorBody};
use crate::ledger::Kind;
use crate::registers::user;
use crate::registers::{Roles, UnitId, UserId, unit};
use crate::render::staff_no_end;
use crate::request::cookie::{self, Jar, Transport};
use crate::request::{RequestId, Terminal};
use crate::stamp::Stamp;
use crate::store::Batch;

/// The calls of this file.
pub fn calls() -> Calls {
    Calls::new().routes(routes!(sign_in)).routes(routes!(sign_out)).routes(routes!(me)).routes(routes!(change_password))
}

/// What is typed to sign in. Prints as nothing.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct SignIn {
    /// Login name.
    user: String,
    /// Password.
    #[schema(format = Password)]
    password: String,
    /// Code of the second factor, or a recovery code; not looked at for accounts without one.
    #[serde(default)]
    otp: Option<String>,
    /// True for the console: the token goes into a cookie that no script reads, and is not in the answer.
    #[serde(default)]
    cookie: bool,
}

/// A new sign-in.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct SignedIn {
    /// For `Authorization: Bearer`, from this terminal only; absent where it is in the cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// When it is over in any case; unused it is over earlier.
    expires_at: Stamp,
    /// True where `POST /me/password` has to come first.
    must_change_password: bool,
    /// True where `POST /me/otp` has to come first.
    must_enrol_second_factor: bool,
}

impl From<authn::SignedIn> for SignedIn {
    fn from(made: authn::SignedIn) -> Self {
        Self {
            token: Some(made.token),
            expires_at: made.expires_at.into(),
            must_change_password: made.must_change_password,
            must_enrol_second_factor: made.must_enrol_second_factor,
        }
    }
}

impl SignedIn {
    /// The answer, with the token in the body, or in the cookie.
    pub(super) fn answer(made: authn::SignedIn, in_cookie: bool, transport: Transport) -> Result<Response, ApiError> {
        let mut body = Self::from(made);
        let Some(token) = body.token.take_if(|_| in_cookie) else { return Ok(Json(body).into_response()) };
        Ok(([(header::SET_COOKIE, cookie::give(&token, Jar::Login, transport)?)], Json(body)).into_response())
    }
}

/// Sign in.
#[utoipa::path(post, path = "/login", tag = "login", request_body = SignIn, security(()), responses(
    (status = 200, body = SignedIn),
    (status = 401, body = ErrorBody, description = "AUTH_REQUIRED (name or password is wrong), MFA_REQUIRED (the code is missing or wrong), ACCOUNT_LOCKED"),
    (status = 403, body = ErrorBody, description = "ACCOUNT_DISABLED, USER_NOT_APPROVED, UNIT_NOT_REGISTERED; CROSS_SITE: another site's page asks for a cookie"),
    (status = 422, body = ErrorBody, description = "INVALID_FIELD"),
    (status = 429, body = ErrorBody, description = "RATE_LIMITED"),
    (status = 503, body = ErrorBody, description = "AUDIT_UNAVAILABLE")))]
async fn sign_in(
    State(deps): State<Arc<Deps>>,
    Terminal(terminal): Terminal,
    transport: Transport,
    RequestId(request_id): RequestId,
    headers: HeaderMap,
    Body(SignIn { user, password, otp, cookie }): Body<SignIn>,
) -> Result<Response, ApiError> {
    deps.authn.take_attempt(terminal)?;
    if cookie {
        cookie::own_page(&headers)?;
    }
    let signed_in = deps.authn.sign_in(Typed { name: user, password, otp }, terminal, &request_id).await?;
    SignedIn::answer(signed_in, cookie, transport)
}

/// Sign out: the token is worth nothing afterwards, and the cookie is taken away.
#[utoipa::path(post, path = "/logout", tag = "login", responses(
    (status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn sign_out(
    State(deps): State<Arc<Deps>>,
    transport: Transport,
    headers: HeaderMap,
    newcomer: Newcomer,
) -> Result<Response, ApiError> {
    deps.authn.sign_out(&newcomer.token, &newcomer.principal).await?;
    if cookie::read(&headers, Jar::Login, transport).is_none() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie::take_away(Jar::Login, transport)?)]).into_response())
}

/// Who is signed in.
#[derive(Serialize, utoipa::ToSchema)]
struct Me {
    /// User id.
    id: UserId,
    /// Login name.
    user: String,
    /// Name.
    name: String,
    /// Unit.
    unit: UnitId,
    /// The unit's name.
    unit_name: String,
    /// The end of the staff number, as marks show it; empty without one.
    staff_no_end: String,
    /// Roles.
    roles: Roles,
    /// The address this sign-in is bound to.
    terminal: String,
    /// True where the password has to be changed first.
    must_change_password: bool,
    /// True where a second factor has to be enrolled first.
    must_enrol_second_factor: bool,
    /// True once a second factor is enrolled.
    second_factor: bool,
    /// When the sign-in is over in any case; none for an API key.
    expires_at: Option<Stamp>,
    /// Unused for this many seconds it is over earlier.
    idle_seconds: u64,
}

/// Who am I?
#[utoipa::path(get, path = "/me", tag = "login", responses(
    (status = 200, body = Me), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
async fn me(State(deps): State<Arc<Deps>>, newcomer: Newcomer) -> Result<Json<Me>, ApiError> {
    let Newcomer { principal, user, login, .. } = newcomer;
    let unit_name = unit::load(&deps.store, &user.unit)?.map(|row| row.value.name).unwrap_or_default();
    let way = login.as_ref().map(|login| login.way);
    Ok(Json(Me {
        unit_name,
        staff_no_end: staff_no_end(user.staff_no.as_deref().unwrap_or_default()),
        terminal: principal.terminal().to_string(),
        must_change_password: way.is_some_and(|way| deps.authn.must_change_password(&user, way, deps.now())),
        must_enrol_second_factor: way.is_some_and(|way| deps.authn.must_enrol(&user, way)),
        second_factor: user.means.second_factor.is_some(),
        expires_at: login.map(|login| login.expires_at.into()),
        idle_seconds: deps.config.login_idle.as_secs(),
        id: user.id,
        user: user.login.to_string(),
        name: user.name,
        unit: user.unit,
        roles: user.roles,
    }))
}

/// An old password and a new one. Prints as nothing.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewPassword {
    /// The password so far.
    #[schema(format = Password)]
    old: String,
    /// The one from now on.
    #[schema(format = Password)]
    new: String,
}

/// Change one's own password. All sign-ins of the account end, this one included.
#[utoipa::path(post, path = "/me/password", tag = "login", request_body = NewPassword, responses(
    (status = 204),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 422, body = ErrorBody, description = "INVALID_FIELD: `old` is wrong, or `new` is too weak"),
    (status = 429, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn change_password(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    newcomer: Newcomer,
    Body(NewPassword { old, new }): Body<NewPassword>,
) -> Result<StatusCode, ApiError> {
    let Newcomer { principal, user, .. } = newcomer;
    principal.require_sign_in()?;
    deps.authn.take_attempt(principal.terminal())?;
    deps.authn.passwords.acceptable("new", &new, user.login.as_str())?;
    if old == new {
        return Err(ApiError::field("new", "新口令须与旧口令不同。", "The new password must differ from the old one."));
    }
    if !deps.authn.confirm(&user.id, old).await? {
        return Err(ApiError::field("old", "旧口令不正确。", "The old password is wrong."));
    }
    deps.authn.passwords.not_used_lately("new", &new, user.known_passwords()).await?;
    let hash = deps.authn.passwords.hash(new).await?;
    let row = deps.authn.user(&user.id)?;
    let mut changed = row.value;
    changed.set_password(hash, false, deps.now());
    let key = user::key(&user.id);
    let event = deps.event(Kind::REGISTER_CHANGED, &principal).action("password.change").object(key.as_str());
    let batch = Batch::new().expect_version(key.as_str(), row.version).put_json(key, &changed)?;
    deps.change(event.request_id(request_id), batch).await?;
    Ok(StatusCode::NO_CONTENT)
}
