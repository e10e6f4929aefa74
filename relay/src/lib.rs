//! Sockets and sessions: pulls each camera once and fans it out to the viewers that hold a lease. Who may have a lease is
//! decided above; what is on disk is the recorder's. Neither is imported here.

pub mod admission;
pub mod config;
pub mod core;
pub mod directory;
pub mod egress;
pub mod fleet;
pub mod ingest;
pub mod lease;
pub mod listen;
pub mod metrics;
pub mod recording;
pub mod sim;
pub mod tls;
