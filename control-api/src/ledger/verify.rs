//! The standalone check of a ledger's folder. It trusts nothing it reads: every hash is computed anew from the entries, and
//! entries, tiles, journal and checkpoint are held against each other and against what the caller brings (the verifier key
//! and remembered checkpoints from elsewhere). What it cannot see without those: a folder put back, whole, to an older
//! state; and, with the signing key, a log rewritten from the beginning.

mod differ;
pub(super) mod entries;
pub(super) mod inventory;
mod journal;
pub(super) mod keys;
mod levels;
mod witnessed;

use std::path::Path;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;

use super::cosignature::WitnessKey;
use super::disk::{Disk, Folder};
use super::merkle::Hash;
use super::note::{TreeHead, VerifierKey};
use super::publish::CHECKPOINT;
use super::witness::Seen;

/// Findings kept; the rest are counted. A rewritten log can differ everywhere.
const FINDINGS_MAX: usize = 500;

/// What the caller knows from elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The log's key, kept apart from the appliance. Without it the one in the folder is taken, and a notice says so.
    pub verifier: Option<VerifierKey>,
    /// Checkpoints that someone remembers: the log must still begin with them.
    pub expect: Vec<Expect>,
    /// Keys of witnesses outside: each must have cosigned a checkpoint, and the log must still begin with what it saw.
    pub witnesses: Vec<WitnessKey>,
    /// Cosigned checkpoints from elsewhere, such as from the witness itself; the one in the folder is looked at in any case.
    pub cosigned: Vec<String>,
}

/// A size and the root that the log had then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expect {
    /// Entries.
    pub size: u64,
    /// Root over them.
    pub root: Hash,
}

/// A text that is no `SIZE:ROOT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "write SIZE:ROOT, the number of entries and their root as 64 hex digits or as base64, as the checkpoint has it"
)]
pub struct BadExpect;

impl FromStr for Expect {
    type Err = BadExpect;
    fn from_str(text: &str) -> Result<Self, BadExpect> {
        let (size, root) = text.split_once(':').ok_or(BadExpect)?;
        let root = hex::decode(root).ok().or_else(|| BASE64.decode(root).ok()).ok_or(BadExpect)?;
        Ok(Self { size: size.parse().map_err(|_| BadExpect)?, root: root.try_into().map_err(|_| BadExpect)? })
    }
}

impl TryFrom<&Seen> for Expect {
    type Error = BadExpect;
    fn try_from(seen: &Seen) -> Result<Self, BadExpect> {
        format!("{}:{}", seen.size, seen.root).parse()
    }
}

/// Something that is not as the ledger would have written it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which file, relative to the ledger's folder.
    pub file: String,
    /// Which entry, where one can be named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<u64>,
    /// What is wrong.
    pub what: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.entry {
            Some(entry) => write!(f, "{}: entry {entry}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

/// What a witness outside vouches for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Witnessed {
    /// The witness's name.
    pub by: String,
    /// So many entries are as it saw them.
    pub size: u64,
    /// When it saw them, by its clock.
    pub at: crate::stamp::Stamp,
}

/// What `verify` found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The log's name, if a key could be read.
    pub origin: Option<String>,
    /// Entries under the signed checkpoint, if it holds.
    pub size: Option<u64>,
    /// Root over them as computed from the entries, as hex, if it could be.
    pub root: Option<String>,
    /// What witnesses whose keys were given vouch for. Past it, the log is as whoever has its key wanted it.
    pub witnessed: Vec<Witnessed>,
    /// Entries in bundles and journal that were read.
    pub entries: u64,
    /// What is wrong. Empty means: the log is whole, as far as the checkpoint and the caller's knowledge reach.
    pub findings: Vec<Finding>,
    /// Findings past the first 500.
    pub findings_not_shown: u64,
    /// What an auditor should know and is no fault.
    pub notices: Vec<String>,
}

impl Report {
    /// Nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    pub(super) fn find(&mut self, file: impl Into<String>, entry: Option<u64>, what: impl Into<String>) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { file: file.into(), entry, what: what.into() });
        } else {
            self.findings_not_shown += 1;
        }
    }
}

/// Checks the ledger in `dir`, of a stopped or a running appliance, and changes nothing. `progress` is told now and then how
/// many entries of how many are done. A folder that cannot be read is a finding, not an error.
pub fn verify(dir: &Path, options: &Options, progress: &mut dyn FnMut(u64, u64)) -> Report {
    verify_on(&Folder::new(dir), options, progress)
}

pub(super) fn verify_on(disk: &dyn Disk, options: &Options, progress: &mut dyn FnMut(u64, u64)) -> Report {
    let mut report = Report::default();
    // The checkpoint first: what a running appliance adds after it is newer, and no fault.
    let head = keys::head(disk, options, &mut report);
    let seen = witnessed::read(disk, options, &mut report);
    let shelves = inventory::take(disk, &mut report);
    let journal = journal::read(disk, &shelves, head, &mut report);
    // Without a checkpoint that holds, as far as there are tiles.
    let signed = head.map_or_else(|| shelves.extent(), |head| head.size);
    if shelves.is_empty() && head.is_none() {
        report.find(".", None, "there is no ledger in this folder");
        return report;
    }
    let expect: Vec<Expect> = options.expect.iter().copied().chain(seen.iter().map(|(expect, _)| *expect)).collect();
    let log = entries::Log { disk, shelves: &shelves, journal: &journal, head, expect: &expect };
    let read = entries::read(&log, signed, &mut report, progress);
    levels::compare(disk, &shelves, &read, signed, &mut report);
    entries::compare_journal(&log, &read, signed, &mut report);
    check_roots(&read, head, &mut report);
    let Some(head) = head else { return report };
    for expect in &options.expect {
        holds(&read, head, expect, "a witness", &mut report);
    }
    for (expect, witnessed) in seen {
        if holds(&read, head, &expect, &witnessed.by, &mut report) {
            report.witnessed.push(witnessed);
        }
    }
    report
}

fn check_roots(read: &entries::Read, head: Option<TreeHead>, report: &mut Report) {
    let Some(head) = head else { return };
    report.size = Some(head.size);
    let root = read.root(head.size);
    report.root = root.map(hex::encode);
    match root {
        None => report.find(CHECKPOINT, None, "its root cannot be computed: entries are missing"),
        Some(root) if root != head.root => {
            let what = format!(
                "it signs root {} over {} entries; the entries give {}: entries were changed, removed or moved",
                hex::encode(head.root),
                head.size,
                hex::encode(root)
            );
            report.find(CHECKPOINT, None, what);
        }
        Some(_) => {}
    }
}

/// Whether the log begins with what `who` saw; a finding where it does not.
fn holds(read: &entries::Read, head: TreeHead, expect: &Expect, who: &str, report: &mut Report) -> bool {
    if expect.size > head.size {
        let what = format!("it has {} entries; {who} saw {}: the tail was removed", head.size, expect.size);
        report.find(CHECKPOINT, None, what);
    } else if read.root(expect.size) != Some(expect.root) {
        let what = format!("the first {} entries are not those that {who} saw", expect.size);
        report.find(CHECKPOINT, None, what);
    } else {
        return true;
    }
    false
}

#[cfg(test)]
mod tests;
