//! Records as a CSV file and back. Every row is checked before any is taken, and each fault is told with its line and column.
//! Absent: guessing. Columns are named by the header, unknown ones are refused, the text is UTF-8.

use ::csv::{ReaderBuilder, StringRecord};
use serde_json::{Map, Value};

use super::{Cell, Record, Register, State};
use crate::csv_text;
use crate::error::{ApiError, RowError};

/// Most rows of one file: what one commit of the store takes, all or nothing.
pub const ROWS_MAX: usize = 800;
/// Columns that are written and read over, so that an exported file can come back.
const ABOUT: [&str; 5] = ["id", "unit", "state", "filed_by", "filed_at"];
/// What separates several texts in one cell.
const BETWEEN: char = ';';

/// The first line of a file.
pub fn header<R: Register>() -> Vec<u8> {
    csv_text::head(&ABOUT.into_iter().chain(R::COLUMNS.iter().map(|column| column.name)).collect::<Vec<_>>())
}

/// The line of one record.
pub fn row<R: Register>(record: &Record<R>) -> Vec<u8> {
    let fields = serde_json::to_value(&record.fields).unwrap_or_default();
    let about = [
        record.id.0.clone(),
        record.unit.to_string(),
        record.state.word().into(),
        record.filed_by.as_ref().map(ToString::to_string).unwrap_or_default(),
        record.filed_at.to_string(),
    ];
    let cells = about.into_iter().chain(R::COLUMNS.iter().map(|column| cell(fields.get(column.name))));
    csv_text::row(&cells.collect::<Vec<_>>())
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => {
            items.iter().map(|item| cell(Some(item))).collect::<Vec<_>>().join(&BETWEEN.to_string())
        }
        Some(other) => other.to_string(),
    }
}

/// A form of the file with the line it stands on.
pub type Row<R> = (u64, R);

/// How a form is read from JSON, with the field named that does not fit.
pub type Parse<R> = fn(&[u8]) -> Result<R, ApiError>;

/// Reads the whole file. All faults come back at once, in order of lines.
pub fn read<R: Register>(bytes: &[u8], parse: Parse<R>) -> Result<Vec<Row<R>>, ApiError> {
    let text = bytes.strip_prefix(csv_text::MARK.as_bytes()).unwrap_or(bytes);
    let mut reader = ReaderBuilder::new().flexible(true).trim(::csv::Trim::All).from_reader(text);
    let header = reader.headers().cloned().map_err(|_| {
        ApiError::rows(vec![RowError::new(1, "", "表头须为UTF-8文本。", "The header has to be UTF-8 text.")])
    })?;
    let mut faults = header_faults::<R>(&header);
    if !faults.is_empty() {
        return Err(ApiError::rows(faults));
    }
    let (mut forms, mut lines) = (Vec::new(), csv_text::Lines::of(text));
    for (number, record) in (0..).zip(reader.into_records()) {
        let line = lines.line(&record);
        if number >= ROWS_MAX {
            faults.push(RowError::new(line, "", "每个文件最多800行。", "A file has at most 800 rows; split it."));
            break;
        }
        match form(&header, line, record, parse) {
            Ok(row) => forms.push(row),
            Err(fault) => faults.push(fault),
        }
    }
    if forms.is_empty() && faults.is_empty() {
        faults.push(RowError::new(2, "", "文件没有数据行。", "The file has no rows."));
    }
    if faults.is_empty() { Ok(forms) } else { Err(ApiError::rows(faults)) }
}

fn header_faults<R: Register>(header: &StringRecord) -> Vec<RowError> {
    let known = |name: &str| ABOUT.contains(&name) || R::COLUMNS.iter().any(|column| column.name == name);
    let mut faults = Vec::new();
    for (place, name) in header.iter().enumerate() {
        if !known(name) {
            let name: String = name.chars().take(64).collect();
            faults.push(RowError::new(1, &name, "没有该列。", "There is no such column."));
        } else if header.iter().take(place).any(|earlier| earlier == name) {
            faults.push(RowError::new(1, name, "该列重复。", "The column is there twice."));
        }
    }
    faults
}

fn form<R: Register>(
    header: &StringRecord,
    line: u64,
    record: Result<StringRecord, ::csv::Error>,
    parse: Parse<R>,
) -> Result<Row<R>, RowError> {
    let record = record.map_err(|_| RowError::new(line, "", "该行不是UTF-8文本。", "The row is no UTF-8 text."))?;
    if record.len() != header.len() {
        return Err(RowError::new(line, "", "列数与表头不符。", "It has not as many columns as the header."));
    }
    let mut fields = Map::new();
    for (name, text) in header.iter().zip(&record) {
        let Some(column) = R::COLUMNS.iter().find(|column| column.name == name) else { continue };
        if !text.is_empty() {
            fields.insert(name.into(), value(column.cell, csv_text::untamed(text)));
        }
    }
    let form = parse(Value::Object(fields).to_string().as_bytes());
    form.map(|form| (line, form)).map_err(|error| RowError::told(line, &error))
}

fn value(cell: Cell, text: &str) -> Value {
    match cell {
        Cell::Text => text.into(),
        Cell::Plain => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
        Cell::List => text.split(BETWEEN).map(str::trim).filter(|item| !item.is_empty()).collect(),
    }
}
