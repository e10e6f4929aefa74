//! Marks out of a copy that has come back, whatever holds it: a file's bytes in pieces of any size go in, each mark with its
//! place comes out. Where a container may cut a unit (transport and program streams, captured TCP), the pieces are put together
//! first; elsewhere a unit lies whole. Memory is bounded whatever the bytes are. Deliberately absent: whether a mark is true,
//! which `mark::MarkKey` tells; whose it is, which the ledger knows; and archives, tunnels and encryption.

mod flow;
mod flows;
mod joined;
mod kind;
mod order;
mod packet;
mod pcap;
mod pcapng;
mod pes;
mod ps;
#[cfg(test)]
mod tests;
mod traffic;
mod ts;

use crate::mark::{TEXT_BYTES, Text, UUID};
use joined::Joined;
pub use kind::Kind;
pub use ts::Packets;

/// Bytes that a mark takes from its UUID on.
const SPAN_BYTES: usize = UUID.len() + TEXT_BYTES;

/// Where in the file something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The byte, from zero.
    pub at: u64,
    /// In a capture the packet, from one, as analysers count.
    pub packet: Option<u64>,
}

impl Place {
    /// A byte of a file that is no capture, or of what is in none of its packets.
    fn byte(at: u64) -> Self {
        Self { at, packet: None }
    }

    /// So many bytes further on in the same packet.
    fn further(self, bytes: u64) -> Self {
        Self { at: self.at + bytes, ..self }
    }
}

/// A text behind a UUID, true or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Where its UUID begins.
    pub place: Place,
    /// What stands behind it.
    pub text: Text,
}

/// Takes marks as they are found.
type Sink<'a> = dyn FnMut(Mark) + 'a;

/// A kind of file. What it keeps between two steps is bounded.
trait Container: Send {
    /// Reads what stands at the front of `bytes`, which begin at `at` in the file; how many bytes that was. None if it takes
    /// more than these to tell.
    fn step(&mut self, at: u64, bytes: &[u8], found: &mut Sink<'_>) -> Option<usize>;
    /// The file is at its end; `rest` is what `step` has left.
    fn end(&mut self, at: u64, rest: &[u8], found: &mut Sink<'_>);
    /// Most bytes that a step waits for.
    fn step_bytes_max(&self) -> usize;
    /// Panics where a bound does not hold.
    fn check_invariants(&self);
}

/// Reads one file.
#[derive(Default)]
pub struct Tracer {
    /// Bytes that no step has read yet.
    waiting: Vec<u8>,
    /// Where in the file they begin.
    at: u64,
    /// None as long as the first bytes are too few to tell.
    container: Option<(Kind, Box<dyn Container>)>,
}

impl Tracer {
    /// Takes the file's next bytes and tells each mark that is whole by now.
    pub fn push(&mut self, bytes: &[u8], found: &mut dyn FnMut(Mark)) {
        if self.waiting.is_empty() {
            let taken = self.read(bytes, found);
            self.waiting.extend_from_slice(bytes.get(taken..).unwrap_or_default());
        } else {
            let mut waiting = std::mem::take(&mut self.waiting);
            waiting.extend_from_slice(bytes);
            let taken = self.read(&waiting, found);
            waiting.drain(..taken);
            self.waiting = waiting;
        }
    }

    /// The file is at its end: tells the marks in what still waited for more, and what the file was taken for.
    pub fn finish(mut self, found: &mut dyn FnMut(Mark)) -> Kind {
        let mut waiting = std::mem::take(&mut self.waiting);
        if self.container.is_none() {
            self.container = Some(open(&waiting));
            let taken = self.read(&waiting, found);
            waiting.drain(..taken);
        }
        let Some((kind, mut container)) = self.container else { return Kind::Whole };
        container.end(self.at, &waiting, found);
        kind
    }

    /// Steps through the bytes as far as they go; how many of them.
    fn read(&mut self, bytes: &[u8], found: &mut Sink<'_>) -> usize {
        if self.container.is_none() && bytes.len() < kind::HEAD_BYTES {
            return 0;
        }
        let head = bytes.get(..kind::HEAD_BYTES).unwrap_or(bytes);
        let (_, container) = self.container.get_or_insert_with(|| open(head));
        let mut rest = bytes;
        while let Some(taken) = container.step(self.at, rest, found).filter(|taken| *taken > 0) {
            rest = rest.get(taken..).unwrap_or_default();
            self.at += taken as u64;
        }
        bytes.len() - rest.len()
    }

    /// Panics where a bound does not hold.
    #[doc(hidden)]
    pub fn check_invariants(&self) {
        let waiting_max = match &self.container {
            Some((_, container)) => {
                container.check_invariants();
                container.step_bytes_max()
            }
            None => kind::HEAD_BYTES,
        };
        assert!(self.waiting.len() < waiting_max, "{} of {waiting_max} bytes wait", self.waiting.len());
    }
}

/// What reads a file that begins so.
fn open(head: &[u8]) -> (Kind, Box<dyn Container>) {
    let kind = Kind::of(head);
    let container: Box<dyn Container> = match kind {
        Kind::TransportStream(packets) => Box::new(ts::TransportStream::new(packets)),
        Kind::ProgramStream => Box::new(ps::ProgramStream::default()),
        Kind::Pcap => Box::new(pcap::Pcap::default()),
        Kind::PcapNg => Box::new(pcapng::PcapNg::default()),
        Kind::Whole => Box::new(Joined::default()),
    };
    (kind, container)
}

/// A file whose units lie whole.
impl Container for Joined {
    fn step(&mut self, at: u64, bytes: &[u8], found: &mut Sink<'_>) -> Option<usize> {
        self.scan(Place::byte(at), bytes, found);
        Some(bytes.len())
    }

    fn end(&mut self, _at: u64, _rest: &[u8], _found: &mut Sink<'_>) {}

    fn step_bytes_max(&self) -> usize {
        1
    }

    fn check_invariants(&self) {
        self.check_pieces();
    }
}
