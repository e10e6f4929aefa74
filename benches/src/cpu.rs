//! What a process costs: CPU seconds from `/proc/PID/task/*/schedstat` (nanoseconds, by thread), ksoftirqd beside it
//! (loopback receive work that overflows into it is charged to no process), the whole of a CPU from `/proc/stat`, resident
//! memory; and keeping processes on CPUs of their own.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Command};

use anyhow::Context;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Ticks of `/proc/stat` in a second (`USER_HZ`), the same on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU seconds at one moment: each thread of the process, all ksoftirqd threads together, and the CPU it is kept on.
#[derive(Clone, Debug)]
pub(crate) struct CpuSeconds {
    threads: BTreeMap<u32, (String, f64)>,
    ksoftirqd: f64,
    busy: f64,
}

/// What was spent between two moments.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    /// All threads of the process, and ksoftirqd. What a thread spent that ended in between is not seen.
    pub(crate) process: f64,
    /// Of those, the threads that carry media, and ksoftirqd.
    pub(crate) cores: f64,
    /// Of those, the threads that read the hubs and write to the disk, and the workers of their ring.
    pub(crate) recorder: f64,
    /// Everything that ran on the server's CPU, whoever it is charged to; in ticks of 10 ms.
    pub(crate) cpu: f64,
}

impl CpuSeconds {
    /// Reads them all.
    pub(crate) fn of(pid: u32) -> Self {
        let ksoftirqd: f64 = kernel_threads("ksoftirqd").map(|(_, seconds)| seconds).sum();
        Self { threads: threads(pid), ksoftirqd, busy: busy(SERVER_CPU) }
    }

    /// What was spent since `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Spent {
        let spent = |id: &u32, now: f64| now - earlier.threads.get(id).map_or(0.0, |(_, then)| *then);
        let of = |wanted: &dyn Fn(&str) -> bool| {
            let fitting = self.threads.iter().filter(|(_, (name, _))| wanted(name));
            fitting.map(|(id, (_, now))| spent(id, *now)).sum::<f64>()
        };
        let ksoftirqd: f64 = self.ksoftirqd - earlier.ksoftirqd;
        Spent {
            process: of(&|_| true) + ksoftirqd,
            cores: of(&|name| name.starts_with("core-")) + ksoftirqd,
            recorder: of(&|name| name.starts_with("recorder-") || name.starts_with("iou-wrk")),
            cpu: self.busy - earlier.busy,
        }
    }
}

fn threads(pid: u32) -> BTreeMap<u32, (String, f64)> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let thread = |task: fs::DirEntry| {
        let path = task.path();
        let name = fs::read_to_string(path.join("comm")).unwrap_or_default().trim().to_owned();
        let id = task.file_name().to_str()?.parse().ok()?;
        Some((id, (name, schedstat(&path.join("schedstat").display().to_string()))))
    };
    entries.filter_map(thread).collect()
}

fn schedstat(path: &str) -> f64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

/// Threads of the kernel by the beginning of their name, each with its CPU seconds.
fn kernel_threads(name: &str) -> impl Iterator<Item = (u32, f64)> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let named = move |pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|is| is.starts_with(name));
    pids.filter(named).map(|pid| (pid, schedstat(&format!("/proc/{pid}/schedstat"))))
}

/// The kernel's workers, which write back what others left in the page cache, and do much else: CPU seconds of each so far.
pub(crate) struct Kworkers(BTreeMap<u32, f64>);

impl Kworkers {
    pub(crate) fn now() -> Self {
        Self(kernel_threads("kworker").collect())
    }

    /// CPU seconds since then. Workers come and go: one that is gone is not told of any more, and takes nothing from the others.
    pub(crate) fn seconds_since(&self, before: &Self) -> f64 {
        let spent = |(pid, now): (&u32, &f64)| now - before.0.get(pid).copied().unwrap_or(0.0);
        self.0.iter().map(spent).sum::<f64>().max(0.0)
    }
}

/// Seconds in which a CPU was not idle: user, nice, system, interrupts, and what other guests took is left out.
fn busy(cpu: usize) -> f64 {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = text.lines().find(|l| l.starts_with(&format!("cpu{cpu} "))).unwrap_or_default();
    let ticks: Vec<f64> = line.split_whitespace().skip(1).filter_map(|n| n.parse().ok()).collect();
    let at = |place: usize| ticks.get(place).copied().unwrap_or(0.0);
    (at(0) + at(1) + at(2) + at(5) + at(6)) / TICKS_PER_SECOND
}

/// Resident memory in bytes.
pub(crate) fn resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|l| l.strip_prefix("VmRSS:"))
        .and_then(|l| l.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// The CPU that a server under test has to itself.
pub(crate) const SERVER_CPU: usize = 0;

/// The CPU for everything else: readers, cameras.
pub(crate) fn other_cpu() -> usize {
    // As it was at the start: a thread that keeps to one CPU counts one.
    static LAST: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
    *LAST.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from).saturating_sub(1))
}

/// Starts a process that stays on one CPU with all its threads, and knows it: a server that starts a thread for each CPU
/// starts one.
pub(crate) fn spawn_on(cpu: usize, command: &mut Command) -> anyhow::Result<Child> {
    let before = sched_getaffinity(None)?;
    let mut only = CpuSet::new();
    only.set(cpu);
    sched_setaffinity(None, &only).with_context(|| format!("cannot run on CPU {cpu}"))?;
    let child = command.spawn();
    sched_setaffinity(None, &before)?;
    child.with_context(|| format!("{command:?}"))
}

/// Keeps this thread, and those it starts, away from the server's CPU.
pub(crate) fn stay_on_other_cpu() -> anyhow::Result<()> {
    let mut only = CpuSet::new();
    only.set(other_cpu());
    sched_setaffinity(None, &only).context("cannot leave the server's CPU")
}
