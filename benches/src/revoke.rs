//! The end of a right: N viewers on M cameras under one grant, the grant is suspended, and each viewer's last byte is timed
//! from the moment at which the request left.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::json;

use crate::appliance::{Appliance, cameras, clip};
use crate::cpu::stay_on_other_cpu;
use crate::crowd::Crowd;
use crate::report::{Report, percentile};

const CAMERA_KBIT: u32 = 1_000;
/// Until all play evenly.
const SETTLE: Duration = Duration::from_secs(3);
/// Far beyond any healthy end.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is measured.
#[derive(clap::Args)]
pub(crate) struct Plan {
    #[arg(long, default_value_t = 1_000)]
    viewers: usize,
    #[arg(long, default_value_t = 100)]
    cameras: usize,
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// Prints a line for each round, writes `revoke.json`.
pub(crate) fn run(sluice: &Path, plan: &Plan, report: &Report) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let clip = clip(dir.path(), CAMERA_KBIT)?;
    let (_sim, address) = cameras(sluice, plan.cameras, Some(&clip))?;
    let appliance = Appliance::start(sluice, &["cameras.dials_per_second_max=200".to_owned()])?;
    appliance.add_cameras(&address, plan.cameras)?;
    appliance.wait_for_cameras(plan.cameras, 60)?;
    stay_on_other_cpu()?;
    let (operator, approver) = (appliance.login("operator")?, appliance.login("bureau_approver")?);
    let grants = appliance.read("/api/v1/grants", &approver)?;
    let grant = grants["items"][0]["id"].as_str().context("the demo has a grant")?.to_owned();
    println!("ms from the request to a viewer's last byte, {} viewers on {} cameras", plan.viewers, plan.cameras);
    println!("{:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>12}", "round", "p50", "p99", "max", "ended", "lost", "answer ms");
    let mut rows = Vec::new();
    for round in 1..=plan.rounds {
        let urls: Vec<String> = (0..plan.viewers)
            .map(|n| appliance.live(&operator, &format!("bench-{}", 1 + n % plan.cameras)))
            .collect::<anyhow::Result<_>>()?;
        let mut crowd = Crowd::play(&urls)?;
        crowd.watch(SETTLE, |_| false)?;
        let act = |action: &str| {
            appliance.call(&format!("/api/v1/grants/{grant}/{action}"), &approver, &json!({"reason": "bench"}))
        };
        let began = Instant::now();
        let answered = std::thread::scope(|scope| -> anyhow::Result<f64> {
            let request = scope.spawn(|| act("suspend").map(|_| began.elapsed().as_secs_f64()));
            crowd.watch(PATIENCE, |viewers| viewers.iter().all(|v| v.closed.is_some()))?;
            request.join().ok().context("the request's thread ended")?
        })?;
        let last: Vec<f64> =
            crowd.viewers.iter().map(|v| v.last_byte.saturating_duration_since(began).as_secs_f64() * 1e3).collect();
        let ended = crowd.viewers.iter().filter(|v| v.closed.is_some()).count();
        let lost: u64 = crowd.viewers.iter().map(|v| v.lost).sum();
        let (p50, p99, most) = (percentile(&last, 0.5), percentile(&last, 0.99), percentile(&last, 1.0));
        println!("{round:>8} {p50:>8.1} {p99:>8.1} {most:>8.1} {ended:>8} {lost:>8} {:>12.1}", answered * 1e3);
        rows.push(json!({"viewers": plan.viewers, "cameras": plan.cameras, "last_byte_ms": [p50, p99, most],
            "ended": ended, "lost_packets": lost, "answer_ms": answered * 1e3}));
        act("resume")?;
    }
    report.write("revoke", &rows)
}
