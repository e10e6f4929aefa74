//! Keys and signed checkpoints as text: c2sp.org/signed-note with Ed25519, and c2sp.org/tlog-checkpoint in it. Strict: a text
//! that is not byte for byte what this file would write is refused, so that no byte of it can change unseen.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use super::merkle::Hash;

/// Signature type of Ed25519 in a signed note.
const ED25519: u8 = 1;
/// What a signature line begins with: an em dash and a space.
pub(super) const SIGNATURE_MARK: &str = "— ";
/// Beginning of a signing key's text.
const SIGNING_MARK: &str = "PRIVATE+KEY+";
/// What the log's name begins with; the rest tells one appliance's log from another's.
const NAME: &str = "sluice-ledger-";

/// Why a text is no key or no checkpoint of this key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadNote {
    /// Not the shape of the text.
    #[error("it is not in the form of c2sp.org/signed-note")]
    Form,
    /// A key whose hash does not fit its bytes.
    #[error("the key's hash does not fit the key")]
    KeyHash,
    /// A checkpoint by another log or key.
    #[error("it is by another key")]
    OtherKey,
    /// The signature does not hold.
    #[error("its signature does not hold")]
    Signature,
}

/// The size and the root that a checkpoint speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeHead {
    /// Entries.
    pub size: u64,
    /// Their Merkle tree hash.
    pub root: Hash,
}

/// The log's name and public key: what an auditor keeps apart from the appliance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    key: VerifyingKey,
}

/// The log's name and private key. Neither shown nor logged.
pub(super) struct SignerKey {
    name: String,
    key: SigningKey,
}

fn key_hash(name: &str, key: &VerifyingKey) -> [u8; 4] {
    key_hash_of(ED25519, name, key)
}

/// The first bytes of a key's hash, by which a signature line names it.
pub(super) fn key_hash_of(kind: u8, name: &str, key: &VerifyingKey) -> [u8; 4] {
    let digest: Hash =
        Sha256::new_with_prefix(name).chain_update([b'\n', kind]).chain_update(key.as_bytes()).finalize().into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}

impl VerifierKey {
    /// The log's name, the first line of its checkpoints.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tree head of a checkpoint, if this key signed it.
    pub fn open(&self, note: &str) -> Result<TreeHead, BadNote> {
        let (body, signature) = note.split_once("\n\n").ok_or(BadNote::Form)?;
        let [name, size, root] = body.split('\n').collect::<Vec<_>>().try_into().map_err(|_| BadNote::Form)?;
        let root: Hash = BASE64.decode(root).ok().and_then(|root| root.try_into().ok()).ok_or(BadNote::Form)?;
        let head = TreeHead { size: size.parse().map_err(|_| BadNote::Form)?, root };
        let line =
            signature.strip_prefix(SIGNATURE_MARK).and_then(|line| line.strip_suffix('\n')).ok_or(BadNote::Form)?;
        let (signer, signature) = line.split_once(' ').ok_or(BadNote::Form)?;
        let signature = BASE64.decode(signature).map_err(|_| BadNote::Form)?;
        let (hash, signature) = signature.split_first_chunk::<4>().ok_or(BadNote::Form)?;
        if name != self.name || signer != self.name || *hash != key_hash(&self.name, &self.key) {
            return Err(BadNote::OtherKey);
        }
        let signature = Signature::from_slice(signature).map_err(|_| BadNote::Form)?;
        if self.written(head, signature) != note {
            return Err(BadNote::Form);
        }
        self.key.verify_strict(self.body(head).as_bytes(), &signature).map_err(|_| BadNote::Signature)?;
        Ok(head)
    }

    fn body(&self, head: TreeHead) -> String {
        format!("{}\n{}\n{}\n", self.name, head.size, BASE64.encode(head.root))
    }

    fn written(&self, head: TreeHead, signature: Signature) -> String {
        let mut signed = key_hash(&self.name, &self.key).to_vec();
        signed.extend_from_slice(&signature.to_bytes());
        format!("{}\n{SIGNATURE_MARK}{} {}\n", self.body(head), self.name, BASE64.encode(signed))
    }
}

/// `name+hash+base64`, without a line break.
impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [&[ED25519], self.key.as_bytes().as_slice()].concat();
        write!(f, "{}+{}+{}", self.name, hex::encode(key_hash(&self.name, &self.key)), BASE64.encode(bytes))
    }
}

impl FromStr for VerifierKey {
    type Err = BadNote;
    fn from_str(text: &str) -> Result<Self, BadNote> {
        let (name, hash, bytes) = split_key(text, ED25519)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| BadNote::Form)?;
        let read = Self { name: name.to_owned(), key };
        if hash != hex::encode(key_hash(name, &key)) {
            return Err(BadNote::KeyHash);
        }
        if read.to_string() == text { Ok(read) } else { Err(BadNote::Form) }
    }
}

impl SignerKey {
    /// A key from 32 random bytes; the log's name is made from its public half.
    pub(super) fn from_seed(seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let digest: Hash = Sha256::digest(key.verifying_key().as_bytes()).into();
        let name = format!("{NAME}{}", hex::encode(&digest[..8]));
        Self { name, key }
    }

    pub(super) fn verifier(&self) -> VerifierKey {
        VerifierKey { name: self.name.clone(), key: self.key.verifying_key() }
    }

    /// The signed checkpoint.
    pub(super) fn sign(&self, head: TreeHead) -> String {
        let verifier = self.verifier();
        let signature = self.key.sign(verifier.body(head).as_bytes());
        verifier.written(head, signature)
    }

    /// The text that the key's file holds, without a line break.
    pub(super) fn text(&self) -> String {
        let hash = hex::encode(key_hash(&self.name, &self.key.verifying_key()));
        let bytes = [&[ED25519], self.key.as_bytes().as_slice()].concat();
        format!("{SIGNING_MARK}{}+{hash}+{}", self.name, BASE64.encode(bytes))
    }
}

impl FromStr for SignerKey {
    type Err = BadNote;
    fn from_str(text: &str) -> Result<Self, BadNote> {
        let (name, hash, seed) = split_key(text.strip_prefix(SIGNING_MARK).ok_or(BadNote::Form)?, ED25519)?;
        let read = Self { name: name.to_owned(), key: SigningKey::from_bytes(&seed) };
        if hash != hex::encode(key_hash(name, &read.key.verifying_key())) {
            return Err(BadNote::KeyHash);
        }
        if read.text() == text { Ok(read) } else { Err(BadNote::Form) }
    }
}

/// Name, hash and the 32 bytes of `name+hash+base64`, of a key of this type.
pub(super) fn split_key(text: &str, kind: u8) -> Result<(&str, &str, [u8; 32]), BadNote> {
    let [name, hash, bytes] = text.splitn(3, '+').collect::<Vec<_>>().try_into().map_err(|_| BadNote::Form)?;
    let bytes = BASE64.decode(bytes).map_err(|_| BadNote::Form)?;
    let bytes = bytes.strip_prefix(&[kind]).ok_or(BadNote::Form)?;
    let plain = |c: char| c.is_ascii_graphic() && c != '+';
    if name.is_empty() || !name.chars().all(plain) {
        return Err(BadNote::Form);
    }
    Ok((name, hash, bytes.try_into().map_err(|_| BadNote::Form)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verifier_key_of_the_go_note_package_is_read_and_its_signature_holds() {
        // From the documentation of golang.org/x/mod/sumdb/note.
        let key: VerifierKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW".parse().unwrap();
        let body =
            "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
        let signed = BASE64
            .decode("x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=")
            .unwrap();
        assert_eq!(signed[..4], key_hash(key.name(), &key.key));
        key.key.verify_strict(body.as_bytes(), &Signature::from_slice(&signed[4..]).unwrap()).unwrap();
    }

    #[test]
    fn no_byte_of_a_checkpoint_or_a_key_can_change() {
        let signer = SignerKey::from_seed(&[7; 32]);
        let verifier = signer.verifier();
        let head = TreeHead { size: 1_234, root: [9; 32] };
        let note = signer.sign(head);
        assert_eq!(verifier.open(&note), Ok(head));
        assert_eq!(signer.text().parse::<SignerKey>().map(|key| key.text()), Ok(signer.text()));
        assert_eq!(verifier.to_string().parse::<VerifierKey>(), Ok(verifier.clone()));
        for at in 0..note.len() {
            for flip in [1, 0x20, 0x80] {
                let mut bytes = note.clone().into_bytes();
                bytes[at] ^= flip;
                let opened = String::from_utf8(bytes).map(|changed| verifier.open(&changed));
                assert!(!matches!(opened, Ok(Ok(_))), "byte {at}");
            }
        }
        for text in [signer.text(), verifier.to_string()] {
            for at in 0..text.len() {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1;
                let changed = String::from_utf8(bytes).unwrap();
                assert!(changed.parse::<VerifierKey>().is_err() && changed.parse::<SignerKey>().is_err(), "byte {at}");
            }
        }
        for other_spelling in ["+1234", "01234"] {
            let respelled = note.replacen("1234", other_spelling, 1);
            assert_eq!(verifier.open(&respelled), Err(BadNote::Form), "{other_spelling}");
        }
        for bad in ["", "\n\n", "a\n1\nb\n\n— a b\n"] {
            assert_eq!(verifier.open(bad), Err(BadNote::Form));
        }
        assert_eq!(SignerKey::from_seed(&[8; 32]).verifier().open(&note), Err(BadNote::OtherKey));
    }
}
