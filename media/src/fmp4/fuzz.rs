//! Fuzz bodies: hostile bytes into the reader and the splicer, hostile stamps into the builder. Each panics where an invariant
//! breaks, so that a fuzz target is one line.

use std::sync::Arc;

use bytes::Bytes;

use super::boxes::Header;
use super::layout::Layout;
use super::{Builder, Fragment, Limits, Note, Spliced, Splicer, head_bytes, init, lengthen, reader, shift};
use crate::codec::{CodecParams, g711};
use crate::frame::{Frame, StreamInfo, Track, TrackId};
use crate::mark::{Carrier, Finder, MarkKey, Pen, SessionMark};
use crate::wall::Wall;

/// Whatever the bytes are, the reader ends, what it finds lies in order within them, and its valid part reads back the same.
pub fn check_invariants(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let Ok(scan) = reader::scan_bytes(&bytes) else { return };
    assert!(scan.valid_bytes <= bytes.len() as u64);
    assert_eq!(scan.torn.is_none(), scan.valid_bytes == bytes.len() as u64);
    let mut end = scan.init.len() as u64;
    for fragment in &scan.fragments {
        assert!(fragment.offset >= end, "fragments overlap");
        assert!(fragment.tracks.iter().all(|t| t.bytes <= fragment.bytes));
        end = fragment.offset + fragment.bytes;
    }
    assert!(end <= scan.valid_bytes);
    let valid = bytes.slice(..scan.valid_bytes as usize);
    let again = reader::scan_bytes(&valid).expect("the valid part of a segment is a segment");
    assert_eq!(again, reader::Scan { torn: None, ..scan });
    let mut moved = data.to_vec();
    shift(&mut moved, |track| i64::from(track) << 32);
    lengthen(&mut moved, 2, 1 << 20);
    assert_eq!(moved.len(), data.len());
}

/// Whatever stamps a camera sends, the file made of its frames reads back whole: every frame, every byte, and decode times
/// that never step back. `data` is read as one frame per 20 bytes.
pub fn check_builder(data: &[u8]) {
    let law = g711::Law::A;
    let params = |sample_rate| CodecParams::G711(g711::Params { law, channels: 1, sample_rate });
    let track = |id, clock_rate| Track { id: TrackId(id), clock_rate, params: params(8_000) };
    let info = StreamInfo::shared(1, vec![track(0, 90_000), track(1, 8_000)]);
    let frames: Vec<Frame> = data.chunks_exact(20).filter_map(frame_from).collect();
    let mut file = vec![init(&info).expect("two G.711 tracks have a header")];
    file.push(Note { run_origin: Wall::EPOCH, base_micros: 0 }.encode().into());
    let limits = Limits { frames_max: 50, ..Limits::default() };
    let mut builder = Builder::new(Arc::clone(&info), frames.first().map_or(Wall::EPOCH, |f| f.wall), limits);
    let mut fragments: Vec<Fragment> = frames.iter().filter_map(|f| builder.push(f, f.wall)).collect();
    fragments.extend(builder.cut(None));
    for fragment in &fragments {
        assert_eq!(
            fragment.bytes,
            (fragment.head.len() + fragment.payloads.iter().map(Bytes::len).sum::<usize>()) as u64
        );
        file.push(fragment.head.clone());
        file.extend(fragment.payloads.iter().cloned());
    }
    let scan = reader::scan_bytes(&file.concat().into()).expect("what was written is a segment");
    assert_eq!((scan.torn, scan.fragments.len()), (None, fragments.len()));
    let mut ends = [0; 3];
    for (found, written) in scan.fragments.iter().zip(&fragments) {
        assert_eq!((found.bytes, found.duration_micros), (written.bytes, written.duration_micros));
        assert_eq!(found.tracks.iter().map(|t| t.samples).sum::<usize>(), written.frames);
        for span in &found.tracks {
            let end = ends.get_mut(span.track as usize).expect("two tracks, ids 1 and 2");
            assert!(span.decode_time >= *end, "decode times step back");
            *end = span.decode_time + span.duration;
        }
    }
    let written: usize = scan.fragments.iter().flat_map(|f| &f.tracks).map(|t| t.samples).sum();
    assert_eq!(written, frames.len());
}

/// Whatever stored fragments hold, the marked copy of each is as long as its head foretold, and its samples are those that were
/// stored, with a mark in those that get one and in no other way changed. The first byte of `data` says how they carry it.
pub fn check_splice(data: &[u8]) {
    let Some((kind, fragments)) = data.split_first() else { return };
    let carrier = match kind % 3 {
        0 => Carrier::H264,
        1 => Carrier::H265,
        _ => Carrier::Jpeg,
    };
    let video = reader::TrackHeader { id: 1, timescale: 90_000, video: true, carrier: Some(carrier) };
    let sound = reader::TrackHeader { id: 2, timescale: 8_000, video: false, carrier: None };
    let pen = Pen { key: MarkKey::new(&[1; 32]), session: SessionMark([2; 16]) };
    let mut splicer = Splicer::new(&[video, sound]).expect("one track carries marks");
    let mut rest = Bytes::copy_from_slice(fragments);
    while let Some((head, bytes)) = extent(&rest) {
        let fragment = rest.split_to(bytes.min(rest.len()));
        let foretold = splicer.clone().length(fragment.get(..head).unwrap_or_default(), fragment.len() as u64);
        let spliced = splicer.splice(&fragment, &pen);
        let bytes = |s: &Spliced| (s.head.len() + s.data.iter().map(Bytes::len).sum::<usize>()) as u64;
        assert_eq!(foretold, spliced.as_ref().map(bytes));
        let Some(spliced) = spliced else { return };
        check_samples(&fragment, &[&spliced.head[..], &spliced.data.concat()].concat(), carrier);
    }
}

/// Length of the head that stands here, and of the fragment.
fn extent(bytes: &[u8]) -> Option<(usize, usize)> {
    let head = head_bytes(bytes)?;
    let mdat = Header::parse(bytes.get(head - 8..)?)?;
    Some((head, (head - 8).checked_add(usize::try_from(mdat.bytes).ok()?)?))
}

fn check_samples(stored: &[u8], marked: &[u8], carrier: Carrier) {
    let layouts = (Layout::read(stored), Layout::read(marked));
    let (Some(before), Some(after)) = layouts else { panic!("a copy is of the same form: {layouts:?}") };
    assert_eq!(before.runs.len(), after.runs.len());
    for (run, copied) in before.runs.iter().zip(&after.runs) {
        assert_eq!(run.samples(stored).count(), copied.samples(marked).count());
        for (sample, copy) in run.samples(stored).zip(copied.samples(marked)) {
            let times = |s: &super::layout::SampleAt| (s.decode_time, s.composition, s.sync);
            assert_eq!(times(&sample), times(&copy));
            let original = stored.get(sample.data).expect("a sample lies in its fragment");
            let copy = marked.get(copy.data).expect("a sample lies in its copy");
            if original == copy {
                assert!(run.track != 1 || !sample.sync, "a keyframe without a mark");
                continue;
            }
            let cut = carrier.insertion(original).unwrap_or(original.len());
            let (begin, end) = original.split_at(cut);
            let unit =
                copy.strip_prefix(begin).and_then(|rest| rest.strip_suffix(end)).expect("the sample's own bytes");
            let mut marks = 0;
            Finder::default().push(unit, &mut |_| marks += 1);
            assert_eq!((run.track, marks), (1, 1));
        }
    }
}

fn frame_from(bytes: &[u8]) -> Option<Frame> {
    let (flags, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (pts, rest) = rest.split_first_chunk::<8>()?;
    let (wall, _) = rest.split_first_chunk::<8>()?;
    // Most stamps small, so that order and reordering are met, not only jumps.
    let narrow = |value: i64| if flags & 4 == 0 { value } else { value & 0xf_ffff };
    Some(Frame {
        track: TrackId(flags & 1),
        pts: narrow(i64::from_be_bytes(*pts)),
        wall: Wall::from_micros(narrow(i64::from_be_bytes(*wall)) >> 1),
        keyframe: flags & 2 != 0,
        discontinuity: false,
        payload: Bytes::from(vec![*length; usize::from(*length)]),
    })
}
