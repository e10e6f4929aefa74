//! What went wrong within connections that went on: counted by kind, over all cameras.

use media::codec::DepacketizeError;
use prometheus::{IntCounterVec, Opts, Registry};

/// The counters. Cloning shares them.
#[derive(Clone)]
pub struct IngestErrors(IntCounterVec);

impl IngestErrors {
    /// Registers `sluice_ingest_errors_total`.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counters = IntCounterVec::new(
            Opts::new(
                "sluice_ingest_errors_total",
                "Packets, units and media of cameras that were dropped, by reason.",
            ),
            &["reason"],
        )?;
        registry.register(Box::new(counters.clone()))?;
        Ok(Self(counters))
    }

    /// Errors of one kind so far.
    pub fn count(&self, reason: &str) -> u64 {
        self.0.with_label_values(&[reason]).get()
    }

    pub(super) fn add(&self, reason: &'static str) {
        self.0.with_label_values(&[reason]).inc();
    }

    pub(super) fn depacketize(&self, error: &DepacketizeError) {
        self.add(match error {
            DepacketizeError::Truncated { .. } => "truncated",
            DepacketizeError::Kind { .. } => "packet_type",
            DepacketizeError::Fragment { .. } => "fragment",
            DepacketizeError::TooLarge { .. } => "too_large",
            DepacketizeError::Field { .. } => "field",
            DepacketizeError::Loss { .. } => "unit_lost",
            DepacketizeError::Params { .. } => "parameter_sets",
        });
    }
}
