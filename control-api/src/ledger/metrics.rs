//! The ledger's metrics. Age, size and poison are read at the scrape, so that a thread that hangs cannot hide its lag.

use std::sync::Arc;

use media::wall::Clock;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, Histogram, HistogramOpts, IntGauge, Registry};

use super::tail::Tail;

/// From a quiet disk's one sync to a disk in trouble.
const APPEND_SECONDS: [f64; 12] = [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 1.0, 4.0];

/// What callers touch.
pub(super) struct Metrics {
    pub(super) append_seconds: Histogram,
    pub(super) sessions_without_record: IntGauge,
}

impl Metrics {
    pub(super) fn register(registry: &Registry, tail: &Arc<Tail>, clock: &Arc<dyn Clock>) -> prometheus::Result<Self> {
        let append_seconds = Histogram::with_opts(
            HistogramOpts::new("sluice_ledger_append_seconds", "Time until an entry of the audit log was on disk")
                .buckets(APPEND_SECONDS.to_vec()),
        )?;
        let sessions_without_record = IntGauge::new(
            "sluice_sessions_without_record",
            "Viewing sessions with media bytes and no usage record; must be 0",
        )?;
        registry.register(Box::new(append_seconds.clone()))?;
        registry.register(Box::new(sessions_without_record.clone()))?;
        registry.register(Box::new(AtScrape::new(Arc::clone(tail), Arc::clone(clock))?))?;
        Ok(Self { append_seconds, sessions_without_record })
    }
}

struct AtScrape {
    tail: Arc<Tail>,
    clock: Arc<dyn Clock>,
    checkpoint_age_seconds: Gauge,
    size: IntGauge,
    poisoned: IntGauge,
}

impl AtScrape {
    fn new(tail: Arc<Tail>, clock: Arc<dyn Clock>) -> prometheus::Result<Self> {
        Ok(Self {
            tail,
            clock,
            checkpoint_age_seconds: Gauge::new(
                "sluice_ledger_checkpoint_age_seconds",
                "How long the oldest entry of the audit log that no signed checkpoint covers has waited; 0 when all are covered",
            )?,
            size: IntGauge::new("sluice_ledger_size", "Entries in the audit log")?,
            poisoned: IntGauge::new(
                "sluice_ledger_poisoned",
                "1 when the audit log cannot be written and nothing new is granted, until a restart",
            )?,
        })
    }
}

impl Collector for AtScrape {
    fn desc(&self) -> Vec<&Desc> {
        [self.checkpoint_age_seconds.desc(), self.size.desc(), self.poisoned.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.checkpoint_age_seconds.set(self.tail.lag(self.clock.monotonic()).as_secs_f64());
        self.size.set(i64::try_from(self.tail.size()).unwrap_or(i64::MAX));
        self.poisoned.set(i64::from(self.tail.poisoned().is_some()));
        [self.checkpoint_age_seconds.collect(), self.size.collect(), self.poisoned.collect()].concat()
    }
}
