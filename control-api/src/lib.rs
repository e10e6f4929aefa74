//! Who may, and the proof that they did: accounts, registers, grants, sessions, the ledger and the HTTP API over them.

pub mod authn;
pub mod config;
pub mod error;
pub mod registers;
pub mod stamp;
pub mod ledger;
pub mod store;
pub mod usage;
pub mod grants;
pub mod mint;
pub mod outbox;
pub mod policy;
pub mod deps;
pub mod ports;
pub mod sessions;
pub mod applications;
pub mod bootstrap;
pub mod catalogue;
pub mod housekeeping;
pub mod http;
pub mod routes;
pub mod attend;
pub mod playback;
#[cfg(test)]
mod scene;
