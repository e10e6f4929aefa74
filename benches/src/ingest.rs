//! Ingest and record: N simulated 1 Mbit/s cameras pulled and recorded at once. CPU seconds per GB ingested, memory per
//! camera, and the seconds of gap (must be 0).

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::appliance::{Appliance, cameras, clip};
use crate::cpu::{CpuSeconds, resident_bytes};
use crate::report::Report;

const CAMERA_KBIT: u32 = 1_000;

/// Runs all sizes, prints a table, writes `ingest.json`.
pub(crate) fn run(sluice: &Path, sizes: &[usize], seconds: u64, report: &Report) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let clip = clip(dir.path(), CAMERA_KBIT)?;
    println!(
        "{:>8} {:>10} {:>12} {:>10} {:>14} {:>12} {:>8}",
        "cameras", "Mbit/s", "CPU s/GB", "cores", "RSS/camera KiB", "gap s", "errors"
    );
    let mut rows = Vec::new();
    for count in sizes {
        let (sim, address) = cameras(sluice, *count, Some(&clip))?;
        let appliance = Appliance::start(sluice)?;
        let empty = resident_bytes(appliance.id());
        appliance.add_cameras(&address, *count)?;
        appliance.wait_for_cameras(*count, 120)?;
        std::thread::sleep(Duration::from_secs(5));
        let gap = || appliance.metric("sluice_recorder_gap_seconds_total", "");
        let (before, bytes, gaps) =
            (CpuSeconds::of(appliance.id()), appliance.metric("sluice_ingest_bytes_total", "")?, gap()?);
        std::thread::sleep(Duration::from_secs(seconds));
        let spent = CpuSeconds::of(appliance.id()).since(&before);
        let bytes = appliance.metric("sluice_ingest_bytes_total", "")? - bytes;
        let gaps = gap()? - gaps;
        let errors = appliance.metric("sluice_ingest_errors_total", "")?;
        let rss = resident_bytes(appliance.id()).saturating_sub(empty) as f64 / *count as f64;
        let (per_gb, mbit, cores) = (spent / (bytes / 1e9), bytes * 8e-6 / seconds as f64, spent / seconds as f64);
        println!(
            "{count:>8} {mbit:>10.1} {per_gb:>12.2} {cores:>10.2} {:>14.0} {gaps:>12.1} {errors:>8}",
            rss / 1024.0
        );
        rows.push(json!({"cameras": count, "mbit_per_s": mbit, "cpu_s_per_gb": per_gb, "cores": cores,
            "rss_per_camera_bytes": rss, "gap_seconds": gaps, "errors": errors, "seconds": seconds}));
        drop(sim);
    }
    report.write("ingest", &rows)
}
