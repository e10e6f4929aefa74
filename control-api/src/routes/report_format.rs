//! In which format and language a table is asked for: by parameter, or by the headers.

use axum::http::{HeaderMap, header};
use serde::Deserialize;

/// A format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    /// JSON, page by page.
    Json,
    /// CSV, whole.
    Csv,
    /// A workbook, whole.
    Xlsx,
}

impl Format {
    /// What `Accept` names first among those that there are; JSON where it names none.
    pub(super) fn accepted(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let named = |part: &str| {
            let essence = part.split(';').next().unwrap_or_default().trim();
            [Self::Json, Self::Csv, Self::Xlsx].into_iter().find(|format| format.media_type() == essence)
        };
        accept.split(',').find_map(named).unwrap_or(Self::Json)
    }

    /// Its media type.
    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }

    /// The ending of its files.
    pub(super) const fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
        }
    }
}

/// True unless another language is asked for: the Bureau's forms are in Chinese.
pub(super) fn asks_chinese(headers: &HeaderMap) -> bool {
    let asked = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let asked = asked.trim_start().to_ascii_lowercase();
    asked.is_empty() || asked.starts_with("zh") || asked.starts_with('*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_format_that_is_known_is_taken() {
        let accepted = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            Format::accepted(&headers)
        };
        assert_eq!(accepted("text/html, text/csv;q=0.9, application/json"), Format::Csv);
        assert_eq!(accepted("*/*"), Format::Json);
        assert_eq!(accepted(Format::Xlsx.media_type()), Format::Xlsx);
    }
}
