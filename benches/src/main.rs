//! The benches: each starts the real binary as a process, loads it over loopback, and measures it beside a floor in the
//! same run. Prints a table and writes one JSON file per bench. No figure here is asserted: machines differ; ratios to
//! the floor are what counts.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a bench prints, and measures real time")]
#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, and those answer Null")]

mod appliance;
mod cpu;
mod crowd;
mod decide;
mod download;
mod fanout;
mod floor;
mod hls;
mod ingest;
mod reader;
mod record;
mod report;
mod revoke;
mod rtsp;
mod seek;
mod sessions;
mod socket;
mod stall;
mod stuck;
mod trace;
mod walk;
mod whep;
mod years;

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
    /// N RTSP readers of one camera, beside floors that send the same frames.
    Fanout(fanout::Plan),
    /// N simulated cameras pulled and recorded at once, beside a bare receive loop.
    Ingest(ingest::Plan),
    /// A recording handed out as one file, beside bare servers of the same file.
    Download(download::Plan),
    /// One decision alone, with many cameras, users and grants.
    Decide(decide::Plan),
    /// Sessions opened per second, each durably on record, beside bare grouped fsyncs on the same disk.
    Sessions {
        /// Concurrent clients.
        #[arg(long, value_delimiter = ',', default_value = "1,8,64")]
        clients: Vec<usize>,
        /// Seconds of each measurement.
        #[arg(long, default_value_t = 5)]
        seconds: u64,
    },
    /// N cameras recorded, beside bare loops that write as much: past the page cache and through it.
    Record(record::Plan),
    /// A grant is suspended: when the last byte of each of its viewers comes.
    Revoke(revoke::Plan),
    /// Playback at random instants of months of many cameras, and their timelines.
    Seek(seek::Plan),
    /// The disk stands still: what is lost, and what memory it takes. Root's, for it freezes a file system of its own.
    Stall(stall::Plan),
    /// Some of many viewers stop reading.
    Stuck(stuck::Plan),
    /// Each report over three years of use: its time, and the memory it takes.
    Years(years::Plan),
    /// Each of many sessions is named from the copy that its viewer kept.
    Trace(trace::Plan),
    /// N WebRTC viewers of one camera, beside a bare loop that encrypts and sends the same packets.
    Whep(whep::Plan),
    /// A floor's own server; started by `fanout`.
    #[command(hide = true)]
    FloorServer { floor: floor::Floor, clip: PathBuf },
    /// A bare server of one file; started by `download`.
    #[command(hide = true)]
    DownloadFloor { way: download::Way, file: PathBuf },
    /// A bare loop of writes, as a process of its own; started by `record`.
    #[command(hide = true)]
    StorageFloor { way: record::Way, dir: PathBuf, cameras: usize, seconds: u64, bytes: usize },
    /// The readers, as a process of their own; started by `fanout`.
    #[command(hide = true)]
    Readers(reader::Reading),
    /// The bare loop that encrypts and sends, as a process of its own; started by `whep`.
    #[command(hide = true)]
    WhepFloor {
        clip: PathBuf,
        #[arg(long)]
        in_runs: bool,
    },
    /// WebRTC viewers, as a process of their own; started by `whep`.
    #[command(hide = true)]
    WhepViewers { urls: PathBuf, seconds: u64 },
    /// The bare receive loop, as a process of its own; started by `ingest`.
    #[command(hide = true)]
    Receivers { address: String, cameras: usize, seconds: u64 },
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    raise_descriptors();
    let report = report::Report::new(arguments.out);
    match arguments.what {
        What::Fanout(plan) => fanout::run(&arguments.sluice, &plan, &report),
        What::Ingest(plan) => ingest::run(&arguments.sluice, &plan, &report),
        What::Sessions { clients, seconds } => sessions::run(&arguments.sluice, &clients, seconds, &report),
        What::Decide(plan) => decide::run(&plan, &report),
        What::Download(plan) => download::run(&arguments.sluice, &plan, &report),
        What::DownloadFloor { way, file } => download::serve(way, &file),
        What::Revoke(plan) => revoke::run(&arguments.sluice, &plan, &report),
        What::Seek(plan) => seek::run(&arguments.sluice, &plan, &report),
        What::Stall(plan) => stall::run(&arguments.sluice, &plan, &report),
        What::Stuck(plan) => stuck::run(&arguments.sluice, &plan, &report),
        What::Trace(plan) => trace::run(&arguments.sluice, &plan, &report),
        What::Whep(plan) => whep::run(&arguments.sluice, &plan, &report),
        What::WhepFloor { clip, in_runs } => whep::floor::serve(&clip, in_runs),
        What::WhepViewers { urls, seconds } => whep::viewers::run(&urls, seconds),
        What::Years(plan) => years::run(&arguments.sluice, &plan, &report),
        What::FloorServer { floor, clip } => floor::serve(floor, &clip),
        What::Record(plan) => record::run(&arguments.sluice, &plan, &report),
        What::StorageFloor { way, dir, cameras, seconds, bytes } => {
            record::write_floor(way, &dir, cameras, seconds, bytes)
        }
        What::Readers(reading) => reader::run(&reading),
        What::Receivers { address, cameras, seconds } => ingest::receive(&address, cameras, seconds),
    }
}

/// Thousands of sockets: as many descriptors as this process, and those it starts, may have.
fn raise_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
