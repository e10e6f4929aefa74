//! Bytes that belong together though they lie apart in the file: pieces go in, in the order of the stream; a mark in them is
//! found wherever the pieces end, and its place is the one in the file.

use std::collections::VecDeque;

use super::{Mark, Place, SPAN_BYTES, Sink};
use crate::mark::Finder;

/// Pieces kept at most: a mark that is not whole yet began in the last of them, or fewer than its length in bytes before.
const PIECES_MAX: usize = SPAN_BYTES;

/// A piece of the stream that lies in one piece in the file.
#[derive(Clone, Copy, Debug)]
struct Piece {
    /// Where it begins in the stream.
    begins: u64,
    place: Place,
}

/// The stream.
#[derive(Default)]
pub(super) struct Joined {
    finder: Finder,
    /// The newest pieces, as far back as a mark can begin that is not whole yet.
    pieces: VecDeque<Piece>,
    /// Bytes of the stream so far.
    bytes: u64,
}

impl Joined {
    /// Takes bytes as they lie in the file: they follow those before them where they touch them.
    pub(super) fn scan(&mut self, place: Place, bytes: &[u8], found: &mut Sink<'_>) {
        if !self.touches(place) {
            self.cut();
        }
        self.push(place, bytes, found);
    }

    /// Takes the next piece, which begins at `place`.
    pub(super) fn push(&mut self, place: Place, bytes: &[u8], found: &mut Sink<'_>) {
        if bytes.is_empty() {
            return;
        }
        if !self.touches(place) {
            self.pieces.push_back(Piece { begins: self.bytes, place });
        }
        let pieces = &self.pieces;
        self.finder.push(bytes, &mut |mark| {
            let piece = pieces.iter().rev().find(|piece| piece.begins <= mark.at);
            if let Some(Piece { begins, place }) = piece {
                found(Mark { place: place.further(mark.at - begins), text: mark.text });
            }
        });
        self.bytes += bytes.len() as u64;
        let reach = self.bytes.saturating_sub(SPAN_BYTES as u64 - 1);
        while self.pieces.get(1).is_some_and(|second| second.begins <= reach) {
            self.pieces.pop_front();
        }
    }

    /// The last piece ends in the file where `place` begins.
    fn touches(&self, place: Place) -> bool {
        let touching = |last: &Piece| last.place.further(self.bytes - last.begins) == place;
        self.pieces.back().is_some_and(touching)
    }

    /// Something is missing here, or something else begins: no mark goes across.
    pub(super) fn cut(&mut self) {
        self.finder.cut();
        self.pieces.clear();
    }

    pub(super) fn check_pieces(&self) {
        assert!(self.pieces.len() <= PIECES_MAX, "{} pieces", self.pieces.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mark::{TEXT_BYTES, UUID};

    #[test]
    fn a_mark_in_pieces_stands_where_its_first_byte_stands() {
        let mark = [&[9; 5][..], &UUID, &[b'x'; TEXT_BYTES], &[9; 5]].concat();
        for size in 1..=mark.len() {
            let (mut joined, mut all) = (Joined::default(), Vec::new());
            for (n, piece) in mark.chunks(size).enumerate() {
                // Each piece lies a thousand bytes behind the one before it.
                joined.push(Place::byte(n as u64 * 1_000), piece, &mut |mark| all.push(mark.place.at));
                joined.check_pieces();
            }
            assert_eq!(all, [(5 / size * 1_000 + 5 % size) as u64], "{size}");
        }
    }

    #[test]
    fn pieces_that_touch_are_one() {
        let mut joined = Joined::default();
        for at in 0..10_000 {
            joined.push(Place::byte(at), b"x", &mut |_| {});
            assert_eq!(joined.pieces.len(), 1);
        }
    }
}
