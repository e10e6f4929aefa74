//! The budget of dials over all cameras: after a power cut a thousand of them are dialled, but neither all at once nor
//! faster than switches and cameras take it.

use std::sync::Arc;
use std::time::Duration;

use media::wall::Clock;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};

pub(super) struct Dials {
    interval: Duration,
    next_at: Mutex<Duration>,
    concurrent: Semaphore,
    clock: Arc<dyn Clock>,
}

impl Dials {
    pub(super) fn new(per_second_max: u32, concurrent_max: usize, clock: Arc<dyn Clock>) -> Self {
        Self {
            interval: Duration::from_secs(1) / per_second_max.max(1),
            next_at: Mutex::new(Duration::ZERO),
            concurrent: Semaphore::new(concurrent_max.max(1)),
            clock,
        }
    }

    /// Waits for a turn. The dial is counted as going on until the permit is dropped.
    pub(super) async fn turn(&self) -> SemaphorePermit<'_> {
        let permit = self.concurrent.acquire().await.expect("the semaphore is never closed");
        let now = self.clock.monotonic();
        let wait = {
            let mut next_at = self.next_at.lock();
            let at = (*next_at).max(now);
            *next_at = at + self.interval;
            at.saturating_sub(now)
        };
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        permit
    }
}
