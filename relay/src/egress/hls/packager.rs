//! The task that cuts a stream into parts, on the stream's core, for as long as somebody asks for them.

use std::sync::Arc;
use std::time::Duration;

use media::hub::{Delivery, Start};

use super::room::Place;
use super::shelf::{Gone, Shelf};
use crate::egress::Stage;

/// Players ask several times a second; one that sleeps for this long begins anew.
const IDLE_MAX: Duration = Duration::from_secs(20);
/// How often it is looked at whether anybody still asks.
const LOOK: Duration = Duration::from_secs(2);

pub(super) async fn run(shelf: Arc<Shelf>, stage: Arc<Stage>, mut place: Place) {
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
            Ok(Some(cut)) => place.holds(shelf.add(cut, place.bytes_max())),
            Ok(None) => {}
            Err(error) => break Gone::Unplayable(error.to_string()),
        }
    };
    shelf.close(why);
}
