//! What the dashboards see of deliveries. The label is the subscription's id, of which there are few.

use prometheus::{GaugeVec, IntCounterVec, Opts, Registry};

/// Counters of deliveries.
pub(super) struct WebhookMetrics {
    lag: GaugeVec,
    attempts: IntCounterVec,
}

impl WebhookMetrics {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let lag = Opts::new(
            "sluice_webhook_lag_seconds",
            "Age of the oldest event that a subscription asked for and has not taken; 0 when it has all",
        );
        let attempts = Opts::new("sluice_webhook_attempts_total", "Events handed to a subscriber, by outcome");
        let metrics = Self {
            lag: GaugeVec::new(lag, &["subscription"])?,
            attempts: IntCounterVec::new(attempts, &["subscription", "outcome"])?,
        };
        registry.register(Box::new(metrics.lag.clone()))?;
        registry.register(Box::new(metrics.attempts.clone()))?;
        Ok(metrics)
    }

    pub(super) fn behind(&self, id: &str, seconds: f64) {
        self.lag.with_label_values(&[id]).set(seconds);
    }

    pub(super) fn attempted(&self, id: &str, taken: bool) {
        let outcome = if taken { "taken" } else { "failed" };
        self.attempts.with_label_values(&[id, outcome]).inc();
    }

    pub(super) fn forget(&self, id: &str) {
        // Absent is what it shall be.
        let _ = self.lag.remove_label_values(&[id]);
    }
}
