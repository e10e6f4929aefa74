//! Signatures as standardwebhooks.com has them: `v1,` and the base64 of HMAC-SHA256 over id, time and body. Pure but for the
//! randomness of a new secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// What a secret's text begins with.
const MARK: &str = "whsec_";
/// Bytes of a secret: as many as the hash has.
const SECRET_BYTES: usize = 32;

/// What a subscription's events are signed with. Not shown but once, when it is made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// A fresh one.
    pub fn fresh() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; SECRET_BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(format!("{MARK}{}", BASE64.encode(bytes))))
    }

    /// `whsec_` and base64, for its owner, once.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The `webhook-signature` of a message.
    pub fn sign(&self, id: &str, at_seconds: i64, body: &[u8]) -> String {
        let key = self.0.strip_prefix(MARK).and_then(|text| BASE64.decode(text).ok()).unwrap_or_default();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes a key of any length");
        mac.update(format!("{id}.{at_seconds}.").as_bytes());
        mac.update(body);
        format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specifications_libraries_is_signed_alike() {
        let secret = Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into());
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_not_shown_by_accident() {
        let secret = Secret::fresh().unwrap();
        assert!(secret.reveal().len() > 40 && secret != Secret::fresh().unwrap());
        assert_eq!(format!("{secret:?}"), "Secret");
    }
}
