//! WebRTC fan-out: CPU seconds of the server per GB delivered to N viewers of one 4 Mbit/s camera, beside a bare loop that encrypts and
//! sends the same packets, in the same rounds. The server has CPU 0 for itself; viewers and camera have another. The whole appliance
//! is charged: it pulls and records the camera, and answers its viewers' reports.

pub(crate) mod floor;
pub(crate) mod peer;
pub(crate) mod viewers;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;
use serde_json::{Value, json};

use crate::appliance::{Appliance, Owned, cameras, clip};
use crate::cpu::{CpuSeconds, SERVER_CPU, Spent, other_cpu, spawn_on};
use crate::report::{Report, median};

const CAMERA_KBIT: u32 = 4_000;
/// As in `fanout`.
const EVEN: f64 = 0.95;

/// What is measured.
#[derive(clap::Args)]
pub(crate) struct Plan {
    /// Numbers of viewers.
    #[arg(long, value_delimiter = ',', default_value = "20,100")]
    readers: Vec<usize>,
    /// Interleaved rounds.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 8)]
    seconds: u64,
}

#[derive(Clone, Copy)]
enum Server {
    /// A bare loop; a run of packets with each send, or one.
    Floor {
        in_runs: bool,
    },
    Sluice,
}

/// The first one is what the others stand beside.
const SERVERS: [(&str, Server); 3] = [
    ("floor: a send per packet", Server::Floor { in_runs: false }),
    ("floor: a send per run (GSO)", Server::Floor { in_runs: true }),
    ("sluice", Server::Sluice),
];

/// One measurement.
#[derive(Clone, Default)]
struct Cell {
    spent: Spent,
    bytes: u64,
    packets: u64,
    lost: u64,
    /// Calls to the kernel; 0 where nobody counts them.
    sends: f64,
    even: bool,
}

impl Cell {
    fn per_gb(&self) -> f64 {
        self.spent.process / (self.bytes as f64 / 1e9)
    }

    fn cpu_per_gb(&self) -> f64 {
        self.spent.cpu / (self.bytes as f64 / 1e9)
    }

    fn packets_per_send(&self) -> f64 {
        self.packets as f64 / self.sends
    }

    fn micros_per_packet(&self) -> f64 {
        self.spent.process * 1e6 / self.packets as f64
    }
}

/// The bench's own tools.
struct Stage<'a> {
    sluice: &'a Path,
    urls: PathBuf,
    clip: PathBuf,
    cameras: String,
    seconds: u64,
}

/// Runs all sizes, prints a table, writes `whep.json`.
pub(crate) fn run(sluice: &Path, plan: &Plan, report: &Report) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let clip = clip(dir.path(), CAMERA_KBIT)?;
    let (_sim, cameras) = cameras(sluice, 1, Some(&clip))?;
    let stage = Stage { sluice, urls: dir.path().join("urls"), clip, cameras, seconds: plan.seconds };
    let mut rows = Vec::new();
    for readers in &plan.readers {
        println!("\n{readers} viewers, medians of {} rounds of {} s; CPU s per GB", plan.rounds, plan.seconds);
        let head = ["process", "CPU 0", "us/packet", "per send", "packets", "lost", "rounds"]
            .map(|word| format!("{word:>10}"));
        println!("{:<28}{:>18}{}", "", "ratio (range)", head.join(""));
        let mut cells = SERVERS.map(|_| Vec::new());
        for _ in 0..plan.rounds {
            for ((name, server), cells) in SERVERS.iter().zip(&mut cells) {
                cells.push(stage.measure(*server, *readers).with_context(|| (*name).to_owned())?);
            }
        }
        let [floor, ..] = &cells;
        for ((name, _), cells) in SERVERS.iter().zip(&cells) {
            let row = row(name, *readers, cells, floor);
            say(&row);
            rows.push(row);
        }
    }
    report.write("whep", &rows)
}

fn row(name: &str, readers: usize, cells: &[Cell], floor: &[Cell]) -> Value {
    let of = |value: fn(&Cell) -> f64| median(&cells.iter().map(value).collect::<Vec<_>>());
    // Each round beside the floor of the same round.
    let pairs = cells.iter().zip(floor).filter(|(cell, floor)| cell.even && floor.even);
    let ratios: Vec<f64> = pairs.map(|(cell, floor)| cell.per_gb() / floor.per_gb()).collect();
    let bound = |pick: fn(f64, f64) -> f64| ratios.iter().copied().fold(f64::NAN, pick);
    json!({
        "server": name, "readers": readers, "cpu_s_per_gb": of(Cell::per_gb), "cpu0_s_per_gb": of(Cell::cpu_per_gb),
        "ratio": median(&ratios), "ratio_range": [bound(f64::min), bound(f64::max)],
        "us_per_packet": of(Cell::micros_per_packet), "packets_per_send": of(Cell::packets_per_send), "packets": of(|cell| cell.packets as f64),
        "lost_packets": cells.iter().map(|cell| cell.lost).sum::<u64>(),
        "rounds": ratios.len(), "void": cells.len() - ratios.len(),
    })
}

fn say(row: &Value) {
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let [least, most] = [0, 1].map(|end| number(&row["ratio_range"][end]));
    println!(
        "{:<28}{:>18}{:>10.3}{:>10.3}{:>10.2}{:>10.1}{:>10}{:>10}{:>8}/{}",
        row["server"].as_str().unwrap_or(""),
        format!("{:.2} ({least:.2}-{most:.2})", number(&row["ratio"])),
        number(&row["cpu_s_per_gb"]),
        number(&row["cpu0_s_per_gb"]),
        number(&row["us_per_packet"]),
        number(&row["packets_per_send"]),
        number(&row["packets"]),
        number(&row["lost_packets"]),
        row["rounds"],
        number(&row["rounds"]) + number(&row["void"]),
    );
}

impl Stage<'_> {
    fn measure(&self, server: Server, readers: usize) -> anyhow::Result<Cell> {
        match server {
            Server::Floor { in_runs } => self.measure_floor(in_runs, readers),
            Server::Sluice => self.measure_sluice(readers),
        }
    }

    fn measure_floor(&self, in_runs: bool, readers: usize) -> anyhow::Result<Cell> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("whep-floor").arg(&self.clip).args(in_runs.then_some("--in-runs"));
        let (server, port) = Owned::start(SERVER_CPU, &mut command, "ready ")?;
        self.watch(server.id(), &vec![format!("udp://127.0.0.1:{port}"); readers], || Ok(0.0))
    }

    fn measure_sluice(&self, readers: usize) -> anyhow::Result<Cell> {
        let appliance = Appliance::start(self.sluice, &[])?;
        appliance.add_cameras(&self.cameras, 1)?;
        appliance.wait_for_cameras(1, 30)?;
        let token = appliance.login("operator")?;
        let urls =
            (0..readers).map(|_| appliance.live_by(&token, "bench-1", "whep")).collect::<anyhow::Result<Vec<_>>>()?;
        self.watch(appliance.id(), &urls, || appliance.metric("sluice_egress_sends_total", ""))
    }

    /// Watches all URLs from a process of its own; `sends` says how many there were so far.
    fn watch(&self, pid: u32, urls: &[String], sends: impl Fn() -> anyhow::Result<f64>) -> anyhow::Result<Cell> {
        std::fs::write(&self.urls, urls.join("\n"))?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("whep-viewers").arg(&self.urls).arg(self.seconds.to_string());
        let mut child = spawn_on(other_cpu(), command.stdout(Stdio::piped()))?;
        let output = BufReader::new(child.stdout.take().context("stdout was piped")?);
        let _child = Owned(child);
        let (mut cell, mut start) = (Cell::default(), None);
        for line in output.lines() {
            let line = line?;
            let (what, figures) = line.split_once(' ').unwrap_or((&line, ""));
            let figures: Vec<u64> = figures.split(' ').filter_map(|figure| figure.parse().ok()).collect();
            match (what, figures.as_slice()) {
                ("playing", _) => start = Some((sends()?, CpuSeconds::of(pid))),
                ("over", _) => {
                    let (before, start) = start.take().context("over before playing")?;
                    cell.spent = CpuSeconds::of(pid).since(&start);
                    cell.sends = sends()? - before;
                }
                ("bytes", &[bytes, least, most, closed]) => {
                    cell.bytes = bytes;
                    cell.even = closed == 0 && bytes > 0 && least as f64 >= most as f64 * EVEN;
                    if !cell.even {
                        println!("  uneven: {closed} cut off, {least} to {most} bytes a viewer");
                    }
                }
                ("packets", &[packets, lost]) => (cell.packets, cell.lost) = (packets, lost),
                _ => {}
            }
        }
        anyhow::ensure!(cell.bytes > 0, "the viewers ended early");
        Ok(cell)
    }
}
