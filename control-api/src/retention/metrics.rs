//! What the dashboards see of holds and attestations. The age is computed at the scrape, so that a task that hangs cannot hide it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use media::wall::{Clock, Wall};
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, IntGauge, Registry};

/// No day was attested yet.
const NEVER: i64 = i64::MIN;

/// Gauges of holds and attestations.
pub struct RetentionMetrics {
    pub(crate) holds_active: IntGauge,
    pub(crate) cameras_below_floor: IntGauge,
    attested_until: Arc<AtomicI64>,
}

impl RetentionMetrics {
    /// Registers them.
    pub fn new(registry: &Registry, clock: Arc<dyn Clock>) -> Result<Self, prometheus::Error> {
        let holds_active = IntGauge::new("sluice_holds_active", "Holds that protect recordings.")?;
        let cameras_below_floor = IntGauge::new(
            "sluice_retention_cameras_below_floor",
            "Cameras whose last attestation says that something of their floor was lost, or is missing without a reason.",
        )?;
        let attested_until = Arc::new(AtomicI64::new(NEVER));
        let age_seconds = Gauge::new(
            "sluice_attestation_age_seconds",
            "Time since the end of the last day that was attested for all cameras.",
        )?;
        registry.register(Box::new(holds_active.clone()))?;
        registry.register(Box::new(cameras_below_floor.clone()))?;
        registry.register(Box::new(AtScrape { clock, attested_until: Arc::clone(&attested_until), age_seconds }))?;
        Ok(Self { holds_active, cameras_below_floor, attested_until })
    }

    /// All cameras are attested up to here.
    pub(crate) fn attested_until(&self, end: Wall) {
        self.attested_until.store(end.micros(), Ordering::Relaxed);
    }
}

struct AtScrape {
    clock: Arc<dyn Clock>,
    attested_until: Arc<AtomicI64>,
    age_seconds: Gauge,
}

impl Collector for AtScrape {
    fn desc(&self) -> Vec<&Desc> {
        self.age_seconds.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let until = self.attested_until.load(Ordering::Relaxed);
        let age = self.clock.wall().since(Wall::from_micros(until));
        self.age_seconds.set(if until == NEVER { 0.0 } else { age.as_secs_f64() });
        self.age_seconds.collect()
    }
}
