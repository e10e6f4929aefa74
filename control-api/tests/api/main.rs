//! The control API over its real router, store and ledger, in a folder that goes away. Absent: a camera and a recorder; their
//! ports are joined to tables that the tests read.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails; helpers of tests too"
)]

mod accounts;
mod attestation;
mod cameras;
mod cookies;
mod description;
mod holds;
mod import;
mod keeping;
mod matrix;
mod oidc;
mod passwords;
mod people;
mod policy;
mod provider;
mod registers;
mod reports;
mod roles;
mod second_factor;
mod shell;
mod vault;
mod webhooks;
mod world;
