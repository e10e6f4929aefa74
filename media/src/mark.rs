//! The mark: what names a session in every copy that leaves. `text` is what it says and who could have said it, `pen` what writes
//! it, `unit` how each codec carries it without a decoder noticing,
//! `slot` the piece of a wire image that it makes a viewer's own, `find` how it is read back. It is always the same length in a
//! codec, so that everything around it can be shared by all viewers. Deliberately absent: whose session it is, which the ledger
//! knows.

mod find;
mod pen;
mod slot;
mod text;
mod unit;

pub use find::{Finder, Found};
pub use pen::Pen;
pub use slot::{Marked, SLOT_BYTES_MAX, Slot};
pub use text::{Forged, KEY_BYTES, MarkKey, NoMark, Reading, SessionMark, TEXT_BYTES, Text};
pub use unit::{Carrier, UNIT_BYTES_MAX, UUID, Unit};

/// Longest media time between two marks of a track; keyframes carry one in any case.
pub const INTERVAL_MAX: std::time::Duration = std::time::Duration::from_secs(2);
