//! WHEP (draft-ietf-wish-whep) under a lease: `POST /s/TOKEN/whep` with an offer gives an answer and a resource, `DELETE` of the
//! resource ends the viewing, `PATCH` brings candidates. What flows is the relay's. Counter-offers are not made, and ICE is not
//! restarted: a page that lost its network posts a new offer, which takes over.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, post};
use relay::egress::whep::{Answer, Asker, NotAnswered, OFFER_BYTES_MAX};
use relay::lease::Protocol;

use super::lease_refusal::refusal;
use crate::deps::Deps;
use crate::error::{ApiError, Code};
use crate::request::{Terminal, body_bytes};

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
/// Longest fragment with candidates; Chromium's is below 1 KiB.
const FRAGMENT_BYTES_MAX: usize = 8 << 10;
/// Says what of the camera's stream stays behind.
const NOTICE: HeaderName = HeaderName::from_static("sluice-notice");

/// The calls of this file. Outside `/api/v1`, and outside the description: players are given whole URLs.
pub(super) fn whep() -> Router<Arc<Deps>> {
    let endpoint = post(offer).options(|| async { options("POST, OPTIONS", SDP) });
    let resource = delete(leave).patch(trickle).options(|| async { options("DELETE, PATCH, OPTIONS", FRAGMENT) });
    Router::new().route("/s/{token}/whep", endpoint).route("/s/{token}/whep/{id}", resource)
}

fn options(allow: &'static str, takes: &'static str) -> Response {
    let name = HeaderName::from_static(if takes == SDP { "accept-post" } else { "accept-patch" });
    let headers = [(header::ALLOW, HeaderValue::from_static(allow)), (name, HeaderValue::from_static(takes))];
    (StatusCode::NO_CONTENT, headers).into_response()
}

async fn offer(
    State(deps): State<Arc<Deps>>,
    Terminal(terminal): Terminal,
    Path(token): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    wants(request.headers(), SDP)?;
    // Read first: an older connection of the session is ended by an offer, not by the mere attempt to make one.
    let body = body_bytes(request, OFFER_BYTES_MAX).await?;
    let admitted = deps.leases.admit(&token, terminal, Protocol::Whep).map_err(refusal)?;
    let sdp = std::str::from_utf8(&body).map_err(|_| malformed("it is not UTF-8"))?;
    let answer = deps.whep.watch(admitted, Asker { token: &token, host: terminal }, sdp).await.map_err(not_answered)?;
    created(&token, answer)
}

fn created(token: &str, answer: Answer) -> Result<Response, ApiError> {
    let mut headers = HeaderMap::new();
    let value = |text: String| HeaderValue::try_from(text).map_err(|_| ApiError::new(Code::Internal));
    headers.insert(header::LOCATION, value(format!("/s/{token}/whep/{}", answer.id))?);
    headers.insert(header::ETAG, value(etag(&answer.id))?);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(SDP));
    headers.insert(HeaderName::from_static("accept-patch"), HeaderValue::from_static(FRAGMENT));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    if let Some(codec) = answer.silent {
        headers.insert(NOTICE, value(format!("no-audio; codec=\"{codec}\""))?);
    }
    Ok((StatusCode::CREATED, headers, answer.sdp).into_response())
}

async fn leave(
    State(deps): State<Arc<Deps>>,
    Terminal(terminal): Terminal,
    Path((token, id)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let gone = deps.whep.leave(&id, Asker { token: &token, host: terminal });
    if gone { Ok(StatusCode::OK) } else { Err(Code::NotFound.into()) }
}

/// Candidates are heard and not needed: we are ICE-lite, and answer whatever check comes from the viewer's host.
async fn trickle(
    State(deps): State<Arc<Deps>>,
    Terminal(terminal): Terminal,
    Path((token, id)): Path<(String, String)>,
    request: Request,
) -> Result<Response, ApiError> {
    let ufrag = known(&deps, &token, &id, terminal)?;
    wants(request.headers(), FRAGMENT)?;
    let condition = request.headers().get(header::IF_MATCH).cloned();
    let body = body_bytes(request, FRAGMENT_BYTES_MAX).await?;
    let fragment = std::str::from_utf8(&body).map_err(|_| malformed("it is not UTF-8"))?;
    let named = fragment.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:"));
    if named.is_some_and(|named| named.trim() != ufrag) {
        return Err(ApiError::new(Code::InvalidField).at("ice-ufrag").remedied(
            "不支持 ICE 重启;请重新 POST 一个 offer,新连接会接替旧连接。",
            "ICE is not restarted here; post a new offer, which takes over from this connection.",
        ));
    }
    if condition.is_some_and(|tag| tag.as_bytes() != etag(&id).as_bytes()) {
        return Ok((StatusCode::PRECONDITION_FAILED, ApiError::new(Code::Conflict)).into_response());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn known(deps: &Deps, token: &str, id: &str, host: IpAddr) -> Result<String, ApiError> {
    deps.whep.ufrag(id, Asker { token, host }).ok_or_else(|| Code::NotFound.into())
}

/// An ICE session has one name for as long as it is: nothing in it changes but by a new offer.
fn etag(id: &str) -> String {
    format!("\"{id}\"")
}

fn wants(headers: &HeaderMap, media_type: &'static str) -> Result<(), ApiError> {
    let sent = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let bare = sent.split(';').next().unwrap_or_default().trim();
    if bare.eq_ignore_ascii_case(media_type) {
        return Ok(());
    }
    Err(ApiError::new(Code::UnsupportedMediaType)
        .remedied(format!("请使用 {media_type}。"), format!("Send {media_type}.")))
}

fn malformed(what: &str) -> ApiError {
    ApiError::new(Code::BadRequest)
        .remedied(format!("该 SDP 无法理解:{what}。"), format!("The SDP is not understood: {what}."))
}

fn not_answered(why: NotAnswered) -> ApiError {
    match why {
        NotAnswered::NotLive => {
            ApiError::new(Code::NotFound).remedied("录像请通过 HLS 回放。", "Recordings are played by HLS.")
        }
        NotAnswered::CameraAway => Code::CameraOffline.into(),
        NotAnswered::Malformed(what) => malformed(&what),
        NotAnswered::NothingFits { camera, offered } => ApiError::new(Code::CodecNotPlayable).remedied(
            format!("摄像机编码为 {camera};浏览器提供的是 {offered}。请改用 MSE 或 HLS,或换用支持该编码的浏览器。"),
            format!("The camera sends {camera}; the offer has {offered}. Use MSE or HLS, or a browser that plays it."),
        ),
        NotAnswered::Full => ApiError::new(Code::BandwidthLimit).remedied(
            "WebRTC 观看数已达上限(whep.viewers_max);请改用 MSE 或 HLS。",
            "As many WebRTC viewers as may be are here (whep.viewers_max); use MSE or HLS.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_media_type_is_compared_without_its_parameters() {
        let mut headers = HeaderMap::new();
        assert_eq!(wants(&headers, SDP).unwrap_err().code(), Code::UnsupportedMediaType);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("Application/SDP; charset=utf-8"));
        assert!(wants(&headers, SDP).is_ok());
        assert!(wants(&headers, FRAGMENT).is_err());
    }
}
