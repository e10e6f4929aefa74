//! API keys of services: made and revoked by the security administrator, shown once. A revoked key's viewings end at once.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa_axum::routes;

use super::Calls;
use super::extract::{At, Body};
use super::page::Page;
use super::users::KEEPERS;
use crate::authn::Principal;
use crate::deps::Deps;
use crate::error::{ApiError, Code, ErrorBody};
use crate::grants::GrantId;
use crate::ledger::Kind;
use crate::mint;
use crate::registers::api_key::{self, ApiKey, PREFIX};
use crate::registers::field::line;
use crate::registers::user::User;
use crate::registers::{LoginId, Role, UserId};
use crate::request::RequestId;
use crate::stamp::Stamp;

/// Keys of one service in force at once: one in use and one to change over to, with room for several machines.
const IN_FORCE_MAX: usize = 16;
/// Keys of one service that are listed, revoked ones included; then no further one can be made.
const KEPT_MAX: usize = 500;
/// Networks of one key.
const ADDRESSES_MAX: usize = 32;
/// Grants one key is held to.
const GRANTS_MAX: usize = 64;
/// Longest life of a key, in days: once a year somebody looks whether it is still needed.
const LIFE_DAYS_MAX: u64 = 366;

/// The calls of this file.
pub fn calls() -> Calls {
    Calls::new().routes(routes!(list, create)).routes(routes!(revoke))
}

/// A key as the API shows it: never the key itself.
#[derive(Serialize, utoipa::ToSchema)]
struct ApiKeyView {
    /// Its id; records of what it did name it.
    id: LoginId,
    name: String,
    expires_at: Stamp,
    /// The networks it may be shown from.
    #[schema(value_type = Vec<String>)]
    addresses: Vec<IpNet>,
    /// The grants it is held to; empty means all of the account's.
    grants: Vec<String>,
    created_at: Stamp,
    created_by: UserId,
    revoked_at: Option<Stamp>,
    /// When it was last used, to within a minute.
    used_at: Option<Stamp>,
    /// True while it opens something.
    in_force: bool,
}

impl ApiKeyView {
    fn of(key: ApiKey, deps: &Deps) -> Self {
        Self {
            in_force: key.is_in_force(deps.now()),
            id: key.id,
            name: key.name,
            expires_at: key.expires_at.into(),
            addresses: key.addresses,
            grants: key.grants,
            created_at: key.created_at.into(),
            created_by: key.created_by,
            revoked_at: key.revoked_at.map(Stamp),
            used_at: key.used_at.map(Stamp),
        }
    }
}

/// A key to be made.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewApiKey {
    /// What it is for.
    name: String,
    /// At most a year from now.
    expires_at: Stamp,
    /// The networks it may be shown from, as `10.1.0.0/16`; a single machine is `10.1.2.3/32`.
    #[schema(value_type = Vec<String>, min_items = 1, max_items = 32)]
    addresses: Vec<IpNet>,
    /// The grants it is held to; none named means all of the account's.
    #[serde(default)]
    grants: Vec<String>,
}

/// A new key, shown this once. Prints as nothing.
#[derive(Serialize, utoipa::ToSchema)]
struct MadeApiKey {
    #[serde(flatten)]
    key: ApiKeyView,
    /// For `Authorization: Bearer`. It cannot be shown again.
    secret: String,
}

/// A service's keys, without the keys themselves.
#[utoipa::path(get, path = "/users/{id}/api-keys", tag = "users", params(("id" = String, Path)), responses(
    (status = 200, body = Page<ApiKeyView>), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS"), (status = 404, body = ErrorBody)))]
async fn list(
    State(deps): State<Arc<Deps>>,
    principal: Principal,
    At(id): At<UserId>,
) -> Result<Json<Page<ApiKeyView>>, ApiError> {
    principal.require(KEEPERS)?;
    deps.authn.user(&id)?;
    let items = kept(&deps, &id)?.into_iter().map(|key| ApiKeyView::of(key, &deps)).collect();
    Ok(Json(Page { items, next: None }))
}

fn kept(deps: &Deps, user: &UserId) -> Result<Vec<ApiKey>, ApiError> {
    let rows = deps.store.range_json::<ApiKey>(&api_key::of_user(user), None, KEPT_MAX)?;
    Ok(rows.into_iter().map(|(_, row)| row.value).collect())
}

/// Make a key for a service. It is in the answer and nowhere else.
#[utoipa::path(post, path = "/users/{id}/api-keys", tag = "users", params(("id" = String, Path)),
    request_body = NewApiKey, responses(
    (status = 201, body = MadeApiKey), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: security_admin makes keys"),
    (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody, description = "CONFLICT: too many keys"),
    (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn create(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    principal: Principal,
    At(id): At<UserId>,
    Body(wanted): Body<NewApiKey>,
) -> Result<(StatusCode, Json<MadeApiKey>), ApiError> {
    principal.require(KEEPERS)?;
    let user = deps.authn.user(&id)?.value;
    let name = checked(&deps, &user, &wanted)?;
    let now = deps.now();
    let entropy = |_| ApiError::new(Code::Internal);
    let secret = format!("{PREFIX}{}", mint::Token::fresh().map_err(entropy)?.text);
    let key_id = mint::sortable_id(now).map_err(entropy)?;
    let key = ApiKey {
        id: key_id.parse().map_err(|_| ApiError::new(Code::Internal))?,
        user: id,
        name,
        hash: api_key::hash(&secret),
        expires_at: wanted.expires_at.0,
        addresses: wanted.addresses,
        grants: wanted.grants,
        created_at: now,
        created_by: principal.user().clone(),
        revoked_at: None,
        used_at: None,
    };
    let event = deps
        .event(Kind::REGISTER_CREATED, &principal)
        .action("api_key.create")
        .object(api_key::key(&key.user, &key.id))
        .with("name", key.name.as_str())
        .with("expires_at", wanted.expires_at.to_string())
        .with("addresses", key.addresses.iter().map(IpNet::to_string).collect::<Vec<_>>())
        .with("grants", key.grants.clone());
    deps.change(event.request_id(request_id), api_key::creation(&key)?).await?;
    Ok((StatusCode::CREATED, Json(MadeApiKey { key: ApiKeyView::of(key, &deps), secret })))
}

/// The account is a service's, and what is asked lies within bounds; the key's name.
fn checked(deps: &Deps, user: &User, wanted: &NewApiKey) -> Result<String, ApiError> {
    if !user.roles.has(Role::Service) {
        return Err(ApiError::field("id", "仅限角色为 service 的账号。", "Only an account of role service has keys."));
    }
    let now = deps.now();
    let last = now + std::time::Duration::from_secs(LIFE_DAYS_MAX * 86_400);
    if wanted.expires_at.0 <= now || wanted.expires_at.0 > last {
        return Err(ApiError::field(
            "expires_at",
            "须晚于当前时间,且不超过一年。",
            "Give a time to come, at most a year ahead.",
        ));
    }
    let everywhere = wanted.addresses.iter().any(|network| network.prefix_len() == 0);
    if everywhere || !(1..=ADDRESSES_MAX).contains(&wanted.addresses.len()) {
        return Err(ApiError::field(
            "addresses",
            "须填写1至32个网段,不得为全部地址(J-27)。",
            "Name 1 to 32 networks; not all addresses at once (J-27).",
        ));
    }
    let known = |id: &String| deps.grants.find(&GrantId(id.clone())).is_some_and(|grant| grant.unit() == &user.unit);
    if wanted.grants.len() > GRANTS_MAX || !wanted.grants.iter().all(known) {
        return Err(ApiError::field("grants", "须为该账号所在单位的授权。", "Name grants of the account's unit."));
    }
    let kept = kept(deps, &user.id)?;
    let in_force = kept.iter().filter(|key| key.is_in_force(now)).count();
    if in_force >= IN_FORCE_MAX || kept.len() >= KEPT_MAX {
        return Err(ApiError::new(Code::Conflict).remedied(
            "该账号的密钥过多,请先撤销不用的密钥。",
            "The account has too many keys; revoke those not needed.",
        ));
    }
    line("name", &wanted.name)
}

/// Revoke a key. What is viewed with it ends at once.
#[utoipa::path(delete, path = "/users/{id}/api-keys/{key}", tag = "users",
    params(("id" = String, Path), ("key" = String, Path)), responses(
    (status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody, description = "ROLE_FORBIDS"),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn revoke(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    principal: Principal,
    Path((user, key)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    principal.require(KEEPERS)?;
    let unknown = || ApiError::new(Code::NotFound);
    let (user, id) = (user.parse().map_err(|_| unknown())?, key.parse().map_err(|_| unknown())?);
    let row = api_key::load(&deps.store, &user, &id)?.ok_or_else(unknown)?;
    if row.value.revoked_at.is_none() {
        let event = deps
            .event(Kind::REGISTER_CHANGED, &principal)
            .action("api_key.revoke")
            .object(api_key::key(&user, &id))
            .request_id(request_id);
        deps.change(event, api_key::revocation(row, deps.now())?).await?;
    }
    deps.sessions.look_again_at_key(&id);
    Ok(StatusCode::NO_CONTENT)
}
