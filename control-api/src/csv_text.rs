//! Lines of CSV as spreadsheets take them: RFC 4180, UTF-8 with its mark at the front, and no text that a sheet would run.

use csv::StringRecord;

/// What stands before the first heading, so that a spreadsheet reads UTF-8.
pub const MARK: &str = "\u{feff}";
/// What a spreadsheet would take for the beginning of a formula (OWASP, CSV injection); and the apostrophe that tames one, so that
/// a text that begins with it comes back as it was.
const TAMED: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\''];

/// The first line of a file, behind the mark.
pub fn head<T: AsRef<str>>(fields: &[T]) -> Vec<u8> {
    [MARK.as_bytes(), &row(fields)].concat()
}

/// One line.
pub fn row<T: AsRef<str>>(fields: &[T]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let tame = fields.iter().map(|field| match field.as_ref() {
        text if text.starts_with(TAMED) && text.parse::<f64>().is_err() => format!("'{text}"),
        text => text.to_owned(),
    });
    writer.write_record(tame).expect("writing to memory does not fail");
    writer.into_inner().expect("flushing to memory does not fail")
}

/// The text that `row` tamed, as it was.
pub fn untamed(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| rest.starts_with(TAMED)).unwrap_or(text)
}

/// Tells on which line of a file each record begins, as an editor counts: the reader counts one too few behind CR LF, and skips
/// empty lines.
pub struct Lines<'a> {
    rest: &'a [u8],
    read: u64,
    line: u64,
}

impl<'a> Lines<'a> {
    /// Of this file, from its first byte on.
    pub fn of(text: &'a [u8]) -> Self {
        Self { rest: text, read: 0, line: 1 }
    }

    /// The line of a record. They come in their order.
    pub fn line(&mut self, record: &Result<StringRecord, csv::Error>) -> u64 {
        let position = record.as_ref().map_or_else(csv::Error::position, StringRecord::position);
        let ahead = position.map_or(0, |position| position.byte().saturating_sub(self.read));
        let ahead = usize::try_from(ahead).unwrap_or(usize::MAX).min(self.rest.len());
        let ends = self.rest.iter().skip(ahead).take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let (passed, rest) = self.rest.split_at(ahead + ends);
        let next = passed.iter().skip(1).chain(rest.first());
        let ended = |(byte, next): &(&u8, &u8)| **byte == b'\n' || (**byte == b'\r' && **next != b'\n');
        self.line += passed.iter().zip(next).filter(ended).count() as u64;
        self.read += passed.len() as u64;
        self.rest = rest;
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_where_an_editor_shows_it() {
        let file = "a,b\n1,2\n\n\"3\n\",4\n5,6\n";
        for (end, file) in
            [("LF", file.to_owned()), ("CR LF", file.replace('\n', "\r\n")), ("CR", file.replace('\n', "\r"))]
        {
            let (mut lines, mut reader) = (Lines::of(file.as_bytes()), csv::Reader::from_reader(file.as_bytes()));
            let at: Vec<u64> = reader.records().map(|record| lines.line(&record)).collect();
            assert_eq!(at, [2, 4, 6], "{end}");
        }
    }

    #[test]
    fn a_formula_is_only_text_and_comes_back_as_it_was() {
        let line = String::from_utf8(row(&["=cmd|' /C calc'!A0", "a,\"b\"\nc", "-3.5", "+86 391"])).unwrap();
        assert_eq!(line, "'=cmd|' /C calc'!A0,\"a,\"\"b\"\"\nc\",-3.5,'+86 391\r\n");
        for text in ["=1", "'", "'=1", "''=1", "plain", "+86", "-", "", "'quoted'"] {
            let line = String::from_utf8(row(&[text, "x"])).unwrap();
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
            let cell = reader.records().next().unwrap().unwrap()[0].to_owned();
            assert_eq!(untamed(&cell), text, "{cell}");
        }
    }
}
