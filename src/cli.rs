//! The command line: one file a command, exit codes as in sysexits.h where one fits (64 for a bad configuration).
#![allow(clippy::print_stdout, reason = "what a command says is its standard output")]

mod admin;
mod camera_sim;
mod check;
mod check_config;
mod completions;
mod confine;
mod demo;
mod ledger;
mod policy;
mod serve;
mod tls;
mod trace;
mod verify_export;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a command was to read cannot be read (sysexits.h `EX_NOINPUT`): not to be taken for a finding about it.
const EXIT_NO_INPUT: u8 = 66;

/// Stream relay and recording appliance for shared city cameras.
#[derive(Parser)]
#[command(name = "sluice", version, about, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the appliance.
    Serve {
        /// Configuration file; ops/sluice.example.toml documents every key.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Read the configuration, report all its faults at once, start nothing. Exit code 64 if there are any.
    CheckConfig {
        /// Configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Run the whole appliance on embedded defaults with simulated cameras.
    Demo(demo::Demo),
    /// Serve simulated RTSP cameras from a clip, each in real time and out of phase.
    CameraSim(camera_sim::CameraSim),
    /// Administration of an appliance that does not run.
    Admin {
        #[command(subcommand)]
        command: admin::Admin,
    },
    /// Work with a ledger folder, on this or any other machine.
    Ledger {
        #[command(subcommand)]
        command: ledger::Ledger,
    },
    /// Explain a decision by the policies of its day, or check a site's own policies.
    Policy {
        #[command(subcommand)]
        command: policy::Policy,
    },
    /// Work with the appliance's certificates.
    Tls {
        #[command(subcommand)]
        command: tls::Tls,
    },
    Trace(trace::Trace),
    Check(check::Check),
    VerifyExport(verify_export::VerifyExport),
    #[command(hide = true)]
    Confine(confine::Confine),
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

impl Arguments {
    /// Runs the command.
    pub(crate) fn run(self) -> ExitCode {
        match self.command {
            Command::Serve { config } => serve::run(&config),
            Command::CheckConfig { config } => check_config::run(&config),
            Command::Demo(demo) => demo.run(),
            Command::CameraSim(sim) => sim.run(),
            Command::Admin { command } => command.run(),
            Command::Ledger { command } => command.run(),
            Command::Policy { command } => command.run(),
            Command::Tls { command } => command.run(),
            Command::Trace(trace) => trace.run(),
            Command::Check(check) => check.run(),
            Command::VerifyExport(verify) => verify.run(),
            Command::Confine(confine) => confine.run(),
            Command::Completions { shell } => completions::run(shell),
        }
    }
}

/// Says on standard error why a command failed, with its causes, and gives the exit code.
fn failed(error: &anyhow::Error) -> ExitCode {
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string) {
        // Some errors repeat their cause in their own words.
        if !said.contains(&cause) {
            said += if said.is_empty() { "" } else { ": " };
            said += &cause;
        }
    }
    eprintln!("sluice: {said}");
    ExitCode::FAILURE
}
