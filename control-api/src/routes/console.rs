//! The console's pages: `/`, its icon, and what it loads. Outside the description, and without a login: whoever may read them learns
//! nothing that is not public.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::console::{self, PERMISSIONS, POLICY};
use crate::deps::Deps;
use crate::error::{ApiError, Code};

/// The names of these files say what is in them.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// Asked for again each time, and mostly not sent again.
const ASK_AGAIN: &str = "no-cache";
/// What is shown where the console was not built.
const NOT_BUILT: &str = "<!doctype html><html lang=\"zh-CN\"><meta charset=\"utf-8\"><title>Sluice</title>\
    <p>此程序构建时未包含控制台;接口与媒体服务照常工作,说明见 <a href=\"/openapi.json\">/openapi.json</a>。\
    <p lang=\"en\">This build has no console; the API and the media work, see <a href=\"/openapi.json\">/openapi.json</a>.";

/// The calls of this file.
pub fn console() -> Router<Arc<Deps>> {
    Router::new().route("/", get(index)).route("/icon.svg", get(icon)).route("/assets/{file}", get(asset))
}

async fn index(State(deps): State<Arc<Deps>>, asked: HeaderMap) -> Response {
    answer(&deps, "index.html", ASK_AGAIN, &asked).unwrap_or_else(|| {
        let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, POLICY)];
        (headers, NOT_BUILT).into_response()
    })
}

async fn icon(State(deps): State<Arc<Deps>>, asked: HeaderMap) -> Result<Response, ApiError> {
    answer(&deps, "icon.svg", ASK_AGAIN, &asked).ok_or_else(|| Code::NotFound.into())
}

async fn asset(
    State(deps): State<Arc<Deps>>,
    Path(file): Path<String>,
    asked: HeaderMap,
) -> Result<Response, ApiError> {
    answer(&deps, &format!("assets/{file}"), FOR_EVER, &asked).ok_or_else(|| Code::NotFound.into())
}

fn answer(deps: &Deps, path: &str, keeping: &'static str, asked: &HeaderMap) -> Option<Response> {
    let found = deps.console.find(path, asked)?;
    let etag = console::etag(&found.bytes)?;
    let mut headers = HeaderMap::new();
    let fixed: [(HeaderName, &'static str); 5] = [
        (header::CONTENT_TYPE, found.media_type),
        (header::CACHE_CONTROL, keeping),
        (header::VARY, "accept-encoding"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (HeaderName::from_static("permissions-policy"), PERMISSIONS),
    ];
    headers.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
    if let Some(encoding) = found.encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    let known = asked.get(header::IF_NONE_MATCH).is_some_and(|said| said == etag);
    headers.insert(header::ETAG, etag);
    Some(match known {
        true => (StatusCode::NOT_MODIFIED, headers).into_response(),
        false => (headers, Body::from(found.bytes.into_owned())).into_response(),
    })
}
