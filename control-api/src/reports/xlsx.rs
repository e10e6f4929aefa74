//! A report as a workbook: written part by part to a file without a name, which is gone when it is closed. Its memory does not
//! grow with its rows.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use media::wall::Wall;
use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};

use super::{Asked, Cell, Language, Part, Report};
use crate::error::{ApiError, Code};

/// Rows of one sheet: a round number below the 1,048,576 that the format has.
const ROWS_PER_SHEET: u32 = 1_000_000;
/// Sheets of one workbook. Five years of the largest report; whoever wants more asks for CSV.
const SHEETS_MAX: u32 = 5;
/// Rows read at a time.
const ROWS_PER_PART: usize = 1_000;
/// Characters of one cell. The format's own bound is 32,767.
const CELL_CHARS_MAX: usize = 32_000;
/// Width of a column, in characters. An instant has 19.
const COLUMN_WIDTH: f64 = 22.0;
/// How instants look.
const INSTANT: &str = "yyyy-mm-dd hh:mm:ss";
/// Days from the calendar's day 0, as spreadsheets count (30 December 1899), to 1970.
const DAYS_TO_1970: f64 = 25_569.0;

/// Writes the whole report, of which `first` was read already. The file lies in `folder` and is positioned at its beginning.
/// Blocks.
pub fn write(report: &Report, asked: &Asked, language: Language, first: Part, folder: &Path) -> Result<File, ApiError> {
    let mut book = Book::open(report, asked, language, folder).map_err(|error| failed(&error))?;
    let mut part = first;
    loop {
        for row in &part.rows {
            book.put(row).map_err(|error| failed(&error))?;
        }
        let Some(next) = part.next else { break };
        part = (report.read)(asked, Some(&next), ROWS_PER_PART)?;
    }
    let mut file = tempfile::tempfile_in(folder).map_err(|error| failed(&error.into()))?;
    book.workbook.save_to_writer(&file).map_err(|error| failed(&error))?;
    file.seek(SeekFrom::Start(0)).map_err(|error| failed(&error.into()))?;
    Ok(file)
}

fn failed(error: &XlsxError) -> ApiError {
    if matches!(error, XlsxError::RowColumnLimitError) {
        return ApiError::new(Code::TooLarge).remedied(
            "行数超过工作簿上限,请缩短时段或使用 CSV。",
            "It has more rows than a workbook; ask for less, or for CSV.",
        );
    }
    tracing::error!(%error, "a workbook could not be written");
    Code::Internal.into()
}

struct Book<'a> {
    report: &'a Report,
    language: Language,
    zone: &'a TimeZone,
    workbook: Workbook,
    sheets: u32,
    /// The next row of the newest sheet.
    row: u32,
    instant: Format,
}

impl<'a> Book<'a> {
    fn open(report: &'a Report, asked: &'a Asked, language: Language, folder: &Path) -> Result<Self, XlsxError> {
        let mut workbook = Workbook::new();
        workbook.set_tempdir(folder)?;
        let instant = Format::new().set_num_format(INSTANT);
        let mut book = Self { report, language, zone: asked.zone(), workbook, sheets: 0, row: 0, instant };
        book.begin_sheet()?;
        Ok(book)
    }

    fn begin_sheet(&mut self) -> Result<(), XlsxError> {
        if self.sheets == SHEETS_MAX {
            return Err(XlsxError::RowColumnLimitError);
        }
        self.sheets += 1;
        let (name, bold) =
            (format!("{} {}", self.report.title.in_(self.language), self.sheets), Format::new().set_bold());
        let sheet = self.workbook.add_worksheet_with_constant_memory()?;
        sheet.set_name(name)?;
        sheet.set_freeze_panes(1, 0)?;
        for (at, column) in (0..).zip(self.report.columns) {
            sheet.set_column_width(at, COLUMN_WIDTH)?;
            let heading = if self.language == Language::Zh { column.zh } else { column.name };
            sheet.write_string_with_format(0, at, heading, &bold)?;
        }
        self.row = 1;
        Ok(())
    }

    fn put(&mut self, cells: &[Cell]) -> Result<(), XlsxError> {
        if self.row > ROWS_PER_SHEET {
            self.begin_sheet()?;
        }
        let (row, language, zone) = (self.row, self.language, self.zone);
        let newest = usize::try_from(self.sheets - 1).expect("few sheets");
        let sheet = self.workbook.worksheet_from_index(newest)?;
        for (at, cell) in (0..).zip(cells) {
            match cell {
                Cell::Empty => {}
                Cell::Count(count) => _ = sheet.write_number(row, at, *count as f64)?,
                Cell::Number(number) => _ = sheet.write_number(row, at, *number)?,
                Cell::At(instant) => write_instant(sheet, (row, at), *instant, zone, &self.instant)?,
                other => _ = sheet.write_string(row, at, shortened(&other.print(language, zone)))?,
            }
        }
        self.row += 1;
        Ok(())
    }
}

/// Spreadsheets know no zones: what stands there is the site's time.
fn write_instant(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    at: Wall,
    zone: &TimeZone,
    format: &Format,
) -> Result<(), XlsxError> {
    let offset = Timestamp::from_microsecond(at.micros()).map_or(0, |at| zone.to_offset(at).seconds());
    let days = (at.micros() as f64 / 1e6 + f64::from(offset)) / 86_400.0 + DAYS_TO_1970;
    sheet.write_number_with_format(row, column, days, format)?;
    Ok(())
}

fn shortened(text: &str) -> &str {
    text.char_indices().nth(CELL_CHARS_MAX).map_or(text, |(at, _)| text.get(..at).unwrap_or(text))
}
