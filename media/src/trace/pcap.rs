//! Captures in libpcap's format (draft-ietf-opsawg-pcap): micro- or nanoseconds, either byte order. When a packet was captured is
//! of no interest: a mark has its own time.

use super::joined::Joined;
use super::order::Order;
use super::packet::Link;
use super::traffic::{PACKET_BYTES_MAX, Traffic};
use super::{Container, Place, Sink};

const FILE_HEAD_BYTES: usize = 24;
/// Bytes before a packet.
const HEAD_BYTES: usize = 16;
/// First number of a file of micro- and of nanoseconds.
const MAGICS: [u32; 2] = [0xa1b2_c3d4, 0xa1b2_3c4d];
/// Major version; there never was another one.
const VERSION: u16 = 2;
/// Of the link type's bits the upper ones tell of checksums.
const LINK_MASK: u32 = 0x0fff_ffff;

/// The byte order of a file that begins so; none if it is no capture.
fn order(head: &[u8]) -> Option<Order> {
    let fits = |order: &Order| {
        order.u32(head, 0).is_some_and(|magic| MAGICS.contains(&magic)) && order.u16(head, 4) == Some(VERSION)
    };
    Order::BOTH.into_iter().find(fits)
}

/// The file is such a capture.
pub(super) fn begins(head: &[u8]) -> bool {
    order(head).is_some()
}

/// The file.
#[derive(Default)]
pub(super) struct Pcap {
    /// Once its head has been read.
    head: Option<(Order, Link)>,
    traffic: Traffic,
    /// A length that cannot be: from here on the file is looked through as it lies.
    lost: bool,
    rest: Joined,
}

impl Container for Pcap {
    fn step(&mut self, at: u64, bytes: &[u8], found: &mut Sink<'_>) -> Option<usize> {
        if self.lost {
            self.rest.scan(Place::byte(at), bytes, found);
            return Some(bytes.len());
        }
        let Some((order, link)) = self.head else {
            let head = bytes.get(..FILE_HEAD_BYTES)?;
            let order = order(head)?;
            self.head = Some((order, Link::of(order.u32(head, 20)? & LINK_MASK)));
            return Some(FILE_HEAD_BYTES);
        };
        let captured = order.u32(bytes.get(..HEAD_BYTES)?, 8)? as usize;
        if captured > PACKET_BYTES_MAX {
            self.lost = true;
            return self.step(at, bytes, found);
        }
        let packet = bytes.get(HEAD_BYTES..HEAD_BYTES + captured)?;
        self.traffic.push(link, at + HEAD_BYTES as u64, packet, found);
        Some(HEAD_BYTES + captured)
    }

    fn end(&mut self, at: u64, rest: &[u8], found: &mut Sink<'_>) {
        // The packet that the file's end has cut.
        if let (Some((_, link)), Some(packet)) = (self.head, rest.get(HEAD_BYTES..)) {
            self.traffic.push(link, at + HEAD_BYTES as u64, packet, found);
        }
        self.traffic.end(found);
    }

    fn step_bytes_max(&self) -> usize {
        HEAD_BYTES + PACKET_BYTES_MAX
    }

    fn check_invariants(&self) {
        self.traffic.check_invariants();
        self.rest.check_pieces();
    }
}
