//! The console's files, as the binary brings them: which of a file's forms a browser takes, and what is said of it. Deliberately absent:
//! what the console does; it calls the API as any other client.

use std::borrow::Cow;

use axum::http::{HeaderMap, HeaderValue, header};

/// Where the files come from; a build without the console has none.
#[derive(Clone, Copy)]
pub struct Console(pub fn(&str) -> Option<Cow<'static, [u8]>>);

/// A build without the console.
impl Default for Console {
    fn default() -> Self {
        Self(|_| None)
    }
}

/// What a page may do: run its own scripts, show its own pictures and media that its scripts make, and speak with where it came from.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; \
    connect-src 'self'; worker-src 'self' blob:; font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";
/// What it may not: pictures of its media beside the page, or anything of the terminal's devices.
pub const PERMISSIONS: &str =
    "picture-in-picture=(), display-capture=(), camera=(), microphone=(), geolocation=(), usb=()";

/// One file, as a browser takes it.
pub(crate) struct Found {
    pub(crate) bytes: Cow<'static, [u8]>,
    pub(crate) encoding: Option<&'static str>,
    pub(crate) media_type: &'static str,
}

impl Console {
    /// A file in the smallest form that these headers allow.
    pub(crate) fn find(self, path: &str, asked: &HeaderMap) -> Option<Found> {
        let media_type = media_type(path)?;
        let takes = |encoding: &str| {
            let said = asked.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
            // `br;q=0` refuses it (RFC 9110 section 12.5.3).
            said.split(',')
                .filter_map(|one| {
                    let mut parts = one.split(';').map(str::trim);
                    (parts.next() == Some(encoding))
                        .then(|| parts.next().is_none_or(|q| q.trim_start_matches("q=") != "0"))
                })
                .next()
                .unwrap_or(false)
        };
        for (encoding, end) in [("br", ".br"), ("gzip", ".gz")] {
            if takes(encoding)
                && let Some(bytes) = self.0(&format!("{path}{end}"))
            {
                return Some(Found { bytes, encoding: Some(encoding), media_type });
            }
        }
        self.0(path).map(|bytes| Found { bytes, encoding: None, media_type })
    }
}

/// By the end of its name; none for what the console has not, its compressed forms included.
fn media_type(path: &str) -> Option<&'static str> {
    Some(match path.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        "woff2" => "font/woff2",
        _ => return None,
    })
}

/// Names this form of the file.
pub(crate) fn etag(bytes: &[u8]) -> Option<HeaderValue> {
    let hash = blake3::hash(bytes).to_hex();
    HeaderValue::try_from(format!("\"{}\"", hash.get(..32)?)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: Console = Console(|path| match path {
        "index.html" => Some(Cow::Borrowed(b"<p>")),
        "index.html.br" => Some(Cow::Borrowed(b"br")),
        "index.html.gz" => Some(Cow::Borrowed(b"gz")),
        _ => None,
    });

    fn taking(encodings: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(encodings))])
    }

    #[test]
    fn a_file_comes_in_the_smallest_form_that_is_taken() {
        for (said, encoding, bytes) in [
            ("gzip, deflate, br, zstd", Some("br"), &b"br"[..]),
            ("gzip", Some("gzip"), b"gz"),
            ("br;q=0, gzip;q=0.5", Some("gzip"), b"gz"),
            ("identity", None, b"<p>"),
        ] {
            let found = FILES.find("index.html", &taking(said)).unwrap();
            assert_eq!((found.encoding, &*found.bytes), (encoding, bytes), "{said}");
        }
        assert!(FILES.find("index.html.br", &taking("")).is_none());
        assert!(FILES.find("other.js", &taking("")).is_none());
        assert!(Console::default().find("index.html", &taking("br")).is_none());
    }
}
