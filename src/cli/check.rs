//! `sluice check`: do the recordings and their index agree? Reads both, and changes nothing unless told to repair.

mod bar;
mod on_ledger;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, ValueEnum};
use media::wall::Clock;
use recorder::check::{CheckError, Checked, Claims, Depth, Fault, check};
use recorder::index::IndexError;
use recorder::recovery::Report;
use recorder::repair::{rebuild, repair};

use super::EXIT_NO_INPUT;
use crate::appliance_id;
use crate::clock::SystemClock;
use crate::config::{Config, EXIT_CONFIG};
use bar::Bar;

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
    /// get one. An index that is gone or cannot be read is made anew from the recordings, and compared with the ledger; what was
    /// there of it is kept beside it. The appliance must not run.
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
        let index = &config.recorder.index;
        let (mut checked, claims) = match self.look(config) {
            Err(CheckError::Index(error)) if self.repair => {
                self.rebuild(config, &error)?;
                // Every hash in it is of the files as they are now: the ledger alone knows what they were.
                (self.look(config)?, Some(Claims::open_to_settle(index)?))
            }
            Err(CheckError::Index(error)) => {
                return Err(error).context("the index cannot be read; --repair makes it anew from the recordings");
            }
            looked => (looked?, None),
        };
        if Depth::from(self.depth) == Depth::Hash || claims.is_some() {
            let claims = claims.map_or_else(|| Claims::open(index), Ok)?;
            on_ledger::against_ledger(&config.ledger_path, claims, &mut checked)?;
        }
        self.say(&checked);
        if checked.is_clean() || !self.repair {
            return Ok(checked.is_clean());
        }
        self.mend(config, &checked)
    }

    fn look(&self, config: &Config) -> Result<Checked, CheckError> {
        let (roots, index) = (&config.recorder.roots, &config.recorder.index);
        let depth = Depth::from(self.depth);
        let mut bar = Bar::new(depth, self.json);
        let checked = check(roots, index, depth, SystemClock::start().wall(), &mut |at| bar.show(at));
        bar.end();
        checked
    }

    /// Makes an index anew that is gone or cannot be read.
    fn rebuild(&self, config: &Config, why: &IndexError) -> anyhow::Result<()> {
        let (roots, index) = (&config.recorder.roots, &config.recorder.index);
        let (report, aside) = rebuild(roots, &owner(config)?, index, Arc::new(SystemClock::start()))
            .with_context(|| format!("the index cannot be read ({why}), and cannot be made anew"))?;
        eprintln!(
            "the index could not be read ({why}); made anew from the recordings alone: {} recordings of {} bytes; {} gaps as they \
            were noted beside them, {} of which nothing is noted",
            report.segments, report.bytes, report.gaps_recalled, report.gaps_unknown
        );
        if let Some(aside) = aside {
            eprintln!("what was there of it is kept in {}", aside.display());
        }
        told(&report);
        Ok(())
    }

    /// Repairs what was found. True where nothing is left that cannot be.
    fn mend(&self, config: &Config, checked: &Checked) -> anyhow::Result<bool> {
        let (roots, index) = (&config.recorder.roots, &config.recorder.index);
        let report = repair(roots, &owner(config)?, index, &checked.findings, Arc::new(SystemClock::start()))
            .context("nothing was repaired: an appliance that runs has the index to itself, so stop it first")?;
        told(&report);
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

/// Whose recordings they are.
fn owner(config: &Config) -> anyhow::Result<String> {
    appliance_id::load(&config.state_path)?.context("there is no state: was it ever started?")
}

/// Says what was repaired, and what could not be.
fn told(report: &Report) {
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
}
