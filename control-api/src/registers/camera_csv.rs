//! Cameras from a CSV file: every row is checked before any is taken, and each fault is told with its line and column. Absent:
//! guessing. Columns are named by the header, unknown ones are refused, the text is UTF-8.

use std::collections::HashSet;

use csv::StringRecord;

use super::camera::{Camera, CameraForm, Credentials, Enrolment, Transport};
use super::retention_class::RetentionClass;
use super::security_level::SecurityLevel;
use crate::csv_text::{Lines, untamed};
use crate::error::{ApiError, RowError};

/// Most cameras of one file: what one commit of the store takes, all or nothing.
pub const ROWS_MAX: usize = 2_000;
/// Most faults told at once.
pub const FAULTS_MAX: usize = 500;

/// The columns that every file has. Device status, the seventh field of J-4, is kept by the relay.
pub const MANDATORY: [&str; 8] = [
    "name",
    "source",
    "resource_category",
    "location_name",
    "camera_type",
    "construction_unit",
    "maintenance_unit",
    "contact",
];
/// The columns a file may have besides. `device_status` is read over, so that an exported file can come back.
pub const OPTIONAL: [&str; 10] = [
    "id",
    "sub_source",
    "transport",
    "area",
    "owner",
    "retention_class",
    "security_level",
    "username",
    "password",
    "device_status",
];

/// A camera of the file, with the line it stands on.
pub struct Row {
    /// Line of the file, the header being line 1.
    pub line: u64,
    /// The record.
    pub camera: Camera,
    /// What it asks for.
    pub credentials: Option<Credentials>,
}

/// Reads the whole file. `enrolment` gives each row its fresh id. All faults come back at once, in order of lines.
pub fn read(bytes: &[u8], mut enrolment: impl FnMut() -> Result<Enrolment, ApiError>) -> Result<Vec<Row>, ApiError> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(text);
    let header = match reader.headers() {
        Ok(header) => header.clone(),
        Err(_) => {
            return Err(ApiError::rows(vec![RowError::new(
                1,
                "",
                "表头须为UTF-8文本。",
                "The header has to be UTF-8 text.",
            )]));
        }
    };
    let mut faults = header_faults(&header);
    if !faults.is_empty() {
        return Err(ApiError::rows(faults));
    }
    let (mut rows, mut ids, mut lines) = (Vec::new(), HashSet::new(), Lines::of(text));
    for (i, record) in reader.into_records().enumerate() {
        let before = faults.len();
        let line = lines.line(&record);
        if i >= ROWS_MAX {
            faults.push(RowError::new(line, "", "每个文件最多2000行。", "A file has at most 2000 rows; split it."));
            break;
        }
        match row(&header, line, record, &mut enrolment) {
            Ok(row) if ids.insert(row.camera.id.clone()) => rows.push(row),
            Ok(row) => {
                faults.push(RowError::new(row.line, "id", "编号在文件中重复。", "The id stands twice in the file."));
            }
            Err(RowFault::Fault(fault)) => faults.push(fault),
            Err(RowFault::Whole(error)) => return Err(error),
        }
        if faults.len() > before && faults.len() >= FAULTS_MAX {
            break;
        }
    }
    if rows.is_empty() && faults.is_empty() {
        faults.push(RowError::new(2, "", "文件没有数据行。", "The file has no rows."));
    }
    if faults.is_empty() { Ok(rows) } else { Err(ApiError::rows(faults)) }
}

enum RowFault {
    Fault(RowError),
    Whole(ApiError),
}

fn header_faults(header: &StringRecord) -> Vec<RowError> {
    let mut faults = Vec::new();
    let mut seen = HashSet::new();
    for column in header {
        let shown: String = column.chars().take(64).collect();
        if !MANDATORY.contains(&column) && !OPTIONAL.contains(&column) {
            faults.push(RowError::new(1, &shown, "没有该列。", "There is no such column."));
        } else if !seen.insert(column) {
            faults.push(RowError::new(1, &shown, "列重复。", "The column stands twice."));
        }
        if faults.len() >= FAULTS_MAX {
            return faults;
        }
    }
    let missing = MANDATORY.iter().filter(|&&column| !seen.contains(column));
    faults.extend(missing.map(|column| RowError::new(1, column, "缺少该列。", "The column is missing.")));
    faults
}

fn row(
    header: &StringRecord,
    line: u64,
    record: Result<StringRecord, csv::Error>,
    enrolment: &mut impl FnMut() -> Result<Enrolment, ApiError>,
) -> Result<Row, RowFault> {
    let record = record
        .map_err(|_| RowFault::Fault(RowError::new(line, "", "该行不是UTF-8文本。", "The row is no UTF-8 text.")))?;
    if record.len() != header.len() {
        return Err(RowFault::Fault(RowError::new(
            line,
            "",
            "列数与表头不符。",
            "It has not as many columns as the header.",
        )));
    }
    let form = form(header, &record).map_err(|error| RowFault::Fault(RowError::told(line, &error)))?;
    let enrolment = enrolment().map_err(RowFault::Whole)?;
    match form.checked(enrolment) {
        Ok((camera, credentials)) => Ok(Row { line, camera, credentials }),
        Err(error) => Err(RowFault::Fault(RowError::told(line, &error))),
    }
}

fn form(header: &StringRecord, record: &StringRecord) -> Result<CameraForm, ApiError> {
    let mut form = CameraForm::default();
    for (column, value) in header.iter().zip(record) {
        let value = untamed(value);
        let (text, filled) = (value.to_owned(), Some(value.to_owned()).filter(|v| !v.is_empty()));
        match column {
            "id" => form.id = filled,
            "name" => form.name = text,
            "source" => form.source = text,
            "sub_source" => form.sub_source = filled,
            "transport" => form.transport = transport(value)?,
            "resource_category" => form.resource_category = text,
            "location_name" => form.location_name = text,
            "camera_type" => form.camera_type = text,
            "construction_unit" => form.construction_unit = text,
            "maintenance_unit" => form.maintenance_unit = text,
            "contact" => form.contact = text,
            "area" => form.area = filled,
            "owner" => form.owner = filled,
            "retention_class" => form.retention_class = retention_class(value)?,
            "security_level" => form.security_level = security_level(value)?,
            "username" => form.username = filled,
            "password" => form.password = filled,
            _ => {}
        }
    }
    Ok(form)
}

fn transport(text: &str) -> Result<Transport, ApiError> {
    match text {
        "" | "tcp" => Ok(Transport::Tcp),
        "udp" => Ok(Transport::Udp),
        _ => Err(ApiError::field("transport", "须为 tcp 或 udp。", "Give tcp or udp.")),
    }
}

fn security_level(text: &str) -> Result<SecurityLevel, ApiError> {
    if text.is_empty() {
        return Ok(SecurityLevel::default());
    }
    // A text that is no number is refused as one that is out of bounds.
    SecurityLevel::checked(text.parse().unwrap_or_default())
}

fn retention_class(text: &str) -> Result<RetentionClass, ApiError> {
    if text.is_empty() {
        return Ok(RetentionClass::default());
    }
    text.parse().map_err(|_| {
        ApiError::field(
            "retention_class",
            "须为 ordinary、key_target 或 voluntary。",
            "Give ordinary, key_target or voluntary.",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::wall::Wall;

    const HEADER: &str =
        "id,name,source,resource_category,location_name,camera_type,construction_unit,maintenance_unit,contact";

    fn import(text: &[u8]) -> Result<Vec<Row>, Vec<(u64, String)>> {
        let mut count = 0;
        let enrolment = || {
            count += 1;
            let fallback_id = format!("auto-{count}").parse().unwrap();
            Ok(Enrolment {
                fallback_id,
                fallback_area: "济源".parse().unwrap(),
                at: Wall::EPOCH,
                by: "u1".parse().unwrap(),
            })
        };
        read(text, enrolment).map_err(|error| {
            let rows = error.body("r", false).rows.unwrap();
            rows.into_iter().map(|fault| (fault.row, fault.field)).collect()
        })
    }

    #[test]
    fn a_bom_quotes_and_a_chinese_comma_are_read() {
        let text = format!("\u{feff}{HEADER}\nc1,\"东街口, 北侧\",rtsp://u:p@10.0.0.1/a,治安,东街,球机,甲,乙,0391\n");
        let rows = import(text.as_bytes()).unwrap();
        assert_eq!(rows[0].camera.name, "东街口, 北侧");
        assert_eq!(rows[0].line, 2);
        assert_eq!(rows[0].credentials.as_ref().unwrap().password, "p");
    }

    #[test]
    fn every_fault_is_told_with_its_line_and_column() {
        let good = "rtsp://10.0.0.1/a,治安,东街,球机,甲,乙,0391";
        let text = format!(
            "{HEADER}\nc1,一,{good}\nc2,二,rtsp://10.0.0.1/a,,东街,球机,甲,乙,0391\nc3,三,http://x,治安,东街,球机,甲,乙,0391\n\
             c1,四,{good}\nc5,五\n,,{good}\n../x,七,{good}\n"
        );
        let faults = import(text.as_bytes()).map(|_| ()).unwrap_err();
        let expected = [(3, "resource_category"), (4, "source"), (5, "id"), (6, ""), (7, "name"), (8, "id")];
        assert_eq!(faults, expected.map(|(line, field)| (line, field.to_owned())));
    }

    #[test]
    fn a_header_that_lacks_or_invents_columns_is_refused_at_once() {
        let faults = import("name,source,nonsense\n".as_bytes()).map(|_| ()).unwrap_err();
        assert_eq!(faults.first(), Some(&(1, "nonsense".into())));
        assert!(faults.contains(&(1, "contact".into())) && faults.len() == 7, "{faults:?}");
        assert_eq!(import(b"").map(|_| ()).unwrap_err().len(), 8);
    }

    #[test]
    fn foreign_bytes_and_floods_are_bounded() {
        let foreign = [HEADER.as_bytes(), b"\nc1,\xff\xfe,x,x,x,x,x,x,x\n"].concat();
        assert_eq!(import(&foreign).map(|_| ()).unwrap_err(), [(2, String::new())]);
        let many = format!("{HEADER}\n{}", ",,,,,,,,\n".repeat(100_000));
        assert_eq!(import(many.as_bytes()).map(|_| ()).unwrap_err().len(), FAULTS_MAX);
        let good = "x,rtsp://10.0.0.1/a,a,a,a,a,a,a";
        let long: String = (0..=ROWS_MAX).map(|i| format!("c{i},{good}\n")).collect();
        assert_eq!(import(format!("{HEADER}\n{long}").as_bytes()).map(|_| ()).unwrap_err(), [(2_002, String::new())]);
    }
}
