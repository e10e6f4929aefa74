//! Packetise, then depacketise: the payload comes back bit-exact, whatever its NAL units are, and the wire image agrees
//! with the packet count that was reserved for it.

use bytes::Bytes;
use media::codec::{CodecParams, Depacketizer, RTP_PAYLOAD_BYTES_MAX, RtpPayload};
use media::frame::{Frame, TrackId};
use media::rtp::{self, RtpStamp};
use media::wall::Wall;
use proptest::prelude::*;

use crate::fixture::{self, Unit};

fn frame(payload: Vec<u8>, keyframe: bool) -> Frame {
    let (track, wall) = (TrackId(1), Wall::EPOCH);
    Frame { track, pts: 0, wall, keyframe, discontinuity: false, payload: Bytes::from(payload) }
}

/// Sends a frame over the wire image and takes the packets apart again.
fn over_the_wire(params: &CodecParams, frame: &Frame, first_sequence: u16) -> Vec<RtpPayload> {
    let packets = rtp::cut(params, frame).packets;
    let stamp = RtpStamp { ssrc: 7, first_sequence, packets, marked: false, timestamp: u32::MAX - 5 };
    let image = rtp::Image::build(params, frame, stamp);
    let image = image.bytes();
    let read: Vec<_> = rtp::datagrams(image)
        .map(|datagram| {
            assert!(datagram.len() <= RTP_PAYLOAD_BYTES_MAX + rtp::HEADER_BYTES);
            let packet = rtp::parse(datagram).unwrap();
            assert_eq!((packet.ssrc, packet.payload_type), (7, params.payload_type(1)));
            RtpPayload {
                sequence: packet.sequence,
                timestamp: i64::from(packet.timestamp),
                marker: packet.marker,
                loss: 0,
                payload: Bytes::copy_from_slice(packet.payload),
            }
        })
        .collect();
    assert_eq!(read.len(), usize::from(packets), "the count reserved and the packets made");
    assert!(image.first().is_none_or(|b| *b == b'$') && image.get(1).is_none_or(|channel| *channel == 2));
    for (index, packet) in read.iter().enumerate() {
        assert_eq!(packet.sequence, first_sequence.wrapping_add(index as u16));
    }
    let payload_bytes: usize = read.iter().map(|packet| packet.payload.len()).sum();
    assert_eq!(rtp::octets(image.len(), packets), payload_bytes);
    read
}

fn check_video(params: &CodecParams, units: &[Unit<'_>]) {
    let fmtp = params.fmtp().unwrap();
    let mut depacketizer = Depacketizer::new(params.encoding_name(), 90_000, None, Some(&fmtp)).unwrap();
    let mut sequence = 65_500u16;
    for (index, unit) in units.iter().enumerate() {
        let frame = frame(unit.payload(), unit.keyframe);
        let mut packets = over_the_wire(params, &frame, sequence);
        sequence = sequence.wrapping_add(packets.len() as u16);
        packets.iter_mut().for_each(|packet| packet.timestamp = index as i64 * 3_600);
        let markers: Vec<bool> = packets.iter().map(|p| p.marker).collect();
        assert!(markers.split_last().is_some_and(|(last, others)| *last && !others.contains(&true)));
        let (out, errors) = fixture::run(&mut depacketizer, &packets);
        assert_eq!(errors, []);
        assert_eq!(out.len(), 1, "unit {index}");
        assert_eq!(out[0].payload, frame.payload, "unit {index}");
        assert_eq!((out[0].keyframe, out[0].new_params), (unit.keyframe, false), "unit {index}");
        assert_eq!(out[0].after_loss, index == 0, "unit {index}");
        assert_eq!(out[0].timestamp, index as i64 * 3_600);
    }
}

#[test]
fn h264_streams_come_back() {
    for stream in [fixture::H264, fixture::H264_1080P] {
        let units = fixture::h264_units(stream);
        assert!(units.len() >= 3 && units[0].keyframe);
        check_video(&fixture::h264_params(stream), &units);
    }
    assert_eq!(fixture::h264_units(fixture::H264).len(), 50);
}

#[test]
fn h265_streams_come_back() {
    let units = fixture::h265_units(fixture::H265);
    assert_eq!(units.len(), 50);
    check_video(&fixture::h265_params(fixture::H265), &units);
}

#[test]
fn keyframes_without_parameter_sets_get_them() {
    for (params, units) in [
        (fixture::h264_params(fixture::H264), fixture::h264_units(fixture::H264)),
        (fixture::h265_params(fixture::H265), fixture::h265_units(fixture::H265)),
    ] {
        // The slices alone, as a camera sends them that has its sets in the SDP only.
        let is_set = |nal: &&[u8]| params_sets(&params).iter().any(|set| set == nal);
        let nals: Vec<&[u8]> = units[0].nals.iter().copied().filter(|nal| !is_set(nal)).collect();
        assert!(nals.len() < units[0].nals.len());
        let slices = Unit { nals, keyframe: true };
        let packets = over_the_wire(&params, &frame(slices.payload(), true), 0);
        let mut depacketizer = Depacketizer::new(params.encoding_name(), 90_000, None, None).unwrap();
        assert_eq!(depacketizer.params(), None);
        let (out, errors) = fixture::run(&mut depacketizer, &packets);
        assert_eq!(errors, []);
        assert!(out[0].new_params && out[0].payload.ends_with(&slices.payload()));
        assert_eq!(depacketizer.params(), Some(&params));
        let without = over_the_wire(&params, &frame(slices.payload(), false), 0);
        assert_eq!(without.len() + params_sets(&params).len(), packets.len());
    }
}

fn params_sets(params: &CodecParams) -> Vec<Bytes> {
    match params {
        CodecParams::H264(p) => p.sets().cloned().collect(),
        CodecParams::H265(p) => p.sets().cloned().collect(),
        _ => Vec::new(),
    }
}

#[test]
fn aac_units_come_back() {
    let units = fixture::aac_units(fixture::AAC);
    assert_eq!(units.len(), 48);
    let mut depacketizer = Depacketizer::new("MPEG4-GENERIC", 48_000, Some(2), Some(fixture::AAC_FMTP)).unwrap();
    let params = depacketizer.params().unwrap().clone();
    for unit in units {
        let (out, errors) = fixture::run(&mut depacketizer, &over_the_wire(&params, &frame(unit.to_vec(), false), 9));
        assert_eq!(errors, []);
        assert_eq!(out.iter().map(|u| &u.payload[..]).collect::<Vec<_>>(), [unit]);
    }
}

#[test]
fn jpeg_pictures_come_back() {
    for (picture, size) in [(fixture::JPEG_420, (320, 176)), (fixture::JPEG_422_RESTART, (320, 176))] {
        let mut depacketizer = Depacketizer::new("JPEG", 90_000, None, None).unwrap();
        let params = CodecParams::Mjpeg(media::codec::mjpeg::Params { width: size.0, height: size.1 });
        let (out, errors) = fixture::run(&mut depacketizer, &over_the_wire(&params, &frame(picture.to_vec(), true), 0));
        assert_eq!(errors, []);
        assert_eq!((out.len(), out[0].keyframe, out[0].new_params), (1, true, true));
        assert_eq!(depacketizer.params(), Some(&params));
        // The header is written anew, the scan is the camera's own; a second round changes nothing any more.
        let scan = |picture: &[u8]| picture[picture.windows(2).position(|w| w == [0xff, 0xda]).unwrap()..].to_vec();
        assert_eq!(scan(&out[0].payload)[14..], scan(picture)[14..]);
        let (again, _) =
            fixture::run(&mut depacketizer, &over_the_wire(&params, &frame(out[0].payload.to_vec(), true), 0));
        assert_eq!(again[0].payload, out[0].payload);
        assert!(!again[0].new_params);
    }
}

#[test]
fn what_a_format_cannot_express_makes_no_packets() {
    let jpeg = CodecParams::Mjpeg(media::codec::mjpeg::Params { width: 320, height: 176 });
    for picture in [fixture::JPEG_OPTIMAL, b"no picture", &fixture::JPEG_420[..300], b""] {
        assert_eq!(over_the_wire(&jpeg, &frame(picture.to_vec(), true), 0).len(), 0);
    }
    let depacketizer = Depacketizer::new("MPEG4-GENERIC", 48_000, Some(2), Some(fixture::AAC_FMTP)).unwrap();
    assert_eq!(over_the_wire(depacketizer.params().unwrap(), &frame(vec![1; 8192], false), 0).len(), 0);
    let garbage = over_the_wire(&fixture::h264_params(fixture::H264), &frame(vec![0xff; 100], false), 0);
    assert_eq!(garbage.len(), 0);
}

#[test]
fn g711_is_split_between_samples() {
    let depacketizer = Depacketizer::new("PCMA", 8_000, Some(2), None).unwrap();
    let params = depacketizer.params().unwrap();
    let samples: Vec<u8> = (0..6_000u32).map(|i| i as u8).collect();
    let packets = over_the_wire(params, &frame(samples.clone(), false), 0);
    let mut ticks = i64::from(u32::MAX - 5);
    for packet in &packets {
        assert_eq!(packet.timestamp as u32, ticks as u32);
        assert_eq!(packet.payload.len() % 2, 0);
        ticks += packet.payload.len() as i64 / 2;
    }
    assert_eq!(packets.iter().flat_map(|p| p.payload.to_vec()).collect::<Vec<_>>(), samples);
}

/// NAL units with a header of `header`, bodies of any bytes and of lengths around the packet size.
fn bodies() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let length = prop_oneof![1..40usize, 1380..1400usize, 2760..2790usize, 1..6000usize];
    let body = length.prop_flat_map(|length| proptest::collection::vec(any::<u8>(), length));
    proptest::collection::vec(body, 1..6)
}

proptest! {
    #![proptest_config(fixture::cases(64))]

    #[test]
    fn any_h264_unit_comes_back(bodies in bodies(), kinds in proptest::collection::vec(0..4usize, 6), keyframe: bool) {
        let nals: Vec<Vec<u8>> = bodies.iter().zip(&kinds).enumerate().map(|(index, (body, kind))| {
            let slice = if keyframe { 0x65 } else { 0x41 };
            let first = if index == 0 { slice } else { [slice, 0x06, 0x09, 0x0c][*kind] };
            [&[first, 0x80 | body[0]], &body[1..]].concat()
        }).collect();
        let unit = Unit { nals: nals.iter().map(Vec::as_slice).collect(), keyframe };
        let params = fixture::h264_params(fixture::H264);
        let payload = unit.payload();
        let mut depacketizer = Depacketizer::new("h264", 90_000, None, params.fmtp().as_deref()).unwrap();
        let (out, errors) = fixture::run(&mut depacketizer, &over_the_wire(&params, &frame(payload.clone(), keyframe), 1));
        prop_assert_eq!(errors, []);
        prop_assert_eq!(out.len(), 1);
        prop_assert!(out[0].payload.ends_with(&payload));
        prop_assert_eq!(out[0].payload.len() > payload.len(), keyframe, "sets are put in before keyframes only");
    }

    #[test]
    fn any_h265_unit_comes_back(bodies in bodies(), kinds in proptest::collection::vec(0..3usize, 6)) {
        let nals: Vec<Vec<u8>> = bodies.iter().zip(&kinds).enumerate().map(|(index, (body, kind))| {
            let first = if index == 0 { 0x02 } else { [0x02, 0x4e, 0x50][*kind] };
            [&[first, 0x01, 0x80 | body[0]], &body[1..]].concat()
        }).collect();
        let unit = Unit { nals: nals.iter().map(Vec::as_slice).collect(), keyframe: false };
        let params = fixture::h265_params(fixture::H265);
        let mut depacketizer = Depacketizer::new("h265", 90_000, None, params.fmtp().as_deref()).unwrap();
        let frame = frame(unit.payload(), false);
        let (out, errors) = fixture::run(&mut depacketizer, &over_the_wire(&params, &frame, 1));
        prop_assert_eq!(errors, []);
        prop_assert_eq!(out.len(), 1);
        prop_assert_eq!(&out[0].payload, &frame.payload);
    }

    #[test]
    fn any_aac_unit_comes_back(unit in proptest::collection::vec(any::<u8>(), 1..8192)) {
        let mut depacketizer = Depacketizer::new("MPEG4-GENERIC", 48_000, Some(2), Some(fixture::AAC_FMTP)).unwrap();
        let params = depacketizer.params().unwrap().clone();
        let frame = frame(unit, false);
        let (out, errors) = fixture::run(&mut depacketizer, &over_the_wire(&params, &frame, 1));
        prop_assert_eq!(errors, []);
        prop_assert_eq!(out.len(), 1);
        prop_assert_eq!(&out[0].payload, &frame.payload);
    }
}
