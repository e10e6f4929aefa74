//! Who may, and the proof that they did: accounts, registers, grants, sessions, the ledger and the HTTP API over them.

pub mod applications;
pub mod attend;
pub mod attestation;
mod audit;
pub mod authn;
pub mod books;
pub mod bootstrap;
pub mod catalogue;
pub mod clerk;
pub mod config;
pub mod deps;
pub mod error;
pub mod exports;
pub mod extracts;
pub mod grants;
pub mod housekeeping;
pub mod http;
pub mod ledger;
pub mod mint;
pub mod outbox;
pub mod playback;
pub mod policy;
pub mod ports;
pub mod register;
pub mod registers;
pub mod render;
pub mod request;
pub mod retention;
pub mod routes;
#[cfg(test)]
mod scene;
pub mod sessions;
mod sight;
pub mod snapshots;
pub mod stamp;
pub mod store;
pub mod usage;
