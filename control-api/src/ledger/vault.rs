//! Salts and values of the ledger's commitments, in the store, where they can be erased. An opening is durable when its entry is
//! acknowledged. Whoever reads is given the words where they are there, and told where they are not.

use std::collections::BTreeMap;

use media::wall::Wall;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::event::Event;
use super::personal::{Opening, SALT_BYTES, SEALED_VERSION, commitment, digest_of, for_each, seal};
use super::{Ledger, LedgerUnavailable};
use crate::stamp::Stamp;
use crate::store::{Batch, CommitError, ReadOnly, Store, StoreError};

/// Where openings lie, by the commitment's digest.
const OPENINGS: &str = "ledger/opening/";

/// An opening as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Row {
    /// Salt as hex, and the words.
    Kept { salt: String, value: String },
    /// The erasure that took them, and when.
    Erased { erasure: String, at: Stamp },
}

/// What became of one personal text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Word {
    /// Here it is, and it fits its commitment.
    Open(String),
    /// It was erased by this erasure.
    Erased(String),
    /// It is not here: another appliance's, or the state was lost.
    Missing,
}

/// An event as a reader has it: words where there are some, commitments where not.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// The event's JSON.
    pub event: Value,
    /// Commitments in it that were erased, with the erasure.
    pub erased: BTreeMap<String, String>,
    /// Commitments that nothing here opens.
    pub missing: Vec<String>,
}

/// Where openings can be looked up.
pub trait Openings {
    /// What opens the commitment with this digest.
    fn word(&self, digest: &str) -> Result<Word, StoreError>;
}

fn word(digest: &str, row: Option<Row>) -> Word {
    match row {
        Some(Row::Kept { salt, value }) => {
            let salt: Option<[u8; SALT_BYTES]> = hex::decode(salt).ok().and_then(|salt| salt.try_into().ok());
            let fits = salt.is_some_and(|salt| digest_of(&commitment(&salt, &value)) == Some(digest));
            // Words that do not fit were changed: they are not what was written.
            if fits { Word::Open(value) } else { Word::Missing }
        }
        Some(Row::Erased { erasure, .. }) => Word::Erased(erasure),
        None => Word::Missing,
    }
}

impl Openings for Store {
    fn word(&self, digest: &str) -> Result<Word, StoreError> {
        Ok(word(digest, self.get_json(&key(digest))?.map(|row| row.value)))
    }
}

impl Openings for ReadOnly {
    fn word(&self, digest: &str) -> Result<Word, StoreError> {
        Ok(word(digest, self.get_json(&key(digest))?.map(|row| row.value)))
    }
}

fn key(digest: &str) -> String {
    format!("{OPENINGS}{digest}")
}

/// An entry's event with its words, as far as they are there. An entry that is no event gives null.
pub fn read(openings: &impl Openings, entry: &[u8]) -> Result<Read, StoreError> {
    let mut read = Read {
        event: serde_json::from_slice(entry).unwrap_or(Value::Null),
        erased: BTreeMap::new(),
        missing: Vec::new(),
    };
    if read.event.get("v").and_then(Value::as_u64) < Some(u64::from(SEALED_VERSION)) {
        return Ok(read);
    }
    let (erased, missing) = (&mut read.erased, &mut read.missing);
    for_each(&mut read.event, &mut |_, text| {
        let Some(digest) = digest_of(text) else { return Ok(()) };
        match openings.word(digest)? {
            Word::Open(words) => *text = words,
            Word::Erased(erasure) => drop(erased.insert(text.clone(), erasure)),
            Word::Missing => missing.push(text.clone()),
        }
        Ok::<_, StoreError>(())
    })?;
    Ok(read)
}

/// The digests of an entry's commitments.
pub fn digests(entry: &[u8]) -> Vec<String> {
    let mut event: Value = serde_json::from_slice(entry).unwrap_or(Value::Null);
    let mut digests = Vec::new();
    if event.get("v").and_then(Value::as_u64) >= Some(u64::from(SEALED_VERSION)) {
        let _: Result<(), std::convert::Infallible> = for_each(&mut event, &mut |_, text| {
            digests.extend(digest_of(text).map(str::to_owned));
            Ok(())
        });
    }
    digests
}

/// Adds to `batch` that these openings are erased.
pub fn erase(mut batch: Batch, digests: &[String], erasure: &str, at: Wall) -> Result<Batch, CommitError> {
    for digest in digests {
        batch = batch.put_json(key(digest), &Row::Erased { erasure: erasure.to_owned(), at: Stamp(at) })?;
    }
    Ok(batch)
}

/// What goes on the ledger for an event, and what goes into the store beside it.
pub(super) struct Sealed {
    pub(super) bytes: Vec<u8>,
    pub(super) batch: Option<Batch>,
}

pub(super) fn sealed(event: &Event) -> Result<Sealed, LedgerUnavailable> {
    let fresh = || -> Result<[u8; SALT_BYTES], LedgerUnavailable> {
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|error| LedgerUnavailable::Openings(error.to_string()))?;
        Ok(salt)
    };
    let (event, openings) = seal(event, fresh)?;
    let batch = if openings.is_empty() { None } else { Some(kept(openings).map_err(|e| unkept(&e))?) };
    Ok(Sealed { bytes: event.canonical(), batch })
}

fn kept(openings: Vec<Opening>) -> Result<Batch, CommitError> {
    openings.into_iter().try_fold(Batch::new(), |batch, Opening { commitment, salt, value }| {
        let digest = digest_of(&commitment).unwrap_or_default().to_owned();
        batch.put_json(key(&digest), &Row::Kept { salt: hex::encode(salt), value })
    })
}

/// The store refused an opening.
pub(super) fn unkept(error: &CommitError) -> LedgerUnavailable {
    LedgerUnavailable::Openings(error.to_string())
}

impl Ledger {
    /// From now on what is personal in an event goes on the ledger as a commitment, and into `store` in words. Holds the store
    /// open until the ledger is closed.
    pub fn keep_openings(&self, store: &Store) {
        *self.shell.vault.write() = Some(store.clone());
    }
}
