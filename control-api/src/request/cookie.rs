//! The login cookie of the console: the same token as a bearer's, kept where no script reads it, sent to this host alone and only
//! by its own pages. Since a browser sends it unasked, a request that changes something has to show besides that a page of ours
//! made it. Deliberately absent: what the token means.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, header};

use super::bearer;
use crate::error::{ApiError, Code};

/// What a page of ours says with each request that changes something. A form cannot say it, and another site's script only after
/// asking, which is answered with no.
pub const CONSOLE: HeaderName = HeaderName::from_static("x-sluice-console");
/// Where a browser says that the request's page comes from (Fetch Metadata).
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What a cookie holds. Over TLS its name begins with `__Host-`, so that browsers take it from this host alone, and never
/// without TLS (RFC 6265bis 4.1.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jar {
    /// The token of a sign-in.
    Login,
    /// The name of a visit to the identity provider: only the browser that went there comes back with a sign-in in a cookie.
    Visit,
}

impl Jar {
    /// The provider sends the browser back from its own site, which `Strict` would forbid; the visit is over in ten minutes.
    const fn reach(self) -> &'static str {
        match self {
            Self::Login => "SameSite=Strict",
            Self::Visit => "SameSite=Lax; Max-Age=600",
        }
    }
}

/// How a request came. Put into every request by the shell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// In the clear.
    #[default]
    Plain,
    /// Over TLS that ends here.
    Tls,
}

impl Transport {
    /// Of a request's extensions; one that nobody marked came in the clear.
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().copied().unwrap_or_default()
    }

    const fn name(self, jar: Jar) -> &'static str {
        match (self, jar) {
            (Self::Plain, Jar::Login) => "sluice-login",
            (Self::Tls, Jar::Login) => "__Host-sluice-login",
            (Self::Plain, Jar::Visit) => "sluice-visit",
            (Self::Tls, Jar::Visit) => "__Host-sluice-visit",
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Transport {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self::of(&parts.extensions))
    }
}

/// The token that a request shows: of `Authorization` where that is there, else of the cookie; `AUTH_REQUIRED` without either,
/// `CROSS_SITE` where the cookie is to change something and no page of ours says so.
pub fn token<'a>(method: &Method, headers: &'a HeaderMap, transport: Transport) -> Result<&'a str, ApiError> {
    if headers.contains_key(header::AUTHORIZATION) {
        return bearer(headers);
    }
    let token = read(headers, Jar::Login, transport).ok_or(Code::AuthRequired)?;
    if !method.is_safe() {
        own_page(headers)?;
        if headers.get(CONSOLE).is_none_or(|value| value != "1") {
            return Err(Code::CrossSite.into());
        }
    }
    Ok(token)
}

/// `CROSS_SITE` where the browser says that another site's page made the request.
pub fn own_page(headers: &HeaderMap) -> Result<(), ApiError> {
    match headers.get(FETCH_SITE) {
        Some(site) if site != "same-origin" && site != "none" => Err(Code::CrossSite.into()),
        _ => Ok(()),
    }
}

/// What the cookie holds, whatever it is worth.
pub fn read(headers: &HeaderMap, jar: Jar, transport: Transport) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, held) = pairs.find(|(name, _)| *name == transport.name(jar))?;
    (1..=super::TOKEN_CHARS_MAX).contains(&held.len()).then_some(held)
}

/// The `Set-Cookie` that gives it; a browser forgets a login when it is closed. `INTERNAL` for what no cookie can hold.
pub fn give(held: &str, jar: Jar, transport: Transport) -> Result<HeaderValue, ApiError> {
    set(held, transport, transport.name(jar), jar.reach())
}

/// The `Set-Cookie` that takes it away.
pub fn take_away(jar: Jar, transport: Transport) -> Result<HeaderValue, ApiError> {
    set("", transport, transport.name(jar), "SameSite=Strict; Max-Age=0")
}

fn set(held: &str, transport: Transport, name: &str, reach: &str) -> Result<HeaderValue, ApiError> {
    let secure = if transport == Transport::Tls { "; Secure" } else { "" };
    HeaderValue::try_from(format!("{name}={held}; HttpOnly{secure}; {reach}; Path=/"))
        .map_err(|_| Code::Internal.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn only_the_cookie_of_the_transport_is_read() {
        let both = headers(&[("cookie", "a=b; sluice-login=plain"), ("cookie", "__Host-sluice-login=tls;c=d")]);
        assert_eq!(token(&Method::GET, &both, Transport::Plain).unwrap(), "plain");
        assert_eq!(token(&Method::GET, &both, Transport::Tls).unwrap(), "tls");
        let long = "x".repeat(129);
        for none in
            ["", "sluice-login", "sluice-login=", "Sluice-Login=t", "xsluice-login=t", &format!("sluice-login={long}")]
        {
            let refused = token(&Method::GET, &headers(&[("cookie", none)]), Transport::Plain).unwrap_err();
            assert_eq!(refused.code(), Code::AuthRequired, "{none:?}");
        }
    }

    #[test]
    fn what_is_set_is_read_back() {
        for transport in [Transport::Plain, Transport::Tls] {
            let set = give("t0ken", Jar::Login, transport).unwrap();
            let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
            let sent = headers(&[("cookie", &pair), ("x-sluice-console", "1")]);
            assert_eq!(token(&Method::POST, &sent, transport).unwrap(), "t0ken");
        }
        assert!(give("a\nb", Jar::Login, Transport::Tls).is_err());
    }
}
