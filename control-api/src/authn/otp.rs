//! One-time codes: the authenticator's secret sealed at rest, its codes (RFC 6238: SHA-1, 6 digits, 30 s, one step either way)
//! each taken once, and recovery codes for when the authenticator is lost.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};
use media::wall::Wall;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use totp_rs::{Builder, Secret, Totp};

use crate::error::{ApiError, Code};
use crate::mint;
use crate::registers::UserId;
use crate::registers::user::means::{Sealed, SecondFactor};

/// Bytes of an authenticator's secret: RFC 4226 section 4 recommends 160 bits.
pub const SECRET_BYTES: usize = 20;
/// Bytes of the key that seals the secrets.
pub const KEY_BYTES: usize = 32;
/// Recovery codes given with an enrolment.
pub const RECOVERY_CODES: usize = 10;
/// Characters of one, without the dashes: 80 bits, out of reach of guessing, so that a plain hash keeps them.
const RECOVERY_CHARS: usize = 16;
/// Bytes of a nonce. Random is safe here: one key seals a few thousand secrets, far below 2^32.
const NONCE_BYTES: usize = 12;
/// What authenticators show beside the account.
const ISSUER: &str = "Sluice";

/// The appliance's key for second factors: what leaves the machine with a copy of the register opens nothing without it.
#[derive(Clone)]
pub struct OtpKey(ChaCha20Poly1305);

impl OtpKey {
    /// The key from its bytes.
    pub fn new(bytes: &[u8; KEY_BYTES]) -> Self {
        Self(ChaCha20Poly1305::new(&Key::from(*bytes)))
    }

    /// Seals a secret for one user; for another it does not open.
    fn seal(&self, user: &UserId, secret: &[u8; SECRET_BYTES]) -> Result<Sealed, ApiError> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| ApiError::new(Code::Internal))?;
        let payload = Payload { msg: secret, aad: user.as_str().as_bytes() };
        let sealed = self.0.encrypt(&Nonce::from(nonce), payload).map_err(|_| ApiError::new(Code::Internal))?;
        Ok(Sealed(STANDARD.encode([nonce.as_slice(), &sealed].concat())))
    }

    /// The secret; none where it was sealed for another or under another key, or was damaged.
    fn open(&self, user: &UserId, sealed: &Sealed) -> Option<[u8; SECRET_BYTES]> {
        let bytes = STANDARD.decode(&sealed.0).ok()?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>()?;
        let payload = Payload { msg: sealed, aad: user.as_str().as_bytes() };
        self.0.decrypt(&Nonce::from(*nonce), payload).ok()?.try_into().ok()
    }
}

/// A new secret: sealed for the register, and as the person's authenticator takes it. Shown once. Prints as nothing.
pub struct NewSecret {
    /// For the register.
    pub sealed: Sealed,
    /// Base 32, to be typed in.
    pub base32: String,
    /// `otpauth://` address, to be shown as a QR code.
    pub uri: String,
}

/// Makes a secret for `user`, whose authenticator shows it as `name`.
pub fn new_secret(key: &OtpKey, user: &UserId, name: &str) -> Result<NewSecret, ApiError> {
    let mut secret = [0; SECRET_BYTES];
    getrandom::fill(&mut secret).map_err(|_| ApiError::new(Code::Internal))?;
    let sealed = key.seal(user, &secret)?;
    let totp = Builder::new().with_secret(Secret::from(secret)).with_account_name(name).with_issuer(Some(ISSUER));
    let totp = totp.build().map_err(|_| ApiError::new(Code::Internal))?;
    let uri = totp.to_url().map_err(|_| ApiError::new(Code::Internal))?;
    Ok(NewSecret { sealed, base32: totp.secret().to_base32(), uri })
}

/// The code that the authenticator with this secret (base 32) shows at `at`; none where it is no such secret.
pub fn code(base32: &str, at: Wall) -> Option<String> {
    let secret = Secret::try_from_base32(base32).ok()?;
    let totp = Builder::new().with_secret(secret).build().ok()?;
    Some(totp.generate(seconds(at)).to_string())
}

/// The step `typed` is the code of, if it is one of this secret's around `now` and later than `after`.
pub fn step(key: &OtpKey, user: &UserId, sealed: &Sealed, typed: &str, now: Wall, after: Option<u64>) -> Option<u64> {
    let totp = totp(key.open(user, sealed)?)?;
    let step = totp.check(typed.trim(), seconds(now))?;
    after.is_none_or(|last| step > last).then_some(step)
}

fn totp(secret: [u8; SECRET_BYTES]) -> Option<Totp> {
    Builder::new().with_secret(Secret::from(secret)).build().ok()
}

fn seconds(at: Wall) -> u64 {
    u64::try_from(at.micros() / 1_000_000).unwrap_or(0)
}

/// Uses up the code that was typed: of the authenticator, or for recovery. False where it is neither.
pub fn take(key: &OtpKey, user: &UserId, factor: &mut SecondFactor, typed: &str, now: Wall) -> bool {
    if let Some(step) = step(key, user, &factor.secret, typed, now, Some(factor.last_step)) {
        factor.last_step = step;
        return true;
    }
    let hash = recovery_hash(typed);
    // All are looked at, so that the time does not tell which one it nearly was.
    let found = (0..).zip(&factor.recovery).fold(None, |found, (place, kept)| {
        if bool::from(kept.as_bytes().ct_eq(hash.as_bytes())) { Some(place) } else { found }
    });
    found.map(|place: usize| factor.recovery.remove(place)).is_some()
}

/// New recovery codes, such as `7Q4K-….`, and what is kept of them.
pub fn recovery_codes() -> Result<(Vec<String>, Vec<String>), ApiError> {
    let code = || -> Result<String, ApiError> {
        let text = mint::random_text().map_err(|_| ApiError::new(Code::Internal))?;
        let text: Vec<char> = text.chars().skip(1).take(RECOVERY_CHARS).collect();
        Ok(text.chunks(4).map(|four| four.iter().collect::<String>()).collect::<Vec<_>>().join("-"))
    };
    let codes = (0..RECOVERY_CODES).map(|_| code()).collect::<Result<Vec<_>, _>>()?;
    let kept = codes.iter().map(|code| recovery_hash(code)).collect();
    Ok((codes, kept))
}

/// What is kept of a recovery code, however it was typed.
fn recovery_hash(typed: &str) -> String {
    let plain: String =
        typed.chars().filter(char::is_ascii_alphanumeric).take(2 * RECOVERY_CHARS).collect::<String>().to_uppercase();
    hex::encode(Sha256::digest(plain.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238 appendix B, SHA-1; its 8 digits end in the 6 that are used here.
    const VECTORS: [(i64, &str); 6] = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ];

    fn at(s: i64) -> Wall {
        Wall::from_micros(s * 1_000_000)
    }

    fn wang() -> UserId {
        "wang".parse().unwrap()
    }

    fn enrolled(key: &OtpKey, secret: &[u8; SECRET_BYTES]) -> SecondFactor {
        let secret = key.seal(&wang(), secret).unwrap();
        SecondFactor { secret, last_step: 0, recovery: Vec::new(), since: at(0) }
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        let key = OtpKey::new(&[1; KEY_BYTES]);
        let mut factor = enrolled(&key, b"12345678901234567890");
        for (time, code) in VECTORS {
            assert_eq!(super::code("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", at(time)).as_deref(), Some(code));
            assert!(take(&key, &wang(), &mut factor, code, at(time)), "{time}");
        }
    }

    #[test]
    fn a_code_is_taken_once_and_one_step_either_way() {
        let key = OtpKey::new(&[1; KEY_BYTES]);
        let new = new_secret(&key, &wang(), "wang").unwrap();
        let mut factor = SecondFactor { secret: new.sealed, last_step: 0, recovery: Vec::new(), since: at(0) };
        let code = |time| super::code(&new.base32, at(time)).unwrap();
        let mut taken = |typed: &str, time| take(&key, &wang(), &mut factor, typed, at(time));
        assert!(!taken(&code(1_000_060), 1_000_000), "two steps ahead");
        assert!(taken(&code(1_000_000), 1_000_030), "one step late");
        assert!(!taken(&code(1_000_000), 1_000_030), "a second time");
        assert!(taken(&code(1_000_060), 1_000_030), "one step early");
        assert!(!taken(&code(1_000_030), 1_000_030), "earlier than one that was taken");
        for odd in ["", "12345", "1234567", "+12345", "12345a", "\u{ff11}23456", &"9".repeat(4_096)] {
            assert!(!taken(odd, 1_000_120), "{odd:?}");
        }
    }

    #[test]
    fn a_sealed_secret_opens_for_its_user_under_its_key_only() {
        let key = OtpKey::new(&[1; KEY_BYTES]);
        let sealed = key.seal(&wang(), &[7; SECRET_BYTES]).unwrap();
        assert_eq!(key.open(&wang(), &sealed), Some([7; SECRET_BYTES]));
        assert_eq!(key.open(&"li".parse().unwrap(), &sealed), None);
        assert_eq!(OtpKey::new(&[2; KEY_BYTES]).open(&wang(), &sealed), None);
        assert_eq!(key.open(&wang(), &Sealed("short".into())), None);
        assert_eq!(format!("{sealed:?}"), "Sealed(..)");
    }

    #[test]
    fn a_recovery_code_is_taken_once_however_it_is_typed() {
        let key = OtpKey::new(&[1; KEY_BYTES]);
        let (codes, kept) = recovery_codes().unwrap();
        let mut factor = SecondFactor { recovery: kept, ..enrolled(&key, &[7; SECRET_BYTES]) };
        assert_eq!(codes.len(), RECOVERY_CODES);
        assert!(take(&key, &wang(), &mut factor, &codes[3], at(0)));
        assert!(!take(&key, &wang(), &mut factor, &codes[3], at(0)));
        assert!(take(&key, &wang(), &mut factor, &codes[9].to_lowercase().replace('-', " "), at(0)));
        assert!(!take(&key, &wang(), &mut factor, "0000-0000-0000-0000", at(0)));
        assert_eq!(factor.recovery.len(), RECOVERY_CODES - 2);
    }

    #[test]
    fn the_address_for_the_authenticator_holds_what_it_needs() {
        let new = new_secret(&OtpKey::new(&[1; KEY_BYTES]), &wang(), "wang.wei").unwrap();
        assert!(new.uri.starts_with("otpauth://totp/Sluice:wang.wei?"), "{}", new.uri);
        assert!(
            new.uri.contains(&format!("secret={}", new.base32)) && new.uri.contains("issuer=Sluice"),
            "{}",
            new.uri
        );
        assert_eq!(new.base32.len(), 32);
    }
}
