//! `sluice trace`: whose copy a leaked file is, by the marks in it. Reads the file, the appliance's key for marks, its ledger and its
//! register of users; changes nothing, and the appliance may run.

mod evidence;
mod person;
mod report;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use control_api::store::StoreError;
use control_api::usage::{Openings, openings};
use media::mark::MarkKey;
use media::trace::Tracer;

use super::EXIT_NO_INPUT;
use crate::config::{Config, EXIT_CONFIG};
use crate::mark_key;
use evidence::Evidence;
use person::{Person, Register};
use report::Report;

/// Bytes read at a time: enough that the calls do not count.
const PIECE_BYTES: usize = 1 << 20;
/// Pieces between two reports of progress.
const PROGRESS_PIECES: u64 = 64;

/// Read the marks out of a leaked copy and name whose it is.
///
/// Exit code 0: there are marks, all of them are this appliance's and their sessions are in its ledger. 1: no mark was found, one
/// was refused, or a session is not proven. 64: a fault in the configuration. 66: the file, the key or the ledger cannot be read.
#[derive(Args)]
pub(crate) struct Trace {
    /// The file: MP4, MOV, MKV, AVI, MPEG-TS or -PS, a bare H.264, H.265 or JPEG stream, or packets as pcap or pcapng. A copy that
    /// was encoded anew or filmed off a screen holds no mark of this kind.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Folder of `sluice demo`, in place of --config: its ledger and its key are in it.
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    data: Option<PathBuf>,
    /// Configuration of the appliance; it says where the ledger and the key are.
    #[arg(long, value_name = "FILE", default_value = "/etc/sluice/sluice.toml")]
    config: PathBuf,
    /// Print what was found as JSON.
    #[arg(long)]
    json: bool,
}

/// Where an appliance keeps what a trace needs.
struct Folders {
    ledger: PathBuf,
    state: PathBuf,
}

impl Trace {
    /// Does it.
    pub(super) fn run(self) -> ExitCode {
        let folders = match &self.data {
            Some(data) => Folders { ledger: data.join("ledger"), state: data.join("state") },
            None => match Config::load(&self.config) {
                Ok(config) => Folders { ledger: config.ledger_path, state: config.state_path },
                Err(faults) => {
                    eprintln!("{faults}");
                    return ExitCode::from(EXIT_CONFIG);
                }
            },
        };
        match trace(&self.file, &folders) {
            Ok(report) => {
                if self.json {
                    println!("{}", serde_json::to_string_pretty(&report).expect("a report is plain data"));
                } else {
                    print!("{report}");
                }
                if report.good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
            }
            Err(error) => {
                super::failed(&error);
                ExitCode::from(EXIT_NO_INPUT)
            }
        }
    }
}

fn trace(file: &Path, folders: &Folders) -> anyhow::Result<Report> {
    let Folders { ledger, state } = folders;
    let Some(key) = mark_key::load(state)? else {
        bail!("no key for marks in {}: this is not the state of an appliance, or it never started", state.display());
    };
    if !ledger.is_dir() {
        bail!("no ledger at {}", ledger.display());
    }
    let show = std::io::stderr().is_terminal();
    let evidence = read(file, &key, show).with_context(|| format!("cannot read {}", file.display()))?;
    let mut progress = |done: u64, all: u64| {
        if show {
            eprint!("\rsearched {done} of {all} entries of the ledger");
        }
    };
    let mut openings = openings(ledger, &evidence.sessions.keys().copied().collect(), &mut progress);
    if show {
        // What follows begins on a line of its own.
        eprintln!();
    }
    let people = people(state, &mut openings).unwrap_or_else(|error| {
        eprintln!(
            "note: the register of users cannot be read, they are named by their ids, and reasons stay closed: {error}"
        );
        BTreeMap::new()
    });
    Ok(Report::new(file, ledger, evidence, openings, people))
}

/// The users of these sessions, by id; the sessions' reasons are put into words, as far as those are kept.
fn people(state: &Path, openings: &mut Openings) -> Result<BTreeMap<String, Person>, StoreError> {
    let mut people = BTreeMap::new();
    if openings.found.is_empty() {
        return Ok(people);
    }
    let register = Register::open(state)?;
    for opening in openings.found.values_mut() {
        opening.record.reason = register.words(&opening.record.reason)?;
        let user = &opening.record.user;
        if let Some(person) = register.find(user)? {
            people.insert(user.clone(), person);
        }
    }
    Ok(people)
}

fn read(file: &Path, key: &MarkKey, show: bool) -> std::io::Result<Evidence> {
    let mut file = File::open(file)?;
    let all = file.metadata()?.len();
    let (mut tracer, mut evidence) = (Tracer::default(), Evidence::default());
    let mut piece = vec![0; PIECE_BYTES];
    for turn in 0_u64.. {
        if show && turn % PROGRESS_PIECES == 0 {
            eprint!("\rread {} of {} MiB", evidence.bytes >> 20, all >> 20);
        }
        let bytes = match file.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => piece.get(..count).unwrap_or_default(),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        evidence.bytes += bytes.len() as u64;
        tracer.push(bytes, &mut |mark| evidence.take(key, &mark));
    }
    let kind = tracer.finish(&mut |mark| evidence.take(key, &mark));
    evidence.kind = Some(kind);
    Ok(evidence)
}
