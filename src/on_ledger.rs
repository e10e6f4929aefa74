//! What the recorder has put on the record, put on the ledger: the hashes of what was sealed, and each deletion before it is made.

use std::sync::Arc;

use control_api::ledger::{Event, Kind, Ledger};
use media::wall::Clock;
use recorder::{Deleted, Record, Sealed};
use serde_json::json;

/// The ledger as the recorder's record. Its calls run on a thread of the recorder's.
pub(crate) struct OnLedger {
    pub(crate) ledger: Ledger,
    pub(crate) clock: Arc<dyn Clock>,
}

impl OnLedger {
    fn put(&self, event: &Event, what: &str) -> bool {
        let put = self.ledger.append(event);
        if let Err(error) = &put {
            tracing::error!(%error, what, "it could not be put on the ledger, and is tried again");
        }
        put.is_ok()
    }
}

impl Record for OnLedger {
    /// One event for many segments: `segments` has camera, path, start, end, length and BLAKE3 of each.
    fn sealed(&mut self, segments: &[Sealed]) -> bool {
        let one = |segment: &Sealed| {
            json!({
                "camera": segment.camera.as_str(),
                "volume": segment.volume.to_string(),
                "path": segment.path,
                "start_micros": segment.start.micros(),
                "end_micros": segment.end.micros(),
                "bytes": segment.bytes,
                "blake3": segment.hash.to_string(),
            })
        };
        let list: Vec<_> = segments.iter().map(one).collect();
        let event = Event::new(Kind::SEGMENT_SEALED, self.clock.wall()).with("segments", list);
        self.put(&event, "hashes of recordings")
    }

    fn deleting(&mut self, deleted: &Deleted) -> bool {
        let event = Event::new(Kind::SEGMENT_DELETED, self.clock.wall())
            .object(format!("camera/{}", deleted.camera))
            .with("start_micros", deleted.start.micros())
            .with("end_micros", deleted.end.micros())
            .with("bytes", deleted.bytes)
            .with("why", deleted.why.as_str());
        self.put(&event, "a deletion")
    }
}
