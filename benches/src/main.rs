//! The benches: each starts the real binary as a process, loads it over loopback, and measures it beside a floor in the
//! same run. Prints a table and writes one JSON file per bench. No figure here is asserted: machines differ; ratios to
//! the floor are what counts.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench prints, and measures real time")]
#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, and those answer Null")]

mod appliance;
mod cpu;
mod fanout;
mod floor;
mod ingest;
mod reader;
mod report;
mod sessions;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "bench", about = "Measures Sluice beside the floor it stands on")]
struct Arguments {
    /// The binary under test.
    #[arg(long, default_value = "sluice", global = true)]
    sluice: PathBuf,
    /// Folder for the machine-readable results.
    #[arg(long, default_value = "bench-results", global = true)]
    out: PathBuf,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// N RTSP/TCP readers of one camera, beside one `send` per frame and reader.
    Fanout {
        /// Numbers of readers.
        #[arg(long, value_delimiter = ',', default_value = "10,50,200")]
        readers: Vec<usize>,
        /// Interleaved rounds of appliance and floor.
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// Seconds of each measurement.
        #[arg(long, default_value_t = 10)]
        seconds: u64,
    },
    /// N simulated cameras pulled and recorded at once: CPU, memory, gaps.
    Ingest {
        /// Numbers of cameras.
        #[arg(long, value_delimiter = ',', default_value = "100,500")]
        cameras: Vec<usize>,
        /// Seconds of each measurement.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// Sessions opened per second, each durably on record, beside bare grouped fsyncs on the same disk.
    Sessions {
        /// Concurrent clients.
        #[arg(long, value_delimiter = ',', default_value = "1,16,64")]
        clients: Vec<usize>,
        /// Seconds of each measurement.
        #[arg(long, default_value_t = 5)]
        seconds: u64,
    },
    /// The floor's own server; started by `fanout`.
    #[command(hide = true)]
    FloorServer,
    /// The readers, as a process of their own; started by `fanout`.
    #[command(hide = true)]
    Readers {
        /// URLs, one a line, in a file.
        urls: PathBuf,
        /// Seconds to read after all play.
        seconds: u64,
    },
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let report = report::Report::new(arguments.out);
    match arguments.what {
        What::Fanout { readers, rounds, seconds } => fanout::run(&arguments.sluice, &readers, rounds, seconds, &report),
        What::Ingest { cameras, seconds } => ingest::run(&arguments.sluice, &cameras, seconds, &report),
        What::Sessions { clients, seconds } => sessions::run(&arguments.sluice, &clients, seconds, &report),
        What::FloorServer => floor::serve(),
        What::Readers { urls, seconds } => reader::run(&urls, seconds),
    }
}
