//! Viewing sessions over HTTP: open, renew, look, end. The rules are `policy`'s, the order of events `sessions`'.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{StatusCode, header};
use media::id::Profile;
use relay::lease::SessionId;
use serde::{Deserialize, Serialize};
use utoipa_axum::routes;

use super::Calls;
use super::extract::{Asked, At, Body};
use super::optional_body::OptionalBody;
use super::page::{self, Page, PageQuery};
use crate::authn::Principal;
use crate::deps::Deps;
use crate::error::{ApiError, Code, ErrorBody};
use crate::grants::Verb;
use crate::registers::field::prose;
use crate::request::RequestId;
use crate::sessions::{Ask, Origin, SessionView, Urls};
use crate::stamp::Stamp;

/// Prefix of cursors of this list.
const CURSOR: &str = "session/";

/// The calls of this file.
pub fn calls() -> Calls {
    Calls::new().routes(routes!(list, open)).routes(routes!(read, end)).routes(routes!(renew))
}

/// What a session is opened for.
#[derive(Clone, Copy, Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
enum SessionVerb {
    /// Watch the camera as it comes in.
    Live,
    /// Watch its recording from `from` to `to`.
    Playback,
    /// Fetch its recording from `from` to `to` as one file.
    Download,
}

/// What is asked for. Purpose and reason are demanded by the rules, which name them if they are missing.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSession {
    /// The camera's id.
    camera: String,
    /// What is to be done.
    verb: SessionVerb,
    /// A purpose code of the unit's duties.
    #[serde(default)]
    #[schema(example = "GA-3")]
    purpose: String,
    /// The concrete reason, at most 1000 characters.
    #[serde(default)]
    reason: String,
    /// `main` or `sub`.
    #[serde(default)]
    #[schema(value_type = String, example = "main")]
    profile: Profile,
    /// Beginning of the stretch to be played back or fetched, inclusive.
    #[serde(default)]
    from: Option<Stamp>,
    /// End of the stretch, exclusive.
    #[serde(default)]
    to: Option<Stamp>,
    /// The emergency it is for, by its id: only the grant that came with it counts then, and it has priority.
    #[serde(default)]
    emergency: Option<String>,
}

/// A session that was opened. The token within the URLs is shown this once.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct OpenedView {
    /// Its id.
    id: String,
    /// Where it can be watched, from this terminal only.
    urls: Urls,
    /// When it is over unless renewed.
    expires_at: Stamp,
    /// The mark that names the session in what it shows.
    mark: String,
}

/// A session's new end.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Renewed {
    /// When it is over unless renewed again.
    expires_at: Stamp,
}

/// The host a request was sent to, if it names a plain one.
struct Host(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for Host {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let named = parts.headers.get(header::HOST).and_then(|value| value.to_str().ok());
        let authority =
            named.and_then(|text| text.parse::<Authority>().ok()).or_else(|| parts.uri.authority().cloned());
        // Credentials in a URL we hand out would be a stranger's.
        let plain = authority.filter(|a| !a.as_str().contains('@') && !a.host().is_empty());
        Ok(Self(plain.map(|a| a.as_str().to_owned())))
    }
}

/// Open a session: decided, put on record, leased, in that order.
#[utoipa::path(post, path = "/sessions", tag = "sessions", request_body = NewSession, responses(
    (status = 201, body = OpenedView),
    (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS, NO_GRANT, GRANT_*, VERB_NOT_GRANTED, \
        PURPOSE_NOT_IN_DUTIES, PURPOSE_EXPIRED, OUTSIDE_TIME_WINDOW, PLAYBACK_DEPTH, TERMINAL_MISMATCH, EMERGENCY_SCOPE"),
    (status = 404, body = ErrorBody, description = "CAMERA_UNKNOWN: also for cameras out of the unit's areas"),
    (status = 410, body = ErrorBody, description = "RECORDING_PURGED"),
    (status = 422, body = ErrorBody, description = "PURPOSE_REQUIRED, REASON_REQUIRED, INVALID_FIELD"),
    (status = 429, body = ErrorBody, description = "CONCURRENCY_LIMIT"),
    (status = 503, body = ErrorBody, description = "AUDIT_UNAVAILABLE, CAMERA_OFFLINE")))]
async fn open(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    Host(host): Host,
    principal: Principal,
    Body(new): Body<NewSession>,
) -> Result<(StatusCode, Json<OpenedView>), ApiError> {
    let range = match (new.from, new.to) {
        (None, None) => None,
        (Some(from), Some(to)) => Some((from.0, to.0)),
        (None, Some(_)) => return Err(ApiError::field("from", "须与 to 同时填写。", "Give it together with `to`.")),
        (Some(_), None) => return Err(ApiError::field("to", "须与 from 同时填写。", "Give it together with `from`.")),
    };
    let verb = match new.verb {
        SessionVerb::Live => Verb::Live,
        SessionVerb::Playback => Verb::Playback,
        SessionVerb::Download => Verb::Download,
    };
    let NewSession { camera, purpose, reason, profile, emergency, .. } = new;
    let ask = Ask { camera, verb, profile, purpose, reason, range, emergency };
    let opened = deps.sessions.open(&principal, ask, Origin { request_id, host }).await?;
    let view = OpenedView {
        id: opened.id.0,
        urls: opened.urls,
        expires_at: opened.expires_at.into(),
        mark: opened.mark.to_string(),
    };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Open sessions: one's own; the unit's for its principal; all for those who oversee.
#[utoipa::path(get, path = "/sessions", tag = "sessions", params(PageQuery), responses(
    (status = 200, body = Page<SessionView>), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
async fn list(
    State(deps): State<Arc<Deps>>,
    principal: Principal,
    Asked(asked): Asked<PageQuery>,
) -> Result<Json<Page<SessionView>>, ApiError> {
    let limit = page::limit(asked.limit)?;
    let after = page::after(CURSOR, asked.cursor.as_deref())?;
    let after = after.as_deref().and_then(|key| key.strip_prefix(CURSOR));
    let sessions = deps.sessions.list(&principal, after, limit + 1);
    let keyed = sessions.into_iter().map(|view| (format!("{CURSOR}{}", view.id.0), view)).collect();
    Ok(Json(Page::of(keyed, limit)))
}

/// One session, open or over, with the relay's figures while it is open.
#[utoipa::path(get, path = "/sessions/{id}", tag = "sessions", params(("id" = String, Path)), responses(
    (status = 200, body = SessionView), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody, description = "NOT_FOUND: also where it is not the caller's to see")))]
async fn read(
    State(deps): State<Arc<Deps>>,
    principal: Principal,
    At(id): At<String>,
) -> Result<Json<SessionView>, ApiError> {
    let view = deps.sessions.show(&principal, &session_id(id)?)?;
    view.map(Json).ok_or_else(|| Code::NotFound.into())
}

/// Prolong one's own session; everything is decided anew.
#[utoipa::path(post, path = "/sessions/{id}/renew", tag = "sessions", params(("id" = String, Path)), responses(
    (status = 200, body = Renewed), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "As for a new session; PREEMPTED_BY_EMERGENCY"),
    (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn renew(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    principal: Principal,
    At(id): At<String>,
) -> Result<Json<Renewed>, ApiError> {
    let expires_at = deps.sessions.renew(&principal, &session_id(id)?, &request_id).await?;
    Ok(Json(Renewed { expires_at: expires_at.into() }))
}

/// Why a session is ended.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct EndedBecause {
    /// The reason; its viewer is told, and it goes on the ledger.
    #[serde(default)]
    reason: String,
}

/// End a session: one's own, or anybody's for `bureau_approver` and `security_admin`. Its bytes have stopped when this answers.
#[utoipa::path(delete, path = "/sessions/{id}", tag = "sessions", params(("id" = String, Path)),
    request_body(content = Option<EndedBecause>), responses(
    (status = 204), (status = 401, body = ErrorBody), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 422, body = ErrorBody, description = "INVALID_FIELD: `reason`"),
    (status = 503, body = ErrorBody)))]
async fn end(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    principal: Principal,
    At(id): At<String>,
    OptionalBody(EndedBecause { reason }): OptionalBody<EndedBecause>,
) -> Result<StatusCode, ApiError> {
    let reason = if reason.trim().is_empty() { String::new() } else { prose("reason", &reason)? };
    deps.sessions.stop(&principal, &session_id(id)?, &reason, &request_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A text that can be no id of ours is unknown like any other.
fn session_id(text: String) -> Result<SessionId, ApiError> {
    let fits = text.len() == crate::mint::ID_CHARS && text.bytes().all(|b| b.is_ascii_alphanumeric());
    if fits { Ok(SessionId(text)) } else { Err(Code::NotFound.into()) }
}
