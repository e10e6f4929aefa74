//! The binary: configuration, build, run, drain, command line. Owns nothing else.

mod appliance;
mod appliance_id;
mod camera_port;
mod cli;
mod clock;
mod config;
mod demo;
mod hang_up;
mod listeners;
mod log;
mod mark_key;
mod on_ledger;
mod recordings;
mod retention_port;
mod scrape;
mod tls;
mod watchdog;

use std::process::ExitCode;

use clap::Parser;

/// A frame is allocated on the core that pulls its camera and freed wherever its last reader is: this one makes neither wait.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::Arguments::parse().run()
}
