//! Time on disk: segments, their index, retention and playback. Sockets and sessions are the relay's, which is not imported.
//!
//! Threads: one visits the hubs and cuts frames into fragments (`reader`, `recording`), one for each volume appends them, makes
//! them durable and then tells the index (`writer`), one sees to it that the rules are kept (`keeping`). Playback reads on the
//! caller's blocking threads.

pub mod check;
pub mod config;
mod coverage;
mod disk;
mod forecast;
pub mod gap;
mod gap_log;
pub mod index;
mod keeping;
mod kept;
mod lane;
mod live;
mod metrics;
mod open_file;
pub mod outlook;
mod placement;
pub mod playback;
mod queue;
mod reader;
pub mod record;
mod recorder;
mod recording;
pub mod recovery;
pub mod repair;
mod retention;
pub mod rules;
pub mod segment;
mod stock;
pub mod timeline;
mod volumes;
mod writer;

pub use config::Config;
pub use gap::GapReason;
pub use kept::Kept;
pub use outlook::VolumeOutlook;
pub use playback::{Playback, PlaybackError, Range};
pub use record::{Deleted, Record, Sealed};
pub use recorder::{OpenError, Recorder};
pub use rules::{Class, Held, Rule};
pub use timeline::Timeline;
pub use volumes::VolumeState;

#[cfg(test)]
mod tests;
