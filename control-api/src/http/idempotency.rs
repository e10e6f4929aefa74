//! `Idempotency-Key`: a POST that is sent again gives the first one's result, for its user and for a day. A kept result may
//! hold tokens of URLs, so it is sealed under a key made from the caller's token, which is kept nowhere.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use http_body_util::{BodyExt, Limited};
use media::wall::Wall;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::deps::Deps;
use crate::error::{ApiError, Code};
use crate::request::cookie::{self, Transport};
use crate::request::{Terminal, body_bytes};
use crate::store::{Batch, CommitError, Revision};

/// The header.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer is the kept one.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// All kept results.
pub const KEPT: &str = "idempotency/";
/// Longest key; a UUID has 36.
pub(crate) const KEY_CHARS_MAX: usize = 128;
/// Largest answer that is kept. The largest, a page of an import's report, is below it.
const ANSWER_BYTES_MAX: usize = 512 * 1_024;
/// Bytes of a ChaCha20-Poly1305 nonce. Random is safe here: a key serves one sign-in's POSTs, far below 2^32.
const NONCE_BYTES: usize = 12;

/// What is kept of a POST.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Row {
    /// SHA-256 over path and body, so that a key does not answer for another request.
    fingerprint: String,
    /// When it was first seen.
    at: Wall,
    /// The sealed answer; none while the first is under way.
    sealed: Option<String>,
}

/// What is inside the seal.
#[derive(Serialize, Deserialize)]
struct Answer {
    status: u16,
    content_type: Option<String>,
    location: Option<String>,
    body: String,
}

/// One POST with a key, ready to be looked up.
struct Keyed {
    row_key: String,
    fingerprint: String,
    cipher: ChaCha20Poly1305,
}

/// True where a result is kept. No picture is, not even for a day and sealed: each one asked for is decided and recorded.
pub(crate) fn honours(path: &str) -> bool {
    path.rsplit('/').next() != Some("snapshots")
}

/// The layer; requests without the header pass.
pub async fn replay(State(deps): State<Arc<Deps>>, request: Request, next: Next) -> Response {
    let is_keyed = request.method() == Method::POST
        && request.headers().contains_key(IDEMPOTENCY_KEY)
        && honours(request.uri().path());
    // Without a sign-in there is nobody to keep a result for; the handler refuses or, for the sign-in itself, answers anew.
    let shown = cookie::token(request.method(), request.headers(), Transport::of(request.extensions()));
    let Some(token) = shown.ok().map(str::to_owned).filter(|_| is_keyed) else {
        return next.run(request).await;
    };
    match keyed(&deps, request, &token).await {
        Ok(Some((keyed, request))) => {
            once(deps, keyed, request, next).await.unwrap_or_else(IntoResponse::into_response)
        }
        Ok(None) => ApiError::new(Code::AuthRequired).into_response(),
        Err(error) => error.into_response(),
    }
}

async fn keyed(deps: &Arc<Deps>, request: Request, token: &str) -> Result<Option<(Keyed, Request)>, ApiError> {
    let given = request.headers().get(IDEMPOTENCY_KEY).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !(1..=KEY_CHARS_MAX).contains(&given.len()) || !given.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(ApiError::field(
            "Idempotency-Key",
            "须为1至128个可见ASCII字符。",
            "Use 1 to 128 visible ASCII characters.",
        ));
    }
    let given = hex::encode(Sha256::digest(given.as_bytes()));
    let Terminal(terminal) = Terminal::of(request.extensions());
    let principal = deps.authn.authenticate_any(token, terminal).await?.principal;
    let path = request.uri().path().to_owned();
    let (parts, body) = request.into_parts();
    let bytes_max = if path.ends_with("/import") { deps.config.import_bytes_max } else { deps.config.body_bytes_max };
    let bytes = body_bytes(Request::new(body), bytes_max).await?;
    let mut fingerprint = Sha256::new();
    fingerprint.update(path.as_bytes());
    fingerprint.update([0]);
    fingerprint.update(&bytes);
    let mut secret = Sha256::new();
    secret.update(b"sluice: kept answer\0");
    secret.update(token.as_bytes());
    let keyed = Keyed {
        row_key: format!("{KEPT}{}/{given}", principal.user()),
        fingerprint: hex::encode(fingerprint.finalize()),
        cipher: ChaCha20Poly1305::new(&Key::from(<[u8; 32]>::from(secret.finalize()))),
    };
    Ok(Some((keyed, Request::from_parts(parts, Body::from(bytes)))))
}

/// Gives the kept answer, or claims the key and runs the request to its end even if the client hangs up.
async fn once(deps: Arc<Deps>, keyed: Keyed, request: Request, next: Next) -> Result<Response, ApiError> {
    let now = deps.now();
    let found = deps.store.get_json::<Row>(&keyed.row_key)?;
    let stale = found.as_ref().map(|row| row.version);
    if let Some(row) = found.map(|row| row.value) {
        let kept_for = match row.sealed {
            Some(_) => deps.config.idempotency_kept_for,
            None => deps.config.request_timeout * 2,
        };
        if now.since(row.at) < kept_for {
            return kept(&keyed, row);
        }
    }
    let claimed = claim(&deps, &keyed, now, stale).await?;
    let run = tokio::spawn(async move {
        let response = next.run(request).await;
        settle(&deps, &keyed, claimed, now, response).await
    });
    run.await.map_err(|_| ApiError::new(Code::Internal))?
}

fn kept(keyed: &Keyed, row: Row) -> Result<Response, ApiError> {
    if row.fingerprint != keyed.fingerprint {
        return Err(ApiError::field(
            "Idempotency-Key",
            "该键已用于另一请求。",
            "The key was used for another request; use a new one.",
        ));
    }
    let Some(sealed) = row.sealed else {
        return Err(
            ApiError::new(Code::Conflict).remedied("相同请求正在处理。", "The same request is under way; wait.")
        );
    };
    let answer = open(&keyed.cipher, &sealed).ok_or_else(|| {
        ApiError::new(Code::Conflict).remedied(
            "该请求已在另一次登录中完成,结果只能由原登录读取。",
            "The request was carried out under another sign-in, which alone can read its result.",
        )
    })?;
    let status = StatusCode::from_u16(answer.status).map_err(|_| ApiError::new(Code::Internal))?;
    let mut response = (status, answer.body).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    for (name, value) in [(header::CONTENT_TYPE, answer.content_type), (header::LOCATION, answer.location)] {
        if let Some(value) = value.and_then(|value| HeaderValue::from_str(&value).ok()) {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

async fn claim(deps: &Deps, keyed: &Keyed, now: Wall, stale: Option<Revision>) -> Result<Revision, ApiError> {
    let key = keyed.row_key.as_str();
    let row = Row { fingerprint: keyed.fingerprint.clone(), at: now, sealed: None };
    let batch = Batch::new().put_json(key, &row)?;
    let batch = match stale {
        Some(version) => batch.expect_version(key, version),
        None => batch.expect_absent(key),
    };
    match deps.store.commit_async(batch).await {
        Ok(revision) => Ok(revision),
        Err(CommitError::Conflict { .. }) => {
            Err(ApiError::new(Code::Conflict).remedied("相同请求正在处理。", "The same request is under way; wait."))
        }
        Err(error) => Err(error.into()),
    }
}

/// Keeps a success; lets go of the key after anything else, which is decided anew when it is sent again.
async fn settle(
    deps: &Deps,
    keyed: &Keyed,
    claimed: Revision,
    now: Wall,
    response: Response,
) -> Result<Response, ApiError> {
    let key = keyed.row_key.as_str();
    if !response.status().is_success() {
        deps.store.commit_async(Batch::new().expect_version(key, claimed).delete(key)).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let bytes =
        Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(|_| ApiError::new(Code::Internal))?.to_bytes();
    let header = |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let answer = Answer {
        status: parts.status.as_u16(),
        content_type: header(header::CONTENT_TYPE),
        location: header(header::LOCATION),
        body: String::from_utf8_lossy(&bytes).into_owned(),
    };
    let sealed = seal(&keyed.cipher, &answer)?;
    let row = Row { fingerprint: keyed.fingerprint.clone(), at: now, sealed: Some(sealed) };
    deps.store.commit_async(Batch::new().expect_version(key, claimed).put_json(key, &row)?).await?;
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

fn seal(cipher: &ChaCha20Poly1305, answer: &Answer) -> Result<String, ApiError> {
    let internal = || ApiError::new(Code::Internal);
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(|_| internal())?;
    let plain = serde_json::to_vec(answer).map_err(|_| internal())?;
    let sealed = cipher.encrypt(&Nonce::from(nonce), plain.as_slice()).map_err(|_| internal())?;
    Ok(STANDARD.encode([nonce.as_slice(), &sealed].concat()))
}

fn open(cipher: &ChaCha20Poly1305, sealed: &str) -> Option<Answer> {
    let bytes = STANDARD.decode(sealed).ok()?;
    let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>()?;
    let plain = cipher.decrypt(&Nonce::from(*nonce), sealed).ok()?;
    serde_json::from_slice(&plain).ok()
}

/// Rows looked at in one step of a sweep.
const SWEEP_ROWS: usize = 500;

/// Takes results that are past their time out of the store; returns how many. For a slow timer. Blocks.
pub fn sweep(deps: &Deps) -> Result<usize, ApiError> {
    let now = deps.now();
    let (mut dropped, mut after) = (0, None::<String>);
    loop {
        let rows = deps.store.range_json::<Row>(KEPT, after.as_deref(), SWEEP_ROWS)?;
        let Some((last, _)) = rows.last() else { return Ok(dropped) };
        after = Some(last.clone());
        let mut batch = Batch::new();
        for (key, row) in
            rows.into_iter().filter(|(_, row)| now.since(row.value.at) >= deps.config.idempotency_kept_for)
        {
            batch = batch.expect_version(key.as_str(), row.version).delete(key);
            dropped += 1;
        }
        if !batch.is_empty() {
            deps.store.commit(batch)?;
        }
    }
}
