//! `sluice check`: do the recordings and their index agree? Reads both, and changes nothing unless told to repair.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Args, ValueEnum};
use recorder::check::{Checked, Depth, check};
use recorder::recovery::repair;

use super::EXIT_NO_INPUT;
use crate::clock::SystemClock;
use crate::config::{Config, EXIT_CONFIG};

/// Compare the recordings with their index.
///
/// The appliance may run, but for --repair. Exit code 0: they agree. 1: each thing that is wrong is named. 64: a fault in the
/// configuration. 66: the recordings or the index cannot be read.
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
    /// Mend what was found, as a start does: damaged recordings are cut to what is whole, files that are none are moved to
    /// _quarantine, rows without a file become gaps, files without a row get one. The appliance must not run.
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
}

impl From<How> for Depth {
    fn from(how: How) -> Self {
        match how {
            How::Presence => Self::Presence,
            How::Size => Self::Size,
            How::Structure => Self::Structure,
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
        let (root, index) = (&config.recorder.root, &config.recorder.index);
        let show = std::io::stderr().is_terminal();
        let mut progress = |done: usize, all: usize| {
            if show {
                eprint!("\rcompared {done} of {all} cameras");
            }
        };
        let checked = check(root, index, self.depth.into(), &mut progress);
        if show {
            eprintln!();
        }
        let checked = checked?;
        self.say(&checked);
        if checked.is_clean() || !self.repair {
            return Ok(checked.is_clean());
        }
        let report = repair(root, index, &checked.findings, Arc::new(SystemClock::start()))
            .context("nothing was repaired: an appliance that runs has the index to itself, so stop it first")?;
        eprintln!(
            "repaired: {} cut to what is whole, {} moved to _quarantine, {} without a file now gaps, {} empty removed",
            report.cut, report.quarantined, report.lost, report.empty
        );
        if checked.findings_not_shown > 0 {
            eprintln!("there was more than is told at once: run it again");
        }
        Ok(checked.findings_not_shown == 0)
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
