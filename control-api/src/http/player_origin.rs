//! Pages of other origins that may play what a viewing URL leads to (CORS, Fetch Standard section 3.2). Deliberately absent: the API, which
//! no page but the console calls.

use std::time::Duration;

use axum::http::{Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::config::player_origin::Origin;

/// How long a browser remembers what it may do.
const REMEMBERED: Duration = Duration::from_secs(3_600);

/// What lets pages of these origins ask, and read the answers. Never with cookies.
pub(crate) fn layer(origins: &[Origin]) -> CorsLayer {
    let allowed = match origins.iter().any(Origin::is_any) {
        true => AllowOrigin::any(),
        false => AllowOrigin::list(origins.iter().map(Origin::header)),
    };
    // WHEP ends and trickles by DELETE and PATCH, and tells the session's address in Location.
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([header::CONTENT_TYPE, header::RANGE, header::IF_MATCH, header::IF_RANGE])
        .expose_headers([header::LOCATION, header::ETAG, header::CONTENT_RANGE, header::RETRY_AFTER])
        .max_age(REMEMBERED)
}
