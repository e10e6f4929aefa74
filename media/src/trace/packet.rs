//! A captured packet down to what it carries: link header, VLAN tags, IPv4 or IPv6, then UDP's payload or TCP's segment. What is
//! not understood, fragments and tunnels among it, is looked through by itself.

use std::ops::Range;

/// VLAN tags passed over: two in use (IEEE 802.1ad), twice that for luck.
const VLAN_TAGS_MAX: usize = 4;
/// IPv6 extension headers passed over; RFC 8200 section 4.1 knows of seven.
const EXTENSIONS_MAX: usize = 8;

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
/// IEEE 802.1Q, 802.1ad and what came before it.
const ETHERTYPES_VLAN: [u16; 3] = [0x8100, 0x88a8, 0x9100];
const TCP: u8 = 6;
const UDP: u8 = 17;
/// IPv6 extension headers that are `next, length in 8 bytes beyond the first`: hop-by-hop, routing, destination, mobility.
const EXTENSIONS: [u8; 4] = [0, 43, 60, 135];
/// Authentication header: its length counts 4 bytes, beyond the first 8.
const AUTHENTICATION: u8 = 51;

/// What stands before the IP header (tcpdump.org/linktypes.html).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Ethernet,
    /// BSD loopback: four bytes of address family, in whoever's byte order.
    Loopback,
    RawIp,
    /// Linux "cooked": 16 bytes, the protocol last.
    Cooked1,
    /// The same anew: 20 bytes, the protocol first.
    Cooked2,
    Other,
}

impl Link {
    /// By its number in a capture.
    pub(super) fn of(number: u32) -> Self {
        match number {
            1 => Self::Ethernet,
            0 | 108 => Self::Loopback,
            // 12 and 14 are what BSDs write for 101; 228 and 229 are one version each.
            12 | 14 | 101 | 228 | 229 => Self::RawIp,
            113 => Self::Cooked1,
            276 => Self::Cooked2,
            _ => Self::Other,
        }
    }
}

/// One direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Direction {
    from: [u8; 16],
    to: [u8; 16],
    ports: [u8; 4],
}

/// A stretch of a connection's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) direction: Direction,
    /// Number of its first byte, or of its SYN.
    pub(super) sequence: u32,
    /// The connection begins.
    pub(super) syn: bool,
    /// Where in the packet its bytes are.
    pub(super) payload: Range<usize>,
}

/// What a packet carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Tcp(Segment),
    /// To be looked through by itself, from here to there.
    Alone(Range<usize>),
}

/// Reads a packet.
pub(super) fn read(link: Link, packet: &[u8]) -> Content {
    let mut cursor = Cursor { packet, at: 0, end: packet.len() };
    ip(link, &mut cursor).unwrap_or(Content::Alone(0..packet.len()))
}

/// A place in a packet.
struct Cursor<'a> {
    packet: &'a [u8],
    at: usize,
    end: usize,
}

impl Cursor<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = self.packet.get(self.at..self.end)?.first_chunk()?;
        self.at += N;
        Some(*bytes)
    }

    fn skip(&mut self, bytes: usize) -> Option<()> {
        self.at = self.at.checked_add(bytes).filter(|at| *at <= self.end)?;
        Some(())
    }

    /// What lies beyond so many bytes from here is padding of the link.
    fn limit(&mut self, bytes: usize) {
        self.end = self.end.min(self.at.saturating_add(bytes));
    }

    fn rest(&self) -> Range<usize> {
        self.at..self.end
    }
}

fn ip(link: Link, cursor: &mut Cursor<'_>) -> Option<Content> {
    match link {
        Link::Ethernet => {
            cursor.skip(12)?;
            let ethertype = u16::from_be_bytes(cursor.take()?);
            network(ethertype, cursor)
        }
        Link::Cooked1 => {
            cursor.skip(14)?;
            let ethertype = u16::from_be_bytes(cursor.take()?);
            network(ethertype, cursor)
        }
        Link::Cooked2 => {
            let ethertype = u16::from_be_bytes(cursor.take()?);
            cursor.skip(18)?;
            network(ethertype, cursor)
        }
        Link::Loopback => {
            cursor.skip(4)?;
            by_version(cursor)
        }
        Link::RawIp => by_version(cursor),
        Link::Other => None,
    }
}

fn by_version(cursor: &mut Cursor<'_>) -> Option<Content> {
    match cursor.packet.get(cursor.at)? >> 4 {
        4 => ipv4(cursor),
        6 => ipv6(cursor),
        _ => None,
    }
}

fn network(mut ethertype: u16, cursor: &mut Cursor<'_>) -> Option<Content> {
    for _ in 0..=VLAN_TAGS_MAX {
        match ethertype {
            ETHERTYPE_IPV4 => return ipv4(cursor),
            ETHERTYPE_IPV6 => return ipv6(cursor),
            tag if ETHERTYPES_VLAN.contains(&tag) => {
                cursor.skip(2)?;
                ethertype = u16::from_be_bytes(cursor.take()?);
            }
            _ => return None,
        }
    }
    None
}

/// RFC 791 section 3.1.
fn ipv4(cursor: &mut Cursor<'_>) -> Option<Content> {
    let begin = cursor.at;
    let [version_and_length, _, length @ ..] = cursor.take::<4>()?;
    let [_, _, fragment @ ..] = cursor.take::<4>()?;
    let [_, protocol, _, _] = cursor.take::<4>()?;
    let (from, to) = (cursor.take::<4>()?, cursor.take::<4>()?);
    let head_bytes = 4 * usize::from(version_and_length & 0x0f);
    if version_and_length >> 4 != 4 {
        return None;
    }
    let total = usize::from(u16::from_be_bytes(length));
    cursor.at = begin;
    // Captured before the network card cut it up, a packet has no length yet.
    if total > 0 {
        cursor.limit(total);
    }
    cursor.skip(head_bytes.max(20))?;
    if u16::from_be_bytes(fragment) & 0x3fff != 0 {
        return Some(Content::Alone(cursor.rest()));
    }
    transport(protocol, mapped(from), mapped(to), cursor)
}

/// An IPv4 address as IPv6 has it (RFC 4291 section 2.5.5.2).
fn mapped(address: [u8; 4]) -> [u8; 16] {
    let [a, b, c, d] = address;
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d]
}

/// RFC 8200 sections 3 and 4.
fn ipv6(cursor: &mut Cursor<'_>) -> Option<Content> {
    let [version, _, _, _] = cursor.take::<4>()?;
    let [high, low, mut next, _] = cursor.take::<4>()?;
    let (from, to) = (cursor.take::<16>()?, cursor.take::<16>()?);
    let length = usize::from(u16::from_be_bytes([high, low]));
    if version >> 4 != 6 {
        return None;
    }
    // None is a jumbogram's, or what the network card has not cut up yet.
    if length > 0 {
        cursor.limit(length);
    }
    for _ in 0..EXTENSIONS_MAX {
        let unit = match next {
            AUTHENTICATION => 4,
            extension if EXTENSIONS.contains(&extension) => 8,
            _ => return transport(next, from, to, cursor),
        };
        let [after, length] = cursor.take::<2>()?;
        cursor.skip(6 + unit * usize::from(length))?;
        next = after;
    }
    None
}

fn transport(protocol: u8, from: [u8; 16], to: [u8; 16], cursor: &mut Cursor<'_>) -> Option<Content> {
    match protocol {
        UDP => {
            cursor.skip(8)?;
            Some(Content::Alone(cursor.rest()))
        }
        TCP => {
            let ports = cursor.take::<4>()?;
            let sequence = u32::from_be_bytes(cursor.take()?);
            cursor.skip(4)?;
            let [offset, flags] = cursor.take::<2>()?;
            // The data offset counts 4 bytes from the header's beginning; 14 are read.
            cursor.skip((4 * usize::from(offset >> 4)).checked_sub(14)?)?;
            let direction = Direction { from, to, ports };
            Some(Content::Tcp(Segment { direction, sequence, syn: flags & 2 != 0, payload: cursor.rest() }))
        }
        _ => Some(Content::Alone(cursor.rest())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::containers::{self, Ip};

    /// Where the payload of this packet is understood to be.
    fn payload(link: u32, packet: &[u8]) -> (bool, &[u8]) {
        match read(Link::of(link), packet) {
            Content::Tcp(segment) => {
                assert_eq!((segment.sequence, segment.syn), (7, false));
                (true, &packet[segment.payload])
            }
            Content::Alone(range) => (false, &packet[range]),
        }
    }

    #[test]
    fn every_link_and_both_versions_lead_to_the_payload() {
        for version in [Ip::V4, Ip::V6] {
            let (udp, tcp) = (containers::udp(version, b"payload"), containers::tcp(version, 7, 0x10, b"payload"));
            for (link, head) in containers::links(version) {
                // An Ethernet frame is filled up to 60 bytes.
                let framed = |ip: &[u8]| [&head[..], ip, &[0; 6]].concat();
                assert_eq!(payload(link, &framed(&udp)), (false, &b"payload"[..]), "{link} {version:?}");
                assert_eq!(payload(link, &framed(&tcp)), (true, &b"payload"[..]), "{link} {version:?}");
            }
        }
    }

    #[test]
    fn vlan_tags_are_passed_over_but_not_without_end() {
        let (links, tcp) = (containers::links(Ip::V4), containers::tcp(Ip::V4, 7, 0x10, b"payload"));
        for (link, head) in [&links[0], &links[4]] {
            let (addresses, ethertype) = head.split_at(head.len() - 2);
            for tags in 0..7 {
                let tags_bytes = [0x81, 0, 0, 5].repeat(tags);
                let packet = [addresses, &tags_bytes, ethertype, &tcp].concat();
                assert_eq!(payload(*link, &packet).0, tags <= VLAN_TAGS_MAX, "{tags}");
            }
        }
    }

    #[test]
    fn extension_headers_are_passed_over_and_fragments_stay_alone() {
        let mut v6 = containers::udp(Ip::V6, b"payload");
        v6[6] = 0;
        v6[5] += 16 + 12;
        let authentication = [UDP, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let options = [60, 0, 0, 0, 0, 0, 0, 0, AUTHENTICATION, 0, 0, 0, 0, 0, 0, 0];
        v6.splice(40..40, options.into_iter().chain(authentication));
        let Content::Alone(range) = read(Link::RawIp, &v6) else { panic!() };
        assert_eq!(&v6[range], b"payload");
        let mut v4 = containers::tcp(Ip::V4, 7, 0x10, b"payload");
        v4[6] = 0x20;
        assert_eq!(read(Link::RawIp, &v4), Content::Alone(20..v4.len()));
    }

    #[test]
    fn a_packet_without_a_length_ends_where_it_ends() {
        for version in [Ip::V4, Ip::V6] {
            let mut packet = containers::tcp(version, 7, 0x10, b"payload");
            let at = if version == Ip::V4 { 2 } else { 4 };
            packet[at..at + 2].fill(0);
            let Content::Tcp(segment) = read(Link::RawIp, &packet) else { panic!() };
            assert_eq!(&packet[segment.payload], b"payload");
        }
    }

    #[test]
    fn a_packet_cut_anywhere_is_looked_through_as_far_as_it_goes() {
        let tcp = containers::tcp(Ip::V4, 7, 0x10, b"payload");
        for end in 0..tcp.len() {
            match read(Link::RawIp, &tcp[..end]) {
                Content::Tcp(segment) => assert_eq!(segment.payload, 40..end),
                Content::Alone(range) => assert!(end < 40 && range == (0..end)),
            }
        }
    }
}
