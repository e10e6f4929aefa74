//! The control API over its real router, store and ledger, in a folder that goes away. Absent: a camera and a recorder; their
//! ports are joined to tables that the tests read.

mod accounts;
mod cameras;
mod description;
mod import;
mod registers;
mod roles;
mod shell;
mod world;
