//! fMP4 on real bitstreams: what is written reads back bit-exact in three independent readers, torn files keep their whole
//! fragments, copies carry marks and are otherwise the same, and hostile stamps and bytes break nothing.

// Whatever cannot be unwrapped or indexed here is a failed test, in the functions that tests share too.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "../codec/fixture.rs"]
#[allow(dead_code, reason = "the bitstreams are shared with the codec tests, which use more of them")]
mod fixture;
mod marked;
mod readers;
mod stream;
mod torn;
