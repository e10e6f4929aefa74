//! The real clock. The one place that asks the operating system for the time; everything else is told.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use media::wall::{Clock, Wall};

/// The system's clocks: wall time from `CLOCK_REALTIME`, durations from `CLOCK_MONOTONIC`.
#[derive(Debug)]
pub(crate) struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic line begins now.
    #[expect(clippy::disallowed_methods, reason = "this is the shell that reads the clock for everyone else")]
    pub(crate) fn start() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the shell that reads the clock for everyone else")]
    fn wall(&self) -> Wall {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Wall::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}
