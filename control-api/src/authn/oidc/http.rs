//! Speaks HTTP to the identity provider, for the protocol library: to https and loopback addresses alone. Deliberately absent: what
//! is said, and how it is sent (`outbound`).

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::Full;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use url::Url;

use crate::config::oidc::may_be_asked;
use crate::outbound::{Outbound, OutboundError};

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
    /// None came, or none that could be read.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
}

/// The client for one provider.
pub(super) struct Http(pub(super) Outbound);

/// One request and its whole answer. Boxed, so that who awaits it can be sent between threads.
impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpError;
    type Future = BoxFuture<'c, Result<HttpResponse, HttpError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let place = request.uri().to_string();
            if !Url::parse(&place).is_ok_and(|url| may_be_asked(&url)) {
                return Err(HttpError::Plain(place));
            }
            let request = request.map(|body| Full::new(Bytes::from(body)));
            let answer = self.0.send(request, ANSWER_BYTES_MAX, PATIENCE).await?;
            Ok(answer.map(|body| body.to_vec()))
        })
    }
}
