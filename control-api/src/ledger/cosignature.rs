//! What a witness outside puts under a checkpoint: c2sp.org/tlog-cosignature, version 1 with Ed25519. The cosigned checkpoint is
//! the log's own signed note with the witness's lines after it. Strict, as the note is: no byte of a line can change unseen.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, VerifyingKey};

use super::note::{BadNote, SIGNATURE_MARK, TreeHead, VerifierKey, key_hash_of, split_key};

/// Signature type of a timestamped Ed25519 cosignature.
const COSIGNATURE: u8 = 4;
/// First line of what is signed.
const HEADER: &str = "cosignature/v1";
/// Lines that one cosigned checkpoint has at most. A witness service may answer for a few witnesses at once.
const LINES_MAX: usize = 16;

/// A witness's name and public key, as its operator hands it out (a "vkey" of type 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    key: VerifyingKey,
}

/// What a witness says: it saw this checkpoint, then, and it saw it grow out of every one it had seen before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// The checkpoint.
    pub head: TreeHead,
    /// When, in seconds since 1970 by the witness's clock.
    pub at_seconds: u64,
}

/// A checkpoint with the lines of its witnesses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosignedNote<'a> {
    /// The log's own signed note.
    pub note: &'a str,
    /// The witnesses' lines, each with its line break.
    pub lines: Vec<&'a str>,
}

impl<'a> CosignedNote<'a> {
    /// Takes a cosigned checkpoint apart. The first signature is the log's own.
    pub fn parse(text: &'a str) -> Result<Self, BadNote> {
        let body_end = text.find("\n\n").ok_or(BadNote::Form)? + 2;
        let own = text.get(body_end..).and_then(|lines| lines.find('\n')).ok_or(BadNote::Form)?;
        let (note, rest) = text.split_at_checked(body_end + own + 1).ok_or(BadNote::Form)?;
        Ok(Self { note, lines: lines(rest)? })
    }

    /// What `witness` says of the checkpoint, if the log's key and the witness's both hold.
    pub fn open(&self, log: &VerifierKey, witness: &WitnessKey) -> Result<Cosigned, BadNote> {
        let head = log.open(self.note)?;
        let mut newest = Err(BadNote::OtherKey);
        for line in &self.lines {
            match witness.open(self.note, line) {
                Ok(at) => newest = Ok(newest.unwrap_or(0).max(at)),
                Err(BadNote::OtherKey) => {}
                Err(bad) => return Err(bad),
            }
        }
        let at_seconds = newest?;
        Ok(Cosigned { head, at_seconds })
    }
}

/// The cosignature lines of a witness's answer.
pub fn lines(text: &str) -> Result<Vec<&str>, BadNote> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let whole = |line: &&str| line.starts_with(SIGNATURE_MARK) && line.ends_with('\n');
    let fits = !lines.is_empty() && lines.len() <= LINES_MAX && lines.iter().all(whole);
    if fits { Ok(lines) } else { Err(BadNote::Form) }
}

impl WitnessKey {
    /// The witness's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The time at which this witness signed the note, if `line` is its cosignature of it.
    pub fn open(&self, note: &str, line: &str) -> Result<u64, BadNote> {
        let line = line.strip_prefix(SIGNATURE_MARK).and_then(|line| line.strip_suffix('\n')).ok_or(BadNote::Form)?;
        let (name, signature_text) = line.split_once(' ').ok_or(BadNote::Form)?;
        let bytes = BASE64.decode(signature_text).map_err(|_| BadNote::Form)?;
        let (hash, rest) = bytes.split_first_chunk::<4>().ok_or(BadNote::Form)?;
        if name != self.name || *hash != key_hash_of(COSIGNATURE, &self.name, &self.key) {
            return Err(BadNote::OtherKey);
        }
        let (at, signature) = rest.split_first_chunk::<8>().ok_or(BadNote::Form)?;
        let (at, signature) = (u64::from_be_bytes(*at), Signature::from_slice(signature).map_err(|_| BadNote::Form)?);
        if BASE64.encode(&bytes) != signature_text {
            return Err(BadNote::Form);
        }
        let message = message(at, note).ok_or(BadNote::Form)?;
        self.key.verify_strict(message.as_bytes(), &signature).map_err(|_| BadNote::Signature)?;
        Ok(at)
    }
}

/// What is signed: the header, the time and the note's text with its last line break.
fn message(at_seconds: u64, note: &str) -> Option<String> {
    let (body, _) = note.split_once("\n\n")?;
    Some(format!("{HEADER}\ntime {at_seconds}\n{body}\n"))
}

/// `name+hash+base64`, without a line break.
impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&[COSIGNATURE], self.key.as_bytes().as_slice()].concat();
        let hash = hex::encode(key_hash_of(COSIGNATURE, &self.name, &self.key));
        write!(f, "{}+{hash}+{}", self.name, BASE64.encode(bytes))
    }
}

impl FromStr for WitnessKey {
    type Err = BadNote;
    fn from_str(text: &str) -> Result<Self, BadNote> {
        let (name, hash, bytes) = split_key(text, COSIGNATURE)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| BadNote::Form)?;
        let read = Self { name: name.to_owned(), key };
        if hash != hex::encode(key_hash_of(COSIGNATURE, name, &key)) {
            return Err(BadNote::KeyHash);
        }
        if read.to_string() == text { Ok(read) } else { Err(BadNote::Form) }
    }
}

#[cfg(test)]
pub(crate) mod signing {
    //! A witness's pen, for tests.

    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    /// Signs as a witness does.
    pub(crate) struct WitnessPen {
        name: String,
        key: SigningKey,
    }

    impl WitnessPen {
        pub(crate) fn new(name: &str, seed: u8) -> Self {
            Self { name: name.into(), key: SigningKey::from_bytes(&[seed; 32]) }
        }

        pub(crate) fn key(&self) -> WitnessKey {
            WitnessKey { name: self.name.clone(), key: self.key.verifying_key() }
        }

        /// The line under a note.
        pub(crate) fn line(&self, note: &str, at_seconds: u64) -> String {
            let signature = self.key.sign(message(at_seconds, note).unwrap().as_bytes());
            let mut bytes = key_hash_of(COSIGNATURE, &self.name, &self.key.verifying_key()).to_vec();
            bytes.extend(at_seconds.to_be_bytes());
            bytes.extend(signature.to_bytes());
            format!("{SIGNATURE_MARK}{} {}\n", self.name, BASE64.encode(bytes))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::signing::WitnessPen;
    use super::*;
    use crate::ledger::note::SignerKey;

    #[test]
    fn a_cosignature_holds_for_its_note_its_time_and_its_key_only() {
        let (log, pen) = (SignerKey::from_seed(&[7; 32]), WitnessPen::new("witness.example/w1", 9));
        let head = TreeHead { size: 1_234, root: [9; 32] };
        let note = log.sign(head);
        let text = format!("{note}{}", pen.line(&note, 1_700_000_000));
        let parsed = CosignedNote::parse(&text).unwrap();
        assert_eq!(parsed.open(&log.verifier(), &pen.key()), Ok(Cosigned { head, at_seconds: 1_700_000_000 }));
        assert_eq!(parsed.open(&log.verifier(), &WitnessPen::new("other", 9).key()), Err(BadNote::OtherKey));
        let forged = WitnessPen::new("witness.example/w1", 8);
        assert_eq!(parsed.open(&log.verifier(), &forged.key()), Err(BadNote::OtherKey));
        let other = log.sign(TreeHead { size: 1_235, root: [9; 32] });
        let moved = format!("{other}{}", pen.line(&note, 1_700_000_000));
        let moved = CosignedNote::parse(&moved).unwrap();
        assert_eq!(moved.open(&log.verifier(), &pen.key()), Err(BadNote::Signature));
        assert!(CosignedNote::parse(&note).is_err(), "a note without a witness is not cosigned");
    }

    #[test]
    fn no_byte_of_a_cosigned_checkpoint_or_of_a_key_can_change() {
        let (log, pen) = (SignerKey::from_seed(&[7; 32]), WitnessPen::new("w", 9));
        let note = log.sign(TreeHead { size: 5, root: [1; 32] });
        let text = format!("{note}{}", pen.line(&note, 1_700_000_000));
        let opened = |text: &str| CosignedNote::parse(text).ok()?.open(&log.verifier(), &pen.key()).ok();
        assert!(opened(&text).is_some());
        for at in 0..text.len() {
            for flip in [1, 0x20, 0x80] {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= flip;
                assert!(String::from_utf8(bytes).ok().and_then(|text| opened(&text)).is_none(), "byte {at}");
            }
        }
        let key = pen.key().to_string();
        assert_eq!(key.parse(), Ok(pen.key()));
        for at in 0..key.len() {
            let mut bytes = key.clone().into_bytes();
            bytes[at] ^= 1;
            assert!(String::from_utf8(bytes).unwrap().parse::<WitnessKey>().is_err(), "byte {at}");
        }
        assert!(log.verifier().to_string().parse::<WitnessKey>().is_err(), "a log's key is no witness's");
    }

    #[test]
    fn a_key_id_is_made_as_the_specification_says() {
        // SHA-256(name || 0x0A || 0x04 || key), its first 4 bytes.
        let pen = WitnessPen::new("witness.example.com/w1", 1);
        let text = pen.key().to_string();
        let hash = text.split('+').nth(1).unwrap();
        use sha2::{Digest as _, Sha256};
        let digest = Sha256::new_with_prefix("witness.example.com/w1\n\u{4}").chain_update(pen.key().key.as_bytes());
        assert_eq!(hash, hex::encode(&digest.finalize()[..4]));
    }
}
