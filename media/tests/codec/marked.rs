//! Marked frames over the wire: the mark is found, and all else is the camera's own to the byte. Signature units of a camera
//! that signs its video are among that.

use bytes::Bytes;
use media::codec::{CodecParams, Depacketizer, RtpPayload};
use media::frame::{Frame, TrackId};
use media::mark::{Carrier, Finder, MarkKey, SessionMark, Text};
use media::rtp::{self, Datagrams, Image, RtpStamp};
use media::wall::Wall;

use crate::fixture::{self, Unit};

/// UUID of signed video in SEI (ONVIF Media Signing Specification 24.06, section 5).
const ONVIF_MEDIA_SIGNING: [u8; 16] =
    [0x00, 0x5b, 0xc9, 0x3f, 0x2d, 0x71, 0x5e, 0x95, 0xad, 0xa4, 0x79, 0x6f, 0x90, 0x87, 0x7a, 0x6f];

fn text() -> Text {
    MarkKey::new(&[9; 32]).write(SessionMark([5; 16]), Wall::from_micros(1_795_000_000_000_000))
}

fn frame(payload: Vec<u8>, keyframe: bool) -> Frame {
    let (track, wall) = (TrackId(0), Wall::EPOCH);
    Frame { track, pts: 0, wall, keyframe, discontinuity: false, payload: Bytes::from(payload) }
}

/// The packets that a viewer with this text gets by TCP, and the same by UDP.
fn over_the_wire(params: &CodecParams, frame: &Frame) -> Vec<RtpPayload> {
    let cut = rtp::cut(params, frame);
    assert!(cut.picture);
    let stamp = RtpStamp { ssrc: 7, first_sequence: 65_530, packets: cut.packets + 1, marked: true, timestamp: 9 };
    let image = Image::build(params, frame, stamp);
    let (at, slot) = image.slot().unwrap();
    let own = slot.filled(&text());
    let tcp = [&image.bytes()[..at], own.bytes(), &image.bytes()[at..]].concat();
    assert_eq!(tcp.len(), image.wire_bytes());
    let packets: Vec<Vec<u8>> = rtp::datagrams(&tcp).map(<[u8]>::to_vec).collect();
    assert_eq!(packets, udp(&Datagrams::build(params, frame, stamp)));
    assert_eq!(packets.len(), usize::from(stamp.packets));
    let read = |(index, packet): (usize, &Vec<u8>)| {
        let packet = rtp::parse(packet).unwrap();
        assert_eq!(packet.sequence, 65_530u16.wrapping_add(index as u16));
        let payload = Bytes::copy_from_slice(packet.payload);
        RtpPayload { sequence: packet.sequence, timestamp: 9, marker: packet.marker, loss: 0, payload }
    };
    let packets: Vec<RtpPayload> = packets.iter().enumerate().map(read).collect();
    assert!(packets.split_last().is_some_and(|(last, rest)| last.marker && rest.iter().all(|p| !p.marker)));
    packets
}

fn udp(datagrams: &Datagrams) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    for item in datagrams.items() {
        match item {
            rtp::Item::Slot(slot) => packets.push(rtp::as_datagram(&slot.filled(&text())).to_vec()),
            rtp::Item::Run(run) => {
                assert!(run.len() <= 64_400);
                packets.extend(datagrams.bytes()[run].chunks(rtp::SEGMENT_BYTES).map(<[u8]>::to_vec));
            }
        }
    }
    packets
}

fn marks_in(bytes: &[u8]) -> Vec<Text> {
    let (mut finder, mut texts) = (Finder::default(), Vec::new());
    finder.push(bytes, &mut |found| texts.push(found.text));
    texts
}

/// The payload without the mark's unit, which stood where `insertion` says.
fn without_mark(params: &CodecParams, original: &[u8], marked: &[u8]) -> Vec<u8> {
    let carrier = Carrier::of(params).unwrap();
    let at = carrier.insertion(original).unwrap();
    let unit = 4 + carrier.unit(original).bytes().len();
    assert_eq!(marks_in(&marked[at..at + unit]), [text()], "it stands before the picture");
    [&marked[..at], &marked[at + unit..]].concat()
}

fn check_video(params: &CodecParams, units: &[Unit<'_>]) {
    let fmtp = params.fmtp().unwrap();
    let mut depacketizer = Depacketizer::new(params.encoding_name(), 90_000, None, Some(&fmtp)).unwrap();
    for unit in units {
        let original = frame(unit.payload(), unit.keyframe);
        let (out, errors) = fixture::run(&mut depacketizer, &over_the_wire(params, &original));
        assert_eq!((errors.len(), out.len()), (0, 1));
        assert_eq!(without_mark(params, &original.payload, &out[0].payload), original.payload);
    }
}

#[test]
fn h264_carries_a_mark_before_the_picture() {
    check_video(&fixture::h264_params(fixture::H264), &fixture::h264_units(fixture::H264));
}

#[test]
fn h265_carries_a_mark_before_the_picture() {
    check_video(&fixture::h265_params(fixture::H265), &fixture::h265_units(fixture::H265));
}

#[test]
fn jpeg_carries_a_mark_behind_the_scan() {
    for picture in [fixture::JPEG_420, fixture::JPEG_422_RESTART] {
        let params = CodecParams::Mjpeg(media::codec::mjpeg::Params { width: 320, height: 176 });
        let mut depacketizer = Depacketizer::new("JPEG", 90_000, None, None).unwrap();
        let (out, errors) = fixture::run(&mut depacketizer, &over_the_wire(&params, &frame(picture.to_vec(), true)));
        assert_eq!((errors.len(), out.len()), (0, 1));
        let got = &out[0].payload;
        assert_eq!(marks_in(got), [text()]);
        let unit = Carrier::Jpeg.unit(picture).bytes().len();
        let scan = |picture: &[u8]| picture[picture.windows(2).position(|w| w == [0xff, 0xda]).unwrap()..].to_vec();
        let end = got.len() - 2;
        assert_eq!(got[end..], [0xff, 0xd9]);
        assert_eq!(scan(&[&got[..end - unit], &got[end..]].concat())[14..], scan(picture)[14..]);
    }
}

#[test]
fn signature_units_of_the_camera_stay_as_they_are() {
    let stream = fixture::h264_units(fixture::H264);
    let signature = [&[6, 5, 200][..], &ONVIF_MEDIA_SIGNING, &[0x5a; 184], &[0x80]].concat();
    let mut unit = stream[0].clone();
    let picture = unit.nals.iter().position(|nal| matches!(nal[0] & 31, 1..=5)).unwrap();
    unit.nals.insert(picture, &signature);
    let params = fixture::h264_params(fixture::H264);
    let original = frame(unit.payload(), true);
    let mut depacketizer = Depacketizer::new("H264", 90_000, None, params.fmtp().as_deref()).unwrap();
    let (out, _) = fixture::run(&mut depacketizer, &over_the_wire(&params, &original));
    assert!(out[0].payload.windows(signature.len()).any(|w| w == signature));
    assert_eq!(without_mark(&params, &original.payload, &out[0].payload), original.payload);
}
