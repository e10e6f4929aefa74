//! The table of codes as the description carries it (`x-codes`): status, articles, both languages and both remedies of each, so
//! that an inspector reads there on which article every refusal rests (J-1).

use serde_json::{Value, json};
use utoipa::openapi::extensions::Extensions;

use crate::error::Code;

/// The table, for the description.
pub(super) fn extension() -> Extensions {
    let table: serde_json::Map<String, Value> = Code::ALL.iter().map(|code| (code.text().into(), row(*code))).collect();
    Extensions::from_iter([("x-codes", Value::Object(table))])
}

fn row(code: Code) -> Value {
    let row = code.row();
    json!({
        "status": row.status, "articles": row.articles, "message": {"zh": row.zh, "en": row.en},
        "remedy": {"zh": row.remedy_zh, "en": row.remedy_en},
    })
}
