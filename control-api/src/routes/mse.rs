//! `GET /s/TOKEN/mse`: the upgrade to a WebSocket (RFC 6455 section 4.2) under a lease. What flows on it is the relay's; a refusal is
//! an ordinary answer, before the upgrade.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use relay::egress::mse::{self, Arrival};
use relay::lease::{EndReason, Protocol};
use relay::tls::Secure;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::lease_refusal::refusal;
use crate::deps::Deps;
use crate::error::{ApiError, Code};
use crate::request::Terminal;

/// The one version there is.
const VERSION: &str = "13";
/// Bytes of a key before base64.
const KEY_BYTES: usize = 16;

/// The call of this file. Outside `/api/v1`, and outside the description: players are given whole URLs.
pub fn mse() -> Router<Arc<Deps>> {
    Router::new().route("/s/{token}/mse", get(upgrade))
}

async fn upgrade(
    State(deps): State<Arc<Deps>>,
    Terminal(terminal): Terminal,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(token): Path<String>,
    mut request: Request,
) -> Result<Response, ApiError> {
    // The lease comes first: what lies under a token is nobody's to find out without it.
    let admitted = deps.leases.admit(&token, terminal, Protocol::Mse).map_err(refusal)?;
    let accept = accept_key(request.headers()).ok_or_else(not_a_handshake)?;
    let stream = deps.stage.live(&admitted).ok_or(Code::CameraOffline)?;
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Some(Taken { socket, secure, read_ahead }) = taken(upgraded).await else {
            return admitted.leave(EndReason::Network);
        };
        let arrival = Arrival { socket, secure, peer, read_ahead, admitted, stream };
        if let Err(error) = mse::hand_over(&deps.stage, arrival) {
            tracing::warn!(%peer, %error, "a viewer was turned away");
        }
    });
    let answer = Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::UPGRADE, "websocket")
        .header(header::CONNECTION, "Upgrade")
        .header(header::SEC_WEBSOCKET_ACCEPT, accept)
        .body(Body::empty());
    answer.map_err(|_| Code::Internal.into())
}

/// The connection behind the answer.
struct Taken {
    socket: std::net::TcpStream,
    secure: Option<Secure>,
    /// What was read of it ahead.
    read_ahead: bytes::Bytes,
}

async fn taken(upgraded: OnUpgrade) -> Option<Taken> {
    let upgraded: Upgraded = upgraded.await.ok()?;
    let (socket, secure, read_ahead) = match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) => (parts.io.into_inner(), None, parts.read_buf),
        Err(upgraded) => {
            let parts = upgraded.downcast::<TokioIo<TlsStream<TcpStream>>>().ok()?;
            let (socket, connection) = parts.io.into_inner().into_inner();
            (socket, Some(Secure::new(connection).ok()?), parts.read_buf)
        }
    };
    Some(Taken { socket: socket.into_std().ok()?, secure, read_ahead })
}

/// What answers the key of a whole handshake; none where a part of it is missing.
fn accept_key(headers: &HeaderMap) -> Option<HeaderValue> {
    let names = |name, word: &str| {
        let said = headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        said.is_some_and(|said| said.split(',').any(|one| one.trim().eq_ignore_ascii_case(word)))
    };
    let whole = names(header::UPGRADE, "websocket")
        && names(header::CONNECTION, "upgrade")
        && names(header::SEC_WEBSOCKET_VERSION, VERSION);
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| whole)?;
    STANDARD.decode(key.as_bytes()).ok().filter(|bytes| bytes.len() == KEY_BYTES)?;
    HeaderValue::try_from(tungstenite::handshake::derive_accept_key(key.as_bytes())).ok()
}

fn not_a_handshake() -> ApiError {
    ApiError::new(Code::BadRequest).remedied(
        "该地址只接受 WebSocket 连接(RFC 6455,版本 13)。",
        "This address takes WebSocket connections alone (RFC 6455, version 13).",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &'static str)| {
            (header::HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        lines.iter().map(line).collect()
    }

    #[test]
    fn a_whole_handshake_is_answered_and_a_part_of_one_is_not() {
        // The example of RFC 6455 section 1.3.
        let whole = [
            ("upgrade", "websocket"),
            ("connection", "keep-alive, Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        assert_eq!(accept_key(&headers(&whole)).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        for missing in 0..whole.len() {
            let part: Vec<_> = whole.iter().enumerate().filter(|(n, _)| *n != missing).map(|(_, line)| *line).collect();
            assert_eq!(accept_key(&headers(&part)), None, "{missing}");
        }
    }
}
