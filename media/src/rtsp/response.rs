//! Responses as bytes.

use bytes::Bytes;
use rtsp_types::{HeaderName, Response, StatusCode, Version, headers};

/// Methods that the server serves, for OPTIONS and 405.
pub(super) const METHODS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER";

/// What the server calls itself.
const SERVER: &str = "Sluice";

/// One response on the way out.
pub(super) struct Reply {
    status: StatusCode,
    headers: Vec<(HeaderName, String)>,
    body: Vec<u8>,
}

impl Reply {
    pub(super) fn new(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    pub(super) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn body(mut self, content_type: &str, body: String) -> Self {
        self.body = body.into_bytes();
        self.header(headers::CONTENT_TYPE, content_type)
    }

    pub(super) fn bytes(self, cseq: Option<&str>) -> Bytes {
        let mut builder = Response::builder(Version::V1_0, self.status).header(headers::SERVER, SERVER);
        if let Some(cseq) = cseq {
            builder = builder.header(headers::CSEQ, cseq);
        }
        for (name, value) in self.headers {
            builder = builder.header(name, value);
        }
        let mut bytes = Vec::with_capacity(256 + self.body.len());
        builder.build(self.body).write(&mut bytes).expect("a Vec takes every byte");
        Bytes::from(bytes)
    }
}
