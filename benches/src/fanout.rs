//! Fan-out: CPU seconds of the server per GB delivered to N RTSP readers of one 4 Mbit/s camera, beside floors that send the
//! same frames, in the same rounds. The server has CPU 0 for itself; readers and camera have another. The whole appliance is
//! charged: it pulls and records the camera meanwhile.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context;
use serde_json::{Value, json};

use crate::appliance::{Appliance, Owned, cameras, clip};
use crate::cpu::{CpuSeconds, Spent, other_cpu, resident_bytes, spawn_on};
use crate::floor::{self, Floor};
use crate::reader::Way;
use crate::report::{Report, median};

const CAMERA_KBIT: u32 = 4_000;
const FRAMES_PER_SECOND: f64 = 25.0;
/// A cell is void when its slowest reader got less than this share of its fastest: a keyframe on the edge of the window is
/// 3 % of a window of 8 s.
const EVEN: f64 = 0.95;
/// Readers that read for real, for latency and loss.
const PROBES: usize = 8;
/// Viewers that come and go before the others.
const WARMERS: usize = 20;

/// What is measured.
#[derive(clap::Args)]
pub(crate) struct Plan {
    /// Numbers of readers.
    #[arg(long, value_delimiter = ',', default_value = "10,50,200,500")]
    readers: Vec<usize>,
    /// Interleaved rounds.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of each measurement.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Which servers.
    #[arg(long, value_delimiter = ',', default_value = "frame,merged,epoll,io_uring,merge120")]
    servers: Vec<String>,
    /// Another RTSP server that runs already and serves the same kind of stream: NAME,URL,PID. May be repeated.
    #[arg(long, value_name = "NAME,URL,PID")]
    peer: Vec<String>,
}

/// A server under test.
enum Server {
    Floor(&'static str, Floor),
    Sluice { name: &'static str, settings: &'static [&'static str], way: Way },
    Peer { name: String, url: String, pid: u32 },
}

const SERVERS: [(&str, Server); 12] = [
    ("frame", Server::Floor("floor: a send per frame", Floor::Frame)),
    ("merged", Server::Floor("floor: a send per 64 KiB", Floor::Merged)),
    ("udp-gso", Server::Floor("floor: UDP, GSO", Floor::Udp)),
    ("epoll", sluice("sluice epoll", &["relay.engine=epoll", "relay.merge_latency=0ms"], Way::Tcp)),
    ("io_uring", sluice("sluice io_uring", &["relay.engine=io_uring", "relay.merge_latency=0ms"], Way::Tcp)),
    ("auto", sluice("sluice auto", &["relay.merge_latency=0ms"], Way::Tcp)),
    ("merge40", sluice("sluice merge 40 ms", &["relay.merge_latency=40ms"], Way::Tcp)),
    ("merge120", sluice("sluice merge 120 ms", &["relay.merge_latency=120ms"], Way::Tcp)),
    ("chunks", Server::Floor("floor: a send per fragment", Floor::Chunks)),
    ("mse", sluice("sluice MSE", &["relay.merge_latency=0ms"], Way::Mse)),
    ("mse40", sluice("sluice MSE, merge 40 ms", &["relay.merge_latency=40ms"], Way::Mse)),
    ("udp", sluice("sluice UDP", &["relay.merge_latency=0ms"], Way::Udp)),
];

const fn sluice(name: &'static str, settings: &'static [&'static str], way: Way) -> Server {
    Server::Sluice { name, settings, way }
}

impl Server {
    fn name(&self) -> &str {
        match self {
            Self::Floor(name, _) | Self::Sluice { name, .. } => name,
            Self::Peer { name, .. } => name,
        }
    }

    /// The floor it stands on.
    fn is_floor_of(&self, other: &Self) -> bool {
        let Self::Floor(_, floor) = self else { return false };
        let way = if let Self::Sluice { way, .. } = other { *way } else { Way::Tcp };
        matches!((floor, way), (Floor::Udp, Way::Udp) | (Floor::Frame, Way::Tcp) | (Floor::Chunks, Way::Mse))
    }
}

/// One measurement.
#[derive(Clone, Default)]
struct Cell {
    spent: Spent,
    bytes: u64,
    seconds: u64,
    even: bool,
    rss_per_viewer: f64,
    /// Seconds: median, 99th percentile, longest; from the camera's stamp to the viewer.
    latency: [f64; 3],
    lost: u64,
    /// Seconds from PLAY to the first picture: median, 99th percentile.
    first: [f64; 2],
    /// Bytes copied in user space for each byte that left.
    built: f64,
    sends_per_frame: f64,
}

impl Cell {
    fn per_gb(&self) -> f64 {
        self.spent.process / (self.bytes as f64 / 1e9)
    }

    fn cpu_per_gb(&self) -> f64 {
        self.spent.cpu / (self.bytes as f64 / 1e9)
    }

    fn micros_per_frame(&self, readers: usize) -> f64 {
        self.spent.process * 1e6 / (readers as f64 * self.seconds as f64 * FRAMES_PER_SECOND)
    }
}

/// The bench's own tools.
struct Stage<'a> {
    sluice: &'a Path,
    dir: &'a Path,
    clip: PathBuf,
    cameras: String,
    seconds: u64,
}

/// Runs all sizes, prints a table, writes `fanout.json`.
pub(crate) fn run(sluice: &Path, plan: &Plan, report: &Report) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let clip = clip(dir.path(), CAMERA_KBIT)?;
    let (_sim, cameras) = cameras(sluice, 1, Some(&clip))?;
    let stage = Stage { sluice, dir: dir.path(), clip, cameras, seconds: plan.seconds };
    let servers = servers(plan)?;
    let mut rows = Vec::new();
    for readers in &plan.readers {
        println!("\n{readers} readers, medians of {} rounds of {} s; CPU s per GB", plan.rounds, plan.seconds);
        println!(
            "{:<26} {:>8} {:>8} {:>15} {:>8} {:>8} {:>8} {:>20} {:>8} {:>15} {:>8} {:>8}",
            "",
            "process",
            "CPU 0",
            "ratio (range)",
            "us/frame",
            "sends",
            "B/viewer",
            "ms p50 p99 max",
            "lost",
            "first ms 50 99",
            "copied",
            "rounds"
        );
        let mut cells: Vec<Vec<Cell>> = servers.iter().map(|_| Vec::new()).collect();
        for _ in 0..plan.rounds {
            for (server, cells) in servers.iter().zip(&mut cells) {
                cells.push(stage.measure(server, *readers).with_context(|| server.name().to_owned())?);
            }
        }
        for (place, server) in servers.iter().enumerate() {
            let floor = servers.iter().position(|other| other.is_floor_of(server)).and_then(|at| cells.get(at));
            let row = row(server, *readers, cells.get(place).map_or(&[], Vec::as_slice), floor.map(Vec::as_slice));
            say(&row);
            rows.push(row);
        }
    }
    report.write("fanout", &rows)
}

fn servers(plan: &Plan) -> anyhow::Result<Vec<Server>> {
    let mut servers = Vec::new();
    for wanted in &plan.servers {
        let known = SERVERS.into_iter().find(|(name, _)| name == wanted);
        let names = || SERVERS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        servers.push(known.with_context(|| format!("no server {wanted}; there are {}", names()))?.1);
    }
    for peer in &plan.peer {
        let parts: Vec<&str> = peer.split(',').collect();
        let [name, url, pid] = parts[..] else { anyhow::bail!("--peer {peer}: write NAME,URL,PID") };
        servers.push(Server::Peer { name: name.into(), url: url.into(), pid: pid.parse()? });
    }
    Ok(servers)
}

fn row(server: &Server, readers: usize, cells: &[Cell], floor: Option<&[Cell]>) -> Value {
    let of = |value: &dyn Fn(&Cell) -> f64| median(&cells.iter().map(value).collect::<Vec<_>>());
    // Each round beside the floor of the same round.
    let pairs = cells.iter().zip(floor.unwrap_or_default());
    let ratios: Vec<f64> = pairs.filter(|(a, b)| a.even && b.even).map(|(a, b)| a.per_gb() / b.per_gb()).collect();
    json!({
        "server": server.name(), "readers": readers,
        "cpu_s_per_gb": of(&Cell::per_gb), "cpu0_s_per_gb": of(&Cell::cpu_per_gb),
        "ratio": median(&ratios), "ratios": ratios,
        "us_per_viewer_and_frame": of(&|c| c.micros_per_frame(readers)),
        "sends_per_frame": of(&|c| c.sends_per_frame), "rss_per_viewer_bytes": of(&|c| c.rss_per_viewer),
        "latency_ms": [of(&|c| c.latency[0] * 1e3), of(&|c| c.latency[1] * 1e3), of(&|c| c.latency[2] * 1e3)],
        "first_picture_ms": [of(&|c| c.first[0] * 1e3), of(&|c| c.first[1] * 1e3)],
        "lost_packets": cells.iter().map(|c| c.lost).sum::<u64>(), "copied_per_byte": of(&|c| c.built),
        "rounds": cells.iter().filter(|c| c.even).count(), "void": cells.iter().filter(|c| !c.even).count(),
    })
}

fn say(row: &Value) {
    let number = |field: &str| row[field].as_f64().unwrap_or(f64::NAN);
    let list = |field: &str| row[field].as_array().into_iter().flatten().filter_map(Value::as_f64).collect::<Vec<_>>();
    let ratios = list("ratios");
    let (least, most) =
        (ratios.iter().copied().fold(f64::NAN, f64::min), ratios.iter().copied().fold(f64::NAN, f64::max));
    let ratio =
        if ratios.is_empty() { String::new() } else { format!("{:.2} ({least:.2}-{most:.2})", number("ratio")) };
    let joined = |field: &str| list(field).iter().map(|ms| format!("{ms:.1}")).collect::<Vec<_>>().join(" ");
    println!(
        "{:<26} {:>8.3} {:>8.3} {:>15} {:>8.2} {:>8.2} {:>8.0} {:>20} {:>8} {:>15} {:>8.4} {:>5}/{}",
        row["server"].as_str().unwrap_or(""),
        number("cpu_s_per_gb"),
        number("cpu0_s_per_gb"),
        ratio,
        number("us_per_viewer_and_frame"),
        number("sends_per_frame"),
        number("rss_per_viewer_bytes"),
        joined("latency_ms"),
        row["lost_packets"],
        joined("first_picture_ms"),
        number("copied_per_byte"),
        row["rounds"],
        number("rounds") + number("void"),
    );
}

impl Stage<'_> {
    fn measure(&self, server: &Server, readers: usize) -> anyhow::Result<Cell> {
        match server {
            Server::Floor(_, kind) => {
                let mut command = floor::command(*kind, &self.clip)?;
                let (server, port) = Owned::start(crate::cpu::SERVER_CPU, &mut command, "ready ")?;
                let urls: Vec<String> = (0..readers).map(|_| format!("rtsp://127.0.0.1:{port}/floor")).collect();
                self.read(
                    server.id(),
                    &urls,
                    if *kind == Floor::Udp { Way::Udp } else { Way::Tcp },
                    false,
                    self.seconds,
                    || Ok(()),
                )
            }
            Server::Peer { url, pid, .. } => {
                self.read(*pid, &vec![url.clone(); readers], Way::Tcp, true, self.seconds, || Ok(()))
            }
            Server::Sluice { settings, way, .. } => self.measure_sluice(settings, *way, readers),
        }
    }

    fn measure_sluice(&self, settings: &[&str], way: Way, readers: usize) -> anyhow::Result<Cell> {
        let settings: Vec<String> = settings.iter().map(|s| (*s).to_owned()).collect();
        let appliance = Appliance::start(self.sluice, &settings)?;
        appliance.add_cameras(&self.cameras, 1)?;
        appliance.wait_for_cameras(1, 30)?;
        let token = appliance.login("operator")?;
        let late = if way == Way::Tcp { crate::reader::LATE } else { 0 };
        let kind = if way == Way::Mse { "mse" } else { "rtsp" };
        let open = |count: usize| {
            (0..count).map(|_| appliance.live_by(&token, "bench-1", kind)).collect::<anyhow::Result<Vec<_>>>()
        };
        // What the first viewers of a stream cost once (its images, a heap that has grown) is no viewer's own.
        self.read(appliance.id(), &open(WARMERS)?, way, false, 1, || Ok(()))?;
        let before = resident_bytes(appliance.id());
        let urls = open(readers + late)?;
        let counters = || -> anyhow::Result<[f64; 3]> {
            Ok([
                appliance.metric("sluice_egress_built_bytes_total", "")?,
                appliance.metric("sluice_egress_bytes_total", "")?,
                appliance.metric("sluice_egress_sends_total", "")?,
            ])
        };
        let (mut start, mut end) = ([0.0; 3], [0.0; 3]);
        let mut at_end = false;
        let mut cell = self.read(appliance.id(), &urls, way, way == Way::Tcp, self.seconds, || {
            *(if at_end { &mut end } else { &mut start }) = counters()?;
            at_end = true;
            Ok(())
        })?;
        let [built, egress, sends] = [0, 1, 2].map(|n| end[n] - start[n]);
        cell.built = built / egress;
        cell.sends_per_frame = sends / (readers as f64 * cell.seconds as f64 * FRAMES_PER_SECOND);
        cell.rss_per_viewer = (cell.rss_per_viewer - before as f64) / readers as f64;
        Ok(cell)
    }

    /// Plays all URLs in a process of its own; `count` is called at the beginning and at the end of the measurement.
    fn read(
        &self,
        pid: u32,
        urls: &[String],
        way: Way,
        late: bool,
        seconds: u64,
        mut count: impl FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<Cell> {
        let list = self.dir.join("urls");
        std::fs::File::create(&list)?.write_all(urls.join("\n").as_bytes())?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("readers").arg(&list).arg(seconds.to_string());
        // Stamps are looked for in RTP packets.
        let probes = if way == Way::Mse { 0 } else { PROBES.min(urls.len() / 2) };
        command.args(["--probes", &probes.to_string()]);
        let name = clap::ValueEnum::to_possible_value(&way).context("every way has a name")?;
        command.args(["--way", name.get_name()]);
        if late {
            command.arg("--late");
        }
        let mut child = spawn_on(other_cpu(), command.stdout(Stdio::piped()))?;
        let output = BufReader::new(child.stdout.take().context("stdout was piped")?);
        let _child = Owned(child);
        let mut cell = Cell { seconds, ..Cell::default() };
        let mut start = None;
        for line in output.lines() {
            let line = line?;
            let mut words = line.split(' ');
            let what = words.next().unwrap_or("");
            let figures: Vec<f64> = words.map(|n| n.parse().unwrap_or(f64::NAN)).collect();
            match (what, figures.as_slice()) {
                ("playing", _) => {
                    count()?;
                    start = Some(CpuSeconds::of(pid));
                    cell.rss_per_viewer = resident_bytes(pid) as f64;
                }
                ("over", _) => {
                    cell.spent = CpuSeconds::of(pid).since(start.as_ref().context("over before playing")?);
                    count()?;
                }
                ("bytes", &[bytes, least, most, closed]) => {
                    cell.bytes = bytes as u64;
                    cell.even = closed == 0.0 && least >= most * EVEN && bytes > 0.0;
                    if !cell.even {
                        println!("  uneven: {closed} cut off, {least} to {most} bytes a reader");
                    }
                }
                ("latency", &[_, p50, p99, most, lost]) => (cell.latency, cell.lost) = ([p50, p99, most], lost as u64),
                ("first", &[_, p50, p99]) => cell.first = [p50, p99],
                _ => {}
            }
        }
        anyhow::ensure!(cell.bytes > 0, "the readers ended early");
        Ok(cell)
    }
}
