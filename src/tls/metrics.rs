//! What is counted of certificates.

use prometheus::{Gauge, IntCounter, IntGauge, Registry};

/// The metrics of the certificate in force.
#[derive(Clone)]
pub(super) struct Metrics {
    /// When it ends, in Unix time.
    pub(super) not_after: Gauge,
    /// 1 while the files on disk have a fault and those before them are in force.
    pub(super) stale: IntGauge,
    /// Pairs that were refused for a fault.
    pub(super) refused: IntCounter,
}

impl Metrics {
    pub(super) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let metrics = Self {
            not_after: Gauge::new(
                "sluice_tls_certificate_not_after_seconds",
                "When the certificate in force ends, in Unix time.",
            )?,
            stale: IntGauge::new(
                "sluice_tls_certificate_stale",
                "1 while a new certificate has a fault and the old one is shown.",
            )?,
            refused: IntCounter::new(
                "sluice_tls_certificates_refused_total",
                "Certificates that were refused for a fault.",
            )?,
        };
        registry.register(Box::new(metrics.not_after.clone()))?;
        registry.register(Box::new(metrics.stale.clone()))?;
        registry.register(Box::new(metrics.refused.clone()))?;
        Ok(metrics)
    }
}
