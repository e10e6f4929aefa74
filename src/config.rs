//! One TOML file becomes one checked value. Every fault is reported at once, with its line and its remedy; a key that is not
//! known is a fault. The layers below have plain settings of their own; which key sets which is decided here and nowhere else.

mod environment;
mod fault;
mod nearest;
mod policy;
mod quantity;
mod reader;
mod retention;
mod sections;
mod shown;
#[cfg(test)]
mod tests;
mod tls;
mod unusual;
mod whep;
mod witness;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use control_api::setting::Setting;
pub(crate) use fault::{EXIT_CONFIG, Fault, Faults};
use reader::Document;

/// Largest configuration file. The example is about 10 KiB.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The whole configuration of the appliance.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The control API.
    pub(crate) api: Api,
    /// Viewing sessions. The ports in it are those of the listeners.
    pub(crate) sessions: control_api::sessions::Settings,
    /// Where the site's own policies lie.
    pub(crate) policy_path: Option<PathBuf>,
    /// What is asked of the clock.
    pub(crate) clock: control_api::clock_trust::Settings,
    /// How cameras are pulled.
    pub(crate) fleet: relay::fleet::FleetConfig,
    /// RTSP viewers: the addresses to listen at are among its fields.
    pub(crate) relay: relay::config::Config,
    /// How long recordings are kept.
    pub(crate) retention: control_api::retention::Settings,
    /// The recorder: its two folders are among its fields.
    pub(crate) recorder: recorder::config::Config,
    /// Where the audit log is kept.
    pub(crate) ledger_path: PathBuf,
    /// Who outside is shown the audit log's checkpoints.
    pub(crate) witness: Option<control_api::witnessing::Settings>,
    /// Where events may be sent.
    pub(crate) webhooks: control_api::webhooks::Settings,
    /// Where registers, grants and sessions are kept.
    pub(crate) state_path: PathBuf,
    /// Where packages of exports are kept, and made.
    pub(crate) exports_path: PathBuf,
    /// Where Prometheus asks.
    pub(crate) metrics_listen: SocketAddr,
    /// The certificate of the listeners; none serves in the clear.
    pub(crate) tls: Option<crate::tls::Settings>,
    /// What is logged, and how.
    pub(crate) log: Log,
    /// Every key with what it says and the line that sets it, for people to look at. No secret is among it.
    pub(crate) shown: Vec<Setting>,
}

/// The control API's settings, and where it listens.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    /// Where HTTP is taken.
    pub(crate) listen: SocketAddr,
    /// The API's own settings.
    pub(crate) settings: control_api::config::Config,
}

/// The log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    /// What is logged, in the words of `tracing_subscriber::EnvFilter`.
    pub(crate) level: String,
    /// How a line looks.
    pub(crate) format: LogFormat,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Config {
    /// Reads and checks `file`. Relative paths in it are taken from its folder.
    pub(crate) fn load(file: &Path) -> Result<Self, Faults> {
        let (config, faults) = Self::read(&read_bounded(file)?, file);
        Faults::of(file, faults).map_or(Ok(config), Err)
    }

    /// As `load`, and checks that the machine gives what the configuration asks for: free addresses, writable folders.
    /// The faults of both are told together.
    pub(crate) fn load_for_start(file: &Path) -> Result<Self, Faults> {
        let (config, mut faults) = Self::read(&read_bounded(file)?, file);
        // Where the file has a fault the config has a default, which may be nothing to complain of.
        let missing = environment::check(&config).into_iter().filter(|m| !faults.iter().any(|f| f.key == m.key));
        let missing: Vec<Fault> = missing.collect();
        faults.extend(missing);
        Faults::of(file, faults).map_or(Ok(config), Err)
    }

    /// The line of the file that sets this key.
    fn line(&self, key: &str) -> Option<usize> {
        self.shown.iter().find(|setting| setting.key == key)?.line
    }

    /// What `text`, the content of `file`, says, with defaults in place of what is wrong in it; and what is wrong in it.
    fn read(text: &str, file: &Path) -> (Self, Vec<Fault>) {
        let mut document = Document::parse(text, file.parent().unwrap_or(Path::new("")));
        let mut config = sections::read(&mut document);
        document.finish();
        config.shown = document.shown.settings(&document.asked);
        (config, document.faults)
    }
}

/// The file's text, or the one fault that there is none.
fn read_bounded(file: &Path) -> Result<String, Faults> {
    let unreadable = |what| {
        let remedy = "name a readable TOML file with --config; ops/sluice.example.toml is one".into();
        Faults { file: file.to_owned(), list: vec![Fault { line: None, key: String::new(), what, remedy }] }
    };
    let cannot = |error: std::io::Error| unreadable(format!("cannot be read: {error}"));
    let bytes = std::fs::metadata(file).map_err(cannot)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(unreadable(format!("holds {bytes} bytes, which is no configuration ({FILE_BYTES_MAX} at most)")));
    }
    std::fs::read_to_string(file).map_err(cannot)
}
