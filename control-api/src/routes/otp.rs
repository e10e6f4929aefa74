//! Enrolling a second factor, and its reset by the security administrator for somebody who lost theirs. A secret and recovery
//! codes are shown once, to their owner alone.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa_axum::routes;

use super::Calls;
use super::extract::{At, Body, Newcomer};
use super::optional_body::OptionalBody;
use super::users::{KEEPERS, own_account};
use crate::authn::{Principal, login, otp};
use crate::deps::Deps;
use crate::error::{ApiError, Code, ErrorBody};
use crate::ledger::Kind;
use crate::registers::user::means::SecondFactor;
use crate::registers::{Role, UserId, user};
use crate::request::RequestId;
use crate::store::Batch;

/// The calls of this file.
pub fn calls() -> Calls {
    Calls::new().routes(routes!(begin)).routes(routes!(confirm)).routes(routes!(reset))
}

/// Who asks for a new secret. Prints as nothing.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
struct Enrolment {
    /// A code of the second factor so far, where there is one already.
    otp: Option<String>,
}

/// A new secret, shown this once. Prints as nothing.
#[derive(Serialize, utoipa::ToSchema)]
struct Secret {
    /// Base 32, to be typed into an authenticator: SHA-1, 6 digits, 30 seconds.
    secret: String,
    /// The same as an `otpauth://` address, to be shown as a QR code.
    uri: String,
}

/// Begin to enrol a second factor: a new secret. It is in force once its first code was given with `/me/otp/confirm`.
#[utoipa::path(post, path = "/me/otp", tag = "login", request_body(content = Enrolment), responses(
    (status = 200, body = Secret),
    (status = 401, body = ErrorBody, description = "MFA_REQUIRED: there is one already, and its code is missing or wrong"),
    (status = 403, body = ErrorBody), (status = 422, body = ErrorBody), (status = 429, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
async fn begin(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    newcomer: Newcomer,
    OptionalBody(Enrolment { otp }): OptionalBody<Enrolment>,
) -> Result<Json<Secret>, ApiError> {
    let Newcomer { principal, user, .. } = newcomer;
    no_machine(&principal)?;
    if user.means.second_factor.is_some() {
        deps.authn.take_attempt(principal.terminal())?;
        deps.authn.prove_again(&user.id, otp.as_deref()).await?;
    }
    let new = otp::new_secret(&deps.authn.otp_key, &user.id, user.login.as_str())?;
    let row = deps.authn.user(&user.id)?;
    let mut changed = row.value;
    changed.means.enrolling = Some(new.sealed);
    let key = user::key(&user.id);
    let event = deps.event(Kind::REGISTER_CHANGED, &principal).action("second_factor.begin").object(key.as_str());
    let batch = Batch::new().expect_version(key.as_str(), row.version).put_json(key, &changed)?;
    deps.change(event.request_id(request_id), batch).await?;
    Ok(Json(Secret { secret: new.base32, uri: new.uri }))
}

/// A second factor is a person's: no one holds an authenticator for an account of a machine.
fn no_machine(principal: &Principal) -> Result<(), ApiError> {
    if !principal.has(Role::Service) && !principal.has(Role::MetricsReader) {
        return Ok(());
    }
    Err(ApiError::new(Code::RoleForbids).remedied(
        "系统对接账号没有第二因素。",
        "An account of a machine has no second factor; a service signs in with an API key.",
    ))
}

/// The first code of a new secret. Prints as nothing.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct FirstCode {
    /// The code that the authenticator shows now.
    otp: String,
}

/// Codes for when the authenticator is lost, shown this once. Prints as nothing.
#[derive(Serialize, utoipa::ToSchema)]
struct RecoveryCodes {
    /// Each signs in once, in place of a code.
    recovery_codes: Vec<String>,
}

/// Put the new second factor in force. Every other sign-in of the account ends.
#[utoipa::path(post, path = "/me/otp/confirm", tag = "login", request_body = FirstCode, responses(
    (status = 200, body = RecoveryCodes), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 409, body = ErrorBody, description = "CONFLICT: nothing is being enrolled"),
    (status = 422, body = ErrorBody, description = "INVALID_FIELD: `otp` is wrong"),
    (status = 429, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn confirm(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    newcomer: Newcomer,
    Body(FirstCode { otp: typed }): Body<FirstCode>,
) -> Result<Json<RecoveryCodes>, ApiError> {
    let Newcomer { principal, token, .. } = newcomer;
    deps.authn.take_attempt(principal.terminal())?;
    let row = deps.authn.user(principal.user())?;
    let mut changed = row.value;
    let now = deps.now();
    let secret = changed.means.enrolling.take().ok_or_else(nothing_begun)?;
    let step = otp::step(&deps.authn.otp_key, &changed.id, &secret, &typed, now, None).ok_or_else(wrong_code)?;
    let (codes, kept) = otp::recovery_codes()?;
    changed.means.second_factor = Some(SecondFactor { secret, last_step: step, recovery: kept, since: now });
    changed.sign_in_epoch += 1;
    changed.version += 1;
    changed.changed_at = now;
    // Whoever signed in before with the password alone is out; this sign-in has just shown the factor.
    let mut sign_in = login::load(&deps.store, &token)?.ok_or(Code::AuthRequired)?;
    sign_in.value.epoch = changed.sign_in_epoch;
    let (key, login_key) = (user::key(&changed.id), login::key(&token));
    let event = deps.event(Kind::REGISTER_CHANGED, &principal).action("second_factor.enrol").object(key.as_str());
    let batch = Batch::new()
        .expect_version(key.as_str(), row.version)
        .put_json(key, &changed)?
        .expect_version(login_key.as_str(), sign_in.version)
        .put_json(login_key, &sign_in.value)?;
    deps.change(event.request_id(request_id), batch).await?;
    Ok(Json(RecoveryCodes { recovery_codes: codes }))
}

fn nothing_begun() -> ApiError {
    ApiError::new(Code::Conflict).remedied("请先调用 POST /api/v1/me/otp。", "Begin with POST /api/v1/me/otp.")
}

fn wrong_code() -> ApiError {
    ApiError::field(
        "otp",
        "验证码不正确;请核对验证器和系统的时间。",
        "The code is wrong; compare the clocks of the authenticator and of the appliance.",
    )
}

/// Take the second factor from somebody who lost theirs. Their sign-ins end; administrators enrol a new one at the next.
#[utoipa::path(delete, path = "/users/{id}/otp", tag = "users", params(("id" = String, Path)), responses(
    (status = 204), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: security_admin, not for their own account"),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn reset(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    principal: Principal,
    At(id): At<UserId>,
) -> Result<StatusCode, ApiError> {
    principal.require(KEEPERS)?;
    if *principal.user() == id {
        return Err(own_account());
    }
    let row = deps.authn.user(&id)?;
    let mut user = row.value;
    user.means.second_factor = None;
    user.means.enrolling = None;
    user.sign_in_epoch += 1;
    user.version += 1;
    user.changed_at = deps.now();
    let key = user::key(&id);
    let event = deps.event(Kind::REGISTER_CHANGED, &principal).action("second_factor.reset").object(key.as_str());
    let batch = Batch::new().expect_version(key.as_str(), row.version).put_json(key, &user)?;
    deps.change(event.request_id(request_id), batch).await?;
    Ok(StatusCode::NO_CONTENT)
}
