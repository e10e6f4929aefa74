//! What recording costs: the recorder's threads while N cameras are pulled and recorded, beside bare loops that write as
//! many bytes at the same pace, each file durable as often: past the page cache as the recorder does, the same with what the recorder must
//! do to each byte besides, and through the page cache.

use std::fs::{File, OpenOptions};
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::fs::{FallocateFlags, OFlags, fallocate};
use serde_json::{Value, json};
use uring::Choice;
use uring::storage::{ALIGNMENT, BUFFERS, Storage, Write};

use crate::appliance::{Appliance, Owned, cameras, clip};
use crate::cpu::{CpuSeconds, Kworkers, SERVER_CPU, resident_bytes};
use crate::report::{Report, median};

/// Batches that the writes of an interval are spread over, as the recorder spreads them.
const BATCHES: usize = 7;
/// How often each file is written and made durable: the recorder's default.
const INTERVAL: Duration = Duration::from_millis(700);
/// Until all cameras record evenly.
const SETTLE: Duration = Duration::from_secs(5);
/// Room set aside at once, as the recorder does.
const RESERVE_BYTES: u64 = 8 << 20;
/// What a loop's bytes come from is at least this long: longer than a core's caches, as what waited in hubs is.
const SOURCE_BYTES_MIN: usize = 64 << 20;

/// What is measured.
#[derive(clap::Args)]
pub(crate) struct Plan {
    /// Cameras.
    #[arg(long, value_delimiter = ',', default_value = "50,200")]
    cameras: Vec<usize>,
    /// Bit rate of each, in kbit/s.
    #[arg(long, default_value_t = 4_000)]
    kbit: u32,
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 15)]
    seconds: u64,
}

/// How a floor writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Way {
    /// Past the page cache, by io_uring.
    Direct,
    /// Likewise, each byte copied once into the buffer and hashed there with BLAKE3, as the recorder has to.
    Duties,
    /// Through it, by system calls.
    Buffered,
}

/// CPU seconds of the writing itself and of the kernel's workers, and bytes.
#[derive(Clone, Copy, Default)]
struct Cell {
    own: f64,
    kworkers: f64,
    whole: f64,
    bytes: f64,
    gaps: f64,
    rss: f64,
    seconds: f64,
}

impl Cell {
    fn own_per_gb(&self) -> f64 {
        self.own / (self.bytes / 1e9)
    }

    fn all_per_gb(&self) -> f64 {
        (self.own + self.kworkers) / (self.bytes / 1e9)
    }
}

/// Prints a line for each number of cameras, writes `record.json`.
pub(crate) fn run(sluice: &Path, plan: &Plan, report: &Report) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let clip = clip(dir.path(), plan.kbit)?;
    println!(
        "CPU s per GB written, kworkers in brackets included; medians of {} rounds of {} s; whole: the process with ingest",
        plan.rounds, plan.seconds
    );
    println!(
        "{:>8} {:>8} {:>14} {:>14} {:>14} {:>14} {:>8} {:>8} {:>10} {:>8} {:>8} {:>8}",
        "cameras",
        "Mbit/s",
        "recorder",
        "direct",
        "duties",
        "buffered",
        "ratio",
        "duties x",
        "buffered x",
        "whole",
        "MiB",
        "gap s"
    );
    let mut rows = Vec::new();
    for count in plan.cameras.clone() {
        let (mut ours, mut direct, mut duties, mut buffered) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..plan.rounds {
            ours.push(appliance(sluice, count, &clip, plan)?);
            direct.push(floor(Way::Direct, count, plan)?);
            duties.push(floor(Way::Duties, count, plan)?);
            buffered.push(floor(Way::Buffered, count, plan)?);
        }
        let row = row(count, &ours, [&direct, &duties, &buffered]);
        say(&row);
        rows.push(row);
    }
    report.write("record", &rows)
}

fn row(count: usize, ours: &[Cell], [direct, duties, buffered]: [&[Cell]; 3]) -> Value {
    let of = |cells: &[Cell], value: &dyn Fn(&Cell) -> f64| median(&cells.iter().map(value).collect::<Vec<_>>());
    let ratios = |floors: &[Cell]| -> Vec<f64> {
        ours.iter().zip(floors).map(|(cell, floor)| cell.all_per_gb() / floor.all_per_gb()).collect()
    };
    let seconds = |cells: &[Cell]| json!([of(cells, &Cell::own_per_gb), of(cells, &Cell::all_per_gb)]);
    json!({
        "cameras": count, "bytes": of(ours, &|c| c.bytes), "recorder": seconds(ours), "direct": seconds(direct),
        "duties": seconds(duties), "ratio_duties": median(&ratios(duties)), "ratios_duties": ratios(duties),
        "buffered": seconds(buffered), "ratio_direct": median(&ratios(direct)), "ratios_direct": ratios(direct),
        "ratio_buffered": median(&ratios(buffered)), "whole_cpu_s_per_gb": of(ours, &|c| c.whole / (c.bytes / 1e9)),
        "rss_bytes": of(ours, &|c| c.rss), "gap_seconds": ours.iter().map(|c| c.gaps).sum::<f64>(),
        "mbit_per_s": of(ours, &|c| c.bytes * 8e-6 / c.seconds),
    })
}

fn say(row: &Value) {
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let pair = |name: &str| format!("{:.3} ({:.3})", number(&row[name][0]), number(&row[name][1]));
    println!(
        "{:>8} {:>8.0} {:>14} {:>14} {:>14} {:>14} {:>8.2} {:>8.2} {:>10.2} {:>8.2} {:>8.0} {:>8.1}",
        row["cameras"],
        number(&row["mbit_per_s"]),
        pair("recorder"),
        pair("direct"),
        pair("duties"),
        pair("buffered"),
        number(&row["ratio_direct"]),
        number(&row["ratio_duties"]),
        number(&row["ratio_buffered"]),
        number(&row["whole_cpu_s_per_gb"]),
        number(&row["rss_bytes"]) / f64::from(1 << 20),
        number(&row["gap_seconds"]),
    );
}

fn appliance(sluice: &Path, count: usize, clip: &Path, plan: &Plan) -> anyhow::Result<Cell> {
    let (_sim, address) = cameras(sluice, count, Some(clip))?;
    let appliance = Appliance::start(sluice, &["cameras.dials_per_second_max=200".to_owned()])?;
    appliance.add_cameras(&address, count)?;
    appliance.wait_for_cameras(count, 120)?;
    std::thread::sleep(SETTLE);
    let read = |name: &str| appliance.metric(name, "");
    let (bytes, gaps) = (read("sluice_recorder_bytes_total")?, read("sluice_recorder_gap_seconds_total")?);
    let (before, kworkers) = (CpuSeconds::of(appliance.id()), Kworkers::now());
    std::thread::sleep(Duration::from_secs(plan.seconds));
    let spent = CpuSeconds::of(appliance.id()).since(&before);
    Ok(Cell {
        own: spent.recorder,
        kworkers: Kworkers::now().seconds_since(&kworkers),
        whole: spent.process,
        bytes: read("sluice_recorder_bytes_total")? - bytes,
        gaps: read("sluice_recorder_gap_seconds_total")? - gaps,
        rss: resident_bytes(appliance.id()) as f64,
        seconds: plan.seconds as f64,
    })
}

/// A floor, as a process of its own where the appliance had its own.
fn floor(way: Way, count: usize, plan: &Plan) -> anyhow::Result<Cell> {
    let dir = tempfile::Builder::new().prefix("sluice-bench").tempdir()?;
    let mut command = Command::new(std::env::current_exe()?);
    let way = clap::ValueEnum::to_possible_value(&way).map_or_else(String::new, |way| way.get_name().to_owned());
    let bytes = plan.kbit as usize * INTERVAL.as_millis() as usize / 8 / ALIGNMENT * ALIGNMENT;
    command.args(["storage-floor", &way]).arg(dir.path());
    command.args([count.to_string(), plan.seconds.to_string(), bytes.to_string()]);
    let kworkers = Kworkers::now();
    let (_process, said) = Owned::start(SERVER_CPU, &mut command, "written")?;
    let words: Vec<f64> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let &[bytes, own] = words.as_slice() else { bail!("the floor said {said:?}") };
    Ok(Cell { own, kworkers: Kworkers::now().seconds_since(&kworkers), bytes, ..Cell::default() })
}

/// Writes for so many seconds, in real time; prints bytes and CPU seconds.
pub(crate) fn write_floor(way: Way, dir: &Path, count: usize, seconds: u64, bytes: usize) -> anyhow::Result<()> {
    let choice = if way == Way::Buffered { Choice::Epoll } else { Choice::Auto };
    let (mut storage, _) = Storage::open(choice)?;
    let mut files: Vec<Growing> =
        (0..count).map(|n| Growing::open(way, &dir.join(format!("{n}.mp4")))).collect::<anyhow::Result<_>>()?;
    for number in 0..BUFFERS {
        storage.buffer(number).fill(number as u8 + 1);
    }
    let source = if way == Way::Duties { source(count, bytes) } else { Vec::new() };
    let mut pieces = source.chunks_exact(bytes).cycle();
    let before = CpuSeconds::of(std::process::id());
    let (began, mut outcomes, mut written) = (Instant::now(), Vec::new(), 0_u64);
    let batches = files.len().div_ceil(BATCHES).max(1);
    let visits = (Duration::from_secs(seconds).as_millis() / INTERVAL.as_millis()) as u32;
    for visit in 0..visits {
        for (number, batch) in (0..).zip(files.chunks_mut(batches)) {
            let due = INTERVAL * visit + INTERVAL * number / BATCHES as u32;
            std::thread::sleep((began + due).saturating_duration_since(Instant::now()));
            for some in batch.chunks_mut(BUFFERS) {
                some.iter_mut().for_each(|file| file.reserve(bytes as u64));
                for (buffer, (file, piece)) in some.iter_mut().zip(pieces.by_ref()).enumerate() {
                    let buffer = storage.buffer(buffer).split_at_mut(bytes).0;
                    buffer.copy_from_slice(piece);
                    file.hasher.update(buffer);
                }
                let writes: Vec<_> = (0..).zip(&*some).map(|(buffer, file)| file.write(buffer, bytes)).collect();
                storage.write(&writes, &mut outcomes);
                if outcomes.iter().any(|outcome| *outcome != Ok(bytes)) {
                    bail!("{}: {outcomes:?}", dir.display());
                }
                some.iter_mut().for_each(|file| file.end += bytes as u64);
                written += (bytes * some.len()) as u64;
            }
            let all: Vec<_> = batch.iter().map(|file| file.file.as_fd()).collect();
            storage.sync(&all, &mut outcomes);
        }
    }
    let spent = CpuSeconds::of(std::process::id()).since(&before);
    println!("written {written} {}", spent.process);
    Ok(())
}

/// What an interval brings of all cameras.
fn source(count: usize, bytes: usize) -> Vec<u8> {
    let pieces = count.max(SOURCE_BYTES_MIN.div_ceil(bytes));
    (0..pieces * bytes).map(|n| (n % 251) as u8).collect()
}

struct Growing {
    file: File,
    hasher: blake3::Hasher,
    end: u64,
    reserved: u64,
}

impl Growing {
    fn open(way: Way, path: &Path) -> anyhow::Result<Self> {
        let flags = if way == Way::Buffered { OFlags::empty() } else { OFlags::DIRECT };
        let mut options = OpenOptions::new();
        let options = options.write(true).create_new(true).custom_flags(flags.bits().cast_signed());
        let file = options.open(path).with_context(|| format!("{}: no direct IO here?", path.display()))?;
        Ok(Self { file, hasher: blake3::Hasher::new(), end: 0, reserved: 0 })
    }

    fn reserve(&mut self, bytes: u64) {
        if self.end + bytes > self.reserved {
            // A file system that has no such thing does without.
            let _ = fallocate(&self.file, FallocateFlags::KEEP_SIZE, self.reserved, RESERVE_BYTES);
            self.reserved += RESERVE_BYTES;
        }
    }

    fn write(&self, buffer: usize, bytes: usize) -> Write<'_> {
        Write { file: self.file.as_fd(), offset: self.end, buffer, bytes }
    }
}
