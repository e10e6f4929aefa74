//! What a mark says: a random name for the session, the instant of the picture behind it, and a code that only the appliance
//! could have made, so that nobody can be framed. 33 bytes as 44 characters of base64url: text without a zero byte is the
//! same in a NAL unit, a JPEG segment and a file.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::wall::Wall;

/// Characters of a mark.
pub const TEXT_BYTES: usize = 44;
/// Bytes of the appliance's key.
pub const KEY_BYTES: usize = 32;
/// Random bytes of a session's name. 128 bits cannot be guessed, nor met twice by chance.
const NAME_BYTES: usize = 16;
/// Bytes of the code. A forger without the key has one chance in 2^80 for each mark that he plants.
const CODE_BYTES: usize = 10;
/// Bytes of the instant: milliseconds since 1970, enough for 8,900 years.
const MILLIS_BYTES: usize = 6;
/// Version, name, instant.
const SAID_BYTES: usize = 1 + NAME_BYTES + MILLIS_BYTES;
const MARK_BYTES: usize = SAID_BYTES + CODE_BYTES;
/// The first byte of every mark of this kind.
const VERSION: u8 = 1;

/// A mark as it stands in a copy.
pub type Text = [u8; TEXT_BYTES];

/// A session's name in its marks: random, so that nothing can be read from it but which session it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionMark(pub [u8; NAME_BYTES]);

/// The text names no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a session mark is 22 characters of base64url")]
pub struct NoMark;

impl FromStr for SessionMark {
    type Err = NoMark;
    fn from_str(text: &str) -> Result<Self, NoMark> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NoMark)?;
        bytes.try_into().map(Self).map_err(|_| NoMark)
    }
}

impl fmt::Display for SessionMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for SessionMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a mark says, once its code has been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Whose copy it is.
    pub session: SessionMark,
    /// When the picture behind it was captured, to the millisecond.
    pub at: Wall,
}

/// Why a text is no mark of this appliance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// It has not the form of a mark.
    #[error("no mark: the text has not its form")]
    Form,
    /// It has the form, but another hand or another key made it, or a character was changed.
    #[error("the code does not fit: another appliance's mark, or a changed one")]
    Code,
}

/// The appliance's key for marks. Whoever has it can make marks: it never leaves the appliance.
#[derive(Clone)]
pub struct MarkKey(Hmac<Sha256>);

impl fmt::Debug for MarkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MarkKey(..)")
    }
}

impl MarkKey {
    /// The key of these random bytes.
    pub fn new(secret: &[u8; KEY_BYTES]) -> Self {
        Self(Hmac::new_from_slice(secret).expect("HMAC takes a key of any length"))
    }

    /// The mark of a session before the picture captured at `at`.
    pub fn write(&self, session: SessionMark, at: Wall) -> Text {
        let mut mark = [0; MARK_BYTES];
        let (said, code) = mark.split_at_mut(SAID_BYTES);
        let millis = u64::try_from(at.millis()).unwrap_or(0).to_be_bytes();
        let bytes = [VERSION].into_iter().chain(session.0).chain(millis.into_iter().skip(8 - MILLIS_BYTES));
        said.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
        code.copy_from_slice(&self.code(said));
        let mut text = [0; TEXT_BYTES];
        URL_SAFE_NO_PAD.encode_slice(mark, &mut text).expect("33 bytes are 44 characters");
        text
    }

    /// What a text says, where this key made it.
    pub fn read(&self, text: &Text) -> Result<Reading, Forged> {
        let mark: [u8; MARK_BYTES] =
            URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(Forged::Form)?;
        let (said, code) = mark.split_at(SAID_BYTES);
        let (version, rest) = said.split_first().ok_or(Forged::Form)?;
        let (name, millis) = rest.split_first_chunk::<NAME_BYTES>().ok_or(Forged::Form)?;
        if *version != VERSION {
            return Err(Forged::Form);
        }
        // Compared in constant time, for form's sake: whoever asks has the key.
        let mac = self.0.clone().chain_update(said);
        mac.verify_truncated_left(code).map_err(|_| Forged::Code)?;
        let millis = millis.iter().fold(0_i64, |sum, byte| sum << 8 | i64::from(*byte));
        Ok(Reading { session: SessionMark(*name), at: Wall::from_micros(millis.saturating_mul(1_000)) })
    }

    fn code(&self, said: &[u8]) -> [u8; CODE_BYTES] {
        let mac = self.0.clone().chain_update(said).finalize().into_bytes();
        mac.first_chunk().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: SessionMark = SessionMark([0xa7; NAME_BYTES]);

    fn key() -> MarkKey {
        MarkKey::new(&[3; KEY_BYTES])
    }

    #[test]
    fn what_is_written_is_read() {
        let at = Wall::from_micros(1_795_000_000_123_456);
        let text = key().write(NAME, at);
        assert!(text.iter().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(b)));
        let read = key().read(&text).unwrap();
        assert_eq!((read.session, read.at.millis()), (NAME, at.millis()));
        assert_eq!(NAME.to_string().parse(), Ok(NAME));
        assert_eq!("short".parse::<SessionMark>(), Err(NoMark));
    }

    #[test]
    fn a_changed_character_or_another_key_is_refused() {
        let text = key().write(NAME, Wall::from_micros(1_795_000_000_000_000));
        for place in 0..TEXT_BYTES {
            let mut changed = text;
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            assert!(key().read(&changed).is_err(), "{place}");
        }
        assert_eq!(MarkKey::new(&[4; KEY_BYTES]).read(&text), Err(Forged::Code));
        assert_eq!(key().read(&[b'!'; TEXT_BYTES]), Err(Forged::Form));
    }

    #[test]
    fn times_before_1970_and_far_ahead_do_no_harm() {
        assert_eq!(key().read(&key().write(NAME, Wall::from_micros(-5))).unwrap().at, Wall::EPOCH);
        let far = Wall::from_micros(i64::MAX);
        assert!(key().read(&key().write(NAME, far)).is_ok());
    }
}
