//! `sluice ledger verify` and `export`: the standalone check of a ledger's folder, on this or any other machine, and a copy to take there.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use control_api::ledger::cosignature::WitnessKey;
use control_api::ledger::export::{Exported, export};
use control_api::ledger::note::VerifierKey;
use control_api::ledger::verify::{Expect, Options, Report, Witnessed, verify};
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
        /// The public key of a witness outside, as text or in a file: what it cosigned must be the log's beginning. May be given
        /// more than once.
        #[arg(long, value_name = "KEY|FILE")]
        witness_key: Vec<String>,
        /// A cosigned checkpoint from elsewhere; the one in the folder is looked at in any case.
        #[arg(long, value_name = "FILE")]
        cosigned: Vec<PathBuf>,
        /// Print the report as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Copy what the signed checkpoint covers into a new folder, to be verified on another machine. The signing key stays.
    Export {
        /// The ledger's folder; it is only read, and the appliance may run.
        #[arg(value_name = "DIR")]
        dir: PathBuf,
        /// The folder to make.
        #[arg(value_name = "OUT")]
        out: PathBuf,
    },
}

/// What `verify` is told besides the folder.
struct Known {
    key: Option<PathBuf>,
    expect: Vec<Expect>,
    state: Option<PathBuf>,
    witness_key: Vec<String>,
    cosigned: Vec<PathBuf>,
}

/// Copies the ledger into `out`, which is made with the folders above it.
fn copied(dir: &Path, out: &Path) -> anyhow::Result<Exported> {
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    Ok(export(dir, out, &mut |_| {})?)
}

impl Ledger {
    /// Does it.
    pub(super) fn run(self) -> ExitCode {
        match self {
            Self::Verify { dir, key, expect, state, witness_key, cosigned, json } => {
                match check(&dir, Known { key, expect, state, witness_key, cosigned }) {
                    Ok(report) => say(&dir, &report, json),
                    Err(error) => super::failed(&error),
                }
            }
            Self::Export { dir, out } => match copied(&dir, &out) {
                Ok(done) => {
                    let cosigned =
                        if done.cosigned { ", with the witness's checkpoint" } else { ", which no witness has seen" };
                    println!(
                        "{}: {} entries in {} files{cosigned}; root {}",
                        out.display(),
                        done.size,
                        done.files,
                        done.root
                    );
                    ExitCode::SUCCESS
                }
                Err(error) => super::failed(&error),
            },
        }
    }
}

fn check(dir: &Path, known: Known) -> anyhow::Result<Report> {
    let Known { key, mut expect, state, witness_key, cosigned } = known;
    let verifier = key.as_deref().map(read_key).transpose()?;
    let witnesses = witness_key.iter().map(|text| read_witness_key(text)).collect::<anyhow::Result<_>>()?;
    let read =
        |file: &PathBuf| std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()));
    let cosigned = cosigned.iter().map(read).collect::<anyhow::Result<_>>()?;
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
    let report = verify(dir, &Options { verifier, expect, witnesses, cosigned }, &mut progress);
    if show {
        eprintln!();
    }
    Ok(report)
}

fn read_key(file: &Path) -> anyhow::Result<VerifierKey> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    text.trim().parse().with_context(|| format!("{} holds no verifier key", file.display()))
}

/// The key itself, or the file that holds it.
fn read_witness_key(text: &str) -> anyhow::Result<WitnessKey> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    let held =
        std::fs::read_to_string(text).with_context(|| format!("{text} is no witness's key and no file with one"))?;
    held.trim().parse().with_context(|| format!("{text} holds no witness's key (cosignature/v1)"))
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
        for Witnessed { by, size, at } in &report.witnessed {
            println!("proven by {by}: the first {size} entries are as it saw them at {at}");
        }
        let size = report.size.map_or_else(|| "?".into(), |n| n.to_string());
        let root = report.root.as_deref().unwrap_or("?");
        let verdict = if report.is_clean() { "whole" } else { "NOT WHOLE" };
        println!("{}: {verdict}; {} entries read, checkpoint over {size}, root {root}", dir.display(), report.entries);
    }
    if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
