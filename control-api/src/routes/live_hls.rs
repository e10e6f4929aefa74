//! Live HLS under a lease: what `media` finds is for a live session comes here. Playlists and parts are waited for, never longer than
//! the lease lasts.

use std::time::Duration;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use futures_util::future::BoxFuture;
use media::hls::live::{Name, TARGET_SECONDS};
use media::mark::Pen;
use recorder::PlaybackError;
use relay::admission::Admitted;
use relay::egress::hls::{Copied, Gone};
use relay::lease::Refused;

use super::lease_refusal::refusal;
use crate::deps::Deps;
use crate::error::{ApiError, Code};
use crate::playback::{PLAYLIST, PLAYLIST_TYPE, Piece};

/// A request that is waited for this long is answered that it was too long (draft section 6.2.5.2: three target durations).
const WAIT_MAX: Duration = Duration::from_secs(3 * TARGET_SECONDS as u64);

/// Requests of one session at a time: a player has two or three, and one that comes back after a sleep a few more.
const REQUESTS_MAX: usize = 16;

/// What the query of a playlist asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Directives {
    segment: Option<u64>,
    part: Option<usize>,
    skip: bool,
}

impl Directives {
    /// Reads `_HLS_msn`, `_HLS_part` and `_HLS_skip`; other parameters are for nobody here. None where they make no sense.
    fn parse(query: Option<&str>) -> Option<Self> {
        let mut read = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*name {
                "_HLS_msn" => read.segment = Some(value.parse().ok()?),
                "_HLS_part" => read.part = Some(value.parse().ok()?),
                "_HLS_skip" => read.skip = matches!(&*value, "YES" | "v2"),
                _ => {}
            }
        }
        // A part is one of a segment (draft section 6.2.5.2).
        (read.part.is_none() || read.segment.is_some()).then_some(read)
    }
}

/// The answer to a request for a file of a live session: a playlist, or a copy to be handed on.
pub(super) enum Live {
    Playlist(Response),
    Copy(Box<dyn Piece>, String),
}

pub(super) async fn named(deps: &Deps, admitted: &Admitted, file: &str, query: Option<&str>) -> Result<Live, ApiError> {
    let stream = deps.stage.live(admitted).ok_or(Code::CameraOffline)?;
    let under_way = deps.leases.snapshot(admitted.session()).map_or(0, |session| session.connections);
    if under_way > REQUESTS_MAX {
        return Err(Code::RateLimited.into());
    }
    let shelf = deps.hls.shelf(&stream).map_err(|error| {
        tracing::warn!(%error, "a stream cannot be packaged");
        ApiError::new(Code::BandwidthLimit).remedied(
            "以 HLS 观看的摄像机过多;请改用 MSE、WHEP 或 RTSP,或稍后再试。",
            "Too many cameras are watched by HLS; use MSE, WHEP or RTSP, or try again later.",
        )
    })?;
    if file == PLAYLIST {
        let wanted = Directives::parse(query).ok_or_else(nonsense)?;
        let place = wanted.segment.map(|segment| (segment, wanted.part));
        let text = waited(admitted, shelf.playlist(place, wanted.skip)).await?;
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static(PLAYLIST_TYPE)),
            (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
        ];
        return Ok(Live::Playlist((headers, text).into_response()));
    }
    let name = Name::parse(file).ok_or(Code::NotFound)?;
    let mark = admitted.mark();
    let pen = Pen { key: deps.marks.clone(), session: mark };
    let copied = waited(admitted, shelf.copy(name, &pen)).await?;
    Ok(Live::Copy(Box::new(copied), format!("\"{mark}-{file}\"")))
}

/// Waits, but not past the lease's end.
async fn waited<T>(admitted: &Admitted, what: impl Future<Output = Result<T, Gone>>) -> Result<T, ApiError> {
    tokio::select! {
        biased;
        reason = admitted.ended() => Err(refusal(Refused::Ended(reason))),
        done = tokio::time::timeout(WAIT_MAX, what) => match done {
            Ok(done) => done.map_err(gone),
            Err(_) => Err(Code::CameraOffline.into()),
        },
    }
}

fn gone(why: Gone) -> ApiError {
    match why {
        Gone::Missing => Code::NotFound.into(),
        Gone::Over => Code::CameraOffline.into(),
        Gone::Ahead => nonsense(),
        Gone::Unplayable(what) => ApiError::new(Code::WatermarkUnsupported).remedied(
            format!("该码流无法以 HLS 播放({what});请改用 RTSP。"),
            format!("This stream cannot be played by HLS ({what}); use RTSP."),
        ),
    }
}

fn nonsense() -> ApiError {
    ApiError::new(Code::BadRequest).remedied(
        "播放列表请求参数无效(_HLS_msn、_HLS_part)。",
        "The playlist's delivery directives make no sense (_HLS_msn, _HLS_part).",
    )
}

impl Piece for Copied {
    fn bytes(&self) -> u64 {
        Self::bytes(self)
    }

    fn media_type(&self) -> &'static str {
        "video/mp4"
    }

    fn next(&mut self) -> BoxFuture<'_, Option<Result<bytes::Bytes, PlaybackError>>> {
        let piece = self.take_piece().map(Ok);
        Box::pin(std::future::ready(piece))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_read_and_nonsense_is_refused() {
        let read = |query| Directives::parse(Some(query));
        assert_eq!(Directives::parse(None), Some(Directives::default()));
        assert_eq!(read("_HLS_msn=7&_HLS_part=2"), Some(Directives { segment: Some(7), part: Some(2), skip: false }));
        assert_eq!(read("_HLS_skip=YES&other=1"), Some(Directives { skip: true, ..Directives::default() }));
        for query in ["_HLS_part=2", "_HLS_msn=-1", "_HLS_msn=x", "_HLS_msn=99999999999999999999"] {
            assert_eq!(read(query), None, "{query}");
        }
    }
}
