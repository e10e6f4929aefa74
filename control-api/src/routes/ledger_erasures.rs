//! Erasing what the ledger says of a person in words, while its proofs hold: asked for by the security administrator, approved by
//! the audit administrator, both on the ledger. What is erased is the words behind the commitments; the entries stay as they are.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa_axum::routes;

use super::Calls;
use super::extract::{Asked, At, Body};
use super::page::{self, Page, PageQuery};
use crate::authn::Principal;
use crate::deps::Deps;
use crate::error::{ApiError, Code, ErrorBody};
use crate::ledger::{Kind, vault};
use crate::mint;
use crate::registers::field::prose;
use crate::registers::{Role, UserId};
use crate::request::RequestId;
use crate::stamp::Stamp;
use crate::store::{Batch, Versioned};

/// Rows of erasures.
const ERASURES: &str = "ledger/erasure/";
/// Entries of one erasure: a person's requests of some months.
const ENTRIES_MAX: usize = 500;
/// Who sees them.
const READERS: &[Role] = &[Role::SecurityAdmin, Role::AuditAdmin];

const ASKED: Kind = Kind::named("ledger.erasure_asked");
const ERASED: Kind = Kind::named("ledger.erased");

/// The calls of this file.
pub fn calls() -> Calls {
    Calls::new().routes(routes!(list, ask)).routes(routes!(approve))
}

/// An erasure.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
struct Erasure {
    /// Its id.
    id: String,
    /// The entries whose words go.
    entries: Vec<u64>,
    /// On what ground (PIPL-47).
    ground: String,
    /// Who asked, and when.
    asked_by: UserId,
    asked_at: Stamp,
    /// Who approved, and when; from then on the words are gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    approved_by: Option<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    approved_at: Option<Stamp>,
    /// How many words were erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    erased: Option<usize>,
}

/// An erasure to be asked for.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct NewErasure {
    /// Indexes of the entries, 1 to 500 of them.
    entries: Vec<u64>,
    /// On what ground.
    ground: String,
}

/// Erasures, oldest first.
#[utoipa::path(get, path = "/ledger/erasures", tag = "audit", params(PageQuery), responses(
    (status = 200, body = Page<Erasure>), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: security_admin and audit_admin see erasures"),
    (status = 422, body = ErrorBody)))]
async fn list(
    State(deps): State<Arc<Deps>>,
    principal: Principal,
    Asked(asked): Asked<PageQuery>,
) -> Result<Json<Page<Erasure>>, ApiError> {
    principal.require(READERS)?;
    let limit = page::limit(asked.limit)?;
    let after = page::after(ERASURES, asked.cursor.as_deref())?;
    let rows = deps.store.range_json::<Erasure>(ERASURES, after.as_deref(), limit + 1)?;
    Ok(Json(Page::of(rows.into_iter().map(|(key, row)| (key, row.value)).collect(), limit)))
}

/// Ask that the words of some entries be erased; for security_admin. Nothing is erased before an audit_admin approves it.
#[utoipa::path(post, path = "/ledger/erasures", tag = "audit", request_body = NewErasure, responses(
    (status = 201, body = Erasure), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: security_admin asks"),
    (status = 422, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn ask(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    principal: Principal,
    Body(form): Body<NewErasure>,
) -> Result<(StatusCode, Json<Erasure>), ApiError> {
    principal.require(&[Role::SecurityAdmin])?;
    let size = deps.ledger.size();
    let mut entries = form.entries;
    entries.sort_unstable();
    entries.dedup();
    if entries.is_empty() || entries.len() > ENTRIES_MAX || entries.iter().any(|index| *index >= size) {
        return Err(ApiError::field(
            "entries",
            "须为1至500个已有的账本条目序号。",
            "Give 1 to 500 indexes of entries that there are.",
        ));
    }
    let now = deps.now();
    let id = mint::sortable_id(now).map_err(|_| Code::Internal)?;
    let erasure = Erasure {
        id: id.clone(),
        entries,
        ground: prose("ground", &form.ground)?,
        asked_by: principal.user().clone(),
        asked_at: Stamp(now),
        approved_by: None,
        approved_at: None,
        erased: None,
    };
    let event = deps.event(ASKED, &principal).object(key(&id)).request_id(request_id).reason(&erasure.ground);
    let event = event.with("entries", erasure.entries.clone());
    let batch = Batch::new().expect_absent(key(&id)).put_json(key(&id), &erasure)?;
    deps.change(event, batch).await?;
    Ok((StatusCode::CREATED, Json(erasure)))
}

/// Approve an erasure; for audit_admin. The words are gone when it returns; the entries and all proofs stay.
#[utoipa::path(post, path = "/ledger/erasures/{id}/approve", tag = "audit", params(("id" = String, Path)), responses(
    (status = 200, body = Erasure), (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: audit_admin approves; SECOND_PERSON_REQUIRED: not one's own"),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 503, body = ErrorBody)))]
async fn approve(
    State(deps): State<Arc<Deps>>,
    RequestId(request_id): RequestId,
    principal: Principal,
    At(id): At<String>,
) -> Result<Json<Erasure>, ApiError> {
    principal.require(&[Role::AuditAdmin])?;
    let found = deps.store.get_json::<Erasure>(&key(&id))?.ok_or(Code::NotFound)?;
    let Versioned { value: erasure, version } = found;
    if erasure.asked_by == *principal.user() {
        return Err(Code::SecondPersonRequired.into());
    }
    if erasure.approved_by.is_some() {
        return Err(Code::Conflict.into());
    }
    let (ledger, entries) = (deps.ledger.clone(), erasure.entries.clone());
    let digests = tokio::task::spawn_blocking(move || {
        let read = entries.iter().map(|index| ledger.read(*index, 1));
        read.map(|found| Ok(found?.iter().flat_map(|entry| vault::digests(&entry.bytes)).collect::<Vec<_>>()))
            .collect::<Result<Vec<_>, crate::ledger::LedgerError>>()
    });
    let digests = digests.await.map_err(|_| Code::Internal)?.map_err(|error| {
        tracing::error!(%error, "the entries of an erasure could not be read");
        Code::Internal
    })?;
    let (digests, now) = (digests.concat(), deps.now());
    let erasure = Erasure {
        approved_by: Some(principal.user().clone()),
        approved_at: Some(Stamp(now)),
        erased: Some(digests.len()),
        ..erasure
    };
    let event = deps.event(ERASED, &principal).object(key(&id)).request_id(request_id);
    let event = event.with("entries", erasure.entries.clone()).with("words", digests.len());
    let batch = Batch::new().expect_version(key(&id), version).put_json(key(&id), &erasure)?;
    deps.change(event, vault::erase(batch, &digests, &id, now)?).await?;
    Ok(Json(erasure))
}

fn key(id: &str) -> String {
    format!("{ERASURES}{id}")
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use serde_json::json;

    use crate::ledger::Kind;
    use crate::ledger::verify::{Options, verify};
    use crate::scene::{Scene, terms};

    #[tokio::test]
    async fn words_are_erased_by_two_and_the_proofs_hold() {
        let scene = Scene::new().await;
        scene.granted(terms()).await;
        let id = scene.opened("li").await["id"].as_str().unwrap().to_owned();
        let find = |items: &serde_json::Value| {
            let mut items = items.as_array().unwrap().iter();
            items
                .find(|e| e["event"]["kind"] == "session.opened" && e["event"]["session"] == id.as_str())
                .unwrap()
                .clone()
        };
        let before = scene.read("auditor", "/api/v1/ledger?limit=500").await;
        let entry = find(&before.body["items"]);
        let said = entry["event"]["reason"].as_str().unwrap().to_owned();
        assert_eq!(entry["event"]["detail"]["usage"]["reason"], said.as_str(), "read with its words");
        let index = entry["index"].as_u64().unwrap();
        let raw = scene.deps.ledger.read(index, 1).unwrap().remove(0);
        assert!(!String::from_utf8_lossy(&raw.bytes).contains(&said), "and kept without them");
        assert!(raw.event().unwrap().reason.unwrap().starts_with("sha256:"));

        let form = json!({"entries": [index], "ground": "个人请求删除"});
        assert_eq!(scene.post("auditor", "/api/v1/ledger/erasures", form.clone()).await.code(), "ROLE_FORBIDS");
        let absent = json!({"entries": [1_000_000], "ground": "x"});
        assert_eq!(
            scene.post("guard", "/api/v1/ledger/erasures", absent).await.status,
            StatusCode::UNPROCESSABLE_ENTITY
        );
        let asked = scene.post("guard", "/api/v1/ledger/erasures", form).await;
        assert_eq!(asked.status, StatusCode::CREATED, "{}", asked.text);
        let path = format!("/api/v1/ledger/erasures/{}/approve", asked.body["id"].as_str().unwrap());
        let still = find(&scene.read("auditor", "/api/v1/ledger?limit=500").await.body["items"]);
        assert_eq!(still["event"]["reason"], said.as_str(), "one person erases nothing");
        assert_eq!(scene.call("guard", "POST", &path, None).await.code(), "ROLE_FORBIDS");
        let done = scene.call("auditor", "POST", &path, None).await;
        assert_eq!((done.status, &done.body["erased"]), (StatusCode::OK, &json!(2)), "{}", done.text);
        assert_eq!(scene.call("auditor", "POST", &path, None).await.status, StatusCode::CONFLICT);

        let gone = find(&scene.read("auditor", "/api/v1/ledger?limit=500").await.body["items"]);
        assert!(gone["event"]["reason"].as_str().unwrap().starts_with("sha256:"));
        assert_eq!(gone["erased"].as_object().unwrap().len(), 2, "{gone}");
        for digest in crate::ledger::vault::digests(&raw.bytes) {
            let row = scene.deps.store.get(&format!("ledger/opening/{digest}")).unwrap().unwrap().value;
            assert!(!String::from_utf8_lossy(&row).contains(&said), "no row of the entry has the words");
        }
        let kinds: Vec<Kind> = scene.events().into_iter().map(|event| event.kind).collect();
        assert!(kinds.contains(&super::ASKED) && kinds.contains(&super::ERASED));
        scene.deps.ledger.close();
        let report = verify(&scene.ledger_folder(), &Options::default(), &mut |_, _| {});
        assert!(report.is_clean(), "{:?}", report.findings);
    }
}
