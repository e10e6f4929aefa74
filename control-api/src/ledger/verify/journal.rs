//! The journal, read strictly: frames whole, segments without a hole, and not shorter than the checkpoint.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use super::Report;
use super::inventory::Shelves;
use crate::ledger::disk::Disk;
use crate::ledger::journal::{FILE_BYTES_MAX, FOLDER, scan, segment_file};
use crate::ledger::merkle::{Hash, leaf_hash};
use crate::ledger::note::TreeHead;

/// Segments read; the writer keeps two or three. Bounds the memory a planted folder can take.
const SEGMENTS_MAX: usize = 64;

/// The journal's entries.
#[derive(Debug, Default)]
pub(super) struct Journal {
    /// Leaf hashes by index. Holes are findings already.
    pub(super) leaves: BTreeMap<u64, Hash>,
}

impl Journal {
    /// One past the last entry.
    pub(super) fn end(&self) -> u64 {
        self.leaves.last_key_value().map_or(0, |(last, _)| last + 1)
    }
}

pub(super) fn read(disk: &dyn Disk, shelves: &Shelves, head: Option<TreeHead>, report: &mut Report) -> Journal {
    let segments = shelves.segments.as_slice();
    let mut journal = Journal::default();
    let mut expected: Option<u64> = None;
    let oldest = segments.len().saturating_sub(SEGMENTS_MAX);
    if oldest > 0 {
        report.find(FOLDER, None, format!("{} segments; only the newest {SEGMENTS_MAX} were read", segments.len()));
    }
    for (turn, first) in segments.iter().enumerate().skip(oldest) {
        let file = segment_file(*first);
        if let Some(expected) = expected.filter(|expected| expected != first) {
            report.find(
                &file,
                Some(expected),
                format!("the segment begins with entry {first}: those between are missing"),
            );
        }
        let bytes = match disk.read(&file, FILE_BYTES_MAX) {
            Ok(bytes) => bytes,
            // A running appliance removes the oldest segment once a checkpoint covers it.
            Err(error) if error.kind() == ErrorKind::NotFound && turn + 1 < segments.len() => continue,
            Err(error) => {
                report.find(&file, None, format!("it cannot be read: {error}"));
                continue;
            }
        };
        let end = segment(&bytes, *first, turn + 1 == segments.len(), head, &mut journal, report);
        expected = Some(end);
    }
    if !shelves.exported {
        check_ends(segments, expected, head, report);
    }
    journal
}

/// Takes one segment in; gives one past its last entry.
fn segment(
    bytes: &[u8],
    first: u64,
    newest: bool,
    head: Option<TreeHead>,
    journal: &mut Journal,
    report: &mut Report,
) -> u64 {
    let found = scan(bytes, first);
    for (index, place) in (first..).zip(&found.entries) {
        journal.leaves.insert(index, leaf_hash(bytes.get(place.clone()).unwrap_or_default()));
    }
    let end = first + found.entries.len() as u64;
    if let Some(fault) = found.fault {
        let signed = head.is_some_and(|head| end < head.size);
        let words = format!(
            "byte {}: {} ({} bytes from there to the end)",
            found.good_end,
            fault.why,
            bytes.len() - found.good_end
        );
        if newest && fault.short && !fault.followed && !signed && head.is_some() {
            report.notices.push(format!(
                "{}: {words}: a write that was interrupted, or is under way; no checkpoint covers it",
                segment_file(first)
            ));
        } else {
            report.find(segment_file(first), Some(end), words);
        }
    }
    end
}

fn check_ends(segments: &[u64], end: Option<u64>, head: Option<TreeHead>, report: &mut Report) {
    let Some(head) = head else { return };
    let (Some(first), Some(last), Some(end)) = (segments.first(), segments.last(), end) else {
        return report.find(FOLDER, None, "the journal is missing");
    };
    if *first > head.size {
        report.find(segment_file(*first), Some(head.size), "entries from it on are missing before this segment");
    }
    if end < head.size {
        let what =
            format!("the journal ends before it; the checkpoint has {} entries: the tail was cut off", head.size);
        report.find(segment_file(*last), Some(end), what);
    }
}
