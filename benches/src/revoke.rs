//! The end of a right: N viewers on M cameras under one grant, the grant is suspended, and each viewer's last byte of media is timed
//! from the moment at which the request left; so is what tells him that it is over.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::{Value, json};

use crate::appliance::{Appliance, cameras, clip};
use crate::cpu::stay_on_other_cpu;
use crate::crowd::Crowd;
use crate::hls::Players;
use crate::report::{Report, percentile};
use crate::whep::viewers::Audience;

const CAMERA_KBIT: u32 = 1_000;
/// Until all play evenly.
const SETTLE: Duration = Duration::from_secs(3);
/// Far beyond any healthy end.
const PATIENCE: Duration = Duration::from_secs(20);
/// Once all were told, for whatever comes after the end.
const AFTER: Duration = Duration::from_secs(1);
/// Time between two visits of a WebRTC viewer: what came meanwhile counts as late as it is read.
const VISIT: Duration = Duration::from_millis(1);

/// What is measured.
#[derive(clap::Args)]
pub(crate) struct Plan {
    #[arg(long, default_value_t = 1_000)]
    viewers: usize,
    #[arg(long, default_value_t = 100)]
    cameras: usize,
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How they watch.
    #[arg(long, default_value = "rtsp")]
    way: Way,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Way {
    Rtsp,
    Mse,
    Hls,
    Whep,
}

impl Way {
    fn as_str(self) -> &'static str {
        match self {
            Self::Rtsp => "rtsp",
            Self::Mse => "mse",
            Self::Hls => "hls",
            Self::Whep => "whep",
        }
    }
}

/// Viewers that watch.
enum Watching {
    Streams(Crowd),
    Hls(Players),
    Whep(Audience),
}

/// What one of them saw of the end.
struct Ending {
    last_media: Instant,
    /// Closed, or refused.
    told: Option<Instant>,
    lost: u64,
}

impl Watching {
    fn begin(way: Way, urls: &[String]) -> anyhow::Result<Self> {
        Ok(match way {
            Way::Rtsp | Way::Mse => Self::Streams(Crowd::play(urls)?),
            Way::Hls => Self::Hls(Players::play(urls)),
            Way::Whep => Self::Whep(Audience::join(urls.iter().map(String::as_str))?),
        })
    }

    /// Watches for that long; where `to_the_end`, until all have been told.
    fn watch(&mut self, time: Duration, to_the_end: bool) -> anyhow::Result<()> {
        match self {
            Self::Streams(crowd) => {
                crowd.watch(time, |viewers| to_the_end && viewers.iter().all(|viewer| viewer.closed.is_some()))?;
            }
            Self::Whep(audience) => audience.watch(time, VISIT, |viewers| {
                to_the_end && viewers.iter().all(|viewer| viewer.seen().closed.is_some())
            }),
            Self::Hls(players) => {
                let until = Instant::now() + time;
                while Instant::now() < until && !(to_the_end && players.are_over()) {
                    std::thread::sleep(VISIT);
                }
            }
        }
        Ok(())
    }

    fn ends(self) -> anyhow::Result<Vec<Ending>> {
        Ok(match self {
            Self::Streams(crowd) => {
                let end =
                    |v: &crate::crowd::Viewer| Ending { last_media: v.last_media, told: v.closed, lost: v.lost() };
                crowd.viewers.iter().map(end).collect()
            }
            Self::Whep(audience) => {
                let seen = audience.viewers.iter().map(|viewer| *viewer.seen());
                let end = |seen: crate::whep::peer::Seen| {
                    let last_media = seen.last_media.context("a viewer never got anything")?;
                    Ok(Ending { last_media, told: seen.closed, lost: seen.lost() })
                };
                seen.map(end).collect::<anyhow::Result<_>>()?
            }
            Self::Hls(players) => {
                let ends = players.ends()?;
                anyhow::ensure!(ends.iter().all(|end| end.parts > 0), "a player never got a part");
                ends.iter().map(|end| Ending { last_media: end.last_media, told: end.refused, lost: 0 }).collect()
            }
        })
    }
}

/// Prints a line for each round, writes `revoke.json`.
pub(crate) fn run(sluice: &Path, plan: &Plan, report: &Report) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let clip = clip(dir.path(), CAMERA_KBIT)?;
    let (_sim, address) = cameras(sluice, plan.cameras, Some(&clip))?;
    let settings = ["cameras.dials_per_second_max=200", "api.connections_per_address_max=10000"];
    let appliance = Appliance::start(sluice, &settings.map(str::to_owned))?;
    appliance.add_cameras(&address, plan.cameras)?;
    appliance.wait_for_cameras(plan.cameras, 60)?;
    stay_on_other_cpu()?;
    let (way, viewers) = (plan.way.as_str(), plan.viewers);
    println!("ms from the request on, {viewers} viewers by {way} on {} cameras: p50 p99 max", plan.cameras);
    println!("{:>8} {:>24} {:>24} {:>8} {:>8} {:>12}", "round", "last byte", "told", "told", "lost", "answer ms");
    let mut rows = Vec::new();
    for round in 1..=plan.rounds {
        let mut row = measure(&appliance, plan)?;
        row["way"] = json!(way);
        row["viewers"] = json!(viewers);
        row["cameras"] = json!(plan.cameras);
        say(round, &row);
        rows.push(row);
    }
    report.write("revoke", &rows)
}

/// One round: all watch, the grant is suspended, and given back.
fn measure(appliance: &Appliance, plan: &Plan) -> anyhow::Result<Value> {
    let (operator, approver) = (appliance.login("operator")?, appliance.login("bureau_approver")?);
    let grants = appliance.read("/api/v1/grants", &approver)?;
    let grant = grants["items"][0]["id"].as_str().context("the demo has a grant")?.to_owned();
    let camera = |n: usize| format!("bench-{}", 1 + n % plan.cameras);
    let urls: Vec<String> = (0..plan.viewers)
        .map(|n| appliance.live_by(&operator, &camera(n), plan.way.as_str()))
        .collect::<anyhow::Result<_>>()?;
    let mut watching = Watching::begin(plan.way, &urls)?;
    watching.watch(SETTLE, false)?;
    let act = |action: &str| {
        appliance.call(&format!("/api/v1/grants/{grant}/{action}"), &approver, &json!({"reason": "bench"}))
    };
    let began = Instant::now();
    let answered = std::thread::scope(|scope| -> anyhow::Result<f64> {
        let request = scope.spawn(|| act("suspend").map(|_| began.elapsed().as_secs_f64()));
        watching.watch(PATIENCE, true)?;
        watching.watch(AFTER, false)?;
        request.join().ok().context("the request's thread ended")?
    })?;
    let ends = watching.ends()?;
    let millis = |at: Instant| at.saturating_duration_since(began).as_secs_f64() * 1e3;
    let spread = |values: Vec<f64>| [0.5, 0.99, 1.0].map(|share| percentile(&values, share));
    let told: Vec<f64> = ends.iter().filter_map(|end| end.told).map(millis).collect();
    act("resume")?;
    Ok(json!({
        "last_byte_ms": spread(ends.iter().map(|end| millis(end.last_media)).collect()),
        "ended": told.len(), "told_ms": spread(told), "lost_packets": ends.iter().map(|end| end.lost).sum::<u64>(),
        "answer_ms": answered * 1e3,
    }))
}

fn say(round: usize, row: &Value) {
    let spread = |field: &str| {
        let values = row[field].as_array().into_iter().flatten().filter_map(Value::as_f64);
        values.map(|ms| format!("{ms:.1}")).collect::<Vec<_>>().join(" ")
    };
    println!(
        "{round:>8} {:>24} {:>24} {:>8} {:>8} {:>12.1}",
        spread("last_byte_ms"),
        spread("told_ms"),
        row["ended"].as_u64().unwrap_or(0),
        row["lost_packets"].as_u64().unwrap_or(0),
        row["answer_ms"].as_f64().unwrap_or(f64::NAN),
    );
}
