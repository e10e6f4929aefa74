//! Speaks HTTP to the identity provider, for the protocol library: bounded in time and bytes, no redirect followed, and TLS but
//! on loopback. Deliberately absent: what is said.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use url::Url;

use crate::config::oidc::{is_loopback, may_be_asked};

/// Longest wait for one answer: a person waits for it.
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest answer; sets of keys have some kilobytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Why there was no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    /// Neither TLS nor loopback.
    #[error("{0} is neither https nor on loopback")]
    Plain(String),
    /// No connection, or it broke.
    #[error("no connection: {0}")]
    Broken(#[from] hyper_util::client::legacy::Error),
    /// The answer could not be read, or was too large.
    #[error("no whole answer: {0}")]
    Body(String),
    /// Too slow.
    #[error("no answer within {PATIENCE:?}")]
    Slow,
}

/// A client for one provider.
pub(super) enum Http {
    /// With the system's roots.
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
    /// For a provider on loopback.
    Loopback(Client<HttpConnector, Full<Bytes>>),
}

impl Http {
    /// For the provider at `issuer`. Reads the system's certificates where it needs them.
    pub(super) fn new(issuer: &Url) -> Result<Self, std::io::Error> {
        let builder = || {
            let mut builder = Client::builder(TokioExecutor::new());
            builder.pool_max_idle_per_host(0);
            builder
        };
        if is_loopback(issuer) && issuer.scheme() == "http" {
            return Ok(Self::Loopback(builder().build_http()));
        }
        let connector = HttpsConnectorBuilder::new().with_native_roots()?.https_only().enable_http1().build();
        Ok(Self::Tls(builder().build(connector)))
    }

    async fn call_unbounded(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let place = request.uri().to_string();
        let is_safe = Url::parse(&place).is_ok_and(|url| may_be_asked(&url));
        if !is_safe {
            return Err(HttpError::Plain(place));
        }
        let request = request.map(|body| Full::new(Bytes::from(body)));
        let answer = match self {
            Self::Tls(client) => client.request(request).await?,
            Self::Loopback(client) => client.request(request).await?,
        };
        let (parts, body) = answer.into_parts();
        Ok(HttpResponse::from_parts(parts, whole(body).await?))
    }
}

/// One request and its whole answer. Boxed, so that who awaits it can be sent between threads.
impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpError;
    type Future = BoxFuture<'c, Result<HttpResponse, HttpError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            tokio::time::timeout(PATIENCE, self.call_unbounded(request)).await.map_err(|_| HttpError::Slow)?
        })
    }
}

async fn whole(body: Incoming) -> Result<Vec<u8>, HttpError> {
    let collected = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
    Ok(collected.map_err(|error| HttpError::Body(error.to_string()))?.to_bytes().to_vec())
}
