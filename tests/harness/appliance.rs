//! The appliance as a process, started by `sluice demo` on a folder of its own.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::api::Client;
use super::eventually;
use super::order::put_in_order;
use super::process::Process;

/// The binary.
pub(crate) const SLUICE: &str = env!("CARGO_BIN_EXE_sluice");
/// A start seeds accounts with argon2id, which takes seconds on a busy machine.
const START: Duration = Duration::from_secs(120);
const STOP: Duration = Duration::from_secs(30);

/// A running appliance and its folder.
pub(crate) struct Appliance {
    process: Process,
    dir: TempDir,
    demo: Value,
    kept_logins: Mutex<HashMap<String, Client>>,
}

impl Appliance {
    /// A new appliance without cameras.
    pub(crate) fn start() -> Self {
        Self::start_in(tempfile::tempdir().expect("a temporary folder"))
    }

    fn start_in(dir: TempDir) -> Self {
        let (process, demo) = launch(Command::new(SLUICE), dir.path(), &[]);
        Self { process, dir, demo, kept_logins: Mutex::default() }
    }

    /// With settings of its own, started by a command that ends in the binary's place.
    pub(crate) fn start_by(dir: TempDir, command: Command, settings: &[&str]) -> Self {
        let (process, demo) = launch(command, dir.path(), settings);
        Self { process, dir, demo, kept_logins: Mutex::default() }
    }

    /// Ends it as a power cut of the process would (SIGKILL) and leaves it down.
    pub(crate) fn kill_nine(&mut self) {
        self.process.signal(Signal::KILL);
        self.process.kill();
    }

    /// Asks it to stop; the exit code.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        self.process.stop(STOP)
    }

    /// Starts it again on the same folder.
    pub(crate) fn start_again(&mut self) {
        self.start_again_by(Command::new(SLUICE), &[]);
    }

    /// The same with settings of its own, by a command that ends in the binary's place.
    pub(crate) fn start_again_by(&mut self, command: Command, settings: &[&str]) {
        let (process, demo) = launch(command, self.dir.path(), settings);
        self.process = process;
        self.demo = demo;
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Its folder.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Where the recordings are.
    pub(crate) fn recordings(&self) -> PathBuf {
        self.dir.path().join("recordings")
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// A field of demo.json.
    pub(crate) fn demo(&self, field: &str) -> &Value {
        &self.demo[field]
    }

    /// Base URL of the API.
    pub(crate) fn api(&self) -> &str {
        self.demo["api"].as_str().expect("demo.json names the API")
    }

    /// Address of the RTSP listener, `127.0.0.1:PORT`.
    pub(crate) fn rtsp_address(&self) -> &str {
        self.demo["rtsp"]
            .as_str()
            .and_then(|url| url.strip_prefix("rtsp://"))
            .expect("demo.json names the RTSP listener")
    }

    /// Address of the UDP port for WebRTC.
    pub(crate) fn whep_address(&self) -> &str {
        self.demo["whep"].as_str().expect("demo.json names the WebRTC port")
    }

    /// A login with the demo account of that role. One with a second factor is kept: its codes serve once.
    pub(crate) fn login(&self, role: &str) -> Client {
        let account = &self.demo["accounts"][role];
        let text = |field: &str| account[field].as_str().unwrap_or_else(|| panic!("no account {role}.{field}"));
        let Some(secret) = account["otp_secret"].as_str() else {
            return Client::login(self.api(), text("user"), text("password"));
        };
        let mut kept = self.kept_logins.lock().expect("no login panicked");
        let login = || Client::login_with_otp(self.api(), text("user"), text("password"), secret);
        kept.entry(role.to_owned()).or_insert_with(login).at(self.api())
    }

    /// The value of a metric line that begins with `line`, e.g. `sluice_camera_up{camera="a"}`.
    pub(crate) fn metric(&self, line: &str) -> Option<f64> {
        self.metrics().lines().find_map(|l| l.strip_prefix(line)?.trim().parse().ok())
    }

    /// All metrics, as Prometheus gets them.
    pub(crate) fn metrics(&self) -> String {
        let url = self.demo["metrics"].as_str().expect("demo.json names the metrics");
        let (status, body) = Client::new(url).bytes(url);
        assert_eq!(status, 200);
        String::from_utf8(body).expect("metrics are text")
    }

    /// Adds a camera by POST /cameras.
    pub(crate) fn add_camera(&self, id: &str, source: &str) {
        self.login("catalogue_admin").create("/api/v1/cameras", &camera(id, source));
    }

    /// Waits until the relay says that the camera is up.
    pub(crate) fn wait_for_camera(&self, id: &str) {
        let line = format!("sluice_camera_up{{camera=\"{id}\"}}");
        eventually(&format!("camera {id} up"), Duration::from_secs(40), || (self.metric(&line)? > 0.5).then_some(()));
    }

    /// A session over a stretch of the recording; the whole answer.
    pub(crate) fn recorded(&self, operator: &Client, camera: &str, verb: &str, stretch: [jiff::Timestamp; 2]) -> Value {
        let [from, to] = stretch.map(|at| at.to_string());
        let purpose = &self.demo["purpose"];
        let body = json!({
            "camera": camera, "verb": verb, "purpose": purpose, "reason": "journey", "from": from, "to": to,
        });
        operator.create("/api/v1/sessions", &body)
    }

    /// When what is on disk of a camera begins and ends, once `enough` says that it is enough.
    pub(crate) fn once_recorded(
        &self,
        operator: &Client,
        camera: &str,
        enough: impl Fn(&[[jiff::Timestamp; 2]]) -> bool,
    ) -> Vec<[jiff::Timestamp; 2]> {
        eventually(&format!("{camera}: enough recorded"), Duration::from_secs(60), || {
            let (status, timeline) = operator.get(&format!("/api/v1/cameras/{camera}/timeline"));
            assert_eq!(status, 200, "{timeline}");
            let time = |item: &Value, field: &str| item[field].as_str()?.parse().ok();
            let items = timeline["items"].as_array()?.iter();
            let times: Vec<_> = items.filter_map(|item| Some([time(item, "start")?, time(item, "end")?])).collect();
            enough(&times).then_some(times)
        })
    }

    /// What the rules want of a further person of the demo's unit before they view.
    pub(crate) fn put_in_order(&self, person: &Client) {
        put_in_order(person, &self.login("unit_principal"), &self.login("unit_admin"));
    }

    /// A live session of the operator; the whole answer.
    pub(crate) fn live(&self, operator: &Client, camera: &str) -> Value {
        operator.create("/api/v1/sessions", &self.live_ask(camera))
    }

    /// What a live session is asked for with.
    pub(crate) fn live_ask(&self, camera: &str) -> Value {
        json!({"camera": camera, "verb": "live", "purpose": self.demo["purpose"], "reason": "journey"})
    }

    /// Waits until a session's usage record is closed; the record.
    pub(crate) fn closed(&self, session: &Value) -> Value {
        let auditor = self.login("audit_admin");
        eventually("a usage record is closed", Duration::from_secs(20), || {
            let (_, page) = auditor.get("/api/v1/usage");
            let of = |record: &&Value| record["session"] == session["id"] && record["closed_at"].is_string();
            page["items"].as_array()?.iter().find(of).cloned()
        })
    }
}

/// A complete catalogue entry.
pub(crate) fn camera(id: &str, source: &str) -> Value {
    json!({
        "id": id, "name": format!("camera {id}"), "source": source, "resource_category": "road",
        "location_name": "North Gate", "camera_type": "fixed", "construction_unit": "Bureau",
        "maintenance_unit": "Bureau", "contact": "duty desk 12345",
    })
}

fn launch(mut command: Command, dir: &Path, settings: &[&str]) -> (Process, Value) {
    command.args(["demo", "--port-base", "0", "--cameras", "0", "--data"]).arg(dir);
    for setting in settings {
        command.args(["--set", setting]);
    }
    // So that the whole suite can be run with each engine.
    if let Ok(engine) = std::env::var("SLUICE_TEST_ENGINE") {
        command.args(["--set", &format!("relay.engine={engine}")]);
    }
    let process = Process::start(&mut command);
    process.line_after("ready", START);
    let text = std::fs::read_to_string(dir.join("demo.json")).expect("demo.json is there once it is ready");
    (process, serde_json::from_str(&text).expect("demo.json is JSON"))
}
