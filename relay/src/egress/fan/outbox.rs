//! What is owed to a viewer over TCP: shared images of frames, his own marks and the server's answers, in order. Most viewers
//! owe nothing; a frame goes past this to the kernel. Here is what a full socket left, and what a beginner has to catch up with.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf as _, Bytes};
use smallvec::SmallVec;

/// Bytes taken from the hub at once. Beyond one 64 KiB segment a send pays its fixed cost again.
const BATCH_BYTES: usize = 64 << 10;
/// Pieces of one call: a batch of small frames. The kernel takes up to 1024.
const SLICES_MAX: usize = 64;

#[derive(Default)]
pub(super) struct Outbox {
    pieces: VecDeque<Piece>,
    bytes: usize,
}

struct Piece {
    bytes: Bytes,
    media: bool,
}

impl Outbox {
    pub(super) fn push(&mut self, bytes: Bytes, media: bool) {
        if bytes.is_empty() {
            return;
        }
        self.bytes += bytes.len();
        self.pieces.push_back(Piece { bytes, media });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// True while another frame fits the batch.
    pub(super) fn has_room(&self) -> bool {
        self.bytes < BATCH_BYTES && self.pieces.len() < SLICES_MAX
    }

    /// The pieces of the next call to the kernel.
    pub(super) fn slices(&self) -> SmallVec<[IoSlice<'_>; 8]> {
        self.pieces.iter().take(SLICES_MAX).map(|piece| IoSlice::new(&piece.bytes)).collect()
    }

    /// Takes written bytes off the front; gives how many of them were media.
    pub(super) fn advance(&mut self, mut written: usize) -> u64 {
        let mut media = 0;
        self.bytes -= written;
        while let Some(piece) = self.pieces.front_mut() {
            let here = piece.bytes.len().min(written);
            piece.bytes.advance(here);
            written -= here;
            media += if piece.media { here as u64 } else { 0 };
            if !piece.bytes.is_empty() {
                break;
            }
            self.pieces.pop_front();
        }
        if self.pieces.is_empty() {
            // A viewer that keeps up again costs no memory for having been slow.
            self.pieces = VecDeque::new();
        }
        media
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_write_keeps_its_place_and_counts_media_alone() {
        let mut outbox = Outbox::default();
        outbox.push(Bytes::from_static(b"RTSP"), false);
        outbox.push(Bytes::from_static(b"$frame"), true);
        outbox.push(Bytes::new(), true);
        assert_eq!(outbox.slices().len(), 2);
        assert_eq!(outbox.advance(5), 1);
        assert_eq!(outbox.pieces[0].bytes, "frame");
        assert_eq!(outbox.advance(5), 5);
        assert!(outbox.is_empty() && outbox.bytes == 0);
    }

    #[test]
    fn a_batch_is_full_by_bytes_or_by_pieces() {
        let mut outbox = Outbox::default();
        outbox.push(Bytes::from(vec![0; BATCH_BYTES - 1]), true);
        assert!(outbox.has_room());
        outbox.push(Bytes::from_static(b"x"), true);
        assert!(!outbox.has_room());
        let mut small = Outbox::default();
        (0..SLICES_MAX).for_each(|_| small.push(Bytes::from_static(b"x"), true));
        assert!(!small.has_room());
    }
}
