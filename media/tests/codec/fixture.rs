//! The bitstreams under `testdata/`, split into access units, and packets as a camera might make them.

// Fixtures are ours: what cannot be unwrapped or indexed is a failed test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use bytes::Bytes;
use media::codec::{AccessUnit, CodecParams, DepacketizeError, Depacketizer, RtpPayload, h264, h265};
use proptest::prelude::ProptestConfig;

/// Property tests of so many cases, which leave no file behind.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// H.264 of two GOPs with B-frames and two slices a picture; parameter sets and SEI in band.
pub(crate) const H264: &[u8] = include_bytes!("../../testdata/testsrc2_bframes.h264");
/// H.264 High of 1080 lines, which need cropping.
pub(crate) const H264_1080P: &[u8] = include_bytes!("../../testdata/testsrc2_1080p.h264");
/// H.265 of two GOPs with B-frames.
pub(crate) const H265: &[u8] = include_bytes!("../../testdata/testsrc2.h265");
/// AAC-LC, 48 kHz, stereo, in ADTS.
pub(crate) const AAC: &[u8] = include_bytes!("../../testdata/sine_stereo.aac");
/// Baseline JPEG, 4:2:0.
pub(crate) const JPEG_420: &[u8] = include_bytes!("../../testdata/testsrc2_420.jpg");
/// Baseline JPEG, 4:2:2, with restart markers.
pub(crate) const JPEG_422_RESTART: &[u8] = include_bytes!("../../testdata/testsrc2_422_restart.jpg");
/// JPEG with Huffman tables of its own.
pub(crate) const JPEG_OPTIMAL: &[u8] = include_bytes!("../../testdata/testsrc2_optimal.jpg");

/// SDP's `a=fmtp` for `AAC`.
pub(crate) const AAC_FMTP: &str =
    "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1190";

/// The NAL units of an Annex B stream.
pub(crate) fn nals(stream: &[u8]) -> Vec<&[u8]> {
    let mut starts = Vec::new();
    for (at, window) in stream.windows(3).enumerate() {
        if window == [0, 0, 1] {
            starts.push(at);
        }
    }
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    let unit = |(start, end): (&usize, usize)| {
        let nal = &stream[start + 3..end];
        let zeros = nal.iter().rev().take_while(|b| **b == 0).count();
        &nal[..nal.len() - zeros]
    };
    starts.iter().zip(ends).map(unit).collect()
}

/// One access unit: its NAL units and whether decoding can begin there.
#[derive(Clone, Debug)]
pub(crate) struct Unit<'a> {
    pub(crate) nals: Vec<&'a [u8]>,
    pub(crate) keyframe: bool,
}

impl Unit<'_> {
    /// As `Frame::payload`.
    pub(crate) fn payload(&self) -> Vec<u8> {
        self.nals.iter().flat_map(|nal| [&(nal.len() as u32).to_be_bytes()[..], nal].concat()).collect()
    }
}

/// Groups NAL units by the first slice of each picture.
fn group<'a>(
    nals: Vec<&'a [u8]>,
    picture: impl Fn(&[u8]) -> bool,
    first: impl Fn(&[u8]) -> bool,
    random: impl Fn(&[u8]) -> bool,
) -> Vec<Unit<'a>> {
    let mut units: Vec<Unit<'a>> = Vec::new();
    let mut seen_picture = true;
    for nal in nals {
        if seen_picture && (!picture(nal) || first(nal)) {
            units.push(Unit { nals: Vec::new(), keyframe: false });
            seen_picture = false;
        }
        seen_picture |= picture(nal);
        let unit = units.last_mut().unwrap();
        unit.keyframe |= random(nal);
        unit.nals.push(nal);
    }
    units
}

pub(crate) fn h264_units(stream: &[u8]) -> Vec<Unit<'_>> {
    let kind = |nal: &[u8]| h264::nal_type(nal[0]);
    group(nals(stream), |n| matches!(kind(n), 1..=5), |n| n[1] & 0x80 != 0, |n| kind(n) == h264::NAL_IDR)
}

pub(crate) fn h265_units(stream: &[u8]) -> Vec<Unit<'_>> {
    let kind = |nal: &[u8]| h265::nal_type(nal[0]);
    group(nals(stream), |n| kind(n) < 32, |n| n[2] & 0x80 != 0, |n| h265::is_random_access(kind(n)))
}

/// The raw access units of an ADTS stream.
pub(crate) fn aac_units(mut stream: &[u8]) -> Vec<&[u8]> {
    let mut units = Vec::new();
    while let [0xff, _, _, a, b, c, _, ..] = *stream {
        let length = (usize::from(a & 3) << 11) | (usize::from(b) << 3) | (usize::from(c) >> 5);
        units.push(&stream[7..length]);
        stream = &stream[length..];
    }
    units
}

pub(crate) fn h264_params(stream: &[u8]) -> CodecParams {
    CodecParams::H264(h264::Params::from_sets(nals(stream)).unwrap())
}

pub(crate) fn h265_params(stream: &[u8]) -> CodecParams {
    CodecParams::H265(h265::Params::from_sets(nals(stream)).unwrap())
}

/// The packets of one frame, by the product's own packetiser.
pub(crate) fn packets(params: &CodecParams, payload: &[u8], keyframe: bool, timestamp: i64) -> Vec<RtpPayload> {
    let mut out = Vec::new();
    params.packetize(payload, keyframe, &mut |part| {
        out.push(RtpPayload {
            sequence: 0,
            timestamp: timestamp + i64::from(part.ticks),
            marker: part.marker,
            loss: 0,
            payload: Bytes::from([part.head, part.body].concat()),
        });
    });
    out
}

/// Numbers packets from `first` on.
pub(crate) fn number(packets: &mut [RtpPayload], first: u16) {
    for (index, packet) in packets.iter_mut().enumerate() {
        packet.sequence = first.wrapping_add(index as u16);
    }
}

/// Pushes all packets; units and errors in the order they came.
pub(crate) fn run(depacketizer: &mut Depacketizer, packets: &[RtpPayload]) -> (Vec<AccessUnit>, Vec<DepacketizeError>) {
    let (mut units, mut errors) = (Vec::new(), Vec::new());
    for packet in packets {
        errors.extend(depacketizer.push(packet.clone()).err());
        units.extend(std::iter::from_fn(|| depacketizer.pull()));
    }
    (units, errors)
}

/// A packet with nothing lost before it.
pub(crate) fn packet(sequence: u16, timestamp: i64, marker: bool, payload: &[u8]) -> RtpPayload {
    RtpPayload { sequence, timestamp, marker, loss: 0, payload: Bytes::copy_from_slice(payload) }
}
