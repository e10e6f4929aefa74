//! What a package says of itself: whose it is, who wanted, judged and released it, which recordings it was made of and what their
//! hashes were, and the hash of each of its files. Its bytes are one line of JSON with sorted keys, so that it has one hash.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::form::ExportForm;
use crate::ledger::Kind;
use crate::stamp::Stamp;

/// A package was made; the event's detail has its manifest's hash.
pub(super) const EXPORT_RENDERED: Kind = Kind::named("export.rendered");
/// The layout written today.
pub const VERSION: u16 = 1;
/// Largest manifest: four hours of segments of a second, each with its hashes, stay below.
pub const BYTES_MAX: u64 = 8 << 20;

/// The manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`VERSION`].
    pub version: u16,
    /// The export's id.
    pub export: String,
    /// The camera's name.
    pub camera_name: String,
    /// What was asked for: camera, stretch, purpose, reason, recipient, medium, regions.
    pub request: ExportForm,
    /// The unit that has it.
    pub unit: String,
    /// Who took part, in order.
    pub persons: Vec<Person>,
    /// When it was rendered.
    pub rendered_at: Stamp,
    /// The mark that its pictures carry.
    pub mark: String,
    /// The videos, in order of time.
    pub videos: Vec<Video>,
    /// Stretches that were not recorded, and why.
    pub gaps: Vec<Gap>,
    /// The recordings that it was made of.
    pub sources: Vec<Source>,
    /// Every file of the package but this one, its signature and its proof.
    pub files: Vec<FileHash>,
    /// The public key that signs this, base64.
    pub export_key: String,
    /// The ledger that knows it.
    pub ledger_key: String,
}

/// Who took part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// What they did: `request`, `endorse`, `approve`, `release`.
    pub step: String,
    /// Their id.
    pub user: String,
    /// Their name then.
    pub name: String,
    /// Their unit then.
    pub unit: String,
    /// When.
    pub at: Stamp,
}

/// A video.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Video {
    /// Its file.
    pub file: String,
    /// The instant of its first picture, or later by less than a picture.
    pub from: Stamp,
    /// Its end.
    pub to: Stamp,
}

/// A stretch without recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gap {
    /// Beginning.
    pub from: Stamp,
    /// End.
    pub to: Stamp,
    /// The recorder's word for why.
    pub reason: String,
}

/// A recording that the export was made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its path in the recordings.
    pub path: String,
    /// Beginning.
    pub from: Stamp,
    /// End.
    pub to: Stamp,
    /// Its length.
    pub bytes: u64,
    /// Its BLAKE3 hash when the export was rendered.
    pub blake3: String,
    /// It was finished; else more was being added to it.
    pub sealed: bool,
    /// What the ledger had been told of it before.
    pub ledger: Standing,
}

/// What the ledger says of a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "standing", rename_all = "snake_case", deny_unknown_fields)]
pub enum Standing {
    /// Its hash is on the ledger, and it is that hash: it was not changed since.
    Unchanged {
        /// The entry.
        entry: u64,
        /// When it was put there.
        at: Stamp,
    },
    /// Another hash is on the ledger: it was changed.
    Changed {
        /// The entry.
        entry: u64,
        /// When it was put there.
        at: Stamp,
        /// The hash there.
        blake3: String,
    },
    /// The ledger knows no hash of it.
    NotOnLedger {},
}

/// A file of the package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileHash {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256, as hex.
    pub sha256: String,
}

impl Manifest {
    /// Its bytes in the package.
    pub fn canonical(&self) -> Vec<u8> {
        canonical(self)
    }
}

/// JSON in one line with sorted keys.
pub fn canonical<T: Serialize>(value: &T) -> Vec<u8> {
    let mut value = serde_json::to_value(value).expect("text keys and plain values always make JSON");
    value.sort_all_objects();
    value.to_string().into_bytes()
}

/// SHA-256 as hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
