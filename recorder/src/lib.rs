//! Time on disk: segments, their index, retention and playback. Sockets and sessions are the relay's, which is not imported.

pub mod config;
mod disk;
pub mod gap;
pub mod index;
pub mod segment;
