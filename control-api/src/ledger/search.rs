//! The entries of a ledger's folder, newest first, of a stopped or a running appliance; nothing is changed. What cannot be read is
//! named and passed over, so that a damaged folder still tells what it can; each entry can be asked how it stands under the
//! signed checkpoint. Absent: an index. Whoever searches reads on until he has enough.

use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::path::Path;

use serde::Serialize;

use super::disk::{Disk, Folder};
use super::journal::{FILE_BYTES_MAX, FOLDER, scan, segment_file, segment_first};
use super::merkle::{check_inclusion, inclusion_proof, leaf_hash};
use super::note::TreeHead;
use super::read;
use super::tile::{BUNDLE_BYTES_MAX, Shelf, TileName, WIDTH, split_bundle};
use super::verify::{Finding, Options, Report, entries, inventory, keys};

/// How an entry stands under the ledger's signed checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The checkpoint covers it: it is as it was when that was signed.
    Signed,
    /// It is newer than the checkpoint. A running appliance signs within a second.
    Newer,
    /// The checkpoint does not hold, or the hashes under it are missing or another entry's. `verify` tells more.
    Unproven,
}

/// An entry as it lies in the folder.
pub struct Candidate<'a> {
    log: &'a Log<'a>,
    index: u64,
    bytes: &'a [u8],
}

impl Candidate<'_> {
    /// Its place in the log, from zero.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// Its bytes, whatever they are.
    pub fn bytes(&self) -> &[u8] {
        self.bytes
    }

    /// How it stands under the checkpoint. Blocks on file reads.
    pub fn standing(&self) -> Standing {
        let Some(head) = self.log.head else { return Standing::Unproven };
        if self.index >= head.size {
            return Standing::Newer;
        }
        let proof = inclusion_proof(self.index, head.size, &mut |node| read::node(self.log.disk, head.size, node));
        let leaf = leaf_hash(self.bytes);
        match proof {
            Ok(proof) if check_inclusion(self.index, head.size, &leaf, &proof, &head.root) => Standing::Signed,
            _ => Standing::Unproven,
        }
    }
}

/// What a search has read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Searched {
    /// Entries that were looked at; those that lie in two places are counted twice.
    pub entries: u64,
    /// What is not as the ledger would have written it: what was searched for may have been there.
    pub findings: Vec<Finding>,
    /// Findings past the first 500.
    pub findings_not_shown: u64,
}

/// Takes each entry; `Break` is enough.
type Visit<'a> = dyn FnMut(&Candidate<'_>) -> ControlFlow<()> + 'a;

struct Log<'a> {
    disk: &'a dyn Disk,
    head: Option<TreeHead>,
}

/// Shows the entries of the ledger in `dir`, newest first. An entry may be shown twice, by the journal and by its bundle.
/// `progress` is told now and then how many entries of how many are done. Blocks.
pub fn search(dir: &Path, visit: &mut Visit<'_>, progress: &mut dyn FnMut(u64, u64)) -> Searched {
    search_on(&Folder::new(dir), visit, progress)
}

fn search_on(disk: &dyn Disk, visit: &mut Visit<'_>, progress: &mut dyn FnMut(u64, u64)) -> Searched {
    let (mut report, mut entries) = (Report::default(), 0);
    let log = Log { disk, head: keys::head(disk, &Options::default(), &mut report) };
    let mut counted = |candidate: &Candidate<'_>| {
        entries += 1;
        visit(candidate)
    };
    // The journal before the bundles are listed: what leaves it meanwhile is in a bundle by then.
    if log.journal(&mut counted, &mut report).is_continue() {
        let _ = log.bundles(&mut counted, progress, &mut report);
    }
    Searched { entries, findings: report.findings, findings_not_shown: report.findings_not_shown }
}

impl Log<'_> {
    fn journal(&self, visit: &mut Visit<'_>, report: &mut Report) -> ControlFlow<()> {
        let items = self.disk.list(FOLDER).unwrap_or_else(|error| {
            report.find(FOLDER, None, format!("it cannot be listed: {error}"));
            Vec::new()
        });
        // Names sort as numbers.
        let segments: Vec<u64> = items.iter().filter_map(|item| segment_first(&item.name)).collect();
        for first in segments.iter().rev() {
            let file = segment_file(*first);
            let bytes = match self.disk.read(&file, FILE_BYTES_MAX) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => {
                    report.find(file, None, format!("it cannot be read: {error}"));
                    continue;
                }
            };
            let found = scan(&bytes, *first);
            // The newest one may end in a write that is under way.
            if let Some(fault) = found.fault
                && (segments.last() != Some(first) || !fault.short || fault.followed)
            {
                report.find(file, None, format!("byte {}: {}", found.good_end, fault.why));
            }
            for (index, place) in (*first..).zip(found.entries).collect::<Vec<_>>().into_iter().rev() {
                let bytes = bytes.get(place).unwrap_or_default();
                visit(&Candidate { log: self, index, bytes })?;
            }
        }
        ControlFlow::Continue(())
    }

    fn bundles(
        &self,
        visit: &mut Visit<'_>,
        progress: &mut dyn FnMut(u64, u64),
        report: &mut Report,
    ) -> ControlFlow<()> {
        let shelves = inventory::take(self.disk, report);
        let bundles = shelves.tiles.range((Shelf::Entries, 0)..=(Shelf::Entries, u64::MAX));
        let total = bundles.clone().next_back().map_or(0, |((_, last), _)| last.saturating_add(1));
        let mut above = total;
        for (turn, ((_, index), widths)) in (0..).zip(bundles.rev()) {
            missing(index.saturating_add(1)..above, report);
            above = *index;
            self.bundle(*index, widths.iter().rev(), visit, report)?;
            if turn % entries::PROGRESS_TILES == 0 {
                progress((total - index).saturating_mul(WIDTH), total.saturating_mul(WIDTH));
            }
        }
        missing(0..above, report);
        progress(total.saturating_mul(WIDTH), total.saturating_mul(WIDTH));
        ControlFlow::Continue(())
    }

    /// The files of one bundle, widest first: the others hold the beginning of the same.
    fn bundle<'a>(
        &self,
        index: u64,
        widths: impl Iterator<Item = &'a u64>,
        visit: &mut Visit<'_>,
        report: &mut Report,
    ) -> ControlFlow<()> {
        for width in widths {
            let name = TileName { shelf: Shelf::Entries, index, width: *width };
            let Some((file, bytes)) = entries::bytes_of(self.disk, name, BUNDLE_BYTES_MAX, report) else { continue };
            let (found, rest) = split_bundle(&bytes);
            for (at, bytes) in found.iter().enumerate().rev() {
                let index = index.saturating_mul(WIDTH).saturating_add(at as u64);
                visit(&Candidate { log: self, index, bytes })?;
            }
            if rest == 0 && found.len() as u64 >= *width {
                break;
            }
            report.find(file.path(), None, format!("it holds {} whole entries and {rest} bytes more", found.len()));
        }
        ControlFlow::Continue(())
    }
}

/// Bundles that no file is there for.
fn missing(indexes: std::ops::Range<u64>, report: &mut Report) {
    if let Some(last) = indexes.end.checked_sub(1).filter(|last| indexes.start <= *last) {
        let (first, last) = (indexes.start.saturating_mul(WIDTH), last.saturating_mul(WIDTH).saturating_add(WIDTH - 1));
        report.find("tile/entries", Some(first), format!("the bundles of entries {first} to {last} are missing"));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::*;
    use crate::ledger::disk::memory::Memory;
    use crate::ledger::recovery;

    const JOURNAL: &str = "journal/00000000000000000000";

    fn entry(n: u64) -> Arc<[u8]> {
        format!("{{\"event\":{n}}}").into_bytes().into()
    }

    /// Six hundred entries, the last forty of them in the journal alone.
    fn build() -> Memory {
        let disk = Memory::default();
        let mut files = recovery::open(&disk, || Ok([1; 32])).unwrap();
        let all: Vec<Arc<[u8]>> = (0..600).map(entry).collect();
        for (turn, group) in all.chunks(40).enumerate() {
            files.journal.append(&disk, group).unwrap();
            if turn < 14 {
                files.publisher.publish(&disk, group).unwrap();
            }
        }
        disk
    }

    /// What is shown: index and bytes in order, and what was read.
    fn shown(disk: &Memory) -> (Vec<(u64, Vec<u8>)>, Searched) {
        let mut all = Vec::new();
        let visit = &mut |c: &Candidate<'_>| {
            all.push((c.index(), c.bytes().to_vec()));
            ControlFlow::Continue(())
        };
        let searched = search_on(disk, visit, &mut |done, of| assert!(done <= of));
        (all, searched)
    }

    #[test]
    fn every_entry_is_shown_newest_first_and_stands_where_it_should() {
        let disk = build();
        let mut first = Vec::new();
        let visit = &mut |c: &Candidate<'_>| {
            assert_eq!(c.bytes(), &entry(c.index())[..]);
            assert_eq!(c.standing(), if c.index() < 560 { Standing::Signed } else { Standing::Newer });
            first.push(c.index());
            ControlFlow::Continue(())
        };
        let searched = search_on(&disk, visit, &mut |_, _| {});
        assert!(first[..600].iter().rev().copied().eq(0..600), "the journal");
        assert!(first[600..].iter().rev().copied().eq(0..560), "the bundles");
        assert_eq!((searched.entries, searched.findings), (1_160, vec![]));
    }

    #[test]
    fn enough_is_enough() {
        let mut seen = 0;
        let visit = &mut |_: &Candidate<'_>| {
            seen += 1;
            if seen < 650 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        assert_eq!(search_on(&build(), visit, &mut |_, _| {}).entries, 650);
    }

    #[test]
    fn what_cannot_be_read_is_named_and_the_rest_is_shown() {
        let disk = build();
        let mut files = disk.files();
        files.remove("tile/entries/000");
        files.get_mut("tile/entries/001").unwrap().truncate(1_000);
        files.get_mut(JOURNAL).unwrap().truncate(3_000);
        files.get_mut(JOURNAL).unwrap()[2_000] ^= 1;
        let (all, searched) = shown(&Memory::of(files));
        let indexes: BTreeSet<u64> = all.iter().map(|(index, _)| *index).collect();
        assert!(indexes.contains(&0) && indexes.contains(&300) && indexes.contains(&559), "{indexes:?}");
        assert!(!indexes.contains(&200) && !indexes.contains(&511), "{indexes:?}");
        let named: Vec<&str> = searched.findings.iter().map(|finding| finding.file.as_str()).collect();
        assert_eq!(named, [JOURNAL, "tile/entries/001", "tile/entries"], "{:?}", searched.findings);
        assert!(all.iter().all(|(index, bytes)| bytes == &entry(*index).to_vec()), "each under its own number");
    }

    #[test]
    fn a_planted_entry_is_shown_and_does_not_stand() {
        for file in ["tile/entries/000", JOURNAL] {
            let mut files = build().files();
            let planted = String::from_utf8_lossy(&files[file]).find("{\"event\":7}").unwrap_or(0);
            // Frames of the journal have their own hash: there nothing is left to show.
            files.get_mut(file).unwrap()[planted + 9] = b'8';
            let mut standings = BTreeSet::new();
            let visit = &mut |c: &Candidate<'_>| {
                if c.index() == 7 {
                    standings.insert((c.bytes().to_vec(), format!("{:?}", c.standing())));
                }
                ControlFlow::Continue(())
            };
            search_on(&Memory::of(files), visit, &mut |_, _| {});
            assert!(standings.contains(&(b"{\"event\":7}".to_vec(), "Signed".into())), "{standings:?}");
            let planted = (b"{\"event\":8}".to_vec(), "Unproven".into());
            assert_eq!(standings.contains(&planted), file != JOURNAL, "{standings:?}");
        }
        let mut files = build().files();
        files.get_mut("checkpoint").unwrap()[60] ^= 1;
        let visit = &mut |c: &Candidate<'_>| {
            assert_eq!(c.standing(), Standing::Unproven);
            ControlFlow::Continue(())
        };
        assert_eq!(search_on(&Memory::of(files), visit, &mut |_, _| {}).entries, 1_160);
    }

    #[test]
    fn an_empty_or_hostile_folder_ends_in_findings() {
        assert!(!shown(&Memory::default()).1.findings.is_empty());
        assert!(
            !search(Path::new("/nonexistent"), &mut |_| ControlFlow::Continue(()), &mut |_, _| {}).findings.is_empty()
        );
        let mut files = build().files();
        files.insert(TileName { shelf: Shelf::Entries, index: u64::MAX, width: 256 }.path(), vec![0, 1, 7]);
        files.insert("tile/entries/002.p/255".into(), vec![0xff; 9]);
        files.insert("journal/18446744073709551615".into(), b"SLJRNL1\n\xff\xff\xff\xff\xff\xff\xff\xff".to_vec());
        let (all, searched) = shown(&Memory::of(files));
        assert!((0..600).all(|index| all.iter().any(|(shown, _)| *shown == index)));
        assert!(!searched.findings.is_empty());
    }
}
