//! What the recorder tells Prometheus. Camera and reason are the only labels that grow, both bounded by the register.

use prometheus::{
    CounterVec, Gauge, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
};
use prometheus::{Opts, Registry};

/// The recorder's metrics.
#[derive(Clone)]
pub(crate) struct Metrics {
    pub(crate) gap_seconds: CounterVec,
    pub(crate) lag_seconds: Gauge,
    pub(crate) free_bytes: GaugeVec,
    pub(crate) bytes: IntCounterVec,
    pub(crate) sync_seconds: Histogram,
    pub(crate) segments: IntCounter,
    pub(crate) open_segments: IntGauge,
    pub(crate) stored_bytes: IntGauge,
    pub(crate) queue_bytes: IntGauge,
    pub(crate) queue_bytes_max: IntGauge,
    pub(crate) quarantined: IntCounter,
    pub(crate) repaired: IntCounter,
    pub(crate) volume_state: IntGaugeVec,
    pub(crate) capacity_bytes: GaugeVec,
    pub(crate) moves: IntCounter,
    pub(crate) short_bytes: GaugeVec,
    pub(crate) full_seconds: GaugeVec,
    pub(crate) floor_danger_seconds: GaugeVec,
    pub(crate) class_danger_seconds: GaugeVec,
    pub(crate) paused_cameras: IntGauge,
    pub(crate) index_failures: IntCounter,
    pub(crate) deletions: IntCounterVec,
    pub(crate) floor_margin_seconds: Gauge,
}

impl Metrics {
    /// Registers all of them. Fails where one of the names is taken.
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str| keep(registry, IntCounter::new(name, help)?);
        let counters =
            |name: &str, help: &str, label: &str| keep(registry, IntCounterVec::new(Opts::new(name, help), &[label])?);
        let time = |name: &str, help: &str| keep(registry, Gauge::new(name, help)?);
        let gauge = |name: &str, help: &str| keep(registry, IntGauge::new(name, help)?);
        let of_volumes = |name: &str, help: &str| keep(registry, GaugeVec::new(Opts::new(name, help), &["volume"])?);
        let sync =
            HistogramOpts::new("sluice_recorder_sync_seconds", "Time of one batch of writes, until it is durable.")
                .buckets(vec![0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]);
        Ok(Self {
            gap_seconds: keep(registry, gap_seconds()?)?,
            lag_seconds: time(
                "sluice_recorder_lag_seconds",
                "Age of the oldest media that waited for the last sync, or of a write that stands still",
            )?,
            free_bytes: of_volumes("sluice_volume_free_bytes", "Bytes the volume still takes")?,
            bytes: counters("sluice_recorder_bytes_total", "Bytes written to recordings", "camera")?,
            sync_seconds: keep(registry, Histogram::with_opts(sync)?)?,
            segments: counter("sluice_recorder_segments_total", "Recording files begun")?,
            open_segments: gauge("sluice_recorder_open_segments", "Recording files being written")?,
            stored_bytes: gauge("sluice_recorder_stored_bytes", "Bytes of all recordings in the index")?,
            queue_bytes: gauge("sluice_recorder_queue_bytes", "Media waiting to be written")?,
            queue_bytes_max: gauge("sluice_recorder_queue_bytes_max", "Media that may wait before frames are lost")?,
            quarantined: counter(
                "sluice_recorder_quarantined_total",
                "Files moved away as no recordings, or changed ones",
            )?,
            repaired: counter("sluice_recorder_repaired_total", "Files cut to their whole fragments at start")?,
            volume_state: keep(
                registry,
                IntGaugeVec::new(
                    Opts::new("sluice_volume_state", "1 for the state that the volume is in"),
                    &["volume", "state"],
                )?,
            )?,
            capacity_bytes: of_volumes("sluice_volume_capacity_bytes", "Bytes the volume has in all")?,
            short_bytes: of_volumes(
                "sluice_volume_short_bytes",
                "Bytes that the volume wants and nothing may be deleted for",
            )?,
            full_seconds: of_volumes(
                "sluice_volume_full_seconds",
                "Forecast: time until recordings above their floor are deleted for want of room",
            )?,
            floor_danger_seconds: of_volumes(
                "sluice_retention_floor_danger_seconds",
                "Forecast: time until the volume can take no more without breaking a floor or a hold",
            )?,
            class_danger_seconds: keep(registry, class_danger_seconds()?)?,
            paused_cameras: gauge("sluice_recorder_paused_cameras", "Cameras not recorded for want of room")?,
            moves: counter("sluice_recorder_moves_total", "Cameras that went on at another volume")?,
            index_failures: counter(
                "sluice_recorder_index_failures_total",
                "Index commits that failed and were retried",
            )?,
            deletions: counters("sluice_recorder_deletions_total", "Recording files deleted, by cause", "why")?,
            floor_margin_seconds: time(
                "sluice_retention_floor_margin_seconds",
                "Age of the recording deleted last, less its camera's floor; below 0 is early",
            )?,
        })
    }
}

fn gap_seconds() -> Result<CounterVec, prometheus::Error> {
    let opts = Opts::new("sluice_recorder_gap_seconds_total", "Time without recording, by cause");
    CounterVec::new(opts, &["camera", "reason"])
}

fn class_danger_seconds() -> Result<GaugeVec, prometheus::Error> {
    let help = "Forecast: time until the floor of the class can no longer be kept on the volume, or it is stopped";
    GaugeVec::new(Opts::new("sluice_retention_class_danger_seconds", help), &["volume", "class"])
}

fn keep<C: prometheus::core::Collector + Clone + 'static>(registry: &Registry, it: C) -> Result<C, prometheus::Error> {
    registry.register(Box::new(it.clone()))?;
    Ok(it)
}
