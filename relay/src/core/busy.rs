//! How busy a core is: the share of time in which it was not parked, told by the runtime's own calls around each wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use media::wall::Clock;
use parking_lot::Mutex;

/// A share is taken over at least this long: long enough to even out keyframes, short enough to see a load come.
const WINDOW: Duration = Duration::from_millis(500);

/// One core's account of its waits. Written by the core, read by anybody.
pub(crate) struct Busy {
    clock: Arc<dyn Clock>,
    idle_nanos: AtomicU64,
    /// When the wait that goes on began, in nanoseconds and never 0 then; 0 while it runs.
    parked_at: AtomicU64,
    share: AtomicU32,
    sample: Mutex<Sample>,
}

struct Sample {
    at: Duration,
    idle: Duration,
}

impl Busy {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        let at = clock.monotonic();
        Arc::new(Self {
            clock,
            idle_nanos: AtomicU64::new(0),
            parked_at: AtomicU64::new(0),
            share: AtomicU32::new(0),
            sample: Mutex::new(Sample { at, idle: Duration::ZERO }),
        })
    }

    /// The core is about to wait.
    pub(crate) fn parks(&self) {
        self.parked_at.store(self.nanos().max(1), Ordering::Relaxed);
    }

    /// It goes on.
    pub(crate) fn unparks(&self) {
        let since = self.parked_at.swap(0, Ordering::Relaxed);
        if since > 0 {
            self.idle_nanos.fetch_add(self.nanos().saturating_sub(since), Ordering::Relaxed);
        }
    }

    fn nanos(&self) -> u64 {
        u64::try_from(self.clock.monotonic().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Time spent waiting so far, the wait that goes on included.
    fn idle(&self, now: Duration) -> Duration {
        let parked_at = self.parked_at.load(Ordering::Relaxed);
        let waiting = if parked_at > 0 { now.saturating_sub(Duration::from_nanos(parked_at)) } else { Duration::ZERO };
        Duration::from_nanos(self.idle_nanos.load(Ordering::Relaxed)) + waiting
    }

    /// The share of the last window in which it was at work, from 0 to 1.
    pub(crate) fn share(&self) -> f64 {
        let now = self.clock.monotonic();
        if let Some(mut sample) = self.sample.try_lock() {
            let passed = now.saturating_sub(sample.at);
            if passed >= WINDOW {
                let idle = self.idle(now);
                let waited = idle.saturating_sub(sample.idle).as_secs_f64() / passed.as_secs_f64();
                self.share.store((1.0 - waited).clamp(0.0, 1.0).mul_add(1e6, 0.0) as u32, Ordering::Relaxed);
                *sample = Sample { at: now, idle };
            }
        }
        f64::from(self.share.load(Ordering::Relaxed)) / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::wall::Wall;

    #[derive(Default)]
    struct Hand(AtomicU64);

    impl Clock for Hand {
        fn wall(&self) -> Wall {
            Wall::EPOCH
        }
        fn monotonic(&self) -> Duration {
            Duration::from_millis(self.0.load(Ordering::Relaxed))
        }
    }

    #[test]
    fn a_share_is_what_was_not_waited() {
        let hand = Arc::new(Hand::default());
        let busy = Busy::new(Arc::clone(&hand) as Arc<dyn Clock>);
        let pass = |millis: u64| hand.0.fetch_add(millis, Ordering::Relaxed);
        pass(1);
        for _ in 0..10 {
            busy.parks();
            pass(75);
            busy.unparks();
            pass(25);
        }
        assert!((busy.share() - 0.25).abs() < 0.01, "{}", busy.share());
        // Within a window the share stays; a wait that goes on counts at its end.
        pass(100);
        assert!((busy.share() - 0.25).abs() < 0.01);
        busy.parks();
        pass(900);
        assert!((busy.share() - 0.1).abs() < 0.01, "{}", busy.share());
        busy.unparks();
        pass(1_000);
        assert!((busy.share() - 1.0).abs() < 0.01, "{}", busy.share());
    }
}
