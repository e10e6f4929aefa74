//! Cameras that lose, reorder, repeat, lie and flood: units come out whole or not at all, errors are counted, memory stays
//! within its bounds, and the next good unit goes on.

use media::codec::{DepacketizeError, Depacketizer, FRAGMENTS_MAX, NALS_MAX, RtpPayload, UNIT_BYTES_MAX};
use media::reorder::{Limits, Window};
use proptest::prelude::*;
use std::time::Duration;

use crate::fixture::{self, packet};

/// A stream of packets, and the payloads it stands for.
fn stream(first: u16) -> (Vec<RtpPayload>, Vec<Vec<u8>>, String) {
    let params = fixture::h264_params(fixture::H264);
    let units = fixture::h264_units(fixture::H264);
    let mut packets = Vec::new();
    for (index, unit) in units.iter().enumerate() {
        packets.extend(fixture::packets(&params, &unit.payload(), unit.keyframe, index as i64 * 3_600));
    }
    fixture::number(&mut packets, first);
    (packets, units.iter().map(|unit| unit.payload()).collect(), params.fmtp().unwrap())
}

/// Through a reorder window, as ingest does it.
fn ordered(packets: &[RtpPayload]) -> Vec<RtpPayload> {
    let mut window = Window::new(Limits::default());
    let mut out = Vec::new();
    let late = Duration::from_secs(60);
    for (packet, now) in packets.iter().zip((0..).map(Duration::from_millis)) {
        window.push(packet.sequence, packet.clone(), now);
        while let Some(next) = window.pop(now) {
            out.push(RtpPayload { loss: next.loss, ..next.item });
        }
    }
    while let Some(next) = window.pop(late) {
        out.push(RtpPayload { loss: next.loss, ..next.item });
    }
    out
}

proptest! {
    #![proptest_config(fixture::cases(48))]

    #[test]
    fn whatever_is_lost_units_come_whole_or_not_at_all(first: u16, lost in proptest::collection::btree_set(1..150usize, 0..12)) {
        let (packets, payloads, fmtp) = stream(first);
        let kept: Vec<RtpPayload> =
            packets.iter().enumerate().filter(|(at, _)| !lost.contains(at)).map(|(_, packet)| packet.clone()).collect();
        let mut depacketizer = Depacketizer::new("H264", 90_000, None, Some(&fmtp)).unwrap();
        let (units, _) = fixture::run(&mut depacketizer, &ordered(&kept));
        let mut next = 0;
        for unit in &units {
            let index = (unit.timestamp / 3_600) as usize;
            let whole = &payloads[index];
            // Parameter sets and SEI before a picture may be lost without a trace; slices may not.
            prop_assert!(whole.ends_with(&unit.payload), "unit {index} is cut");
            prop_assert!(index >= next, "unit {index} came twice or out of order");
            prop_assert!(unit.after_loss || unit.payload == *whole, "unit {index} lost something and does not say so");
            prop_assert!(unit.after_loss || index == next, "units before {index} are missing and it does not say so");
            next = index + 1;
        }
        let damaged: std::collections::BTreeSet<i64> =
            packets.iter().enumerate().filter(|(at, _)| lost.contains(at)).map(|(_, p)| p.timestamp).collect();
        // A loss right behind a unit without its marker costs that unit too, never more.
        prop_assert!(units.len() + 2 * damaged.len() >= payloads.len(), "{} of {}", units.len(), payloads.len());
    }

    #[test]
    fn reordered_and_repeated_packets_make_the_same_units(first: u16, swaps in proptest::collection::vec((1..150usize, 1..8usize), 0..20)) {
        let (packets, payloads, fmtp) = stream(first);
        let mut shuffled = packets.clone();
        for (at, by) in swaps {
            let (a, b) = (at.min(packets.len() - 1), (at + by).min(packets.len() - 1));
            shuffled.swap(a, b);
            let again = shuffled[b].clone();
            shuffled.insert(b, again);
        }
        let mut depacketizer = Depacketizer::new("H264", 90_000, None, Some(&fmtp)).unwrap();
        let (units, errors) = fixture::run(&mut depacketizer, &ordered(&shuffled));
        prop_assert_eq!(errors, []);
        prop_assert_eq!(units.into_iter().map(|unit| unit.payload.to_vec()).collect::<Vec<_>>(), payloads);
    }

    #[test]
    fn a_flipped_byte_harms_no_unit_but_its_own(at in 1..150usize, offset in 0..1400usize, flip in 1..=255u8) {
        let (mut packets, payloads, fmtp) = stream(0);
        let at = at.min(packets.len() - 1);
        let mut bytes = packets[at].payload.to_vec();
        let offset = offset % bytes.len();
        bytes[offset] ^= flip;
        packets[at].payload = bytes.into();
        let harmed = packets[at].timestamp;
        let mut depacketizer = Depacketizer::new("H264", 90_000, None, Some(&fmtp)).unwrap();
        let (units, _) = fixture::run(&mut depacketizer, &packets);
        // A unit whose slice turned into something else runs into its neighbour.
        let untouched = units.iter().filter(|u| (u.timestamp - harmed).abs() > 3_600);
        for unit in untouched.clone() {
            prop_assert_eq!(&unit.payload[..], &payloads[(unit.timestamp / 3_600) as usize][..]);
        }
        prop_assert!(untouched.count() + 3 >= payloads.len());
    }
}

fn h264() -> Depacketizer {
    Depacketizer::new("H264", 90_000, None, None).unwrap()
}

/// After what a test did, a good unit comes out whole.
fn goes_on(depacketizer: &mut Depacketizer, sequence: u16) {
    let good = [0x41, 0x9a, 1, 2, 3];
    let (units, errors) = fixture::run(depacketizer, &[packet(sequence, 1 << 40, true, &good)]);
    assert_eq!(errors, []);
    let payloads: Vec<&[u8]> = units.iter().map(|unit| &unit.payload[..]).collect();
    assert_eq!(payloads, [&[0, 0, 0, 5, 0x41, 0x9a, 1, 2, 3][..]]);
    assert!(units[0].after_loss);
}

#[test]
fn a_fragment_that_never_ends_is_dropped_at_the_bound() {
    for (name, first, next) in [
        ("H264", &[0x7c, 0x81, 0x80][..], &[0x7c, 0x01][..]),
        ("H265", &[0x62, 0x01, 0x81, 0x80][..], &[0x62, 0x01, 0x01][..]),
    ] {
        let mut depacketizer = Depacketizer::new(name, 90_000, None, None).unwrap();
        let body = vec![0xaa; 60_000];
        let mut errors = Vec::new();
        for sequence in 0..2_000u16 {
            let payload = [if sequence == 0 { first } else { next }, &body].concat();
            errors.extend(depacketizer.push(packet(sequence, 0, false, &payload)).err());
            assert_eq!(depacketizer.pull(), None);
        }
        assert!(
            matches!(errors[..], [DepacketizeError::TooLarge { what: "bytes", max: UNIT_BYTES_MAX, .. }]),
            "{name}: one unit, one error: {errors:?}"
        );
        if name == "H264" {
            goes_on(&mut depacketizer, 2_000);
        }
    }
}

#[test]
fn a_flood_of_nal_units_is_dropped_at_the_bound() {
    let mut depacketizer = h264();
    // STAP-A of 400 SEI units of one byte.
    let stap: Vec<u8> = std::iter::once(0x78).chain([0, 1, 0x06].repeat(400)).collect();
    let mut errors = Vec::new();
    for sequence in 0..300u16 {
        errors.extend(depacketizer.push(packet(sequence, 0, true, &stap)).err());
        assert_eq!(depacketizer.pull(), None, "SEI alone is no unit");
    }
    assert_eq!(errors.len(), 100, "every third packet is over the bound");
    assert!(errors.iter().all(|e| matches!(e, DepacketizeError::TooLarge { what: "NAL units", max: NALS_MAX, .. })));
    goes_on(&mut depacketizer, 2_500);
}

#[test]
fn empty_fragments_are_counted_too() {
    let mut depacketizer = h264();
    depacketizer.push(packet(0, 0, false, &[0x7c, 0x81, 0x80])).unwrap();
    let mut errors = Vec::new();
    for index in 1..=FRAGMENTS_MAX {
        errors.extend(depacketizer.push(packet(index as u16, 0, false, &[0x7c, 0x01])).err());
    }
    assert!(matches!(errors[..], [DepacketizeError::TooLarge { what: "packets", max: FRAGMENTS_MAX, .. }]));
    goes_on(&mut depacketizer, 0);
}

#[test]
fn broken_packets_are_named_and_the_next_unit_goes_on() {
    let cases: &[(&[&[u8]], &str)] = &[
        (&[&[]], "ends inside the NAL unit header"),
        (&[&[0x80 | 0x41, 0x80]], "forbidden_zero_bit"),
        (&[&[0x78, 0, 9, 0x41]], "ends inside a STAP-A"),
        (&[&[0x78, 0, 0]], "ends inside a STAP-A"),
        (&[&[0x78, 0]], "ends inside a STAP-A"),
        (&[&[0x78, 0, 2, 0x78, 0]], "packet type 24"),
        (&[&[0x79, 0, 0, 0]], "packet type 25"),
        (&[&[0x7d, 0x81, 0, 0, 0x80]], "packet type 29"),
        (&[&[0x40]], "packet type 0"),
        (&[&[0x7c]], "ends inside the FU header"),
        (&[&[0x7c, 0x9c, 0]], "packet type 28"),
        (&[&[0x7c, 0x01, 0]], "without the first"),
        (&[&[0x7c, 0x81, 0x80], &[0x7c, 0x81, 0x80]], "before the last fragment"),
        (&[&[0x7c, 0x81, 0x80], &[0x41, 0x80]], "before the last fragment"),
        (&[&[0x7c, 0x81, 0x80], &[0x7c, 0x05, 0]], "of another unit"),
        (&[&[0x41, 0x00]], "first slice is missing"),
    ];
    for (payloads, message) in cases {
        let mut depacketizer = h264();
        let packets: Vec<RtpPayload> =
            payloads.iter().enumerate().map(|(at, payload)| packet(at as u16, 0, false, payload)).collect();
        let (units, errors) = fixture::run(&mut depacketizer, &packets);
        assert_eq!(units, [], "{message}");
        assert!(errors.len() == 1 && errors[0].to_string().contains(message), "{message}: {errors:?}");
        goes_on(&mut depacketizer, 9);
    }
}

#[test]
fn a_marker_inside_a_fragmented_unit_drops_it() {
    let mut depacketizer = h264();
    let (units, errors) = fixture::run(&mut depacketizer, &[packet(0, 0, true, &[0x7c, 0x81, 0x80])]);
    assert_eq!(units, []);
    assert!(errors[0].to_string().contains("marker"));
    goes_on(&mut depacketizer, 1);
    let (units, errors) = fixture::run(
        &mut depacketizer,
        &[packet(2, 5, false, &[0x7c, 0x81, 0x80]), packet(3, 6, true, &[0x41, 0x80, 7])],
    );
    assert!(errors[0].to_string().contains("timestamp changes"));
    assert_eq!(units.len(), 1);
    assert!(units[0].after_loss && units[0].timestamp == 6);
}

#[test]
fn units_end_without_a_marker_and_do_not_end_at_a_stray_one() {
    let mut depacketizer = h264();
    let sets = fixture::nals(fixture::H264);
    let (sps, pps) = (sets[0], sets[1]);
    let packets = [
        // Parameter sets with a marker each, and with the timestamp of the picture before.
        packet(0, 0, true, sps),
        packet(1, 0, true, pps),
        packet(2, 3_600, false, &[0x65, 0x80, 1]),
        packet(3, 3_600, false, &[0x65, 0x40, 2]),
        // No marker: the next timestamp ends it.
        packet(4, 7_200, false, &[0x41, 0x80, 3]),
        packet(5, 10_800, true, &[0x41, 0x80, 4]),
    ];
    let (units, errors) = fixture::run(&mut depacketizer, &packets);
    assert_eq!(errors, []);
    let seen: Vec<_> = units.iter().map(|u| (u.timestamp, u.keyframe, u.new_params, u.payload.len())).collect();
    let first = 4 + sps.len() + 4 + pps.len() + 2 * (4 + 3);
    assert_eq!(seen, [(3_600, true, true, first), (7_200, false, false, 7), (10_800, false, false, 7)]);
}

#[test]
fn parameter_changes_are_noted_and_equal_sets_are_none() {
    let (small, large) = (fixture::nals(fixture::H264), fixture::nals(fixture::H264_1080P));
    let mut depacketizer = h264();
    let mut sequence = 0u16;
    let mut send = |depacketizer: &mut Depacketizer, nals: &[&[u8]]| {
        let timestamp = i64::from(sequence) * 3_600;
        let packets: Vec<RtpPayload> = nals
            .iter()
            .enumerate()
            .map(|(at, nal)| packet(sequence + at as u16, timestamp, at + 1 == nals.len(), nal))
            .collect();
        sequence += nals.len() as u16;
        let (units, errors) = fixture::run(depacketizer, &packets);
        (units.iter().map(|unit| unit.new_params).collect::<Vec<_>>(), errors)
    };
    let slice: &[u8] = &[0x65, 0x80, 1];
    assert_eq!(send(&mut depacketizer, &[slice]), (vec![false], vec![]));
    assert_eq!(depacketizer.params(), None);
    assert_eq!(send(&mut depacketizer, &[small[0], slice]), (vec![false], vec![]), "half of the sets are not enough");
    assert_eq!(send(&mut depacketizer, &[small[1], slice]), (vec![true], vec![]));
    assert_eq!(depacketizer.params().unwrap().dimensions(), Some((320, 180)));
    assert_eq!(send(&mut depacketizer, &[small[0], small[1], slice]), (vec![false], vec![]));
    assert_eq!(send(&mut depacketizer, &[large[0], large[1], slice]), (vec![true], vec![]));
    assert_eq!(depacketizer.params(), Some(&fixture::h264_params(fixture::H264_1080P)));
    // A set that cannot be read: told, delivered, and the parameters stay.
    let (flags, errors) = send(&mut depacketizer, &[&[0x67, 0x64, 0], slice]);
    assert_eq!(flags, [false]);
    assert!(matches!(errors[..], [DepacketizeError::Params { .. }]), "{errors:?}");
    assert_eq!(depacketizer.params(), Some(&fixture::h264_params(fixture::H264_1080P)));
}

#[test]
fn aac_packets_that_lie_are_named() {
    let cases: &[(&[u8], &str)] = &[
        (&[0], "AU headers length"),
        (&[0, 0, 1], "multiple of 16"),
        (&[0, 15, 0, 8, 1], "multiple of 16"),
        (&[0, 32, 0, 8], "the AU headers"),
        (&[0, 16, 0, 9, 1], "interleaved"),
        (&[0, 32, 0, 8, 0, 16, 1, 2], "an access unit"),
        (&[0, 16, 0, 8, 1, 2], "an access unit"),
        (&[0, 16, 0, 0], "0 bytes"),
    ];
    for (payload, message) in cases {
        let mut depacketizer = Depacketizer::new("MPEG4-GENERIC", 48_000, Some(2), Some(fixture::AAC_FMTP)).unwrap();
        let (units, errors) = fixture::run(
            &mut depacketizer,
            &[packet(0, 0, true, payload), packet(1, 1024, true, &[0, 16, 0, 24, 7, 8, 9])],
        );
        assert!(errors.len() == 1 && errors[0].to_string().contains(message), "{message}: {errors:?}");
        assert_eq!(units.len(), 1, "{message}");
        assert!(units[0].after_loss && units[0].payload[..] == [7, 8, 9], "{message}");
    }
}

#[test]
fn jpeg_pictures_with_a_hole_are_dropped() {
    let params = media::codec::CodecParams::Mjpeg(media::codec::mjpeg::Params { width: 320, height: 176 });
    let whole = fixture::packets(&params, fixture::JPEG_420, true, 0);
    assert!(whole.len() > 3);
    for missing in 0..whole.len() {
        let mut packets = whole.clone();
        packets.remove(missing);
        packets.extend(whole.iter().map(|packet| RtpPayload { timestamp: 3_000, ..packet.clone() }));
        // Without the loss count, the offsets alone must show it.
        let mut depacketizer = Depacketizer::new("JPEG", 90_000, None, None).unwrap();
        let (units, errors) = fixture::run(&mut depacketizer, &packets);
        assert_eq!(errors.len(), 1, "one picture, one error, without packet {missing}: {errors:?}");
        assert_eq!(units.len(), 1, "without packet {missing}");
        assert!(units[0].after_loss && units[0].timestamp == 3_000);
    }
    let mut depacketizer = Depacketizer::new("JPEG", 90_000, None, None).unwrap();
    let head = [0, 0, 0, 0, 1, 200, 40, 22, 0, 0, 0, 0, 1, 2, 3];
    let (units, errors) = fixture::run(&mut depacketizer, &[packet(0, 0, true, &head)]);
    assert!(units.is_empty() && errors[0].to_string().contains("no quantisation tables"));
}
