//! Containers made by hand, byte by byte from their specifications: transport and program streams, captures. For seeds, and for
//! the tests of what reads them.

/// Bytes of a transport packet, and of its payload where nothing else is in it.
pub(crate) const TS_BYTES: usize = 188;
pub(crate) const TS_PAYLOAD_BYTES: usize = 184;

/// A transport packet with this payload, filled up by an adaptation field. At most `TS_PAYLOAD_BYTES`.
pub(crate) fn ts_packet(pid: u16, counter: u8, begins_unit: bool, payload: &[u8]) -> Vec<u8> {
    let [high, low] = (pid & 0x1fff).to_be_bytes();
    let stuffing = TS_PAYLOAD_BYTES - payload.len().min(TS_PAYLOAD_BYTES);
    let control = if stuffing > 0 { 0x30 } else { 0x10 };
    let mut packet = vec![0x47, high | u8::from(begins_unit) << 6, low, control | counter & 0x0f];
    packet.extend(stuffing.checked_sub(1).map(|length| length as u8));
    // The field's flags, all of them off.
    packet.extend((stuffing > 1).then_some(0));
    packet.resize(TS_BYTES - payload.len().min(TS_PAYLOAD_BYTES), 0xff);
    packet.extend(payload.iter().take(TS_PAYLOAD_BYTES));
    packet
}

/// A PES packet of video with a time stamp; its length is open, as transport streams may have it.
pub(crate) fn pes(data: &[u8]) -> Vec<u8> {
    [&[0, 0, 1, 0xe0, 0, 0, 0x80, 0x80, 5, 0x21, 0, 1, 0, 1][..], data].concat()
}

/// Data as a program stream: a pack header, then PES packets of at most so many bytes of data.
pub(crate) fn program_stream(data: &[u8], bytes_max: usize) -> Vec<u8> {
    let mut stream = vec![0, 0, 1, 0xba, 0x44, 0, 4, 0, 4, 1, 1, 0x89, 0xc3, 0xf8];
    for piece in data.chunks(bytes_max.clamp(1, 60_000)) {
        let [high, low] = (piece.len() as u16 + 8).to_be_bytes();
        stream.extend([0, 0, 1, 0xe0, high, low, 0x80, 0x80, 5, 0x21, 0, 1, 0, 1]);
        stream.extend(piece);
    }
    stream
}

/// The version of IP of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ip {
    V4,
    V6,
}

/// An IP packet around a UDP datagram.
pub(crate) fn udp(version: Ip, payload: &[u8]) -> Vec<u8> {
    let [high, low] = (payload.len() as u16 + 8).to_be_bytes();
    ip(version, 17, &[&[0x4e, 0x20, 0x4e, 0x22, high, low, 0, 0][..], payload].concat())
}

/// An IP packet around a TCP segment.
pub(crate) fn tcp(version: Ip, sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    tcp_between([0x02, 0x2a, 0xc0, 0x01], version, sequence, flags, payload)
}

/// The same between these two ports.
pub(crate) fn tcp_between(ports: [u8; 4], version: Ip, sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let [a, b, c, d] = sequence.to_be_bytes();
    let head = [a, b, c, d, 0, 0, 0, 9, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0];
    ip(version, 6, &[&ports[..], &head, payload].concat())
}

fn ip(version: Ip, protocol: u8, content: &[u8]) -> Vec<u8> {
    match version {
        Ip::V4 => {
            let [high, low] = (content.len() as u16 + 20).to_be_bytes();
            let head = [0x45, 0, high, low, 0, 1, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
            [&head[..], content].concat()
        }
        Ip::V6 => {
            let [high, low] = (content.len() as u16).to_be_bytes();
            [&[0x60, 0, 0, 0, high, low, protocol, 64][..], &[0xfd; 16], &[0xfe; 16], content].concat()
        }
    }
}

/// Numbers of link types, each with what stands before the IP packet.
pub(crate) fn links(version: Ip) -> Vec<(u32, Vec<u8>)> {
    let (ethertype, family) = match version {
        Ip::V4 => ([8, 0], 2),
        Ip::V6 => ([0x86, 0xdd], 10),
    };
    vec![
        (1, [&[2; 12][..], &ethertype].concat()),
        (0, vec![family, 0, 0, 0]),
        (108, vec![0, 0, 0, family]),
        (101, Vec::new()),
        (113, [&[0, 0, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0][..], &ethertype].concat()),
        (276, [&ethertype[..], &[0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 2, 2, 2, 2, 2, 2, 0, 0]].concat()),
    ]
}

/// A capture in libpcap's format.
pub(crate) fn pcap(big: bool, nano: bool, link: u32, packets: &[Vec<u8>]) -> Vec<u8> {
    let number = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let version = if big { [0, 2, 0, 4] } else { [2, 0, 4, 0] };
    let magic = if nano { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
    let mut file = [number(magic), version, number(0), number(0), number(262_144), number(link)].concat();
    for packet in packets {
        let length = number(packet.len() as u32);
        file.extend([number(1_795_000_000), number(5), length, length].as_flattened());
        file.extend(packet);
    }
    file
}

/// A capture in pcapng: a section, an interface, and the packets, the last one in a simple block.
pub(crate) fn pcapng(big: bool, link: u16, packets: &[Vec<u8>]) -> Vec<u8> {
    let number = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let block = |kind: u32, body: &[u8]| {
        let body = [body, [0; 3].get(..body.len().next_multiple_of(4) - body.len()).unwrap_or_default()].concat();
        let length = number(body.len() as u32 + 12);
        [&number(kind)[..], &length, &body, &length].concat()
    };
    let version = if big { [0, 1, 0, 0] } else { [1, 0, 0, 0] };
    let mut file = block(0x0a0d_0d0a, [number(0x1a2b_3c4d), version, [0xff; 4], [0xff; 4]].as_flattened());
    let link = if big { link.to_be_bytes() } else { link.to_le_bytes() };
    file.extend(block(1, &[&link[..], &[0, 0], &number(262_144)].concat()));
    for (at, packet) in (1..).zip(packets) {
        let length = number(packet.len() as u32);
        let enhanced = [number(0), number(1), number(2), length, length];
        file.extend(match at == packets.len() {
            true => block(3, &[&length[..], packet].concat()),
            false => block(6, &[enhanced.as_flattened(), packet].concat()),
        });
    }
    file
}
