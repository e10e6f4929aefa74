//! What mutation starts from: the crate's real bitstreams as packets, and packets made by hand.

use super::containers::{self, Ip};
use super::packets;
use crate::codec::{CodecParams, aac, h264, h265, mjpeg};
use crate::mark::{Carrier, TEXT_BYTES};
use crate::rtp;

const H264: &[u8] = include_bytes!("../../testdata/testsrc2_bframes.h264");
const H265: &[u8] = include_bytes!("../../testdata/testsrc2.h265");
const AAC: &[u8] = include_bytes!("../../testdata/sine_stereo.aac");
const JPEG_420: &[u8] = include_bytes!("../../testdata/testsrc2_420.jpg");
const JPEG_422: &[u8] = include_bytes!("../../testdata/testsrc2_422_restart.jpg");

/// NAL units taken of each stream: its parameter sets, SEI, a keyframe and a few pictures.
const NALS_TAKEN: usize = 12;

/// The first NAL units of an Annex B stream.
fn nals(stream: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<usize> = stream.windows(3).enumerate().filter(|(_, w)| *w == [0, 0, 1]).map(|(at, _)| at).collect();
    let unit = |pair: &[usize]| {
        let &[start, end] = pair else { return &[][..] };
        let nal = stream.get(start + 3..end).unwrap_or_default();
        nal.strip_suffix(&[0]).unwrap_or(nal)
    };
    starts.windows(2).take(NALS_TAKEN).map(unit).collect()
}

fn prefixed(nals: &[&[u8]]) -> Vec<u8> {
    nals.iter().flat_map(|nal| [&(nal.len() as u32).to_be_bytes()[..], nal].concat()).collect()
}

fn script_of(format: u8, params: &CodecParams, payload: &[u8], keyframe: bool) -> Vec<u8> {
    let mut script = vec![format];
    let mut first = true;
    params.packetize(payload, keyframe, &mut |part| {
        packets::append(&mut script, part.marker, first, &[part.head, part.body].concat());
        first = false;
    });
    script
}

/// Streams of every payload format, as scripts of packets.
pub fn depacketize() -> Vec<Vec<u8>> {
    let mut scripts = Vec::new();
    if let Ok(params) = h264::Params::from_sets(nals(H264)) {
        scripts.push(script_of(0, &CodecParams::H264(params), &prefixed(&nals(H264)), true));
    }
    if let Ok(params) = h265::Params::from_sets(nals(H265)) {
        scripts.push(script_of(1, &CodecParams::H265(params), &prefixed(&nals(H265)), true));
    }
    if let Ok(params) = aac::Params::parse(&[0x11, 0x90], None) {
        let unit = AAC.get(7..400).unwrap_or_default();
        scripts.push(script_of(2, &CodecParams::Aac(params.clone()), unit, false));
        scripts.push(script_of(3, &CodecParams::Aac(params), &unit.repeat(5), false));
    }
    let mut sound = vec![4];
    packets::append(&mut sound, false, true, &[0xd5; 160]);
    scripts.push(sound);
    let params = CodecParams::Mjpeg(mjpeg::Params { width: 320, height: 176 });
    scripts.push(script_of(5, &params, JPEG_420, true));
    scripts.push(script_of(5, &params, JPEG_422, true));
    scripts.extend(by_hand());
    scripts
}

/// Aggregation packets, which our own packetiser does not make.
fn by_hand() -> Vec<Vec<u8>> {
    let mut stap_a = vec![0];
    packets::append(&mut stap_a, true, true, &[0x78, 0, 2, 0x06, 1, 0, 3, 0x65, 0x88, 0x80]);
    let mut ap = vec![1];
    packets::append(&mut ap, true, true, &[0x60, 1, 0, 3, 0x4e, 1, 1, 0, 4, 0x26, 1, 0xaf, 0x80]);
    let mut units = vec![2];
    packets::append(&mut units, true, true, &[0, 32, 0, 16, 0, 24, 1, 2, 3, 4, 5]);
    vec![stap_a, ap, units]
}

/// RTP and RTCP packets, and an interleaved image.
pub fn rtp() -> Vec<Vec<u8>> {
    let fixed = [0xb2, 0xe0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
    let tail = [0, 0, 0, 1, 0, 0, 0, 2, 0xab, 0xac, 0, 1, 1, 2, 3, 4, 9, 9, 9, 0, 0, 3];
    let report = rtp::sender_report(1, 0xe9_0000_0000_0000, 2, 3, 4, "camera");
    let image = [&[b'$', 0, 0, 12][..], &fixed, &[b'$', 1, 0, 4, 1, 2, 3, 4]].concat();
    vec![[&fixed[..], &tail].concat(), report.to_vec(), image]
}

/// Parameter sets one by one and together, configurations, `a=fmtp` lines.
pub fn params() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    for stream in [H264, H265] {
        let sets: Vec<&[u8]> = nals(stream).into_iter().take(3).collect();
        all.extend(sets.iter().map(|set| set.to_vec()));
        all.push(sets.join(&0xfe));
    }
    all.extend([vec![0x11, 0x90], vec![0x2b, 0x11, 0x88, 0x00], vec![0xf8, 0xe8, 0x50, 0x00]]);
    if let Ok(params) = h264::Params::from_sets(nals(H264)) {
        all.extend(CodecParams::H264(params).fmtp().map(String::into_bytes));
    }
    if let Ok(params) = h265::Params::from_sets(nals(H265)) {
        all.extend(CodecParams::H265(params).fmtp().map(String::into_bytes));
    }
    all.push(b"streamtype=5;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1190".to_vec());
    all
}

/// Pictures.
pub fn jpeg() -> Vec<Vec<u8>> {
    vec![JPEG_420.to_vec(), JPEG_422.to_vec()]
}

/// Bytes without meaning, for bodies that read numbers.
pub fn script() -> Vec<Vec<u8>> {
    let counting: Vec<u8> = (0..=255).collect();
    let steady: Vec<u8> = [4, 0, 0, 0x82, 0x35, 0, 0, 0x0e, 0x10].repeat(40);
    let ordered = vec![1; 600];
    vec![counting, steady, ordered, vec![0; 64]]
}

/// Files of every kind with two marks in each, the second one cut by the container; the first byte is the size of the pieces.
pub fn trace() -> Vec<Vec<u8>> {
    let unit = Carrier::H264.unit(&[]).filled(&[b'm'; TEXT_BYTES]);
    let stream = [unit.bytes(), &[7; 200], unit.bytes(), &[7; 90]].concat();
    let pes = containers::pes(&stream);
    let transport: Vec<Vec<u8>> =
        (0..).zip(pes.chunks(150)).map(|(n, piece)| containers::ts_packet(256, n, n == 0, piece)).collect();
    let arrival: Vec<u8> = transport.iter().flat_map(|packet| [&[0, 1, 2, 3], &packet[..]].concat()).collect();
    let coded: Vec<u8> = transport.iter().flat_map(|packet| [&packet[..], &[9; 16]].concat()).collect();
    // Out of order, and one twice.
    let order = [0, 2, 1, 3, 3];
    let segments = stream.chunks(120).collect::<Vec<_>>();
    let captured = |head: &[u8], version: Ip| -> Vec<Vec<u8>> {
        let segment = |n: &usize| {
            let bytes = segments.get(*n).copied().unwrap_or_default();
            [head, &containers::tcp(version, 1_000 + 120 * *n as u32, 0x10, bytes)].concat()
        };
        let datagram = [head, &containers::udp(version, unit.bytes())].concat();
        order.iter().map(segment).chain([datagram]).collect()
    };
    let mut files = vec![stream.clone(), transport.concat(), arrival, coded, containers::program_stream(&stream, 150)];
    for (turn, (link, head)) in containers::links(Ip::V4).into_iter().enumerate() {
        files.push(containers::pcap(turn % 2 == 0, turn % 3 == 0, link, &captured(&head, Ip::V4)));
    }
    for (turn, (link, head)) in containers::links(Ip::V6).into_iter().enumerate() {
        files.push(containers::pcapng(turn % 2 == 0, link as u16, &captured(&head, Ip::V6)));
    }
    (0..).zip(files).map(|(turn, file)| [&[turn * 13][..], &file].concat()).collect()
}
