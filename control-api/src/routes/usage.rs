//! The usage register of J-24(3): its six columns and what goes with them, as JSON pages or as one CSV.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use media::id::CameraId;
use serde::Deserialize;
use utoipa_axum::routes;

use super::Calls;
use super::csv_stream;
use super::extract::Asked;
use super::page::{self, Page};
use super::report_format::{Format, asks_chinese};
use crate::authn::Principal;
use crate::csv_text;
use crate::deps::Deps;
use crate::error::{ApiError, Code, ErrorBody};
use crate::registers::{PurposeCode, Role, UnitId, UserId};
use crate::stamp::Stamp;
use crate::usage::{Filter, Medium, Register, UsageError, UsageRecord};

/// Who reads the whole register.
const OVERSEERS: &[Role] = &[Role::BureauApprover, Role::SecurityAdmin, Role::AuditAdmin];
/// Prefix of cursors of this list.
const CURSOR: &str = "usage/";
/// Rows of the CSV made at a time: some 150 KiB.
const CSV_ROWS: usize = 500;

/// The calls of this file.
pub fn calls() -> Calls {
    Calls::new().routes(routes!(list))
}

/// Which records.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct UsageQuery {
    /// Only this unit's.
    unit: Option<UnitId>,
    /// Only this user's.
    user: Option<UserId>,
    /// Only of this camera.
    #[param(value_type = Option<String>)]
    camera: Option<CameraId>,
    /// Only with this purpose.
    purpose: Option<PurposeCode>,
    /// Only opened at or after.
    from: Option<Stamp>,
    /// Only opened before.
    to: Option<Stamp>,
    /// Items of the page, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// The usage register, oldest first: all of it for those who oversee, the unit's for its principal, else one's own.
/// `Accept: text/csv` gives every record that fits as one file, its head in Chinese unless `Accept-Language` asks for another language.
#[utoipa::path(get, path = "/usage", tag = "usage", params(UsageQuery), responses(
    (status = 200, description = "A page, or a CSV with the six columns first",
        content((Page<UsageRecord> = "application/json"), (String = "text/csv"))),
    (status = 401, body = ErrorBody), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn list(
    State(deps): State<Arc<Deps>>,
    principal: Principal,
    headers: HeaderMap,
    Asked(asked): Asked<UsageQuery>,
) -> Result<Response, ApiError> {
    let limit = page::limit(asked.limit)?;
    let after = page::after(CURSOR, asked.cursor.as_deref())?;
    let after = after.as_deref().and_then(|key| key.strip_prefix(CURSOR));
    let filter = filter(&principal, &asked);
    if Format::accepted(&headers) == Format::Csv {
        return Ok(csv_response(deps.usage.clone(), filter, asks_chinese(&headers)));
    }
    let found = deps.usage.list(&filter, after, limit).map_err(|error| read_failed(&error))?;
    let next = found.next.map(|id| page::cursor(&format!("{CURSOR}{id}")));
    Ok(Json(Page { items: found.items, next }).into_response())
}

/// What the caller asked for, within what they may see.
fn filter(principal: &Principal, asked: &UsageQuery) -> Filter {
    let mut filter = Filter {
        user: asked.user.as_ref().map(ToString::to_string),
        unit: asked.unit.as_ref().map(ToString::to_string),
        camera: asked.camera.as_ref().map(ToString::to_string),
        purpose: asked.purpose.as_ref().map(ToString::to_string),
        from: asked.from.map(|stamp| stamp.0),
        to: asked.to.map(|stamp| stamp.0),
    };
    // A wish for others' records that are not the caller's to see finds nothing: both conditions must hold.
    let narrow = |wish: &mut Option<String>, own: &str| match wish {
        Some(wish) if wish != own => *wish = NOBODY.into(),
        _ => *wish = Some(own.into()),
    };
    if principal.roles().has_any(OVERSEERS) {
        return filter;
    }
    narrow(&mut filter.unit, principal.unit().as_str());
    if !principal.has(Role::UnitPrincipal) {
        narrow(&mut filter.user, principal.user().as_str());
    }
    filter
}

/// No id looks like this.
const NOBODY: &str = "/";

/// The records that fit as CSV, made as they are fetched.
fn csv_response(register: Register, filter: Filter, chinese: bool) -> Response {
    let head = csv_text::head(if chinese { &HEAD_ZH } else { &HEAD });
    let mut response = csv_stream::response(head, None::<String>, move |after| {
        let page = register.list(&filter, after.as_deref(), CSV_ROWS)?;
        let text = page.items.iter().flat_map(|record| csv_text::row(&columns(record))).collect();
        Ok::<_, UsageError>((text, page.next.map(Some)))
    });
    let name = HeaderValue::from_static("attachment; filename=\"usage.csv\"");
    response.headers_mut().insert(header::CONTENT_DISPOSITION, name);
    response
}

/// The six columns of J-24(3) come first, in its order.
const HEAD: [&str; 15] = [
    "purpose",
    "user",
    "approver",
    "content",
    "obtained_at",
    "medium",
    "unit",
    "reason",
    "terminal",
    "session",
    "grant",
    "started_at",
    "closed_at",
    "bytes",
    "end_reason",
];
const HEAD_ZH: [&str; 15] = [
    "用途",
    "使用人",
    "审批人",
    "视频内容",
    "获取时间",
    "介质类型",
    "单位",
    "事由",
    "终端",
    "会话",
    "授权",
    "开始时间",
    "结束时间",
    "字节数",
    "结束原因",
];

fn columns(record: &UsageRecord) -> [String; 15] {
    let stamp = |stamp: Option<Stamp>| stamp.map(|s| s.to_string()).unwrap_or_default();
    let content = match (record.content.from, record.content.to) {
        (Some(from), Some(to)) => format!("{} {from}/{to}", record.content.camera),
        _ => record.content.camera.to_string(),
    };
    let medium = match record.medium {
        Medium::LiveStream => "live_stream",
        Medium::PlaybackStream => "playback_stream",
        Medium::File => "file",
    };
    let end_reason = record.end_reason.map(|why| serde_json::to_value(why).expect("a plain enum is text"));
    [
        record.purpose.clone(),
        record.user.clone(),
        record.approver.clone(),
        content,
        record.opened_at.to_string(),
        medium.into(),
        record.unit.clone(),
        record.reason.clone(),
        record.terminal.clone(),
        record.session.0.clone(),
        record.grant.clone().unwrap_or_default(),
        stamp(record.started_at),
        stamp(record.closed_at),
        record.bytes.to_string(),
        end_reason.as_ref().and_then(|why| why.as_str()).unwrap_or_default().into(),
    ]
}

fn read_failed(error: &UsageError) -> ApiError {
    tracing::error!(%error, "the usage register could not be read");
    Code::Internal.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_widens_what_they_may_see() {
        let terminal = std::net::IpAddr::from([10, 0, 0, 1]);
        let wish = UsageQuery { user: Some("wang".parse().unwrap()), ..UsageQuery::default() };
        let operator = Principal::for_test("li", "u1", &[Role::Operator], terminal);
        let narrowed = filter(&operator, &wish);
        assert_eq!((narrowed.user.as_deref(), narrowed.unit.as_deref()), (Some(NOBODY), Some("u1")));
        let head = Principal::for_test("li", "u1", &[Role::UnitPrincipal], terminal);
        assert_eq!(filter(&head, &wish).user.as_deref(), Some("wang"));
        let foreign = UsageQuery { unit: Some("u2".parse().unwrap()), ..UsageQuery::default() };
        assert_eq!(filter(&head, &foreign).unit.as_deref(), Some(NOBODY));
        let auditor = Principal::for_test("li", "u1", &[Role::AuditAdmin], terminal);
        assert_eq!(filter(&auditor, &foreign).unit.as_deref(), Some("u2"));
    }
}
