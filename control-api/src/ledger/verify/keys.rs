//! The keys and the checkpoint: is the key the caller's, and did it sign what lies there?

use std::io::ErrorKind;

use super::{Options, Report};
use crate::ledger::disk::Disk;
use crate::ledger::note::{SignerKey, TreeHead, VerifierKey};
use crate::ledger::publish::CHECKPOINT;
use crate::ledger::recovery::{KEY, NOTE_BYTES_MAX, VERIFIER};

/// The signed tree head, if the checkpoint holds.
pub(in crate::ledger) fn head(disk: &dyn Disk, options: &Options, report: &mut Report) -> Option<TreeHead> {
    let in_folder = verifier_in_folder(disk, report);
    if let (Some(trusted), Some(found)) = (&options.verifier, &in_folder)
        && trusted != found
    {
        report.find(VERIFIER, None, "it is not the key that the caller trusts");
    }
    if options.verifier.is_none() {
        report.notices.push(format!(
            "the key was taken from {VERIFIER} in the folder itself; to rule out a log rewritten with another key, give the \
             key from a copy kept elsewhere"
        ));
    }
    if options.expect.is_empty() && options.witnesses.is_empty() {
        report.notices.push(
            "no checkpoint from elsewhere was given: a folder put back, whole, to an older state would not be seen"
                .into(),
        );
    }
    let verifier = options.verifier.clone().or(in_folder);
    if let Some(verifier) = &verifier {
        check_signer(disk, verifier, report);
    }
    let note = text(disk, CHECKPOINT, report)?;
    let verifier = verifier?;
    report.origin = Some(verifier.name().to_owned());
    match verifier.open(&note) {
        Ok(head) => Some(head),
        Err(bad) => {
            report.find(CHECKPOINT, None, format!("it was changed or is not this log's: {bad}"));
            None
        }
    }
}

fn verifier_in_folder(disk: &dyn Disk, report: &mut Report) -> Option<VerifierKey> {
    let text = text(disk, VERIFIER, report)?;
    let parsed = text.strip_suffix('\n').map(str::parse::<VerifierKey>);
    match parsed {
        Some(Ok(key)) => Some(key),
        Some(Err(bad)) => {
            report.find(VERIFIER, None, format!("it was changed: {bad}"));
            None
        }
        None => {
            report.find(VERIFIER, None, "it was changed: no line break at its end");
            None
        }
    }
}

/// The signing key is the appliance's own; an auditor's copy of the folder rightly lacks it.
fn check_signer(disk: &dyn Disk, verifier: &VerifierKey, report: &mut Report) {
    let bytes = match disk.read(KEY, NOTE_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied) => {
            report.notices.push(format!("{KEY} is not here or not readable, and was not checked"));
            return;
        }
        Err(error) => return report.find(KEY, None, format!("it cannot be read: {error}")),
    };
    let parsed = std::str::from_utf8(&bytes).ok().and_then(|text| text.strip_suffix('\n')).map(str::parse::<SignerKey>);
    match parsed {
        Some(Ok(key)) if key.verifier() == *verifier => {}
        Some(Ok(_)) => report.find(KEY, None, "it is another log's key"),
        Some(Err(bad)) => report.find(KEY, None, format!("it was changed: {bad}")),
        None => report.find(KEY, None, "it was changed: it is no line of text"),
    }
}

fn text(disk: &dyn Disk, file: &str, report: &mut Report) -> Option<String> {
    match disk.read(file, NOTE_BYTES_MAX) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => return Some(text),
            Err(_) => report.find(file, None, "it was changed: it is no text"),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => report.find(file, None, "it is missing"),
        Err(error) => report.find(file, None, format!("it cannot be read: {error}")),
    }
    None
}
