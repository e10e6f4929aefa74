//! Time on disk: segments, their index, retention and playback. Sockets and sessions are the relay's, which is not imported.
//!
//! Three threads: one visits the hubs and cuts frames into fragments (`reader`, `recording`), one appends them, makes them
//! durable and then tells the index (`writer`), one deletes (`retention`). Playback reads on the caller's blocking threads.

pub mod check;
pub mod config;
mod coverage;
mod disk;
pub mod gap;
pub mod index;
mod live;
mod metrics;
mod open_file;
pub mod playback;
mod queue;
mod reader;
mod recorder;
mod recording;
pub mod recovery;
pub mod retention;
pub mod segment;
pub mod timeline;
mod writer;

pub use config::Config;
pub use gap::GapReason;
pub use playback::{Playback, PlaybackError, Range};
pub use recorder::{OpenError, Recorder};
pub use retention::Deleted;
pub use timeline::Timeline;

#[cfg(test)]
mod tests;
