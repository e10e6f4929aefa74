//! What a viewer sends, cut into requests. Every length is bounded before anything is parsed or kept; interleaved data
//! is passed over without being stored.

use rtsp_types::{Message, Request};

/// Request line and headers together. Players send 300 to 600 bytes; 8 KiB is what HTTP servers allow.
pub const HEAD_BYTES_MAX: usize = 8 << 10;
/// A request's body. Players send none, or a few parameter names.
pub const BODY_BYTES_MAX: usize = 16 << 10;
/// Header lines of a request.
pub const HEADERS_MAX: usize = 64;
/// Bytes kept of a connection: one request of full size.
pub const INBOX_BYTES_MAX: usize = HEAD_BYTES_MAX + BODY_BYTES_MAX;

/// Bytes of the header before interleaved data: `$`, channel, length (RFC 2326 section 10.12).
const INTERLEAVED_HEADER_BYTES: usize = 4;

/// One thing a viewer sent.
#[derive(Debug)]
pub(super) enum Item {
    Request(Request<Vec<u8>>),
    /// Interleaved data on this channel. Its bytes are not kept.
    Data {
        channel: u8,
    },
    /// A request that is whole but cannot be served, with its CSeq where it has a sound one.
    Refused {
        why: Unserved,
        cseq: Option<String>,
    },
}

/// Why a whole request cannot be served. The connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unserved {
    Malformed,
    Version,
}

/// Why the bytes can no longer be cut into requests. The connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Uncut {
    NotRtsp,
    HeadTooLarge,
    BodyTooLarge,
}

#[derive(Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    /// Bytes at the front that have been searched for the end of the head.
    searched: usize,
    /// Bytes still to come that belong to interleaved data.
    skip: usize,
}

impl Inbox {
    /// Bytes that may still be pushed.
    pub(super) fn room(&self) -> usize {
        INBOX_BYTES_MAX - self.bytes.len()
    }

    /// False where it is more than there is room for; then nothing is taken.
    pub(super) fn push(&mut self, bytes: &[u8]) -> bool {
        let skipped = bytes.len().min(self.skip);
        let rest = bytes.get(skipped..).unwrap_or_default();
        if rest.len() > self.room() {
            return false;
        }
        self.skip -= skipped;
        self.bytes.extend_from_slice(rest);
        true
    }

    /// True while a request has begun and is not whole.
    pub(super) fn is_partial(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// The next whole thing, if one is there.
    pub(super) fn next(&mut self) -> Result<Option<Item>, Uncut> {
        let blank = self.bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        if blank > 0 {
            self.consume(blank);
        }
        match self.bytes.first() {
            None => Ok(None),
            Some(b'$') => Ok(self.next_data()),
            // All methods begin so; a TLS or binary hello does not.
            Some(first) if first.is_ascii_alphabetic() => self.next_request(),
            Some(_) => Err(Uncut::NotRtsp),
        }
    }

    fn next_data(&mut self) -> Option<Item> {
        let &[_, channel, high, low] = self.bytes.first_chunk::<INTERLEAVED_HEADER_BYTES>()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let here = length.min(self.bytes.len() - INTERLEAVED_HEADER_BYTES);
        self.skip = length - here;
        self.consume(INTERLEAVED_HEADER_BYTES + here);
        Some(Item::Data { channel })
    }

    fn next_request(&mut self) -> Result<Option<Item>, Uncut> {
        let Some(head_len) = self.find_head_end()? else { return Ok(None) };
        let head = Head::read(self.bytes.get(..head_len).unwrap_or_default())?;
        let len = head_len + head.body_bytes;
        let Some(whole) = self.bytes.get(..len) else { return Ok(None) };
        let item = match head.unserved {
            Some(why) => Item::Refused { why, cseq: head.cseq },
            None => match Message::<Vec<u8>>::parse(whole) {
                Ok((Message::Request(request), consumed)) if consumed == len => Item::Request(request),
                _ => Item::Refused { why: Unserved::Malformed, cseq: head.cseq },
            },
        };
        self.consume(len);
        Ok(Some(item))
    }

    /// Length of the head with its blank line. Each byte is looked at once, however slowly they drip in.
    fn find_head_end(&mut self) -> Result<Option<usize>, Uncut> {
        const END: &[u8] = b"\r\n\r\n";
        let from = self.searched.saturating_sub(END.len() - 1);
        let found = self.bytes.get(from..).unwrap_or_default().windows(END.len()).position(|w| w == END);
        let len = found.map(|at| from + at + END.len());
        // A head that is found is found again while its body is on its way.
        self.searched = found.map_or(self.bytes.len(), |at| from + at);
        if len.unwrap_or(self.bytes.len()) > HEAD_BYTES_MAX {
            return Err(Uncut::HeadTooLarge);
        }
        Ok(len)
    }

    fn consume(&mut self, len: usize) {
        self.bytes.drain(..len);
        self.searched = 0;
    }
}

/// What must be known of a head before its body may be waited for.
struct Head {
    body_bytes: usize,
    cseq: Option<String>,
    unserved: Option<Unserved>,
}

impl Head {
    fn read(head: &[u8]) -> Result<Self, Uncut> {
        let mut lines = head.split(|b| *b == b'\n').map(<[u8]>::trim_ascii);
        let version = lines.next().and_then(|line| line.rsplit(|b| *b == b' ').next()).unwrap_or_default();
        if !version.starts_with(b"RTSP/") {
            return Err(Uncut::NotRtsp);
        }
        let mut found = Self { body_bytes: 0, cseq: None, unserved: None };
        if version != b"RTSP/1.0" {
            found.unserved = Some(Unserved::Version);
        }
        let mut headers = 0;
        for line in lines.filter(|line| !line.is_empty()) {
            headers += 1;
            if headers > HEADERS_MAX {
                return Err(Uncut::HeadTooLarge);
            }
            let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
            let (name, value) = line.split_at(colon);
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            if name.trim_ascii().eq_ignore_ascii_case(b"content-length") {
                found.body_bytes = content_length(value)?;
            } else if name.trim_ascii().eq_ignore_ascii_case(b"cseq") {
                found.cseq = sound_cseq(value);
            }
        }
        Ok(found)
    }
}

fn content_length(value: &[u8]) -> Result<usize, Uncut> {
    // Where the length is no number, where the next request begins is anybody's guess.
    let digits = std::str::from_utf8(value).ok().filter(|v| !v.is_empty() && v.bytes().all(|b| b.is_ascii_digit()));
    let digits = digits.ok_or(Uncut::NotRtsp)?;
    match digits.parse() {
        Ok(length) if length <= BODY_BYTES_MAX => Ok(length),
        _ => Err(Uncut::BodyTooLarge),
    }
}

/// A CSeq as it may be sent back: 1 to 10 digits (RFC 2326 section 12.17), so that nothing else can be smuggled in.
pub(super) fn sound_cseq(value: &[u8]) -> Option<String> {
    let sound = (1..=10).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
    sound.then(|| value.iter().map(|b| char::from(*b)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(bytes: &[u8]) -> Result<Option<Item>, Uncut> {
        let mut inbox = Inbox::default();
        assert!(inbox.push(bytes));
        inbox.next()
    }

    #[test]
    fn what_is_not_rtsp_is_told_from_what_is_not_whole() {
        for bad in [&b"\x16\x03\x01\x02\x00"[..], b"\x80", b" OPTIONS", b"GET / HTTP/1.1\r\n\r\n", b"GET /\r\n\r\n"] {
            assert_eq!(first(bad).unwrap_err(), Uncut::NotRtsp, "{bad:?}");
        }
        for part in [&b""[..], b"\r\n\r\n", b"OPT", b"$", b"$\0\0", b"OPTIONS * RTSP/1.0\r\n"] {
            assert!(first(part).unwrap().is_none(), "{part:?}");
        }
    }

    #[test]
    fn lengths_are_bounded_before_anything_is_waited_for() {
        let body = format!("OPTIONS * RTSP/1.0\r\nContent-Length: {}\r\n\r\n", BODY_BYTES_MAX + 1);
        assert_eq!(first(body.as_bytes()).unwrap_err(), Uncut::BodyTooLarge);
        let huge = "OPTIONS * RTSP/1.0\r\nContent-Length: 99999999999999999999999\r\n\r\n";
        assert_eq!(first(huge.as_bytes()).unwrap_err(), Uncut::BodyTooLarge);
        let endless = format!("OPTIONS * RTSP/1.0\r\nX: {}", "x".repeat(HEAD_BYTES_MAX));
        assert_eq!(first(endless.as_bytes()).unwrap_err(), Uncut::HeadTooLarge);
        let many = format!("OPTIONS * RTSP/1.0\r\n{}\r\n", "a: b\r\n".repeat(HEADERS_MAX + 1));
        assert_eq!(first(many.as_bytes()).unwrap_err(), Uncut::HeadTooLarge);
        let mut inbox = Inbox::default();
        assert!(!inbox.push(&vec![b'x'; INBOX_BYTES_MAX + 1]));
        assert!(!inbox.is_partial());
    }

    #[test]
    fn a_request_is_found_wherever_it_is_cut() {
        let bytes =
            b"\r\n$\x01\x00\x03abcSET_PARAMETER rtsp://h/s/t RTSP/1.0\r\nCSeq: 7\r\nContent-Length: 2\r\n\r\nhi";
        for cut in 0..bytes.len() {
            let mut inbox = Inbox::default();
            let mut items = Vec::new();
            for part in [&bytes[..cut], &bytes[cut..]] {
                assert!(inbox.push(part));
                while let Some(item) = inbox.next().unwrap() {
                    items.push(item);
                }
            }
            let [Item::Data { channel: 1 }, Item::Request(request)] = &items[..] else { panic!("{cut}: {items:?}") };
            assert_eq!(request.body(), b"hi");
            assert!(!inbox.is_partial());
        }
    }

    #[test]
    fn another_version_is_named_with_its_cseq() {
        let Ok(Some(Item::Refused { why: Unserved::Version, cseq })) = first(b"OPTIONS * RTSP/2.0\r\nCSeq: 9\r\n\r\n")
        else {
            panic!("not refused");
        };
        assert_eq!(cseq.as_deref(), Some("9"));
        assert_eq!(sound_cseq(b"1\r"), None);
        assert_eq!(sound_cseq(b"12345678901"), None);
    }
}
