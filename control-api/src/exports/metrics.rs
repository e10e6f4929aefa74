//! What the dashboards see of exports.

use prometheus::{IntCounterVec, IntGauge, Opts, Registry};

/// Counters of exports. Cheap to clone.
#[derive(Clone)]
pub struct ExportMetrics {
    rendered: IntCounterVec,
    pub(super) waiting: IntGauge,
}

impl ExportMetrics {
    /// Registers them.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let rendered = Opts::new("sluice_exports_total", "Exports that were rendered, by how that ended.");
        let rendered = IntCounterVec::new(rendered, &["outcome"])?;
        let waiting = IntGauge::new("sluice_exports_waiting", "Exports that are released and not rendered yet.")?;
        registry.register(Box::new(rendered.clone()))?;
        registry.register(Box::new(waiting.clone()))?;
        // There from the first scrape, so that the first failure is an increase.
        ["ready", "failed"].iter().for_each(|outcome| rendered.with_label_values(&[*outcome]).reset());
        Ok(Self { rendered, waiting })
    }

    pub(super) fn ended(&self, made: bool) {
        self.rendered.with_label_values(&[if made { "ready" } else { "failed" }]).inc();
    }
}
