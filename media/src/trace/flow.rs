//! One direction of a TCP connection: its segments in order again (RFC 9293 section 3.4), each byte once. A capture may begin in
//! the middle, have segments twice, late or not at all; what is missing is given up once too much waits behind it.

use std::collections::VecDeque;

use super::joined::Joined;
use super::{Place, Sink};

/// Segments that wait behind a missing one. A reordered segment is a few late; a retransmitted one comes after a round trip,
/// in which a camera's or a viewer's connection carries some hundreds.
const HELD_SEGMENTS_MAX: usize = 1_024;
/// Their bytes: a megabyte is beyond the receive windows of such connections.
const HELD_BYTES_MAX: usize = 1 << 20;
/// Segments awaited where a capture begins in the middle: the first that was captured need not be the first that was sent.
const FIRST_SEGMENTS: usize = 8;
/// A sequence number further off than this is another connection's: no window is larger (RFC 7323 section 2.3).
const DISTANCE_MAX: i32 = 1 << 30;

/// A segment that came before its turn.
struct Held {
    sequence: u32,
    place: Place,
    bytes: Vec<u8>,
}

/// The direction.
#[derive(Default)]
pub(super) struct Flow {
    joined: Joined,
    /// Number of the byte that comes next; none while the beginning is unknown.
    next: Option<u32>,
    /// In order, none before its turn.
    held: VecDeque<Held>,
    held_bytes: usize,
}

impl Flow {
    /// Takes a segment.
    pub(super) fn push(&mut self, sequence: u32, syn: bool, place: Place, bytes: &[u8], found: &mut Sink<'_>) {
        let mut sequence = sequence;
        if syn {
            // The SYN itself takes a number.
            sequence = sequence.wrapping_add(1);
            if self.next != Some(sequence) {
                self.restart(sequence, found);
            }
        }
        if bytes.is_empty() {
            return;
        }
        match self.next.map(|next| distance(sequence, next)) {
            Some(ahead) if ahead.unsigned_abs() > DISTANCE_MAX.unsigned_abs() => {
                self.restart(sequence, found);
                self.take(sequence, place, bytes, found);
            }
            Some(ahead) if ahead <= 0 => self.take(sequence, place, bytes, found),
            Some(_) | None => self.hold(sequence, place, bytes),
        }
        self.settle(found);
        while self.holds_too_much() {
            self.give_up_gap();
            self.settle(found);
        }
    }

    fn holds_too_much(&self) -> bool {
        let segments_max = if self.next.is_some() { HELD_SEGMENTS_MAX } else { FIRST_SEGMENTS };
        self.held.len() > segments_max || self.held_bytes > HELD_BYTES_MAX
    }

    /// Gives up everything that is missing.
    pub(super) fn flush(&mut self, found: &mut Sink<'_>) {
        while !self.held.is_empty() {
            self.give_up_gap();
            self.settle(found);
        }
    }

    /// Bytes that wait.
    pub(super) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Where the first that waits stands in the file.
    pub(super) fn first_held(&self) -> Option<Place> {
        self.held.iter().map(|held| held.place).min()
    }

    /// Another connection between the same two.
    fn restart(&mut self, sequence: u32, found: &mut Sink<'_>) {
        self.flush(found);
        self.joined.cut();
        self.next = Some(sequence);
    }

    /// Takes a segment whose turn it is, without what came before.
    fn take(&mut self, sequence: u32, place: Place, bytes: &[u8], found: &mut Sink<'_>) {
        let next = self.next.unwrap_or(sequence);
        let known = next.wrapping_sub(sequence) as usize;
        if let Some(new) = bytes.get(known..) {
            self.joined.push(place.further(known as u64), new, found);
            self.next = Some(next.wrapping_add(new.len() as u32));
        }
    }

    fn hold(&mut self, sequence: u32, place: Place, bytes: &[u8]) {
        let behind = self.held.iter().rposition(|held| distance(held.sequence, sequence) <= 0);
        let held = Held { sequence, place, bytes: bytes.to_vec() };
        self.held_bytes += held.bytes.len();
        self.held.insert(behind.map_or(0, |at| at + 1), held);
    }

    /// What is missing before the first that waits will not come.
    fn give_up_gap(&mut self) {
        if let Some(first) = self.held.front() {
            self.joined.cut();
            self.next = Some(first.sequence);
        }
    }

    /// Takes those whose turn has come.
    fn settle(&mut self, found: &mut Sink<'_>) {
        while let (Some(next), Some(first)) = (self.next, self.held.front())
            && distance(first.sequence, next) <= 0
            && let Some(first) = self.held.pop_front()
        {
            self.held_bytes -= first.bytes.len();
            self.take(first.sequence, first.place, &first.bytes, found);
        }
    }

    pub(super) fn check_invariants(&self) {
        self.joined.check_pieces();
        assert!(self.held.len() <= HELD_SEGMENTS_MAX && self.held_bytes <= HELD_BYTES_MAX);
        assert_eq!(self.held_bytes, self.held.iter().map(|held| held.bytes.len()).sum::<usize>());
    }
}

/// How far `sequence` is ahead of `of`; numbers begin again behind 2^32.
fn distance(sequence: u32, of: u32) -> i32 {
    sequence.wrapping_sub(of) as i32
}
