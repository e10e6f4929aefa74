//! Cosigned checkpoints: the log's own signature under each, and what the witnesses whose keys the caller brings say of it.

use std::io::ErrorKind;

use media::wall::Wall;

use super::{Expect, Options, Report, Witnessed};
use crate::ledger::cosignature::{CosignedNote, WitnessKey};
use crate::ledger::cosigned::COSIGNED;
use crate::ledger::disk::Disk;
use crate::ledger::note::{BadNote, VerifierKey};
use crate::ledger::recovery::{NOTE_BYTES_MAX, VERIFIER};
use crate::stamp::Stamp;

/// What the caller calls a cosigned checkpoint that is not in the folder.
const BROUGHT: &str = "the cosigned checkpoint from elsewhere";

/// What each witness saw, as far as its word holds.
pub(super) fn read(disk: &dyn Disk, options: &Options, report: &mut Report) -> Vec<(Expect, Witnessed)> {
    let mut texts: Vec<(&str, String)> = options.cosigned.iter().map(|text| (BROUGHT, text.clone())).collect();
    match disk.read(COSIGNED, NOTE_BYTES_MAX).map(String::from_utf8) {
        Ok(Ok(text)) => texts.push((COSIGNED, text)),
        Ok(Err(_)) => report.find(COSIGNED, None, "it was changed: it is no text"),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => report.find(COSIGNED, None, format!("it cannot be read: {error}")),
    }
    let Some(log) = log_key(disk, options) else { return Vec::new() };
    let mut seen = Vec::new();
    for (file, text) in &texts {
        match CosignedNote::parse(text) {
            Ok(note) => seen.extend(of_one(file, &note, &log, &options.witnesses, report)),
            Err(bad) => report.find(*file, None, format!("it was changed: {bad}")),
        }
    }
    for witness in &options.witnesses {
        if !seen.iter().any(|(_, said): &(Expect, Witnessed)| said.by == witness.name()) {
            let what = format!("nothing here was seen by {}, whose key was given", witness.name());
            report.find(COSIGNED, None, what);
        }
    }
    seen
}

fn of_one(
    file: &str,
    note: &CosignedNote<'_>,
    log: &VerifierKey,
    witnesses: &[WitnessKey],
    report: &mut Report,
) -> Vec<(Expect, Witnessed)> {
    let head = match log.open(note.note) {
        Ok(head) => head,
        Err(bad) => {
            report.find(file, None, format!("the checkpoint in it is not this log's: {bad}"));
            return Vec::new();
        }
    };
    if witnesses.is_empty() {
        report.notices.push(format!(
            "{file}: over {} entries; give the witness's key (--witness-key) to have it checked",
            head.size
        ));
    }
    let mut seen = Vec::new();
    for witness in witnesses {
        match note.open(log, witness) {
            Ok(said) => {
                let micros = i64::try_from(said.at_seconds.saturating_mul(1_000_000)).unwrap_or(i64::MAX);
                let (by, at) = (witness.name().to_owned(), Stamp(Wall::from_micros(micros)));
                seen.push((Expect { size: head.size, root: head.root }, Witnessed { by, size: head.size, at }));
            }
            Err(BadNote::OtherKey) => {}
            Err(bad) => report.find(file, None, format!("the line of {} was changed: {bad}", witness.name())),
        }
    }
    if seen.is_empty() && !witnesses.is_empty() {
        report.find(file, None, "no line in it is by a witness whose key was given");
    }
    seen
}

/// The caller's key, or the folder's; where that is bad, `keys` has told it.
fn log_key(disk: &dyn Disk, options: &Options) -> Option<VerifierKey> {
    options.verifier.clone().or_else(|| {
        let bytes = disk.read(VERIFIER, NOTE_BYTES_MAX).ok()?;
        std::str::from_utf8(&bytes).ok()?.trim_end_matches('\n').parse().ok()
    })
}
