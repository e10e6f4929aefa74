//! The audit log over HTTP: its entries in order, for the audit administrator alone. Each reading is itself an entry.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa_axum::routes;

use super::Calls;
use super::extract::Asked;
use super::page::{self, Page};
use crate::authn::Principal;
use crate::deps::Deps;
use crate::error::{ApiError, Code, ErrorBody};
use crate::ledger::{Entry, Kind, vault};
use crate::registers::Role;
use crate::store::Store;

/// The calls of this file.
pub fn calls() -> Calls {
    Calls::new().routes(routes!(read))
}

/// Which entries.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct LedgerQuery {
    /// The first entry, from 0.
    #[serde(default)]
    #[param(format = "uint64")]
    from: u64,
    /// Entries of the page, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// One entry of the ledger.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct EntryView {
    /// Its place in the log, from 0.
    index: u64,
    /// The event, with its words in place of their commitments where they are still kept.
    #[schema(value_type = Object)]
    event: serde_json::Value,
    /// Commitments whose words were erased, each with the erasure that took them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    erased: BTreeMap<String, String>,
    /// Commitments whose words are not kept here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<String>,
}

/// Entries of the ledger from an index on; `next` is the index to go on from. `sluice ledger verify` proves them.
#[utoipa::path(get, path = "/ledger", tag = "audit", params(LedgerQuery), responses(
    (status = 200, body = Page<EntryView>), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: audit_admin reads the ledger"),
    (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn read(
    State(deps): State<Arc<Deps>>,
    principal: Principal,
    Asked(asked): Asked<LedgerQuery>,
) -> Result<Json<Page<EntryView>>, ApiError> {
    principal.require(&[Role::AuditAdmin])?;
    let limit = page::limit(asked.limit)?;
    let size = deps.ledger.size();
    let ledger = deps.ledger.clone();
    let store = deps.store.clone();
    let read = tokio::task::spawn_blocking(move || -> Result<_, ApiError> {
        let entries = ledger.read(asked.from, limit).map_err(|error| {
            tracing::error!(%error, "the ledger could not be read");
            Code::Internal
        })?;
        entries.iter().map(|entry| view(&store, entry)).collect::<Result<Vec<_>, _>>()
    });
    let items = read.await.map_err(|_| Code::Internal)??;
    let event = deps.event(Kind::AUDIT_READ, &principal).with("from", asked.from).with("entries", items.len());
    deps.record(&event).await?;
    let next = items.last().map(|last| last.index + 1).filter(|next| *next < size);
    Ok(Json(Page { items, next: next.map(|index| index.to_string()) }))
}

fn view(store: &Store, entry: &Entry) -> Result<EntryView, ApiError> {
    let vault::Read { event, erased, missing } = vault::read(store, &entry.bytes)?;
    Ok(EntryView { index: entry.index, event, erased, missing })
}
