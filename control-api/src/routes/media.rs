//! Media over HTTP under a lease: `/s/TOKEN/...`. There is no login here; the token is the right, and each request is checked
//! against the relay's table. A refusal is on the ledger by the relay's own event.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use media::mark::Pen;
use recorder::PlaybackError;
use relay::lease::{Protocol, Refused};

use crate::deps::Deps;
use crate::error::{ApiError, Code};
use crate::playback::{self, PLAYLIST, PLAYLIST_TYPE};
use crate::request::Terminal;

/// The calls of this file. Outside `/api/v1`, and outside the description: players are given whole URLs.
pub fn media() -> Router<Arc<Deps>> {
    Router::new().route("/s/{token}/{file}", get(piece))
}

async fn piece(
    State(deps): State<Arc<Deps>>,
    Terminal(terminal): Terminal,
    method: Method,
    Path((token, file)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    // The lease comes first: what lies under a token is nobody's to find out without it.
    let admitted = deps.leases.admit(&token, terminal, Protocol::Hls).map_err(refusal)?;
    let range = playback::range(&admitted).ok_or(Code::NotFound)?;
    if file == PLAYLIST {
        // No media yet: it does not start the session, and counts for nothing.
        let list = deps.playback.playlist(range).await.map_err(unplayable)?;
        return Ok(([(header::CONTENT_TYPE, HeaderValue::from_static(PLAYLIST_TYPE))], list).into_response());
    }
    let pen = Pen { key: deps.marks.clone(), session: admitted.mark() };
    let piece = deps.playback.open(range, &file, pen).await.map_err(unplayable)?;
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(piece.media_type()));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(piece.bytes()));
    if method == Method::HEAD {
        return Ok(headers.into_response());
    }
    Ok((headers, playback::body(admitted, piece)).into_response())
}

fn unplayable(error: PlaybackError) -> ApiError {
    match error {
        PlaybackError::NoSuchPiece => Code::NotFound.into(),
        PlaybackError::Unmarkable { .. } => Code::WatermarkUnsupported.into(),
        error => {
            tracing::error!(%error, "a recording could not be played");
            Code::Internal.into()
        }
    }
}

fn refusal(why: Refused) -> ApiError {
    let error = match why {
        Refused::Unknown | Refused::WrongProtocol => Code::SessionUnknown.into(),
        Refused::WrongTerminal => ApiError::new(Code::TerminalMismatch).remedied(
            "该会话绑定在申请它的终端,请在本终端重新申请。",
            "The session is bound to the terminal that opened it; open one from this terminal.",
        ),
        Refused::Expired => Code::SessionExpired.into(),
        Refused::Ended(_) => Code::SessionEnded.into(),
    };
    error.recorded()
}
