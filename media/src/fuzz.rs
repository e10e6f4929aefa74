//! Fuzz bodies of codecs, RTP, timeline, reordering and traces, here so that they always compile; the targets call them. Each
//! panics where an invariant breaks, and takes any bytes as its input.

pub(crate) mod containers;
mod mutate;
mod packets;
mod seeds;

use bytes::Bytes;

use crate::codec::{CodecParams, Depacketizer, RTP_PAYLOAD_BYTES_MAX, UNIT_BYTES_MAX, aac, h264, h265, mjpeg};
use crate::frame::{Frame, TrackId};
use crate::mark::UUID;
use crate::reorder::{Limits, Window};
use crate::rtp::{self, RtpStamp};
use crate::timeline::{REPORT_DISTANCE_MICROS_MAX, Timeline};
use crate::trace::Tracer;
use crate::wall::Wall;
pub use mutate::Mutator;
use packets::Script;
pub use seeds::{
    depacketize as depacketize_seeds, jpeg as jpeg_seeds, params as params_seeds, rtp as rtp_seeds,
    script as script_seeds, trace as trace_seeds,
};

/// Payload formats and `a=fmtp` lines that the first byte of a `depacketize` input chooses from.
const FORMATS: [(&str, u32, Option<&str>); 6] = [
    ("H264", 90_000, None),
    ("H265", 90_000, None),
    ("MPEG4-GENERIC", 48_000, Some("mode=AAC-hbr;config=1190")),
    ("MPEG4-GENERIC", 8_000, Some("mode=AAC-hbr;config=1588")),
    ("PCMA", 8_000, None),
    ("JPEG", 90_000, None),
];

/// A camera's packets: nothing panics, memory stays within its bounds, units are what their format says, and whatever comes
/// out can go out again.
pub fn depacketize(data: &[u8]) {
    let Some((format, script)) = data.split_first() else { return };
    let Some((name, clock_rate, fmtp)) = FORMATS.get(usize::from(*format) % FORMATS.len()) else { return };
    let mut depacketizer = Depacketizer::new(name, *clock_rate, None, *fmtp).expect("the formats above are supported");
    for packet in Script::new(script).packets() {
        // What is wrong with a packet is the camera's affair.
        let _ = depacketizer.push(packet);
        depacketizer.check_invariants();
        while let Some(unit) = depacketizer.pull() {
            assert!(!unit.payload.is_empty() && unit.payload.len() <= UNIT_BYTES_MAX);
            assert!(!unit.new_params || depacketizer.params().is_some());
            if let Some(params) = depacketizer.params() {
                check_units(params, &unit.payload);
                check_image(params, unit.payload, unit.keyframe);
            }
        }
    }
}

/// H.264 and H.265 payloads are NAL units behind their lengths, to the last byte.
fn check_units(params: &CodecParams, mut payload: &[u8]) {
    if !matches!(params, CodecParams::H264(_) | CodecParams::H265(_)) {
        return;
    }
    while let Some((length, rest)) = payload.split_first_chunk::<4>() {
        let (nal, rest) =
            rest.split_at_checked(u32::from_be_bytes(*length) as usize).expect("a length within the unit");
        assert!(!nal.is_empty(), "an empty NAL unit");
        payload = rest;
    }
    assert!(payload.is_empty(), "bytes behind the last NAL unit");
}

/// The packets of a frame agree with the count reserved for them, and are RTP.
fn check_image(params: &CodecParams, payload: Bytes, keyframe: bool) {
    let frame = Frame { track: TrackId(0), pts: 0, wall: Wall::EPOCH, keyframe, discontinuity: false, payload };
    let cut = rtp::cut(params, &frame);
    for marked in [false, cut.picture] {
        let packets = cut.packets.saturating_add(u16::from(marked));
        let stamp = RtpStamp { ssrc: 1, first_sequence: 65_535, packets, marked, timestamp: 2 };
        let image = whole(&rtp::Image::build(params, &frame, stamp));
        let mut count = 0u16;
        for datagram in rtp::datagrams(&image) {
            let packet = rtp::parse(datagram).expect("what goes out is RTP");
            assert!(packet.payload.len() <= RTP_PAYLOAD_BYTES_MAX && !packet.payload.is_empty());
            assert_eq!(packet.sequence, 65_535u16.wrapping_add(count));
            count += 1;
        }
        assert_eq!(count, packets);
        let bare: Vec<u8> = rtp::datagrams(&image).flatten().copied().collect();
        assert_eq!(whole_datagrams(&rtp::Datagrams::build(params, &frame, stamp)), bare);
    }
}

/// An image with a mark in its slot.
fn whole(image: &rtp::Image) -> Vec<u8> {
    let mut bytes = image.bytes().to_vec();
    if let Some((at, slot)) = image.slot() {
        bytes.splice(at..at, slot.filled(&[b'm'; crate::mark::TEXT_BYTES]).bytes().iter().copied());
    }
    assert_eq!(bytes.len(), image.wire_bytes());
    bytes
}

/// Datagrams in the order in which they leave, those of each run as the kernel cuts them.
fn whole_datagrams(datagrams: &rtp::Datagrams) -> Vec<u8> {
    let mut bytes = Vec::new();
    for item in datagrams.items() {
        match item {
            rtp::Item::Run(run) => {
                let run = datagrams.bytes().get(run).expect("a run lies within the bytes");
                run.chunks(rtp::SEGMENT_BYTES).for_each(|packet| assert!(rtp::parse(packet).is_ok()));
                bytes.extend_from_slice(run);
            }
            rtp::Item::Slot(slot) => bytes.extend(rtp::as_datagram(&slot.filled(&[b'm'; crate::mark::TEXT_BYTES]))),
        }
    }
    bytes
}

/// Packets off the wire: the payload lies within them.
pub fn rtp(data: &[u8]) {
    if let Ok(packet) = rtp::parse(data) {
        assert_eq!(data.get(packet.payload_range.clone()), Some(packet.payload));
        assert!(packet.payload_range.start >= rtp::HEADER_BYTES + 4 * usize::from(packet.csrc_count));
    }
    if let Some(report) = rtp::read_sender_report(data) {
        let again = rtp::sender_report(report.ssrc, report.ntp, report.rtp, 0, 0, "");
        assert_eq!(rtp::read_sender_report(&again), Some(report));
        let back = rtp::ntp_of(rtp::wall_of(report.ntp));
        assert!(back.abs_diff(report.ntp) <= 1 << 13, "{back:x} {:x}: more than a microsecond", report.ntp);
    }
    let bytes: usize = rtp::datagrams(data).map(|packet| packet.len() + rtp::INTERLEAVED_HEADER_BYTES).sum();
    assert!(bytes <= data.len());
}

/// Parameter sets, configurations and `a=fmtp` lines: what is read stays readable when it is written again.
pub fn params(data: &[u8]) {
    let _ = (h264::Sps::parse(data), h265::Sps::parse(data));
    let sets: Vec<&[u8]> = data.split(|byte| *byte == 0xfe).collect();
    if let Ok(read) = h264::Params::from_sets(sets.iter().copied()) {
        assert!(read.width > 0 && read.height > 0 && read.avcc().len() > 11);
        written_again(&CodecParams::H264(read));
    }
    if let Ok(read) = h265::Params::from_sets(sets.iter().copied()) {
        assert!(read.width > 0 && read.height > 0 && read.hvcc().len() > 23);
        written_again(&CodecParams::H265(read));
    }
    if let Ok(read) = aac::Params::parse(data, Some(2)) {
        assert!(read.sample_rate > 0 && read.unit_ticks(u32::MAX) > 0);
        written_again(&CodecParams::Aac(read));
    }
    if let Ok(text) = std::str::from_utf8(data) {
        for (name, clock_rate, _) in FORMATS {
            let _ = Depacketizer::new(name, clock_rate, None, Some(text));
        }
        let _ = Depacketizer::new(text, 90_000, None, None);
    }
}

fn written_again(params: &CodecParams) {
    assert!(params.rfc6381().is_ascii() && params.rtpmap(90_000).is_ascii());
    let fmtp = params.fmtp().expect("these formats have parameters");
    let again = Depacketizer::new(params.encoding_name(), 90_000, params.channels(), Some(&fmtp));
    let again = again.expect("what we write we can read");
    assert_eq!(again.params(), Some(params), "{fmtp}");
}

/// Any bytes as a JPEG picture: packets that make a picture again, or none.
pub fn jpeg(data: &[u8]) {
    let params = CodecParams::Mjpeg(mjpeg::Params { width: 8, height: 8 });
    check_image(&params, Bytes::copy_from_slice(data), true);
    let mut depacketizer = Depacketizer::new("JPEG", 90_000, None, None).expect("JPEG is supported");
    let mut parts = 0;
    params.packetize(data, true, &mut |part| {
        let payload = Bytes::from([part.head, part.body].concat());
        let packet = crate::codec::RtpPayload { sequence: parts, timestamp: 0, marker: part.marker, loss: 0, payload };
        depacketizer.push(packet).expect("our own packets");
        parts += 1;
    });
    assert_eq!(depacketizer.pull().is_some(), parts > 0);
}

/// Timestamps, arrival times, reports and reconnects as they come: what is placed by arrival comes after all before it,
/// what is not differs by just the step sent, and capture times stay near arrival.
pub fn timeline(data: &[u8]) {
    let mut script = Script::new(data);
    let mut arrival = Wall::from_micros(i64::from(script.u32()) << 20);
    let mut line = Timeline::new(script.u32(), arrival);
    let (mut last, mut end) = (None::<(u32, i64)>, None::<i64>);
    while let Some(op) = script.byte() {
        match op % 8 {
            0 => line.restart(),
            1 => {
                line.restart_at_rate(script.u32());
                (last, end) = (None, None);
            }
            2 => line.sender_report(u64::from(script.u32()) << 32 | u64::from(script.u32()), script.u32()),
            3 => line.sender_report(rtp::ntp_of(arrival), script.u32()),
            _ => {
                let step = i64::from(script.u32() as i32) >> (op >> 3);
                arrival = Wall::from_micros(arrival.micros().saturating_add(step));
                let timestamp = match last {
                    Some((rtp, _)) if op & 1 == 0 => rtp.wrapping_add(script.u32() >> (op >> 3)),
                    _ => script.u32(),
                };
                let placed = line.place(timestamp, arrival);
                if placed.jump {
                    assert!(end.is_none_or(|end| placed.ticks > end), "a jump to before what was");
                } else if let Some((rtp, ticks)) = last {
                    assert_eq!(placed.ticks - ticks, i64::from(timestamp.wrapping_sub(rtp) as i32));
                }
                let distance = line.wall(placed.ticks, arrival).micros_since(arrival);
                assert!(distance.abs() <= REPORT_DISTANCE_MICROS_MAX);
                last = Some((timestamp, placed.ticks));
                end = Some(end.map_or(placed.ticks, |end| end.max(placed.ticks)));
            }
        }
    }
}

/// Sequence numbers and times as they come: packets go out once and in order, what is missing is counted, the window is
/// bounded.
pub fn reorder(data: &[u8]) {
    let mut script = Script::new(data);
    let limits = Limits { packets_max: usize::from(script.byte().unwrap_or(0)), ..Limits::default() };
    let mut window = Window::new(limits);
    let (mut now, mut pushed) = (std::time::Duration::ZERO, 0u64);
    let mut expected = None::<u16>;
    let mut sequence = 0u16;
    while let Some(op) = script.byte() {
        now += std::time::Duration::from_millis(u64::from(op >> 4));
        sequence = if op & 8 == 0 { sequence.wrapping_add(u16::from(op & 7)) } else { script.u32() as u16 };
        let restarts = window.counts().restarts;
        window.push(sequence, sequence, now);
        pushed += 1;
        if window.counts().restarts != restarts {
            expected = None;
        }
        while let Some(packet) = window.pop(now) {
            assert_eq!(packet.item, packet.sequence);
            if let Some(expected) = expected {
                assert_eq!(packet.sequence, expected.wrapping_add(packet.loss), "out of order, or loss miscounted");
            }
            expected = Some(packet.sequence.wrapping_add(1));
        }
        window.check_invariants();
        let counts = window.counts();
        let out = counts.delivered + counts.late + counts.duplicate + counts.stray + window.len() as u64;
        assert!(out <= pushed, "{counts:?} of {pushed}");
    }
}

/// Any file in which marks are looked for, whole and in pieces of so many bytes as the first byte says: the same marks in the
/// same places, each where a UUID begins, and memory within its bounds.
pub fn trace(data: &[u8]) {
    let Some((size, file)) = data.split_first() else { return };
    let read = |size: usize| {
        let (mut tracer, mut marks) = (Tracer::default(), Vec::new());
        for piece in file.chunks(size) {
            tracer.push(piece, &mut |mark| marks.push(mark));
        }
        tracer.check_invariants();
        let kind = tracer.finish(&mut |mark| marks.push(mark));
        (kind, marks)
    };
    let whole = read(file.len().max(1));
    for mark in &whole.1 {
        let first = usize::try_from(mark.place.at).ok().and_then(|at| file.get(at));
        assert_eq!(first, UUID.first(), "{mark:?}");
    }
    assert_eq!(read(usize::from(*size) + 1), whole);
}

/// Not a test of anything: a body with a fault that mutation finds within seconds, so that a runner which finds nothing is
/// seen to be broken.
pub fn canary(data: &[u8]) {
    assert!(!(data.len() > 3 && data.starts_with(b"SL") && data.get(2).is_some_and(|b| *b > 0xf0)), "the canary sings");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body, and what it is fed with.
    type Case = (&'static str, fn(&[u8]), Vec<Vec<u8>>);

    fn cases() -> Vec<Case> {
        vec![
            ("depacketize", depacketize, depacketize_seeds()),
            ("rtp", rtp, rtp_seeds()),
            ("params", params, params_seeds()),
            ("jpeg", jpeg, jpeg_seeds()),
            ("timeline", timeline, script_seeds()),
            ("reorder", reorder, script_seeds()),
            ("trace", trace, trace_seeds()),
        ]
    }

    #[test]
    fn bodies_hold_on_their_seeds_and_on_some_mutations() {
        for (name, body, seeds) in cases() {
            assert!(!seeds.is_empty(), "{name} has no seed");
            seeds.iter().for_each(|seed| body(seed));
            let mut mutator = Mutator::new(7, seeds);
            for _ in 0..300 {
                body(mutator.next_input());
            }
        }
    }

    #[test]
    fn the_canary_is_found() {
        let mut mutator = Mutator::new(1, vec![b"SLUICE".to_vec()]);
        let found = (0..200_000).any(|_| {
            let input = mutator.next_input();
            std::panic::catch_unwind(|| canary(input)).is_err()
        });
        assert!(found);
    }

    #[test]
    fn trace_seeds_hold_marks_that_are_found() {
        let kinds: Vec<crate::trace::Kind> = trace_seeds()
            .iter()
            .map(|seed| {
                let (mut tracer, mut marks) = (Tracer::default(), 0);
                tracer.push(&seed[1..], &mut |_| marks += 1);
                let kind = tracer.finish(&mut |_| marks += 1);
                assert!(marks > 0, "{kind}");
                kind
            })
            .collect();
        assert!(kinds.len() > 7, "{kinds:?}");
    }

    #[test]
    fn depacketize_seeds_reach_units() {
        for seed in depacketize_seeds() {
            let (format, script) = seed.split_first().unwrap();
            let (name, clock_rate, fmtp) = FORMATS[usize::from(*format) % FORMATS.len()];
            let mut depacketizer = Depacketizer::new(name, clock_rate, None, fmtp).unwrap();
            let mut units = 0;
            for packet in Script::new(script).packets() {
                depacketizer.push(packet).unwrap();
                units += std::iter::from_fn(|| depacketizer.pull()).count();
            }
            assert!(units > 0, "{name}");
        }
    }
}
