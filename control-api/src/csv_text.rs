//! Lines of CSV as spreadsheets take them: RFC 4180, UTF-8 with its mark at the front, and no text that a sheet would run.

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

#[cfg(test)]
mod tests {
    use super::*;

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
