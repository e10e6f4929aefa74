//! How long to wait before a camera is dialled again: longer each time, with jitter, so that a thousand cameras behind
//! one switch do not come back in one second.

use std::time::Duration;

use crate::ingest::Reason;

/// Waits of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// Never less than this.
    pub floor: Duration,
    /// Upper end of the first wait; each later one doubles it.
    pub first: Duration,
    /// Upper end of the longest wait.
    pub longest: Duration,
}

/// How long a camera is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackoffConfig {
    /// After most failures.
    pub usual: Waits,
    /// After a refused login: cameras lock an account after a few wrong passwords, often for half an hour.
    pub auth_failed: Waits,
    /// A connection that lived this long counts as success: the waits begin anew.
    pub stable_after: Duration,
}

impl Default for BackoffConfig {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            usual: Waits { floor: Duration::ZERO, first: seconds(1), longest: seconds(60) },
            auth_failed: Waits { floor: seconds(60), first: seconds(120), longest: seconds(600) },
            stable_after: seconds(10),
        }
    }
}

/// One camera's waits so far.
#[derive(Debug)]
pub(super) struct Backoff {
    config: BackoffConfig,
    failures: u32,
}

impl Backoff {
    pub(super) fn new(config: BackoffConfig) -> Self {
        Self { config, failures: 0 }
    }

    /// The next wait, with full jitter: evenly spread between the floor and the upper end. `random` is from 0 to below 1.
    pub(super) fn next(&mut self, reason: Reason, lived: Duration, random: f64) -> Duration {
        if lived >= self.config.stable_after {
            self.failures = 0;
        }
        let waits = if reason == Reason::AuthFailed { self.config.auth_failed } else { self.config.usual };
        let doubled = waits.first.saturating_mul(1u32.checked_shl(self.failures).unwrap_or(u32::MAX));
        let upper = doubled.min(waits.longest).max(waits.floor);
        self.failures = self.failures.saturating_add(1).min(31);
        waits.floor + (upper - waits.floor).mul_f64(random.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ONCE: Duration = Duration::ZERO;

    #[test]
    fn waits_double_up_to_the_longest_and_begin_anew_after_success() {
        let mut backoff = Backoff::new(BackoffConfig::default());
        let mut upper = || backoff.next(Reason::Refused, AT_ONCE, 1.0).as_secs();
        assert_eq!([upper(), upper(), upper(), upper()], [1, 2, 4, 8]);
        for _ in 0..60 {
            upper();
        }
        assert_eq!(upper(), 60);
        let lived = Duration::from_secs(10);
        assert_eq!(backoff.next(Reason::ClosedByCamera, lived, 1.0).as_secs(), 1);
    }

    #[test]
    fn a_refused_login_waits_a_minute_at_least_and_ten_at_most() {
        let mut backoff = Backoff::new(BackoffConfig::default());
        assert_eq!(backoff.next(Reason::AuthFailed, AT_ONCE, 0.0).as_secs(), 60);
        for _ in 0..40 {
            let wait = backoff.next(Reason::AuthFailed, AT_ONCE, 1.0).as_secs();
            assert!((60..=600).contains(&wait), "{wait}");
        }
    }

    #[test]
    fn jitter_is_full() {
        let mut backoff = Backoff::new(BackoffConfig::default());
        assert_eq!(backoff.next(Reason::Timeout, AT_ONCE, 0.0), Duration::ZERO);
        assert_eq!(backoff.next(Reason::Timeout, AT_ONCE, 0.25), Duration::from_millis(500));
    }
}
