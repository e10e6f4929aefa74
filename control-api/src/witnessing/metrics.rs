//! The witness's metrics, read at the scrape, so that a task that hangs cannot hide it.

use std::sync::{Arc, Weak};

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, IntGauge, Registry};

use super::Witnessing;

pub(super) fn register(registry: &Registry, witnessing: &Arc<Witnessing>) -> prometheus::Result<()> {
    let configured = IntGauge::new(
        "sluice_ledger_witness_configured",
        "1 when checkpoints of the audit log are sent to a witness outside; without one, the owner of disk and key could rewrite it unseen",
    )?;
    configured.set(i64::from(witnessing.settings.is_some()));
    registry.register(Box::new(configured))?;
    if witnessing.settings.is_some() {
        registry.register(Box::new(AtScrape { of: Arc::downgrade(witnessing), age: age()? }))?;
    }
    Ok(())
}

fn age() -> prometheus::Result<Gauge> {
    Gauge::new(
        "sluice_ledger_witness_age_seconds",
        "How long ago the witness has last cosigned a checkpoint, or since the start if it never did",
    )
}

struct AtScrape {
    of: Weak<Witnessing>,
    age: Gauge,
}

impl Collector for AtScrape {
    fn desc(&self) -> Vec<&Desc> {
        self.age.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let age = self.of.upgrade().and_then(|witnessing| witnessing.age());
        self.age.set(age.unwrap_or_default().as_secs_f64());
        self.age.collect()
    }
}
