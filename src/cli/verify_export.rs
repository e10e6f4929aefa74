//! `sluice verify-export`: what a package proves, on any machine and without a network.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use control_api::exports::verify::{Trust, Verdict, verify};
use control_api::ledger::note::VerifierKey;

use super::EXIT_NO_INPUT;
use crate::config::EXIT_CONFIG;

/// Longest key that is read from a file.
const KEY_BYTES_MAX: u64 = 4_096;

/// Check a package of an export: its files, its signature and its place in the ledger.
///
/// Exit code 0: nothing contradicts; what is not proven is said all the same. 1: something was changed, and it is named. 64: a key
/// that is none. 66: the file cannot be read.
#[derive(Args)]
pub(crate) struct VerifyExport {
    /// The package.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The ledger's public key as it was handed to you apart from the package: the text of verifier.pub, or a file with it.
    #[arg(long, value_name = "KEY")]
    ledger_key: Option<String>,
    /// The key that exports are signed with, as it was handed to you apart from the package: its text, or a file with it.
    #[arg(long, value_name = "KEY")]
    export_key: Option<String>,
    /// Print what was found as JSON.
    #[arg(long)]
    json: bool,
}

impl VerifyExport {
    /// Does it.
    pub(super) fn run(self) -> ExitCode {
        let trust = match self.trust() {
            Ok(trust) => trust,
            Err(error) => {
                super::failed(&error);
                return ExitCode::from(EXIT_CONFIG);
            }
        };
        let verified = verify(&self.file, &trust).with_context(|| format!("cannot read {}", self.file.display()));
        match verified {
            Ok(verdict) => self.say(&verdict),
            Err(error) => {
                super::failed(&error);
                ExitCode::from(EXIT_NO_INPUT)
            }
        }
    }

    fn trust(&self) -> anyhow::Result<Trust> {
        let ledger_key = self.ledger_key.as_deref().map(text_of).transpose()?;
        let parse = |text: String| text.parse::<VerifierKey>().context("--ledger-key is no verifier key of a ledger");
        let export_key = self.export_key.as_deref().map(text_of).transpose()?;
        Ok(Trust { ledger_key: ledger_key.map(parse).transpose()?, export_key })
    }

    fn say(&self, verdict: &Verdict) -> ExitCode {
        if self.json {
            println!("{}", serde_json::to_string_pretty(verdict).expect("a verdict is plain data"));
        } else {
            verdict.proven.iter().for_each(|line| println!("proven      {line}"));
            verdict.not_proven.iter().for_each(|line| println!("not proven  {line}"));
            verdict.broken.iter().for_each(|line| println!("BROKEN      {line}"));
            let export = verdict.export.as_deref().unwrap_or("?");
            let shown: String = export.chars().filter(|c| c.is_ascii_alphanumeric()).take(64).collect();
            let said = if verdict.is_good() { "as it was sealed" } else { "NOT AS IT WAS SEALED" };
            println!("{}: export {shown}, {said}", self.file.display());
        }
        if verdict.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// The key as it was given, or the first line of the file of that name.
fn text_of(given: &str) -> anyhow::Result<String> {
    let path = Path::new(given);
    if !path.is_file() {
        return Ok(given.trim().to_owned());
    }
    let bytes = path.metadata()?.len();
    anyhow::ensure!(bytes <= KEY_BYTES_MAX, "{given} holds {bytes} bytes, which is no key");
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {given}"))?;
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}
