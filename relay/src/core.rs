//! Cores: threads that each carry some cameras and all the viewers of those, so that a frame wakes no other thread.
//! A core is a current-thread runtime; nothing is stolen from it. Which camera goes where is decided once, by load.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

/// Tasks on their way to a core: all cameras of a full appliance at its start, with room for viewers.
const TASKS_QUEUED_MAX: usize = 16_384;

/// A core's place in the list, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CoreId(usize);

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

type Job = Box<dyn FnOnce() + Send>;

/// The threads. Dropping it stops them without waiting; `join` waits.
pub struct Cores {
    cores: Vec<Core>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Core {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    load: Arc<AtomicU64>,
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
    /// Starts `count` threads; 0 is one for each CPU.
    pub fn start(count: usize) -> std::io::Result<Arc<Self>> {
        let count = match count {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            given => given,
        };
        let mut cores = Vec::with_capacity(count);
        let mut threads = Vec::with_capacity(count);
        for index in 0..count {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let (jobs, incoming) = mpsc::channel::<Job>(TASKS_QUEUED_MAX);
            let thread = std::thread::Builder::new().name(format!("core-{index}"));
            threads.push(thread.spawn(move || LocalSet::new().block_on(&runtime, start_jobs(incoming)))?);
            cores.push(Core { jobs: Mutex::new(Some(jobs)), load: Arc::default() });
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

    /// Starts a task on a core. `make` runs there, so the future need not be `Send`.
    pub fn spawn_on<F, T>(&self, core: CoreId, make: impl FnOnce() -> F + Send + 'static) -> Result<Task<T>, NotSpawned>
    where
        F: Future<Output = T> + 'static,
        T: Send + 'static,
    {
        let (done, task) = oneshot::channel();
        let job: Job = Box::new(move || {
            tokio::task::spawn_local(async move {
                // Nobody awaits it: the task's owner has let it go.
                let _ = done.send(make().await);
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

async fn start_jobs(mut incoming: mpsc::Receiver<Job>) {
    while let Some(job) = incoming.recv().await {
        job();
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn a_task_that_is_not_send_runs_and_gives_its_value() {
        let cores = Cores::start(2).unwrap();
        let place = cores.place(1);
        let task = cores.spawn_on(place.core(), || async {
            let local = Rc::new(41);
            tokio::task::yield_now().await;
            *local + 1
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(task.unwrap()), Some(42));
        cores.join();
        let refused = cores.spawn_on(place.core(), || async {});
        assert_eq!(refused.err(), Some(NotSpawned::Stopped(place.core())));
    }

    #[test]
    fn load_spreads_and_is_given_back() {
        let cores = Cores::start(2).unwrap();
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
        let cores = Cores::start(1).unwrap();
        let place = cores.place(0);
        let task = cores.spawn_on(place.core(), std::future::pending::<()>).unwrap();
        cores.join();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(task), None);
    }
}
