//! What a request carries, whatever it asks for: its id, the terminal it came from, the token it shows, a place for
//! who is behind it, and its body within a bound. The HTTP layers and the calls both read it here. Deliberately absent: what
//! the token or the body mean.

pub mod cookie;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use bytes::Bytes;

use crate::authn::Principal;
use crate::error::{ApiError, Code};

/// Names a request in the answer, the log and the ledger. Put into every request by the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(pub String);

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(|| Self(String::new())))
    }
}

/// The peer's address, IPv4 in its own form. No header is trusted for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal(pub IpAddr);

impl Terminal {
    /// Of a request's extensions; a request without a peer (none comes from a socket) is nobody's terminal.
    pub fn of(extensions: &axum::http::Extensions) -> Self {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>();
        Self(peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip().to_canonical()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Terminal {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self::of(&parts.extensions))
    }
}

/// The token of `Authorization: Bearer`, or `AUTH_REQUIRED`.
pub fn bearer(headers: &HeaderMap) -> Result<&str, ApiError> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token =
        value.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    match token.map(|(_, token)| token.trim()) {
        Some(token) if (1..=TOKEN_CHARS_MAX).contains(&token.len()) => Ok(token),
        _ => Err(Code::AuthRequired.into()),
    }
}

/// Longest token looked at; ours have 43 characters.
const TOKEN_CHARS_MAX: usize = 128;

/// Where the shell learns who was behind a request that was refused.
#[derive(Clone, Default)]
pub struct Behind(pub Arc<parking_lot::Mutex<Option<Principal>>>);

/// The whole body, or `TOO_LARGE` as soon as it is past `bytes_max`.
pub async fn body_bytes(request: Request, bytes_max: usize) -> Result<Bytes, ApiError> {
    use http_body_util::{BodyExt, LengthLimitError, Limited};
    match Limited::new(request.into_body(), bytes_max).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Code::TooLarge.into()),
        Err(_) => Err(Code::BadRequest.into()),
    }
}
