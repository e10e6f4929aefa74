//! The same packets through our depacketisers and through retina's: the same frames, keyframe flags and parameters. The
//! packets come from a packetiser of this file's own, which uses every packet type that both sides know.

use std::num::{NonZeroU16, NonZeroU32};

use bytes::Bytes;
use media::codec::{AccessUnit, CodecParams, Depacketizer, RtpPayload, h264, h265};
use proptest::prelude::*;
use retina::codec::{CodecItem, FrameFormat, ParametersRef};

use crate::fixture::{self, Unit, packet};

/// What both sides say of a frame.
#[derive(PartialEq)]
struct Seen {
    timestamp: i64,
    keyframe: bool,
    data: Vec<u8>,
}

/// Kilobytes of data would hide which frame differs.
impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sum = self.data.iter().fold(0u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(*byte)));
        write!(f, "({} {} {} bytes {sum:08x})", self.timestamp, self.keyframe, self.data.len())
    }
}

struct Oracle {
    depacketizer: retina::codec::Depacketizer,
    buffer: retina::testutil::DepacketizeBuf,
    clock_rate: NonZeroU32,
}

impl Oracle {
    fn new(media: &str, name: &str, clock_rate: u32, channels: Option<u16>, fmtp: Option<&str>) -> Self {
        let clock_rate = NonZeroU32::new(clock_rate).unwrap();
        let channels = channels.and_then(NonZeroU16::new);
        let mut depacketizer = retina::codec::Depacketizer::new(media, name, clock_rate.get(), channels, fmtp).unwrap();
        depacketizer.set_frame_format(FrameFormat::MP4);
        Self { depacketizer, buffer: retina::testutil::DepacketizeBuf::new(1 << 16), clock_rate }
    }

    fn run(&mut self, packets: &[RtpPayload]) -> Vec<Seen> {
        let mut seen = Vec::new();
        for packet in packets {
            let received = retina::rtp::ReceivedPacketBuilder {
                ctx: retina::PacketContext::dummy(),
                stream_id: 0,
                sequence_number: packet.sequence,
                timestamp: retina::Timestamp::new(packet.timestamp, self.clock_rate, 0).unwrap(),
                payload_type: 96,
                ssrc: 1,
                mark: packet.marker,
                loss: packet.loss,
            };
            let received = received.build(packet.payload.iter().copied()).unwrap();
            let meta = retina::rtp::PacketMeta::from_received(&received);
            self.buffer.push(&mut self.depacketizer, meta, received.payload()).unwrap();
            while let Some(item) = self.depacketizer.pull() {
                seen.push(match item.unwrap() {
                    CodecItem::VideoFrame(frame) => Seen {
                        timestamp: frame.timestamp().timestamp(),
                        keyframe: frame.is_random_access_point(),
                        data: frame.into_data(),
                    },
                    CodecItem::AudioFrame(frame) => {
                        Seen { timestamp: frame.timestamp().timestamp(), keyframe: false, data: frame.data().to_vec() }
                    }
                    other => panic!("{other:?}"),
                });
            }
        }
        seen
    }
}

/// Our units as retina gives them: without the parameter sets, which its MP4 format leaves out, and without calling H.265's
/// CRA pictures random access points.
fn as_seen(units: Vec<AccessUnit>, is_set: fn(u8) -> bool, is_cra: fn(u8) -> bool) -> Vec<Seen> {
    let without_sets = |payload: &[u8]| {
        let (mut rest, mut kept) = (payload, Vec::new());
        while let Some((length, tail)) = rest.split_first_chunk::<4>() {
            let (nal, tail) = tail.split_at(u32::from_be_bytes(*length) as usize);
            if !is_set(nal[0]) {
                kept.extend([&length[..], nal].concat());
            }
            rest = tail;
        }
        kept
    };
    let seen = |unit: AccessUnit| {
        let data = without_sets(&unit.payload);
        let mut rest = &data[..];
        let mut cra = false;
        while let Some((length, tail)) = rest.split_first_chunk::<4>() {
            cra |= is_cra(tail[0]);
            rest = &tail[u32::from_be_bytes(*length) as usize..];
        }
        assert!(unit.keyframe || !cra);
        Seen { timestamp: unit.timestamp, keyframe: unit.keyframe && !cra, data }
    };
    units.into_iter().map(seen).collect()
}

/// How the test's packetiser cuts a unit.
#[derive(Clone, Debug)]
struct Cut {
    /// Longest payload.
    bytes_max: usize,
    /// Small units travel together where they fit.
    aggregate: bool,
}

fn cuts() -> impl Strategy<Value = Cut> {
    (60..1500usize, any::<bool>()).prop_map(|(bytes_max, aggregate)| Cut { bytes_max, aggregate })
}

/// `header_bytes` is 1 for H.264 and 2 for H.265.
fn cut(units: &[Unit<'_>], cut: &Cut, header_bytes: usize, first: u16) -> Vec<RtpPayload> {
    let mut packets = Vec::new();
    for (index, unit) in units.iter().enumerate() {
        let mut payloads: Vec<Vec<u8>> = Vec::new();
        let mut waiting: Vec<&[u8]> = Vec::new();
        for nal in &unit.nals {
            let together: usize = waiting.iter().map(|n| n.len() + 2).sum::<usize>() + nal.len() + 2 + header_bytes;
            if !cut.aggregate || together > cut.bytes_max {
                flush(&mut waiting, &mut payloads, header_bytes);
            }
            if nal.len() > cut.bytes_max {
                payloads.extend(fragments(nal, cut.bytes_max, header_bytes));
            } else {
                waiting.push(nal);
            }
            if !cut.aggregate {
                flush(&mut waiting, &mut payloads, header_bytes);
            }
        }
        flush(&mut waiting, &mut payloads, header_bytes);
        let count = payloads.len();
        for (at, payload) in payloads.into_iter().enumerate() {
            packets.push(packet(0, index as i64 * 3_600, at + 1 == count, &payload));
        }
    }
    fixture::number(&mut packets, first);
    packets
}

fn flush(waiting: &mut Vec<&[u8]>, payloads: &mut Vec<Vec<u8>>, header_bytes: usize) {
    match waiting.as_slice() {
        [] => {}
        [one] => payloads.push(one.to_vec()),
        several => {
            let header: &[u8] = if header_bytes == 1 { &[0x78] } else { &[48 << 1, 1] };
            let body = several.iter().flat_map(|nal| [&(nal.len() as u16).to_be_bytes()[..], nal].concat());
            payloads.push(header.iter().copied().chain(body).collect());
        }
    }
    waiting.clear();
}

fn fragments(nal: &[u8], bytes_max: usize, header_bytes: usize) -> Vec<Vec<u8>> {
    let (header, body) = nal.split_at(header_bytes);
    let chunks: Vec<&[u8]> = body.chunks(bytes_max - header_bytes - 1).collect();
    let one = |(at, chunk): (usize, &&[u8])| {
        let bits = u8::from(at == 0) << 7 | u8::from(at + 1 == chunks.len()) << 6;
        let head = match header {
            [first] => vec![first & 0xe0 | 28, bits | first & 0x1f],
            [first, second] => vec![first & 0x81 | 49 << 1, *second, bits | first >> 1 & 0x3f],
            _ => unreachable!("headers have one or two bytes"),
        };
        [&head[..], chunk].concat()
    };
    chunks.iter().enumerate().map(one).collect()
}

fn is_h264_set(first: u8) -> bool {
    matches!(h264::nal_type(first), 7 | 8)
}

fn is_h265_set(first: u8) -> bool {
    matches!(h265::nal_type(first), 32..=34)
}

fn check_parameters(ours: &CodecParams, theirs: &retina::codec::Depacketizer, record: &[u8]) {
    let Some(ParametersRef::Video(theirs)) = theirs.parameters() else { panic!("retina has no parameters") };
    assert_eq!(ours.rfc6381().to_lowercase(), theirs.rfc6381_codec().to_lowercase());
    assert_eq!(ours.dimensions(), Some(theirs.pixel_dimensions()));
    // retina leaves out the last four bytes of avcC, which High profile asks for.
    assert!(record.starts_with(theirs.extra_data()), "{record:?} {:?}", theirs.extra_data());
    assert!(record.len() - theirs.extra_data().len() <= 4);
}

proptest! {
    #![proptest_config(fixture::cases(12))]

    #[test]
    fn h264_agrees(how in cuts(), first: u16, sdp_has_sets: bool) {
        for stream in [fixture::H264, fixture::H264_1080P] {
            let params = fixture::h264_params(stream);
            let fmtp = params.fmtp().unwrap();
            let fmtp = if sdp_has_sets { fmtp.as_str() } else { "packetization-mode=1" };
            let packets = cut(&fixture::h264_units(stream), &how, 1, first);
            let mut ours = Depacketizer::new("H264", 90_000, None, Some(fmtp)).unwrap();
            let mut theirs = Oracle::new("video", "h264", 90_000, None, Some(fmtp));
            let (units, errors) = fixture::run(&mut ours, &packets);
            prop_assert_eq!(errors, []);
            prop_assert_eq!(units[0].new_params, !sdp_has_sets);
            prop_assert_eq!(as_seen(units, is_h264_set, |_| false), theirs.run(&packets));
            let CodecParams::H264(h264) = ours.params().unwrap() else { unreachable!() };
            check_parameters(&params, &theirs.depacketizer, &h264.avcc());
        }
    }

    #[test]
    fn h265_agrees(how in cuts(), first: u16, sdp_has_sets: bool) {
        let params = fixture::h265_params(fixture::H265);
        let fmtp = params.fmtp().unwrap();
        let fmtp = sdp_has_sets.then_some(fmtp.as_str());
        let packets = cut(&fixture::h265_units(fixture::H265), &how, 2, first);
        let mut ours = Depacketizer::new("H265", 90_000, None, fmtp).unwrap();
        let mut theirs = Oracle::new("video", "h265", 90_000, None, fmtp);
        let (units, errors) = fixture::run(&mut ours, &packets);
        prop_assert_eq!(errors, []);
        prop_assert_eq!(as_seen(units, is_h265_set, |first| h265::nal_type(first) == 21), theirs.run(&packets));
        let CodecParams::H265(h265) = ours.params().unwrap() else { unreachable!() };
        check_parameters(&params, &theirs.depacketizer, &h265.hvcc());
    }

    #[test]
    fn aac_agrees(per_packet in 1..12usize, first: u16) {
        let units = fixture::aac_units(fixture::AAC);
        let mut packets = Vec::new();
        for (index, group) in units.chunks(per_packet).enumerate() {
            let headers = group.iter().flat_map(|unit| ((unit.len() as u16) << 3).to_be_bytes());
            let length = (group.len() as u16 * 16).to_be_bytes();
            let payload: Vec<u8> = length.into_iter().chain(headers).chain(group.concat()).collect();
            packets.push(packet(0, (index * per_packet * 1024) as i64, true, &payload));
        }
        fixture::number(&mut packets, first);
        let mut ours = Depacketizer::new("MPEG4-GENERIC", 48_000, Some(2), Some(fixture::AAC_FMTP)).unwrap();
        let mut theirs = Oracle::new("audio", "mpeg4-generic", 48_000, Some(2), Some(fixture::AAC_FMTP));
        let (out, errors) = fixture::run(&mut ours, &packets);
        prop_assert_eq!(errors, []);
        let ours: Vec<Seen> = out
            .into_iter()
            .map(|u| Seen { timestamp: u.timestamp, keyframe: false, data: u.payload.to_vec() })
            .collect();
        prop_assert_eq!(ours.len(), units.len());
        prop_assert_eq!(ours, theirs.run(&packets));
    }
}

#[test]
fn jpeg_agrees() {
    for (picture, name) in [(fixture::JPEG_420, "4:2:0"), (fixture::JPEG_422_RESTART, "4:2:2")] {
        let params = CodecParams::Mjpeg(media::codec::mjpeg::Params { width: 320, height: 176 });
        let mut packets = fixture::packets(&params, picture, true, 0);
        // The same scan by number of standard table, of a table sent before, and with restart markers counted.
        let mut standard = packets.clone();
        for (index, packet) in standard.iter_mut().enumerate() {
            let mut bytes = packet.payload.to_vec();
            bytes[5] = 40;
            let restart = usize::from(bytes[4] >= 64) * 4;
            if index == 0 {
                bytes.drain(8 + restart..8 + restart + 4 + 128);
            }
            (packet.payload, packet.timestamp) = (Bytes::from(bytes), 3_000);
        }
        packets.extend(standard);
        fixture::number(&mut packets, 65_530);
        let mut ours = Depacketizer::new("JPEG", 90_000, None, None).unwrap();
        let mut theirs = Oracle::new("video", "jpeg", 90_000, None, None);
        let (units, errors) = fixture::run(&mut ours, &packets);
        assert_eq!(errors, [], "{name}");
        // Ours has the APP0 segment that makes a picture a JFIF file, retina's has none.
        let without_app0 = |payload: &[u8]| [&payload[..2], &payload[20..]].concat();
        let seen = |u: &AccessUnit| Seen { timestamp: u.timestamp, keyframe: true, data: without_app0(&u.payload) };
        assert_eq!(units.iter().map(seen).collect::<Vec<_>>(), theirs.run(&packets), "{name}");
        assert_eq!(units.len(), 2, "{name}");
    }
}

#[test]
fn g711_agrees() {
    let packets: Vec<RtpPayload> =
        (0..5u8).map(|i| packet(u16::from(i), i64::from(i) * 160, false, &[i; 160])).collect();
    let mut ours = Depacketizer::new("PCMU", 8_000, None, None).unwrap();
    let mut theirs = Oracle::new("audio", "pcmu", 8_000, None, None);
    let (units, errors) = fixture::run(&mut ours, &packets);
    assert_eq!(errors, []);
    let seen = |u: AccessUnit| Seen { timestamp: u.timestamp, keyframe: false, data: u.payload.to_vec() };
    assert_eq!(units.into_iter().map(seen).collect::<Vec<_>>(), theirs.run(&packets));
}
