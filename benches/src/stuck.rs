//! Some of many viewers stop reading: what the others lose, what memory it takes, and how the stuck ones end.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::appliance::{Appliance, cameras, clip};
use crate::cpu::{resident_bytes, stay_on_other_cpu};
use crate::crowd::Crowd;
use crate::report::Report;

const CAMERA_KBIT: u32 = 4_000;
/// Until all play evenly.
const SETTLE: Duration = Duration::from_secs(3);

/// What is measured.
#[derive(clap::Args)]
pub(crate) struct Plan {
    #[arg(long, default_value_t = 500)]
    viewers: usize,
    /// So many of them stop reading.
    #[arg(long, default_value_t = 100)]
    stuck: usize,
    /// `relay.stuck_timeout`, in seconds.
    #[arg(long, default_value_t = 10)]
    timeout: u64,
}

/// Prints what came of it, writes `stuck.json`.
pub(crate) fn run(sluice: &Path, plan: &Plan, report: &Report) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let clip = clip(dir.path(), CAMERA_KBIT)?;
    let (_sim, address) = cameras(sluice, 1, Some(&clip))?;
    let appliance = Appliance::start(sluice, &[format!("relay.stuck_timeout={}s", plan.timeout)])?;
    appliance.add_cameras(&address, 1)?;
    appliance.wait_for_cameras(1, 30)?;
    stay_on_other_cpu()?;
    let operator = appliance.login("operator")?;
    let urls: Vec<String> =
        (0..plan.viewers).map(|_| appliance.live(&operator, "bench-1")).collect::<anyhow::Result<_>>()?;
    let mut crowd = Crowd::play(&urls)?;
    crowd.watch(SETTLE, |_| false)?;
    let before = resident_bytes(appliance.id());
    crowd.viewers.iter_mut().take(plan.stuck).for_each(|viewer| viewer.idle = true);
    let began = Instant::now();
    let (mut most, mut ended) = (before, None);
    // The sockets' own room fills first, then the viewer is behind, then the time runs.
    while began.elapsed() < Duration::from_secs(plan.timeout * 4) && ended.is_none() {
        crowd.watch(Duration::from_millis(500), |_| false)?;
        most = most.max(resident_bytes(appliance.id()));
        let told = appliance.metric("sluice_sessions_ended_total", "too_slow")?;
        ended = (told >= plan.stuck as f64).then(|| began.elapsed().as_secs_f64());
    }
    crowd.watch(SETTLE, |_| false)?;
    let reading: Vec<_> = crowd.viewers.iter().filter(|v| !v.idle).collect();
    let lost: u64 = reading.iter().map(|v| v.lost()).sum();
    let closed = reading.iter().filter(|v| v.closed.is_some()).count();
    let (fewest, largest) = (reading.iter().map(|v| v.bytes).min(), reading.iter().map(|v| v.bytes).max());
    let told = appliance.metric("sluice_sessions_ended_total", "too_slow")?;
    let skips = appliance.metric("sluice_viewer_skips_total", "")?;
    println!("{} of {} viewers stop reading, relay.stuck_timeout {} s", plan.stuck, plan.viewers, plan.timeout);
    println!("  the others lost {lost} packets, {closed} were closed; {fewest:?} to {largest:?} bytes each");
    println!("  ended as too_slow: {told}, all after {ended:?} s; skips to a keyframe: {skips}");
    println!("  resident MiB: before {}, at most {}", before >> 20, most >> 20);
    let row = json!({"viewers": plan.viewers, "stuck": plan.stuck, "timeout_s": plan.timeout, "lost_packets": lost,
        "closed_of_others": closed, "too_slow": told, "all_ended_after_s": ended, "skips": skips,
        "rss_before_bytes": before, "rss_most_bytes": most});
    report.write("stuck", &[row])
}
