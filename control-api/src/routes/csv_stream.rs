//! A CSV of any length, made as it is fetched: each part is read when the one before has left.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

/// A part of the file, and where the next one begins; none at the end.
pub(super) type Part<S> = (Vec<u8>, Option<S>);

/// `head`, then what `read` gives from `first` on.
pub(super) fn response<S, E>(
    head: Vec<u8>,
    first: S,
    read: impl Fn(S) -> Result<Part<S>, E> + Clone + Send + 'static,
) -> Response
where
    S: Send + 'static,
    E: std::fmt::Debug + Send + 'static,
{
    rest(head, Some(first), read)
}

/// `head`, then what `read` gives from `first` on, if there is more. `read` may block. Where it fails the connection breaks off, so
/// that the file is seen to be broken.
pub(super) fn rest<S, E>(
    head: Vec<u8>,
    first: Option<S>,
    read: impl Fn(S) -> Result<Part<S>, E> + Clone + Send + 'static,
) -> Response
where
    S: Send + 'static,
    E: std::fmt::Debug + Send + 'static,
{
    let parts = stream::unfold(Some((Some(head), first)), move |at| {
        let read = read.clone();
        async move {
            let (head, at) = at?;
            if let Some(head) = head {
                return Some((Ok(Bytes::from(head)), Some((None, at))));
            }
            let at = at?;
            match tokio::task::spawn_blocking(move || read(at)).await {
                Ok(Ok((part, next))) => Some((Ok(Bytes::from(part)), Some((None, next)))),
                Ok(Err(error)) => {
                    tracing::error!(?error, "a table could not be read to its end");
                    Some((Err(std::io::Error::other("the table could not be read")), None))
                }
                Err(error) => Some((Err(std::io::Error::other(error)), None)),
            }
        }
    });
    let kind = HeaderValue::from_static("text/csv; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], Body::from_stream(parts)).into_response()
}
