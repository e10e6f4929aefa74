//! Depacketising and packetising on real bitstreams: there and back bit-exact, beside another implementation, and under
//! loss, reordering and garbage.

mod against_retina;
mod fixture;
mod hostile;
mod parameters;
mod round_trip;
