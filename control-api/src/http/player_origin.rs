//! Pages of other origins that may play what a viewing URL leads to (CORS, Fetch Standard section 3.2). Deliberately absent: the API, which
//! no page but the console calls.

use std::time::Duration;

use axum::http::{HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// How long a browser remembers what it may do.
const REMEMBERED: Duration = Duration::from_secs(3_600);

/// Where a page comes from, or any page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(HeaderValue);

impl Origin {
    /// Reads `https://vms.example` or `*`; none for what is no origin, such as a URL with a path.
    pub fn parse(text: &str) -> Option<Self> {
        let is_origin = |text: &str| {
            let url = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
            url.is_some_and(|url| url.origin().ascii_serialization() == text)
        };
        (text == "*" || is_origin(text)).then(|| HeaderValue::from_str(text).ok()).flatten().map(Self)
    }

    fn is_any(&self) -> bool {
        self.0 == "*"
    }
}

/// What lets pages of these origins ask, and read the answers. Never with cookies.
pub fn layer(origins: &[Origin]) -> CorsLayer {
    let allowed = match origins.iter().any(Origin::is_any) {
        true => AllowOrigin::any(),
        false => AllowOrigin::list(origins.iter().map(|origin| origin.0.clone())),
    };
    // WHEP ends and trickles by DELETE and PATCH, and tells the session's address in Location.
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([header::CONTENT_TYPE, header::RANGE, header::IF_MATCH, header::IF_RANGE])
        .expose_headers([header::LOCATION, header::ETAG, header::CONTENT_RANGE, header::RETRY_AFTER])
        .max_age(REMEMBERED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_a_host_and_a_port() {
        for good in ["*", "https://vms.example", "http://10.1.2.3:8080", "https://[::1]:444"] {
            assert!(Origin::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "vms.example",
            "https://vms.example/",
            "https://vms.example/a",
            "https://VMS.example",
            "ftp://a",
            "null",
        ] {
            assert_eq!(Origin::parse(bad), None, "{bad}");
        }
    }
}
