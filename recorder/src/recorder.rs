//! The recorder as others see it: opened once, told which cameras to record, asked what there is. It owns its threads (one
//! that reads the hubs, one that writes, one that deletes) and ends them when it is closed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::{Builder, JoinHandle};

use media::hub::Hub;
use media::id::CameraId;
use media::wall::{Clock, Wall};
use parking_lot::Mutex;
use prometheus::Registry;

use crate::config::Config;
use crate::coverage::Coverage;
use crate::disk::{Direct, Disk, System, Volume};
use crate::forecast::Forecast;
use crate::gap::GapReason;
use crate::index::{Index, IndexError};
use crate::keeping::Keeping;
use crate::kept::{self, Kept};
use crate::lane::{Lane, Lanes};
use crate::live::Live;
use crate::metrics::Metrics;
use crate::outlook::VolumeOutlook;
use crate::playback::Playback;
use crate::queue::Waiting;
use crate::reader::{Command, Reader};
use crate::record::Record;
use crate::recovery::{Recovery, RecoveryError, Report};
use crate::retention::{Bounds, Passed, Retention};
use crate::rules::{Held, Rule, Rules};
use crate::stock::Stock;
use crate::timeline::{self, Timeline};
use crate::volumes::{Slot, Volumes};
use crate::writer::{Parts, Writer};

/// Why the recorder cannot run.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No volume can be used.
    #[error("no volume can be recorded to: {0}")]
    NoVolume(String),
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
    Thread(std::io::Error),
}

/// The recorder. All calls return at once but `open` and `close`; what answers from the index reads the disk.
pub struct Recorder {
    commands: Sender<Command>,
    pub(crate) index: Arc<Index>,
    pub(crate) live: Arc<Live>,
    pub(crate) volumes: Arc<Volumes>,
    pub(crate) rules: Arc<Rules>,
    pub(crate) stock: Arc<Stock>,
    pub(crate) bounds: Bounds,
    pub(crate) clock: Arc<dyn Clock>,
    /// Of every camera that was ever recorded.
    pub(crate) lanes: Lanes,
    may_delete: Arc<AtomicBool>,
    report: Report,
    threads: Mutex<Threads>,
}

#[derive(Default)]
struct Threads {
    running: Vec<JoinHandle<()>>,
    keeping: Option<Box<Keeping>>,
    stop_keeping: Option<Sender<()>>,
}

impl Recorder {
    /// Opens the volumes and their index, brings them to agree, and starts the threads. Takes a while after a crash with
    /// many files; progress is logged. Registers the recorder's metrics. A volume that cannot be used is tried again later;
    /// where none can, this fails.
    #[allow(clippy::needless_pass_by_value, reason = "what a recorder is made of becomes its own")]
    pub fn open(config: Config, clock: Arc<dyn Clock>, registry: &Registry) -> Result<Self, OpenError> {
        Self::open_on(|_| Arc::new(System), &config, clock, registry)
    }

    /// [`Recorder::open`] with other disks under the volumes, by their places in the list.
    pub(crate) fn open_on(
        disk: impl Fn(usize) -> Arc<dyn Disk>,
        config: &Config,
        clock: Arc<dyn Clock>,
        registry: &Registry,
    ) -> Result<Self, OpenError> {
        let metrics = Metrics::register(registry)?;
        let index = Arc::new(Index::open(&config.index)?);
        let waiting = Waiting::new(config.queue_bytes_max);
        let volumes = config.roots.iter().enumerate().map(|(number, root)| Volume::on(disk(number), root)).collect();
        let volumes = Volumes::open(volumes, &config.appliance, &index, &metrics, &waiting, Arc::clone(&clock))?;
        let volumes = Arc::new(volumes);
        if !volumes.slots.iter().any(|slot| slot.is_ready()) {
            let why = |slot: &Arc<Slot>| format!("{}: {}", slot.name, slot.state());
            return Err(OpenError::NoVolume(volumes.slots.iter().map(why).collect::<Vec<_>>().join("; ")));
        }
        let stock = Arc::new(Stock::new(metrics.stored_bytes.clone()));
        let rules = Arc::new(Rules::open(Arc::clone(&index), config.rule, Arc::clone(&clock))?);
        let (report, resumed) = recover(&volumes, &index, &stock, &metrics, &clock)?;
        let live = Arc::new(Live::default());
        let lane = |(camera, coverage): (CameraId, Coverage)| {
            live.change(&camera, |live| live.gap = coverage.gap());
            (camera.clone(), Lane::new(camera, coverage))
        };
        let lanes: Lanes = Arc::new(Mutex::new(resumed.into_iter().map(lane).collect()));
        let writer = |slot: &Arc<Slot>| {
            let writer = Writer::new(Parts {
                disk: Direct::new(Arc::clone(&slot.volume)),
                volumes: Arc::clone(&volumes),
                slot: Arc::clone(slot),
                index: Arc::clone(&index),
                live: Arc::clone(&live),
                stock: Arc::clone(&stock),
                metrics: metrics.clone(),
                clock: Arc::clone(&clock),
            });
            spawn("recorder-write", || writer.run())
        };
        let mut running = volumes.slots.iter().map(writer).collect::<Result<Vec<_>, _>>()?;
        let (commands, received) = channel();
        let reader = Reader {
            commands: received,
            volumes: Arc::clone(&volumes),
            metrics: metrics.clone(),
            clock: Arc::clone(&clock),
            poll_interval: config.poll_interval,
            look_interval: config.sync_interval,
            segment_duration: config.segment_duration,
            fragment_duration: config.fragment_duration,
            stall_max: config.stall_max,
            cameras: BTreeMap::new(),
        };
        running.push(spawn("recorder-read", || reader.run())?);
        let bounds = Bounds { volume_bytes_max: config.volume_bytes_max, free_bytes_min: config.free_bytes_min };
        let retention = Retention {
            volumes: Arc::clone(&volumes),
            index: Arc::clone(&index),
            stock: Arc::clone(&stock),
            rules: Arc::clone(&rules),
            metrics: metrics.clone(),
            clock: Arc::clone(&clock),
            bounds,
            opened: (clock.wall(), clock.monotonic()),
            passed: Passed::default(),
        };
        let may_delete = Arc::new(AtomicBool::new(false));
        let keeping = Keeping::new(retention, Arc::clone(&lanes), waiting, Arc::clone(&may_delete));
        let threads = Mutex::new(Threads { running, keeping: Some(Box::new(keeping)), stop_keeping: None });
        Ok(Self { commands, index, live, volumes, rules, stock, bounds, clock, lanes, may_delete, report, threads })
    }

    /// What was found and done when it was opened.
    pub fn report(&self) -> Report {
        self.report
    }

    /// Starts to tell of what was sealed and to take volumes back. `record` is called on a thread of the recorder's. A second call
    /// does nothing.
    #[allow(clippy::needless_pass_by_value, reason = "it goes to the thread")]
    pub fn keep(&self, record: impl Record) -> Result<(), OpenError> {
        let mut threads = self.threads.lock();
        let Some(keeping) = threads.keeping.take() else { return Ok(()) };
        let (stop, stopped) = channel();
        threads.running.push(spawn("recorder-keep", move || keeping.run(&stopped, record))?);
        threads.stop_keeping = Some(stop);
        Ok(())
    }

    /// All rules and holds have been said: what they do not want any more may be deleted. Nothing is before.
    pub fn allow_deletion(&self) {
        self.may_delete.store(true, Ordering::Release);
    }

    /// The camera's recordings are kept like this from now on, and after a restart.
    pub fn set_rule(&self, camera: &CameraId, rule: Rule) -> Result<(), IndexError> {
        self.rules.set_rule(camera, rule)
    }

    /// These stretches of the camera are held from now on, and no others.
    pub fn set_holds(&self, camera: &CameraId, holds: &[Held]) -> Result<(), IndexError> {
        self.rules.set_holds(camera, holds)
    }

    /// Records this camera from its hub's last keyframe on.
    pub fn start(&self, camera: &CameraId, hub: Arc<Hub>) {
        let lane = {
            let mut lanes = self.lanes.lock();
            let new = || Lane::new(camera.clone(), Coverage::default());
            Arc::clone(lanes.entry(camera.clone()).or_insert_with(new))
        };
        self.tell(Command::Start { lane, hub });
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
        timeline::timeline(&self.index, &self.live, &self.volumes, camera, from, to, self.clock.wall())
    }

    /// What is kept of a camera between two instants.
    pub fn kept(&self, camera: &CameraId, from: Wall, to: Wall) -> Result<Kept, IndexError> {
        kept::kept(&self.index, &self.live, &self.volumes, camera, (from, to), self.clock.wall())
    }

    /// What is foreseen of each volume.
    pub fn outlook(&self) -> Vec<VolumeOutlook> {
        self.forecast().volumes()
    }

    /// True where all floors would still hold with one more camera of this rule and rate.
    pub fn has_room_for(&self, rule: &Rule, bytes_per_second: u64) -> bool {
        self.forecast().has_room_for(rule, bytes_per_second)
    }

    fn forecast(&self) -> Forecast<'_> {
        let Self { volumes, stock, rules, bounds, lanes, clock, .. } = self;
        Forecast { volumes, stock, rules, bounds: *bounds, lanes, now: clock.wall() }
    }

    /// A handle for playing what is recorded.
    pub fn playback(&self) -> Playback {
        Playback {
            volumes: Arc::clone(&self.volumes),
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
            threads.stop_keeping = None;
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

/// Brings what is there and the index to agree.
fn recover(
    volumes: &Volumes,
    index: &Index,
    stock: &Stock,
    metrics: &Metrics,
    clock: &Arc<dyn Clock>,
) -> Result<(Report, BTreeMap<CameraId, Coverage>), RecoveryError> {
    let there: Vec<Arc<Volume>> =
        volumes.slots.iter().filter(|slot| slot.is_ready()).map(|slot| Arc::clone(&slot.volume)).collect();
    let mut recovery = Recovery::new(there.iter().map(|volume| &**volume), index, stock, Arc::clone(clock));
    let resumed = recovery.run()?;
    metrics.quarantined.inc_by((recovery.report.quarantined + recovery.report.changed) as u64);
    metrics.repaired.inc_by(recovery.report.cut as u64);
    Ok((recovery.report, resumed))
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    Builder::new().name(name.into()).spawn(work).map_err(OpenError::Thread)
}
