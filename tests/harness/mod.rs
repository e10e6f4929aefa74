//! What the journeys stand on: the real binary in a folder of its own, real cameras, real players. Ports are the
//! kernel's choice, waits are for an event with a deadline, and what was started is ended when it goes out of scope.

pub(crate) mod alerts;
pub(crate) mod api;
pub(crate) mod appliance;
pub(crate) mod camera;
pub(crate) mod department;
pub(crate) mod media;
pub(crate) mod mounts;
pub(crate) mod order;
pub(crate) mod process;
pub(crate) mod socket;
pub(crate) mod viewer;

use std::time::{Duration, Instant};

/// Calls `probe` until it gives a value; panics, naming `what`, when `deadline` is over.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, deadline: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    #[expect(clippy::disallowed_methods, reason = "tests run against a real process in real time")]
    let now = Instant::now;
    let started = now();
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(started.elapsed() < deadline, "waited {deadline:?} for: {what}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}
