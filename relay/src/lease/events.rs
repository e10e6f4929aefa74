//! The queue from the relay to the ledger. Starts and ends of sessions are never dropped: each lease makes at most one of
//! either, and no lease is granted while too many are unread. Refusals come from outside, so they are bounded by
//! themselves and counted when dropped.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::SessionEvent;

/// The sending side; cheap to clone.
#[derive(Clone)]
pub(super) struct Events {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    ready: Notify,
    refusals_max: usize,
    refusals_dropped: AtomicU64,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<SessionEvent>,
    refusals: usize,
    closed: bool,
}

impl Events {
    pub(super) fn new(refusals_max: usize) -> (Self, EventReceiver) {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            ready: Notify::new(),
            refusals_max,
            refusals_dropped: AtomicU64::new(0),
        });
        (Self { shared: Arc::clone(&shared) }, EventReceiver { shared })
    }

    pub(super) fn push(&self, event: SessionEvent) {
        let refusal = matches!(event, SessionEvent::Refused { .. });
        let mut queue = self.shared.queue.lock();
        if refusal && queue.refusals >= self.shared.refusals_max {
            self.shared.refusals_dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        queue.refusals += usize::from(refusal);
        queue.events.push_back(event);
        drop(queue);
        self.shared.ready.notify_one();
    }

    /// Events of sessions that nobody has read yet.
    pub(super) fn backlog(&self) -> usize {
        let queue = self.shared.queue.lock();
        queue.events.len() - queue.refusals
    }

    pub(super) fn refusals_dropped(&self) -> u64 {
        self.shared.refusals_dropped.load(Ordering::Relaxed)
    }

    pub(super) fn close(&self) {
        self.shared.queue.lock().closed = true;
        self.shared.ready.notify_one();
    }
}

/// Where the control API hears of sessions, in the order in which things happened.
pub struct EventReceiver {
    shared: Arc<Shared>,
}

impl EventReceiver {
    /// The next event; none once the leases are gone and all has been read. Safe to drop at any point.
    pub async fn recv(&mut self) -> Option<SessionEvent> {
        loop {
            if let Some(event) = self.try_recv() {
                return Some(event);
            }
            if self.shared.queue.lock().closed {
                return self.try_recv();
            }
            self.shared.ready.notified().await;
        }
    }

    /// The next event if one is there.
    pub fn try_recv(&mut self) -> Option<SessionEvent> {
        let mut queue = self.shared.queue.lock();
        let event = queue.events.pop_front()?;
        queue.refusals -= usize::from(matches!(event, SessionEvent::Refused { .. }));
        Some(event)
    }
}
