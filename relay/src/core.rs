//! Cores: threads that each carry some cameras and the viewers of those, so that a frame wakes no other thread. A core is a
//! current-thread runtime and an engine for its sends; nothing is stolen from it. Which camera goes where is decided once,
//! by load; viewers go where their camera is, until that core is full.

mod busy;
mod local;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::thread::JoinHandle;

use media::wall::Clock;
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;
use uring::{Choice, Engine, Kind};

use busy::Busy;
pub use local::Local;

/// Tasks on their way to a core: all cameras of a full appliance at its start, with room for viewers.
const TASKS_QUEUED_MAX: usize = 16_384;

/// A core's place in the list, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CoreId(usize);

impl CoreId {
    /// There is always one.
    pub const FIRST: Self = Self(0);
}

/// The task was not taken: the core has stopped, or too many wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSpawned {
    /// The appliance is being stopped.
    #[error("core {0:?} has stopped")]
    Stopped(CoreId),
    /// The core does not keep up with what is sent to it.
    #[error("core {0:?} has {TASKS_QUEUED_MAX} tasks waiting to start")]
    Busy(CoreId),
}

/// A core is full from this share of its time on: what comes then goes to another one, if that has room.
const FULL_SHARE: f64 = 0.7;
/// Another core takes a viewer only where it is at least so much less busy: waking it costs as much as five sends.
const SPILL_MARGIN: f64 = 0.2;

/// The cores could not be started.
#[derive(Debug, thiserror::Error)]
pub enum CannotStart {
    /// The system gave no thread, or no runtime.
    #[error("no thread for a core: {0}")]
    Thread(#[from] std::io::Error),
    /// The engine that was asked for is refused.
    #[error(transparent)]
    Engine(#[from] uring::Refused),
}

type Job = Box<dyn FnOnce(&std::rc::Rc<Local>) + Send>;

/// The threads. Dropping it stops them without waiting; `join` waits.
pub struct Cores {
    cores: Vec<Core>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Core {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    load: Arc<AtomicU64>,
    busy: Arc<Busy>,
    engine: Kind,
}

/// A place on a core, held for as long as the load is there.
#[derive(Debug)]
pub struct Placed {
    core: CoreId,
    load: u64,
    total: Arc<AtomicU64>,
}

/// A task on a core, as its owner sees it. Dropping this lets the task go on.
pub struct Task<T>(oneshot::Receiver<T>);

impl Cores {
    /// Starts `count` threads, each with an engine of its own; 0 is one for each CPU.
    pub fn start(count: usize, engine: Choice, clock: &Arc<dyn Clock>) -> Result<Arc<Self>, CannotStart> {
        let count = match count {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            given => given,
        };
        let mut cores = Vec::with_capacity(count);
        let mut threads = Vec::with_capacity(count);
        for index in 0..count {
            let (core, thread) = start_one(CoreId(index), engine, clock)?;
            cores.push(core);
            threads.push(thread);
        }
        Ok(Arc::new(Self { cores, threads: Mutex::new(threads) }))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.cores.len()
    }

    /// The least loaded core, which then carries `load` more until the place is dropped. The unit is the caller's:
    /// the same one everywhere, such as expected bits per second.
    pub fn place(&self, load: u64) -> Placed {
        let loads = self.cores.iter().enumerate();
        let (index, core) =
            loads.min_by_key(|(_, c)| c.load.load(Ordering::Relaxed)).expect("start makes at least one");
        core.load.fetch_add(load, Ordering::Relaxed);
        Placed { core: CoreId(index), load, total: Arc::clone(&core.load) }
    }

    /// The core for a viewer of a camera that lives on `home`: that one, unless it is full and another is not.
    pub fn seat(&self, home: CoreId) -> CoreId {
        let share = |core: &Core| core.busy.share();
        let here = self.cores.get(home.0).map_or(1.0, share);
        if here < FULL_SHARE || self.cores.len() == 1 {
            return home;
        }
        let others = self.cores.iter().enumerate().map(|(index, core)| (CoreId(index), share(core)));
        let least = others.min_by(|a, b| a.1.total_cmp(&b.1));
        least.filter(|(_, share)| share + SPILL_MARGIN <= here).map_or(home, |(core, _)| core)
    }

    /// The share of its time in which a core was at work lately, from 0 to 1.
    pub fn busy_share(&self, core: CoreId) -> f64 {
        self.cores.get(core.0).map_or(1.0, |core| core.busy.share())
    }

    /// The share of its time in which each core was at work lately, from 0 to 1.
    pub fn busy_shares(&self) -> Vec<f64> {
        self.cores.iter().map(|core| core.busy.share()).collect()
    }

    /// The engine that sends.
    pub fn engine(&self) -> Kind {
        self.cores.first().map_or(Kind::Epoll, |core| core.engine)
    }

    /// Starts a task on a core. `make` runs there, so the future need not be `Send`.
    pub fn spawn_on<F, T>(
        &self,
        core: CoreId,
        make: impl FnOnce(&std::rc::Rc<Local>) -> F + Send + 'static,
    ) -> Result<Task<T>, NotSpawned>
    where
        F: Future<Output = T> + 'static,
        T: Send + 'static,
    {
        let (done, task) = oneshot::channel();
        let job: Job = Box::new(move |local| {
            // In a box: the task's own future would hold it twice, before its first poll and after.
            let future = Box::pin(make(local));
            tokio::task::spawn_local(async move {
                // Nobody awaits it: the task's owner has let it go.
                let _ = done.send(future.await);
            });
        });
        let jobs = self.cores.get(core.0).and_then(|c| c.jobs.lock().clone()).ok_or(NotSpawned::Stopped(core))?;
        jobs.try_send(job).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => NotSpawned::Busy(core),
            mpsc::error::TrySendError::Closed(_) => NotSpawned::Stopped(core),
        })?;
        Ok(Task(task))
    }

    /// Stops the threads and waits for them. Tasks that still run are dropped where they wait; end them first.
    /// Blocks; not to be called on a core.
    pub fn join(&self) {
        self.cores.iter().for_each(|core| drop(core.jobs.lock().take()));
        let threads = std::mem::take(&mut *self.threads.lock());
        for thread in threads {
            // A panic on a core has been printed by the hook; what it carried is gone with it.
            let _ = thread.join();
        }
    }
}

/// Starts a core, and waits until its engine stands or is refused.
fn start_one(id: CoreId, choice: Choice, clock: &Arc<dyn Clock>) -> Result<(Core, JoinHandle<()>), CannotStart> {
    let busy = Busy::new(Arc::clone(clock));
    let (parks, unparks) = (Arc::clone(&busy), Arc::clone(&busy));
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().on_thread_park(move || parks.parks()).on_thread_unpark(move || unparks.unparks());
    let runtime = runtime.build()?;
    let (jobs, incoming) = mpsc::channel::<Job>(TASKS_QUEUED_MAX);
    let (told, engine) = std::sync::mpsc::channel();
    let (clock, shown) = (Arc::clone(clock), Arc::clone(&busy));
    let thread = std::thread::Builder::new().name(format!("core-{}", id.0)).spawn(move || {
        // A ring belongs to the thread that uses it.
        let engine = match Engine::open(choice) {
            Ok((engine, refused)) => {
                let _ = told.send(Ok((engine.kind(), refused)));
                engine
            }
            Err(refused) => {
                let _ = told.send(Err(refused));
                return;
            }
        };
        let local = Local::new(id, engine, shown, clock);
        LocalSet::new().block_on(&runtime, start_jobs(incoming, local));
    })?;
    let (engine, refused) = engine.recv().map_err(|_| std::io::Error::other("the thread ended at once"))??;
    // Told once: all cores hear the same.
    if let Some(refused) = refused.filter(|_| id == CoreId::FIRST) {
        tracing::info!(%refused, "sending without io_uring");
    }
    Ok((Core { jobs: Mutex::new(Some(jobs)), load: Arc::default(), busy, engine }, thread))
}

async fn start_jobs(mut incoming: mpsc::Receiver<Job>, local: std::rc::Rc<Local>) {
    while let Some(job) = incoming.recv().await {
        job(&local);
    }
}

impl Placed {
    /// Where it is.
    pub fn core(&self) -> CoreId {
        self.core
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        self.total.fetch_sub(self.load, Ordering::Relaxed);
    }
}

impl<T> Future for Task<T> {
    /// None where the task panicked or its core was stopped.
    type Output = Option<T>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        Pin::new(&mut self.0).poll(cx).map(Result::ok)
    }
}

/// The engine that tests run with: `SLUICE_TEST_ENGINE`, so that the whole suite can be run with each of them.
#[cfg(test)]
pub(crate) fn test_engine() -> Choice {
    match std::env::var("SLUICE_TEST_ENGINE").as_deref() {
        Ok("io_uring") => Choice::IoUring,
        Ok("epoll") => Choice::Epoll,
        Ok("auto" | "") | Err(_) => Choice::Auto,
        Ok(other) => panic!("SLUICE_TEST_ENGINE={other}: use io_uring, epoll or auto"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;
    use std::time::Duration;

    use media::wall::Wall;

    struct Still;

    impl Clock for Still {
        fn wall(&self) -> Wall {
            Wall::EPOCH
        }
        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }
    }

    fn cores(count: usize) -> Arc<Cores> {
        let clock: Arc<dyn Clock> = Arc::new(Still);
        Cores::start(count, test_engine(), &clock).unwrap()
    }

    #[test]
    fn a_task_that_is_not_send_runs_and_gives_its_value() {
        let cores = cores(2);
        let place = cores.place(1);
        let task = cores.spawn_on(place.core(), |_| async {
            let local = Rc::new(41);
            tokio::task::yield_now().await;
            *local + 1
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(task.unwrap()), Some(42));
        cores.join();
        let refused = cores.spawn_on(place.core(), |_| async {});
        assert_eq!(refused.err(), Some(NotSpawned::Stopped(place.core())));
    }

    #[test]
    fn load_spreads_and_is_given_back() {
        let cores = cores(2);
        let heavy = cores.place(10);
        let (light, lighter) = (cores.place(1), cores.place(1));
        assert_ne!(heavy.core(), light.core());
        assert_eq!(light.core(), lighter.core());
        let first = heavy.core();
        drop(heavy);
        assert_eq!(cores.place(1).core(), first);
        cores.join();
    }

    #[test]
    fn a_stopped_core_drops_what_runs() {
        let cores = cores(1);
        let place = cores.place(0);
        let task = cores.spawn_on(place.core(), |_| std::future::pending::<()>()).unwrap();
        cores.join();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(task), None);
    }
}
