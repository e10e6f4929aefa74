//! Simulated cameras into a fleet, for a look at what ingest costs: `ingest_load CAMERAS SECONDS [tcp|udp]`. The simulator
//! is in the same process, on its own thread; CPU is told by thread.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use media::wall::{Clock, Wall};
use relay::core::Cores;
use relay::directory::Streams;
use relay::fleet::{CameraStream, Fleet, FleetConfig, State};
use relay::ingest::{Source, Transport};
use relay::sim::{Sim, SimConfig, demo_clip};

struct RealClock(Instant);

// The one clock of this program.
#[allow(clippy::disallowed_methods)]
impl Clock for RealClock {
    fn wall(&self) -> Wall {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Wall::from_micros(since.as_micros() as i64)
    }
    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

/// CPU seconds by thread name.
fn cpu() -> Vec<(String, f64)> {
    let mut all = Vec::new();
    for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let stat = std::fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        let Some((head, tail)) = stat.rsplit_once(')') else { continue };
        let fields: Vec<&str> = tail.split_ascii_whitespace().collect();
        let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
        let name = head.split_once('(').map_or("", |(_, n)| n);
        all.push((name.to_owned(), (ticks(11) + ticks(12)) / 100.0));
    }
    all
}

fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find(|l| l.starts_with("VmRSS")).unwrap_or("").to_owned()
}

#[allow(clippy::disallowed_methods, clippy::print_stdout)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let cameras: usize = args.next().ok_or("how many cameras?")?.parse()?;
    let seconds: u64 = args.next().ok_or("how many seconds?")?.parse()?;
    let transport = if args.next().as_deref() == Some("udp") { Transport::Udp } else { Transport::Tcp };
    let clock: Arc<dyn Clock> = Arc::new(RealClock(Instant::now()));
    let config = SimConfig {
        listen: "127.0.0.1:0".parse()?,
        cameras,
        clip: demo_clip()?,
        stamped: false,
        clock: Arc::clone(&clock),
    };
    let sim = Sim::start(config)?;
    let cores = Cores::start(1, uring::Choice::Auto, &clock)?;
    let registry = prometheus::Registry::new();
    let config = FleetConfig { dials_per_second_max: 200, ..FleetConfig::default() };
    let fleet = Fleet::new(Arc::clone(&cores), Streams::new(), clock, config, &registry)?;
    for (n, url) in sim.urls().iter().enumerate() {
        let key = media::id::StreamKey { camera: format!("cam-{n}").parse()?, profile: media::id::Profile::Main };
        fleet.add(CameraStream { key, source: Source::parse(url, None, transport)? })?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        while fleet.statuses().iter().any(|s| s.state != State::Running) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        println!("all running; {}", resident());
        tokio::time::sleep(Duration::from_secs(15)).await;
        let (before, bytes) = (cpu(), fleet.statuses().iter().map(|s| s.bytes).sum::<u64>());
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let after = fleet.statuses();
        let taken = after.iter().map(|s| s.bytes).sum::<u64>() - bytes;
        for (name, used) in cpu() {
            let was: f64 = before.iter().filter(|(n, _)| *n == name).map(|(_, u)| u).sum();
            println!("{name:16} {:6.2} % of a CPU", (used - was) / seconds as f64 * 100.0);
        }
        println!("{:.1} Mbit/s taken; {}", taken as f64 * 8.0 / seconds as f64 / 1e6, resident());
        println!("reconnects {}", after.iter().map(|s| s.reconnects).sum::<u64>());
        let mut reasons = std::collections::BTreeMap::new();
        for reason in after.iter().filter_map(|s| s.reason) {
            *reasons.entry(reason).or_insert(0) += 1;
        }
        println!("away now, by reason: {reasons:?}");
        println!("packets lost {}", after.iter().map(|s| s.packets_lost).sum::<u64>());
        fleet.shutdown().await;
    });
    cores.join();
    Ok(())
}
