//! What the dashboards see of decisions and sessions.

use prometheus::{Histogram, HistogramOpts, IntCounterVec, IntGauge, Opts, Registry};
use relay::lease::EndReason;

/// Bounds of `sluice_revocation_seconds`: a revocation is lock-and-map work, so the interesting range is far below a second.
const REVOCATION_BOUNDS: [f64; 8] = [0.000_1, 0.000_5, 0.001, 0.005, 0.025, 0.1, 0.5, 2.0];
/// The label of a favourable decision.
pub(super) const ALLOWED: &str = "ALLOWED";

/// Counters of decisions and revocations.
pub struct SessionMetrics {
    pub(super) decisions: IntCounterVec,
    pub(super) revocation: Histogram,
    pub(super) refusals_merged: prometheus::IntCounter,
    pub(super) open: IntGauge,
    pub(super) bytes_unaccounted: IntGauge,
    ended: IntCounterVec,
}

impl SessionMetrics {
    /// Registers them.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let decisions =
            Opts::new("sluice_decisions_total", "Decisions on sessions by code; ALLOWED is the favourable one.");
        let revocation = HistogramOpts::new(
            "sluice_revocation_seconds",
            "Time from a change of a right to the moment after which no byte leaves under it.",
        );
        let merged = "Refusals at the media ports that went on the ledger as one entry with others.";
        let metrics = Self {
            decisions: IntCounterVec::new(decisions, &["code"])?,
            revocation: Histogram::with_opts(revocation.buckets(REVOCATION_BOUNDS.to_vec()))?,
            refusals_merged: prometheus::IntCounter::new("sluice_media_refusals_merged_total", merged)?,
            open: IntGauge::new("sluice_sessions_open", "Sessions that hold a lease, started or not.")?,
            bytes_unaccounted: IntGauge::new(
                "sluice_session_bytes_unaccounted",
                "Media bytes that were sent and stand on no usage record on the ledger; must be 0.",
            )?,
            ended: IntCounterVec::new(
                Opts::new("sluice_sessions_ended_total", "Sessions that ended, by reason."),
                &["reason"],
            )?,
        };
        for reason in EndReason::ALL {
            // There from the start, so that the first one is a rise.
            metrics.ended.with_label_values(&[reason.as_str()]).inc_by(0);
        }
        registry.register(Box::new(metrics.decisions.clone()))?;
        registry.register(Box::new(metrics.revocation.clone()))?;
        registry.register(Box::new(metrics.refusals_merged.clone()))?;
        registry.register(Box::new(metrics.open.clone()))?;
        registry.register(Box::new(metrics.bytes_unaccounted.clone()))?;
        registry.register(Box::new(metrics.ended.clone()))?;
        Ok(metrics)
    }

    pub(super) fn ended(&self, why: EndReason) {
        self.ended.with_label_values(&[why.as_str()]).inc();
    }
}
