//! The recorder as others see it: opened once, told which cameras to record, asked what there is. It owns its threads (one
//! that reads the hubs, one that writes, one that deletes) and ends them when it is closed.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use media::hub::Hub;
use media::id::CameraId;
use media::wall::{Clock, Wall};
use parking_lot::Mutex;
use prometheus::Registry;

use crate::config::Config;
use crate::disk::{Direct, Disk, Volume};
use crate::gap::GapReason;
use crate::index::{Index, IndexError};
use crate::live::Live;
use crate::metrics::Metrics;
use crate::playback::Playback;
use crate::queue::{Lane, Queue};
use crate::reader::{Command, Reader};
use crate::recovery::{Recovery, RecoveryError, Report};
use crate::retention::{Bounds, Deleted, Retention};
use crate::timeline::{self, Timeline};
use crate::writer::{Parts, Writer};

/// Time between two looks at what is past its retention.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);

/// Why the recorder cannot run.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The volume's folder.
    #[error("recordings in {path}: {source}; make the folder writable for this user")]
    Volume {
        /// Where.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// Files and index could not be brought to agree.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// A metric's name is taken.
    #[error("metrics of the recorder: {0}")]
    Metrics(#[from] prometheus::Error),
    /// A thread could not be started.
    #[error("threads of the recorder: {0}")]
    Thread(io::Error),
}

/// The recorder. All calls return at once but `open` and `close`; `timeline` reads the index.
pub struct Recorder {
    commands: Sender<Command>,
    index: Arc<Index>,
    live: Arc<Live>,
    volume: Arc<Volume>,
    clock: Arc<dyn Clock>,
    report: Report,
    threads: Mutex<Threads>,
}

#[derive(Default)]
struct Threads {
    running: Vec<JoinHandle<()>>,
    retention: Option<Box<Retention>>,
    stop_retention: Option<Sender<()>>,
}

impl Recorder {
    /// Opens the volume and its index, brings them to agree, and starts the threads. Takes a while after a crash with
    /// many files; progress is logged. Registers the recorder's metrics.
    #[allow(clippy::needless_pass_by_value, reason = "what a recorder is made of becomes its own")]
    pub fn open(config: Config, clock: Arc<dyn Clock>, registry: &Registry) -> Result<Self, OpenError> {
        let volume = Volume::open(&config.root).map_err(|e| volume_error(&config, e))?;
        let disk = Direct::new(volume.another().map_err(|e| volume_error(&config, e))?);
        Self::open_on(disk, volume, &config, clock, registry)
    }

    /// [`Recorder::open`] with another disk under the writer.
    pub(crate) fn open_on<D: Disk>(
        disk: D,
        volume: Volume,
        config: &Config,
        clock: Arc<dyn Clock>,
        registry: &Registry,
    ) -> Result<Self, OpenError> {
        let metrics = Metrics::register(registry)?;
        let index = Arc::new(Index::open(&config.index)?);
        let mut recovery = Recovery::new(&volume, &index, Arc::clone(&clock));
        let resumed = recovery.run()?;
        let report = recovery.report;
        metrics.quarantined.inc_by(report.quarantined as u64);
        metrics.repaired.inc_by(report.cut as u64);
        metrics.stored_bytes.set(i64::try_from(report.bytes).unwrap_or(i64::MAX));
        let (queue, live) = (Queue::new(config.queue_bytes_max), Arc::new(Live::default()));
        let volume_name = config.root.display().to_string();
        let parts = Parts {
            disk,
            volume_name: volume_name.clone(),
            queue: Arc::clone(&queue),
            index: Arc::clone(&index),
            live: Arc::clone(&live),
            metrics: metrics.clone(),
            clock: Arc::clone(&clock),
        };
        let writer = Writer::new(parts, resumed);
        let (commands, received) = channel();
        let reader = Reader {
            commands: received,
            queue,
            clock: Arc::clone(&clock),
            poll_interval: config.poll_interval,
            look_interval: config.sync_interval,
            segment_duration: config.segment_duration,
            fragment_duration: config.fragment_duration,
            cameras: BTreeMap::new(),
        };
        let retention = Retention {
            volume: volume.another().map_err(|e| volume_error(config, e))?,
            volume_name,
            index: Arc::clone(&index),
            metrics,
            clock: Arc::clone(&clock),
            bounds: Bounds {
                age: config.retention_age,
                volume_bytes_max: config.volume_bytes_max,
                free_bytes_min: config.free_bytes_min,
            },
            opened: (clock.wall(), clock.monotonic()),
        };
        let running = vec![spawn("recorder-read", || reader.run())?, spawn("recorder-write", || writer.run())?];
        let threads = Threads { running, retention: Some(Box::new(retention)), stop_retention: None };
        let volume = Arc::new(volume);
        Ok(Self { commands, index, live, volume, clock, report, threads: Mutex::new(threads) })
    }

    /// What was found and done when it was opened.
    pub fn report(&self) -> Report {
        self.report
    }

    /// Starts to delete what is past its retention, and reports each deletion on a thread of the recorder's. Nothing is
    /// deleted before this call; a second one does nothing.
    pub fn retain(&self, mut report: impl FnMut(&Deleted) + Send + 'static) -> Result<(), OpenError> {
        let mut threads = self.threads.lock();
        let Some(retention) = threads.retention.take() else { return Ok(()) };
        let (stop, stopped) = channel();
        threads.running.push(spawn("recorder-retain", move || sweep(&retention, &stopped, &mut report))?);
        threads.stop_retention = Some(stop);
        Ok(())
    }

    /// Records this camera from its hub's last keyframe on.
    pub fn start(&self, camera: CameraId, hub: Arc<Hub>) {
        self.tell(Command::Start { lane: Lane::new(camera), hub });
    }

    /// Ends the recording of a camera, what it sent so far included.
    pub fn stop(&self, camera: &CameraId, reason: GapReason) {
        self.tell(Command::Stop { camera: camera.clone(), reason });
    }

    /// The camera is down since `at`; `reason` is the supervisor's word for it and goes into the gap. The gap ends with
    /// the next frame that is recorded.
    pub fn camera_down(&self, camera: &CameraId, at: Wall, reason: &str) {
        let reason = GapReason::from_word(reason);
        self.tell(Command::Down { camera: camera.clone(), at, reason });
    }

    /// What there is of a camera between two instants, as far as it is durable. Reads the index.
    pub fn timeline(&self, camera: &CameraId, from: Wall, to: Wall) -> Result<Timeline, IndexError> {
        timeline::timeline(&self.index, &self.live, camera, from, to, self.clock.wall())
    }

    /// A handle for playing what is recorded.
    pub fn playback(&self) -> Playback {
        Playback {
            volume: Arc::clone(&self.volume),
            index: Arc::clone(&self.index),
            live: Arc::clone(&self.live),
            clock: Arc::clone(&self.clock),
            plans: Arc::default(),
        }
    }

    /// Takes what the hubs still hold, makes everything durable, and ends the threads. Blocks; a second call does nothing.
    pub fn close(&self) {
        self.tell(Command::Close);
        let running = {
            let mut threads = self.threads.lock();
            threads.stop_retention = None;
            std::mem::take(&mut threads.running)
        };
        for thread in running {
            if thread.join().is_err() {
                tracing::error!("a thread of the recorder had ended by a defect; the next start repairs its files");
            }
        }
    }

    fn tell(&self, command: Command) {
        // It fails only after `close`, when there is nothing left to tell.
        let _ = self.commands.send(command);
    }
}

/// A recorder that is let go without `close` still ends its threads and makes its files whole.
impl Drop for Recorder {
    fn drop(&mut self) {
        self.close();
    }
}

fn volume_error(config: &Config, source: io::Error) -> OpenError {
    OpenError::Volume { path: config.root.display().to_string(), source }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    Builder::new().name(name.into()).spawn(work).map_err(OpenError::Thread)
}

fn sweep(retention: &Retention, stopped: &Receiver<()>, report: &mut dyn FnMut(&Deleted)) {
    let mut wait = Duration::ZERO;
    while stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
        wait = match retention.sweep(report) {
            Ok(true) => Duration::ZERO,
            Ok(false) => SWEEP_INTERVAL,
            Err(error) => {
                tracing::error!(%error, "retention could not read the index");
                SWEEP_INTERVAL
            }
        };
    }
}
