//! Fresh names and secrets: sortable ids of 26 characters, viewing tokens, session marks. The randomness is the
//! operating system's; the time is the caller's.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use media::mark::SessionMark;
use media::wall::Wall;
use relay::lease::{TOKEN_BYTES, TokenHash};

/// Characters of a sortable id: 48 bits of milliseconds and 80 random bits, 5 bits a character.
pub const ID_CHARS: usize = 26;
/// Random bits behind the milliseconds.
const RANDOM_BITS: u32 = 80;
/// Crockford's base 32: no I, L, O or U, and in the order of ASCII, so that text sorts as the number does.
const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The operating system gave no random bytes: nothing may be granted.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random bytes: {0}")]
pub struct NoEntropy(getrandom::Error);

/// A new id that sorts by `now` to the millisecond.
pub fn sortable_id(now: Wall) -> Result<String, NoEntropy> {
    let random: [u8; 10] = random_bytes()?;
    let mut bits = [0; 16];
    let millis = u64::try_from(now.millis()).unwrap_or(0);
    for (place, byte) in bits.iter_mut().zip(millis.to_be_bytes().into_iter().skip(2).chain(random)) {
        *place = byte;
    }
    Ok(crockford(u128::from_be_bytes(bits)))
}

/// The least id of the millisecond that holds `at`: ids made before that sort before it.
pub fn first_id_of(at: Wall) -> String {
    crockford(u128::from(u64::try_from(at.millis()).unwrap_or(0)) << RANDOM_BITS)
}

fn crockford(mut number: u128) -> String {
    let mut text = [b'0'; ID_CHARS];
    for place in text.iter_mut().rev() {
        *place = CROCKFORD.get((number & 31) as usize).copied().unwrap_or(b'0');
        number >>= 5;
    }
    text.iter().map(|b| char::from(*b)).collect()
}

/// 26 characters of Crockford's base 32, 128 random bits: a secret that a person may have to type.
pub fn random_text() -> Result<String, NoEntropy> {
    Ok(crockford(u128::from_be_bytes(random_bytes()?)))
}

/// A viewing token: the text for the URL, which is kept nowhere, and its hash.
pub struct Token {
    /// 43 characters of base64url.
    pub text: String,
    /// What the relay keeps.
    pub hash: TokenHash,
}

impl Token {
    /// A new token of 256 random bits.
    pub fn fresh() -> Result<Self, NoEntropy> {
        let secret: [u8; TOKEN_BYTES] = random_bytes()?;
        Ok(Self { text: URL_SAFE_NO_PAD.encode(secret), hash: TokenHash::of(&secret) })
    }
}

/// The mark of a session: random, so that nothing can be read from it but which session it is.
pub fn mark() -> Result<SessionMark, NoEntropy> {
    Ok(SessionMark(random_bytes()?))
}

fn random_bytes<const N: usize>() -> Result<[u8; N], NoEntropy> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(NoEntropy)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_differ() {
        let early = sortable_id(Wall::from_micros(1_700_000_000_000_000)).unwrap();
        let late = sortable_id(Wall::from_micros(1_700_000_000_001_000)).unwrap();
        let twin = sortable_id(Wall::from_micros(1_700_000_000_001_000)).unwrap();
        assert_eq!(early.len(), ID_CHARS);
        assert!(early < late);
        assert_ne!(late, twin);
        assert_eq!(late[..10], twin[..10]);
    }

    #[test]
    fn the_largest_number_fits_in_26_characters() {
        assert_eq!(crockford(u128::MAX), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
        assert_eq!(crockford(0), "0".repeat(26));
    }
}
