//! One target's run: inputs one after another on a thread of their own, watched from here.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use media::fuzz::Mutator;

use crate::targets::Target;

/// Longest time for one input. A camera's worst packet must not hold up the thousand others of its core; measured three
/// times, so that a busy machine is not blamed on the code.
const INPUT_TIME_MAX: Duration = Duration::from_millis(250);

/// An input that runs for so long hangs.
const HANG_TIME: Duration = Duration::from_secs(20);

/// Most memory that a run may add: inputs are of 64 KiB, the largest buffer of a body is 16 MiB.
const MEMORY_GROWTH_MAX: u64 = 96 << 20;

/// What went wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    Panic,
    Hang,
    Slow,
    Memory,
}

/// A failure and where its input was saved.
pub(crate) struct Fault {
    pub(crate) what: What,
    saved: Option<PathBuf>,
}

/// A run's result.
pub(crate) struct Outcome {
    name: &'static str,
    inputs: u64,
    time: Duration,
    slowest: Duration,
    growth: u64,
    pub(crate) fault: Option<Fault>,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.inputs as f64 / self.time.as_secs_f64().max(1e-9);
        let slowest = self.slowest.as_micros();
        write!(f, "{:<16} {:>10} {rate:>10.0} {slowest:>9} us", self.name, self.inputs)?;
        write!(f, " {:>6} MiB", self.growth >> 20)?;
        let Some(fault) = &self.fault else { return Ok(()) };
        write!(f, "  FAILED: {:?}", fault.what)?;
        match &fault.saved {
            Some(file) => write!(f, ", see --replay {} {}", file.display(), self.name),
            None => Ok(()),
        }
    }
}

/// What the thread shows of itself: the input it works on, and how many it has done.
#[derive(Default)]
struct Progress {
    inputs: u64,
    slowest: Duration,
    input: Vec<u8>,
}

/// Runs a target's body on mutated seeds for this long, or until it fails.
pub(crate) fn run(target: &Target, time: Duration, seed: u64) -> Outcome {
    let start = now();
    let memory = memory_bytes("VmRSS:");
    let progress = Arc::new(Mutex::new(Progress::default()));
    let (done, result) = channel();
    let (body, seeds, shown) = (target.body, target.seeds, Arc::clone(&progress));
    let thread = std::thread::spawn(move || {
        let mut mutator = Mutator::new(seed, seeds());
        let mut fault = None;
        while fault.is_none() && start.elapsed() < time {
            fault = one(body, mutator.next_input(), &shown);
        }
        // Nobody listens any more once a hang was found.
        let _ = done.send(fault);
    });
    let mut what = watch(&result, &progress);
    if what != Some(What::Hang) {
        let _ = thread.join();
    }
    let growth = memory_bytes("VmHWM:").saturating_sub(memory);
    if what.is_none() && growth > MEMORY_GROWTH_MAX {
        what = Some(What::Memory);
    }
    let progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
    let saved = what.filter(|_| target.name != crate::CANARY.name).and_then(|_| save(target.name, &progress.input));
    Outcome {
        name: target.name,
        inputs: progress.inputs,
        time: start.elapsed(),
        slowest: progress.slowest,
        growth,
        fault: what.map(|what| Fault { what, saved }),
    }
}

/// One input; what is wrong with it.
fn one(body: fn(&[u8]), input: &[u8], progress: &Mutex<Progress>) -> Option<What> {
    {
        let mut shown = progress.lock().unwrap_or_else(PoisonError::into_inner);
        shown.input.clear();
        shown.input.extend_from_slice(input);
    }
    let mut took = Duration::MAX;
    for _ in 0..3 {
        let start = now();
        if std::panic::catch_unwind(AssertUnwindSafe(|| body(input))).is_err() {
            return Some(What::Panic);
        }
        took = took.min(start.elapsed());
        if took <= INPUT_TIME_MAX {
            break;
        }
    }
    let mut shown = progress.lock().unwrap_or_else(PoisonError::into_inner);
    shown.inputs += 1;
    shown.slowest = shown.slowest.max(took);
    (took > INPUT_TIME_MAX).then_some(What::Slow)
}

/// Waits for the thread's end, or for an input that does not end.
fn watch(result: &std::sync::mpsc::Receiver<Option<What>>, progress: &Mutex<Progress>) -> Option<What> {
    let inputs = || progress.lock().unwrap_or_else(PoisonError::into_inner).inputs;
    let mut seen = inputs();
    loop {
        match result.recv_timeout(HANG_TIME) {
            Ok(fault) => return fault,
            Err(RecvTimeoutError::Disconnected) => return Some(What::Panic),
            Err(RecvTimeoutError::Timeout) if inputs() == seen => return Some(What::Hang),
            Err(RecvTimeoutError::Timeout) => seen = inputs(),
        }
    }
}

/// Keeps an input that failed, named by its content, under `target/fuzz-failures`.
fn save(name: &str, input: &[u8]) -> Option<PathBuf> {
    let folder = PathBuf::from("target/fuzz-failures");
    std::fs::create_dir_all(&folder).ok()?;
    let sum = input.iter().fold(0xcbf2_9ce4_8422_2325u64, |sum, b| (sum ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3));
    let file = folder.join(format!("{name}-{sum:016x}"));
    std::fs::write(&file, input).ok()?;
    Some(file)
}

/// A line of `/proc/self/status` in bytes; 0 where there is no such file, which turns the check off.
fn memory_bytes(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let value = status.lines().find_map(|l| l.strip_prefix(line)).and_then(|v| v.split_whitespace().next());
    value.and_then(|v| v.parse::<u64>().ok()).unwrap_or(0) * 1024
}

// Wall time is what a run is given; no product code asks for it here.
#[allow(clippy::disallowed_methods)]
fn now() -> Instant {
    Instant::now()
}
