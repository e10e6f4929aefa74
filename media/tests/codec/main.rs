//! Depacketising and packetising on real bitstreams: there and back bit-exact, beside another implementation, and under
//! loss, reordering and garbage.

// Whatever cannot be unwrapped or indexed here is a failed test, in the functions that tests share too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod against_retina;
mod fixture;
mod hostile;
mod marked;
mod parameters;
mod round_trip;
