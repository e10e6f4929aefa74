//! What Prometheus sees of WebRTC.

use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// Counters of WHEP. Cheap to clone.
#[derive(Clone)]
pub(super) struct Metrics {
    pub(super) viewers: IntGauge,
    pub(super) packets: IntCounter,
    /// Datagrams that the kernel did not take.
    pub(super) unsent: IntCounter,
    /// Datagrams that were nobody's, by reason.
    pub(super) dropped: IntCounterVec,
    /// Offers without a session, by reason.
    pub(super) refused: IntCounterVec,
    /// Beginnings at a keyframe because a browser asked for one.
    pub(super) restarts: IntCounter,
}

impl Metrics {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let labelled = |name: &str, help: &str| IntCounterVec::new(Opts::new(name, help), &["reason"]);
        let metrics = Self {
            viewers: IntGauge::new("sluice_whep_viewers", "WebRTC viewers at this moment, connected or about to be.")?,
            packets: IntCounter::new("sluice_whep_packets_total", "Datagrams sent to WebRTC viewers.")?,
            unsent: IntCounter::new(
                "sluice_whep_unsent_total",
                "Datagrams for WebRTC viewers that the kernel did not take.",
            )?,
            dropped: labelled(
                "sluice_whep_dropped_total",
                "Datagrams that came to the WebRTC port and were for no viewer, by reason.",
            )?,
            refused: labelled("sluice_whep_refused_total", "WHEP offers that no session was made of, by reason.")?,
            restarts: IntCounter::new(
                "sluice_whep_restarts_total",
                "Times a browser that had lost too much was sent the newest keyframe again.",
            )?,
        };
        registry.register(Box::new(metrics.viewers.clone()))?;
        registry.register(Box::new(metrics.packets.clone()))?;
        registry.register(Box::new(metrics.unsent.clone()))?;
        registry.register(Box::new(metrics.dropped.clone()))?;
        registry.register(Box::new(metrics.refused.clone()))?;
        registry.register(Box::new(metrics.restarts.clone()))?;
        Ok(metrics)
    }
}
