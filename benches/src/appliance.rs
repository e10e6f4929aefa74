//! The appliance under test: `sluice demo` in a temporary folder, cameras from a `sluice camera-sim` beside it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use crate::cpu::{SERVER_CPU, other_cpu, spawn_on};

/// Hundreds of cameras on any disk: no floor takes room.
const ANY_DISK: [&str; 3] = ["log.level=warn", "retention.floor=1s", "retention.key_target_floor=1s"];

/// A child that is ended with its owner.
pub(crate) struct Owned(pub(crate) Child);

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Owned {
    /// Starts a command on one CPU; its output goes on to a thread once the line with `prefix` has come.
    pub(crate) fn start(cpu: usize, command: &mut Command, prefix: &str) -> anyhow::Result<(Self, String)> {
        let mut child = spawn_on(cpu, command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let mut reader = BufReader::new(child.stdout.take().context("stdout was piped")?);
        let owned = Self(child);
        let mut line = String::new();
        while reader.read_line(&mut line)? > 0 {
            if let Some(rest) = line.strip_prefix(prefix) {
                let rest = rest.trim().to_owned();
                std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
                return Ok((owned, rest));
            }
            line.clear();
        }
        bail!("{command:?} ended without saying {prefix:?}")
    }

    /// Process id.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

/// A running appliance.
pub(crate) struct Appliance {
    process: Owned,
    demo: Value,
    agent: ureq::Agent,
    dir: tempfile::TempDir,
}

impl Appliance {
    /// Starts it in a folder of its own, without cameras, on the server's CPU, with these settings.
    pub(crate) fn start(sluice: &Path, settings: &[String]) -> anyhow::Result<Self> {
        Self::start_in(tempfile::Builder::new().prefix("sluice-bench").tempdir()?, sluice, settings)
    }

    /// The same in a folder that may have been used before.
    pub(crate) fn start_in(dir: tempfile::TempDir, sluice: &Path, settings: &[String]) -> anyhow::Result<Self> {
        let mut command = Command::new(sluice);
        command.args(["demo", "--port-base", "0", "--cameras", "0", "--data"]).arg(dir.path());
        for setting in settings.iter().map(String::as_str).chain(ANY_DISK) {
            command.args(["--set", setting]);
        }
        let (process, _) = Owned::start(SERVER_CPU, &mut command, "ready")?;
        let demo = serde_json::from_str(&std::fs::read_to_string(dir.path().join("demo.json"))?)?;
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        Ok(Self { process, demo, agent: config.into(), dir })
    }

    /// Stops it in order; gives its folder.
    pub(crate) fn stop(self) -> anyhow::Result<tempfile::TempDir> {
        let Self { mut process, dir, .. } = self;
        let pid = rustix::process::Pid::from_child(&process.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        process.0.wait()?;
        Ok(dir)
    }

    /// Process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its folder.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A bearer token of the demo account of that role.
    pub(crate) fn login(&self, role: &str) -> anyhow::Result<String> {
        let account = &self.demo["accounts"][role];
        let answer =
            self.call("/api/v1/login", "", &json!({"user": account["user"], "password": account["password"]}))?;
        Ok(answer["token"].as_str().context("login gives a token")?.to_owned())
    }

    /// POST of JSON; the answer's body.
    pub(crate) fn call(&self, path: &str, token: &str, body: &Value) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.demo["api"].as_str().context("demo.json names the API")?);
        let mut answer = self.agent.post(url).header("authorization", format!("Bearer {token}")).send_json(body)?;
        let status = answer.status();
        let value: Value = answer.body_mut().read_json()?;
        if !status.is_success() {
            bail!("{path}: {status} {value}");
        }
        Ok(value)
    }

    /// GET of a whole URL, as text.
    pub(crate) fn text(&self, url: &str) -> anyhow::Result<String> {
        let mut answer = self.agent.get(url).call()?;
        let text = answer.body_mut().read_to_string()?;
        anyhow::ensure!(answer.status().is_success(), "{url}: {} {text}", answer.status());
        Ok(text)
    }

    /// GET of a whole URL; its first bytes, at least one.
    pub(crate) fn first_bytes(&self, url: &str) -> anyhow::Result<Vec<u8>> {
        let answer = self.agent.get(url).call()?;
        if !answer.status().is_success() {
            bail!("{url}: {}", answer.status());
        }
        let mut bytes = vec![0; 4096];
        let read = std::io::Read::read(&mut answer.into_body().into_reader(), &mut bytes)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// GET of an answer of any length, which is read and thrown away; its bytes.
    pub(crate) fn drain(&self, path: &str, token: &str) -> anyhow::Result<u64> {
        let url = format!("{}{path}", self.demo["api"].as_str().context("demo.json names the API")?);
        let answer = self.agent.get(url).header("authorization", format!("Bearer {token}")).call()?;
        let status = answer.status();
        let bytes = std::io::copy(&mut answer.into_body().into_reader(), &mut std::io::sink())?;
        anyhow::ensure!(status.is_success(), "{path}: {status}");
        Ok(bytes)
    }

    /// GET; the answer's body.
    pub(crate) fn read(&self, path: &str, token: &str) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.demo["api"].as_str().context("demo.json names the API")?);
        let mut answer = self.agent.get(url).header("authorization", format!("Bearer {token}")).call()?;
        let status = answer.status();
        let value: Value = answer.body_mut().read_json()?;
        if !status.is_success() {
            bail!("{path}: {status} {value}");
        }
        Ok(value)
    }

    /// Adds cameras `bench-1` to `bench-N`.
    pub(crate) fn add_cameras(&self, sim: &str, count: usize) -> anyhow::Result<()> {
        self.add_range(sim, 1..=count)
    }

    /// Adds cameras `bench-2` to `bench-N` that nobody answers for.
    pub(crate) fn add_more_cameras(&self, count: usize) -> anyhow::Result<()> {
        self.add_range("127.0.0.1:9", 2..=count)
    }

    fn add_range(&self, sim: &str, numbers: std::ops::RangeInclusive<usize>) -> anyhow::Result<()> {
        let token = self.login("catalogue_admin")?;
        for n in numbers {
            let camera = json!({
                "id": format!("bench-{n}"), "name": format!("bench {n}"), "source": format!("rtsp://{sim}/cam/{n}"),
                "resource_category": "road", "location_name": "bench", "camera_type": "fixed",
                "construction_unit": "bench", "maintenance_unit": "bench", "contact": "bench 0000",
            });
            self.call("/api/v1/cameras", &token, &camera)?;
        }
        Ok(())
    }

    /// A live session's RTSP URL.
    pub(crate) fn live(&self, token: &str, camera: &str) -> anyhow::Result<String> {
        self.live_by(token, camera, "rtsp")
    }

    /// The URL of another protocol.
    pub(crate) fn live_by(&self, token: &str, camera: &str, protocol: &str) -> anyhow::Result<String> {
        let answer = self.call("/api/v1/sessions", token, &self.session(camera))?;
        let url = answer["urls"][protocol].as_str().with_context(|| format!("the session has no {protocol} URL"))?;
        Ok(url.to_owned())
    }

    /// The body of a live session's request.
    pub(crate) fn session(&self, camera: &str) -> Value {
        json!({"camera": camera, "verb": "live", "purpose": self.demo["purpose"], "reason": "bench"})
    }

    /// Sum of all series of a metric that hold `part` in their labels.
    pub(crate) fn metric(&self, name: &str, part: &str) -> anyhow::Result<f64> {
        let url = self.demo["metrics"].as_str().context("demo.json names the metrics")?;
        let text = self.agent.get(url).call()?.body_mut().read_to_string()?;
        let lines = text
            .lines()
            .filter(|l| l.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])) && l.contains(part));
        Ok(lines.filter_map(|l| l.rsplit(' ').next()?.parse::<f64>().ok()).sum())
    }

    /// Waits until that many cameras are up.
    pub(crate) fn wait_for_cameras(&self, count: usize, seconds: u64) -> anyhow::Result<()> {
        for _ in 0..seconds * 4 {
            if self.metric("sluice_camera_up", "")? >= count as f64 {
                return Ok(());
            }
            std::thread::sleep(std::time::Duration::from_millis(250));
        }
        bail!("{} of {count} cameras were up after {seconds} s", self.metric("sluice_camera_up", "")?)
    }
}

/// `sluice camera-sim` beside the server, its pictures stamped; its address.
pub(crate) fn cameras(sluice: &Path, count: usize, clip: Option<&Path>) -> anyhow::Result<(Owned, String)> {
    let mut command = Command::new(sluice);
    command.args(["camera-sim", "--stamp", "--listen", "127.0.0.1:0", "--cameras", &count.to_string()]);
    if let Some(clip) = clip {
        command.arg("--file").arg(clip);
    }
    Owned::start(other_cpu(), &mut command, "ready ")
}

/// Length of a clip, in seconds.
pub(crate) const CLIP_SECONDS: f64 = 12.0;

/// A clip of that bit rate, made with ffmpeg: noise under a test picture, 25 frames a second, a keyframe every 2 s.
pub(crate) fn clip(dir: &Path, kbit: u32) -> anyhow::Result<std::path::PathBuf> {
    let path = dir.join(format!("clip-{kbit}k.mp4"));
    let rate = format!("{kbit}k");
    let status = Command::new("ffmpeg")
        .args(["-hide_banner", "-loglevel", "error", "-y", "-f", "lavfi"])
        .args(["-i", &format!("testsrc2=size=1280x720:rate=25:duration={CLIP_SECONDS},noise=alls=20:allf=t")])
        .args([
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-profile:v",
            "main",
            "-bf",
            "0",
            "-g",
            "50",
            "-sc_threshold",
            "0",
        ])
        .args(["-b:v", &rate, "-minrate", &rate, "-maxrate", &rate, "-bufsize", &rate, "-pix_fmt", "yuv420p"])
        .arg(&path)
        .status()
        .context("ffmpeg makes the clip: install the package ffmpeg")?;
    if !status.success() {
        bail!("ffmpeg could not make {}", path.display());
    }
    Ok(path)
}
