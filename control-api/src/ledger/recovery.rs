//! Opening the ledger's files: a new log, or the last run's brought to order. The checkpoint is believed only with its
//! signature; tiles and journal must fit it, or the ledger stays closed. A torn last frame past the checkpoint is cut: it was
//! never acknowledged.

use std::collections::VecDeque;
use std::sync::Arc;

use super::LedgerError;
use super::disk::{Disk, replace};
use super::edge::Edge;
use super::journal::{self, FILE_BYTES_MAX, Journal, SEGMENT_HEAD_BYTES, Scan, scan, segment_file, segment_first};
use super::merkle::{Hash, leaf_hash};
use super::note::{SignerKey, TreeHead};
use super::publish::{CHECKPOINT, DRAFT, Publisher};
use super::tile::{BUNDLE_BYTES_MAX, HEIGHT, Shelf, TILE_BYTES_MAX, TileName, WIDTH, split_bundle, split_tile};

/// The signing key's file, readable by its owner only.
pub(super) const KEY: &str = "key";
/// The verifier key's file: what auditors take away.
pub(super) const VERIFIER: &str = "verifier.pub";
/// Checkpoints and keys are a few hundred bytes.
pub(super) const NOTE_BYTES_MAX: usize = 4_096;

/// The ledger's files, in order.
pub(super) struct Files {
    pub(super) journal: Journal,
    pub(super) publisher: Publisher,
}

/// Opens the log, or makes it with the key that `seed` gives. When it returns, the checkpoint covers every entry.
pub(super) fn open(
    disk: &dyn Disk,
    seed: impl FnOnce() -> Result<[u8; 32], LedgerError>,
) -> Result<Files, LedgerError> {
    let Some(note) = read_text(disk, CHECKPOINT)? else {
        return create(disk, seed);
    };
    let key = read_key(disk)?.ok_or_else(|| contradiction(KEY, 0, "the signing key is missing"))?;
    check_verifier(disk, &key)?;
    let head = key.verifier().open(&note).map_err(|bad| contradiction(CHECKPOINT, 0, bad.to_string()))?;
    let mut publisher = published(disk, key, head, note)?;
    let (journal, unpublished) = replay(disk, head.size)?;
    if !unpublished.is_empty() {
        publisher.publish(disk, &unpublished)?;
    }
    Ok(Files { journal, publisher })
}

/// Makes the log. The checkpoint comes last: until it is there, a start begins anew, with the key that is there.
fn create(disk: &dyn Disk, seed: impl FnOnce() -> Result<[u8; 32], LedgerError>) -> Result<Files, LedgerError> {
    let tiles = disk.list("tile").map_err(LedgerError::io("listing", "tile"))?;
    if !tiles.is_empty() {
        return Err(contradiction(CHECKPOINT, 0, "the checkpoint is missing, and there are tiles"));
    }
    for item in disk.list(journal::FOLDER).map_err(LedgerError::io("listing", journal::FOLDER))? {
        let file = format!("{}/{}", journal::FOLDER, item.name);
        let bytes = disk.read(&file, FILE_BYTES_MAX).map_err(LedgerError::io("reading", &file))?;
        if item.name != segment_file(0).split_off(journal::FOLDER.len() + 1) || bytes.len() > SEGMENT_HEAD_BYTES {
            return Err(contradiction(CHECKPOINT, 0, "the checkpoint is missing, and there is a journal"));
        }
    }
    disk.make_folder("").map_err(LedgerError::io("making", "the folder"))?;
    let key = match read_key(disk)? {
        Some(key) => key,
        None => SignerKey::from_seed(&seed()?),
    };
    let put = |file: &str, text: String, private| {
        replace(disk, DRAFT, file, text.as_bytes(), private).map_err(LedgerError::io("writing", file))
    };
    put(KEY, format!("{}\n", key.text()), true)?;
    put(VERIFIER, format!("{}\n", key.verifier()), false)?;
    let journal = Journal::create(disk, 0)?;
    let note = key.sign(TreeHead { size: 0, root: Edge::default().root() });
    put(CHECKPOINT, note.clone(), false)?;
    Ok(Files { journal, publisher: Publisher::resume(key, Edge::default(), Vec::new(), note) })
}

fn read_key(disk: &dyn Disk) -> Result<Option<SignerKey>, LedgerError> {
    let Some(text) = read_text(disk, KEY)? else { return Ok(None) };
    let line = text.strip_suffix('\n').unwrap_or(&text);
    line.parse().map(Some).map_err(|bad: super::note::BadNote| contradiction(KEY, 0, bad.to_string()))
}

fn check_verifier(disk: &dyn Disk, key: &SignerKey) -> Result<(), LedgerError> {
    let text = read_text(disk, VERIFIER)?.ok_or_else(|| contradiction(VERIFIER, 0, "the verifier key is missing"))?;
    if text == format!("{}\n", key.verifier()) {
        Ok(())
    } else {
        Err(contradiction(VERIFIER, 0, "it is not the public half of the signing key"))
    }
}

/// The published log: edge and unfinished bundle, checked against the signed root.
fn published(disk: &dyn Disk, key: SignerKey, head: TreeHead, note: String) -> Result<Publisher, LedgerError> {
    let mut levels = Vec::new();
    while levels.len() < 8 && head.size >> (HEIGHT * levels.len() as u32) > 0 {
        levels.push(partial_tile(disk, Shelf::Level(levels.len() as u32), head.size)?);
    }
    let edge = Edge::from_levels(head.size, levels);
    if edge.root() != head.root {
        return Err(contradiction(CHECKPOINT, 0, "the tiles of the right edge do not give the signed root"));
    }
    let mut tail = Vec::new();
    if let Some(name) = TileName::in_tree(Shelf::Entries, head.size / WIDTH, head.size) {
        let file = name.path();
        let bytes = disk.read(&file, BUNDLE_BYTES_MAX).map_err(LedgerError::io("reading", &file))?;
        let (entries, rest) = split_bundle(&bytes);
        tail = entries.into_iter().map(Arc::<[u8]>::from).collect();
        let hashes: Vec<Hash> = tail.iter().map(|entry| leaf_hash(entry)).collect();
        if rest != 0 || hashes != edge.level(0) {
            let at = hashes.iter().zip(edge.level(0)).position(|(entry, hash)| entry != hash).unwrap_or(hashes.len());
            let index = (head.size / WIDTH) * WIDTH + at as u64;
            return Err(contradiction(&file, 0, format!("entry {index} does not have the hash that the tile has")));
        }
    }
    Ok(Publisher::resume(key, edge, tail, note))
}

fn partial_tile(disk: &dyn Disk, shelf: Shelf, size: u64) -> Result<Vec<Hash>, LedgerError> {
    let level = if let Shelf::Level(level) = shelf { level } else { 0 };
    let Some(name) = TileName::in_tree(shelf, (size >> (HEIGHT * level)) / WIDTH, size) else { return Ok(Vec::new()) };
    read_tile(disk, name)
}

fn read_tile(disk: &dyn Disk, name: TileName) -> Result<Vec<Hash>, LedgerError> {
    let file = name.path();
    let bytes = disk.read(&file, TILE_BYTES_MAX).map_err(LedgerError::io("reading", &file))?;
    let hashes = split_tile(&bytes).filter(|hashes| hashes.len() as u64 == name.width);
    hashes.ok_or_else(|| contradiction(&file, 0, format!("it does not hold {} hashes", name.width)))
}

/// Entries past the checkpoint, in order.
type Unpublished = Vec<Arc<[u8]>>;

/// Reads the journal: every entry the checkpoint covers must have the hash that the tiles have, and there must be no hole
/// before the checkpoint's end. Gives the entries past it.
fn replay(disk: &dyn Disk, published: u64) -> Result<(Journal, Unpublished), LedgerError> {
    let mut tiles = Tiles { disk, published, cached: None };
    let mut unpublished = Vec::new();
    let mut segments = VecDeque::new();
    let (mut next, mut bytes_of_last) = (None, 0);
    let names = segment_names(disk)?;
    for (at, first) in names.iter().enumerate() {
        let file = segment_file(*first);
        if next.is_some_and(|next| next != *first) {
            return Err(contradiction(&file, 0, "entries before it are missing"));
        }
        let bytes = disk.read(&file, FILE_BYTES_MAX).map_err(LedgerError::io("reading", &file))?;
        let mut found = scan(&bytes, *first);
        let end = first + found.entries.len() as u64;
        if let Some(fault) = found.fault.take() {
            let torn = at + 1 == names.len() && !fault.followed && found.good_end > 0 && end >= published;
            if !torn {
                return Err(contradiction(&file, found.good_end as u64, fault.why));
            }
            cut(disk, &file, &found, bytes.len())?;
        }
        for (index, place) in (*first..).zip(&found.entries) {
            let entry = bytes.get(place.clone()).expect("scan gives places in the bytes");
            if index >= published {
                unpublished.push(Arc::from(entry));
            } else if tiles.leaf(index)? != leaf_hash(entry) {
                let why = format!("entry {index} does not have the hash that the tile has");
                return Err(contradiction(&file, place.start as u64, why));
            }
        }
        segments.push_back(*first);
        next = Some(end);
        bytes_of_last = found.good_end as u64;
    }
    let (Some(next), Some(oldest)) = (next, segments.front()) else {
        return Err(contradiction(journal::FOLDER, 0, "the journal is missing"));
    };
    if *oldest > published {
        return Err(contradiction(
            &segment_file(*oldest),
            0,
            format!("entries from {published} on are missing before it"),
        ));
    }
    if next < published {
        let why = format!("the journal ends before entry {next}, the checkpoint has {published}: the tail was removed");
        return Err(contradiction(&segment_file(*segments.back().unwrap_or(oldest)), bytes_of_last, why));
    }
    Ok((Journal::resume(segments, bytes_of_last, next), unpublished))
}

fn segment_names(disk: &dyn Disk) -> Result<Vec<u64>, LedgerError> {
    let items = disk.list(journal::FOLDER).map_err(LedgerError::io("listing", journal::FOLDER))?;
    let first = |name: &str| {
        segment_first(name)
            .ok_or_else(|| contradiction(&format!("{}/{name}", journal::FOLDER), 0, "no file of the ledger"))
    };
    items.iter().map(|item| first(&item.name)).collect()
}

fn cut(disk: &dyn Disk, file: &str, found: &Scan, length: usize) -> Result<(), LedgerError> {
    tracing::warn!(
        file,
        offset = found.good_end,
        bytes = length - found.good_end,
        "the ledger's journal ends in a write that was interrupted and never acknowledged; it is cut off"
    );
    disk.cut(file, found.good_end as u64).map_err(LedgerError::io("cutting", file))
}

/// Leaf hashes out of the published tiles, with the last tile kept.
struct Tiles<'a> {
    disk: &'a dyn Disk,
    published: u64,
    cached: Option<(u64, Vec<Hash>)>,
}

impl Tiles<'_> {
    fn leaf(&mut self, index: u64) -> Result<Hash, LedgerError> {
        let tile = index / WIDTH;
        if self.cached.as_ref().is_none_or(|(at, _)| *at != tile) {
            let name =
                TileName::in_tree(Shelf::Level(0), tile, self.published).expect("asked for published entries only");
            self.cached = Some((tile, read_tile(self.disk, name)?));
        }
        let (_, hashes) = self.cached.as_ref().expect("filled above");
        let place = usize::try_from(index % WIDTH).expect("less than 256");
        Ok(*hashes.get(place).expect("the tile has the width that the checkpoint gives it"))
    }
}

fn read_text(disk: &dyn Disk, file: &str) -> Result<Option<String>, LedgerError> {
    match disk.read(file, NOTE_BYTES_MAX) {
        Ok(bytes) => String::from_utf8(bytes).map(Some).map_err(|_| contradiction(file, 0, "it is no text")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(LedgerError::io("reading", file)(error)),
    }
}

fn contradiction(file: &str, offset: u64, why: impl Into<String>) -> LedgerError {
    LedgerError::Contradiction { file: file.to_owned(), offset, why: why.into() }
}
