//! Fragments with marks: every reader finds the camera's own samples around them, each mark says whose copy it is and when the
//! picture was captured, and the length of a copy is known from its head.

use std::io::Cursor;

use bytes::Bytes;
use media::clip::Clip;
use media::fmp4::reader::{self, TrackHeader};
use media::fmp4::{self, Fragment, Splicer, head_bytes};
use media::frame::Frame;
use media::fuzz::Mutator;
use media::mark::{Carrier, Finder, MarkKey, Pen, SessionMark, Text};
use proptest::prelude::*;

use crate::fixture::cases;
use crate::readers::{self, FRAGMENT_MICROS, Seen};
use crate::stream::{self, Stream};

const SESSION: SessionMark = SessionMark([0x5e; 16]);

fn pen() -> Pen {
    Pen { key: MarkKey::new(&[9; 32]), session: SESSION }
}

fn all() -> Vec<Stream> {
    vec![
        stream::h264_aac(),
        stream::h265_g711(),
        stream::jpeg_g711(),
        stream::video_alone(stream::h264_aac()),
        stream::video_alone(stream::h265_g711()),
        stream::video_alone(stream::jpeg_g711()),
    ]
}

fn bytes_of(fragment: &Fragment) -> Bytes {
    [&fragment.head[..], &fragment.payloads.concat()].concat().into()
}

fn tracks(stream: &Stream) -> Vec<TrackHeader> {
    reader::scan_bytes(&fmp4::init(&stream.info).unwrap()).unwrap().tracks
}

/// The fragments' marked copies, each as long as its head foretold.
fn marked(stream: &Stream, fragments: &[Fragment]) -> Vec<Bytes> {
    let mut splicer = Splicer::new(&tracks(stream)).unwrap();
    let copy = |fragment: &Fragment| {
        let stored = bytes_of(fragment);
        assert_eq!(head_bytes(&stored), Some(fragment.head.len()));
        let foretold = splicer.clone().length(&fragment.head, fragment.bytes);
        let spliced = splicer.splice(&stored, &pen()).unwrap();
        let within = stored.as_ptr_range();
        let shared = spliced.data.iter().filter(|part| within.contains(&part.as_ptr())).map(Bytes::len).sum::<usize>();
        assert_eq!(shared, stored.len() - fragment.head.len(), "samples are not copied");
        let copy = Bytes::from([&spliced.head[..], &spliced.data.concat()].concat());
        assert_eq!(foretold, Some(copy.len() as u64));
        copy
    };
    fragments.iter().map(copy).collect()
}

fn marks_in(bytes: &[u8]) -> Vec<Text> {
    let (mut finder, mut texts) = (Finder::default(), Vec::new());
    finder.push(bytes, &mut |found| texts.push(found.text));
    texts
}

/// Takes the mark out of a sample, if it has one: it stands where its codec wants it, and all else is the frame's.
fn take_mark(carrier: Option<Carrier>, frame: &Frame, sample: &mut Vec<u8>) -> Option<Text> {
    let carrier = carrier.filter(|_| *sample != frame.payload)?;
    let at = carrier.insertion(&frame.payload).unwrap();
    let length = sample.len() - frame.payload.len();
    let unit: Vec<u8> = sample.splice(at..at + length, []).collect();
    let nal = unit.strip_prefix(&(length as u32 - 4).to_be_bytes());
    let nal = if carrier == Carrier::Jpeg { Some(&unit[..]) } else { nal };
    let texts = marks_in(&unit);
    assert_eq!((texts.len(), nal), (1, Some(carrier.unit(&frame.payload).filled(&texts[0]).bytes())));
    Some(texts[0])
}

/// Samples as a reader saw them agree with the frames sent, but for the marks, which stand at keyframes only.
fn check(stream: &Stream, track: u8, mut seen: Vec<Seen>) {
    let carrier = tracks(stream)[usize::from(track)].carrier;
    for ((_, _, _, sample), frame) in seen.iter_mut().zip(readers::sent(stream, track)) {
        let mark = take_mark(carrier, frame, sample);
        assert_eq!(mark.is_some(), carrier.is_some() && frame.keyframe);
        let Some(mark) = mark else { continue };
        let read = pen().key.read(&mark).unwrap();
        assert_eq!(read.session, SESSION);
        assert!((read.at.millis() - frame.wall.millis()).abs() <= 1, "{:?} is not {:?}", read.at, frame.wall);
    }
    readers::check(stream, track, &seen);
}

fn marked_file(stream: &Stream) -> Bytes {
    let copies = marked(stream, &stream::fragments(stream, FRAGMENT_MICROS));
    [&fmp4::init(&stream.info).unwrap()[..], &copies.concat()].concat().into()
}

#[test]
fn shiguredo_reads_every_sample_around_the_marks() {
    for stream in all() {
        let copies = marked(&stream, &stream::fragments(&stream, FRAGMENT_MICROS));
        for (track, seen) in readers::by_shiguredo(&stream, &copies).into_iter().enumerate() {
            check(&stream, track as u8, seen);
        }
    }
}

#[test]
fn our_clip_reader_agrees() {
    for stream in all().into_iter().filter(|s| !matches!(tracks(s)[0].carrier, Some(Carrier::Jpeg))) {
        let clip = Clip::parse(&marked_file(&stream)).unwrap();
        for track in 0..stream.info.tracks.len() as u8 {
            check(&stream, track, readers::of_clip(&stream, &clip, track));
        }
    }
}

/// It reads the tables; its own way to the samples ignores where a fragment begins.
#[test]
fn the_mp4_crate_agrees_on_sizes_and_offsets() {
    let stream = stream::h264_aac();
    let file = marked_file(&stream);
    let read = mp4::Mp4Reader::read_header(Cursor::new(&file), file.len() as u64).unwrap();
    let fragments = reader::scan_bytes(&file).unwrap().fragments;
    assert_eq!(read.moofs.len(), fragments.len());
    let mut frames = [0, 1].map(|track| readers::sent(&stream, track).into_iter());
    for (moof, fragment) in read.moofs.iter().zip(&fragments) {
        let prft = u32::from_be_bytes(file[fragment.offset as usize..][..4].try_into().unwrap());
        for traf in &moof.trafs {
            let (trun, track) = (traf.trun.as_ref().unwrap(), traf.tfhd.track_id as usize - 1);
            let mut at = fragment.offset as usize + prft as usize + trun.data_offset.unwrap() as usize;
            for size in &trun.sample_sizes {
                let (frame, mut sample) = (frames[track].next().unwrap(), file[at..at + *size as usize].to_vec());
                let mark = take_mark((track == 0).then_some(Carrier::H264), frame, &mut sample);
                assert_eq!((mark.is_some(), &sample[..]), (track == 0 && frame.keyframe, &frame.payload[..]));
                at += *size as usize;
            }
        }
    }
    assert!(frames.iter_mut().all(|rest| rest.next().is_none()));
}

#[test]
fn our_reader_finds_the_same_fragments_a_little_longer() {
    for stream in all() {
        let (before, after) = (stream::fragments(&stream, FRAGMENT_MICROS), marked_file(&stream));
        let scan = reader::scan_bytes(&after).unwrap();
        assert_eq!((scan.torn, scan.fragments.len()), (None, before.len()));
        let mut marks = 0;
        for (found, written) in scan.fragments.iter().zip(&before) {
            assert_eq!((found.start, found.keyframe), (Some(written.start), written.keyframe));
            assert_eq!(found.duration_micros, written.duration_micros);
            let copy = &after[found.offset as usize..][..found.bytes as usize];
            let here = marks_in(copy).len();
            assert!(here > 0 || !written.keyframe);
            assert_eq!(found.bytes > written.bytes, here > 0);
            marks += here;
        }
        assert_eq!(marks, stream.frames.iter().filter(|f| f.track.index() == 0 && f.keyframe).count());
    }
}

/// A stream whose only keyframe is its first, as long as the pictures of `stream` go `times` times.
fn long_group(stream: &Stream, times: i64) -> Stream {
    let mut frames = Vec::new();
    for round in 0..times {
        for frame in &stream.frames {
            let rate = i64::from(stream.info.tracks[frame.track.index()].clock_rate);
            let keyframe = frame.keyframe && frames.is_empty();
            let wall = frame.wall + std::time::Duration::from_secs(2 * round as u64);
            frames.push(Frame { pts: frame.pts + round * 2 * rate, wall, keyframe, ..frame.clone() });
        }
    }
    Stream { info: stream.info.clone(), frames }
}

/// The first picture here is shown after those that follow it, and so is each that gets a mark: what a mark says is when its own
/// picture was captured.
#[test]
fn a_long_group_of_pictures_has_a_mark_every_two_seconds() {
    for stream in [stream::h264_aac(), stream::h265_g711()] {
        let mut stream = long_group(&stream, 5);
        stream.frames.retain(|frame| frame.track.index() == 0);
        let early = stream.frames.windows(2).position(|pair| pair[0].wall > pair[1].wall).unwrap();
        stream.frames.drain(..early);
        let copies = marked(&stream, &stream::fragments(&stream, FRAGMENT_MICROS));
        let at: Vec<i64> =
            marks_in(&copies.concat()).iter().map(|text| pen().key.read(text).unwrap().at.millis()).collect();
        let due: Vec<i64> = stream.frames.iter().step_by(50).map(|frame| frame.wall.millis()).collect();
        assert_eq!(at, due);
    }
}

#[test]
fn a_piece_begins_with_a_mark_wherever_it_begins() {
    let stream = long_group(&stream::h264_aac(), 3);
    let fragments = stream::fragments(&stream, FRAGMENT_MICROS);
    for (first, fragment) in fragments.iter().enumerate() {
        assert!(fragment.keyframe == (first == 0));
        let copy = &marked(&stream, &fragments[first..])[0];
        assert_eq!(marks_in(copy).len(), 1, "fragment {first}");
    }
}

#[test]
fn a_sample_without_a_picture_carries_its_mark_at_its_end() {
    let mut stream = stream::video_alone(stream::h264_aac());
    stream.frames.truncate(2);
    for payload in [&b""[..], &[0, 0, 0, 2, 9, 0x10], &[0xff; 40], &[0, 0, 1]] {
        stream.frames[0].payload = Bytes::from_static(payload);
        let fragments = stream::fragments(&stream, FRAGMENT_MICROS);
        let copy = marked(&stream, &fragments).concat();
        let sample = &copy[fragments[0].head.len()..];
        let unit = 4 + Carrier::H264.unit(payload).bytes().len();
        assert_eq!(sample[..payload.len()], *payload);
        assert_eq!(marks_in(&sample[payload.len()..][..unit]).len(), 1);
        assert_eq!(sample[payload.len() + unit..], stream.frames[1].payload);
    }
}

#[test]
fn sound_alone_carries_none() {
    let stream = stream::h264_aac();
    assert!(Splicer::new(&tracks(&stream)[1..]).is_none());
    assert!(Splicer::new(&[]).is_none());
}

#[test]
fn what_is_not_as_we_write_it_is_left_alone() {
    let stream = stream::h264_aac();
    let fragments = stream::fragments(&stream, FRAGMENT_MICROS);
    let stored = bytes_of(&fragments[0]);
    let splicer = Splicer::new(&tracks(&stream)).unwrap();
    let takes = |bytes: &Bytes| splicer.clone().splice(bytes, &pen()).is_some();
    assert!(takes(&stored));
    for cut in 0..stored.len() {
        assert!(!takes(&stored.slice(..cut)), "cut at {cut}");
    }
    assert!(!takes(&[&stored[..], &[0]].concat().into()), "a byte behind it");
    let length = fragments[0].head.len() - 5;
    let places = [(7, "prft"), (8, "version"), (15, "lead"), (39, "moof"), (51, "mfhd"), (63, "traf"), (75, "flags")];
    for (at, what) in places.into_iter().chain([(length, "length of the mdat")]) {
        let mut damaged = stored.to_vec();
        damaged[at] ^= 1;
        assert!(!takes(&damaged.into()), "{what}");
    }
    let foreign = Splicer::new(&tracks(&stream)[..1]).unwrap();
    assert!(foreign.clone().splice(&stored, &pen()).is_none(), "a run of a track that the header has not");
}

/// What the fuzz body is given: a byte for the carrier, then fragments.
fn inputs() -> Vec<Vec<u8>> {
    let input = |(kind, mut stream): (u8, Stream)| {
        stream.frames.truncate(24);
        let fragments = stream::fragments(&stream, 200_000);
        let mut input = vec![kind];
        fragments.iter().for_each(|f| input.extend(bytes_of(f)));
        input
    };
    (0u8..).zip([stream::h264_aac(), stream::h265_g711(), stream::jpeg_g711()]).map(input).collect()
}

#[test]
fn mutated_fragments_break_nothing() {
    let inputs = inputs();
    inputs.iter().for_each(|input| fmp4::fuzz::check_splice(input));
    let mut mutator = Mutator::new(0x5eed, inputs);
    for _ in 0..20_000 {
        fmp4::fuzz::check_splice(mutator.next_input());
    }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn damaged_heads_break_nothing(kind in 0u8..3, damage in prop::collection::vec((0usize..1200, any::<u8>()), 1..6)) {
        let mut input = inputs().swap_remove(usize::from(kind));
        for (at, byte) in damage {
            let at = at % input.len();
            input[at] = byte;
        }
        fmp4::fuzz::check_splice(&input);
    }
}
