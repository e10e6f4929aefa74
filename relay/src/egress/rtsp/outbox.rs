//! What is on its way to a viewer over TCP: shared images of frames and the server's own bytes, in order, handed to the
//! kernel in one call for as many as are there. Nothing is copied.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use media::wall::Clock;
use tokio::net::TcpStream;

use crate::admission::Admitted;

/// Bytes taken from the hub at once. Beyond one 64 KiB segment a send pays its fixed cost again.
pub(super) const BATCH_BYTES: usize = 64 << 10;
/// Pieces of one call: a batch of small frames. The kernel takes up to 1024.
const SLICES_MAX: usize = 64;

#[derive(Default)]
pub(super) struct Outbox {
    pieces: VecDeque<Piece>,
    bytes: usize,
    /// When the socket first took no more, while something is left.
    since: Option<Duration>,
}

struct Piece {
    bytes: Bytes,
    media: bool,
}

/// How a flush ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flushed {
    /// All is with the kernel.
    All,
    /// The socket is full.
    Full,
    /// Enough for now; UDP alone.
    Paced,
    /// The lease is over; what is left must not be sent.
    Ended,
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

    /// Since when the viewer has not taken what is here.
    pub(super) fn stuck_since(&self) -> Option<Duration> {
        self.since
    }

    /// Hands over what the socket takes. Gives the media bytes that left to `sent`, each time before the next send.
    pub(super) fn flush(
        &mut self,
        socket: &TcpStream,
        admitted: &Admitted,
        clock: &dyn Clock,
        mut sent: impl FnMut(u64),
    ) -> io::Result<Flushed> {
        while !self.is_empty() {
            if admitted.has_ended() {
                return Ok(Flushed::Ended);
            }
            match self.hand_over(socket) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    let media = self.advance(written);
                    if media > 0 {
                        sent(media);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    // Read here alone: a viewer that keeps up costs no look at the clock.
                    self.since.get_or_insert_with(|| clock.monotonic());
                    return Ok(Flushed::Full);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Flushed::All)
    }

    /// One call to the kernel. A single piece, the usual case, goes by plain `send`, which costs less than `writev`.
    fn hand_over(&self, socket: &TcpStream) -> io::Result<usize> {
        if let (1, Some(piece)) = (self.pieces.len(), self.pieces.front()) {
            return socket.try_write(&piece.bytes);
        }
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut count = 0;
        for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
            *slice = IoSlice::new(&piece.bytes);
            count += 1;
        }
        socket.try_write_vectored(slices.get(..count).unwrap_or_default())
    }

    /// Takes written bytes off the front; gives how many of them were media.
    fn advance(&mut self, mut written: usize) -> u64 {
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
            self.since = None;
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
        outbox.since = Some(Duration::from_secs(7));
        assert_eq!(outbox.advance(5), 1);
        assert_eq!(outbox.pieces[0].bytes, "frame");
        assert_eq!(outbox.stuck_since(), Some(Duration::from_secs(7)));
        assert_eq!(outbox.advance(5), 5);
        assert!(outbox.is_empty() && outbox.bytes == 0 && outbox.stuck_since().is_none());
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
