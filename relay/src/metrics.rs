//! What Prometheus sees of the viewers' side. Labels are protocols and reasons only: no session, no address, no user.

use std::sync::Arc;

use media::hub::Lag;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use crate::core::Cores;
use crate::lease::{Leases, Protocol, Refused};

/// Bytes that were copied in user space for viewers: each frame once for all of them, and each viewer's own marks.
#[derive(Clone)]
pub(crate) struct Built {
    all: IntCounterVec,
    images: IntCounter,
    chunks: IntCounter,
    datagrams: IntCounter,
    payloads: IntCounter,
    marks: IntCounter,
}

impl Built {
    fn new() -> prometheus::Result<Self> {
        let name = "sluice_egress_built_bytes_total";
        let all = labelled(name, "Bytes copied in user space to package frames and marks.", "packaging")?;
        let of = |packaging| all.with_label_values(&[packaging]);
        let (images, chunks, datagrams) = (of("interleaved"), of("chunk"), of("datagrams"));
        let (payloads, marks) = (of("srtp"), of("mark"));
        Ok(Self { all, images, chunks, datagrams, payloads, marks })
    }

    pub(crate) fn images(&self, bytes: usize) {
        self.images.inc_by(bytes as u64);
    }

    pub(crate) fn chunks(&self, bytes: usize) {
        self.chunks.inc_by(bytes as u64);
    }

    pub(crate) fn datagrams(&self, bytes: usize) {
        self.datagrams.inc_by(bytes as u64);
    }

    pub(crate) fn payloads(&self, bytes: usize) {
        self.payloads.inc_by(bytes as u64);
    }

    pub(crate) fn marks(&self, bytes: usize) {
        self.marks.inc_by(bytes as u64);
    }
}

/// Counters and gauges of egress. Cheap to clone.
#[derive(Clone)]
pub struct EgressMetrics {
    egress_bytes: IntCounterVec,
    refusals: IntCounterVec,
    pub(crate) rtsp_bytes: IntCounter,
    pub(crate) mse_bytes: IntCounter,
    pub(crate) whep_bytes: IntCounter,
    pub(crate) sends: IntCounter,
    pub(crate) built: Built,
    skips: IntCounterVec,
    frames_skipped: IntCounter,
    pub(crate) connections: IntGauge,
    pub(crate) connections_refused: IntCounterVec,
    pub(crate) accept_errors: IntCounter,
    pub(crate) faults: IntCounterVec,
    pub(crate) udp_errors: IntCounter,
    pub(crate) mse_faults: IntCounterVec,
}

impl EgressMetrics {
    /// Registers them, and the sessions that `leases` holds.
    pub fn register(registry: &Registry, leases: &Arc<Leases>) -> prometheus::Result<Self> {
        let egress_bytes = leases.handed_on.clone();
        let metrics = Self {
            rtsp_bytes: egress_bytes.with_label_values(&[Protocol::Rtsp.as_str()]),
            mse_bytes: egress_bytes.with_label_values(&[Protocol::Mse.as_str()]),
            whep_bytes: egress_bytes.with_label_values(&[Protocol::Whep.as_str()]),
            egress_bytes,
            refusals: labelled("sluice_refusals_total", "Connections that got no byte, by reason.", "reason")?,
            sends: IntCounter::new("sluice_egress_sends_total", "Calls to the kernel with media for a viewer.")?,
            built: Built::new()?,
            skips: labelled(
                "sluice_viewer_skips_total",
                "Times a slow viewer skipped to a keyframe, by what he ran into.",
                "cause",
            )?,
            frames_skipped: IntCounter::new("sluice_viewer_frames_skipped_total", "Frames that slow viewers skipped.")?,
            connections: IntGauge::new("sluice_rtsp_connections", "RTSP connections at this moment.")?,
            connections_refused: labelled(
                "sluice_rtsp_connections_refused_total",
                "RTSP connections closed at once, by the limit that was reached.",
                "limit",
            )?,
            accept_errors: IntCounter::new("sluice_rtsp_accept_errors_total", "Failed accepts, such as no file left.")?,
            faults: labelled(
                "sluice_rtsp_faults_total",
                "RTSP connections ended for what the viewer sent or did not send.",
                "fault",
            )?,
            udp_errors: IntCounter::new("sluice_rtsp_udp_errors_total", "UDP sends that the kernel refused.")?,
            mse_faults: labelled(
                "sluice_mse_faults_total",
                "WebSockets ended for what the viewer sent, did not send or cannot play.",
                "fault",
            )?,
        };
        for cause in Lag::ALL {
            // There from the start, so that the first skip is a rise.
            metrics.skips.with_label_values(&[cause.as_str()]).inc_by(0);
        }
        for collector in metrics.collectors() {
            registry.register(collector)?;
        }
        registry.register(Box::new(Sessions::new(Arc::clone(leases))?))?;
        Ok(metrics)
    }

    fn collectors(&self) -> [Box<dyn Collector>; 12] {
        [
            Box::new(self.egress_bytes.clone()),
            Box::new(self.refusals.clone()),
            Box::new(self.sends.clone()),
            Box::new(self.built.all.clone()),
            Box::new(self.skips.clone()),
            Box::new(self.frames_skipped.clone()),
            Box::new(self.connections.clone()),
            Box::new(self.connections_refused.clone()),
            Box::new(self.accept_errors.clone()),
            Box::new(self.faults.clone()),
            Box::new(self.udp_errors.clone()),
            Box::new(self.mse_faults.clone()),
        ]
    }

    /// Counts a skip.
    pub(crate) fn skipped(&self, cause: Lag, frames: u64) {
        self.skips.with_label_values(&[cause.as_str()]).inc();
        self.frames_skipped.inc_by(frames);
    }

    /// Counts a refusal.
    pub fn refused(&self, why: Refused) {
        self.refusals.with_label_values(&[why.label()]).inc();
    }
}

fn labelled(name: &str, help: &str, label: &str) -> prometheus::Result<IntCounterVec> {
    IntCounterVec::new(Opts::new(name, help), &[label])
}

/// Registers what the cores tell of themselves: which engine sends, and how busy each is.
pub fn register_cores(registry: &Registry, cores: &Arc<Cores>) -> prometheus::Result<()> {
    let engine =
        labelled_gauge("sluice_engine_info", "1, with what hands frames to the kernel in its label.", "engine")?;
    engine.with_label_values(&[cores.engine().as_str()]).set(1);
    registry.register(Box::new(engine))?;
    let busy =
        Opts::new("sluice_core_busy_ratio", "Share of its time in which a core was at work lately, from 0 to 1.");
    let busy = GaugeVec::new(busy, &["core"])?;
    registry.register(Box::new(Busy { cores: Arc::clone(cores), busy }))
}

fn labelled_gauge(name: &str, help: &str, label: &str) -> prometheus::Result<IntGaugeVec> {
    IntGaugeVec::new(Opts::new(name, help), &[label])
}

/// Asks the cores when it is asked.
struct Busy {
    cores: Arc<Cores>,
    busy: GaugeVec,
}

impl Collector for Busy {
    fn desc(&self) -> Vec<&Desc> {
        self.busy.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        for (core, share) in self.cores.busy_shares().into_iter().enumerate() {
            self.busy.with_label_values(&[&core.to_string()]).set(share);
        }
        self.busy.collect()
    }
}

/// Help of the gauge that admission is decided by.
const EXPECTED: &str = "What the open sessions are expected to take of the network together, in bits per second.";

/// Reads the table of leases when it is asked, so that no count can drift from it.
struct Sessions {
    leases: Arc<Leases>,
    running: IntGaugeVec,
    unrecorded: IntGauge,
    expected_bits: IntGauge,
}

impl Sessions {
    fn new(leases: Arc<Leases>) -> prometheus::Result<Self> {
        let running = Opts::new("sluice_sessions", "Sessions that have started and are open.");
        let unrecorded = "Refusals since the start that no record was made of, because too many came at once.";
        Ok(Self {
            leases,
            running: IntGaugeVec::new(running, &["protocol"])?,
            unrecorded: IntGauge::new("sluice_refusals_unrecorded", unrecorded)?,
            expected_bits: IntGauge::new("sluice_egress_expected_bits_per_second", EXPECTED)?,
        })
    }
}

impl Collector for Sessions {
    fn desc(&self) -> Vec<&Desc> {
        let mut all = self.running.desc();
        all.extend(self.unrecorded.desc());
        all.extend(self.expected_bits.desc());
        all
    }

    fn collect(&self) -> Vec<MetricFamily> {
        for (protocol, count) in self.leases.running() {
            self.running.with_label_values(&[protocol.as_str()]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        self.unrecorded.set(i64::try_from(self.leases.refusals_dropped()).unwrap_or(i64::MAX));
        self.expected_bits.set(i64::try_from(self.leases.expected_bits()).unwrap_or(i64::MAX));
        let mut all = self.running.collect();
        all.extend(self.unrecorded.collect());
        all.extend(self.expected_bits.collect());
        all
    }
}
