//! Cameras for the journeys: GStreamer's RTSP server, which nobody here wrote, and the appliance's own simulator.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use super::process::Process;

/// Time for a camera process to listen; Python and GStreamer load slowly on a busy machine.
const START: Duration = Duration::from_secs(60);

/// GStreamer's RTSP server.
pub(crate) struct GstCamera {
    process: Process,
    port: u16,
}

impl GstCamera {
    /// Serves each `(name, clip, kinds)`, kinds being `h264,aac` and the like, at `rtsp://127.0.0.1:PORT/name`.
    pub(crate) fn start(clips: &[(&str, &Path, &str)]) -> Self {
        Self::start_on(0, clips)
    }

    /// The same on a port that an earlier camera had, as a camera that was switched off and on; 0 for the kernel's choice.
    pub(crate) fn start_on(port: u16, clips: &[(&str, &Path, &str)]) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/harness/gst_camera.py");
        // Debian's own interpreter: the GObject bindings are installed for it alone.
        let mut command = Command::new("/usr/bin/python3");
        command.arg(script).arg(format!("--port={port}"));
        for (name, clip, kinds) in clips {
            command.arg(format!("{name}={},{kinds}", clip.display()));
        }
        let process = Process::start(&mut command);
        let port = process.line_after("ready ", START).parse().expect("a port");
        Self { process, port }
    }

    /// URL of a clip.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("rtsp://127.0.0.1:{}/{name}", self.port)
    }

    /// Holds it: its connections stay open, and nothing comes any more.
    pub(crate) fn hold(&self) {
        self.process.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub(crate) fn release(&self) {
        self.process.signal(Signal::CONT);
    }

    /// Pulls the plug.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }
}

/// `sluice camera-sim` as a process of its own, so that it outlives the appliance.
pub(crate) struct SimCameras {
    process: Process,
    address: String,
    count: usize,
    clip: Option<PathBuf>,
}

impl SimCameras {
    /// `count` cameras serving the built-in clip.
    pub(crate) fn start(count: usize) -> Self {
        Self::start_at("127.0.0.1:0", count, None)
    }

    /// The same serving this clip.
    pub(crate) fn start_with(clip: &Path, count: usize) -> Self {
        Self::start_at("127.0.0.1:0", count, Some(clip))
    }

    fn start_at(address: &str, count: usize, clip: Option<&Path>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
        command.args(["camera-sim", "--listen", address, "--cameras", &count.to_string()]);
        command.args(clip.iter().flat_map(|clip| [OsStr::new("--file"), clip.as_os_str()]));
        let process = Process::start(&mut command);
        let address = process.line_after("ready ", START);
        Self { process, address, count, clip: clip.map(Path::to_owned) }
    }

    /// Plugs them in again, after [`Self::kill`]: the same cameras at the same address.
    pub(crate) fn return_again(&mut self) {
        *self = Self::start_at(&self.address, self.count, self.clip.as_deref());
    }

    /// Pulls the plug of all of them.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// URL of camera `n`, from 1.
    pub(crate) fn url(&self, n: usize) -> String {
        format!("rtsp://{}/cam/{n}", self.address)
    }
}
