//! Each camera's series, made when Prometheus asks: the age of a frame is right at that moment, and a removed camera's
//! series are gone with it.

use std::sync::{Arc, Weak};

use media::id::Profile;
use media::wall::Clock;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, GaugeVec, IntCounterVec, Opts};

use super::Fleet;
use super::status::Shared;

/// Reads the fleet; holds on to nothing.
pub(super) struct Cameras {
    fleet: Weak<Fleet>,
    clock: Arc<dyn Clock>,
    descriptions: Vec<Desc>,
}

/// The families of one scrape.
struct Families {
    up: GaugeVec,
    age: GaugeVec,
    reconnects: IntCounterVec,
    bytes: IntCounterVec,
    lost: IntCounterVec,
    ring: Gauge,
}

impl Families {
    fn new() -> Self {
        let gauges = |name: &str, help: &str| GaugeVec::new(Opts::new(name, help), &["camera"]);
        let counters = |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let made = "the names and labels here are valid";
        Self {
            up: gauges("sluice_camera_up", "1 while frames come from the camera, else 0.").expect(made),
            age: gauges("sluice_camera_last_frame_age_seconds", "Seconds since the camera's newest frame.")
                .expect(made),
            reconnects: counters(
                "sluice_camera_reconnects_total",
                "Connections to the camera that ended or failed, by reason.",
                &["camera", "reason"],
            )
            .expect(made),
            bytes: counters("sluice_ingest_bytes_total", "Payload bytes taken from the camera.", &["camera"])
                .expect(made),
            lost: counters(
                "sluice_ingest_packets_lost_total",
                "RTP packets of the camera known to be lost.",
                &["camera"],
            )
            .expect(made),
            ring: Gauge::new("sluice_hub_bytes", "Payload bytes held for readers, over all streams.").expect(made),
        }
    }

    fn collectors(&self) -> [&dyn Collector; 6] {
        [&self.up, &self.age, &self.reconnects, &self.bytes, &self.lost, &self.ring]
    }
}

impl Cameras {
    pub(super) fn new(fleet: Weak<Fleet>, clock: Arc<dyn Clock>) -> Self {
        let families = Families::new();
        let descriptions = families.collectors().iter().flat_map(|c| c.desc()).cloned().collect();
        Self { fleet, clock, descriptions }
    }

    fn add(&self, families: &Families, camera: &Shared) {
        let label = match camera.stream.profile {
            Profile::Main => camera.stream.camera.to_string(),
            // No camera id holds a slash.
            Profile::Sub => format!("{}/sub", camera.stream.camera),
        };
        let label = label.as_str();
        families.up.with_label_values(&[label]).set(if camera.is_up() { 1.0 } else { 0.0 });
        if let Some(last) = camera.vitals.last_frame() {
            let age = self.clock.wall().since(last).as_secs_f64();
            families.age.with_label_values(&[label]).set(age);
        }
        for (reason, count) in camera.ends() {
            families.reconnects.with_label_values(&[label, reason.as_str()]).inc_by(count);
        }
        families.bytes.with_label_values(&[label]).inc_by(camera.vitals.bytes());
        families.lost.with_label_values(&[label]).inc_by(camera.vitals.packets_lost());
        families.ring.add(camera.hub.ring_bytes() as f64);
    }
}

impl Collector for Cameras {
    fn desc(&self) -> Vec<&Desc> {
        self.descriptions.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let families = Families::new();
        if let Some(fleet) = self.fleet.upgrade() {
            for camera in fleet.cameras() {
                self.add(&families, &camera);
            }
        }
        families.collectors().iter().flat_map(|c| c.collect()).collect()
    }
}
