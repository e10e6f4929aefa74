//! What captured packets carry, whatever file they came in: TCP put together by direction, all else packet by packet, since a
//! mark lies whole in one RTP packet.

use super::flows::Flows;
use super::joined::Joined;
use super::packet::{Content, Link, read};
use super::{Place, Sink};

/// Longest packet: what libpcap takes at most.
pub(super) const PACKET_BYTES_MAX: usize = 256 << 10;

/// The packets so far.
#[derive(Default)]
pub(super) struct Traffic {
    packets: u64,
    flows: Flows,
    alone: Joined,
}

impl Traffic {
    /// Takes the next packet, which stands at `at` in the file.
    pub(super) fn push(&mut self, link: Link, at: u64, packet: &[u8], found: &mut Sink<'_>) {
        self.packets += 1;
        let place = Place { at, packet: Some(self.packets) };
        match read(link, packet) {
            Content::Tcp(segment) => {
                let bytes = packet.get(segment.payload.clone()).unwrap_or_default();
                self.flows.push(&segment, place.further(segment.payload.start as u64), bytes, found);
            }
            Content::Alone(range) => {
                let place = place.further(range.start as u64);
                self.alone.scan(place, packet.get(range).unwrap_or_default(), found);
            }
        }
    }

    /// The capture is at its end.
    pub(super) fn end(&mut self, found: &mut Sink<'_>) {
        self.flows.end(found);
    }

    pub(super) fn check_invariants(&self) {
        self.flows.check_invariants();
        self.alone.check_pieces();
    }
}
