//! Whole files made by hand, each read whole and in pieces: a mark is found wherever the container cuts it, and told once.

use super::*;
use crate::fuzz::containers::{self, Ip, TS_PAYLOAD_BYTES};
use crate::mark::Carrier;

fn unit(letter: u8) -> Vec<u8> {
    Carrier::H264.unit(&[]).filled(&[letter; TEXT_BYTES]).bytes().to_vec()
}

/// The letters of the marks of a file, in the order in which they are told, and where each stands.
fn marks(file: &[u8]) -> (Kind, Vec<(char, Place)>) {
    let read = |size: usize| {
        let (mut tracer, mut marks) = (Tracer::default(), Vec::new());
        let mut found = |mark: Mark| marks.push((char::from(mark.text[0]), mark.place));
        for piece in file.chunks(size) {
            tracer.push(piece, &mut found);
            tracer.check_invariants();
        }
        let kind = tracer.finish(&mut found);
        (kind, marks)
    };
    let whole = read(file.len().max(1));
    for size in [1, 7, 188, 1_000] {
        assert_eq!(read(size), whole, "in pieces of {size}");
    }
    for (_, place) in &whole.1 {
        assert_eq!(file[usize::try_from(place.at).unwrap()], UUID[0]);
    }
    whole
}

fn letters(file: &[u8]) -> String {
    marks(file).1.into_iter().map(|(letter, _)| letter).collect()
}

#[test]
fn a_file_is_looked_through_as_it_lies() {
    let file = [&[1; 3_000][..], &unit(b'a'), &[2; 64], &unit(b'b'), b"end"].concat();
    let (kind, found) = marks(&file);
    assert_eq!(kind, Kind::Whole);
    assert_eq!(found, [('a', Place::byte(3_003)), ('b', Place::byte(3_131))]);
    assert_eq!(letters(&unit(b'a')), "a", "also one shorter than what tells its kind");
    assert_eq!(letters(&[]), "");
}

/// A stream of PES packets as a transport stream: the first packet of each has the given number of bytes of data, the others
/// as many as there is room for. Another PID stands in between.
fn transport(units: &[(&[u8], usize)]) -> Vec<Vec<u8>> {
    let (mut packets, mut counter) = (Vec::new(), 0);
    for (data, first) in units {
        let pes = containers::pes(data);
        let (first, rest) = pes.split_at(pes.len() - data.len() + first);
        for (n, payload) in [first].into_iter().chain(rest.chunks(TS_PAYLOAD_BYTES)).enumerate() {
            packets.push(containers::ts_packet(0x100, counter, n == 0, payload));
            packets.push(containers::ts_packet(0x101, counter, n == 0, &[5; 184]));
            counter += 1;
        }
    }
    packets
}

#[test]
fn a_mark_cut_between_transport_packets_is_found_at_every_cut() {
    let data = [&unit(b'a')[..], &[3; 20], &unit(b'b')].concat();
    for first in 1..unit(b'a').len() + 60 {
        let packets = transport(&[(&data, first)]);
        let arrival: Vec<u8> = packets.iter().flat_map(|p| [&[0x47; 4], &p[..]].concat()).collect();
        let coded: Vec<u8> = packets.iter().flat_map(|p| [&p[..], &[0x47; 16]].concat()).collect();
        for (file, bytes) in [(packets.concat(), 188), (arrival, 192), (coded, 204)] {
            let (kind, found) = marks(&file);
            assert!(matches!(kind, Kind::TransportStream(packets) if packets.bytes == bytes), "{kind:?}");
            assert_eq!(found.iter().map(|(letter, _)| *letter).collect::<String>(), "ab", "{first} of {bytes}");
        }
    }
}

#[test]
fn a_mark_cut_by_a_pes_header_is_found_at_every_cut() {
    let mark = unit(b'a');
    for at in 1..mark.len() {
        for first in [0, 1] {
            let (one, two) = mark.split_at(at);
            let packets = transport(&[(one, first), (two, first)]);
            assert_eq!(letters(&packets.concat()), "a", "{at}");
        }
        assert_eq!(letters(&containers::program_stream(&mark, at)), "a", "program stream, {at}");
    }
}

#[test]
fn nothing_is_joined_where_a_transport_packet_is_missing() {
    let data = [&unit(b'a')[..], &[3; 60], &unit(b'b'), &[3; 300], &unit(b'c')].concat();
    let packets = transport(&[(&data, 30)]);
    // The packet behind the first one, in which the first mark goes on and the second one lies.
    let without: Vec<u8> =
        packets.iter().enumerate().filter(|(n, _)| *n != 2).flat_map(|(_, packet)| packet.clone()).collect();
    assert_eq!((letters(&packets.concat()), letters(&without)), ("abc".into(), "c".into()));
    let twice: Vec<u8> = packets.iter().flat_map(|packet| packet.repeat(2)).collect();
    assert_eq!(letters(&twice), "abc", "each packet twice is as good as once");
}

#[test]
fn a_transport_stream_is_found_again_behind_other_bytes() {
    let stream = transport(&[(&unit(b'a'), 30), (&[3; 900], 10), (&unit(b'b'), 60)]).concat();
    let begun = &stream[100..];
    let torn = [&stream[..], &unit(b'x'), &[0x47; 77], &stream[50..], b"end"].concat();
    assert_eq!(letters(begun), "b", "the first packet is cut");
    assert_eq!(letters(&torn), "abxb");
    let place = marks(&torn).1[2].1;
    assert_eq!(place, Place::byte(stream.len() as u64 + 3));
}

#[test]
fn a_program_stream_is_found_again_behind_other_bytes() {
    let stream = containers::program_stream(&[&unit(b'a')[..], &[3; 900], &unit(b'b')].concat(), 50);
    let (kind, _) = marks(&stream);
    assert_eq!(kind, Kind::ProgramStream);
    let torn = [&stream[..], &[0, 0, 2, 1], &unit(b'x'), &[0, 0, 1], &stream, &[0, 0, 1, 0xb9]].concat();
    assert_eq!(letters(&torn), "abxab");
    let cut = containers::program_stream(&unit(b'a'), 30);
    let first = 14 + 14 + 30;
    assert_eq!(letters(&[&cut[..first], &[9; 5], &cut[first..]].concat()), "", "something is missing there");
    // The second stream is cut inside its second mark, in a packet that then takes in the headers of the third one's first.
    assert_eq!(letters(&[&stream[..], &stream[..stream.len() - 70], &stream].concat()), "abab");
}

/// Segments of a stream of 100 bytes and a mark from byte 40 on, cut at `at`, as (sequence, bytes); numbers wrap inside.
fn segments(at: usize) -> [(u32, Vec<u8>); 3] {
    let stream = [&[6; 40][..], &unit(b'a'), &[6; 40]].concat();
    let begin = u32::MAX - 60;
    let number = |at: usize| begin.wrapping_add(at as u32);
    let second = at + (stream.len() - at) / 2;
    [
        (number(0), stream[..at].to_vec()),
        (number(at), stream[at..second].to_vec()),
        (number(second), stream[second..].to_vec()),
    ]
}

fn capture(segments: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let packet = |(sequence, bytes): &(u32, Vec<u8>)| containers::tcp(Ip::V4, *sequence, 0x10, bytes);
    let packets: Vec<Vec<u8>> = segments.iter().map(packet).collect();
    containers::pcap(false, false, 101, &packets)
}

#[test]
fn tcp_segments_are_put_in_order_wherever_they_are_cut() {
    for at in 1..143 {
        let [a, b, c] = segments(at);
        let overlapping = (b.0.wrapping_sub(1), [&a.1[a.1.len() - 1..], &b.1].concat());
        let orders: [&[&(u32, Vec<u8>)]; 9] = [
            &[&a, &b, &c],
            &[&a, &c, &b],
            &[&b, &a, &c],
            &[&c, &b, &a],
            &[&b, &c, &a],
            &[&a, &a, &b, &b, &c, &c],
            &[&a, &c, &c, &b, &a],
            &[&a, &overlapping, &b, &c],
            &[&a, &b, &overlapping, &c],
        ];
        for order in orders {
            let order: Vec<(u32, Vec<u8>)> = order.iter().copied().cloned().collect();
            assert_eq!(letters(&capture(&order)), "a", "cut at {at}: {order:?}");
        }
        // The mark's middle is missing: what is left of it is no mark.
        if (60..100).contains(&at) {
            assert_eq!(letters(&capture(&[a.clone(), c.clone()])), "", "{at}");
        }
    }
}

#[test]
fn a_connection_that_begins_anew_is_another_one() {
    let [a, b, c] = segments(70);
    let syn = |sequence: u32| containers::tcp(Ip::V4, sequence.wrapping_sub(1), 2, &[]);
    let data = |(sequence, bytes): &(u32, Vec<u8>)| containers::tcp(Ip::V4, *sequence, 0x10, bytes);
    let far = |(sequence, bytes): &(u32, Vec<u8>)| data(&(sequence.wrapping_add(5), bytes.clone()));
    let packets = [syn(a.0), data(&a), data(&c), data(&b), syn(a.0 + 5), far(&a), far(&b), far(&c)];
    assert_eq!(letters(&containers::pcap(true, true, 101, &packets)), "aa");
    // What waited behind a missing segment is not lost with its connection.
    let packets = [syn(a.0), data(&(a.0.wrapping_add(500), unit(b'z'))), syn(a.0 + 5), far(&a), far(&b), far(&c)];
    assert_eq!(letters(&containers::pcap(true, true, 101, &packets)), "za");
    // Half of one and half of the other are no mark.
    let packets = [syn(a.0), data(&a), syn(b.0.wrapping_add(9)), data(&(b.0.wrapping_add(9), b.1)), data(&c)];
    assert_eq!(letters(&containers::pcap(true, true, 101, &packets)), "");
}

#[test]
fn what_is_missing_is_given_up_when_too_much_waits() {
    let [a, b, c] = segments(70);
    let beyond = c.0.wrapping_add(1_000);
    let later = |n: u32| (beyond.wrapping_add(n * 1_000), vec![7; 1_000]);
    let mark = (beyond.wrapping_add(2_000 * 1_000), unit(b'z'));
    let many: Vec<_> = [a, b, c].into_iter().chain((0..2_000).map(later)).chain([mark]).collect();
    assert_eq!(letters(&capture(&many)), "az");
}

#[test]
fn connections_are_kept_apart_and_few_enough() {
    let [a, b, c] = segments(70);
    let between = |n: u32, (sequence, bytes): &(u32, Vec<u8>)| {
        containers::tcp_between(n.to_be_bytes(), Ip::V6, *sequence, 0x10, bytes)
    };
    // One goes on all the while, many others have a segment each and are not heard of again.
    let mut packets = vec![between(1, &a), between(2, &a)];
    for n in 0..40_000 {
        packets.push(between(1 << 20 | n, &c));
        if n % 1_000 == 0 {
            packets.push(between(1, &(a.0, a.1[..1].to_vec())));
        }
    }
    packets.extend([between(1, &b), between(2, &b)]);
    let file = containers::pcapng(false, 101, &packets);
    let (mut tracer, mut found) = (Tracer::default(), 0);
    for piece in file.chunks(1 << 20) {
        tracer.push(piece, &mut |_| found += 1);
        tracer.check_invariants();
    }
    tracer.finish(&mut |_| found += 1);
    assert_eq!(found, 1, "the one that was forgotten begins anew, the other goes on");
}

#[test]
fn places_in_a_capture_have_the_number_of_their_packet() {
    let datagram = |letter| containers::udp(Ip::V4, &unit(letter));
    for big in [false, true] {
        let packets = [datagram(b'a'), vec![0; 60], datagram(b'b')];
        for file in [containers::pcap(big, big, 101, &packets), containers::pcapng(big, 101, &packets)] {
            let (kind, found) = marks(&file);
            assert!(matches!(kind, Kind::Pcap | Kind::PcapNg));
            let numbers: Vec<(char, Option<u64>)> = found.iter().map(|(letter, p)| (*letter, p.packet)).collect();
            assert_eq!(numbers, [('a', Some(1)), ('b', Some(3))]);
        }
    }
}

#[test]
fn each_section_of_a_capture_has_its_own_order_and_interfaces() {
    let datagram = |letter| containers::udp(Ip::V6, &unit(letter));
    let framed = |letter| [&[2; 12][..], &[0x86, 0xdd], &datagram(letter)].concat();
    let (little, big) =
        (containers::pcapng(false, 101, &[datagram(b'a')]), containers::pcapng(true, 1, &[framed(b'b')]));
    let mut obsolete = containers::pcapng(true, 1, &[framed(b'c'), framed(b'd')]);
    let kind = obsolete.windows(4).position(|w| w == [0, 0, 0, 6]).unwrap();
    obsolete[kind + 3] = 2;
    let file = [little, big, obsolete].concat();
    let found = marks(&file).1.into_iter().map(|(letter, place)| (letter, place.packet)).collect::<Vec<_>>();
    assert_eq!(found, [('a', Some(1)), ('b', Some(2)), ('c', Some(3)), ('d', Some(4))]);
}

#[test]
fn a_capture_that_lies_is_looked_through_all_the_same() {
    let datagram = |letter| containers::udp(Ip::V4, &unit(letter));
    let mut pcap = containers::pcap(false, false, 101, &[datagram(b'a'), datagram(b'b'), datagram(b'c')]);
    let second = 24 + 16 + datagram(b'a').len() + 8;
    pcap[second..second + 4].fill(0xff);
    assert_eq!(letters(&pcap), "abc");
    let mut ng = containers::pcapng(true, 101, &[datagram(b'a'), datagram(b'b'), datagram(b'c')]);
    let second = ng.windows(4).rposition(|w| w == [0, 0, 0, 6]).unwrap() + 4;
    ng[second..second + 4].fill(0x71);
    assert_eq!(letters(&ng), "abc");
    let halves = unit(b'a').chunks(40).map(|half| containers::udp(Ip::V4, half)).collect::<Vec<_>>();
    assert_eq!(letters(&containers::pcap(false, false, 101, &halves)), "", "datagrams are not joined");
    // A link that nobody knows, and a file that ends inside a packet.
    let file = containers::pcap(false, false, 9_999, &[datagram(b'a'), [datagram(b'b'), vec![0; 99]].concat()]);
    assert_eq!(letters(&file[..file.len() - 50]), "ab");
}
