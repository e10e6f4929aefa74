//! Signing in and out, who am I, and one's own password.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa_axum::routes;

use super::Calls;
use super::extract::{Body, Newcomer};
use crate::authn::{self, Typed};
use crate::deps::Deps;
use crate::error::{ApiError, ErrorBody};
use crate::ledger::Kind;
use crate::registers::user::{self, User};
use crate::registers::{Roles, UnitId, UserId};
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
}

/// A new sign-in.
#[derive(Serialize, utoipa::ToSchema)]
pub(super) struct SignedIn {
    /// For `Authorization: Bearer`, from this terminal only.
    token: String,
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
            token: made.token,
            expires_at: made.expires_at.into(),
            must_change_password: made.must_change_password,
            must_enrol_second_factor: made.must_enrol_second_factor,
        }
    }
}

/// Sign in.
#[utoipa::path(post, path = "/login", tag = "login", request_body = SignIn, security(()), responses(
    (status = 200, body = SignedIn),
    (status = 401, body = ErrorBody, description = "AUTH_REQUIRED (name or password is wrong), MFA_REQUIRED (the code is missing or wrong), ACCOUNT_LOCKED"),
    (status = 403, body = ErrorBody, description = "ACCOUNT_DISABLED, USER_NOT_APPROVED, UNIT_NOT_REGISTERED"),
    (status = 422, body = ErrorBody, description = "INVALID_FIELD"),
    (status = 429, body = ErrorBody, description = "RATE_LIMITED"),
    (status = 503, body = ErrorBody, description = "AUDIT_UNAVAILABLE")))]
async fn sign_in(
    State(deps): State<Arc<Deps>>,
    Terminal(terminal): Terminal,
    RequestId(request_id): RequestId,
    Body(SignIn { user, password, otp }): Body<SignIn>,
) -> Result<Json<SignedIn>, ApiError> {
    deps.authn.take_attempt(terminal)?;
    let signed_in = deps.authn.sign_in(Typed { name: user, password, otp }, terminal, &request_id).await?;
    Ok(Json(signed_in.into()))
}

/// Sign out: the token is worth nothing afterwards.
#[utoipa::path(post, path = "/logout", tag = "login", responses(
    (status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn sign_out(State(deps): State<Arc<Deps>>, newcomer: Newcomer) -> Result<StatusCode, ApiError> {
    deps.authn.sign_out(&newcomer.token, &newcomer.principal).await?;
    Ok(StatusCode::NO_CONTENT)
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
    /// Roles.
    roles: Roles,
    /// The address this sign-in is bound to.
    terminal: String,
    /// True where the password has to be changed first.
    must_change_password: bool,
    /// True once a second factor is enrolled.
    second_factor: bool,
}

/// Who am I?
#[utoipa::path(get, path = "/me", tag = "login", responses(
    (status = 200, body = Me), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody)))]
async fn me(newcomer: Newcomer) -> Json<Me> {
    let User { id, login, name, unit, roles, must_change_password, means, .. } = newcomer.user;
    let terminal = newcomer.principal.terminal().to_string();
    let second_factor = means.second_factor.is_some();
    Json(Me { id, user: login.to_string(), name, unit, roles, terminal, must_change_password, second_factor })
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
