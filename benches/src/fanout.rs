//! Fan-out: CPU seconds of the server per GB delivered to N RTSP/TCP readers of one 4 Mbit/s camera, beside the floor of
//! one `send` per frame and reader in the same round. Server on CPU 0; readers and camera on the others.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use serde_json::{Value, json};

use crate::appliance::{Appliance, Owned, cameras, clip};
use crate::cpu::{CpuSeconds, cpus, pin, resident_bytes};
use crate::report::{Report, median};

const CAMERA_KBIT: u32 = 4_000;
/// A cell is void when its slowest reader got less than this share of its fastest.
/// A keyframe on the edge of the window is 3 % of a window of 8 s.
const EVEN: f64 = 0.95;

struct Cell {
    seconds_per_gb: f64,
    bytes: u64,
    even: bool,
}

/// Runs all sizes, prints a table, writes `fanout.json`.
pub(crate) fn run(
    sluice: &Path,
    readers: &[usize],
    rounds: usize,
    seconds: u64,
    report: &Report,
) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let clip = clip(dir.path(), CAMERA_KBIT)?;
    let (sim, address) = cameras(sluice, 1, Some(&clip))?;
    pin(sim.id(), cpus() - 1);
    let appliance = Appliance::start(sluice)?;
    pin(appliance.id(), 0);
    appliance.add_cameras(&address, 1)?;
    appliance.wait_for_cameras(1, 30)?;
    println!(
        "{:>8} {:>14} {:>14} {:>8} {:>16}  CPU s per GB, medians of {rounds} rounds",
        "readers", "sluice", "floor", "ratio", "bytes/viewer RSS"
    );
    let mut rows = Vec::new();
    for count in readers {
        let row = size(&appliance, dir.path(), *count, rounds, seconds)?;
        println!(
            "{count:>8} {:>14.3} {:>14.3} {:>8.2} {:>16.0}{}",
            number(&row, "sluice"),
            number(&row, "floor"),
            number(&row, "ratio"),
            number(&row, "rss_per_viewer_bytes"),
            if row["even"] == true { "" } else { "  VOID: readers were starved or cut off" }
        );
        rows.push(row);
    }
    report.write("fanout", &rows)
}

fn number(row: &Value, field: &str) -> f64 {
    row[field].as_f64().unwrap_or(f64::NAN)
}

fn size(appliance: &Appliance, dir: &Path, count: usize, rounds: usize, seconds: u64) -> anyhow::Result<Value> {
    let (mut ours, mut floors, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let (mut rss, mut even) = (Vec::new(), true);
    for _ in 0..rounds {
        let token = appliance.login("operator")?;
        let before = resident_bytes(appliance.id());
        let urls = (0..count).map(|_| appliance.live(&token, "bench-1")).collect::<anyhow::Result<Vec<_>>>()?;
        let (cell, resident) = measure(appliance.id(), dir, &urls, seconds)?;
        rss.push(resident.saturating_sub(before) as f64 / count as f64);
        let floor = floor(dir, count, seconds)?;
        even &= cell.even && floor.even && cell.bytes > 0;
        ratios.push(cell.seconds_per_gb / floor.seconds_per_gb);
        ours.push(cell.seconds_per_gb);
        floors.push(floor.seconds_per_gb);
    }
    Ok(json!({
        "readers": count, "sluice": median(&ours), "floor": median(&floors), "ratio": median(&ratios),
        "ratios": ratios, "rss_per_viewer_bytes": median(&rss), "even": even, "seconds": seconds,
    }))
}

fn floor(dir: &Path, count: usize, seconds: u64) -> anyhow::Result<Cell> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("floor-server");
    let (server, port) = Owned::start(&mut command, "ready ")?;
    pin(server.id(), 0);
    let urls: Vec<String> = (0..count).map(|_| format!("rtsp://127.0.0.1:{port}/floor")).collect();
    Ok(measure(server.id(), dir, &urls, seconds)?.0)
}

/// Plays all URLs for that long in a process of its own; what the server `pid` spent meanwhile, and its resident bytes.
fn measure(pid: u32, dir: &Path, urls: &[String], seconds: u64) -> anyhow::Result<(Cell, u64)> {
    let list = dir.join("urls");
    std::fs::File::create(&list)?.write_all(urls.join("\n").as_bytes())?;
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("readers").arg(&list).arg(seconds.to_string());
    let mut child = command.stdout(std::process::Stdio::piped()).spawn()?;
    pin(child.id(), cpus() - 1);
    let output = std::io::BufReader::new(child.stdout.take().context("stdout was piped")?);
    let child = Owned(child);
    let (mut start, mut cell, mut resident) = (None, None, 0);
    for line in std::io::BufRead::lines(output) {
        let line = line?;
        if line == "playing" {
            start = Some(CpuSeconds::of(pid));
            resident = resident_bytes(pid);
        } else if let Some(figures) = line.strip_prefix("bytes ") {
            let spent = CpuSeconds::of(pid).since(start.as_ref().context("figures before playing")?);
            let mut figures = figures.split(' ').map(|n| n.parse::<u64>().unwrap_or(0));
            let mut next = || figures.next().unwrap_or(0);
            let (bytes, least, most, lost) = (next(), next(), next(), next());
            let even = lost == 0 && least as f64 >= most as f64 * EVEN;
            if !even {
                println!(
                    "  uneven: {lost} of {} cut off, {least} to {most} bytes a reader",
                    urls.first().map_or("", String::as_str)
                );
            }
            cell = Some(Cell { seconds_per_gb: spent / (bytes as f64 / 1e9), bytes, even });
        }
    }
    drop(child);
    Ok((cell.context("the readers ended early")?, resident))
}
