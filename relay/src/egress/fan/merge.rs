//! When frames wait for each other. A send costs by the call far more than by the byte, so a loaded core puts frames of
//! viewers that can bear it into one send of up to 64 KiB. An idle core sends each frame at once, whatever is allowed.
//!
//! What counts is the load that the core would carry if every frame went alone: merging does not lower it, so the rule does
//! not swing.

use std::cell::Cell;
use std::time::Duration;

/// Up to this share of the core's time nothing waits.
const BEGINS_SHARE: f64 = 0.02;
/// From this share on a viewer's whole allowance is used.
const FULL_SHARE: f64 = 0.06;
/// How often the load is reckoned.
const WINDOW: Duration = Duration::from_millis(250);
/// Microseconds that a send costs until some have been measured.
const SEND_SECONDS_FIRST: f64 = 6e-6;
/// Bytes of a merged send: one segment on its way through the kernel. The next byte would pay the fixed cost again.
pub(super) const MERGED_BYTES_MAX: u64 = 64_000;
/// A frame interval as cameras keep it: a frame that is so late is still waited for. It is the most by which a viewer's
/// allowance is exceeded.
pub(super) const SLACK: Duration = Duration::from_millis(5);

/// One core's load, as far as sending goes.
pub(super) struct Pressure {
    window: Cell<Window>,
    /// Seconds that one send takes.
    cost: Cell<f64>,
    demand: Cell<f64>,
}

#[derive(Clone, Copy, Default)]
struct Window {
    began: Duration,
    /// Frames that were there for a viewer each.
    offered: u64,
    sends: u64,
    spent: Duration,
}

impl Pressure {
    pub(super) fn new(now: Duration) -> Self {
        let window = Window { began: now, ..Window::default() };
        Self { window: Cell::new(window), cost: Cell::new(SEND_SECONDS_FIRST), demand: Cell::new(0.0) }
    }

    /// So many frames were there to be sent, each to one viewer.
    pub(super) fn offered(&self, frames: u64) {
        let window = self.window.get();
        self.window.set(Window { offered: window.offered + frames, ..window });
    }

    /// So many sends took so long.
    pub(super) fn spent(&self, sends: u64, took: Duration) {
        let window = self.window.get();
        self.window.set(Window { sends: window.sends + sends, spent: window.spent + took, ..window });
    }

    /// Looks whether a window is over. `busy` is the share of the core's time that all its work takes.
    pub(super) fn reckon(&self, now: Duration, busy: f64) {
        let window = self.window.get();
        let passed = now.saturating_sub(window.began).as_secs_f64();
        if passed < WINDOW.as_secs_f64() {
            return;
        }
        if window.sends > 0 {
            let cost = window.spent.as_secs_f64() / window.sends as f64;
            self.cost.set((self.cost.get() + cost) / 2.0);
        }
        let others = (busy - window.spent.as_secs_f64() / passed).max(0.0);
        let demand = others + window.offered as f64 * self.cost.get() / passed;
        self.demand.set((self.demand.get() + demand) / 2.0);
        self.window.set(Window { began: now, ..Window::default() });
    }

    /// How much of what a viewer can bear is used now.
    pub(super) fn allowance(&self, bearable: Duration) -> Duration {
        let share = (self.demand.get() - BEGINS_SHARE) / (FULL_SHARE - BEGINS_SHARE);
        bearable.mul_f64(share.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEARABLE: Duration = Duration::from_millis(120);

    /// Two seconds of so many frames a second at 8 µs a send, of which one in `merged` is a send of its own.
    fn under(frames_per_second: u64, merged: u64) -> Duration {
        let pressure = Pressure::new(Duration::ZERO);
        for millis in (0..2_000).step_by(10) {
            let sends = frames_per_second / 100 / merged;
            pressure.offered(frames_per_second / 100);
            pressure.spent(sends, Duration::from_micros(8 * sends));
            pressure.reckon(Duration::from_millis(millis), sends as f64 * 8e-4);
        }
        pressure.allowance(BEARABLE)
    }

    #[test]
    fn an_idle_core_lets_nothing_wait_and_a_loaded_one_uses_the_allowance() {
        assert_eq!(under(0, 1), Duration::ZERO);
        assert_eq!(under(2_000, 1), Duration::ZERO);
        let between = under(5_000, 1);
        assert!(between > Duration::ZERO && between < BEARABLE, "{between:?}");
        assert_eq!(under(12_500, 1), BEARABLE);
    }

    #[test]
    fn what_merging_saves_does_not_end_it() {
        assert_eq!(under(12_500, 5), BEARABLE);
    }
}
