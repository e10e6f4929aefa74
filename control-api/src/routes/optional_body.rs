//! A JSON body that may be left out: a step needs none unless it has a reason to give.

use std::sync::Arc;

use axum::extract::{FromRequest, Request};
use axum::http::header;
use serde::de::DeserializeOwned;

use super::extract::Body;
use crate::deps::Deps;
use crate::error::ApiError;

/// The body as `T`; the default where the request says of none what it is.
pub struct OptionalBody<T>(pub T);

impl<T: DeserializeOwned + Default> FromRequest<Arc<Deps>> for OptionalBody<T> {
    type Rejection = ApiError;
    async fn from_request(request: Request, deps: &Arc<Deps>) -> Result<Self, ApiError> {
        let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        let is_empty = length.is_none_or(|text| text == "0");
        if is_empty && !request.headers().contains_key(header::TRANSFER_ENCODING) {
            return Ok(Self(T::default()));
        }
        Body::<T>::from_request(request, deps).await.map(|Body(value)| Self(value))
    }
}
