//! One TOML file becomes one checked value. Every fault is reported at once, with its line and its remedy; a key that is not
//! known is a fault. The layers below have plain settings of their own; which key sets which is decided here and nowhere else.

mod environment;
mod fault;
mod nearest;
mod quantity;
mod reader;
mod sections;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub(crate) use environment::check as check_environment;
pub(crate) use fault::{EXIT_CONFIG, Fault, Faults};
use reader::Document;

/// Largest configuration file. The example is about 10 KiB.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The whole configuration of the appliance.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The control API.
    pub(crate) api: Api,
    /// Cameras and RTSP viewers: the addresses to listen at are among its fields.
    pub(crate) relay: relay::config::Config,
    /// The recorder: its two folders are among its fields.
    pub(crate) recorder: recorder::config::Config,
    /// Where the audit log is kept.
    pub(crate) ledger_path: PathBuf,
    /// Where registers, grants and sessions are kept.
    pub(crate) state_path: PathBuf,
    /// Where Prometheus asks.
    pub(crate) metrics_listen: SocketAddr,
    /// What is logged, and how.
    pub(crate) log: Log,
    /// The line of each `section.key` that the file sets.
    pub(crate) lines: BTreeMap<String, usize>,
}

/// What the binary itself needs of the control API, beside the API's own settings.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    /// Where HTTP is taken.
    pub(crate) listen: SocketAddr,
    /// The host name or address that viewing URLs carry; none takes the one that the client asked.
    pub(crate) public_host: Option<String>,
    /// The zone in which daily hours of grants and dates of folders are meant.
    pub(crate) time_zone: jiff::tz::TimeZone,
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
        let text = read_bounded(file).map_err(|what| {
            let remedy = "name a readable TOML file with --config; ops/sluice.example.toml is one".into();
            Faults { file: file.to_owned(), list: vec![Fault { line: None, key: String::new(), what, remedy }] }
        })?;
        Self::parse(&text, file)
    }

    /// Checks `text`, the content of `file`.
    pub(crate) fn parse(text: &str, file: &Path) -> Result<Self, Faults> {
        let mut document = Document::parse(text, file.parent().unwrap_or(Path::new("")));
        let mut config = sections::read(&mut document);
        document.finish();
        config.lines = document.asked.into_iter().filter_map(|(key, line)| Some((key, line?))).collect();
        Faults::of(file, document.faults).map_or(Ok(config), Err)
    }
}

fn read_bounded(file: &Path) -> Result<String, String> {
    let bytes = std::fs::metadata(file).map_err(|e| format!("cannot be read: {e}"))?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(format!("holds {bytes} bytes, which is no configuration ({FILE_BYTES_MAX} at most)"));
    }
    std::fs::read_to_string(file).map_err(|e| format!("cannot be read: {e}"))
}
