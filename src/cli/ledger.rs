//! `sluice ledger verify`: the standalone check of a ledger's folder, on this or any other machine.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use control_api::ledger::note::VerifierKey;
use control_api::ledger::verify::{Expect, Options, Report, verify};
use control_api::ledger::witness::remembered;

/// Work with a ledger.
#[derive(Subcommand)]
pub(crate) enum Ledger {
    /// Check every entry, tile and checkpoint of a ledger's folder; exit code 1 names each thing that was touched.
    Verify {
        /// The ledger's folder; it is only read, and the appliance may run.
        #[arg(value_name = "DIR")]
        dir: PathBuf,
        /// The log's public key, kept apart from the appliance; without it the one in the folder is taken.
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// A checkpoint that somebody remembers, as SIZE:ROOT; may be given more than once.
        #[arg(long, value_name = "SIZE:ROOT")]
        expect: Vec<Expect>,
        /// The state folder of the same appliance, which remembers the last checkpoint. Taken from beside DIR if it is there.
        #[arg(long, value_name = "DIR")]
        state: Option<PathBuf>,
        /// Print the report as JSON.
        #[arg(long)]
        json: bool,
    },
}

impl Ledger {
    /// Does it.
    pub(super) fn run(self) -> ExitCode {
        let Self::Verify { dir, key, expect, state, json } = self;
        match check(&dir, key.as_deref(), expect, state) {
            Ok(report) => say(&dir, &report, json),
            Err(error) => super::failed(&error),
        }
    }
}

fn check(dir: &Path, key: Option<&Path>, mut expect: Vec<Expect>, state: Option<PathBuf>) -> anyhow::Result<Report> {
    let verifier = key.map(read_key).transpose()?;
    let beside =
        dir.canonicalize().ok().and_then(|d| Some(d.parent()?.join("state"))).filter(|d| d.join("store").is_dir());
    if let Some(state) = state.or(beside) {
        let seen = remembered(&state.join("store"))
            .with_context(|| format!("cannot read the state in {}", state.display()))?;
        expect.extend(seen.as_ref().map(Expect::try_from).transpose()?);
    }
    let show = std::io::stderr().is_terminal();
    let mut progress = |done: u64, all: u64| {
        if show {
            eprint!("\rchecked {done} of {all} entries");
        }
    };
    let report = verify(dir, &Options { verifier, expect }, &mut progress);
    if show {
        eprintln!();
    }
    Ok(report)
}

fn read_key(file: &Path) -> anyhow::Result<VerifierKey> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    text.trim().parse().with_context(|| format!("{} holds no verifier key", file.display()))
}

fn say(dir: &Path, report: &Report, json: bool) -> ExitCode {
    if json {
        println!("{}", serde_json::to_string_pretty(report).expect("a report is plain data"));
    } else {
        report.findings.iter().for_each(|finding| println!("{finding}"));
        if report.findings_not_shown > 0 {
            println!("and {} more", report.findings_not_shown);
        }
        report.notices.iter().for_each(|notice| println!("note: {notice}"));
        let size = report.size.map_or_else(|| "?".into(), |n| n.to_string());
        let root = report.root.as_deref().unwrap_or("?");
        let verdict = if report.is_clean() { "whole" } else { "NOT WHOLE" };
        println!("{}: {verdict}; {} entries read, checkpoint over {size}, root {root}", dir.display(), report.entries);
    }
    if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
