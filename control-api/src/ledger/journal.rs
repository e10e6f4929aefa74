//! The journal: where an append becomes durable, before tiles and checkpoint follow. Segments of frames; a frame is one group
//! of entries written and synced together, with its own hash. A segment goes when a signed checkpoint covers all of it.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::LedgerError;
use super::disk::{Disk, replace};
use super::merkle::Hash;
use super::tile::{bundle, split_bundle};

/// The journal's folder.
pub(super) const FOLDER: &str = "journal";
/// A new segment is begun past this size, so that the second copy of the newest entries stays small and a start is quick.
/// The crash tests, which copy the disk a thousand times, turn segments sooner.
const SEGMENT_BYTES_MAX: u64 = if cfg!(test) { 64 << 10 } else { 4 << 20 };
/// Entries' bytes in one frame, prefixes included; the writer groups no more.
pub(super) const FRAME_BYTES_MAX: usize = 4 << 20;
/// A segment file read whole: it is under its bound when the last frame is begun.
pub(super) const FILE_BYTES_MAX: usize = SEGMENT_BYTES_MAX as usize + FRAME_BYTES_MAX + HEAD_BYTES + HASH_BYTES;
/// First bytes of a segment: format and version.
const SEGMENT_MAGIC: &[u8; 8] = b"SLJRNL1\n";
/// Magic and first index.
pub(super) const SEGMENT_HEAD_BYTES: usize = 16;
/// First bytes of a frame.
const FRAME_MAGIC: &[u8; 4] = b"SLFR";
/// Magic, payload length (u32), first index (u64), count (u32); big-endian.
const HEAD_BYTES: usize = 20;
const HASH_BYTES: usize = 32;
/// Where a segment is written before it gets its name.
pub(super) const DRAFT: &str = "journal.draft";

/// File of the segment that begins with entry `first`: 20 digits, so that names sort as numbers.
pub(super) fn segment_file(first: u64) -> String {
    format!("{FOLDER}/{first:020}")
}

/// The first index out of a segment's name; none unless the name is exactly right, and no segment's whose entries would
/// be beyond all numbers.
pub(super) fn segment_first(name: &str) -> Option<u64> {
    let first: u64 = name.parse().ok()?;
    first.checked_add(FILE_BYTES_MAX as u64)?;
    (segment_file(first).strip_prefix(FOLDER)?.strip_prefix('/')? == name).then_some(first)
}

/// The journal as the writer holds it.
#[derive(Debug)]
pub(super) struct Journal {
    /// First indexes of the segments on disk, oldest first; the last is the one written to.
    segments: VecDeque<u64>,
    /// Bytes of the last one.
    bytes: u64,
    /// Index of the next entry.
    next: u64,
}

impl Journal {
    /// A new journal, whose first entry will be `next`.
    pub(super) fn create(disk: &dyn Disk, next: u64) -> Result<Self, LedgerError> {
        disk.make_folder(FOLDER).map_err(LedgerError::io("making", FOLDER))?;
        let mut journal = Self { segments: VecDeque::new(), bytes: 0, next };
        journal.begin_segment(disk)?;
        Ok(journal)
    }

    /// The journal that recovery found.
    pub(super) fn resume(segments: VecDeque<u64>, bytes: u64, next: u64) -> Self {
        Self { segments, bytes, next }
    }

    /// Index of the next entry.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Writes one frame; on disk when it returns. After an error nothing is known of the file's end.
    pub(super) fn append(&mut self, disk: &dyn Disk, entries: &[Arc<[u8]>]) -> Result<(), LedgerError> {
        if self.bytes >= SEGMENT_BYTES_MAX {
            self.begin_segment(disk)?;
        }
        let frame = frame(self.next, entries);
        let file = self.current();
        disk.append(&file, &frame).map_err(LedgerError::io("appending to", &file))?;
        self.bytes += frame.len() as u64;
        self.next += entries.len() as u64;
        Ok(())
    }

    /// Removes segments that a checkpoint of `published` entries covers, except the one written to. One at a time, oldest
    /// first, so that a crash leaves no hole.
    pub(super) fn prune(&mut self, disk: &dyn Disk, published: u64) -> Result<(), LedgerError> {
        while let [oldest, next, ..] = self.segments.make_contiguous()
            && *next <= published
        {
            let file = segment_file(*oldest);
            disk.remove(&file).map_err(LedgerError::io("removing", &file))?;
            disk.sync_folder(FOLDER).map_err(LedgerError::io("syncing", FOLDER))?;
            self.segments.pop_front();
        }
        Ok(())
    }

    fn current(&self) -> String {
        segment_file(*self.segments.back().expect("a journal has a segment from its making on"))
    }

    fn begin_segment(&mut self, disk: &dyn Disk) -> Result<(), LedgerError> {
        let file = segment_file(self.next);
        let head = segment_head(self.next);
        replace(disk, DRAFT, &file, &head, false).map_err(LedgerError::io("making", &file))?;
        self.segments.push_back(self.next);
        self.bytes = head.len() as u64;
        Ok(())
    }
}

fn segment_head(first: u64) -> Vec<u8> {
    [SEGMENT_MAGIC.as_slice(), &first.to_be_bytes()].concat()
}

fn frame(first: u64, entries: &[Arc<[u8]>]) -> Vec<u8> {
    let payload = bundle(entries);
    let length = u32::try_from(payload.len()).expect("the writer groups at most FRAME_BYTES_MAX");
    let count = u32::try_from(entries.len()).expect("fewer entries than bytes");
    let mut bytes = Vec::with_capacity(HEAD_BYTES + payload.len() + HASH_BYTES);
    bytes.extend_from_slice(FRAME_MAGIC);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&first.to_be_bytes());
    bytes.extend_from_slice(&count.to_be_bytes());
    bytes.extend_from_slice(&payload);
    let hash: Hash = Sha256::digest(&bytes).into();
    bytes.extend_from_slice(&hash);
    bytes
}

/// What a segment's bytes hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scan {
    /// Places of the entries in the bytes; the first one's index is the segment's first.
    pub(super) entries: Vec<Range<usize>>,
    /// End of the last good frame (or of the head).
    pub(super) good_end: usize,
    /// What is wrong after that, if anything.
    pub(super) fault: Option<Fault>,
}

/// The place where a segment stops making sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// What is wrong there.
    pub(super) why: &'static str,
    /// It looks like a write that never came to its end: the bytes run out before the frame does.
    pub(super) short: bool,
    /// A good frame follows further on, which no interrupted write can leave.
    pub(super) followed: bool,
}

/// Reads a segment that should begin with entry `first`. Stops at the first fault.
pub(super) fn scan(bytes: &[u8], first: u64) -> Scan {
    let mut scan = Scan { entries: Vec::new(), good_end: SEGMENT_HEAD_BYTES, fault: None };
    if !bytes.starts_with(&segment_head(first)) {
        scan.good_end = 0;
        scan.fault = Some(Fault {
            why: "the segment's head is damaged",
            short: false,
            followed: bytes.len() > SEGMENT_HEAD_BYTES,
        });
        return scan;
    }
    while scan.good_end < bytes.len() {
        let rest = bytes.get(scan.good_end..).unwrap_or_default();
        match read_frame(rest, first + scan.entries.len() as u64) {
            Ok(lengths) => {
                let mut at = scan.good_end + HEAD_BYTES;
                for length in lengths {
                    scan.entries.push(at + 2..at + 2 + length);
                    at += 2 + length;
                }
                scan.good_end = at + HASH_BYTES;
            }
            Err((why, short)) => {
                scan.fault = Some(Fault { why, short, followed: a_frame_follows(rest) });
                break;
            }
        }
    }
    scan
}

/// What is wrong with a frame, and whether the bytes run out before it ends.
type Flaw = (&'static str, bool);

/// Lengths of the entries of the frame at the beginning of `bytes`.
fn read_frame(bytes: &[u8], first: u64) -> Result<Vec<usize>, Flaw> {
    let (index, count, payload) = split_frame(bytes)?;
    if index != first {
        return Err(("the frame is not the next one: its entries have other indexes", false));
    }
    let (entries, rest) = split_bundle(payload);
    if rest != 0 || entries.len() as u64 != u64::from(count) || entries.is_empty() {
        return Err(("the frame's entries do not fill it", false));
    }
    Ok(entries.into_iter().map(<[u8]>::len).collect())
}

/// The parts of a frame whose hash holds: first index, count, payload.
fn split_frame(bytes: &[u8]) -> Result<(u64, u32, &[u8]), Flaw> {
    const RUNS_OUT: Flaw = ("the frame is cut off", true);
    let (magic, rest) = bytes.split_first_chunk::<4>().ok_or(RUNS_OUT)?;
    let (length, rest) = rest.split_first_chunk::<4>().ok_or(RUNS_OUT)?;
    let (first, rest) = rest.split_first_chunk::<8>().ok_or(RUNS_OUT)?;
    let (count, rest) = rest.split_first_chunk::<4>().ok_or(RUNS_OUT)?;
    let length = u32::from_be_bytes(*length) as usize;
    if magic != FRAME_MAGIC || length > FRAME_BYTES_MAX {
        return Err(("the frame's head is damaged", false));
    }
    let (payload, rest) = rest.split_at_checked(length).ok_or(RUNS_OUT)?;
    let hash = rest.first_chunk::<HASH_BYTES>().ok_or(RUNS_OUT)?;
    let hashed = bytes.get(..HEAD_BYTES + length).ok_or(RUNS_OUT)?;
    if Sha256::digest(hashed).as_slice() != hash {
        return Err(("the frame's hash does not fit its bytes", false));
    }
    Ok((u64::from_be_bytes(*first), u32::from_be_bytes(*count), payload))
}

/// Whether a good frame begins anywhere after the first byte.
fn a_frame_follows(bytes: &[u8]) -> bool {
    let starts = bytes.windows(FRAME_MAGIC.len()).enumerate().skip(1).filter(|(_, window)| window == FRAME_MAGIC);
    starts.into_iter().any(|(at, _)| bytes.get(at..).is_some_and(|rest| split_frame(rest).is_ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(frames: &[&[&[u8]]]) -> Vec<u8> {
        let mut bytes = segment_head(7);
        let mut next = 7;
        for entries in frames {
            let entries: Vec<Arc<[u8]>> = entries.iter().map(|entry| Arc::from(*entry)).collect();
            bytes.extend(frame(next, &entries));
            next += entries.len() as u64;
        }
        bytes
    }

    #[test]
    fn what_was_written_is_read_and_any_changed_byte_is_seen() {
        let bytes = segment(&[&[b"one", b"two"], &[b""], &[b"four"]]);
        let read = scan(&bytes, 7);
        let entries: Vec<&[u8]> = read.entries.iter().map(|place| &bytes[place.clone()]).collect();
        assert_eq!(entries, [b"one".as_slice(), b"two", b"", b"four"]);
        assert_eq!((read.good_end, read.fault), (bytes.len(), None));
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 4;
            let fault = scan(&bad, 7).fault.unwrap_or_else(|| panic!("byte {at}"));
            let last_frame = at >= bytes.len() - (HEAD_BYTES + 6 + HASH_BYTES);
            assert_eq!(fault.followed, !last_frame, "byte {at}");
        }
        assert!(scan(&bytes, 8).fault.is_some());
    }

    #[test]
    fn a_cut_is_short_and_a_missing_or_moved_frame_is_not() {
        let whole = segment(&[&[b"one"], &[b"two"], &[b"three"]]);
        let second = SEGMENT_HEAD_BYTES + HEAD_BYTES + 5 + HASH_BYTES;
        let third = second + HEAD_BYTES + 5 + HASH_BYTES;
        for end in third + 1..whole.len() {
            let fault = scan(&whole[..end], 7).fault.unwrap();
            assert!(fault.short && !fault.followed, "{end}");
        }
        let without_second = [&whole[..second], &whole[third..]].concat();
        assert!(scan(&without_second, 7).fault.is_some_and(|fault| !fault.short));
        let swapped =
            [&whole[..SEGMENT_HEAD_BYTES], &whole[second..third], &whole[SEGMENT_HEAD_BYTES..second], &whole[third..]]
                .concat();
        assert!(scan(&swapped, 7).fault.is_some_and(|fault| fault.followed));
    }

    #[test]
    fn names_sort_as_numbers_and_no_other_name_is_a_segment() {
        assert_eq!(segment_file(9), "journal/00000000000000000009");
        assert_eq!(segment_first("00000000000000000009"), Some(9));
        for bad in ["9", "+0000000000000000009", "000000000000000000009", "x", "99999999999999999999"] {
            assert_eq!(segment_first(bad), None, "{bad}");
        }
    }
}
