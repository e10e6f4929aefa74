//! The audit log file by file, as c2sp.org/tlog-tiles lays it out, for the audit administrator: whoever has the files proves the log
//! without us. Reading entries is itself an entry; hashes and checkpoints tell nothing and are not recorded.

use std::sync::Arc;

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Serialize;
use utoipa_axum::routes;

use super::Calls;
use crate::authn::Principal;
use crate::deps::Deps;
use crate::error::{ApiError, Code, ErrorBody};
use crate::ledger::{Kind, LedgerError};
use crate::registers::Role;
use crate::witnessing::Standing;

/// What stands before the path that the log knows a file by.
const PREFIX: &str = "/api/v1/ledger/";
/// A tile never changes; it is one login's all the same.
const FOREVER: HeaderValue = HeaderValue::from_static("private, max-age=31536000, immutable");
/// There is a newer one within a second.
const NEVER: HeaderValue = HeaderValue::from_static("no-store");

/// The calls of this file. A tile's number has a part more for each thousand; the description names the shortest.
pub fn calls() -> Calls {
    Calls::new()
        .routes(routes!(status))
        .routes(routes!(checkpoint))
        .routes(routes!(cosigned))
        .routes(routes!(tile))
        .route("/ledger/tile/{level}/{a}/{b}", get(deeper))
        .route("/ledger/tile/{level}/{a}/{b}/{c}", get(deeper))
        .route("/ledger/tile/{level}/{a}/{b}/{c}/{d}", get(deeper))
        .route("/ledger/tile/{level}/{a}/{b}/{c}/{d}/{e}", get(deeper))
}

/// How the ledger stands.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct LedgerStatus {
    /// The log's name.
    origin: String,
    /// The log's public key, as `sluice ledger verify --key` takes it.
    key: String,
    /// Entries on disk.
    size: u64,
    /// Entries under the last signed checkpoint.
    checkpoint_size: u64,
    /// Root over those, as hex.
    checkpoint_root: String,
    /// Why it takes no more, if so.
    poisoned: Option<String>,
    /// The witness outside; null where there is none, and then the owner of disk and key could rewrite the log unseen.
    witness: Option<Standing>,
}

/// How the ledger stands: its size, its key, its last checkpoint, and whether somebody outside has seen it.
#[utoipa::path(get, path = "/ledger/status", tag = "audit", responses(
    (status = 200, body = LedgerStatus), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: audit_admin reads the ledger")))]
async fn status(State(deps): State<Arc<Deps>>, principal: Principal) -> Result<Json<LedgerStatus>, ApiError> {
    principal.require(&[Role::AuditAdmin])?;
    let ledger = deps.ledger.clone();
    let key = read(move || ledger.verifier_key()).await?;
    let (state, checkpoint) = (deps.ledger.status(), deps.ledger.checkpoint());
    Ok(Json(LedgerStatus {
        origin: state.origin,
        key: key.to_string(),
        size: state.size,
        checkpoint_size: checkpoint.size,
        checkpoint_root: checkpoint.root,
        poisoned: state.poisoned,
        witness: deps.witness.standing(),
    }))
}

/// The last signed checkpoint (c2sp.org/tlog-checkpoint).
#[utoipa::path(get, path = "/ledger/checkpoint", tag = "audit", responses(
    (status = 200, body = String, content_type = "text/plain"), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: audit_admin reads the ledger")))]
async fn checkpoint(State(deps): State<Arc<Deps>>, principal: Principal) -> Result<Response, ApiError> {
    principal.require(&[Role::AuditAdmin])?;
    Ok(text(deps.ledger.checkpoint().note))
}

/// The last checkpoint that the witness outside cosigned (c2sp.org/tlog-cosignature); 404 while there is none.
#[utoipa::path(get, path = "/ledger/checkpoint/cosigned", tag = "audit", responses(
    (status = 200, body = String, content_type = "text/plain"), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: audit_admin reads the ledger"),
    (status = 404, body = ErrorBody)))]
async fn cosigned(State(deps): State<Arc<Deps>>, principal: Principal) -> Result<Response, ApiError> {
    principal.require(&[Role::AuditAdmin])?;
    let ledger = deps.ledger.clone();
    read(move || ledger.cosigned()).await?.map(text).ok_or_else(|| Code::NotFound.into())
}

/// A tile of hashes (`level` 0 to 7) or a bundle of entries (`level` is `entries`), as c2sp.org/tlog-tiles names them: `number` is
/// `007`, `007.p/5` where it has 5 of its 256, `x001/x234/067` past the thousandth. 404 for what the last checkpoint does not cover.
#[utoipa::path(get, path = "/ledger/tile/{level}/{number}", tag = "audit",
    params(("level" = String, Path, description = "0 to 7, or entries"),
        ("number" = String, Path, description = "the tile's number in groups of three digits")),
    responses(
    (status = 200, body = Vec<u8>, content_type = "application/octet-stream"), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: audit_admin reads the ledger"),
    (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn tile(
    State(deps): State<Arc<Deps>>,
    principal: Principal,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, ApiError> {
    principal.require(&[Role::AuditAdmin])?;
    let path = uri.path().strip_prefix(PREFIX).unwrap_or_default().to_owned();
    let (ledger, asked) = (deps.ledger.clone(), path.clone());
    let file = read(move || ledger.tile_file(&asked)).await?.ok_or(Code::NotFound)?;
    if file.entries {
        deps.record(&deps.event(Kind::AUDIT_READ, &principal).with("file", path)).await?;
    }
    let kind = HeaderValue::from_static("application/octet-stream");
    Ok(([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, FOREVER)], file.bytes).into_response())
}

/// As [`tile`], for numbers of more parts.
async fn deeper(deps: State<Arc<Deps>>, principal: Principal, uri: OriginalUri) -> Result<Response, ApiError> {
    tile(deps, principal, uri).await
}

fn text(text: String) -> Response {
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, NEVER)], text).into_response()
}

async fn read<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LedgerError> + Send + 'static,
) -> Result<T, ApiError> {
    let read = tokio::task::spawn_blocking(work).await.map_err(|_| Code::Internal)?;
    read.map_err(|error| {
        tracing::error!(%error, "the ledger could not be read");
        Code::Internal.into()
    })
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt as _;

    use super::*;
    use crate::ledger::merkle::{Hash, leaf_hash, node_hash, root};
    use crate::scene::{Scene, TERMINAL};

    async fn fetch(scene: &Scene, who: &str, path: &str) -> (u16, axum::http::HeaderMap, Vec<u8>) {
        let request = Request::builder().uri(format!("/api/v1/ledger/{path}")).header("host", "sluice.test");
        let request = request.header("authorization", format!("Bearer {who}")).body(Body::empty()).unwrap();
        let (parts, body) = scene.send(TERMINAL, request).await.into_parts();
        (parts.status.as_u16(), parts.headers, body.collect().await.unwrap().to_bytes().to_vec())
    }

    #[tokio::test]
    async fn who_has_the_files_computes_the_root_that_was_signed() {
        let scene = Scene::new().await;
        for n in 0..300u64 {
            let event = crate::ledger::Event::new(Kind::LOGIN, scene.clock_now()).with("n", n);
            scene.deps.ledger.append_async(&event).await.unwrap();
        }
        while scene.deps.ledger.checkpoint().size < 300 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let (status, headers, note) = fetch(&scene, "auditor", "checkpoint").await;
        assert_eq!((status, headers["content-type"].as_bytes()), (200, b"text/plain; charset=utf-8".as_slice()));
        let head = scene.deps.ledger.verifier_key().unwrap().open(&String::from_utf8(note).unwrap()).unwrap();
        let rest = head.size - 256;
        let mut leaves: Vec<Hash> = Vec::new();
        for (path, width) in [("000".to_owned(), 256), (format!("001.p/{rest}"), rest)] {
            let (status, headers, bundle) = fetch(&scene, "auditor", &format!("tile/entries/{path}")).await;
            assert!(status == 200 && headers["cache-control"].as_bytes().ends_with(b"immutable"));
            let (mut at, mut of_bundle) = (bundle.as_slice(), Vec::new());
            while let Some((length, more)) = at.split_first_chunk::<2>() {
                let (entry, more) = more.split_at(usize::from(u16::from_be_bytes(*length)));
                of_bundle.push(leaf_hash(entry));
                at = more;
            }
            let (_, _, tile) = fetch(&scene, "auditor", &format!("tile/0/{path}")).await;
            assert_eq!(of_bundle.as_flattened(), tile, "entries fit their hashes");
            assert_eq!(of_bundle.len() as u64, width);
            leaves.extend(of_bundle);
        }
        let signed = root(head.size, &mut |node| -> Result<Hash, ()> {
            let from = (node.index as usize) << node.level;
            let mut layer = leaves[from..from + (1 << node.level)].to_vec();
            while layer.len() > 1 {
                layer = layer.chunks(2).map(|two| node_hash(&two[0], &two[1])).collect();
            }
            Ok(layer[0])
        });
        assert_eq!(signed, Ok(head.root));
        // A width of before, which has gone from the disk, is the beginning of what there is.
        assert_eq!(fetch(&scene, "auditor", "tile/0/001.p/3").await.2, leaves[256..259].as_flattened());
    }

    #[tokio::test]
    async fn nothing_else_is_a_file_and_nobody_else_reads_them() {
        let scene = Scene::new().await;
        let bad = [
            "tile/0/999",
            "tile/8/000",
            "tile/0/0",
            "tile/0/000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/x/000",
            "tile/0/x000/001",
            "tile/entries/../../key",
            "tile/entries/%2e%2e/%2e%2e/key",
            "tile/0/..%2f..%2fkey",
            "tile/entries/000.p/1/key",
            "tile/0/x001/x234/067",
            "tile/0/x001/x234/x067/000.p/5",
            "key",
            "checkpoint/cosigned",
        ];
        for path in bad {
            let (status, _, body) = fetch(&scene, "auditor", path).await;
            assert_eq!(status, 404, "{path}: {}", String::from_utf8_lossy(&body));
        }
        for path in ["checkpoint", "status", "tile/entries/000.p/1", "checkpoint/cosigned"] {
            assert_eq!(fetch(&scene, "guard", path).await.0, 403, "{path}");
            assert_eq!(fetch(&scene, "", path).await.0, 401, "{path}");
        }
        let (_, _, status) = fetch(&scene, "auditor", "status").await;
        let status: serde_json::Value = serde_json::from_slice(&status).unwrap();
        assert!(status["witness"].is_null() && status["poisoned"].is_null(), "{status}");
        assert!(status["key"].as_str().unwrap().starts_with("sluice-ledger-"), "{status}");
    }
}
