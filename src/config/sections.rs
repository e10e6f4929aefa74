//! Which keys there are, what each may be, and which setting it sets. A new key is one line here and one in
//! `ops/sluice.example.toml`, which a test holds against each other.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use control_api::config::oidc;
use control_api::config::player_origin::Origin;
use control_api::registers::user::means::Reach;
use jiff::tz::TimeZone;
use uring::Choice;
use url::Url;

use super::quantity;
use super::reader::{Document, Section};
use super::{Api, Config, Log, LogFormat, policy, retention};

/// Nobody waits for less.
const MOMENT: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
/// Timeouts on the network: under a second breaks on a busy day, over ten minutes helps only the attacker.
const PATIENCE: RangeInclusive<Duration> = SECOND..=Duration::from_secs(600);
/// A listener below 16 connections locks its own operators out; a million is beyond the descriptors of one process.
const CONNECTIONS: RangeInclusive<usize> = 16..=1_000_000;
const PER_ADDRESS: RangeInclusive<usize> = 1..=1_000_000;
/// Whom a rule about accounts is for.
const REACHES: [(&str, Reach); 3] =
    [("administrators", Reach::Administrators), ("all", Reach::All), ("off", Reach::Off)];
/// Below is no network, above no machine.
const RATES: RangeInclusive<u64> = 1_000_000..=1_000_000_000_000;
/// The RTSP library tells each camera's quirks at every connection.
const DEFAULT_LEVEL: &str = "info,retina=warn";
/// Where the package keeps what it writes.
const STATE_FOLDER: &str = "/var/lib/sluice";
/// The zone of the regulation that this appliance carries out.
const DEFAULT_ZONE: &str = "Asia/Shanghai";

/// Reads every section. `shown` is left empty.
pub(super) fn read(document: &mut Document<'_>) -> Config {
    let mut sessions = control_api::sessions::Settings::default();
    let mut settings = control_api::config::Config::default();
    let listen = document.section("api", |s| api(s, &mut settings, &mut sessions));
    document.section("login", |s| login(s, &mut settings));
    settings.oidc = document.section("oidc", oidc);
    document.section("sessions", |s| self::sessions(s, &mut sessions));
    let policy_path = document.section("policy", |s| policy::policy(s, &mut sessions));
    sessions.unusual = document.section("unusual", super::unusual::read);
    let clock = document.section("clock", policy::clock);
    let fleet = document.section("cameras", cameras);
    let mut relay = relay::config::Config::default();
    let tls = document.section("tls", super::tls::read);
    document.section("rtsp", |s| rtsp(s, &mut relay, tls.is_some()));
    document.section("whep", |s| super::whep::read(s, &mut relay.whep));
    document.section("relay", |s| self::relay(s, &mut relay));
    sessions.merge_latency = relay.merge_latency;
    sessions.core_busy_max = relay.busy_percent_max as f64 / 100.0;
    sessions.http_port = listen.port();
    sessions.rtsp_port = relay.rtsp_listen.first().map_or(sessions.rtsp_port, SocketAddr::port);
    let zone = sessions.zone.clone();
    let retention = document.section("retention", |s| retention::read(s, zone));
    sessions.http_tls = tls.is_some();
    let state = Path::new(STATE_FOLDER);
    let state_path = document.section("state", |s| s.path("path", &state.join("state")));
    let (ledger_path, witness) =
        document.section("ledger", |s| (s.path("path", &state.join("ledger")), super::witness::read(s)));
    Config {
        api: Api { listen, settings },
        sessions,
        policy_path,
        clock,
        fleet,
        relay,
        recorder: document.section("recorder", |s| recorder(s, &state_path, &retention)),
        retention,
        ledger_path,
        witness,
        webhooks: document.section("webhooks", |s| control_api::webhooks::Settings { hosts: s.hosts("hosts") }),
        state_path,
        exports_path: document.section("exports", |s| s.path("path", &state.join("exports"))),
        metrics_listen: document.section("metrics", |s| s.address("listen", SocketAddr::from(([127, 0, 0, 1], 9554)))),
        tls,
        log: document.section("log", log),
        shown: Vec::new(),
    }
}

fn api(
    s: &mut Section<'_, '_>,
    to: &mut control_api::config::Config,
    sessions: &mut control_api::sessions::Settings,
) -> SocketAddr {
    let listen = s.address("listen", SocketAddr::from(([0, 0, 0, 0], 8080)));
    sessions.public_host = s.text_as("public_host", "a host name or an address, without a port", host);
    let zone = "a zone of the IANA database such as \"Asia/Shanghai\"";
    sessions.zone = s
        .text_as("time_zone", zone, |name| TimeZone::get(name).ok())
        .unwrap_or_else(|| s.default("time_zone", default_zone(), &format!("{DEFAULT_ZONE:?}")));
    let area = "names joined by '/', from the large to the small, such as \"济源\"";
    to.site_area = s.text_as("site_area", area, |text| text.parse().ok()).unwrap_or_else(|| {
        let text = format!("\"{}\"", to.site_area);
        s.default("site_area", to.site_area.clone(), &text)
    });
    let origins = "a list of origins such as [\"https://vms.example\"], or [\"*\"] for any";
    to.player_origins = s.texts("player_origins", origins, Origin::parse);
    to.second_factor = s.choice("second_factor", to.second_factor, &REACHES);
    to.connections_max = s.count("connections_max", to.connections_max, CONNECTIONS);
    to.connections_per_address_max =
        s.count("connections_per_address_max", to.connections_per_address_max, PER_ADDRESS);
    to.body_bytes_max = size(s, "body_bytes_max", to.body_bytes_max, 64 << 10..=64 << 20);
    to.import_bytes_max = size(s, "import_bytes_max", to.import_bytes_max, 64 << 10..=1 << 30);
    to.header_read_timeout = s.duration("header_read_timeout", to.header_read_timeout, PATIENCE);
    to.request_timeout = s.duration("request_timeout", to.request_timeout, PATIENCE);
    to.drain_timeout = s.duration("drain_timeout", to.drain_timeout, MOMENT..=60 * SECOND);
    to.idempotency_kept_for = s.duration("idempotency_kept_for", to.idempotency_kept_for, HOUR..=30 * DAY);
    listen
}

fn sessions(s: &mut Section<'_, '_>, to: &mut control_api::sessions::Settings) {
    to.lease = s.duration("lease", to.lease, SECOND..=DAY);
    to.session_max = s.duration("length_max", to.session_max, SECOND..=7 * DAY);
    if to.lease > to.session_max {
        s.refuse("lease", "is longer than sessions.length_max", "a lease is a part of a session");
    }
    to.first_byte_timeout = s.duration("first_byte_timeout", to.first_byte_timeout, SECOND..=600 * SECOND);
    // More than a wall of screens is no person's.
    to.per_user_max = s.count_optional("per_user_max", 1..=10_000).and_then(|count| u32::try_from(count).ok());
    to.playback_max = s.duration("playback_max", to.playback_max, 60 * SECOND..=31 * DAY);
}

fn cameras(s: &mut Section<'_, '_>) -> relay::fleet::FleetConfig {
    let mut to = relay::fleet::FleetConfig::default();
    to.streams_max = s.count("streams_max", to.streams_max, 1..=100_000);
    to.dials_per_second_max = count_u32(s, "dials_per_second_max", to.dials_per_second_max, 1..=10_000);
    to.dials_concurrent_max = s.count("dials_concurrent_max", to.dials_concurrent_max, 1..=10_000);
    to.ingest.dial_timeout = s.duration("dial_timeout", to.ingest.dial_timeout, PATIENCE);
    to.ingest.first_packet_timeout = s.duration("first_packet_timeout", to.ingest.first_packet_timeout, PATIENCE);
    to.ingest.first_keyframe_timeout = s.duration("first_keyframe_timeout", to.ingest.first_keyframe_timeout, PATIENCE);
    to.ingest.stall_timeout = s.duration("stall_timeout", to.ingest.stall_timeout, PATIENCE);
    waits(s, ["wait_first", "wait_longest"], &mut to.backoff.usual);
    waits(s, ["login_refused_wait_first", "login_refused_wait_longest"], &mut to.backoff.auth_failed);
    to.backoff.stable_after = s.duration("stable_after", to.backoff.stable_after, SECOND..=HOUR);
    to.hub.ring_bytes_max = size(s, "ring_bytes_max", to.hub.ring_bytes_max, 1 << 20..=1 << 30);
    to
}

fn waits(s: &mut Section<'_, '_>, [first, longest]: [&'static str; 2], to: &mut relay::fleet::Waits) {
    to.first = s.duration(first, to.first, MOMENT..=HOUR);
    to.longest = s.duration(longest, to.longest, MOMENT..=DAY);
    if to.first > to.longest {
        s.refuse(first, "is longer than the longest wait", "begin with the shorter wait");
    }
}

/// China has one zone and no summer time, so a machine without the zone database still gets it right.
fn default_zone() -> TimeZone {
    TimeZone::get(DEFAULT_ZONE).unwrap_or_else(|_| TimeZone::fixed(jiff::tz::offset(8)))
}

fn login(s: &mut Section<'_, '_>, to: &mut control_api::config::Config) {
    to.login_idle = s.duration("idle", to.login_idle, 60 * SECOND..=DAY);
    to.login_lifetime = s.duration("lifetime", to.login_lifetime, 60 * SECOND..=30 * DAY);
    if to.login_idle > to.login_lifetime {
        s.refuse("idle", "is longer than login.lifetime", "a sign-in cannot be idle for longer than it lasts");
    }
    to.logins_per_user_max = s.count("per_user_max", to.logins_per_user_max, 1..=1_000);
    to.lockout_failures = count_u32(s, "lockout_failures", to.lockout_failures, 3..=20);
    to.lockout_base = s.duration("lockout_base", to.lockout_base, SECOND..=DAY);
    to.lockout_max = s.duration("lockout_max", to.lockout_max, SECOND..=DAY);
    if to.lockout_base > to.lockout_max {
        s.refuse("lockout_base", "is longer than login.lockout_max", "begin with the shorter lock");
    }
    to.password_chars_min = s.count("password_chars_min", to.password_chars_min, 8..=64);
    to.password_age_max = s.duration("password_age_max", to.password_age_max, DAY..=3_650 * DAY);
    to.password_ages = s.choice("password_ages", to.password_ages, &REACHES);
    let memory = s.size_bytes("password_memory", u64::from(to.password_memory_kib) << 10, 8 << 20..=1 << 30);
    to.password_memory_kib = u32::try_from(memory >> 10).unwrap_or(to.password_memory_kib);
    to.password_passes = count_u32(s, "password_passes", to.password_passes, 1..=100);
    to.password_hashes_at_once = s.count("password_hashes_at_once", to.password_hashes_at_once, 1..=64);
    to.password_hashes_waiting = s.count("password_hashes_waiting", to.password_hashes_waiting, 1..=10_000);
    to.address_burst = count_u32(s, "address_burst", to.address_burst, 1..=10_000);
    to.refusal_burst = count_u32(s, "refusal_burst", to.refusal_burst, 1..=100_000);
    to.address_earns_every = s.duration("address_earns_every", to.address_earns_every, MOMENT..=HOUR);
}

/// None without an issuer; with one it takes the other keys too.
fn oidc(s: &mut Section<'_, '_>) -> Option<oidc::Settings> {
    let provider = |text: &str| Url::parse(text).ok().filter(oidc::may_be_asked);
    let issuer = s.text_as("issuer", "an https address such as \"https://id.example/realms/bureau\"", provider);
    let client_id =
        s.text_as("client_id", "our name at the provider", |text| (!text.is_empty()).then(|| text.to_owned()));
    let client_secret_file = s.path("client_secret_file", Path::new("/etc/sluice/oidc.secret"));
    let redirect = "the address of /api/v1/login/oidc/callback as browsers reach it";
    let is_callback = |url: &Url| url.path().ends_with("/api/v1/login/oidc/callback");
    let redirect_url = s.text_as("redirect_url", redirect, |text| Url::parse(text).ok().filter(is_callback));
    let second_factor_acr =
        s.text_as("second_factor_acr", "values of acr, separated by spaces", split).unwrap_or_default();
    let second_factor_amr =
        s.text_as("second_factor_amr", "values of amr, separated by spaces", split).unwrap_or_default();
    let issuer = issuer?;
    let (Some(client_id), Some(redirect_url)) = (client_id, redirect_url) else {
        s.refuse("issuer", "stands without client_id or redirect_url", "give both, or leave the section out");
        return None;
    };
    Some(oidc::Settings { issuer, client_id, client_secret_file, redirect_url, second_factor_acr, second_factor_amr })
}

fn split(text: &str) -> Option<Vec<String>> {
    Some(text.split_whitespace().map(str::to_owned).collect())
}

fn rtsp(s: &mut Section<'_, '_>, to: &mut relay::config::Config, tls: bool) {
    to.rtsp_listen = s.addresses("listen", std::mem::take(&mut to.rtsp_listen));
    to.rtsp_tls_listen = s.addresses("tls_listen", Vec::new());
    if !tls && !to.rtsp_tls_listen.is_empty() {
        s.refuse("tls_listen", "stands without a certificate", "set tls.certificate and tls.key, or tls.private_ca");
    }
    let range = "a range of UDP ports such as \"20000-29999\", or \"any\"";
    to.udp_ports =
        s.text_as("udp_ports", range, ports).unwrap_or_else(|| s.default("udp_ports", to.udp_ports, "\"any\""));
    to.connections_max = s.count("connections_max", to.connections_max, CONNECTIONS);
    to.connections_per_address_max =
        s.count("connections_per_address_max", to.connections_per_address_max, PER_ADDRESS);
    to.describe_timeout = s.duration("describe_timeout", to.describe_timeout, PATIENCE);
    to.idle_timeout = s.duration("idle_timeout", to.idle_timeout, PATIENCE);
    to.send_buffer_bytes = size(s, "send_buffer_bytes", to.send_buffer_bytes, 0..=64 << 20);
}

fn relay(s: &mut Section<'_, '_>, to: &mut relay::config::Config) {
    to.cores = s.count("cores", to.cores, 0..=1_024);
    let engines = [("auto", Choice::Auto), ("io_uring", Choice::IoUring), ("epoll", Choice::Epoll)];
    to.engine = s.choice("engine", to.engine, &engines);
    let latencies = [("0ms", 0), ("40ms", 40), ("120ms", 120)].map(|(word, ms)| (word, Duration::from_millis(ms)));
    to.merge_latency = s.choice("merge_latency", to.merge_latency, &latencies);
    to.stuck_timeout = s.duration("stuck_timeout", to.stuck_timeout, PATIENCE);
    let rate = "a rate such as \"900Mbit\" or \"8Gbit\", from 1Mbit to 1000Gbit";
    let bits = |text: &str| quantity::bits_per_second(text).filter(|bits| RATES.contains(bits));
    to.egress_bits_max = s.text_as("egress_max", rate, bits).or(to.egress_bits_max);
    to.busy_percent_max = s.count("busy_percent_max", to.busy_percent_max, 10..=100);
    to.leases_max = s.count("sessions_max", to.leases_max, 1..=1_000_000);
    to.refusals_queued_max = s.count("refusals_queued_max", to.refusals_queued_max, 16..=1_000_000);
    to.viewer_behind_bytes_max = s.size_bytes("behind_bytes_max", to.viewer_behind_bytes_max, 1 << 20..=1 << 30);
    to.hls_bytes_max = size(s, "hls_bytes_max", to.hls_bytes_max, 16 << 20..=1 << 40);
    to.viewer_behind_max = s.duration("behind_max", to.viewer_behind_max, SECOND..=60 * SECOND);
}

fn recorder(
    s: &mut Section<'_, '_>,
    state_path: &Path,
    kept: &control_api::retention::Settings,
) -> recorder::config::Config {
    let defaults = recorder::config::Config::default();
    recorder::config::Config {
        // It is made when the appliance is built.
        appliance: String::new(),
        roots: s.paths("path", &Path::new(STATE_FOLDER).join("recordings")),
        // Beside the registers, so that a recordings volume can be emptied or replaced.
        index: state_path.join("recordings"),
        segment_duration: s.duration("segment_duration", defaults.segment_duration, SECOND..=HOUR),
        fragment_duration: s.duration("fragment_duration", defaults.fragment_duration, MOMENT..=SECOND),
        rule: recorder::Rule { floor: kept.floor, ceiling: kept.ceiling, statutory: true },
        volume_bytes_max: s.size_bytes_optional("volume_bytes_max", 1 << 20..=1 << 60).or(defaults.volume_bytes_max),
        free_bytes_min: s.size_bytes("free_bytes_min", defaults.free_bytes_min, 0..=1 << 50),
        poll_interval: s.duration("poll_interval", defaults.poll_interval, MOMENT / 10..=SECOND),
        sync_interval: s.duration("sync_interval", defaults.sync_interval, MOMENT / 10..=SECOND),
        stall_max: s.duration("stall_timeout", defaults.stall_max, SECOND..=600 * SECOND),
        queue_bytes_max: size(s, "queue_bytes_max", defaults.queue_bytes_max, 1 << 20..=1 << 36),
    }
}

fn log(s: &mut Section<'_, '_>) -> Log {
    let filter = "a level (error, warn, info, debug, trace) or a filter such as \"info,relay=debug\"";
    let level = s.text_as("level", filter, |text| {
        text.parse::<tracing_subscriber::filter::Targets>().ok().map(|_| text.to_owned())
    });
    let format = s.choice("format", LogFormat::Text, &[("text", LogFormat::Text), ("json", LogFormat::Json)]);
    let level = level.unwrap_or_else(|| s.default("level", DEFAULT_LEVEL.into(), &format!("{DEFAULT_LEVEL:?}")));
    Log { level, format }
}

/// A size that a field keeps as `usize`.
fn size(s: &mut Section<'_, '_>, key: &'static str, default: usize, allowed: RangeInclusive<u64>) -> usize {
    usize::try_from(s.size_bytes(key, default as u64, allowed)).unwrap_or(default)
}

/// A count that a field keeps as `u32`.
fn count_u32(s: &mut Section<'_, '_>, key: &'static str, default: u32, allowed: RangeInclusive<usize>) -> u32 {
    u32::try_from(s.count(key, default as usize, allowed)).unwrap_or(default)
}

/// First and last port of a range that holds at least one pair; zeros for `any`.
fn ports(text: &str) -> Option<(u16, u16)> {
    if text == "any" {
        return Some((0, 0));
    }
    let (first, last) = text.split_once('-')?;
    let (first, last) = (first.parse::<u16>().ok()?, last.parse::<u16>().ok()?);
    (first >= 1_024 && last > first).then_some((first, last))
}

/// A host as it stands in a URL; none where it holds anything else, such as a port or a path.
fn host(text: &str) -> Option<String> {
    let named = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    let v6 = text.parse::<std::net::Ipv6Addr>().ok().map(|address| format!("[{address}]"));
    v6.or_else(|| named.then(|| text.to_owned()))
}
