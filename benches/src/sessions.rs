//! Sessions opened per second, each decided and durably on record before its URL exists, beside a bare loop of grouped
//! fsyncs on the same disk.

use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::appliance::{Appliance, cameras};
use crate::report::{Report, percentile};

/// About what one session writes.
const RECORD_BYTES: usize = 1_000;

/// Runs all numbers of clients, prints a table, writes `sessions.json`.
pub(crate) fn run(sluice: &Path, clients: &[usize], seconds: u64, report: &Report) -> anyhow::Result<()> {
    let (_sim, address) = cameras(sluice, 1, None)?;
    let appliance = Appliance::start(sluice, &[])?;
    appliance.add_cameras(&address, 1)?;
    appliance.wait_for_cameras(1, 30)?;
    println!(
        "{:>8} {:>12} {:>10} {:>10} {:>18} {:>8}",
        "clients", "sessions/s", "p50 ms", "p99 ms", "bare fsyncs/s", "ratio"
    );
    let mut rows = Vec::new();
    for count in clients {
        let times = load(&appliance, *count, seconds)?;
        let rate = times.len() as f64 / seconds as f64;
        let bare = bare_fsyncs(seconds)? * *count as f64;
        let (p50, p99) = (percentile(&times, 0.5) * 1e3, percentile(&times, 0.99) * 1e3);
        println!("{count:>8} {rate:>12.0} {p50:>10.2} {p99:>10.2} {bare:>18.0} {:>8.2}", rate / bare);
        rows.push(json!({"clients": count, "sessions_per_s": rate, "p50_ms": p50, "p99_ms": p99,
            "bare_records_per_s": bare, "ratio": rate / bare, "seconds": seconds}));
    }
    report.write("sessions", &rows)
}

/// Seconds each session took to open.
fn load(appliance: &Appliance, clients: usize, seconds: u64) -> anyhow::Result<Vec<f64>> {
    let token = appliance.login("operator")?;
    let (stop, failed) = (AtomicBool::new(false), AtomicU64::new(0));
    let body = appliance.session("bench-1");
    let times = std::thread::scope(|scope| {
        let client = || {
            let mut times = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let started = Instant::now();
                match appliance.call("/api/v1/sessions", &token, &body) {
                    Ok(_) => times.push(started.elapsed().as_secs_f64()),
                    Err(_) => _ = failed.fetch_add(1, Ordering::Relaxed),
                }
            }
            times
        };
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        std::thread::sleep(Duration::from_secs(seconds));
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().filter_map(|t| t.join().ok()).flatten().collect::<Vec<f64>>()
    });
    anyhow::ensure!(failed.load(Ordering::Relaxed) == 0, "{} sessions were refused", failed.load(Ordering::Relaxed));
    Ok(times)
}

/// Appends of one record with an fdatasync each, per second, on the disk of the temporary folder.
fn bare_fsyncs(seconds: u64) -> anyhow::Result<f64> {
    let mut file = tempfile::tempfile()?;
    let (started, mut count) = (Instant::now(), 0_u64);
    while started.elapsed() < Duration::from_secs(seconds.min(3)) {
        file.write_all(&[0x20; RECORD_BYTES])?;
        file.sync_data()?;
        count += 1;
    }
    Ok(count as f64 / started.elapsed().as_secs_f64())
}
