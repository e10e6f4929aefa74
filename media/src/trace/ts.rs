//! MPEG transport streams (ITU-T H.222.0 section 2.4.3): each PID's payload is put together, PES headers taken out. Where packets
//! are missing nothing is joined; where the packets' rhythm is lost, what lies there is looked through as it is.

use std::collections::BTreeMap;

use super::joined::Joined;
use super::{Container, Place, Sink, pes};

/// First byte of a transport packet.
pub(super) const SYNC: u8 = 0x47;
/// Bytes of a transport packet.
const PACKET_BYTES: usize = 188;
/// Bytes before a packet's adaptation field or payload.
const HEAD_BYTES: usize = 4;
/// PID of packets that only fill.
const NULL_PID: u16 = 0x1fff;
/// Packets that must follow at the right distance before a byte is taken for a sync.
const RESYNC_PACKETS: usize = 2;
/// PIDs have 13 bits: so many streams at most, of a kilobyte each.
const PIDS_MAX: usize = 1 << 13;

/// How packets lie in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packets {
    /// From one to the next.
    pub bytes: usize,
    /// Bytes before the sync byte.
    pub before: usize,
}

/// Bare; behind the 4 bytes of arrival time of Blu-ray discs and camcorders; before 16 bytes of Reed-Solomon code.
pub(super) const PACKETS: [Packets; 3] = [
    Packets { bytes: PACKET_BYTES, before: 0 },
    Packets { bytes: 4 + PACKET_BYTES, before: 4 },
    Packets { bytes: PACKET_BYTES + 16, before: 0 },
];

/// The file.
pub(super) struct TransportStream {
    packets: Packets,
    streams: BTreeMap<u16, Stream>,
    /// What is in no packet.
    stray: Joined,
}

/// One PID's payload.
#[derive(Default)]
struct Stream {
    joined: Joined,
    /// The PES header that is being passed over.
    header: Option<pes::Header>,
    /// Continuity counter of the last packet.
    counter: Option<u8>,
    /// Its payload: a packet may come twice (section 2.4.3.3).
    payload: Vec<u8>,
}

impl TransportStream {
    pub(super) fn new(packets: Packets) -> Self {
        Self { packets, streams: BTreeMap::new(), stray: Joined::default() }
    }

    /// Bytes that tell whether a packet begins at the first of them.
    fn resync_bytes(&self) -> usize {
        self.packets.before + RESYNC_PACKETS * self.packets.bytes + 1
    }

    /// There is a sync where a packet at `at` would have it, and at the distance of each of the next ones.
    fn begins_packet(&self, bytes: &[u8], at: usize) -> bool {
        (0..=RESYNC_PACKETS).all(|n| bytes.get(at + self.packets.before + n * self.packets.bytes) == Some(&SYNC))
    }

    fn packet(&mut self, place: Place, packet: &[u8], found: &mut Sink<'_>) {
        let Some((&[_, high, low, flags], rest)) = packet.split_first_chunk::<HEAD_BYTES>() else { return };
        let pid = u16::from_be_bytes([high & 0x1f, low]);
        let adaptation_bytes = match flags >> 4 & 3 {
            1 => 0,
            3 => 1 + usize::from(rest.first().copied().unwrap_or(0)),
            _ => return,
        };
        let payload = rest.get(adaptation_bytes..).unwrap_or_default();
        if payload.is_empty() || pid == NULL_PID {
            return;
        }
        let place = place.further((HEAD_BYTES + adaptation_bytes) as u64);
        if high & 0x80 != 0 {
            // The receiver found it damaged: not even the PID is sure.
            return self.stray.scan(place, payload, found);
        }
        let stream = self.streams.entry(pid).or_default();
        stream.take(place, payload, flags & 0x0f, high & 0x40 != 0, found);
    }
}

impl Container for TransportStream {
    fn step(&mut self, at: u64, bytes: &[u8], found: &mut Sink<'_>) -> Option<usize> {
        let whole = bytes.get(..self.packets.bytes)?;
        let packet = whole.get(self.packets.before..self.packets.before + PACKET_BYTES)?;
        if packet.first() == Some(&SYNC) {
            self.packet(Place::byte(at + self.packets.before as u64), packet, found);
            return Some(whole.len());
        }
        let decidable = (bytes.len() + 1).checked_sub(self.resync_bytes())?;
        let lost = (0..decidable).find(|at| self.begins_packet(bytes, *at)).unwrap_or(decidable);
        self.stray.scan(Place::byte(at), bytes.get(..lost).unwrap_or_default(), found);
        Some(lost)
    }

    fn end(&mut self, at: u64, rest: &[u8], found: &mut Sink<'_>) {
        match rest.get(self.packets.before..) {
            Some(packet) if packet.first() == Some(&SYNC) => {
                let packet = packet.get(..PACKET_BYTES).unwrap_or(packet);
                self.packet(Place::byte(at + self.packets.before as u64), packet, found);
            }
            _ => self.stray.scan(Place::byte(at), rest, found),
        }
    }

    fn step_bytes_max(&self) -> usize {
        self.resync_bytes()
    }

    fn check_invariants(&self) {
        assert!(self.streams.len() <= PIDS_MAX);
        self.streams.values().for_each(|stream| stream.joined.check_pieces());
        self.stray.check_pieces();
    }
}

impl Stream {
    fn take(&mut self, place: Place, payload: &[u8], counter: u8, begins_unit: bool, found: &mut Sink<'_>) {
        if self.counter == Some(counter) && self.payload == payload {
            return;
        }
        if self.counter.is_some_and(|last| (last + 1) & 0x0f != counter) {
            self.joined.cut();
            self.header = None;
        }
        self.counter = Some(counter);
        self.payload.clear();
        self.payload.extend_from_slice(payload);
        if begins_unit {
            self.header = Some(pes::Header::default());
        }
        let data = match &mut self.header {
            Some(header) => header.pass(payload),
            None => payload,
        };
        let header_bytes = payload.len() - data.len();
        self.joined.push(place.further(header_bytes as u64), data, found);
    }
}
