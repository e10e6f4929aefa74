//! Accounts. The security administrator makes and changes them, never their own; a unit's administrator and principal read
//! their unit's. The last holder of a role that the appliance needs cannot be removed. There is no deletion: records refer to them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use media::wall::Wall;
use serde::{Deserialize, Serialize};
use utoipa_axum::routes;

use super::Calls;
use super::extract::{Asked, At, Body};
use super::page::{self, Page, PageQuery};
use crate::authn::Principal;
use crate::deps::Deps;
use crate::error::{ApiError, Code, ErrorBody};
use crate::ledger::Kind;
use crate::mint;
use crate::registers::field::line;
use crate::registers::unit::{self, UnitKind};
use crate::registers::user::{self, LoginName, User, UserState};
use crate::registers::{Role, Roles, UnitId, UserId};
use crate::request::RequestId;
use crate::stamp::Stamp;
use crate::store::{Batch, RANGE_ROWS_MAX, Store};

/// Who keeps accounts.
pub(super) const KEEPERS: &[Role] = &[Role::SecurityAdmin];
/// Who reads the accounts of their own unit.
const UNIT_READERS: &[Role] = &[Role::UnitAdmin, Role::UnitPrincipal];
/// Changes with every change of roles or state, so that two of them at once cannot each spare the other's last holder.
const GUARD: &str = "user-guard";

/// The calls of this file.
pub fn calls() -> Calls {
    Calls::new().routes(routes!(list, create)).routes(routes!(read, change)).routes(routes!(set_password))
}

/// An account as the API shows it: without the password's hash.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct UserView {
    id: UserId,
    /// Login name.
    user: LoginName,
    name: String,
    staff_no: Option<String>,
    unit: UnitId,
    roles: Roles,
    state: UserState,
    must_change_password: bool,
    /// True once a second factor is enrolled.
    second_factor: bool,
    /// Their name at the identity provider.
    oidc_subject: Option<String>,
    /// No password is looked at before then.
    locked_until: Option<Stamp>,
    version: u64,
    created_at: Stamp,
    changed_at: Stamp,
}

impl UserView {
    fn of(user: User, now: Wall) -> Self {
        Self {
            locked_until: user.locked_until.filter(|_| user.is_locked(now)).map(Stamp),
            id: user.id,
            user: user.login,
            name: user.name,
            staff_no: user.staff_no,
            unit: user.unit,
            roles: user.roles,
            state: user.state,
            must_change_password: user.must_change_password,
            second_factor: user.means.second_factor.is_some(),
            oidc_subject: user.means.oidc_subject,
            version: user.version,
            created_at: user.created_at.into(),
            changed_at: user.changed_at.into(),
        }
    }
}

/// A new account. Prints as nothing.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewUser {
    /// Login name.
    user: LoginName,
    name: String,
    #[serde(default)]
    staff_no: Option<String>,
    unit: UnitId,
    roles: Roles,
    /// First password.
    #[schema(format = Password)]
    password: String,
    /// False for accounts of machines; people choose their own at first sign-in.
    #[serde(default = "yes")]
    must_change_password: bool,
    /// `pending` until the user application is approved (J-7).
    #[serde(default = "pending")]
    state: UserState,
}

const fn yes() -> bool {
    true
}

const fn pending() -> UserState {
    UserState::Pending
}

/// What of an account changes; what is absent stays.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
struct UserChange {
    name: Option<String>,
    staff_no: Option<String>,
    roles: Option<Roles>,
    /// `disabled` ends every sign-in at once.
    state: Option<UserState>,
    /// True ends a lock.
    unlock: Option<bool>,
    /// Their name (`sub`) at the identity provider; empty takes it away. It ends their sign-ins.
    oidc_subject: Option<String>,
}

/// A password set by the security administrator. Prints as nothing.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct FirstPassword {
    /// The password; it has to be changed at the next sign-in.
    #[schema(format = Password)]
    password: String,
}

/// Accounts: all of them, or one's own unit's.
#[utoipa::path(get, path = "/users", tag = "users", params(PageQuery), responses(
    (status = 200, body = Page<UserView>), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS"), (status = 422, body = ErrorBody)))]
async fn list(
    State(deps): State<Arc<Deps>>,
    principal: Principal,
    Asked(asked): Asked<PageQuery>,
) -> Result<Json<Page<UserView>>, ApiError> {
    principal.require(&[KEEPERS, UNIT_READERS].concat())?;
    let limit = page::limit(asked.limit)?;
    let mut after = page::after(user::USERS, asked.cursor.as_deref())?;
    let now = deps.now();
    let mut found = Vec::new();
    while found.len() <= limit {
        let rows = deps.store.range_json::<User>(user::USERS, after.as_deref(), limit + 1)?;
        let Some((last, _)) = rows.last() else { break };
        after = Some(last.clone());
        let seen = rows.into_iter().filter(|(_, row)| may_read(&principal, &row.value));
        found.extend(seen.map(|(key, row)| (key, UserView::of(row.value, now))));
    }
    Ok(Json(Page::of(found, limit)))
}

fn may_read(principal: &Principal, user: &User) -> bool {
    principal.has(Role::SecurityAdmin) || user.unit == *principal.unit()
}

/// Make an account.
#[utoipa::path(post, path = "/users", tag = "users", request_body = NewUser, responses(
    (status = 201, body = UserView), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: security_admin makes accounts"),
    (status = 409, body = ErrorBody, description = "CONFLICT: the login name is taken"),
    (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn create(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    principal: Principal,
    Body(new): Body<NewUser>,
) -> Result<(StatusCode, Json<UserView>), ApiError> {
    principal.require(KEEPERS)?;
    let name = line("name", &new.name)?;
    let staff_no = new.staff_no.as_deref().map(|text| line("staff_no", text)).transpose()?;
    check_unit(&deps.store, &new.unit, &new.roles)?;
    deps.authn.passwords.acceptable("password", &new.password, new.user.as_str())?;
    let password = deps.authn.passwords.hash(new.password).await?;
    let now = deps.now();
    let id = mint::sortable_id(now).map_err(|_| ApiError::new(Code::Internal))?;
    let user = User {
        id: id.parse().map_err(|_| ApiError::new(Code::Internal))?,
        login: new.user,
        name,
        staff_no,
        unit: new.unit,
        roles: new.roles,
        state: new.state,
        password,
        must_change_password: new.must_change_password,
        failed_count: 0,
        locked_until: None,
        sign_in_epoch: 0,
        version: 1,
        created_at: now,
        created_by: Some(principal.user().clone()),
        changed_at: now,
        means: user::Means::default(),
    };
    let event = deps.event(Kind::REGISTER_CREATED, &principal).action("user.create").object(user::key(&user.id));
    let event = described(event, &user).request_id(request_id);
    let taken = |error: ApiError| match error.code() {
        Code::Conflict => error.at("user").remedied("该登录名已被使用。", "The login name is taken; choose another."),
        _ => error,
    };
    deps.change(event, user::creation(&user)?).await.map_err(taken)?;
    Ok((StatusCode::CREATED, Json(UserView::of(user, now))))
}

/// The unit exists, and the Bureau's roles stay in the Bureau.
fn check_unit(store: &Store, id: &UnitId, roles: &Roles) -> Result<(), ApiError> {
    let unknown = || ApiError::field("unit", "没有该单位。", "There is no such unit.");
    let unit = unit::load(store, id)?.ok_or_else(unknown)?.value;
    if roles.iter().any(Role::is_bureau) && unit.kind != UnitKind::Bureau {
        return Err(ApiError::field(
            "roles",
            "审批人、目录管理员和三员只能由大数据管理局人员担任。",
            "Approvers, the catalogue's keeper and the three administrators belong to the Bureau's unit.",
        ));
    }
    Ok(())
}

fn described(event: crate::ledger::Event, user: &User) -> crate::ledger::Event {
    let roles: Vec<&str> = user.roles.iter().map(Role::text).collect();
    event
        .with("user", user.login.as_str())
        .with("unit", user.unit.as_str())
        .with("roles", roles)
        .with("state", serde_json::to_value(user.state).unwrap_or_default())
}

/// One account.
#[utoipa::path(get, path = "/users/{id}", tag = "users", params(("id" = String, Path)), responses(
    (status = 200, body = UserView), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody)))]
async fn read(
    State(deps): State<Arc<Deps>>,
    principal: Principal,
    At(id): At<UserId>,
) -> Result<Json<UserView>, ApiError> {
    principal.require(&[KEEPERS, UNIT_READERS].concat())?;
    let user = deps.authn.user(&id)?.value;
    if may_read(&principal, &user) { Ok(Json(UserView::of(user, deps.now()))) } else { Err(Code::NotFound.into()) }
}

/// Change an account.
#[utoipa::path(patch, path = "/users/{id}", tag = "users", params(("id" = String, Path)), request_body = UserChange,
    responses(
    (status = 200, body = UserView), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: security_admin changes accounts, not their own"),
    (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody, description = "CONFLICT: the last holder of a role"),
    (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn change(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    principal: Principal,
    At(id): At<UserId>,
    Body(wanted): Body<UserChange>,
) -> Result<Json<UserView>, ApiError> {
    principal.require(KEEPERS)?;
    if *principal.user() == id {
        return Err(own_account());
    }
    let row = deps.authn.user(&id)?;
    let guard = deps.store.get(GUARD)?.map(|row| row.version);
    let before = row.value;
    let user = changed(&before, wanted, deps.now())?;
    check_unit(&deps.store, &user.unit, &user.roles)?;
    check_last_holder(&deps.store, &before, &user)?;
    let key = user::key(&id);
    let event = deps.event(Kind::REGISTER_CHANGED, &principal).action("user.change").object(key.as_str());
    let batch = Batch::new().expect_version(key.as_str(), row.version).put_json(key, &user)?;
    let batch = with_subject(&deps.store, batch, &before, &user)?;
    let batch = match guard {
        Some(version) => batch.expect_version(GUARD, version),
        None => batch.expect_absent(GUARD),
    };
    deps.change(described(event, &user).request_id(request_id), batch.put(GUARD, "")).await?;
    Ok(Json(UserView::of(user, deps.now())))
}

pub(super) fn own_account() -> ApiError {
    ApiError::new(Code::RoleForbids).remedied(
        "不能变更自己的账号,请由另一名安全管理员办理。",
        "Another security administrator has to change this account.",
    )
}

/// Keeps the row that leads from a name at the identity provider to the account; nobody else may have that name.
fn with_subject(store: &Store, batch: Batch, before: &User, after: &User) -> Result<Batch, ApiError> {
    let (was, is) = (&before.means.oidc_subject, &after.means.oidc_subject);
    if was == is {
        return Ok(batch);
    }
    let batch = was.iter().fold(batch, |batch, subject| batch.delete(user::subject_key(subject)));
    let Some(subject) = is else { return Ok(batch) };
    let key = user::subject_key(subject);
    if store.get(&key)?.is_some() {
        return Err(ApiError::new(Code::Conflict)
            .at("oidc_subject")
            .remedied("该统一身份已关联另一账号。", "Another account has that name at the identity provider."));
    }
    Ok(batch.expect_absent(key.as_str()).put_json(key, &after.id)?)
}

fn changed(before: &User, wanted: UserChange, now: Wall) -> Result<User, ApiError> {
    let mut user = before.clone();
    if let Some(name) = wanted.name {
        user.name = line("name", &name)?;
    }
    if let Some(text) = wanted.staff_no {
        user.staff_no = if text.trim().is_empty() { None } else { Some(line("staff_no", &text)?) };
    }
    if let Some(roles) = wanted.roles {
        user.roles = roles;
    }
    if let Some(text) = wanted.oidc_subject {
        let subject = if text.is_empty() { None } else { Some(line("oidc_subject", &text)?) };
        if subject != user.means.oidc_subject {
            user.means.oidc_subject = subject;
            user.sign_in_epoch += 1;
        }
    }
    if let Some(state) = wanted.state {
        user.state = state;
    }
    if wanted.unlock == Some(true) {
        user.failed_count = 0;
        user.locked_until = None;
    }
    if user.state != UserState::Approved && before.state == UserState::Approved {
        user.sign_in_epoch += 1;
    }
    user.version += 1;
    user.changed_at = now;
    Ok(user)
}

/// `CONFLICT` where a role that the appliance needs would be left without an approved holder.
fn check_last_holder(store: &Store, before: &User, after: &User) -> Result<(), ApiError> {
    let holds = |user: &User, role: Role| user.state == UserState::Approved && user.roles.has(role);
    let lost: Vec<Role> =
        before.roles.iter().filter(|&r| r.is_indispensable() && holds(before, r) && !holds(after, r)).collect();
    if lost.is_empty() {
        return Ok(());
    }
    let (mut kept, mut after_key) = (Vec::new(), None::<String>);
    loop {
        let rows = store.range_json::<User>(user::USERS, after_key.as_deref(), RANGE_ROWS_MAX)?;
        let Some((last, _)) = rows.last() else { break };
        after_key = Some(last.clone());
        let others = rows.iter().map(|(_, row)| &row.value).filter(|user| user.id != before.id);
        kept.extend(others.flat_map(|user| lost.iter().copied().filter(|&role| holds(user, role))));
    }
    match lost.into_iter().find(|role| !kept.contains(role)) {
        None => Ok(()),
        Some(role) => Err(ApiError::new(Code::Conflict).at("roles").remedied(
            format!("不能移除最后一名{},请先指定接任者。", role.text()),
            format!("The last {} cannot be removed; name a successor first.", role.text()),
        )),
    }
}

/// Set a first password for someone who lost theirs. It ends their sign-ins and their lock.
#[utoipa::path(post, path = "/users/{id}/password", tag = "users", params(("id" = String, Path)),
    request_body = FirstPassword, responses(
    (status = 204), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: security_admin, not for their own account"),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody),
    (status = 503, body = ErrorBody)))]
async fn set_password(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    principal: Principal,
    At(id): At<UserId>,
    Body(FirstPassword { password }): Body<FirstPassword>,
) -> Result<StatusCode, ApiError> {
    principal.require(KEEPERS)?;
    if *principal.user() == id {
        return Err(own_account());
    }
    let before = deps.authn.user(&id)?.value;
    deps.authn.passwords.acceptable("password", &password, before.login.as_str())?;
    deps.authn.passwords.not_used_lately("password", &password, before.known_passwords()).await?;
    let hash = deps.authn.passwords.hash(password).await?;
    let row = deps.authn.user(&id)?;
    let mut user = row.value;
    user.set_password(hash, true, deps.now());
    user.failed_count = 0;
    user.locked_until = None;
    let key = user::key(&id);
    let event = deps.event(Kind::REGISTER_CHANGED, &principal).action("user.password").object(key.as_str());
    let batch = Batch::new().expect_version(key.as_str(), row.version).put_json(key, &user)?;
    deps.change(event.request_id(request_id), batch).await?;
    Ok(StatusCode::NO_CONTENT)
}
