//! One run of a confined ffmpeg: begun, watched, and ended for certain: by itself, at a limit, or when it is called off. It is a
//! process group of its own, so that nothing of it is left.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use media::wall::Clock;
use rustix::process::{Pid, Signal, kill_process_group};

/// Time between two looks at the clock and at whether it is called off.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Longest line of progress that is kept: ffmpeg's have some 30 characters.
const LINE_BYTES_MAX: usize = 256;
/// Bytes of its complaints that are kept: the last ones say why it failed.
const SAID_BYTES_MAX: usize = 2_048;
/// Reports of progress that may wait; further ones are left out.
const REPORTS_MAX: usize = 16;
/// What `sluice confine` gives where the program was not begun.
const NOT_CONFINED: i32 = 69;
/// Address space: two threads of H.265 in 4K and an encoder take some 1.5 GiB.
const MEMORY_MIB: u64 = 4_096;
/// Processor seconds for each second of the clock: an encoder of four threads.
const CPU_PER_SECOND: u64 = 4;
/// Time for whatever it is, and so many times the length of the recording on top: a slow machine renders 4K at a quarter of its
/// pace.
const TIME_BASE: Duration = Duration::from_secs(120);
const TIME_PER_LENGTH: u32 = 8;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// No font with Chinese.
    #[error("no font with Chinese is installed, which the visible mark needs; install the package fonts-wqy-microhei")]
    NoFont,
    /// The machine cannot confine it, or ffmpeg is not installed.
    #[error("ffmpeg cannot be confined here, so nothing is rendered: {0}")]
    NotConfined(String),
    /// The process could not be begun.
    #[error("the renderer cannot be started: {0}")]
    Start(io::Error),
    /// The folder of the rendering.
    #[error("the renderer's folder cannot be written: {0}")]
    Folder(io::Error),
    /// It took longer than it may.
    #[error("ffmpeg was ended after {} s", .0.as_secs())]
    TooSlow(Duration),
    /// It failed, by itself or at one of the kernel's limits.
    #[error("ffmpeg failed ({status}): {said}")]
    Failed {
        /// How it ended.
        status: ExitStatus,
        /// What it complained of.
        said: String,
    },
    /// Whoever asked wants it no more.
    #[error("it was called off")]
    Stopped,
}

/// What it may use.
pub(super) struct Limits {
    time: Duration,
}

impl Limits {
    /// For a recording of this length.
    pub(super) fn of(length: Duration) -> Self {
        Self { time: TIME_BASE + length * TIME_PER_LENGTH }
    }
}

/// One run.
pub(super) struct Run<'a> {
    pub(super) program: &'a Path,
    pub(super) read: &'a Path,
    pub(super) write: &'a Path,
    pub(super) arguments: Vec<OsString>,
    pub(super) limits: Limits,
    pub(super) clock: &'a dyn Clock,
    pub(super) stop: &'a AtomicBool,
}

impl Run<'_> {
    /// Runs it to its end, whatever that is. The process dies with this thread.
    pub(super) fn finish(self, progress: &mut dyn FnMut(u64)) -> Result<(), RenderError> {
        let deadline = self.clock.monotonic() + self.limits.time;
        let mut running = Running::start(self.command())?;
        loop {
            match running.reports.recv_timeout(LOOK_EVERY) {
                Ok(micros) => progress(micros),
                Err(RecvTimeoutError::Timeout) => {}
                // It has closed its output: it has ended, or is about to.
                Err(RecvTimeoutError::Disconnected) => std::thread::park_timeout(LOOK_EVERY / 10),
            }
            if self.stop.load(Ordering::Relaxed) {
                running.kill();
                return Err(RenderError::Stopped);
            }
            if let Some(status) = running.child.try_wait().map_err(RenderError::Start)? {
                return verdict(status, running.said());
            }
            if self.clock.monotonic() >= deadline {
                running.kill();
                return Err(RenderError::TooSlow(self.limits.time));
            }
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command.arg("confine").arg("--read").arg(self.read).arg("--write").arg(self.write);
        command.args(["--parent", &std::process::id().to_string(), "--memory-mib", &MEMORY_MIB.to_string()]);
        command.args(["--cpu-seconds", &(self.limits.time.as_secs() * CPU_PER_SECOND).to_string()]);
        command.args(["--", "ffmpeg"]).args(&self.arguments);
        // Nothing of this process's environment is the renderer's business.
        command.env_clear().process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

fn verdict(status: ExitStatus, said: String) -> Result<(), RenderError> {
    match status.code() {
        Some(0) => Ok(()),
        Some(NOT_CONFINED) => Err(RenderError::NotConfined(said)),
        _ => Err(RenderError::Failed { status, said }),
    }
}

/// The process and the two threads that read what it says. Dropping it ends all of it.
struct Running {
    child: Child,
    reports: Receiver<u64>,
    complaints: Option<JoinHandle<String>>,
}

impl Running {
    fn start(mut command: Command) -> Result<Self, RenderError> {
        let mut child = command.spawn().map_err(RenderError::Start)?;
        let (send, reports) = sync_channel(REPORTS_MAX);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let mut running = Self { child, reports, complaints: None };
        let spawn = |name: &str| std::thread::Builder::new().name(name.into());
        spawn("render-progress").spawn(move || follow(stdout, &send)).map_err(RenderError::Start)?;
        running.complaints = Some(spawn("render-says").spawn(move || tail(stderr)).map_err(RenderError::Start)?);
        Ok(running)
    }

    fn kill(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It fails only where all of it has ended.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }

    /// What it complained of. To be called once it has ended.
    fn said(&mut self) -> String {
        self.complaints.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            self.kill();
        }
    }
}

/// Reads `-progress` lines and reports how many microseconds are done.
fn follow(stdout: Option<ChildStdout>, reports: &SyncSender<u64>) {
    let Some(mut stdout) = stdout else { return };
    let (mut bytes, mut line) = ([0; 4_096], Vec::new());
    while let Ok(count @ 1..) = stdout.read(&mut bytes) {
        for byte in bytes.get(..count).unwrap_or_default() {
            if *byte != b'\n' {
                if line.len() < LINE_BYTES_MAX {
                    line.push(*byte);
                }
                continue;
            }
            let text = std::str::from_utf8(&line).unwrap_or_default();
            if let Some(micros) = text.strip_prefix("out_time_us=").and_then(|n| n.trim().parse().ok()) {
                // Full means that nobody looks at the moment, and a newer one comes.
                let _ = reports.try_send(micros);
            }
            line.clear();
        }
    }
}

/// Reads to the end and keeps the last of it, as one line without control characters.
fn tail(stderr: Option<ChildStderr>) -> String {
    let Some(mut stderr) = stderr else { return String::new() };
    let (mut bytes, mut kept) = ([0; 1_024], Vec::new());
    while let Ok(count @ 1..) = stderr.read(&mut bytes) {
        kept.extend_from_slice(bytes.get(..count).unwrap_or_default());
        let excess = kept.len().saturating_sub(SAID_BYTES_MAX);
        kept.drain(..excess);
    }
    let text = String::from_utf8_lossy(&kept);
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    use media::wall::Wall;

    use super::*;

    /// Each look at the time is a second later.
    struct Hurrying(std::sync::atomic::AtomicU64);

    impl Clock for Hurrying {
        fn wall(&self) -> Wall {
            Wall::EPOCH
        }
        fn monotonic(&self) -> Duration {
            Duration::from_secs(self.0.fetch_add(1, Ordering::Relaxed))
        }
    }

    /// Runs a shell script in place of the appliance's binary: what is watched is a process like any other.
    fn run(script: &str, stop: &Arc<AtomicBool>, time: Duration) -> (Result<(), RenderError>, Vec<u64>, String) {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        let text = format!("#!/bin/sh\ncd {}\n{script}\n", folder.path().display());
        std::fs::write(&program, text).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        let run = Run {
            program: &program,
            read: folder.path(),
            write: folder.path(),
            arguments: Vec::new(),
            limits: Limits { time },
            clock: &Hurrying(0.into()),
            stop,
        };
        let mut reports = Vec::new();
        let ended = run.finish(&mut |micros| reports.push(micros));
        let left = std::fs::read_to_string(folder.path().join("pid")).unwrap_or_default();
        (ended, reports, left.trim().to_owned())
    }

    fn is_running(pid: &str) -> bool {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // A zombie holds nothing; whoever inherits it reaps it.
        state.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.trim_start().starts_with('Z'))
    }

    const LONG: Duration = Duration::from_secs(100_000);

    #[test]
    fn a_run_that_ends_well_tells_its_progress() {
        let never = Arc::default();
        let (ended, reports, _) = run("echo out_time_us=5; echo noise; sleep 0.3", &never, LONG);
        assert!(ended.is_ok(), "{ended:?}");
        assert_eq!(reports, [5]);
    }

    #[test]
    fn a_failure_has_the_last_of_what_was_said_and_no_more() {
        let never = Arc::default();
        let said = "i=0; while [ $i -lt 3000 ]; do echo complaint $i >&2; i=$((i+1)); done; exit 7";
        let (ended, _, _) = run(said, &never, LONG);
        let Err(RenderError::Failed { status, said }) = ended else { panic!("{ended:?}") };
        assert_eq!(status.code(), Some(7));
        assert!(said.ends_with("complaint 2999") && said.len() <= SAID_BYTES_MAX, "{said}");
        assert!(matches!(run("exit 69", &never, LONG).0, Err(RenderError::NotConfined(_))));
    }

    #[test]
    fn past_its_time_the_whole_group_is_ended() {
        let never = Arc::default();
        let (ended, _, left) = run("sleep 1000 & echo $! > pid; wait", &never, Duration::from_secs(20));
        assert!(matches!(ended, Err(RenderError::TooSlow(_))), "{ended:?}");
        assert!(!left.is_empty() && !is_running(&left), "its child {left} runs on");
    }

    #[test]
    fn a_call_off_ends_it_too() {
        let stop = Arc::new(AtomicBool::new(true));
        let (ended, _, _) = run("sleep 1000", &stop, LONG);
        assert!(matches!(ended, Err(RenderError::Stopped)), "{ended:?}");
    }

    #[test]
    fn a_flood_on_either_pipe_blocks_nothing() {
        let never = Arc::default();
        let (ended, _, _) = run("head -c 4000000 /dev/zero; head -c 4000000 /dev/zero >&2", &never, LONG);
        assert!(ended.is_ok(), "{ended:?}");
    }
}
