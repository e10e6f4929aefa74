//! A corpus of damage made by program: every kind of it must be found, and named where it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::ledger::disk::memory::Memory;
use crate::ledger::journal::Journal;
use crate::ledger::publish::Publisher;
use crate::ledger::recovery;
use crate::ledger::tile::{bundle, split_bundle};

type FileMap = BTreeMap<String, Vec<u8>>;

const JOURNAL: &str = "journal/00000000000000000000";
/// Two whole bundles and one of 88, with idle partial tiles of earlier checkpoints beside it.
const ENTRIES: usize = 600;

fn entries() -> Vec<Arc<[u8]>> {
    (0..ENTRIES).map(|n| format!("{{\"event\":{n}}}").into_bytes().into()).collect()
}

fn build_with(seed: u8, entries: &[Arc<[u8]>]) -> FileMap {
    let disk = Memory::default();
    let mut files = recovery::open(&disk, || Ok([seed; 32])).unwrap();
    for group in entries.chunks(40) {
        files.journal.append(&disk, group).unwrap();
        files.publisher.publish(&disk, group).unwrap();
    }
    disk.files()
}

fn build() -> FileMap {
    build_with(1, &entries())
}

fn verify_files(files: &FileMap, options: &Options) -> Report {
    verify_on(&Memory::of(files.clone()), options, &mut |_, _| {})
}

fn findings(files: &FileMap) -> Vec<Finding> {
    verify_files(files, &Options::default()).findings
}

fn named(found: &[Finding], file: &str, entry: u64, word: &str) -> bool {
    found.iter().any(|f| f.file == file && f.entry == Some(entry) && f.what.contains(word))
}

#[test]
fn a_whole_log_is_clean_and_says_what_it_cannot_know() {
    let files = build();
    let mut progress = Vec::new();
    let report = verify_on(&Memory::of(files.clone()), &Options::default(), &mut |done, of| progress.push((done, of)));
    assert!(report.is_clean(), "{:?}", report.findings);
    assert_eq!((report.size, report.entries), (Some(600), 600));
    assert_eq!(progress.last(), Some(&(600, 600)));
    assert_eq!(report.notices.len(), 2, "{:?}", report.notices);
    assert!(files.keys().any(|name| name.starts_with("tile/0/002.p/")) && files.contains_key("tile/1/000.p/2"));
}

#[test]
fn a_flipped_bit_anywhere_is_found_in_its_file() {
    let files = build();
    let mut tried = 0;
    for (name, bytes) in &files {
        let step = (bytes.len() / 23).max(1);
        let places = (0..bytes.len()).step_by(step).chain(bytes.len().saturating_sub(3)..bytes.len());
        for (turn, at) in places.enumerate() {
            let mut damaged = files.clone();
            damaged.get_mut(name).unwrap()[at] ^= 1 << (turn % 8);
            let found = findings(&damaged);
            assert!(found.iter().any(|f| f.file == *name), "{name}, byte {at}: {found:?}");
            // A key or checkpoint that does not hold puts all in doubt; elsewhere only the damaged file is blamed.
            let blamed_others = found.iter().find(|f| f.file != *name);
            assert!(!name.starts_with("tile/") || blamed_others.is_none(), "{name}, byte {at}: {found:?}");
            tried += 1;
        }
    }
    assert!(tried > 400, "{tried}");
}

#[test]
fn a_removed_or_foreign_file_is_found() {
    let files = build();
    for name in files.keys() {
        let mut without = files.clone();
        without.remove(name);
        let idle = name.contains(".p/") && !name.ends_with(".p/88") && !name.ends_with("1/000.p/2");
        let found = findings(&without);
        // The signing key is not part of what an auditor gets; an idle partial tile is one that a later one replaced.
        if name != "key" && !idle {
            assert!(found.iter().any(|f| f.file == *name || name.starts_with(&f.file)), "{name}: {found:?}");
        }
    }
    for foreign in ["tile/0/000.bak", "tile/0/x000/000", "notes", "journal/1", "tile/9/000"] {
        let mut with = files.clone();
        with.insert(foreign.into(), b"x".to_vec());
        assert!(findings(&with).iter().any(|f| f.file == foreign), "{foreign}");
    }
    for beyond in ["tile/0/003", "tile/entries/003.p/1", "tile/1/001", "tile/2/000.p/1", "tile/0/002.p/255"] {
        let mut with = files.clone();
        with.insert(beyond.into(), vec![0; 32]);
        assert!(findings(&with).iter().any(|f| f.file == beyond), "{beyond}");
    }
}

/// Rewrites one bundle with its entries changed by `edit`, well formed.
fn with_bundle(name: &str, edit: impl Fn(&mut Vec<Arc<[u8]>>)) -> Vec<Finding> {
    let mut files = build();
    let (entries, _) = split_bundle(&files[name]);
    let mut entries: Vec<Arc<[u8]>> = entries.into_iter().map(Arc::from).collect();
    edit(&mut entries);
    files.insert(name.into(), bundle(&entries));
    findings(&files)
}

#[test]
fn entries_removed_swapped_added_or_changed_in_a_bundle_are_named() {
    let file = "tile/entries/001";
    let found = with_bundle(file, |entries| drop(entries.remove(4)));
    assert!(found.len() == 1 && named(&found, file, 260, "missing"), "{found:?}");
    let found = with_bundle(file, |entries| entries.swap(3, 9));
    assert!(found.len() == 1 && named(&found, file, 259, "swapped with entry 265"), "{found:?}");
    let found = with_bundle(file, |entries| entries.insert(7, b"planted".as_slice().into()));
    assert!(found.len() == 1 && named(&found, file, 263, "added"), "{found:?}");
    let found = with_bundle(file, |entries| entries[255] = b"changed".as_slice().into());
    assert!(found.len() == 1 && named(&found, file, 511, "changed"), "{found:?}");
    let found = with_bundle("tile/entries/002.p/88", |entries| entries.truncate(80));
    assert!(found.len() == 1 && named(&found, "tile/entries/002.p/88", 592, "missing"), "{found:?}");
}

/// The log that a forger would leave: every bundle, tile and hash made anew from `forged`, by the ledger's own code; the
/// checkpoint, keys and journal as they were.
fn rewritten(forged: &[Arc<[u8]>]) -> FileMap {
    let (real, mut files) = (build(), build_with(9, forged));
    for kept in ["checkpoint", "key", "verifier.pub", JOURNAL] {
        files.insert(kept.into(), real[kept].clone());
    }
    files
}

#[test]
fn a_log_rewritten_consistently_but_not_signed_is_found_and_the_entry_named() {
    let file = |entry: u64| format!("tile/entries/{:03}", entry / 256);
    let mut forged = entries();
    forged.remove(300);
    let found = findings(&rewritten(&forged));
    assert!(found.iter().any(|f| f.entry == Some(300) && f.what.contains("removed")), "{found:?}");
    assert!(found.iter().any(|f| f.file == "checkpoint"), "{found:?}");

    let mut forged = entries();
    forged.swap(10, 290);
    let found = findings(&rewritten(&forged));
    assert!(named(&found, &file(10), 10, "swapped with entry 290"), "{found:?}");

    let mut forged = entries();
    forged[511] = b"forged".as_slice().into();
    let found = findings(&rewritten(&forged));
    assert!(named(&found, &file(511), 511, "changed"), "{found:?}");
}

#[test]
fn a_log_rewritten_with_its_journal_does_not_give_the_signed_root() {
    let mut forged = entries();
    forged[17] = b"forged".as_slice().into();
    let mut files = rewritten(&forged);
    files.insert(JOURNAL.into(), build_with(9, &forged)[JOURNAL].clone());
    let found = findings(&files);
    assert!(found.iter().any(|f| f.file == "checkpoint" && f.what.contains("entries were changed")), "{found:?}");
}

#[test]
fn another_key_or_an_older_folder_needs_knowledge_from_elsewhere() {
    let real = build();
    let key = std::str::from_utf8(&real["verifier.pub"]).unwrap().trim_end().parse().unwrap();
    let mut forged = entries();
    forged[17] = b"forged".as_slice().into();
    let resigned = build_with(9, &forged);
    assert!(findings(&resigned).is_empty(), "without the key from elsewhere this is another sound log");
    let options = Options { verifier: Some(key), ..Options::default() };
    let found = verify_files(&resigned, &options).findings;
    assert!(["verifier.pub", "checkpoint"].iter().all(|file| found.iter().any(|f| f.file == *file)), "{found:?}");

    let root: Vec<u8> = hex::decode(verify_files(&real, &Options::default()).root.unwrap()).unwrap();
    let seen: Expect = format!("600:{}", hex::encode(&root)).parse().unwrap();
    assert_eq!(format!("600:{}", BASE64.encode(&root)).parse(), Ok(seen));
    let expect = |seen| Options { expect: vec![seen], ..Options::default() };
    assert!(verify_files(&real, &expect(seen)).is_clean());
    let older = build_with(1, &entries()[..560]);
    assert!(findings(&older).is_empty());
    let found = verify_files(&older, &expect(seen)).findings;
    assert!(found.iter().any(|f| f.what.contains("the tail was removed")), "{found:?}");
    let forked = Expect { size: 333, root: [3; 32] };
    assert!(verify_files(&real, &expect(forked)).findings.iter().any(|f| f.what.contains("witness")));
    let early = build_with(1, &entries()[..333]);
    let then = verify_files(&early, &Options::default()).root.unwrap();
    assert!(verify_files(&real, &expect(format!("333:{then}").parse().unwrap())).is_clean());
    for bad in ["", "5", "5:", "x:00", "5:00", "-1:"] {
        assert_eq!(bad.parse::<Expect>(), Err(BadExpect), "{bad}");
    }
}

#[test]
fn a_truncated_tail_under_the_newest_checkpoint_is_named() {
    let real = build();
    for cut in [1, 10, 100, 700, 1_500] {
        let mut files = real.clone();
        let journal = files.get_mut(JOURNAL).unwrap();
        journal.truncate(journal.len() - cut);
        let found = findings(&files);
        assert!(found.iter().any(|f| f.file == JOURNAL && f.entry.is_some()), "{cut}: {found:?}");
    }
    // Journal, tiles and bundle all back at 560 entries, only the checkpoint left in place.
    let mut files = build_with(1, &entries()[..560]);
    files.insert("checkpoint".into(), real["checkpoint"].clone());
    let found = findings(&files);
    assert!(named(&found, JOURNAL, 560, "cut off"), "{found:?}");
    assert!(found.iter().any(|f| f.file == "tile/entries/002.p/88" && f.what.contains("missing")), "{found:?}");
    let mut emptied = real.clone();
    emptied.insert(JOURNAL.into(), real[JOURNAL][..16].to_vec());
    assert!(named(&findings(&emptied), JOURNAL, 0, "cut off"));
}

#[test]
fn tiles_two_levels_up_are_held_against_the_entries() {
    let many: Vec<Arc<[u8]>> = (0..66_000u32).map(|n| n.to_be_bytes().as_slice().into()).collect();
    let disk = Memory::default();
    let mut files: recovery::Files = recovery::open(&disk, || Ok([1; 32])).unwrap();
    let journal: &mut Journal = &mut files.journal;
    let publisher: &mut Publisher = &mut files.publisher;
    journal.append(&disk, &many).unwrap();
    publisher.publish(&disk, &many).unwrap();
    let files = disk.files();
    assert!(findings(&files).is_empty());
    for (name, entry) in [("tile/2/000.p/1", 0), ("tile/1/000", 256 * 3), ("tile/1/001.p/1", 65_536)] {
        let mut damaged = files.clone();
        let at = if entry == 768 { 32 * 3 + 1 } else { 1 };
        damaged.get_mut(name).unwrap()[at] ^= 1;
        let found = findings(&damaged);
        assert!(found.len() == 1 && named(&found, name, entry, "hash"), "{name}: {found:?}");
    }
}

#[test]
fn an_empty_or_hostile_folder_is_a_finding_not_a_panic() {
    assert!(!verify_files(&FileMap::new(), &Options::default()).is_clean());
    assert!(!verify(Path::new("/nonexistent/ledger"), &Options::default(), &mut |_, _| {}).is_clean());
    let real = build();
    for name in real.keys() {
        for junk in [Vec::new(), vec![0xff; 5], vec![0; 100_000]] {
            let mut files = real.clone();
            files.insert(name.clone(), junk);
            assert!(!findings(&files).is_empty(), "{name}");
        }
    }
}
