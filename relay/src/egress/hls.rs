//! Live HLS to viewers: one packager for each stream that somebody watches this way, on the stream's core; what it makes lies on a shelf
//! that all its viewers share, and only the marks in a copy are one viewer's own. Deliberately absent: HTTP.

mod copy;
mod packager;
mod room;
mod shelf;

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use media::id::StreamKey;
use parking_lot::Mutex;
use prometheus::Registry;

use super::Stage;
use crate::core::NotSpawned;
use crate::directory::Stream;
pub use copy::Copied;
use room::Room;
pub use shelf::{Gone, Shelf};

/// The way out by HLS.
pub struct Hls {
    stage: Arc<Stage>,
    shelves: Mutex<HashMap<StreamKey, Weak<Shelf>>>,
    room: Arc<Room>,
}

/// Why a stream is not packaged.
#[derive(Debug, thiserror::Error)]
pub enum NotPackaged {
    /// As many are as the memory for it bears.
    #[error("{bytes_max} bytes for live HLS bear no further stream: raise relay.hls_bytes_max")]
    Full {
        /// The memory for all.
        bytes_max: usize,
    },
    /// The stream's core takes nothing more.
    #[error(transparent)]
    NotSpawned(#[from] NotSpawned),
}

impl Hls {
    /// Nothing is packaged until somebody asks.
    pub fn new(stage: Arc<Stage>, registry: &Registry) -> prometheus::Result<Arc<Self>> {
        let room = Room::new(stage.config.hls_bytes_max, registry)?;
        Ok(Arc::new(Self { stage, shelves: Mutex::default(), room }))
    }

    /// The shelf of a stream; its packager is started where there is none.
    pub fn shelf(&self, stream: &Stream) -> Result<Arc<Shelf>, NotPackaged> {
        let mut shelves = self.shelves.lock();
        let found = shelves.get(&stream.key).and_then(Weak::upgrade).filter(|shelf| shelf.is_of(stream));
        if let Some(shelf) = found {
            shelf.asked(self.stage.clock.monotonic());
            return Ok(shelf);
        }
        shelves.retain(|_, shelf| shelf.strong_count() > 0);
        let shelf = Shelf::new(stream, self.stage.clock.monotonic());
        let bytes_max = self.stage.config.hls_bytes_max;
        let place = self.room.place().ok_or(NotPackaged::Full { bytes_max })?;
        let (packaged, stage) = (Arc::clone(&shelf), Arc::clone(&self.stage));
        // It ends by itself, once nobody asks any more.
        drop(self.stage.cores.spawn_on(stream.core, move |_| packager::run(packaged, stage, place))?);
        shelves.insert(stream.key.clone(), Arc::downgrade(&shelf));
        Ok(shelf)
    }
}
