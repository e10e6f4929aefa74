//! Live HLS to viewers: one packager for each stream that somebody watches this way, on the stream's core; what it makes lies on a shelf
//! that all its viewers share, and only the marks in a copy are one viewer's own. Deliberately absent: HTTP.

mod copy;
mod packager;
mod shelf;

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use media::id::StreamKey;
use parking_lot::Mutex;
use prometheus::core::Collector;
use prometheus::{IntGauge, Registry};

use super::Stage;
use crate::core::NotSpawned;
use crate::directory::Stream;
pub use copy::Copied;
pub use shelf::{Gone, Shelf};

/// The way out by HLS.
pub struct Hls {
    stage: Arc<Stage>,
    shelves: Mutex<HashMap<StreamKey, Weak<Shelf>>>,
    metrics: HlsMetrics,
}

/// What is counted.
#[derive(Clone)]
pub(crate) struct HlsMetrics {
    pub(crate) packagers: IntGauge,
    pub(crate) bytes: IntGauge,
}

impl Hls {
    /// Nothing is packaged until somebody asks.
    pub fn new(stage: Arc<Stage>, registry: &Registry) -> prometheus::Result<Arc<Self>> {
        let metrics = HlsMetrics {
            packagers: IntGauge::new("sluice_hls_packagers", "Streams that are being packaged for live HLS.")?,
            bytes: IntGauge::new("sluice_hls_window_bytes", "Bytes of parts kept for live HLS, all streams together.")?,
        };
        for collector in [&metrics.packagers, &metrics.bytes] {
            registry.register(Box::new(collector.clone()) as Box<dyn Collector>)?;
        }
        Ok(Arc::new(Self { stage, shelves: Mutex::default(), metrics }))
    }

    /// The shelf of a stream; its packager is started where there is none.
    pub fn shelf(&self, stream: &Stream) -> Result<Arc<Shelf>, NotSpawned> {
        let mut shelves = self.shelves.lock();
        let found = shelves.get(&stream.key).and_then(Weak::upgrade).filter(|shelf| shelf.is_of(stream));
        if let Some(shelf) = found {
            shelf.asked(self.stage.clock.monotonic());
            return Ok(shelf);
        }
        shelves.retain(|_, shelf| shelf.strong_count() > 0);
        let shelf = Shelf::new(stream, self.stage.clock.monotonic());
        let (packaged, stage, metrics) = (Arc::clone(&shelf), Arc::clone(&self.stage), self.metrics.clone());
        // It ends by itself, once nobody asks any more.
        drop(self.stage.cores.spawn_on(stream.core, move |_| packager::run(packaged, stage, metrics))?);
        shelves.insert(stream.key.clone(), Arc::downgrade(&shelf));
        Ok(shelf)
    }
}
