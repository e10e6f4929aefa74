//! Pages of other origins that may play what a viewing URL leads to (CORS, Fetch Standard section 3.2). Written by hand, since the layers of
//! others answer every OPTIONS, and WHEP has one of its own. Deliberately absent: the API, which no page but the console calls.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::config::player_origin::Origin;
use crate::deps::Deps;

/// What a page is told before it asks for something that a form could not: WHEP ends and trickles by DELETE and PATCH.
const PREFLIGHT: [(HeaderName, HeaderValue); 3] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, POST, PATCH, DELETE")),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type, range, if-match, if-range")),
    (header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600")),
];
/// What a page may read besides what any may.
const EXPOSED: HeaderValue = HeaderValue::from_static("location, etag, content-range, retry-after, accept-post");

/// Lets pages of the named origins ask, and read the answers. Never with cookies: there are none under a token.
pub(crate) async fn allow(State(deps): State<Arc<Deps>>, request: Request, next: Next) -> Response {
    let Some(allowed) = allowed(&deps.config.player_origins, request.headers()) else {
        return next.run(request).await;
    };
    let asks = request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match asks && request.method() == Method::OPTIONS {
        true => (StatusCode::NO_CONTENT, PREFLIGHT).into_response(),
        false => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    response
}

/// The origin, as the answer names it; none where no page or none of those asks.
fn allowed(origins: &[Origin], headers: &HeaderMap) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    let named = origins.iter().find(|named| named.is_any() || named.header() == origin)?;
    Some(named.header().clone())
}
