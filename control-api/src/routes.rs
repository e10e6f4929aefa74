//! The HTTP API: one file a group of calls, joined here, one line each. The OpenAPI description is made from the same handlers.

pub mod api_keys;
pub mod applications;
mod camera_diff;
mod camera_export;
pub mod camera_import;
pub mod camera_past;
pub mod camera_room;
pub mod camera_view;
pub mod cameras;
mod code_table;
pub mod console;
mod csv_stream;
mod every_call;
pub mod exports;
pub mod extract;
mod file;
pub mod grants;
pub mod health;
pub mod holds;
mod inbox;
mod lease_refusal;
pub mod ledger;
pub mod ledger_erasures;
pub mod ledger_tiles;
mod live_hls;
pub mod login;
pub mod media;
pub mod media_releases;
pub mod mse;
pub mod oidc;
pub mod optional_body;
pub mod otp;
pub mod page;
mod people;
pub mod policy;
pub mod purposes;
mod register;
mod register_bodies;
mod register_doc;
mod register_rules;
mod report_format;
mod report_period;
pub mod reports;
mod session_incident;
pub mod sessions;
pub mod snapshots;
pub mod system;
pub mod units;
pub mod usage;
pub mod users;
pub mod webhooks;
mod whep;

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;

use crate::books;
use crate::deps::Deps;
use crate::error::{ApiError, Code, ErrorBody};
use crate::http::{idempotency, player_origin, stamp};

/// A group of calls with their description.
pub type Calls = OpenApiRouter<Arc<Deps>>;

/// All calls under `/api/v1`, one line each file.
fn calls() -> Calls {
    Calls::new()
        .merge(login::calls())
        .merge(oidc::calls())
        .merge(otp::calls())
        .merge(users::calls())
        .merge(people::calls())
        .merge(api_keys::calls())
        .merge(units::calls())
        .merge(purposes::calls())
        .merge(cameras::calls())
        .merge(camera_import::calls())
        .merge(camera_past::calls())
        .merge(camera_export::calls())
        .merge(camera_diff::calls())
        .merge(applications::calls())
        .merge(grants::calls())
        .merge(holds::calls())
        .merge(sessions::calls())
        .merge(session_incident::calls())
        .merge(exports::calls())
        .merge(snapshots::calls())
        .merge(media_releases::calls())
        .merge(usage::calls())
        .merge(ledger::calls())
        .merge(ledger_tiles::calls())
        .merge(ledger_erasures::calls())
        .merge(reports::calls())
        .merge(policy::calls())
        .merge(webhooks::calls())
        .merge(inbox::calls())
        .merge(system::calls())
        .merge(registers())
}

/// The calls of every register.
fn registers() -> Calls {
    struct Joined(Calls);
    impl books::Visitor for Joined {
        fn visit<R: crate::register::Register>(&mut self) {
            let calls = std::mem::take(&mut self.0);
            self.0 = calls.merge(register::calls::<R>());
        }
    }
    let mut joined = Joined(Calls::new());
    books::each(&mut joined);
    joined.0
}

/// The whole router: calls, health, description, and the layers that every request passes.
pub fn router(deps: Arc<Deps>) -> Router {
    let (router, document) = described().split_for_parts();
    let document: Arc<str> = text(&document).into();
    let serve = move || {
        let document = Arc::clone(&document);
        async move { ([(header::CONTENT_TYPE, "application/json")], document.to_string()) }
    };
    router
        .route("/openapi.json", get(serve))
        .merge(under_token(&deps))
        .merge(console::console())
        .fallback(|| async { ApiError::new(Code::NotFound) })
        .layer(from_fn_with_state(Arc::clone(&deps), idempotency::replay))
        .layer(from_fn_with_state(Arc::clone(&deps), stamp::stamp))
        .with_state(deps)
}

/// What a viewing URL leads to. It holds no cookie and no other login, so pages of these origins lose nobody's secret to it.
fn under_token(deps: &Arc<Deps>) -> Router<Arc<Deps>> {
    let calls = media::media().merge(mse::mse()).merge(whep::whep());
    calls.layer(from_fn_with_state(Arc::clone(deps), player_origin::allow))
}

/// The OpenAPI 3.1 description.
pub fn openapi() -> OpenApi {
    described().into_openapi()
}

/// The description as it is served and checked in.
pub fn text(document: &OpenApi) -> String {
    let mut text = document.to_pretty_json().expect("a description is plain text");
    text.push('\n');
    text
}

fn described() -> Calls {
    #[derive(utoipa::OpenApi)]
    #[openapi(
        info(
            title = "Sluice control API",
            description = "Who may view which camera, and the proof that they did. Every error has the body `ErrorBody`; \
                its `code` is one of a fixed list, `x-codes`. Times are RFC 3339. POST honours `Idempotency-Key` for 24 hours.",
            license(name = "Apache-2.0", identifier = "Apache-2.0")
        ),
        components(schemas(ErrorBody)),
        security(("bearer" = []), ("cookie" = []))
    )]
    struct Head;
    let mut head = <Head as utoipa::OpenApi>::openapi();
    let components = head.components.get_or_insert_default();
    components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    let about = "From `POST /login` with `cookie`; `__Host-sluice-login` over TLS. What changes something needs `X-Sluice-Console: 1` too.";
    let cookie = ApiKey::Cookie(ApiKeyValue::with_description("sluice-login", about));
    components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
    head.extensions = Some(code_table::extension());
    let mut all = Calls::with_openapi(head).merge(health::calls()).nest("/api/v1", calls());
    every_call::complete(all.get_openapi_mut());
    all
}

#[cfg(test)]
mod register_tests;
