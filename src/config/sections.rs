//! Which keys there are, what each may be, and which setting it sets. A new key is one line here and one in
//! `ops/sluice.example.toml`, which a test holds against each other.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use super::reader::{Document, Section};
use super::{Api, Config, Log, LogFormat, Recorder};

/// Nobody waits for less.
const MOMENT: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
/// Timeouts on the network: under a second breaks on a busy day, over ten minutes helps only the attacker.
const PATIENCE: RangeInclusive<Duration> = SECOND..=Duration::from_secs(600);
/// Where the package keeps what it writes.
const STATE_FOLDER: &str = "/var/lib/sluice";
/// The zone of the regulation that this appliance carries out.
const DEFAULT_ZONE: &str = "Asia/Shanghai";

/// Reads every section. `lines` is left empty.
pub(super) fn read(document: &mut Document<'_>) -> Config {
    let mut settings = control_api::config::Config::default();
    let (listen, public_host, time_zone) = document.section("api", |s| api(s, &mut settings));
    document.section("login", |s| login(s, &mut settings));
    let mut relay = relay::config::Config::default();
    document.section("rtsp", |s| rtsp(s, &mut relay));
    let state = Path::new(STATE_FOLDER);
    Config {
        api: Api { listen, public_host, time_zone, settings },
        relay,
        recorder: document.section("recorder", |s| Recorder { path: s.path("path", &state.join("recordings")) }),
        ledger_path: document.section("ledger", |s| s.path("path", &state.join("ledger"))),
        state_path: document.section("state", |s| s.path("path", &state.join("state"))),
        metrics_listen: document.section("metrics", |s| s.address("listen", SocketAddr::from(([127, 0, 0, 1], 9554)))),
        log: document.section("log", log),
        lines: BTreeMap::new(),
    }
}

fn api(
    s: &mut Section<'_, '_>,
    to: &mut control_api::config::Config,
) -> (SocketAddr, Option<String>, jiff::tz::TimeZone) {
    let listen = s.address("listen", SocketAddr::from(([0, 0, 0, 0], 8080)));
    let public_host = s.text_as("public_host", "a host name or an address, without a port", host);
    let time_zone = s.text_as("time_zone", "a zone of the IANA database such as \"Asia/Shanghai\"", |name| {
        jiff::tz::TimeZone::get(name).ok()
    });
    to.connections_max = s.count("connections_max", to.connections_max, 16..=1_000_000);
    to.connections_per_address_max =
        s.count("connections_per_address_max", to.connections_per_address_max, 1..=1_000_000);
    to.body_bytes_max = size(s, "body_bytes_max", to.body_bytes_max, 64 << 10..=64 << 20);
    to.import_bytes_max = size(s, "import_bytes_max", to.import_bytes_max, 64 << 10..=1 << 30);
    to.header_read_timeout = s.duration("header_read_timeout", to.header_read_timeout, PATIENCE);
    to.request_timeout = s.duration("request_timeout", to.request_timeout, PATIENCE);
    to.drain_timeout = s.duration("drain_timeout", to.drain_timeout, PATIENCE);
    to.idempotency_kept_for = s.duration("idempotency_kept_for", to.idempotency_kept_for, HOUR..=30 * DAY);
    (
        listen,
        public_host,
        time_zone.unwrap_or_else(|| jiff::tz::TimeZone::get(DEFAULT_ZONE).unwrap_or(jiff::tz::TimeZone::UTC)),
    )
}

fn login(s: &mut Section<'_, '_>, to: &mut control_api::config::Config) {
    to.login_idle = s.duration("idle", to.login_idle, 60 * SECOND..=DAY);
    to.login_lifetime = s.duration("lifetime", to.login_lifetime, 60 * SECOND..=30 * DAY);
    if to.login_idle > to.login_lifetime {
        s.refuse("idle", "is longer than login.lifetime", "a sign-in cannot be idle for longer than it lasts");
    }
    to.logins_per_user_max = s.count("per_user_max", to.logins_per_user_max, 1..=1_000);
}

fn rtsp(s: &mut Section<'_, '_>, to: &mut relay::config::Config) {
    to.rtsp_listen = s.addresses("listen", std::mem::take(&mut to.rtsp_listen));
    to.connections_max = s.count("connections_max", to.connections_max, 16..=1_000_000);
    to.connections_per_address_max =
        s.count("connections_per_address_max", to.connections_per_address_max, 1..=1_000_000);
}

fn log(s: &mut Section<'_, '_>) -> Log {
    let filter = "a level (error, warn, info, debug, trace) or a filter such as \"info,relay=debug\"";
    let level = s.text_as("level", filter, |text| {
        text.parse::<tracing_subscriber::filter::Targets>().ok().map(|_| text.to_owned())
    });
    let format = s.choice("format", LogFormat::Text, &[("text", LogFormat::Text), ("json", LogFormat::Json)]);
    Log { level: level.unwrap_or_else(|| "info".into()), format }
}

/// A size that a field keeps as `usize`.
fn size(s: &mut Section<'_, '_>, key: &'static str, default: usize, allowed: RangeInclusive<u64>) -> usize {
    usize::try_from(s.size_bytes(key, default as u64, allowed)).unwrap_or(default)
}

/// A host as it stands in a URL; none where it holds anything else, such as a port or a path.
fn host(text: &str) -> Option<String> {
    let named = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    let v6 = text.parse::<std::net::Ipv6Addr>().ok().map(|address| format!("[{address}]"));
    v6.or_else(|| named.then(|| text.to_owned()))
}
