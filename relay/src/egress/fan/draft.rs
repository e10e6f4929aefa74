//! The sends of one turn, noted down before any is made: which pieces of which frames go to whom. What is shared is named, not
//! copied; only the packets with marks are made for each viewer.

use std::io::IoSlice;
use std::net::SocketAddr;
use std::ops::Range;
use std::os::fd::AsFd as _;
use std::rc::Rc;

use bytes::Bytes;
use media::hub::Published;
use media::mark::{MarkKey, Marked, SessionMark, Slot};
use media::rtp;
use uring::{Engine, Message, Outcome};

use super::packaging::Packaging;
use super::seat::Seat;
use super::udp::Pair;
use super::window::Window;
use crate::metrics::Built;
use crate::tls::Secure;

/// Viewers in one turn of the engine.
const ORDERS_MAX: usize = 256;

#[derive(Default)]
pub(super) struct Draft {
    orders: Vec<Order>,
    sends: Vec<Send>,
    pieces: Vec<Piece>,
    marks: Vec<Marked>,
    /// Other pieces that one viewer alone gets.
    own: Vec<Bytes>,
}

/// What one viewer gets.
pub(super) struct Order {
    pub(super) seat: Rc<Seat>,
    /// His UDP ports; none for TCP.
    pub(super) pair: Option<Rc<Pair>>,
    sends: Range<usize>,
}

/// One call's worth.
struct Send {
    pieces: Range<usize>,
    to: Option<SocketAddr>,
    bytes: usize,
}

#[derive(Clone, Copy)]
enum Piece {
    /// Bytes of a frame's image for TCP.
    Image { packaging: Packaging, index: u64, from: usize, to: usize },
    /// Bytes of a frame's datagrams.
    Datagrams { index: u64, from: usize, to: usize },
    /// A packet with a mark, of those made for this draft.
    Mark { number: usize, datagram: bool },
    /// One of the other pieces made for this draft.
    Own { number: usize },
}

/// Whose marks are written.
#[derive(Clone, Copy)]
pub(super) struct Pen<'a> {
    pub(super) key: &'a MarkKey,
    pub(super) session: SessionMark,
}

impl Pen<'_> {
    pub(super) fn fill(self, slot: &Slot, published: &Published) -> Marked {
        slot.filled(&self.key.write(self.session, published.frame.wall))
    }
}

impl Draft {
    pub(super) fn clear(&mut self) {
        self.orders.clear();
        self.sends.clear();
        self.pieces.clear();
        self.marks.clear();
        self.own.clear();
    }

    pub(super) fn is_full(&self) -> bool {
        self.orders.len() >= ORDERS_MAX
    }

    pub(super) fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    /// Bytes of marks that were made for one viewer each.
    pub(super) fn mark_bytes(&self) -> usize {
        self.marks.iter().map(|mark| mark.bytes().len()).sum()
    }

    pub(super) fn sends(&self) -> usize {
        self.sends.len()
    }

    /// Begins an order; what is added from now on belongs to it.
    pub(super) fn open(&mut self, seat: Rc<Seat>, pair: Option<Rc<Pair>>) {
        let at = self.sends.len();
        self.orders.push(Order { seat, pair, sends: at..at });
    }

    /// Adds a frame's whole image: at most three pieces, in the order's one send.
    pub(super) fn add_image(&mut self, packaging: Packaging, published: &Published, built: &Built, pen: Pen<'_>) {
        let (bytes, slot) = packaging.image(published, built);
        let (index, end) = (published.index, bytes.len());
        match slot {
            Some((at, slot)) => {
                self.add(Piece::Image { packaging, index, from: 0, to: at }, at);
                self.add_mark(pen.fill(slot, published), false);
                self.add(Piece::Image { packaging, index, from: at, to: end }, end - at);
            }
            None => self.add(Piece::Image { packaging, index, from: 0, to: end }, end),
        }
    }

    /// Adds a frame's whole image as records of the viewer's own.
    pub(super) fn add_sealed(
        &mut self,
        packaging: Packaging,
        published: &Published,
        built: &Built,
        pen: Pen<'_>,
        secure: &mut Secure,
    ) {
        let (bytes, slot) = packaging.image(published, built);
        let Some((at, slot)) = slot else { return self.add_own(secure.seal(bytes)) };
        let marked = pen.fill(slot, published);
        for piece in [bytes.get(..at), Some(marked.bytes()), bytes.get(at..)].into_iter().flatten() {
            self.add_own(secure.seal(piece));
        }
        built.marks(marked.bytes().len());
    }

    /// Adds bytes that nobody else gets, to the order's one send.
    pub(super) fn add_own(&mut self, bytes: Bytes) {
        self.add(Piece::Own { number: self.own.len() }, bytes.len());
        self.own.push(bytes);
    }

    /// Adds one run of a frame's datagrams, in pieces of `bytes_max` at most, each a send of its own.
    pub(super) fn add_run(&mut self, published: &Published, run: Range<usize>, bytes_max: usize, to: SocketAddr) {
        let mut from = run.start;
        while from < run.end {
            let end = run.end.min(from.saturating_add(bytes_max));
            self.next_send(to);
            self.add(Piece::Datagrams { index: published.index, from, to: end }, end - from);
            from = end;
        }
    }

    /// Adds a datagram with a mark.
    pub(super) fn add_marked_datagram(&mut self, marked: Marked, to: SocketAddr) {
        self.next_send(to);
        self.add_mark(marked, true);
    }

    fn add_mark(&mut self, marked: Marked, datagram: bool) {
        let bytes = if datagram { rtp::as_datagram(&marked).len() } else { marked.bytes().len() };
        self.add(Piece::Mark { number: self.marks.len(), datagram }, bytes);
        self.marks.push(marked);
    }

    fn add(&mut self, piece: Piece, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let at = self.pieces.len();
        let Some(order) = self.orders.last_mut() else { return };
        if order.sends.is_empty() {
            self.sends.push(Send { pieces: at..at, to: None, bytes: 0 });
            order.sends.end = self.sends.len();
        }
        self.pieces.push(piece);
        if let Some(send) = self.sends.last_mut() {
            send.pieces.end = at + 1;
            send.bytes += bytes;
        }
    }

    fn next_send(&mut self, to: SocketAddr) {
        let at = self.pieces.len();
        self.sends.push(Send { pieces: at..at, to: Some(to), bytes: 0 });
        if let Some(order) = self.orders.last_mut() {
            order.sends.end = self.sends.len();
        }
    }

    /// Hands all of it to the kernel.
    pub(super) fn hand_over(&self, window: &Window, engine: &mut Engine, outcomes: &mut Vec<Outcome>) {
        let slices: Vec<IoSlice<'_>> =
            self.pieces.iter().map(|piece| IoSlice::new(self.bytes_of(window, *piece))).collect();
        let mut messages = Vec::with_capacity(self.sends.len());
        for order in &self.orders {
            let sends = self.sends.get(order.sends.clone()).unwrap_or_default();
            messages.extend(sends.iter().map(|send| {
                let parts = slices.get(send.pieces.clone()).unwrap_or_default();
                match &order.pair {
                    Some(pair) => Message { socket: pair.rtp().as_fd(), file: None, parts, to: send.to, cut: None },
                    None => Message {
                        socket: order.seat.socket.as_fd(),
                        file: order.seat.file.as_ref(),
                        parts,
                        to: None,
                        cut: None,
                    },
                }
            }));
        }
        engine.send(&messages, outcomes);
    }

    fn bytes_of<'a>(&'a self, window: &'a Window, piece: Piece) -> &'a [u8] {
        let shared = |bytes: &'a Bytes, from: usize, to: usize| bytes.get(from..to).unwrap_or_default();
        match piece {
            Piece::Image { packaging, index, from, to } => {
                window.frame(index).map_or(&[], |frame| shared(packaging.shared(frame), from, to))
            }
            Piece::Datagrams { index, from, to } => {
                window.frame(index).map_or(&[], |frame| shared(frame.datagrams(|_| ()).bytes(), from, to))
            }
            Piece::Mark { number, datagram } => {
                self.marks.get(number).map_or(&[], |mark| if datagram { rtp::as_datagram(mark) } else { mark.bytes() })
            }
            Piece::Own { number } => self.own.get(number).map_or(&[], |own| own),
        }
    }

    /// Each order with what became of its sends: bytes wanted, and the outcome.
    pub(super) fn results<'a>(
        &'a self,
        outcomes: &'a [Outcome],
    ) -> impl Iterator<Item = (&'a Order, impl Iterator<Item = (usize, usize, Outcome)> + 'a)> {
        self.orders.iter().map(move |order| {
            let sends = order.sends.clone();
            let results =
                sends.filter_map(move |number| Some((number, self.sends.get(number)?.bytes, *outcomes.get(number)?)));
            (order, results)
        })
    }

    /// What a send still owes after `taken` bytes, as pieces that outlive the turn.
    pub(super) fn rest(&self, window: &Window, send: usize, taken: usize) -> impl Iterator<Item = Bytes> {
        let pieces = self.sends.get(send).map(|s| s.pieces.clone()).unwrap_or_default();
        let mut skip = taken;
        pieces.filter_map(move |number| {
            let piece = *self.pieces.get(number)?;
            let bytes = self.bytes_of(window, piece);
            let here = skip.min(bytes.len());
            skip -= here;
            let rest = bytes.get(here..).filter(|rest| !rest.is_empty())?;
            Some(match piece {
                Piece::Image { packaging, index, .. } => packaging.shared(window.frame(index)?).slice_ref(rest),
                Piece::Datagrams { index, .. } => window.frame(index)?.datagrams(|_| ()).bytes().slice_ref(rest),
                Piece::Mark { .. } => Bytes::copy_from_slice(rest),
                Piece::Own { number } => self.own.get(number)?.slice_ref(rest),
            })
        })
    }

    /// Where a send goes, if it is a datagram.
    pub(super) fn destination(&self, send: usize) -> Option<SocketAddr> {
        self.sends.get(send)?.to
    }
}
