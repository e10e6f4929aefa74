//! From a request to what handlers take: the principal, a JSON body, a query, a path's id. Each failure is a code with the
//! field it is about; nothing a client sent is repeated.

use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, MatchedPath, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;

use crate::authn::login::Login;
use crate::authn::{Known, Principal};
use crate::deps::Deps;
use crate::error::{ApiError, Code};
use crate::registers::user::User;
use crate::request::cookie::{self, Transport};
use crate::request::{Behind, Terminal, body_bytes};

/// Deepest nesting of a body. The deepest form has 4 levels.
pub const JSON_DEPTH_MAX: usize = 16;

impl FromRequestParts<Arc<Deps>> for Principal {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, deps: &Arc<Deps>) -> Result<Self, ApiError> {
        let Terminal(terminal) = Terminal::of(&parts.extensions);
        let principal = deps.authn.authenticate(token(parts)?, terminal).await?;
        note(parts, &principal);
        Ok(principal)
    }
}

/// The token that the request shows.
fn token(parts: &Parts) -> Result<&str, ApiError> {
    cookie::token(&parts.method, &parts.headers, Transport::of(&parts.extensions))
}

/// Tells the shell who is behind the request, for the record of a refusal.
fn note(parts: &Parts, principal: &Principal) {
    if let Some(slot) = parts.extensions.get::<Behind>() {
        *slot.0.lock() = Some(principal.clone());
    }
}

/// A principal who may have to change their password first, with their record and their token.
pub struct Newcomer {
    /// Who.
    pub principal: Principal,
    /// Their record.
    pub user: User,
    /// Their sign-in; none for an API key.
    pub login: Option<Login>,
    /// The token they showed.
    pub token: String,
}

impl FromRequestParts<Arc<Deps>> for Newcomer {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, deps: &Arc<Deps>) -> Result<Self, ApiError> {
        let Terminal(terminal) = Terminal::of(&parts.extensions);
        let token = token(parts)?.to_owned();
        let Known { principal, user, login } = deps.authn.authenticate_any(&token, terminal).await?;
        note(parts, &principal);
        Ok(Self { principal, user, login, token })
    }
}

/// A JSON body of type `T`. Unknown fields are refused where `T` says so, wrong ones by name.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<Deps>> for Body<T> {
    type Rejection = ApiError;
    async fn from_request(request: Request, deps: &Arc<Deps>) -> Result<Self, ApiError> {
        check_media_type(request.headers(), "application/json")?;
        let bytes = body_bytes(request, deps.config.body_bytes_max).await?;
        parse_json(&bytes).map(Self)
    }
}

/// `UNSUPPORTED_MEDIA_TYPE` unless the request says it sends `expected`, parameters aside.
pub fn check_media_type(headers: &HeaderMap, expected: &str) -> Result<(), ApiError> {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(expected) { Ok(()) } else { Err(Code::UnsupportedMediaType.into()) }
}

/// Reads JSON; a failure names the field where there is one.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    if depth(bytes) > JSON_DEPTH_MAX {
        return Err(ApiError::new(Code::BadRequest).remedied("JSON 嵌套过深。", "The JSON is nested too deeply."));
    }
    // A list would be read as a form's fields in their order.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(ApiError::field("body", "须为 JSON 对象。", "Send a JSON object."));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        json_error(path.as_str(), error.inner())
    })?;
    match reader.end() {
        Ok(()) => Ok(value),
        Err(error) => Err(json_error(".", &error)),
    }
}

fn json_error(path: &str, error: &serde_json::Error) -> ApiError {
    if !error.is_data() {
        return ApiError::new(Code::BadRequest).remedied(
            format!("不是完整的 JSON(第{}行第{}列)。", error.line(), error.column()),
            format!("It is no whole JSON (line {}, column {}).", error.line(), error.column()),
        );
    }
    let text = error.to_string();
    let path = if path == "." { "" } else { path };
    for (lead, zh, en) in [
        ("unknown field ", "没有该字段。", "There is no such field."),
        ("missing field ", "缺少该字段。", "The field is missing."),
        ("duplicate field ", "字段重复。", "The field is given twice."),
    ] {
        if let Some(name) = text.strip_prefix(lead).and_then(|rest| rest.split('`').nth(1)) {
            return ApiError::field(joined(path, name), zh, en);
        }
    }
    let field = if path.is_empty() { "body" } else { path };
    ApiError::field(
        field,
        "类型或取值不符,请对照 /openapi.json。",
        "Its type or value does not fit; see /openapi.json.",
    )
}

/// `path.name`, without doubling a name that the path already ends with. Bounded: the name is the client's.
fn joined(path: &str, name: &str) -> String {
    let name: String = name.chars().take(64).collect();
    match path.rsplit('.').next() {
        _ if path.is_empty() => name,
        Some(last) if last == name => path.into(),
        _ => format!("{path}.{name}"),
    }
}

/// Deepest nesting of arrays and objects, text aside. Broken JSON gives some number; the parser then refuses it.
fn depth(bytes: &[u8]) -> usize {
    let (mut now, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for &byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => now += 1,
            b'}' | b']' if !in_text => now = now.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(now);
    }
    deepest
}

/// The query as `T`; a parameter that does not fit is named.
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(rejection) => Err(query_error(&rejection.body_text())),
        }
    }
}

fn query_error(text: &str) -> ApiError {
    // "…: unknown field `x`, …", "…: missing field `x`" or "…: x: what is wrong with it".
    let detail = text.split_once(": ").map_or("", |(_, detail)| detail);
    let name = match detail.split('`').nth(1) {
        Some(name) if detail.contains("field `") => name,
        _ => detail.split(':').next().unwrap_or_default(),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name: String = name.chars().take(64).take_while(|&c| plain(c)).collect();
    let field = if name.is_empty() { "query".into() } else { name };
    ApiError::field(
        field,
        "查询参数无效,请对照 /openapi.json。",
        "The query parameter does not fit; see /openapi.json.",
    )
}

/// The id in the path as `T`. A text that can be no id is unknown like any other.
pub struct At<T>(pub T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for At<T> {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(text) =
            Path::<String>::from_request_parts(parts, state).await.map_err(|_| ApiError::new(Code::NotFound))?;
        let is_camera = parts.extensions.get::<MatchedPath>().is_some_and(|path| path.as_str().contains("/cameras/"));
        let unknown = if is_camera { Code::CameraUnknown } else { Code::NotFound };
        text.parse().map(Self).map_err(|_| unknown.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only its reading is tested")]
    struct Form {
        name: String,
        #[serde(default)]
        inner: Option<Inner>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only its reading is tested")]
    struct Inner {
        count: u8,
    }

    fn refused(text: &str) -> (Code, Option<String>) {
        let error = parse_json::<Form>(text.as_bytes()).unwrap_err();
        (error.code(), error.body("r", false).field)
    }

    #[test]
    fn bad_json_is_named_by_field_and_never_repeated() {
        let field = |name: &str| (Code::InvalidField, Some(name.to_owned()));
        assert_eq!(refused(r#"{"name":"a","secret":1}"#), field("secret"));
        assert_eq!(refused(r"{}"), field("name"));
        assert_eq!(refused(r#"{"name":7}"#), field("name"));
        assert_eq!(refused(r#"{"name":"a","name":"b"}"#), field("name"));
        assert_eq!(refused(r#"{"name":"a","inner":{"count":300}}"#), field("inner.count"));
        assert_eq!(refused(r#"{"name":"a","inner":{}}"#), field("inner.count"));
        assert_eq!(refused(r#"{"name":"a","inner":{"count":1,"x":2}}"#), field("inner.x"));
        for list in ["[]", r#" ["a", null]"#] {
            assert_eq!(refused(list), field("body"), "no field is to blame");
        }
        for broken in ["", "{", r#"{"name":"a"} x"#, "\u{0}", r#"{"name":"a"#] {
            assert_eq!(refused(broken), (Code::BadRequest, None), "{broken:?}");
        }
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(refused(&deep), (Code::BadRequest, None));
    }

    #[test]
    fn braces_in_text_are_no_depth() {
        assert_eq!(depth(br#"{"a":"[[[[\"[["}"#), 1);
        assert_eq!(depth(b"[[1],[2,[3]]]"), 3);
    }
}
