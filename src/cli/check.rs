//! `sluice check`: do the recordings and their index agree? Reads both, and changes nothing unless told to repair.

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, ValueEnum};
use control_api::ledger::Kind;
use control_api::ledger::search::{Candidate, search};
use media::id::CameraId;
use media::wall::{Clock, Wall};
use recorder::check::{Checked, Claim, Claims, Depth, Fault, check};
use recorder::repair::repair;

use super::EXIT_NO_INPUT;
use crate::appliance_id;
use crate::clock::SystemClock;
use crate::config::{Config, EXIT_CONFIG};

/// Compare the recordings with their index.
///
/// The appliance may run, but for --repair. Exit code 0: they agree, or do now. 1: each thing that is wrong is named; after
/// --repair what cannot be mended is: a recording that was changed after it was sealed, or cut. 64: a fault in the configuration.
/// 66: the recordings or the index cannot be read.
#[derive(Args)]
pub(crate) struct Check {
    /// Folder of `sluice demo`, in place of --config.
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    data: Option<PathBuf>,
    /// Configuration of the appliance; it says where the recordings are.
    #[arg(long, value_name = "FILE", default_value = "/etc/sluice/sluice.toml")]
    config: PathBuf,
    /// How closely each recording is looked at.
    #[arg(long, value_enum, default_value_t = How::Size)]
    depth: How,
    /// Mend what was found, as a start does: damaged recordings are cut to what is whole, files that are none, and recordings
    /// that were changed after they were sealed, are moved to _quarantine, rows without a file become gaps, files without a row
    /// get one. The appliance must not run.
    #[arg(long)]
    repair: bool,
    /// Print what was found as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum How {
    /// Every row has its file and every file its row: one look at each folder.
    Presence,
    /// And its length: one look at each file.
    Size,
    /// And its boxes, against the index: some reads for each second of recording.
    Structure,
    /// And all of it, against the hash that the index has, and the one on the ledger: everything is read.
    Hash,
}

impl From<How> for Depth {
    fn from(how: How) -> Self {
        match how {
            How::Presence => Self::Presence,
            How::Size => Self::Size,
            How::Structure => Self::Structure,
            How::Hash => Self::Hash,
        }
    }
}

impl Check {
    /// Does it.
    pub(super) fn run(self) -> ExitCode {
        let file = self.data.as_ref().map_or(self.config.clone(), |data| data.join("sluice.toml"));
        let config = match Config::load(&file) {
            Ok(config) => config,
            Err(faults) => {
                eprintln!("{faults}");
                return ExitCode::from(EXIT_CONFIG);
            }
        };
        match self.compare(&config) {
            Ok(good) if good => ExitCode::SUCCESS,
            Ok(_) => ExitCode::FAILURE,
            Err(error) => {
                super::failed(&error);
                ExitCode::from(EXIT_NO_INPUT)
            }
        }
    }

    /// True where all is well, or is now.
    fn compare(&self, config: &Config) -> anyhow::Result<bool> {
        let (roots, index) = (&config.recorder.roots, &config.recorder.index);
        let depth = Depth::from(self.depth);
        let mut bar = Bar::new(depth);
        let now = SystemClock::start().wall();
        let checked = check(roots, index, depth, now, &mut |done, all| bar.show(done, all));
        bar.end();
        let mut checked = checked?;
        if depth == Depth::Hash {
            against_ledger(&config.ledger_path, &Claims::open(index)?, &mut checked)?;
        }
        self.say(&checked);
        if checked.is_clean() || !self.repair {
            return Ok(checked.is_clean());
        }
        let appliance = appliance_id::load(&config.state_path)?.context("there is no state: was it ever started?")?;
        let report = repair(roots, &appliance, index, &checked.findings, Arc::new(SystemClock::start()))
            .context("nothing was repaired: an appliance that runs has the index to itself, so stop it first")?;
        eprintln!(
            "repaired: {} cut to what is whole, {} moved to _quarantine, {} without a file now gaps, {} empty removed",
            report.cut, report.quarantined, report.lost, report.empty
        );
        if report.changed > 0 {
            eprintln!(
                "NOT MENDED: {} changed after they were sealed; moved to _quarantine as they are, each with its reason, and their \
                time is a gap. Find out who or what, before the files are used for anything",
                report.changed
            );
        }
        let cut = checked.findings.iter().filter(|finding| finding.fault == Fault::CutSinceRecord).count();
        if cut > 0 {
            eprintln!(
                "NOT MENDED: {cut} cut since they were put on the ledger; what is left of them stays where it is"
            );
        }
        if checked.findings_not_shown > 0 {
            eprintln!("there was more than is told at once: run it again");
        }
        Ok(checked.findings_not_shown == 0 && report.changed == 0 && cut == 0)
    }

    fn say(&self, checked: &Checked) {
        if self.json {
            println!("{}", serde_json::to_string_pretty(checked).expect("what was found is plain data"));
            return;
        }
        for finding in &checked.findings {
            println!("{}: {}", finding.path, finding.fault);
        }
        if checked.findings_not_shown > 0 {
            println!("and {} more", checked.findings_not_shown);
        }
        let verdict = if checked.is_clean() { "recordings and index agree" } else { "NOT WHOLE" };
        let Checked { cameras, sealed, open, bytes, .. } = checked;
        println!("{verdict}; {cameras} cameras, {sealed} recordings of {bytes} bytes, and {open} being written");
    }
}

/// How far it is, on a terminal.
struct Bar {
    shown: bool,
    unit: &'static str,
    scale: u64,
    /// In thousandths; nothing is written again that did not change.
    last: u64,
}

impl Bar {
    /// Cells of the bar.
    const CELLS: u64 = 30;

    fn new(depth: Depth) -> Self {
        let (unit, scale) = if depth == Depth::Hash { ("MiB", 1 << 20) } else { ("cameras", 1) };
        Self { shown: std::io::stderr().is_terminal(), unit, scale, last: u64::MAX }
    }

    fn show(&mut self, done: u64, all: u64) {
        let part = done.saturating_mul(1000) / all.max(1);
        if !self.shown || std::mem::replace(&mut self.last, part) == part {
            return;
        }
        let full = (part * Self::CELLS / 1000).min(Self::CELLS) as usize;
        let (full, rest) = ("#".repeat(full), "-".repeat(Self::CELLS as usize - full));
        eprint!("\r[{full}{rest}] {} of {} {}", done / self.scale, all / self.scale, self.unit);
    }

    fn end(&self) {
        if self.shown {
            eprintln!();
        }
    }
}

/// The event of the ledger, as far as it is needed here.
#[derive(serde::Deserialize)]
struct Sealing {
    kind: String,
    detail: Detail,
}

#[derive(serde::Deserialize)]
struct Detail {
    #[serde(default)]
    segments: Vec<Sealed>,
}

#[derive(serde::Deserialize)]
struct Sealed {
    camera: String,
    volume: String,
    start_micros: i64,
    bytes: u64,
    blake3: String,
}

/// Compares what the ledger says of recordings with what the index says. Every word counts: one that was changed, and told of anew
/// by the start that found it so, was changed.
fn against_ledger(ledger: &Path, claims: &Claims, checked: &mut Checked) -> anyhow::Result<()> {
    let mut failed = None;
    let mut visit = |entry: &Candidate<'_>| {
        let Ok(sealing) = serde_json::from_slice::<Sealing>(entry.bytes()) else { return ControlFlow::Continue(()) };
        for sealed in sealing.detail.segments.iter().filter(|_| sealing.kind == Kind::SEGMENT_SEALED.as_str()) {
            let Ok(camera) = sealed.camera.parse::<CameraId>() else { continue };
            let (start, volume, hash) = (Wall::from_micros(sealed.start_micros), &sealed.volume, &sealed.blake3);
            match claims.dispute(&Claim { camera: &camera, start, volume, bytes: sealed.bytes, hash }) {
                Ok(finding) => finding.into_iter().for_each(|finding| checked.add(finding)),
                Err(error) => failed = Some(error),
            }
        }
        if failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let searched = search(ledger, &mut visit, &mut |_, _| ());
    if let Some(error) = failed {
        return Err(error.into());
    }
    if let Some(first) = searched.findings.first() {
        anyhow::bail!("the ledger is not whole ({first}); see sluice ledger verify {}", ledger.display());
    }
    Ok(())
}
