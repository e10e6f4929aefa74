//! Records as a CSV file and back. Every row is checked before any is taken, and each fault is told with its line and column.
//! Absent: guessing. Columns are named by the header, unknown ones are refused, the text is UTF-8.

use ::csv::{ReaderBuilder, StringRecord, WriterBuilder};
use serde_json::{Map, Value};

use super::{Cell, Record, Register, State};
use crate::error::{ApiError, Code, RowError};

/// Most rows of one file: what one commit of the store takes, all or nothing.
pub const ROWS_MAX: usize = 800;
/// Most faults told at once.
const FAULTS_MAX: usize = 500;
/// Columns that are written and read over, so that an exported file can come back.
const ABOUT: [&str; 5] = ["id", "unit", "state", "filed_by", "filed_at"];
/// What separates several texts in one cell.
const BETWEEN: char = ';';

/// The first line of a file.
pub fn header<R: Register>() -> Vec<u8> {
    let names = ABOUT.into_iter().chain(R::COLUMNS.iter().map(|column| column.name));
    let mut out = vec![0xef, 0xbb, 0xbf];
    out.extend(line(names.map(Into::into)));
    out
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
    line(about.into_iter().chain(R::COLUMNS.iter().map(|column| cell(fields.get(column.name)))))
}

fn line(cells: impl Iterator<Item = String>) -> Vec<u8> {
    let mut writer = WriterBuilder::new().terminator(::csv::Terminator::CRLF).from_writer(Vec::new());
    let written = writer.write_record(cells.map(|cell| harmless(&cell)));
    written.expect("a line in memory can be written");
    writer.into_inner().expect("a line in memory can be flushed")
}

/// A spreadsheet takes a cell that begins so for a formula; the apostrophe says that it is text.
fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell.into() }
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
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = ReaderBuilder::new().flexible(true).trim(::csv::Trim::All).from_reader(text);
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(_) => return Err(refused(vec![fault(1, "", "表头须为UTF-8文本。", "The header has to be UTF-8 text.")])),
    };
    let mut faults = header_faults::<R>(&header);
    if !faults.is_empty() {
        return Err(refused(faults));
    }
    let mut forms = Vec::new();
    for (number, record) in (2..).zip(reader.into_records()) {
        if forms.len() + faults.len() >= ROWS_MAX || faults.len() >= FAULTS_MAX {
            faults.push(fault(number, "", "每个文件最多800行。", "A file has at most 800 rows; split it."));
            break;
        }
        match record {
            Err(_) => faults.push(fault(number, "", "须为UTF-8文本。", "It has to be UTF-8 text.")),
            Ok(record) if record.len() != header.len() => {
                faults.push(fault(number, "", "列数与表头不符。", "It has not as many cells as the header."));
            }
            Ok(record) => match form(&header, &record, parse) {
                Ok(form) => forms.push((number, form)),
                Err(error) => faults.push(of_error(number, &error)),
            },
        }
    }
    if faults.is_empty() { Ok(forms) } else { Err(refused(faults)) }
}

fn header_faults<R: Register>(header: &StringRecord) -> Vec<RowError> {
    let known = |name: &str| ABOUT.contains(&name) || R::COLUMNS.iter().any(|column| column.name == name);
    let mut faults = Vec::new();
    for (place, name) in header.iter().enumerate() {
        if !known(name) {
            let name: String = name.chars().take(64).collect();
            faults.push(fault(1, &name, "没有该列。", "There is no such column."));
        } else if header.iter().take(place).any(|earlier| earlier == name) {
            faults.push(fault(1, name, "该列重复。", "The column is there twice."));
        }
    }
    faults
}

fn form<R: Register>(header: &StringRecord, record: &StringRecord, parse: Parse<R>) -> Result<R, ApiError> {
    let mut fields = Map::new();
    for (name, text) in header.iter().zip(record) {
        let Some(column) = R::COLUMNS.iter().find(|column| column.name == name) else { continue };
        if !text.is_empty() {
            fields.insert(name.into(), value(column.cell, text));
        }
    }
    let bytes = Value::Object(fields).to_string();
    parse(bytes.as_bytes())
}

fn value(cell: Cell, text: &str) -> Value {
    let text = text.strip_prefix('\'').unwrap_or(text);
    match cell {
        Cell::Text => text.into(),
        Cell::Plain => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
        Cell::List => text.split(BETWEEN).map(str::trim).filter(|item| !item.is_empty()).collect(),
    }
}

/// The fault of a row whose form was refused.
pub fn of_error(row: u64, error: &ApiError) -> RowError {
    let (zh, en) = (error.body("", true), error.body("", false));
    RowError { row, field: en.field.unwrap_or_default(), zh: zh.remedy, en: en.remedy }
}

fn fault(row: u64, field: &str, zh: &str, en: &str) -> RowError {
    RowError { row, field: field.into(), zh: zh.into(), en: en.into() }
}

/// The refusal of a whole file.
pub fn refused(rows: Vec<RowError>) -> ApiError {
    ApiError::new(Code::InvalidField).at("rows").with_rows(rows)
}
