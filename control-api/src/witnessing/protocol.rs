//! The witness protocol's bytes (c2sp.org/tlog-witness): what is asked, and what an answer means. Pure.

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use url::Url;

use super::Trouble;
use crate::ledger::cosignature::{WitnessKey, lines};
use crate::ledger::merkle::Hash;
use crate::ledger::note::BadNote;
use crate::outbound::Answer;

/// What a witness says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Lines under the checkpoint.
    Cosigned(String),
    /// It has seen so many entries, and not as many as it was told.
    Has(u64),
}

/// Where checkpoints go.
pub(super) fn address(base: &Url) -> Url {
    let mut url = base.clone();
    let path = format!("{}/add-checkpoint", base.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}

/// The body: what the witness is taken to have, the proof from there, and the checkpoint.
pub(super) fn request(old: u64, proof: &[Hash], note: &str) -> Bytes {
    let mut body = format!("old {old}\n");
    for hash in proof {
        body.push_str(&BASE64.encode(hash));
        body.push('\n');
    }
    body.push('\n');
    body.push_str(note);
    body.into()
}

/// What the answer means.
pub(super) fn reply(answer: &Answer, old: u64) -> Result<Reply, Trouble> {
    let text = || String::from_utf8(answer.body.to_vec()).map_err(|_| Trouble::Answer(BadNote::Form));
    match answer.status {
        StatusCode::OK => Ok(Reply::Cosigned(text()?)),
        StatusCode::CONFLICT => {
            let text = text()?;
            let size = text.strip_suffix('\n').unwrap_or(&text).parse();
            size.map(Reply::Has).map_err(|_| Trouble::Answer(BadNote::Form))
        }
        StatusCode::UNPROCESSABLE_ENTITY => Err(Trouble::Rewritten(old)),
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => Err(Trouble::Unknown(answer.status.as_u16())),
        other => Err(Trouble::Status(other.as_u16())),
    }
}

/// The line of this witness among those that came; the others' are not kept, since nobody here could check them.
pub(super) fn own_line<'a>(key: &WitnessKey, note: &str, text: &'a str) -> Result<&'a str, BadNote> {
    for line in lines(text)? {
        match key.open(note, line) {
            Ok(_) => return Ok(line),
            Err(BadNote::OtherKey) => {}
            Err(bad) => return Err(bad),
        }
    }
    Err(BadNote::OtherKey)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_laid_out_as_the_specification_shows() {
        let body = request(20852163, &[[1; 32], [2; 32]], "origin\n1\nroot\n\n— origin sig\n");
        let expected = format!(
            "old 20852163\n{}\n{}\n\norigin\n1\nroot\n\n— origin sig\n",
            BASE64.encode([1; 32]),
            BASE64.encode([2; 32])
        );
        assert_eq!(body, expected);
        let url = |text: &str| address(&Url::parse(text).unwrap()).to_string();
        assert_eq!(url("https://w.example"), "https://w.example/add-checkpoint");
        assert_eq!(url("http://w.example:81/a/"), "http://w.example:81/a/add-checkpoint");
    }

    #[test]
    fn answers_outside_the_protocol_are_told_apart() {
        let answer = |status: u16, body: &'static [u8]| {
            let status = StatusCode::from_u16(status).unwrap();
            reply(&Answer { status, body: Bytes::from_static(body) }, 7)
        };
        assert_eq!(answer(409, b"12\n").unwrap(), Reply::Has(12));
        assert!(matches!(answer(409, b"twelve"), Err(Trouble::Answer(_))));
        assert!(matches!(answer(409, b"-1\n"), Err(Trouble::Answer(_))));
        assert!(matches!(answer(200, &[0xff]), Err(Trouble::Answer(_))));
        assert!(matches!(answer(422, b""), Err(Trouble::Rewritten(7))));
        assert!(matches!(answer(404, b""), Err(Trouble::Unknown(404))));
        assert!(matches!(answer(302, b""), Err(Trouble::Status(302))));
    }
}
