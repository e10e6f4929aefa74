//! Requests of the appliance's own to others: the witness, who subscribed to events, the identity provider. Bounded in time and in
//! what is read of the answer. Deliberately absent: redirects, proxies and cookies; where a request goes is what the configuration says.

use std::time::Duration;

use axum::http::{HeaderMap, Method, Request, Response, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use url::Url;

/// What is read of an answer at most: cosignatures are a few hundred bytes, a receiver's words are not kept.
const ANSWER_BYTES_MAX: usize = 16 << 10;
/// A connection that is not used is kept for the next request this long.
const IDLE: Duration = Duration::from_secs(30);

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub body: Bytes,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// No certificates to check others by.
    #[error(
        "https is not possible: the system has no root certificates; install them, or name a file in SSL_CERT_FILE"
    )]
    NoRoots,
    /// The address is none that can be asked.
    #[error("not an http or https address")]
    Address,
    /// Nobody there, or the connection broke.
    #[error("no answer: {0}")]
    Failed(String),
    /// It took too long.
    #[error("no answer within {0:?}")]
    Late(Duration),
    /// The answer is longer than any that is meant.
    #[error("the answer is longer than {0} bytes")]
    Long(usize),
}

/// The client; clones share its connections.
#[derive(Clone)]
pub struct Outbound {
    plain: Client<HttpConnector, Full<Bytes>>,
    tls: Option<Client<HttpsConnector<HttpConnector>, Full<Bytes>>>,
}

impl Default for Outbound {
    fn default() -> Self {
        Self::new()
    }
}

impl Outbound {
    /// A client that trusts the system's root certificates. Blocks on reading them.
    pub fn new() -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_max_idle_per_host(1).pool_idle_timeout(IDLE).pool_timer(hyper_util::rt::TokioTimer::new());
        let tls = HttpsConnectorBuilder::new().with_native_roots().ok();
        let tls = tls.map(|roots| builder.build(roots.https_only().enable_http1().build()));
        Self { plain: builder.build(HttpConnector::new()), tls }
    }

    /// Sends `body` and gives the answer, whatever its status.
    pub async fn post(
        &self,
        url: &Url,
        headers: HeaderMap,
        body: Bytes,
        timeout: Duration,
    ) -> Result<Answer, OutboundError> {
        let mut request = Request::builder().method(Method::POST).uri(url.as_str());
        if let Some(own) = request.headers_mut() {
            *own = headers;
        }
        let request = request.body(Full::new(body)).map_err(|_| OutboundError::Address)?;
        let answer = self.send(request, ANSWER_BYTES_MAX, timeout).await?;
        Ok(Answer { status: answer.status(), body: answer.into_body() })
    }

    /// Sends any request and gives the answer, of which no more than `bytes_max` is read.
    pub async fn send(
        &self,
        request: Request<Full<Bytes>>,
        bytes_max: usize,
        timeout: Duration,
    ) -> Result<Response<Bytes>, OutboundError> {
        let asked = async {
            let sent = match (request.uri().scheme_str(), &self.tls) {
                (Some("http"), _) => self.plain.request(request),
                (Some("https"), Some(tls)) => tls.request(request),
                (Some("https"), None) => return Err(OutboundError::NoRoots),
                _ => return Err(OutboundError::Address),
            };
            let (parts, body) = sent.await.map_err(|error| OutboundError::Failed(causes(&error)))?.into_parts();
            let body = Limited::new(body, bytes_max).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    OutboundError::Long(bytes_max)
                } else {
                    OutboundError::Failed(error.to_string())
                }
            })?;
            Ok(Response::from_parts(parts, body.to_bytes()))
        };
        tokio::time::timeout(timeout, asked).await.unwrap_or(Err(OutboundError::Late(timeout)))
    }

    /// True where https is possible: the system has root certificates.
    pub const fn speaks_tls(&self) -> bool {
        self.tls.is_some()
    }
}

/// The error with what it came from: the outermost says only that something failed.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
