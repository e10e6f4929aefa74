//! The check of a package, offline and trusting nothing in it: what of it is proven, what is not, and what contradicts itself.
//! Every read is bounded, whatever the package says of its own sizes.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use zip::{CompressionMethod, ZipArchive};

use super::manifest::{self, EXPORT_RENDERED, FileHash, Manifest, Standing, canonical, sha256};
use super::package::{MANIFEST, PROOF, Proof, README, SIGNATURE, each_piece, signature_holds};
use crate::ledger::Event;
use crate::ledger::merkle::{check_inclusion, leaf_hash};
use crate::ledger::note::VerifierKey;

/// Most files of a package: one for each change of a camera's parameters, and four.
const FILES_MAX: usize = 128;
/// Largest signature file.
const SIGNATURE_BYTES_MAX: u64 = 256;
/// Largest proof: an entry of the ledger and 64 hashes.
const PROOF_BYTES_MAX: u64 = 1 << 20;
/// Length of the end of a ZIP that has no comment.
const ZIP_END_BYTES: usize = 22;

/// What the checker knows beforehand.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// The ledger's public key, kept apart from the appliance.
    pub ledger_key: Option<VerifierKey>,
    /// The export key, kept apart from the appliance; base64.
    pub export_key: Option<String>,
}

/// What was found. Each line names what it is about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The export's id, where the manifest could be read.
    pub export: Option<String>,
    /// What is proven.
    pub proven: Vec<String>,
    /// What is not proven, and what would.
    pub not_proven: Vec<String>,
    /// What contradicts itself: the package is not what it was.
    pub broken: Vec<String>,
}

impl Verdict {
    /// Nothing contradicts.
    pub fn is_good(&self) -> bool {
        self.broken.is_empty()
    }
}

/// Checks the package at `path`. An error means that it could not be read at all.
pub fn verify(path: &Path, trust: &Trust) -> io::Result<Verdict> {
    let mut verdict = Verdict::default();
    let mut file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let end = ends_plainly(&mut file, bytes)?;
    let mut zip = match ZipArchive::new(file) {
        Ok(zip) => zip,
        Err(error) => {
            verdict.broken.push(format!("the package is no ZIP that can be read: {error}"));
            return Ok(verdict);
        }
    };
    if !end {
        verdict.broken.push("the package has something behind its end".into());
    }
    layout(&mut zip, &mut verdict);
    if let Some(manifest) = signed_manifest(&mut zip, trust, &mut verdict) {
        files(&mut zip, &manifest, &mut verdict);
        proof(&mut zip, &manifest, trust, &mut verdict);
        sources(&manifest, &mut verdict);
        verdict.export = Some(manifest.export);
    }
    Ok(verdict)
}

/// The last bytes are the end of a ZIP without a comment.
fn ends_plainly(file: &mut File, bytes: u64) -> io::Result<bool> {
    let Some(at) = bytes.checked_sub(ZIP_END_BYTES as u64) else { return Ok(false) };
    let mut end = [0; ZIP_END_BYTES];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut end)?;
    file.rewind()?;
    Ok(end.starts_with(b"PK\x05\x06") && end.ends_with(&[0, 0]))
}

/// The files lie one behind the other with nothing between them, uncompressed, each name once: every reader sees the same.
fn layout(zip: &mut ZipArchive<File>, verdict: &mut Verdict) {
    if zip.len() > FILES_MAX {
        return verdict.broken.push(format!("the package holds {} files, {FILES_MAX} at most", zip.len()));
    }
    let mut places = Vec::new();
    for number in 0..zip.len() {
        match zip.by_index_raw(number) {
            Ok(entry)
                if entry.compression() == CompressionMethod::Stored && entry.size() == entry.compressed_size() =>
            {
                let end = entry.data_start().map(|start| start.saturating_add(entry.compressed_size()));
                places.push((entry.header_start(), end));
            }
            Ok(entry) => verdict.broken.push(format!("{}: it is compressed", shown(entry.name()))),
            Err(error) => verdict.broken.push(format!("file {number} of the package: {error}")),
        }
    }
    places.sort_unstable();
    let mut at = Some(0);
    for (begin, end) in places {
        if at != Some(begin) {
            return verdict
                .broken
                .push(format!("the package has something before byte {begin} that is none of its files"));
        }
        at = end;
    }
    if at != Some(zip.central_directory_start()) {
        verdict.broken.push("the package has something behind its files".into());
    }
}

/// The whole of a small file; a line in the verdict where it is missing, too large or damaged.
fn small(zip: &mut ZipArchive<File>, name: &str, bytes_max: u64, verdict: &mut Verdict) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = match zip.by_name(name) {
        Ok(entry) if entry.size() > bytes_max => Err(format!("{} bytes, {bytes_max} at most", entry.size())),
        Ok(entry) => entry.take(bytes_max + 1).read_to_end(&mut bytes).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match read {
        Ok(_) => Some(bytes),
        Err(why) => {
            verdict.broken.push(format!("{name}: {why}"));
            None
        }
    }
}

/// A file of JSON that is byte for byte what we would write.
fn strict<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<T, String> {
    let value: T = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if canonical(&value) == bytes { Ok(value) } else { Err("it is not in the form that it was written in".into()) }
}

fn signed_manifest(zip: &mut ZipArchive<File>, trust: &Trust, verdict: &mut Verdict) -> Option<Manifest> {
    let bytes = small(zip, MANIFEST, manifest::BYTES_MAX, verdict)?;
    let signature = small(zip, SIGNATURE, SIGNATURE_BYTES_MAX, verdict);
    let manifest: Manifest = match strict(&bytes) {
        Ok(manifest) => manifest,
        Err(why) => {
            verdict.broken.push(format!("{MANIFEST}: {why}"));
            return None;
        }
    };
    if manifest.version != manifest::VERSION {
        verdict.broken.push(format!("{MANIFEST}: version {} is not known to this program", manifest.version));
        return None;
    }
    match signature {
        Some(text) if signature_holds(&manifest.export_key, &bytes, &text) => {
            verdict.proven.push(format!("{MANIFEST}: signed by export key {}", manifest.export_key));
        }
        Some(_) => verdict.broken.push(format!("{SIGNATURE}: it is no signature of {MANIFEST} by its export key")),
        None => {}
    }
    match &trust.export_key {
        Some(key) if *key == manifest.export_key => verdict.proven.push("the export key is the one you gave".into()),
        Some(key) => verdict.broken.push(format!("{MANIFEST}: signed by another export key than {}", shown(key))),
        None => verdict.not_proven.push(
            "whose export key it is: give the Bureau's with --export-key, as it was handed to you apart from this file"
                .into(),
        ),
    }
    Some(manifest)
}

/// Every file that the manifest names is there and has its hash, and there is no other.
fn files(zip: &mut ZipArchive<File>, manifest: &Manifest, verdict: &mut Verdict) {
    for file in &manifest.files {
        match hash(zip, file) {
            Ok(sha256) if sha256 == file.sha256 => {
                verdict.proven.push(format!(
                    "{}: {} bytes, unchanged since the signature",
                    shown(&file.name),
                    file.bytes
                ));
            }
            Ok(_) => verdict.broken.push(format!("{}: it was changed", shown(&file.name))),
            Err(why) => verdict.broken.push(format!("{}: {why}", shown(&file.name))),
        }
    }
    let mut known: BTreeSet<&str> = manifest.files.iter().map(|file| file.name.as_str()).collect();
    for video in manifest.videos.iter().filter(|video| !known.contains(video.file.as_str())) {
        verdict.broken.push(format!("{}: the manifest has no hash of it", shown(&video.file)));
    }
    if !known.contains(README) {
        verdict.broken.push(format!("{README}: the manifest has no hash of it"));
    }
    known.extend([MANIFEST, SIGNATURE, PROOF]);
    for name in zip.file_names().filter(|name| !known.contains(name)) {
        verdict.broken.push(format!("{}: the manifest does not name it", shown(name)));
    }
}

fn hash(zip: &mut ZipArchive<File>, file: &FileHash) -> Result<String, String> {
    let mut entry = zip.by_name(&file.name).map_err(|error| error.to_string())?;
    if entry.size() != file.bytes {
        return Err(format!("it has {} bytes and not {}", entry.size(), file.bytes));
    }
    let mut hasher = Sha256::new();
    let read = each_piece(&mut entry, |piece| {
        hasher.update(piece);
        Ok(())
    });
    read.map_err(|error| format!("it was changed: {error}"))?;
    Ok(hex::encode(hasher.finalize()))
}

fn proof(zip: &mut ZipArchive<File>, manifest: &Manifest, trust: &Trust, verdict: &mut Verdict) {
    let Some(bytes) = small(zip, PROOF, PROOF_BYTES_MAX, verdict) else { return };
    let checked = strict::<Proof>(&bytes).and_then(|proof| included(&proof, manifest).map(|at| (proof, at)));
    let (proof, at) = match checked {
        Ok(checked) => checked,
        Err(why) => return verdict.broken.push(format!("{PROOF}: {why}")),
    };
    let (entry, size) = (proof.index, proof.size);
    verdict.proven.push(format!(
        "{PROOF}: the manifest is entry {entry} of the ledger, made {at}, under its checkpoint over {size}"
    ));
    match &trust.ledger_key {
        Some(key) if key.to_string() == proof.ledger_key => {
            verdict.proven.push(format!("the ledger is {}, the one you gave", key.name()));
        }
        Some(key) => verdict.broken.push(format!("{PROOF}: signed by another ledger than {}", key.name())),
        None => verdict.not_proven.push(
            "whose ledger it is: give the Bureau's verifier.pub with --ledger-key, as it was handed to you apart from this file"
                .into(),
        ),
    }
}

/// When the entry was made, if the proof holds and the entry is of this manifest.
fn included(proof: &Proof, manifest: &Manifest) -> Result<String, String> {
    let key: VerifierKey = proof.ledger_key.parse().map_err(|why| format!("the ledger's key: {why}"))?;
    if proof.ledger_key != manifest.ledger_key {
        return Err("it is of another ledger than the manifest names".into());
    }
    let head = key.open(&proof.checkpoint).map_err(|why| format!("the checkpoint: {why}"))?;
    let path = proof.hashes().ok_or("its path is none")?;
    let leaf = leaf_hash(proof.entry.as_bytes());
    if head.size != proof.size || !check_inclusion(proof.index, proof.size, &leaf, &path, &head.root) {
        return Err("the entry is not under the checkpoint".into());
    }
    let event = Event::parse(proof.entry.as_bytes()).map_err(|why| format!("the entry: {why}"))?;
    let said = event.detail.get("manifest_sha256").and_then(|value| value.as_str());
    if event.kind != EXPORT_RENDERED || said != Some(sha256(&manifest.canonical()).as_str()) {
        return Err("the entry is of another manifest".into());
    }
    Ok(event.at.to_string())
}

/// What the manifest says of the recordings: signed, and so the appliance's word.
fn sources(manifest: &Manifest, verdict: &mut Verdict) {
    let all = manifest.sources.len();
    let mut unchanged = 0;
    for source in &manifest.sources {
        let path = shown(&source.path);
        match &source.ledger {
            Standing::Unchanged { .. } => unchanged += 1,
            Standing::Changed { entry, at, .. } => verdict.broken.push(format!(
                "recording {path}: it was changed between entry {entry} of the ledger, made {at}, and the export"
            )),
            Standing::NotOnLedger {} => verdict.not_proven.push(format!(
                "recording {path}: the ledger had no hash of it, so what was done to it before the export is not known"
            )),
        }
    }
    if unchanged > 0 {
        verdict.proven.push(format!(
            "{unchanged} of {all} recordings: unchanged from their sealing to the export, by the appliance's word; the entries are in {MANIFEST}"
        ));
    }
    verdict
        .not_proven
        .push("what a camera saw before it was recorded: nothing here speaks for the camera itself".into());
}

/// A name as it may be printed: it comes from the package.
fn shown(name: &str) -> String {
    name.chars().take(128).map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

#[cfg(test)]
mod tests;
