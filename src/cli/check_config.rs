//! `sluice check-config`.

use std::path::Path;
use std::process::ExitCode;

use crate::config::{Config, EXIT_CONFIG};

/// Reads and checks; prints every fault.
pub(super) fn run(file: &Path) -> ExitCode {
    match checked(file) {
        Ok(_) => {
            println!("{}: in order", file.display());
            ExitCode::SUCCESS
        }
        Err(code) => code,
    }
}

/// The configuration, if it has no fault and the machine can carry it out; else all faults are on standard error.
pub(super) fn checked(file: &Path) -> Result<Config, ExitCode> {
    Config::load_for_start(file).map_err(|faults| {
        eprintln!("{faults}");
        ExitCode::from(EXIT_CONFIG)
    })
}
