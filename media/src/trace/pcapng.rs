//! Captures in pcapng (draft-ietf-opsawg-pcapng): blocks in sections, each section with its own byte order and interfaces. Packets
//! are taken out of their blocks; other blocks are looked through as they lie.

use super::joined::Joined;
use super::order::Order;
use super::packet::Link;
use super::traffic::{PACKET_BYTES_MAX, Traffic};
use super::{Container, Place, Sink};

/// A section begins. It reads the same in either order.
const SECTION: u32 = 0x0a0d_0d0a;
/// What stands in a section's head behind its length, and tells its order.
const ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const INTERFACE: u32 = 1;
/// Obsolete since 2010.
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
/// A block's type and length, before its body.
const HEAD_BYTES: usize = 8;
/// Its length again, behind it.
const TAIL_BYTES: usize = 4;
/// Longest block that is read as one: a packet, its head and its options.
const BLOCK_BYTES_MAX: usize = PACKET_BYTES_MAX + (64 << 10);
/// Interfaces of a section. A host of containers has some hundreds.
const INTERFACES_MAX: usize = 4_096;

/// The byte order of a section that begins so; none if none does.
fn order(head: &[u8]) -> Option<Order> {
    let fits = |order: &Order| order.u32(head, 0) == Some(SECTION) && order.u32(head, HEAD_BYTES) == Some(ORDER_MAGIC);
    Order::BOTH.into_iter().find(fits)
}

/// The file is such a capture.
pub(super) fn begins(head: &[u8]) -> bool {
    order(head).is_some()
}

/// The file.
#[derive(Default)]
pub(super) struct PcapNg {
    order: Option<Order>,
    interfaces: Vec<Link>,
    traffic: Traffic,
    /// Bytes of a block that is looked through as it lies.
    passing: usize,
    /// A length that cannot be: from here on the file is looked through as it lies.
    lost: bool,
    plain: Joined,
}

impl PcapNg {
    fn pass(&mut self, at: u64, bytes: &[u8], found: &mut Sink<'_>) -> Option<usize> {
        self.plain.scan(Place::byte(at), bytes, found);
        Some(bytes.len())
    }

    /// Kind and length of the block that begins here; a section's is read in its own order.
    fn head(&mut self, bytes: &[u8]) -> Option<(u32, usize)> {
        if Order::Big.u32(bytes, 0)? == SECTION {
            bytes.get(..HEAD_BYTES + 4)?;
            self.order = order(bytes);
            self.interfaces.clear();
        }
        // Without an order no length is believed.
        let Some(order) = self.order else { return Some((SECTION, 0)) };
        Some((order.u32(bytes, 0)?, order.u32(bytes, 4)? as usize))
    }

    /// Takes what is of use out of a block's body, which stands at `at`.
    fn body(&mut self, kind: u32, at: u64, body: &[u8], found: &mut Sink<'_>) -> Option<()> {
        let order = self.order?;
        let (interface, begin, captured) = match kind {
            INTERFACE => {
                let link = Link::of(order.u16(body, 0)?.into());
                if self.interfaces.len() < INTERFACES_MAX {
                    self.interfaces.push(link);
                }
                return Some(());
            }
            ENHANCED_PACKET => (order.u32(body, 0)?, 20, order.u32(body, 12)?),
            PACKET => (order.u16(body, 0)?.into(), 20, order.u32(body, 12)?),
            // The length is the original one: what was captured may be less.
            SIMPLE_PACKET => (0, 4, order.u32(body, 0)?),
            _ => return None,
        };
        let rest = body.get(begin..)?;
        let packet = rest.get(..captured as usize).unwrap_or(rest);
        let link = self.interfaces.get(interface as usize).copied().unwrap_or(Link::Other);
        self.traffic.push(link, at + begin as u64, packet, found);
        Some(())
    }
}

impl Container for PcapNg {
    fn step(&mut self, at: u64, bytes: &[u8], found: &mut Sink<'_>) -> Option<usize> {
        if self.lost {
            return self.pass(at, bytes, found);
        }
        if self.passing > 0 {
            let passed = bytes.get(..self.passing).unwrap_or(bytes);
            self.passing -= passed.len();
            return self.pass(at, passed, found);
        }
        let (kind, length) = self.head(bytes)?;
        if length < HEAD_BYTES + TAIL_BYTES || !length.is_multiple_of(4) {
            self.lost = true;
            return self.pass(at, bytes, found);
        }
        let read = matches!(kind, INTERFACE | PACKET | SIMPLE_PACKET | ENHANCED_PACKET);
        if !read || length > BLOCK_BYTES_MAX {
            self.passing = length;
            return self.step(at, bytes, found);
        }
        let body = bytes.get(..length)?.get(HEAD_BYTES..length - TAIL_BYTES)?;
        self.body(kind, at + HEAD_BYTES as u64, body, found);
        Some(length)
    }

    fn end(&mut self, at: u64, rest: &[u8], found: &mut Sink<'_>) {
        // The block that the file's end has cut.
        if let (Some((kind, _)), Some(body)) = (self.head(rest), rest.get(HEAD_BYTES..)) {
            self.body(kind, at + HEAD_BYTES as u64, body, found);
        }
        self.traffic.end(found);
    }

    fn step_bytes_max(&self) -> usize {
        BLOCK_BYTES_MAX
    }

    fn check_invariants(&self) {
        self.traffic.check_invariants();
        self.plain.check_pieces();
        assert!(self.interfaces.len() <= INTERFACES_MAX);
    }
}
