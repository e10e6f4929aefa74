//! Sessions opened per second, each decided and durably on record before its URL exists, beside a bare loop of grouped fsyncs on
//! the same disk that takes one record from each of as many writers.

use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
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
        "{:>8} {:>12} {:>10} {:>10} {:>18} {:>10} {:>10} {:>8}",
        "clients", "sessions/s", "p50 ms", "p99 ms", "grouped fsyncs/s", "p50 ms", "p99 ms", "ratio"
    );
    let mut rows = Vec::new();
    for count in clients {
        let times = load(&appliance, *count, seconds)?;
        let rate = times.len() as f64 / seconds as f64;
        let bare = grouped_fsyncs(appliance.dir(), *count, seconds)?;
        let bare_rate = bare.len() as f64 / seconds as f64;
        let of = |times: &[f64]| (percentile(times, 0.5) * 1e3, percentile(times, 0.99) * 1e3);
        let ((p50, p99), (bare_p50, bare_p99)) = (of(&times), of(&bare));
        println!(
            "{count:>8} {rate:>12.0} {p50:>10.2} {p99:>10.2} {bare_rate:>18.0} {bare_p50:>10.2} {bare_p99:>10.2} {:>8.2}",
            rate / bare_rate
        );
        rows.push(json!({"clients": count, "sessions_per_s": rate, "p50_ms": p50, "p99_ms": p99,
            "grouped_fsyncs_per_s": bare_rate, "grouped_p50_ms": bare_p50, "grouped_p99_ms": bare_p99,
            "ratio": rate / bare_rate, "seconds": seconds}));
    }
    report.write("sessions", &rows)
}

/// Seconds each session took to open.
fn load(appliance: &Appliance, clients: usize, seconds: u64) -> anyhow::Result<Vec<f64>> {
    let token = appliance.login("operator")?;
    let failed = AtomicU64::new(0);
    let body = appliance.session("bench-1");
    let times = at_once(clients, seconds, || match appliance.call("/api/v1/sessions", &token, &body) {
        Ok(_) => true,
        Err(_) => {
            failed.fetch_add(1, Ordering::Relaxed);
            false
        }
    });
    anyhow::ensure!(failed.load(Ordering::Relaxed) == 0, "{} sessions were refused", failed.load(Ordering::Relaxed));
    Ok(times)
}

/// Runs `act` over and over in as many threads; the seconds of each time that it says yes to.
fn at_once(threads: usize, seconds: u64, act: impl Fn() -> bool + Sync) -> Vec<f64> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let one = || {
            let mut times = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let started = Instant::now();
                if act() {
                    times.push(started.elapsed().as_secs_f64());
                }
            }
            times
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        std::thread::sleep(Duration::from_secs(seconds));
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().filter_map(|t| t.join().ok()).flatten().collect()
    })
}

/// Seconds that each record waited to be on disk, where one thread writes what has come from all writers and syncs it.
fn grouped_fsyncs(dir: &Path, writers: usize, seconds: u64) -> anyhow::Result<Vec<f64>> {
    let (requests, inbox) = sync_channel::<SyncSender<()>>(writers);
    let file = tempfile::tempfile_in(dir)?;
    let writer = std::thread::spawn(move || write_groups(file, &inbox));
    let times = at_once(writers, seconds, || {
        let (answer, answered) = sync_channel(1);
        requests.send(answer).is_ok() && answered.recv().is_ok()
    });
    drop(requests);
    writer.join().map_err(|_| anyhow::anyhow!("the writing thread ended"))??;
    Ok(times)
}

fn write_groups(mut file: std::fs::File, inbox: &Receiver<SyncSender<()>>) -> std::io::Result<()> {
    while let Ok(first) = inbox.recv() {
        let group: Vec<_> = std::iter::once(first).chain(inbox.try_iter()).collect();
        file.write_all(&vec![0x20; RECORD_BYTES * group.len()])?;
        file.sync_data()?;
        for answer in group {
            // Whoever asked may have been told to stop.
            let _ = answer.send(());
        }
    }
    Ok(())
}
