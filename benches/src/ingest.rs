//! Ingest: N simulated 1 Mbit/s cameras pulled on one core, beside a bare loop that receives the same streams and reads
//! nothing but their headers; with a viewer for each camera, beside that loop and a bare send per frame. Recording goes on
//! meanwhile, on threads of its own, and is told apart.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use rustix::event::epoll;
use rustix::net::{RecvFlags, recv};
use serde_json::{Value, json};

use crate::appliance::{Appliance, CLIP_SECONDS, Owned, cameras, clip};
use crate::cpu::{CpuSeconds, SERVER_CPU, Spent, other_cpu, resident_bytes, spawn_on};
use crate::floor::{self, Floor};
use crate::report::{Report, median};
use crate::rtsp;

const CAMERA_KBIT: u32 = 1_000;
/// Read at once by the bare loop.
const READ_BYTES: usize = 256 << 10;
/// Until the streams have spread and the recorder has its files.
const SETTLE: Duration = Duration::from_secs(5);

/// What is measured.
#[derive(clap::Args)]
pub(crate) struct Plan {
    /// Numbers of cameras.
    #[arg(long, value_delimiter = ',', default_value = "100,500,1000")]
    cameras: Vec<usize>,
    /// Interleaved rounds.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// One viewer for each camera; the floor then is the bare loop and a bare send per frame.
    #[arg(long)]
    viewers: bool,
    /// Settings of the appliance, as SECTION.KEY=VALUE; relay.merge_latency=0ms is no merging.
    #[arg(long)]
    set: Vec<String>,
}

struct Cell {
    spent: Spent,
    bytes: f64,
    rss_per_camera: f64,
    gaps: f64,
    errors: f64,
    seconds: f64,
}

impl Cell {
    fn cores_per_gb(&self) -> f64 {
        self.spent.cores / (self.bytes / 1e9)
    }
}

/// Runs all sizes, prints a table, writes `ingest.json`.
pub(crate) fn run(sluice: &Path, plan: &Plan, report: &Report) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let clip = clip(dir.path(), CAMERA_KBIT)?;
    println!("CPU s per GB, medians of {} rounds of {} s", plan.rounds, plan.seconds);
    println!(
        "{:>8} {:>8} {:>8} {:>8} {:>15} {:>10} {:>8} {:>12} {:>8} {:>8}",
        "cameras", "Mbit/s", "ingest", "floor", "ratio (range)", "whole", "CPU 0", "KiB/camera", "gap s", "errors"
    );
    let mut rows = Vec::new();
    for count in &plan.cameras {
        let (_sim, address) = cameras(sluice, *count, Some(&clip))?;
        let (mut ours, mut floors) = (Vec::new(), Vec::new());
        for _ in 0..plan.rounds {
            let send = if plan.viewers { send_floor(dir.path(), &clip, *count, plan.seconds)? } else { 0.0 };
            floors.push(receive_floor(&address, *count, plan.seconds)? + send);
            ours.push(measure(sluice, &address, *count, plan, dir.path())?);
        }
        let row = row(*count, &ours, &floors);
        say(&row);
        rows.push(row);
    }
    report.write(if plan.viewers { "ingest-viewers" } else { "ingest" }, &rows)
}

fn row(count: usize, ours: &[Cell], floors: &[f64]) -> Value {
    let of = |value: &dyn Fn(&Cell) -> f64| median(&ours.iter().map(value).collect::<Vec<_>>());
    let ratios: Vec<f64> = ours.iter().zip(floors).map(|(cell, floor)| cell.cores_per_gb() / floor).collect();
    json!({
        "cameras": count, "mbit_per_s": of(&|c| c.bytes * 8e-6 / c.seconds),
        "ingest_cpu_s_per_gb": of(&Cell::cores_per_gb), "floor_cpu_s_per_gb": median(floors),
        "ratio": median(&ratios), "ratios": ratios,
        "whole_cpu_s_per_gb": of(&|c| c.spent.process / (c.bytes / 1e9)),
        "cpu0_s_per_gb": of(&|c| c.spent.cpu / (c.bytes / 1e9)),
        "rss_per_camera_bytes": of(&|c| c.rss_per_camera),
        "gap_seconds": ours.iter().map(|c| c.gaps).sum::<f64>(), "errors": ours.iter().map(|c| c.errors).sum::<f64>(),
    })
}

fn say(row: &Value) {
    let number = |field: &str| row[field].as_f64().unwrap_or(f64::NAN);
    let ratios: Vec<f64> = row["ratios"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    let least = ratios.iter().copied().fold(f64::NAN, f64::min);
    let most = ratios.iter().copied().fold(f64::NAN, f64::max);
    println!(
        "{:>8} {:>8.0} {:>8.2} {:>8.2} {:>15} {:>10.2} {:>8.2} {:>12.0} {:>8.1} {:>8}",
        row["cameras"],
        number("mbit_per_s"),
        number("ingest_cpu_s_per_gb"),
        number("floor_cpu_s_per_gb"),
        format!("{:.2} ({least:.2}-{most:.2})", number("ratio")),
        number("whole_cpu_s_per_gb"),
        number("cpu0_s_per_gb"),
        number("rss_per_camera_bytes") / 1024.0,
        number("gap_seconds"),
        number("errors"),
    );
}

fn measure(sluice: &Path, address: &str, count: usize, plan: &Plan, dir: &Path) -> anyhow::Result<Cell> {
    let settings = [&["cameras.dials_per_second_max=200".to_owned()], plan.set.as_slice()].concat();
    let appliance = Appliance::start(sluice, &settings)?;
    let empty = resident_bytes(appliance.id());
    appliance.add_cameras(address, count)?;
    appliance.wait_for_cameras(count, 120)?;
    let _readers = if plan.viewers {
        let token = appliance.login("operator")?;
        let urls: Vec<String> =
            (1..=count).map(|n| appliance.live(&token, &format!("bench-{n}"))).collect::<anyhow::Result<_>>()?;
        Some(readers(dir, &urls, plan.seconds + SETTLE.as_secs())?)
    } else {
        None
    };
    std::thread::sleep(SETTLE);
    let read = |name: &str| appliance.metric(name, "");
    let (bytes, gaps) = (read("sluice_ingest_bytes_total")?, read("sluice_recorder_gap_seconds_total")?);
    let before = CpuSeconds::of(appliance.id());
    std::thread::sleep(Duration::from_secs(plan.seconds));
    let spent = CpuSeconds::of(appliance.id()).since(&before);
    Ok(Cell {
        spent,
        bytes: read("sluice_ingest_bytes_total")? - bytes,
        rss_per_camera: resident_bytes(appliance.id()).saturating_sub(empty) as f64 / count as f64,
        gaps: read("sluice_recorder_gap_seconds_total")? - gaps,
        errors: read("sluice_ingest_errors_total")? + read("sluice_ingest_packets_lost_total")?,
        seconds: plan.seconds as f64,
    })
}

/// Readers of these URLs, in a process of their own that plays already.
fn readers(dir: &Path, urls: &[String], seconds: u64) -> anyhow::Result<Owned> {
    let list = dir.join("urls");
    std::fs::write(&list, urls.join("\n"))?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("readers").arg(&list).arg(seconds.to_string());
    Ok(Owned::start(other_cpu(), &mut command, "playing")?.0)
}

/// CPU seconds per GB of a bare send per frame, to as many readers.
fn send_floor(dir: &Path, clip: &std::path::PathBuf, count: usize, seconds: u64) -> anyhow::Result<f64> {
    let (server, port) = Owned::start(SERVER_CPU, &mut floor::command(Floor::Frame, clip)?, "ready ")?;
    let urls = vec![format!("rtsp://127.0.0.1:{port}/floor"); count];
    let _readers = readers(dir, &urls, seconds + SETTLE.as_secs())?;
    let before = CpuSeconds::of(server.id());
    std::thread::sleep(Duration::from_secs(seconds));
    let spent = CpuSeconds::of(server.id()).since(&before).process;
    let bytes = std::fs::metadata(clip)?.len() as f64 * (seconds * count as u64) as f64 / CLIP_SECONDS;
    Ok(spent / (bytes / 1e9))
}

/// CPU seconds per GB of a bare loop, in a process of its own.
fn receive_floor(address: &str, count: usize, seconds: u64) -> anyhow::Result<f64> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["receivers", address, &count.to_string(), &seconds.to_string()]);
    let mut child = spawn_on(SERVER_CPU, command.stdout(Stdio::piped()))?;
    let output = BufReader::new(child.stdout.take().context("stdout was piped")?);
    let child = Owned(child);
    let (mut start, mut spent) = (None, 0.0);
    for line in output.lines() {
        let line = line?;
        match line.split_once(' ').unwrap_or((&line, "")) {
            ("receiving", _) => start = Some(CpuSeconds::of(child.id())),
            ("over", _) => spent = CpuSeconds::of(child.id()).since(start.as_ref().context("over too early")?).process,
            ("bytes", bytes) => return Ok(spent / (bytes.parse::<f64>()? / 1e9)),
            _ => {}
        }
    }
    anyhow::bail!("the bare loop ended early")
}

/// One camera of the bare loop.
struct Camera {
    opened: rtsp::Opened,
    /// Bytes of a packet that have not come yet, and of a header that have.
    missing: usize,
    header: Vec<u8>,
}

/// The bare loop: waits, receives, walks from header to header.
pub(crate) fn receive(address: &str, count: usize, seconds: u64) -> anyhow::Result<()> {
    let queue = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let mut cameras = Vec::new();
    for number in 1..=count {
        let mut opened = rtsp::open(&format!("rtsp://{address}/cam/{number}"), None)?;
        opened.play()?;
        opened.socket.set_nonblocking(true)?;
        let data = epoll::EventData::new_u64(cameras.len() as u64);
        epoll::add(&queue, &opened.socket, data, epoll::EventFlags::IN | epoll::EventFlags::ET)?;
        cameras.push(Camera { opened, missing: 0, header: Vec::new() });
    }
    let mut buffer = vec![0; READ_BYTES];
    turn(&queue, &mut cameras, &mut buffer, SETTLE)?;
    println!("receiving");
    let payload = turn(&queue, &mut cameras, &mut buffer, Duration::from_secs(seconds))?;
    println!("over");
    println!("bytes {payload}");
    Ok(())
}

/// Receives for that long; gives the bytes behind RTP headers.
fn turn(
    queue: &std::os::fd::OwnedFd,
    cameras: &mut [Camera],
    buffer: &mut [u8],
    time: Duration,
) -> anyhow::Result<u64> {
    let until = std::time::Instant::now() + time;
    let mut payload = 0;
    let mut events = Vec::with_capacity(1_024);
    let wait = rustix::event::Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    while std::time::Instant::now() < until {
        events.clear();
        epoll::wait(queue, rustix::buffer::spare_capacity(&mut events), Some(&wait))?;
        for event in &events {
            let Some(camera) = cameras.get_mut(event.data.u64() as usize) else { continue };
            while let Ok((read, _)) = recv(&camera.opened.socket, &mut *buffer, RecvFlags::DONTWAIT) {
                payload += camera.walk(buffer.get(..read).unwrap_or_default());
                if read < buffer.len() {
                    break;
                }
            }
        }
    }
    Ok(payload)
}

impl Camera {
    /// Walks over the packets; gives the bytes behind RTP headers.
    fn walk(&mut self, mut bytes: &[u8]) -> u64 {
        let mut payload = 0;
        while !bytes.is_empty() {
            if self.missing == 0 {
                let needed = 4 - self.header.len();
                let (now, rest) = bytes.split_at(needed.min(bytes.len()));
                self.header.extend_from_slice(now);
                bytes = rest;
                if let &[b'$', channel, high, low] = self.header.as_slice() {
                    self.missing = usize::from(u16::from_be_bytes([high, low]));
                    payload += if channel == 0 { self.missing as u64 - 12 } else { 0 };
                    self.header.clear();
                }
                continue;
            }
            let here = self.missing.min(bytes.len());
            self.missing -= here;
            bytes = bytes.get(here..).unwrap_or_default();
        }
        payload
    }
}
