//! A power cut between and within any two file operations: the ledger opens, nothing acknowledged is lost, nothing is
//! invented, and the folder verifies before and after.

use std::sync::Arc;

use super::LedgerError;
use super::disk::memory::{Memory, Names, Op};
use super::recovery::{self, Files};
use super::tail::Tail;
use super::verify::{Options, verify_on};
use super::{Checkpoint, read};

fn open(disk: &Memory) -> Result<Files, LedgerError> {
    recovery::open(disk, || Ok([42; 32]))
}

fn entry(index: u64, bytes: usize) -> Arc<[u8]> {
    let mut entry = format!("event {index} ").into_bytes();
    entry.resize(entry.len().max(bytes), b'.');
    entry.into()
}

/// Groups of entries in the journal, with a checkpoint after every third group, as the two threads would do it.
fn write(disk: &Memory, files: &mut Files, groups: &[u64], bytes: usize) {
    let mut waiting = Vec::new();
    for (turn, count) in groups.iter().enumerate() {
        files.journal.prune(disk, files.publisher.head().size).unwrap();
        let first = files.journal.next();
        let entries: Vec<_> = (first..first + count).map(|index| entry(index, bytes)).collect();
        files.journal.append(disk, &entries).unwrap();
        disk.ack(first + count);
        waiting.extend(entries);
        if turn % 3 == 2 {
            files.publisher.publish(disk, &waiting).unwrap();
            waiting.clear();
        }
    }
}

/// Opens what the cut left, and holds it against what was acknowledged and what was written.
fn check(disk: &Memory, acked: u64, bytes: usize, what: &str) {
    let before = verify_on(disk, &Options::default(), &mut |_, _| {});
    let mut files = open(disk).unwrap_or_else(|error| panic!("{what}: {error}"));
    let size = files.publisher.head().size;
    assert!(size >= acked, "{what}: {acked} were acknowledged, {size} are there");
    assert_eq!(size, files.journal.next(), "{what}");
    let note = files.publisher.note().to_owned();
    let tail = Tail::new(Checkpoint { origin: String::new(), size, root: String::new(), note });
    for found in read::entries(disk, &tail, 0, usize::MAX).unwrap() {
        assert_eq!(found.bytes, entry(found.index, bytes), "{what}");
    }
    let after = verify_on(disk, &Options::default(), &mut |_, _| {});
    assert!(after.is_clean(), "{what}: {:?}", after.findings);
    assert_eq!(after.size, Some(size), "{what}");
    if acked > 0 {
        let torn =
            |finding: &super::verify::Finding| finding.file.starts_with("journal/") && finding.entry == Some(size);
        assert!(before.findings.iter().all(torn), "{what}: {:?}", before.findings);
    }
    write(disk, &mut files, &[2, 1, 1], bytes);
    let after = verify_on(disk, &Options::default(), &mut |_, _| {});
    assert!(after.is_clean() && after.size == Some(size + 4), "{what}: {:?}", after.findings);
}

/// Every cut in the log from `from` on.
fn cut_everywhere(log: &[Op], from: usize, bytes: usize) -> usize {
    let mut cuts = 0;
    for end in from..=log.len() {
        let done = &log[..end];
        let acked =
            done.iter().rev().find_map(|op| if let Op::Ack(count) = op { Some(*count) } else { None }).unwrap_or(0);
        for names in [Names::Kept, Names::Lost, Names::Some(0x9e37_79b9_7f4a_7c15 ^ end as u64)] {
            check(&Memory::after(done, None, names), acked, bytes, &format!("after {end} operations, names {names:?}"));
            cuts += 1;
        }
        if let Some(Op::Append(_, whole) | Op::Write(_, whole)) = done.last() {
            let mut zeros = whole.clone();
            zeros.iter_mut().skip(whole.len() / 3).for_each(|byte| *byte = 0);
            let torn = [&whole[..0], &whole[..1], &whole[..whole.len() / 2], &whole[..whole.len() - 1], &zeros];
            for (kind, torn) in torn.into_iter().enumerate() {
                let disk = Memory::after(done, Some(torn), Names::Kept);
                check(&disk, acked, bytes, &format!("within operation {end}, torn {kind}"));
                cuts += 1;
            }
        }
    }
    cuts
}

#[test]
fn a_cut_anywhere_loses_nothing_acknowledged() {
    let disk = Memory::default();
    let mut files = open(&disk).unwrap();
    write(&disk, &mut files, &[1, 2, 3, 40, 200, 30, 7, 1, 260, 1, 1, 1], 0);
    assert!(cut_everywhere(&disk.log(), 0, 0) > 300);
}

#[test]
fn a_cut_while_segments_turn_loses_nothing_acknowledged() {
    let turns = |first: &[u64], rest: &[u64]| {
        let disk = Memory::default();
        let mut files = open(&disk).unwrap();
        write(&disk, &mut files, first, 1_000);
        let from = disk.log().len();
        write(&disk, &mut files, rest, 1_000);
        let log = disk.log();
        let removed = log.iter().any(|op| matches!(op, Op::Remove(name) if name.starts_with("journal/")));
        assert!(removed, "the script must turn a segment");
        assert!(cut_everywhere(&log, from, 1_000) > 50);
    };
    // The checkpoint after the third frame covers the full segment: the next append turns it and removes it.
    turns(&[32, 32, 7], &[1, 1, 1]);
    // The segment turns while no checkpoint covers it: it stays until one does.
    turns(&[], &[70, 1, 1, 1]);
}

#[test]
fn what_contradicts_the_checkpoint_keeps_the_ledger_closed() {
    let build = || {
        let disk = Memory::default();
        let mut files = open(&disk).unwrap();
        write(&disk, &mut files, &[100, 100, 70], 0);
        disk
    };
    let edit = |name: &str, edit: &dyn Fn(&mut Vec<u8>)| {
        let disk = build();
        let mut bytes = disk.files()[name].clone();
        edit(&mut bytes);
        disk.put(name, bytes);
        match open(&disk) {
            Err(LedgerError::Contradiction { file, why, .. }) => (file, why),
            other => panic!("{name}: {:?}", other.map(|_| "it opened")),
        }
    };
    let journal = "journal/00000000000000000000";
    assert_eq!(edit(journal, &|bytes| bytes.truncate(bytes.len() - 1)).0, journal);
    assert_eq!(edit(journal, &|bytes| bytes[100] ^= 1).0, journal);
    assert_eq!(edit(journal, &|bytes| bytes.truncate(16)).0, journal);
    assert_eq!(edit("checkpoint", &|bytes| bytes[30] ^= 1).0, "checkpoint");
    assert_eq!(edit("tile/0/001.p/14", &|bytes| bytes[5] ^= 1).0, "checkpoint");
    let (file, why) = edit("tile/entries/001.p/14", &|bytes| bytes[5] ^= 1);
    assert!(file == "tile/entries/001.p/14" && why.contains("entry 256"), "{file}: {why}");
    let (file, why) = edit("tile/0/000", &|bytes| bytes[32 * 7] ^= 1);
    assert!(file == journal && why.contains("entry 7 "), "{file}: {why}");
    assert_eq!(edit("verifier.pub", &|bytes| bytes[30] ^= 1).0, "verifier.pub");
    assert_eq!(edit("key", &|bytes| bytes[70] ^= 1).0, "key");
    for gone in ["key", "checkpoint", "verifier.pub", journal] {
        let disk = build();
        disk.forget(gone);
        assert!(matches!(open(&disk), Err(LedgerError::Contradiction { .. })), "{gone}");
    }
}

#[test]
fn a_torn_frame_past_the_checkpoint_is_cut_and_one_before_a_good_frame_is_not() {
    let disk = Memory::default();
    let mut files = open(&disk).unwrap();
    write(&disk, &mut files, &[5, 5, 5, 4, 4], 0);
    let journal = "journal/00000000000000000000";
    let whole = disk.files()[journal].clone();
    let torn = Memory::of(disk.files());
    torn.put(journal, whole[..whole.len() - 10].to_vec());
    assert_eq!(open(&torn).unwrap().publisher.head().size, 19);

    let damaged = Memory::of(disk.files());
    let mut bytes = whole.clone();
    // In the frame of entries 15 to 18, which no checkpoint covers; the frame after it is whole.
    let at = whole.windows(8).position(|window| window == b"event 16").unwrap();
    bytes[at] ^= 1;
    damaged.put(journal, bytes);
    let Err(LedgerError::Contradiction { file, offset, .. }) = open(&damaged) else { panic!("it opened") };
    assert!(file == journal && offset < at as u64 && offset > 16);
}
