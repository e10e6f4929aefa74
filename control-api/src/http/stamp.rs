//! The outermost layer: names each request, bounds its time, writes the body of every refusal, puts refusals on the ledger, and
//! sets the headers that every answer has. No handler sees any of it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::deps::Deps;
use crate::error::{ApiError, Code};
use crate::ledger::{Decision, Event, Kind};
use crate::mint;
use crate::request::cookie::Transport;
use crate::request::{Behind, RequestId, Terminal};

/// Header that names a request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id taken from a client; a longer or odd one is replaced.
const REQUEST_ID_CHARS_MAX: usize = 64;

/// How the action of a request for a session begins: refused here already, it still counts as a decision on one.
const ASKS_FOR_SESSION: &str = "POST /api/v1/sessions";

/// The headers of every answer: nothing is cached, guessed, framed or referred.
const ALWAYS: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// Over TLS: a year of it, whatever a link says.
const OVER_TLS: (HeaderName, HeaderValue) =
    (header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));

/// Wraps one request; see the file's first lines.
pub async fn stamp(State(deps): State<Arc<Deps>>, mut request: Request, next: Next) -> Response {
    let id = request_id(&deps, request.headers());
    let chinese = speaks_chinese(request.headers());
    let behind = Behind::default();
    let terminal = Terminal::of(request.extensions());
    let transport = Transport::of(request.extensions());
    let action = action(&request);
    let is_head = request.method() == axum::http::Method::HEAD;
    request.extensions_mut().insert(RequestId(id.clone()));
    request.extensions_mut().insert(behind.clone());
    let answered = tokio::time::timeout(deps.config.request_timeout, next.run(request)).await;
    let mut response = answered.unwrap_or_else(|_| ApiError::new(Code::Timeout).into_response());
    if let Some(mut error) = refusal_of(&mut response) {
        if error.owes_record() {
            if action.starts_with(ASKS_FOR_SESSION) {
                deps.sessions.count_refusal(error.code());
            }
            error = write_down(&deps, error, &behind, terminal, &id, &action).await;
        }
        let inner = std::mem::take(response.headers_mut());
        response = render(&error, &id, chinese, is_head, inner);
    }
    finish(response.headers_mut(), &id);
    if transport == Transport::Tls {
        let (name, value) = OVER_TLS;
        response.headers_mut().insert(name, value);
    }
    response
}

/// The refusal a response carries; one that axum made itself (an unknown path or method) becomes one of ours.
fn refusal_of(response: &mut Response) -> Option<ApiError> {
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        return Some(error);
    }
    match response.status() {
        StatusCode::METHOD_NOT_ALLOWED => Some(Code::MethodNotAllowed.into()),
        _ => None,
    }
}

/// Puts a refusal on the ledger. Where that fails, the answer is that it failed: nothing is refused off the record either.
async fn write_down(
    deps: &Arc<Deps>,
    error: ApiError,
    behind: &Behind,
    terminal: Terminal,
    id: &str,
    action: &str,
) -> ApiError {
    let principal = behind.0.lock().clone();
    if principal.is_none() && !deps.authn.take_refusal(terminal.0) {
        tracing::debug!(terminal = %terminal.0, code = error.code().text(), "a refusal was not written one by one");
        return error;
    }
    let event = Event::new(Kind::DENIED, deps.now())
        .terminal(terminal.0.to_string())
        .action(action)
        .decision(Decision::Deny)
        .code(error.code().text())
        .articles(error.articles().iter().copied())
        .request_id(id);
    let event = match &principal {
        Some(principal) => event.actor(principal.actor()),
        None => event,
    };
    match deps.record(&event).await {
        Ok(()) => error.recorded(),
        Err(unavailable) => unavailable,
    }
}

/// The answer that says it, with what the layers within have said already: which methods there are, which pages may read it.
fn render(error: &ApiError, id: &str, chinese: bool, is_head: bool, inner: HeaderMap) -> Response {
    let body = serde_json::to_vec(&error.body(id, chinese)).expect("plain texts always make JSON");
    let body = if is_head { Body::empty() } else { Body::from(body) };
    let status = StatusCode::from_u16(error.code().status()).expect("the table holds valid statuses");
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.extend(inner);
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.append(header::VARY, HeaderValue::from_static("accept-language"));
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(wait) = error.wait() {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    }
    response
}

fn finish(headers: &mut HeaderMap, id: &str) {
    for (name, value) in ALWAYS {
        headers.entry(name).or_insert(value);
    }
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, value);
    }
}

/// The client's own id where it is short and plain, else a new one.
fn request_id(deps: &Deps, headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let plain = |id: &&str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        (1..=REQUEST_ID_CHARS_MAX).contains(&id.len()) && id.bytes().all(allowed)
    };
    match given.filter(plain) {
        Some(id) => id.into(),
        None => mint::sortable_id(deps.now()).unwrap_or_else(|_| "none".into()),
    }
}

fn speaks_chinese(headers: &HeaderMap) -> bool {
    let given = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.trim_start().get(..2).is_some_and(|two| two.eq_ignore_ascii_case("zh"))
}

/// Method and route, with the ids of the path where it is a plain one: `GET /api/v1/cameras/c1`. A media path is given by
/// its route only, since it holds a token.
fn action(request: &Request) -> String {
    const PATH_CHARS_MAX: usize = 160;
    let route = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let path = request.uri().path();
    let shown = if path.starts_with("/api/") { path } else { route };
    format!("{} {}", request.method(), shown.chars().take(PATH_CHARS_MAX).collect::<String>())
}
