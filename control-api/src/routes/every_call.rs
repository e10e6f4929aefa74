//! What a call answers besides what its own file says of it, because the layers around every call do: bodies that cannot be read,
//! repeated POSTs, time and the ledger. Also gives each call an id of its own in the description. One place, so that no call
//! has to remember it. Deliberately absent: any check; the layers make them.

use std::collections::HashMap;

use utoipa::ToSchema;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{OpenApi, PathItem, Ref, RefOr, Required, Response, ResponseBuilder};

use crate::error::ErrorBody;
use crate::http::idempotency;

/// Where the calls are that need a sign-in.
const PREFIX: &str = "/api/v1/";

/// With a body: it may be no JSON, too large or of another type.
const OF_BODY: &[(&str, &str)] =
    &[("400", "BAD_REQUEST"), ("413", "TOO_LARGE"), ("415", "UNSUPPORTED_MEDIA_TYPE"), ("422", "INVALID_FIELD")];
/// With an `Idempotency-Key`: it may be none, or belong to another request, which may be under way.
const OF_KEY: &[(&str, &str)] = &[
    ("400", "BAD_REQUEST"),
    ("409", "CONFLICT: the same request is under way"),
    ("413", "TOO_LARGE"),
    ("422", "INVALID_FIELD: `Idempotency-Key`"),
];
/// With a query: a parameter may not fit, or not be there.
const OF_QUERY: &[(&str, &str)] = &[("422", "INVALID_FIELD")];
/// Each: it may take too long, or its refusal cannot be written down.
const OF_ALL: &[(&str, &str)] = &[("503", "TIMEOUT, AUDIT_UNAVAILABLE")];

/// Completes the description.
pub(super) fn complete(document: &mut OpenApi) {
    let seen = ids(document);
    for (path, item) in &mut document.paths.paths {
        let Some(path) = path.strip_prefix(PREFIX) else { continue };
        let takes_key = item.post.as_mut().filter(|call| idempotency::honours(path) && !is_open(call));
        if let Some(call) = takes_key {
            call.parameters.get_or_insert_default().push(key().into());
            say(call, OF_KEY);
        }
        for call in calls(item) {
            if call.request_body.is_some() {
                say(call, OF_BODY);
            }
            if call.parameters.iter().flatten().any(is_query) {
                say(call, OF_QUERY);
            }
            say(call, OF_ALL);
            let id = call.operation_id.as_mut().filter(|id| seen.get(*id).is_some_and(|count| *count > 1));
            if let Some(id) = id {
                *id = format!("{id}_{}", slug(path));
            }
        }
    }
}

fn calls(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete].into_iter().flatten()
}

/// How often each operation id stands there. OpenAPI wants each once; handlers are named within their file.
fn ids(document: &mut OpenApi) -> HashMap<String, usize> {
    let mut seen = HashMap::new();
    for id in document.paths.paths.values_mut().flat_map(calls).filter_map(|call| call.operation_id.clone()) {
        *seen.entry(id).or_default() += 1;
    }
    seen
}

/// `users/{id}/api-keys` as `users_api_keys`.
fn slug(path: &str) -> String {
    let fixed: Vec<_> = path.split('/').filter(|part| !part.starts_with('{')).collect();
    fixed.join("_").replace('-', "_")
}

/// True where nobody has to be signed in.
fn is_open(call: &Operation) -> bool {
    call.security.is_some()
}

fn is_query(parameter: &RefOr<Parameter>) -> bool {
    matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query)
}

fn key() -> Parameter {
    let text = ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .min_length(Some(1))
        .max_length(Some(idempotency::KEY_CHARS_MAX))
        .pattern(Some("^[!-~]+$"));
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("The same request sent again with it gets the first one's result, for 24 hours."))
        .schema(Some(text))
        .build()
}

/// Adds what the call does not say itself.
fn say(call: &mut Operation, answers: &[(&str, &str)]) {
    for (status, about) in answers {
        call.responses.responses.entry((*status).to_owned()).or_insert_with(|| refusal(about).into());
    }
}

fn refusal(about: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(ErrorBody::name()))).build();
    ResponseBuilder::new().description(about).content("application/json", content).build()
}
