//! Subscriptions to events over HTTP: made, disabled and tried out by the system administrator, seen by the audit administrator too.
//! Where events may go is the configuration's to say; every change is on the ledger.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa_axum::routes;

use super::Calls;
use super::extract::{Asked, At, Body};
use super::page::{self, Page, PageQuery};
use crate::authn::Principal;
use crate::deps::Deps;
use crate::error::{ApiError, Code, ErrorBody};
use crate::ledger::Kind;
use crate::mint;
use crate::registers::Role;
use crate::request::RequestId;
use crate::stamp::Stamp;
use crate::store::{Batch, Versioned};
use crate::webhooks::SUBSCRIPTIONS_MAX;
use crate::webhooks::signing::Secret;
use crate::webhooks::subscription::{KINDS_MAX, SUBSCRIPTIONS, Subscription, cursor, key, put_cursor};

/// Who sees subscriptions.
const READERS: &[Role] = &[Role::SystemAdmin, Role::AuditAdmin];
/// Longest name of a kind.
const KIND_BYTES_MAX: usize = 64;
/// Longest address.
const URL_BYTES_MAX: usize = 1_000;

const CREATED: Kind = Kind::named("webhook.created");
const DISABLED: Kind = Kind::named("webhook.disabled");
const ENABLED: Kind = Kind::named("webhook.enabled");

/// The calls of this file.
pub fn calls() -> Calls {
    Calls::new().routes(routes!(list, create)).routes(routes!(disable)).routes(routes!(enable)).routes(routes!(try_out))
}

/// A subscription as the API shows it: without its secret.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct SubscriptionView {
    /// Its id.
    id: String,
    /// Where events go.
    #[schema(value_type = String)]
    url: Url,
    /// Kinds of events; one that ends in `.` means all that begin so. None: all.
    kinds: Vec<String>,
    /// Personal words are sent too, as long as they are kept.
    personal: bool,
    /// Events are sent.
    active: bool,
    /// Who made it, and when.
    #[schema(value_type = String)]
    created_by: crate::registers::UserId,
    created_at: Stamp,
    /// The first entry of the ledger that was not delivered, or passed over.
    next: u64,
    /// What events are signed with (standardwebhooks.com). Shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// A subscription to be made.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSubscription {
    /// Where events go; `webhooks.hosts` in the configuration must name its host.
    url: String,
    /// Kinds of events, such as `session.opened`, or `session.` for all that begin so. None: all.
    #[serde(default)]
    kinds: Vec<String>,
    /// Send personal words too (reasons, names), in place of their commitments.
    #[serde(default)]
    personal: bool,
    /// The entry of the ledger to begin with; without it, the next one.
    #[serde(default)]
    from: Option<u64>,
}

/// What came of a trial.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Trial {
    /// It was taken: the receiver answered 2xx.
    taken: bool,
    /// The status.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
}

/// Subscriptions, oldest first.
#[utoipa::path(get, path = "/webhooks", tag = "webhooks", params(PageQuery), responses(
    (status = 200, body = Page<SubscriptionView>), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: system_admin and audit_admin see subscriptions"),
    (status = 422, body = ErrorBody)))]
async fn list(
    State(deps): State<Arc<Deps>>,
    principal: Principal,
    Asked(asked): Asked<PageQuery>,
) -> Result<Json<Page<SubscriptionView>>, ApiError> {
    principal.require(READERS)?;
    let limit = page::limit(asked.limit)?;
    let after = page::after(SUBSCRIPTIONS, asked.cursor.as_deref())?;
    let rows = deps.store.range_json::<Subscription>(SUBSCRIPTIONS, after.as_deref(), limit + 1)?;
    let views = rows.into_iter().map(|(key, row)| Ok((key, view(&deps, row.value, None)?)));
    Ok(Json(Page::of(views.collect::<Result<_, ApiError>>()?, limit)))
}

/// Subscribe another system to events. The answer has the secret that they are signed with, this once. Events come in order, at
/// least once, with the same `webhook-id` at each attempt.
#[utoipa::path(post, path = "/webhooks", tag = "webhooks", request_body = NewSubscription, responses(
    (status = 201, body = SubscriptionView), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: system_admin subscribes"),
    (status = 409, body = ErrorBody), (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn create(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    principal: Principal,
    Body(form): Body<NewSubscription>,
) -> Result<(StatusCode, Json<SubscriptionView>), ApiError> {
    principal.require(&[Role::SystemAdmin])?;
    let url = address(&deps, &form.url)?;
    let kind = |kind: &String| {
        let fits = |b: u8| b.is_ascii_lowercase() || b == b'.' || b == b'_';
        (1..=KIND_BYTES_MAX).contains(&kind.len()) && kind.bytes().all(fits)
    };
    if form.kinds.len() > KINDS_MAX || !form.kinds.iter().all(kind) {
        let (zh, en) = (
            "最多64种,如 session.opened 或 session.。",
            "At most 64, such as session.opened or session. for all of them.",
        );
        return Err(ApiError::field("kinds", zh, en));
    }
    let size = deps.ledger.size();
    let next = form.from.unwrap_or(size);
    if next > size {
        return Err(ApiError::field("from", "账本还没有该条目。", "The ledger has no such entry yet."));
    }
    if deps.store.range(SUBSCRIPTIONS, None, SUBSCRIPTIONS_MAX)?.len() >= SUBSCRIPTIONS_MAX {
        return Err(Code::Conflict.into());
    }
    let now = deps.now();
    let subscription = Subscription {
        id: mint::sortable_id(now).map_err(|_| Code::Internal)?,
        url,
        kinds: form.kinds,
        personal: form.personal,
        secret: Secret::fresh().map_err(|_| Code::Internal)?,
        active: true,
        created_by: principal.user().clone(),
        created_at: Stamp(now),
    };
    let id = &subscription.id;
    let event = deps.event(CREATED, &principal).object(key(id)).request_id(request_id);
    let event = event.with("url", subscription.url.as_str()).with("kinds", subscription.kinds.clone());
    let batch = Batch::new().expect_absent(key(id)).put_json(key(id), &subscription)?;
    deps.change(event.with("personal", subscription.personal), put_cursor(batch, id, next, now)?).await?;
    let secret = subscription.secret.reveal().to_owned();
    Ok((StatusCode::CREATED, Json(view(&deps, subscription, Some(secret))?)))
}

/// Stop sending a subscription's events. Where it stood is kept.
#[utoipa::path(post, path = "/webhooks/{id}/disable", tag = "webhooks", params(("id" = String, Path)), responses(
    (status = 200, body = SubscriptionView), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: system_admin changes subscriptions"),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn disable(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    principal: Principal,
    At(id): At<String>,
) -> Result<Json<SubscriptionView>, ApiError> {
    set_active(&deps, &principal, &id, &request_id, false).await
}

/// Send a subscription's events again, from where it stood.
#[utoipa::path(post, path = "/webhooks/{id}/enable", tag = "webhooks", params(("id" = String, Path)), responses(
    (status = 200, body = SubscriptionView), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: system_admin changes subscriptions"),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn enable(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    principal: Principal,
    At(id): At<String>,
) -> Result<Json<SubscriptionView>, ApiError> {
    set_active(&deps, &principal, &id, &request_id, true).await
}

/// Send one event of the kind `webhook.test` now, and tell what came of it.
#[utoipa::path(post, path = "/webhooks/{id}/test", tag = "webhooks", params(("id" = String, Path)), responses(
    (status = 200, body = Trial), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: system_admin tries subscriptions out"),
    (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn try_out(
    State(deps): State<Arc<Deps>>,
    principal: Principal,
    At(id): At<String>,
) -> Result<Json<Trial>, ApiError> {
    principal.require(&[Role::SystemAdmin])?;
    let subscription = deps.store.get_json::<Subscription>(&key(&id))?.ok_or(Code::NotFound)?.value;
    address(&deps, subscription.url.as_str())?;
    let outcome = deps.webhooks.try_out(&subscription).await;
    let taken = outcome.as_ref().is_ok_and(|status| (200..300).contains(status));
    Ok(Json(Trial { taken, status: outcome.as_ref().ok().copied(), trouble: outcome.err() }))
}

async fn set_active(
    deps: &Arc<Deps>,
    principal: &Principal,
    id: &str,
    request_id: &str,
    active: bool,
) -> Result<Json<SubscriptionView>, ApiError> {
    principal.require(&[Role::SystemAdmin])?;
    let found = deps.store.get_json::<Subscription>(&key(id))?.ok_or(Code::NotFound)?;
    let Versioned { value, version } = found;
    if active {
        address(deps, value.url.as_str())?;
    }
    let subscription = Subscription { active, ..value };
    let event = deps.event(if active { ENABLED } else { DISABLED }, principal).object(key(id)).request_id(request_id);
    deps.change(event, Batch::new().expect_version(key(id), version).put_json(key(id), &subscription)?).await?;
    Ok(Json(view(deps, subscription, None)?))
}

fn address(deps: &Deps, text: &str) -> Result<Url, ApiError> {
    let url = Some(text).filter(|text| text.len() <= URL_BYTES_MAX).and_then(|text| Url::parse(text).ok());
    url.filter(|url| deps.webhooks.settings().allows(url)).ok_or_else(|| {
        ApiError::field(
            "url",
            "须为 http 或 https 地址,且主机已列入配置项 webhooks.hosts。",
            "Give an http or https address whose host stands in webhooks.hosts of the configuration.",
        )
    })
}

fn view(deps: &Deps, subscription: Subscription, secret: Option<String>) -> Result<SubscriptionView, ApiError> {
    let next = cursor(&deps.store, &subscription.id)?.map_or(0, |cursor| cursor.next);
    let Subscription { id, url, kinds, personal, active, created_by, created_at, .. } = subscription;
    Ok(SubscriptionView { id, url, kinds, personal, active, created_by, created_at, next, secret })
}
