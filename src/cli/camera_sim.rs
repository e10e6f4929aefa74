//! `sluice camera-sim`: simulated RTSP cameras, until it is told to end.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use media::clip::Clip;
use relay::sim::{Sim, SimConfig, demo_clip};

use crate::clock::SystemClock;

/// Largest clip that is read into memory.
const CLIP_BYTES_MAX: u64 = 256 << 20;

/// Serve simulated RTSP cameras.
#[derive(Args)]
pub(crate) struct CameraSim {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8555")]
    listen: SocketAddr,
    /// Number of cameras, at rtsp://ADDR/cam/1 and so on.
    #[arg(long, value_name = "N", default_value_t = 4)]
    cameras: usize,
    /// MP4 clip that all of them play, in a loop, each at its own point of it; without it, a clip that is built in.
    #[arg(long, value_name = "CLIP.mp4")]
    file: Option<PathBuf>,
    /// Let one in seven H.264 pictures say when it was sent, in an SEI unit, so that a viewer can measure its way.
    #[arg(long)]
    stamp: bool,
}

impl CameraSim {
    /// Serves until a signal; prints `ready ADDR` first.
    pub(super) fn run(self) -> ExitCode {
        match self.serve() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => super::failed(&error),
        }
    }

    fn serve(self) -> anyhow::Result<()> {
        let clip = self.file.as_deref().map_or_else(|| demo_clip().context("the built-in clip"), read_clip)?;
        let clock = Arc::new(SystemClock::start());
        let sim =
            Sim::start(SimConfig { listen: self.listen, cameras: self.cameras, clip, stamped: self.stamp, clock })?;
        println!("{} cameras, {} to {}", self.cameras, sim.url(1), sim.url(self.cameras.max(1)));
        println!("ready {}", sim.addr());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(crate::appliance::stop_signal())?;
        drop(sim);
        Ok(())
    }
}

fn read_clip(path: &Path) -> anyhow::Result<Clip> {
    let bytes = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.len();
    anyhow::ensure!(
        bytes <= CLIP_BYTES_MAX,
        "{} holds {bytes} bytes; a clip may hold {CLIP_BYTES_MAX}",
        path.display()
    );
    let content = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Clip::parse(&content.into()).with_context(|| format!("{} cannot be played", path.display()))
}
