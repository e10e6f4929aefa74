//! `sluice demo`: the whole appliance on embedded defaults, with simulated cameras and seeded accounts.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use relay::sim::{Sim, SimConfig, demo_clip};

use crate::appliance;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::demo;

/// Run the whole appliance on embedded defaults with simulated cameras.
#[derive(Args)]
pub(crate) struct Demo {
    /// Folder for everything it keeps; a second start on the same folder goes on where the first ended.
    #[arg(long, value_name = "DIR", default_value = "data/demo")]
    data: PathBuf,
    /// Number of simulated cameras.
    #[arg(long, value_name = "N", default_value_t = 4)]
    cameras: usize,
    /// Moves every port: API N, RTSP N+1, metrics N+2, simulated cameras N+3, WebRTC N+4; 0 takes free ones. Without it
    /// 8080, 8554, 9554, 8555 and 8556.
    #[arg(long, value_name = "N")]
    port_base: Option<u16>,
    /// A setting of ops/sluice.example.toml to use in place of the demo's own, such as relay.engine=epoll. May be repeated.
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    settings: Vec<String>,
}

/// The ports of one demo, each on loopback.
struct Ports {
    api: u16,
    rtsp: u16,
    metrics: u16,
    cameras: u16,
    whep: u16,
}

impl Demo {
    /// Runs until a signal; prints what to open, then `ready`.
    pub(super) fn run(self) -> ExitCode {
        match self.start() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => super::failed(&error),
        }
    }

    fn start(self) -> anyhow::Result<()> {
        appliance::private_folder(&self.data)?;
        let data = self.data.canonicalize().with_context(|| format!("cannot find {}", self.data.display()))?;
        let ports = self.ports()?;
        let config = config(&data, &ports, &self.settings)?;
        crate::log::to_stderr(&config.log);
        let seeds = demo::prepare(&data, &config)?;
        let clip = demo_clip().context("the built-in clip")?;
        let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, ports.cameras));
        let clock = Arc::new(SystemClock::start());
        let simulate = || Sim::start(SimConfig { listen, cameras: self.cameras, clip, stamped: false, clock });
        let sim = (self.cameras > 0).then(simulate).transpose()?;
        let sources = sim.as_ref().map(|sim| sim.urls()).unwrap_or_default();
        appliance::run(config, move |reached| demo::seed(data, seeds, reached, sources))?;
        drop(sim);
        Ok(())
    }

    fn ports(&self) -> anyhow::Result<Ports> {
        let Some(base) = self.port_base else {
            return Ok(Ports { api: 8080, rtsp: 8554, metrics: 9554, cameras: 8555, whep: 8556 });
        };
        if base == 0 {
            return Ok(Ports { api: 0, rtsp: 0, metrics: 0, cameras: 0, whep: 0 });
        }
        let port = |n| {
            base.checked_add(n).with_context(|| format!("--port-base {base}: leave room for five ports below 65536"))
        };
        Ok(Ports { api: base, rtsp: port(1)?, metrics: port(2)?, cameras: port(3)?, whep: port(4)? })
    }
}

/// The demo's configuration is a file like any other, so that it can be read, changed and served by `sluice serve`.
fn config(data: &Path, ports: &Ports, settings: &[String]) -> anyhow::Result<Config> {
    let mut sections: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
    let own = [
        ("api", "listen", format!("\"127.0.0.1:{}\"", ports.api)),
        ("rtsp", "listen", format!("[\"127.0.0.1:{}\"]", ports.rtsp)),
        ("rtsp", "connections_per_address_max", "10000".into()),
        ("whep", "listen", format!("\"127.0.0.1:{}\"", ports.whep)),
        ("metrics", "listen", format!("\"127.0.0.1:{}\"", ports.metrics)),
        ("ledger", "path", "\"ledger\"".into()),
        ("state", "path", "\"state\"".into()),
        ("exports", "path", "\"exports\"".into()),
        ("recorder", "path", "\"recordings\"".into()),
        // A demonstration has any disk: with the law's floors most would have no room for a single camera.
        ("retention", "floor", "\"1m\"".into()),
        ("retention", "key_target_floor", "\"1m\"".into()),
        ("retention", "allow_unlawful_floors", "true".into()),
        // Nor has every machine of a demonstration a time server.
        ("clock", "require_synchronised", "false".into()),
        // Whoever tries it out goes through all cameras at once, at any hour.
        ("unusual", "cameras_per_minute", "0".into()),
        ("unusual", "hours_per_day", "0".into()),
        ("unusual", "nights_per_week", "0".into()),
        ("unusual", "exports_per_day", "0".into()),
    ];
    for (section, key, value) in own {
        sections.entry(section).or_default().insert(key, value);
    }
    for setting in settings {
        let (section, key, value) = parse(setting)?;
        sections.entry(section).or_default().insert(key, value);
    }
    let mut text = String::from("# Written by `sluice demo` at each start.\n");
    for (section, keys) in &sections {
        text += &format!("\n[{section}]\n");
        keys.iter().for_each(|(key, value)| text += &format!("{key} = {value}\n"));
    }
    let file = data.join("sluice.toml");
    std::fs::write(&file, &text).with_context(|| format!("cannot write {}", file.display()))?;
    Config::load(&file).map_err(|faults| anyhow::anyhow!("{faults}"))
}

/// Section, key and value of a setting; a value that is no number, list or text in quotes is put in quotes.
fn parse(setting: &str) -> anyhow::Result<(&str, &str, String)> {
    let parts = setting.split_once('=').and_then(|(place, value)| Some((place.split_once('.')?, value)));
    let ((section, key), value) =
        parts.with_context(|| format!("--set {setting}: write SECTION.KEY=VALUE, such as relay.engine=epoll"))?;
    let plain = value.parse::<i64>().is_ok() || ["true", "false"].contains(&value) || value.starts_with(['"', '[']);
    Ok((section, key, if plain { value.into() } else { format!("{value:?}") }))
}
