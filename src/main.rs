//! The binary: configuration, build, run, drain, command line. Owns nothing else.

mod appliance;
mod camera_port;
mod cli;
mod clock;
mod config;
mod demo;
mod mark_key;
mod scrape;
mod watchdog;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    cli::Arguments::parse().run()
}
