//! A disk that stands still: N cameras are recorded on a file system of their own, which is frozen for a while (`fsfreeze`) and let
//! go. What was lost, and what memory the process took before, meanwhile and after. Needs root, for a loop device.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::json;

use crate::appliance::{Appliance, cameras, clip};
use crate::cpu::resident_bytes;
use crate::report::Report;

/// Until all cameras record evenly, and until what waited was written.
const SETTLE: Duration = Duration::from_secs(10);

/// What is measured.
#[derive(clap::Args)]
pub(crate) struct Plan {
    #[arg(long, default_value_t = 500)]
    cameras: usize,
    /// Bit rate of each, in kbit/s.
    #[arg(long, default_value_t = 1_000)]
    kbit: u32,
    /// Seconds for which the disk stands still, one run each.
    #[arg(long, value_delimiter = ',', default_value = "10,60")]
    seconds: Vec<u64>,
}

/// A file system on a file, until it is dropped.
struct Island {
    dir: tempfile::TempDir,
}

impl Island {
    fn new() -> anyhow::Result<Self> {
        let island = Self { dir: tempfile::Builder::new().prefix("sluice-bench").tempdir()? };
        let (image, at) = (island.dir.path().join("image"), island.at());
        std::fs::create_dir(&at)?;
        must(Command::new("truncate").args(["-s", "24G"]).arg(&image))?;
        must(Command::new("mkfs.ext4").args(["-q", "-O", "^has_journal"]).arg(&image))?;
        must(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&at))?;
        Ok(island)
    }

    fn at(&self) -> std::path::PathBuf {
        self.dir.path().join("volume")
    }

    fn freeze(&self, frozen: bool) -> anyhow::Result<()> {
        must(Command::new("fsfreeze").arg(if frozen { "--freeze" } else { "--unfreeze" }).arg(self.at()))
    }
}

impl Drop for Island {
    fn drop(&mut self) {
        let _ = must(Command::new("umount").arg("-l").arg(self.at()));
    }
}

fn must(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// One run; what is measured in it.
fn stall(sluice: &Path, clip: &Path, plan: &Plan, seconds: u64) -> anyhow::Result<serde_json::Value> {
    let island = Island::new()?;
    let (_sim, address) = cameras(sluice, plan.cameras, Some(clip))?;
    let path = format!("recorder.path={:?}", island.at());
    let appliance = Appliance::start(sluice, &["cameras.dials_per_second_max=200".to_owned(), path])?;
    appliance.add_cameras(&address, plan.cameras)?;
    appliance.wait_for_cameras(plan.cameras, 120)?;
    std::thread::sleep(SETTLE);
    let gaps = || appliance.metric("sluice_recorder_gap_seconds_total", "");
    let slow = || appliance.metric("sluice_recorder_gap_seconds_total", "reason=\"disk_slow\"");
    let (gaps_before, before) = (gaps()?, resident_bytes(appliance.id()));
    island.freeze(true)?;
    let mut most = 0;
    for _ in 0..seconds {
        std::thread::sleep(Duration::from_secs(1));
        most = most.max(resident_bytes(appliance.id()));
    }
    island.freeze(false)?;
    std::thread::sleep(SETTLE);
    let (after, queued) = (resident_bytes(appliance.id()), appliance.metric("sluice_recorder_queue_bytes", "")?);
    Ok(json!({
        "cameras": plan.cameras, "kbit": plan.kbit, "seconds": seconds, "gap_seconds": gaps()? - gaps_before,
        "of_disk_slow": slow()?, "rss_before": before, "rss_most": most, "rss_after": after, "queue_bytes_after": queued,
    }))
}

/// Prints a line for each length of the stall, writes `stall.json`.
pub(crate) fn run(sluice: &Path, plan: &Plan, report: &Report) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let clip = clip(dir.path(), plan.kbit)?;
    println!(
        "{:>8} {:>8} {:>12} {:>12} {:>28}",
        "cameras", "stall s", "gap s", "disk_slow s", "RSS MiB before, most, after"
    );
    let mut rows = Vec::new();
    for seconds in plan.seconds.clone() {
        let row = stall(sluice, &clip, plan, seconds)?;
        let mib = |name: &str| row[name].as_f64().unwrap_or(f64::NAN) / f64::from(1 << 20);
        println!(
            "{:>8} {:>8} {:>12.1} {:>12.1} {:>12.0} {:>7.0} {:>7.0}",
            plan.cameras,
            seconds,
            row["gap_seconds"].as_f64().unwrap_or(f64::NAN),
            row["of_disk_slow"].as_f64().unwrap_or(f64::NAN),
            mib("rss_before"),
            mib("rss_most"),
            mib("rss_after"),
        );
        rows.push(row);
    }
    report.write("stall", &rows)
}
