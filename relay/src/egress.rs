//! Towards viewers: one file a protocol.

pub mod rtsp;
