//! `sluice completions SHELL`.

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

pub(super) fn run(shell: Shell) -> ExitCode {
    let mut command = super::Arguments::command();
    clap_complete::generate(shell, &mut command, "sluice", &mut std::io::stdout());
    ExitCode::SUCCESS
}
