//! The task that cuts a stream into parts, on the stream's core, for as long as somebody asks for them.

use std::sync::Arc;
use std::time::Duration;

use media::hub::{Delivery, Start};

use super::HlsMetrics;
use super::shelf::{Gone, Shelf};
use crate::egress::Stage;

/// Players ask several times a second; one that sleeps for this long begins anew.
const IDLE_MAX: Duration = Duration::from_secs(20);
/// How often it is looked at whether anybody still asks.
const LOOK: Duration = Duration::from_secs(2);

/// Gives back what it added to the gauges, however it ends.
struct Counted {
    metrics: HlsMetrics,
    bytes: i64,
}

impl Counted {
    fn new(metrics: HlsMetrics) -> Self {
        metrics.packagers.inc();
        Self { metrics, bytes: 0 }
    }

    fn holds(&mut self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.metrics.bytes.add(bytes - self.bytes);
        self.bytes = bytes;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.metrics.packagers.dec();
        self.metrics.bytes.sub(self.bytes);
    }
}

pub(super) async fn run(shelf: Arc<Shelf>, stage: Arc<Stage>, metrics: HlsMetrics) {
    let mut counted = Counted::new(metrics);
    let mut reader = shelf.hub().subscribe(Start::LastKeyframe, stage.budget());
    let mut cutter = shelf.cutter();
    let mut look = tokio::time::interval(LOOK);
    let why = loop {
        let delivery = tokio::select! {
            delivery = reader.next() => delivery,
            _ = look.tick() => {
                if stage.clock.monotonic().saturating_sub(shelf.asked_at()) > IDLE_MAX {
                    break Gone::Over;
                }
                continue;
            }
        };
        let published = match delivery {
            None => break Gone::Over,
            Some(Delivery::Lagged { frames, why }) => {
                stage.metrics.skipped(why, frames);
                cutter.lost();
                continue;
            }
            Some(Delivery::Frame(published)) => published,
        };
        match cutter.push(&published.frame, &published.info) {
            Ok(Some(cut)) => counted.holds(shelf.add(cut)),
            Ok(None) => {}
            Err(error) => break Gone::Unplayable(error.to_string()),
        }
    };
    shelf.close(why);
}
