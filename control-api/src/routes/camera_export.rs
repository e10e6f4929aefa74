//! The catalogue as a CSV that `POST /cameras/import` takes, here or on another appliance. Absent: credentials, which no answer is
//! ever made from.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use utoipa_axum::routes;

use super::Calls;
use super::cameras::KEEPERS;
use super::csv_stream;
use crate::authn::Principal;
use crate::csv_text;
use crate::deps::Deps;
use crate::error::{ApiError, ErrorBody};
use crate::registers::camera::{self, Camera};
use crate::registers::camera_fields::FIELDS;
use crate::store::StoreError;

/// Cameras read at a time.
const ROWS_PER_PART: usize = 500;

/// The calls of this file.
pub(super) fn calls() -> Calls {
    Calls::new().routes(routes!(export))
}

/// The catalogue as CSV, its columns those of an import.
#[utoipa::path(get, path = "/cameras/export", tag = "cameras", responses(
    (status = 200, description = "All cameras, without credentials", content((String = "text/csv"))),
    (status = 401, body = ErrorBody),
    (status = 403, body = ErrorBody, description = "ROLE_FORBIDS: catalogue_admin keeps the catalogue")))]
async fn export(State(deps): State<Arc<Deps>>, principal: Principal) -> Result<Response, ApiError> {
    principal.require(KEEPERS)?;
    let head = csv_text::head(&FIELDS.iter().map(|field| field.name).collect::<Vec<_>>());
    let mut response = csv_stream::response(head, None::<String>, move |after| {
        let rows = deps.store.range_json::<Camera>(camera::CAMERAS, after.as_deref(), ROWS_PER_PART)?;
        let next = rows.last().filter(|_| rows.len() >= ROWS_PER_PART).map(|(key, _)| Some(key.clone()));
        let line =
            |camera: &Camera| csv_text::row(&FIELDS.iter().map(|field| (field.text)(camera)).collect::<Vec<_>>());
        Ok::<_, StoreError>((rows.iter().flat_map(|(_, row)| line(&row.value)).collect(), next))
    });
    let name = HeaderValue::from_static("attachment; filename=\"cameras.csv\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}
