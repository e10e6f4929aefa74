//! What is counted of HTTP connections.

use prometheus::{IntCounterVec, IntGauge, Opts, Registry};

/// The metrics of the HTTP shell.
#[derive(Clone)]
pub struct HttpMetrics {
    pub(super) connections: IntGauge,
    pub(super) handshakes: IntGauge,
    pub(super) refused: IntCounterVec,
    pub(super) handshakes_failed: IntCounterVec,
}

impl HttpMetrics {
    /// Registered; fails where they are already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let refused =
            Opts::new("sluice_http_connections_refused_total", "HTTP connections closed at once, by the limit.");
        let failed = Opts::new("sluice_tls_handshakes_failed_total", "TLS handshakes of HTTP that came to nothing.");
        let metrics = Self {
            connections: IntGauge::new("sluice_http_connections", "HTTP connections at this moment.")?,
            handshakes: IntGauge::new("sluice_tls_handshakes", "TLS handshakes of HTTP under way.")?,
            refused: IntCounterVec::new(refused, &["limit"])?,
            handshakes_failed: IntCounterVec::new(failed, &["reason"])?,
        };
        registry.register(Box::new(metrics.connections.clone()))?;
        registry.register(Box::new(metrics.handshakes.clone()))?;
        registry.register(Box::new(metrics.refused.clone()))?;
        registry.register(Box::new(metrics.handshakes_failed.clone()))?;
        for limit in ["total", "address", "handshakes"] {
            metrics.refused.with_label_values(&[limit]).reset();
        }
        for reason in ["late", "broken", "plain"] {
            metrics.handshakes_failed.with_label_values(&[reason]).reset();
        }
        Ok(metrics)
    }
}
