//! Ranges of bytes over HTTP (RFC 9110 section 14): which part of a file a request wants. One range; a request for several gets the
//! whole, as the RFC allows.

use axum::http::{HeaderMap, header};

/// What is wanted of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it.
    Whole,
    /// From the first byte to the one before the last. Never empty.
    Part {
        /// Of the first.
        from: u64,
        /// Behind the last.
        end: u64,
    },
    /// Nothing that is there.
    Nothing,
}

/// What a request wants of a file of so many bytes that this tag names.
pub(crate) fn wanted(headers: &HeaderMap, etag: &str, bytes: u64) -> Wanted {
    let given = |name| headers.get(name).and_then(|value| value.to_str().ok());
    // A part of another file than the one that the caller has the rest of is worth nothing (section 13.1.5). Dates are not compared.
    let Some(range) = given(header::RANGE).filter(|_| given(header::IF_RANGE).is_none_or(|tag| tag == etag)) else {
        return Wanted::Whole;
    };
    parse(range, bytes).unwrap_or(Wanted::Whole)
}

/// None where it is not a range of bytes, or several.
fn parse(range: &str, bytes: u64) -> Option<Wanted> {
    let (first, last) = range.strip_prefix("bytes=")?.trim().split_once('-')?;
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let (from, end) = match (first, last) {
        ("", suffix) => (bytes.saturating_sub(number(suffix)?), bytes),
        (first, "") => (number(first)?, bytes),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return None;
            }
            (first, last.saturating_add(1).min(bytes))
        }
    };
    Some(if from < end { Wanted::Part { from, end } } else { Wanted::Nothing })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(range: &str, if_range: Option<&str>) -> Wanted {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, range.parse().unwrap());
        if let Some(tag) = if_range {
            headers.insert(header::IF_RANGE, tag.parse().unwrap());
        }
        wanted(&headers, "\"a\"", 1_000)
    }

    #[test]
    fn ranges_of_the_rfc_are_read() {
        let part = |from, end| Wanted::Part { from, end };
        for (range, want) in [
            ("bytes=0-499", part(0, 500)),
            ("bytes=500-999", part(500, 1_000)),
            ("bytes=-500", part(500, 1_000)),
            ("bytes=9500-", Wanted::Nothing),
            ("bytes=950-", part(950, 1_000)),
            ("bytes=0-0", part(0, 1)),
            ("bytes=-1", part(999, 1_000)),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=-5000", part(0, 1_000)),
            ("bytes=10-99999999999999999999999", part(10, 1_000)),
            ("bytes=1000-", Wanted::Nothing),
        ] {
            assert_eq!(asked(range, None), want, "{range}");
        }
    }

    #[test]
    fn what_is_no_single_range_of_bytes_is_the_whole() {
        for range in
            ["bytes=5-4", "bytes=0-1,5-6", "lines=1-2", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=+1-2"]
        {
            assert_eq!(asked(range, None), Wanted::Whole, "{range}");
        }
    }

    #[test]
    fn a_part_of_another_file_is_not_given() {
        assert_eq!(asked("bytes=5-", Some("\"b\"")), Wanted::Whole);
        assert_eq!(asked("bytes=5-", Some("W/\"a\"")), Wanted::Whole, "a weak tag compares with nothing");
        assert_eq!(asked("bytes=5-", Some("Thu, 26 Nov 2026 10:00:00 GMT")), Wanted::Whole);
        assert_eq!(asked("bytes=5-", Some("\"a\"")), Wanted::Part { from: 5, end: 1_000 });
        assert_eq!(wanted(&HeaderMap::new(), "\"a\"", 0), Wanted::Whole);
    }
}
