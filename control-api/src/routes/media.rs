//! Media over HTTP under a lease: `/s/TOKEN/...`. There is no login here; the token is the right, and each request is checked
//! against the relay's table. A refusal is on the ledger by the relay's own event.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use media::mark::Pen;
use recorder::PlaybackError;
use relay::admission::Admitted;
use relay::lease::{Content, Protocol};

use super::lease_refusal::refusal;
use super::live_hls::{self, Live};
use crate::deps::Deps;
use crate::error::{ApiError, Code};
use crate::http::byte_range::{self, Wanted};
use crate::playback::{self, DOWNLOAD, PLAYLIST, PLAYLIST_TYPE, Piece};
use crate::request::Terminal;
use crate::stamp::Stamp;

/// The calls of this file. Outside `/api/v1`, and outside the description: players are given whole URLs.
pub fn media() -> Router<Arc<Deps>> {
    Router::new().route("/s/{token}/{file}", get(piece))
}

/// What a request under a token names.
enum Named {
    Playlist(String),
    /// A file or a part of one, with the name that is its own while it does not change.
    File(Box<dyn Piece>, String),
}

async fn piece(
    State(deps): State<Arc<Deps>>,
    Terminal(terminal): Terminal,
    method: Method,
    asked: HeaderMap,
    Path((token, file)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let protocol = if file == DOWNLOAD { Protocol::Download } else { Protocol::Hls };
    // The lease comes first: what lies under a token is nobody's to find out without it.
    let admitted = deps.leases.admit(&token, terminal, protocol).map_err(refusal)?;
    let named = match admitted.content() {
        Content::Live(_) => match live_hls::named(&deps, &admitted, &file, query.as_deref()).await? {
            Live::Playlist(answer) => return Ok(answer),
            Live::Copy(piece, etag) => Named::File(piece, etag),
        },
        Content::Playback { .. } => named(&deps, &admitted, &file).await?,
    };
    let (piece, etag) = match named {
        // No media yet: it does not start the session, and counts for nothing.
        Named::Playlist(list) => {
            return Ok(([(header::CONTENT_TYPE, HeaderValue::from_static(PLAYLIST_TYPE))], list).into_response());
        }
        Named::File(piece, etag) => (piece, etag),
    };
    let bytes = piece.bytes();
    let mut headers = headers(&*piece, &etag)?;
    if protocol == Protocol::Download {
        headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"recording.mp4\""));
    }
    // A range counts for GET alone (RFC 9110 section 14.2).
    let wanted = if method == Method::GET { byte_range::wanted(&asked, &etag, bytes) } else { Wanted::Whole };
    let (status, from, end) = match wanted {
        Wanted::Whole => (StatusCode::OK, 0, bytes),
        Wanted::Part { from, end } => {
            headers.insert(header::CONTENT_RANGE, value(format!("bytes {from}-{}/{bytes}", end - 1))?);
            (StatusCode::PARTIAL_CONTENT, from, end)
        }
        Wanted::Nothing => {
            headers.insert(header::CONTENT_RANGE, value(format!("bytes */{bytes}"))?);
            headers.remove(header::CONTENT_TYPE);
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response());
        }
    };
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(end - from));
    if method == Method::HEAD {
        return Ok((status, headers).into_response());
    }
    Ok((status, headers, playback::body(admitted, piece, (from, end))).into_response())
}

async fn named(deps: &Deps, admitted: &Admitted, file: &str) -> Result<Named, ApiError> {
    let range = playback::range(admitted).ok_or(Code::NotFound)?;
    let mark = admitted.mark();
    let pen = Pen { key: deps.marks.clone(), session: mark };
    match file {
        PLAYLIST => Ok(Named::Playlist(deps.playback.playlist(range).await.map_err(unplayable)?)),
        DOWNLOAD => {
            let (piece, fingerprint) = deps.playback.download(range, pen).await.map_err(unplayable)?;
            Ok(Named::File(piece, format!("\"{mark}-{fingerprint:016x}\"")))
        }
        name => {
            let piece = deps.playback.open(range, name, pen).await.map_err(unplayable)?;
            Ok(Named::File(piece, format!("\"{mark}-{name}\"")))
        }
    }
}

/// What is said of a file whichever part of it is wanted. It is one person's copy: nobody on the way keeps it.
fn headers(piece: &dyn Piece, etag: &str) -> Result<HeaderMap, ApiError> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(piece.media_type()));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert(header::ETAG, value(etag.to_owned())?);
    Ok(headers)
}

fn value(text: String) -> Result<HeaderValue, ApiError> {
    HeaderValue::try_from(text).map_err(|_| Code::NotFound.into())
}

fn unplayable(error: PlaybackError) -> ApiError {
    match error {
        PlaybackError::NoSuchPiece => Code::NotFound.into(),
        PlaybackError::Unmarkable { .. } => Code::WatermarkUnsupported.into(),
        PlaybackError::Changes { at } => {
            let at = Stamp(at);
            ApiError::new(Code::Conflict).remedied(
                format!("摄像机参数在 {at} 发生变化,一个文件只能有一种参数;请以该时刻为界分两次下载。"),
                format!("What the camera sends changes at {at}, and a file has one header; fetch what is before and behind it apart."),
            )
        }
        PlaybackError::TooLong => ApiError::new(Code::TooLarge)
            .remedied("时间范围内的录像段过多,请缩短后分次下载。", "The range holds too many segments; divide it."),
        error => {
            tracing::error!(%error, "a recording could not be played");
            Code::Internal.into()
        }
    }
}
