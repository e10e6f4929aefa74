//! RTSP 1.0 towards cameras (RFC 2326): what comes over a connection, cut into responses, requests and interleaved packets
//! without a copy; the requests we send; the headers that a client must understand. Sockets, logins and the order of things are
//! the shell's. Lenient where cameras are careless, bounded whatever they send.

mod transport;

use std::fmt::Write as _;

pub use transport::{Granted, Wanted};

/// Status line and headers of a message. Cameras send some hundred bytes; a digest challenge with options a thousand.
pub const HEAD_BYTES_MAX: usize = 16 << 10;
/// A message's body: a description with parameter sets takes a few KiB.
pub const BODY_BYTES_MAX: usize = 64 << 10;
/// Header lines of a message.
pub const HEADERS_MAX: usize = 64;
/// Bytes of the header before interleaved data: `$`, channel, length (RFC 2326 section 10.12).
const INTERLEAVED_HEADER_BYTES: usize = 4;

/// The first thing in some bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Cut<'a> {
    /// Not whole yet.
    Partial,
    /// An interleaved packet.
    Data {
        /// Its channel.
        channel: u8,
        /// The packet.
        packet: &'a [u8],
        /// Bytes that it took.
        used: usize,
    },
    /// An answer to a request of ours.
    Response {
        /// The answer.
        response: Response,
        /// Bytes that it took.
        used: usize,
    },
    /// A request of the camera's own, such as OPTIONS; it need not be answered.
    Request {
        /// Bytes that it took.
        used: usize,
    },
}

/// Why bytes can no longer be cut. The connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Uncut {
    /// Neither RTSP nor interleaved data.
    #[error("the camera sends something that is not RTSP")]
    NotRtsp,
    /// Status line and headers do not end, or are too many.
    #[error("a message head of more than {HEAD_BYTES_MAX} bytes or {HEADERS_MAX} lines")]
    HeadTooLarge,
    /// The body is too long.
    #[error("a message body of more than {BODY_BYTES_MAX} bytes")]
    BodyTooLarge,
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// Its status.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Response {
    /// The first value of a header; names are compared without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// All values of a header.
    pub fn headers<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r str> {
        self.headers.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// CSeq, where it has a sound one.
    pub fn cseq(&self) -> Option<u32> {
        self.header("CSeq")?.parse().ok()
    }

    /// The id of the Session header, and the time-out in seconds that stands beside it (RFC 2326 section 12.37).
    pub fn session(&self) -> Option<(&str, Option<u32>)> {
        let mut parts = self.header("Session")?.split(';').map(str::trim);
        let id = parts.next().filter(|id| !id.is_empty())?;
        let timeout =
            parts.find_map(|part| part.strip_prefix("timeout=")).and_then(|seconds| seconds.trim().parse().ok());
        Some((id, timeout))
    }
}

/// Cuts the first thing off. Blank lines before it are passed over and counted as its own.
pub fn cut(bytes: &[u8]) -> Result<Cut<'_>, Uncut> {
    let blank = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let rest = bytes.get(blank..).unwrap_or_default();
    match rest.first() {
        None => Ok(Cut::Partial),
        Some(b'$') => Ok(data(rest, blank)),
        Some(first) if first.is_ascii_alphabetic() => message(rest, blank),
        Some(_) => Err(Uncut::NotRtsp),
    }
}

fn data(rest: &[u8], blank: usize) -> Cut<'_> {
    let Some(&[_, channel, high, low]) = rest.first_chunk::<INTERLEAVED_HEADER_BYTES>() else { return Cut::Partial };
    let end = INTERLEAVED_HEADER_BYTES + usize::from(u16::from_be_bytes([high, low]));
    match rest.get(INTERLEAVED_HEADER_BYTES..end) {
        Some(packet) => Cut::Data { channel, packet, used: blank + end },
        None => Cut::Partial,
    }
}

fn message(rest: &[u8], blank: usize) -> Result<Cut<'_>, Uncut> {
    let Some(head_len) = head_end(rest)? else { return Ok(Cut::Partial) };
    let head = String::from_utf8_lossy(rest.get(..head_len).unwrap_or_default());
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let mut response = Response::default();
    for line in lines.filter(|line| !line.trim().is_empty()) {
        if response.headers.len() >= HEADERS_MAX {
            return Err(Uncut::HeadTooLarge);
        }
        // A line without a colon means nothing to anybody.
        if let Some((name, value)) = line.split_once(':') {
            response.headers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    let body_bytes = match response.header("Content-Length") {
        None => 0,
        Some(text) => text.parse().map_err(|_| Uncut::NotRtsp)?,
    };
    if body_bytes > BODY_BYTES_MAX {
        return Err(Uncut::BodyTooLarge);
    }
    let end = head_len + body_bytes;
    let Some(body) = rest.get(head_len..end) else { return Ok(Cut::Partial) };
    let used = blank + end;
    let mut words = first.split_ascii_whitespace();
    let begin = words.next().unwrap_or_default();
    if begin.starts_with("RTSP/") {
        response.status = words.next().and_then(|status| status.parse().ok()).ok_or(Uncut::NotRtsp)?;
        response.body = body.to_vec();
        return Ok(Cut::Response { response, used });
    }
    if words.next_back().is_some_and(|version| version.starts_with("RTSP/")) {
        return Ok(Cut::Request { used });
    }
    Err(Uncut::NotRtsp)
}

/// Length of the head with its blank line; lines may end by a line feed alone.
fn head_end(bytes: &[u8]) -> Result<Option<usize>, Uncut> {
    let seen = bytes.get(..bytes.len().min(HEAD_BYTES_MAX)).unwrap_or_default();
    let ends = seen.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1);
    let blank = |at: &usize| {
        let rest = seen.get(*at..).unwrap_or_default();
        rest.first() == Some(&b'\n') || rest.starts_with(b"\r\n")
    };
    let Some(at) = ends.clone().find(blank) else {
        return if bytes.len() >= HEAD_BYTES_MAX { Err(Uncut::HeadTooLarge) } else { Ok(None) };
    };
    Ok(Some(at + if seen.get(at) == Some(&b'\n') { 1 } else { 2 }))
}

/// A request. Header values must hold no line break.
pub fn request(method: &str, uri: &str, cseq: u32, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut text = format!("{method} {uri} RTSP/1.0\r\nCSeq: {cseq}\r\n");
    for (name, value) in headers {
        debug_assert!(!value.contains(['\r', '\n']), "a header of our own is one line");
        let _ = write!(text, "{name}: {value}\r\n");
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// The URL of a control attribute (RFC 2326 appendix C.1.1): absolute, or below the base. Joined as cameras expect it: a
/// query in the base stays where it is.
pub fn control_url(base: &str, control: &str) -> String {
    let control = control.trim();
    if control.is_empty() || control == "*" {
        return base.to_owned();
    }
    if control.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("rtsp://")) {
        return control.to_owned();
    }
    format!("{}/{}", base.trim_end_matches('/'), control.trim_start_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(bytes: &[u8]) -> (Response, usize) {
        match cut(bytes) {
            Ok(Cut::Response { response, used }) => (response, used),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn things_are_cut_in_their_order() {
        let bytes = b"\r\nRTSP/1.0 200 OK\r\nCSeq: 3\r\nsession : 12;timeout=30\r\nContent-Length: 2\r\n\r\nhi$\x02\x00\x03abcOPTIONS * RTSP/1.0\r\n\r\n";
        let (answer, used) = response(bytes);
        assert_eq!((answer.status, answer.cseq(), answer.body.as_slice()), (200, Some(3), &b"hi"[..]));
        assert_eq!(answer.session(), Some(("12", Some(30))));
        let rest = &bytes[used..];
        assert_eq!(cut(rest), Ok(Cut::Data { channel: 2, packet: b"abc", used: 7 }));
        assert_eq!(cut(&rest[7..]), Ok(Cut::Request { used: 22 }));
        assert_eq!(cut(&rest[29..]), Ok(Cut::Partial));
        for end in 0..used {
            assert_eq!(cut(&bytes[..end]), Ok(Cut::Partial), "{end}");
        }
    }

    #[test]
    fn careless_cameras_are_understood() {
        let (bare, used) =
            response(b"RTSP/1.0 401 Unauthorized\nCSeq:1\nWWW-Authenticate: Basic realm=\"a\"\nnonsense\n\n");
        assert_eq!((bare.status, bare.cseq(), used), (401, Some(1), 77));
        assert_eq!(response(b"RTSP/1.0 200\r\n\r\n").0.status, 200);
    }

    #[test]
    fn what_does_not_end_is_bounded_and_what_is_not_rtsp_is_told() {
        assert_eq!(cut(&vec![b'a'; HEAD_BYTES_MAX]), Err(Uncut::HeadTooLarge));
        assert_eq!(cut(&b"a: b\r\n".repeat(HEAD_BYTES_MAX)), Err(Uncut::HeadTooLarge));
        let many = format!("RTSP/1.0 200 OK\r\n{}\r\n", "a: b\r\n".repeat(HEADERS_MAX + 1));
        assert_eq!(cut(many.as_bytes()), Err(Uncut::HeadTooLarge));
        assert_eq!(cut(b"RTSP/1.0 200 OK\r\nContent-Length: 65537\r\n\r\n"), Err(Uncut::BodyTooLarge));
        for bad in [
            &b"\x80"[..],
            b"RTSP/1.0 200 OK\r\nContent-Length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"RTSP/1.0\r\n\r\n",
        ] {
            assert_eq!(cut(bad), Err(Uncut::NotRtsp), "{bad:?}");
        }
    }

    #[test]
    fn control_attributes_become_urls() {
        let base = "rtsp://h:554/cam/realmonitor?channel=1&subtype=0/";
        assert_eq!(control_url(base, "trackID=0"), "rtsp://h:554/cam/realmonitor?channel=1&subtype=0/trackID=0");
        assert_eq!(control_url("rtsp://h/a", "rtsp://other/b"), "rtsp://other/b");
        assert_eq!(control_url("rtsp://h/a", "*"), "rtsp://h/a");
        assert_eq!(control_url("rtsp://h/a", ""), "rtsp://h/a");
    }

    #[test]
    fn a_request_is_what_the_rfc_shows() {
        let bytes = request("PLAY", "rtsp://h/a", 4, &[("Session", "12"), ("Range", "npt=0.000-")]);
        assert_eq!(bytes, b"PLAY rtsp://h/a RTSP/1.0\r\nCSeq: 4\r\nSession: 12\r\nRange: npt=0.000-\r\n\r\n");
    }
}
