//! What a process costs: CPU seconds from `/proc/PID/task/*/schedstat` (nanoseconds, all threads), ksoftirqd beside it
//! (loopback receive work that overflows into it is charged to no process), resident memory.

use std::collections::BTreeMap;
use std::fs;

/// CPU seconds at one moment: each thread of the process, and all ksoftirqd threads together.
#[derive(Clone, Debug)]
pub(crate) struct CpuSeconds {
    threads: BTreeMap<String, f64>,
    ksoftirqd: f64,
}

impl CpuSeconds {
    /// Reads both.
    pub(crate) fn of(pid: u32) -> Self {
        let ksoftirqd = softirq_threads().iter().map(|pid| schedstat(&format!("/proc/{pid}/schedstat"))).sum();
        Self { threads: threads(pid), ksoftirqd }
    }

    /// Seconds since `earlier`, ksoftirqd included. What a thread spent that ended in between is not seen.
    pub(crate) fn since(&self, earlier: &Self) -> f64 {
        let spent = |(id, now): (&String, &f64)| now - earlier.threads.get(id).copied().unwrap_or(0.0);
        self.threads.iter().map(spent).sum::<f64>() + (self.ksoftirqd - earlier.ksoftirqd)
    }
}

fn threads(pid: u32) -> BTreeMap<String, f64> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let thread = |task: fs::DirEntry| {
        let path = task.path();
        (path.display().to_string(), schedstat(&path.join("schedstat").display().to_string()))
    };
    entries.map(thread).collect()
}

fn schedstat(path: &str) -> f64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

fn softirq_threads() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|e| e.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|c| c.starts_with("ksoftirqd")))
        .collect()
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

/// Keeps a process (and the threads it will start) on one CPU, so that server and readers do not share one.
pub(crate) fn pin(pid: u32, cpu: usize) {
    let mut set = rustix::thread::CpuSet::new();
    set.set(cpu);
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    for tid in tasks.filter_map(|t| t.file_name().to_str()?.parse().ok()).filter_map(rustix::thread::Pid::from_raw) {
        if let Err(error) = rustix::thread::sched_setaffinity(Some(tid), &set) {
            println!("cannot pin {pid} to CPU {cpu}: {error}; server and readers share CPUs");
        }
    }
}

/// Number of CPUs this process may use.
pub(crate) fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
