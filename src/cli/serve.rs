//! `sluice serve`.

use std::path::Path;
use std::process::ExitCode;

use super::check_config::checked;
use crate::appliance;

/// Checks the configuration, runs until a signal, drains.
pub(super) fn run(file: &Path) -> ExitCode {
    let config = match checked(file) {
        Ok(config) => config,
        Err(code) => return code,
    };
    crate::log::to_stderr(&config.log);
    match appliance::run(config, |_| std::future::ready(Ok(()))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the appliance ended");
            super::failed(&error)
        }
    }
}
