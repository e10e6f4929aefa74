//! Lists as the API gives them: a page of items and a cursor to the next.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// Items of a page where nothing is asked.
pub const LIMIT_DEFAULT: usize = 100;
/// Most items of a page: some 500 KiB of JSON.
pub const LIMIT_MAX: usize = 500;

/// A page of a list.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Hand it back as `cursor` for the next page; null at the end.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Of items each with its key, the last key making the cursor. One item more than `limit` says that there is a next page.
    pub fn of(mut keyed: Vec<(String, T)>, limit: usize) -> Self {
        let more = keyed.len() > limit;
        keyed.truncate(limit);
        let next = keyed.last().filter(|_| more).map(|(key, _)| URL_SAFE_NO_PAD.encode(key));
        Self { items: keyed.into_iter().map(|(_, item)| item).collect(), next }
    }
}

/// What every list takes.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// Items of the page, 1 to 500.
    #[param(minimum = 1, maximum = 500)]
    pub limit: Option<usize>,
    /// The `next` of the page before.
    pub cursor: Option<String>,
}

/// The cursor that leads on after `key`.
pub fn cursor(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

/// The asked limit within its bounds, or a refusal.
pub fn limit(asked: Option<usize>) -> Result<usize, ApiError> {
    match asked {
        None => Ok(LIMIT_DEFAULT),
        Some(limit) if (1..=LIMIT_MAX).contains(&limit) => Ok(limit),
        Some(_) => Err(ApiError::field("limit", "须为1至500。", "Give 1 to 500.")),
    }
}

/// The key behind a cursor, if one was given; it must lie under `prefix`.
pub fn after(prefix: &str, cursor: Option<&str>) -> Result<Option<String>, ApiError> {
    let refused = || ApiError::field("cursor", "请使用上一页返回的 next。", "Use the `next` of the page before.");
    let Some(cursor) = cursor else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refused())?;
    let key = String::from_utf8(bytes).map_err(|_| refused())?;
    if key.starts_with(prefix) { Ok(Some(key)) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_of_a_full_page_leads_on_and_a_foreign_one_is_refused() {
        let page = Page::of(vec![("unit/a".into(), 1), ("unit/b".into(), 2)], 1);
        assert_eq!(page.items, [1]);
        assert_eq!(after("unit/", page.next.as_deref()).unwrap().as_deref(), Some("unit/a"));
        assert!(after("user/", page.next.as_deref()).is_err());
        assert!(after("unit/", Some("%%")).is_err());
        assert!(Page::of(vec![("unit/a".into(), 1)], 1).next.is_none());
    }
}
