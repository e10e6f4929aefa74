//! Playback of a range: names, bytes, times, marks, and what a range does not open.

use std::fs;

use media::codec::{CodecParams, g711};
use media::fmp4::reader::{Scan, scan_bytes};
use media::frame::{Frame, StreamInfo, Track, TrackId};
use media::id::{Profile, StreamKey};
use media::mark::{Carrier, Finder, MarkKey, Pen, Reading, SessionMark};

use super::rig::{RATE, Rig, at, frame, info};
use crate::playback::{PlaybackError, Range};

fn range(rig: &Rig, from: f64, to: f64) -> Range {
    Range { stream: StreamKey { camera: rig.camera.clone(), profile: Profile::Main }, from: at(from), to: at(to) }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

fn names(playlist: &str) -> Vec<&str> {
    playlist.lines().filter(|line| !line.starts_with('#')).collect()
}

fn pen() -> Pen {
    Pen { key: MarkKey::new(&[8; 32]), session: SessionMark([4; 16]) }
}

fn fetch(rig: &Rig, range: &Range, name: &str) -> Result<Vec<u8>, PlaybackError> {
    run(async {
        let mut media = rig.playback().open(range.clone(), name, pen()).await?;
        let mut bytes = Vec::new();
        while let Some(part) = media.next().await {
            bytes.extend_from_slice(&part?);
        }
        assert_eq!(bytes.len() as u64, media.bytes());
        Ok(bytes)
    })
}

/// The header and all pieces of a playlist, as a player puts them together.
fn played(rig: &Rig, range: &Range) -> Scan {
    let playlist = rig.playback().playlist(range, "").unwrap();
    let map = playlist.split("MAP:URI=\"").nth(1).unwrap().split('"').next().unwrap();
    let mut bytes = fetch(rig, range, map).unwrap();
    for name in names(&playlist) {
        bytes.extend(fetch(rig, range, name).unwrap());
    }
    scan_bytes(&bytes.into()).unwrap()
}

#[test]
fn a_range_over_two_segments_plays_without_a_seam() {
    let mut rig = Rig::new();
    rig.send(0, 130 * RATE);
    let range = range(&rig, 50.0, 70.0);
    let playlist = rig.playback().playlist(&range, "/s/TOKEN/").unwrap();
    assert!(!playlist.contains("DISCONTINUITY") && playlist.ends_with("#EXT-X-ENDLIST\n"), "{playlist}");
    assert!(names(&playlist).iter().all(|name| name.starts_with("/s/TOKEN/")));
    let scan = played(&rig, &range);
    assert_eq!(scan.torn, None);
    let spans: Vec<_> = scan.fragments.iter().map(|f| f.tracks[0]).collect();
    assert!(spans.windows(2).all(|w| w[0].decode_time + w[0].duration == w[1].decode_time), "no hole, no overlap");
    let samples: usize = spans.iter().map(|s| s.samples).sum();
    assert_eq!(samples as i64, 20 * RATE);
    assert_eq!(scan.fragments[0].start, Some(at(50.0)));
}

/// Takes the marks out of what was served, and tells what they say.
fn take_marks(bytes: &mut Vec<u8>) -> Vec<Reading> {
    let (mut finder, mut found) = (Finder::default(), Vec::new());
    finder.push(bytes, &mut |mark| found.push(mark));
    let unit = Carrier::Jpeg.unit(&[]).bytes().len();
    for mark in found.iter().rev() {
        let begin = mark.at as usize - 4;
        bytes.drain(begin..begin + unit);
    }
    found.iter().map(|mark| pen().key.read(&mark.text).unwrap()).collect()
}

#[test]
fn what_is_served_is_the_file_but_for_its_times_and_marks() {
    let mut rig = Rig::new();
    rig.send(0, 10 * RATE);
    let range = range(&rig, 0.0, 9.0);
    let mut file = fs::read(rig.path(&rig.segments()[0])).unwrap();
    let (mut served, mut marks) = (Vec::new(), Vec::new());
    for name in names(&rig.playback().playlist(&range, "").unwrap()) {
        let mut piece = fetch(&rig, &range, name).unwrap();
        marks.extend(take_marks(&mut piece));
        served.extend(piece);
    }
    assert_eq!(fs::read(rig.path(&rig.segments()[0])).unwrap(), file, "nothing is written");
    assert_eq!(take_marks(&mut file), [], "what is on disk has no mark");
    assert!(marks.iter().all(|mark| mark.session == pen().session));
    let said: Vec<_> = marks.iter().map(|mark| mark.at).collect();
    assert_eq!(said, (0..9).map(|second| at(f64::from(second))).collect::<Vec<_>>(), "one at each keyframe");
    let fragments = scan_bytes(&file.clone().into()).unwrap().fragments;
    let mut differs = 0;
    let begin = fragments[0].offset as usize;
    for fragment in fragments.iter().filter(|f| f.start < Some(range.to)) {
        let (from, samples) = (fragment.offset as usize, fragment.tracks[0].bytes as usize);
        let (stored, copy) =
            (&file[from..][..fragment.bytes as usize], &served[from - begin..][..fragment.bytes as usize]);
        let head = stored.len() - samples;
        assert_eq!(stored[head..], copy[head..], "samples");
        differs += stored.iter().zip(copy).filter(|(a, b)| a != b).count();
    }
    // Two 64-bit times a fragment; the sizes of a sample and of the mdat a mark.
    assert!(differs <= fragments.len() * 16 + marks.len() * 8, "{differs} bytes differ");
}

#[test]
fn a_recording_of_sound_alone_is_not_served() {
    let mut rig = Rig::new();
    let params = CodecParams::G711(g711::Params { law: g711::Law::A, channels: 1, sample_rate: 8_000 });
    rig.change_info(StreamInfo::shared(1, vec![Track { id: TrackId(0), clock_rate: 90_000, params }]));
    rig.send(0, 10 * RATE);
    let range = range(&rig, 0.0, 9.0);
    let playlist = rig.playback().playlist(&range, "").unwrap();
    let pieces = names(&playlist);
    assert!(pieces.len() > 1);
    for name in pieces {
        assert!(matches!(fetch(&rig, &range, name), Err(PlaybackError::Unmarkable { .. })), "{name}");
    }
}

#[test]
fn a_head_longer_than_most_is_read_whole() {
    let mut rig = Rig::new();
    for n in 0..2_000 {
        let wall = at(n as f64 / 1_000.0);
        rig.send_frame(Frame { pts: n * 90, wall, keyframe: n % 500 == 0, ..frame(n) });
    }
    rig.sync();
    let scan = played(&rig, &range(&rig, 0.0, 1.2));
    assert_eq!(scan.torn, None);
    assert!(scan.fragments.iter().any(|f| f.tracks[0].samples > 400), "{:?}", scan.fragments);
}

#[test]
fn a_file_that_changes_under_a_viewer_is_damaged() {
    let mut rig = Rig::new();
    rig.send(0, 10 * RATE);
    let range = range(&rig, 0.0, 9.0);
    let playlist = rig.playback().playlist(&range, "").unwrap();
    let mut media = run(rig.playback().open(range, names(&playlist)[1], pen())).unwrap();
    let segment = rig.segments().remove(0);
    let mut file = fs::read(rig.path(&segment)).unwrap();
    // A keyframe in its midst is none any more: a mark less, and all else as it was.
    let fragment = scan_bytes(&file.clone().into()).unwrap().fragments[6].offset as usize;
    let flags = fragment + file[fragment..].windows(4).position(|word| word == b"trun").unwrap() + 24;
    assert_eq!(file[flags..flags + 4], [2, 0, 0, 0]);
    file[flags..flags + 4].copy_from_slice(&[1, 1, 0, 0]);
    fs::write(rig.path(&segment), file).unwrap();
    let mut next = || run(media.next());
    while let Some(read) = next() {
        if let Err(error) = read {
            assert!(matches!(error, PlaybackError::Damaged { .. }), "{error}");
            assert!(next().is_none());
            return;
        }
    }
    panic!("it was served as if nothing had happened");
}

#[test]
fn a_gap_and_new_parameters_are_discontinuities() {
    let mut rig = Rig::new();
    rig.send(0, 10 * RATE);
    rig.change_info(info(2, 1280));
    rig.send(10 * RATE, 20 * RATE);
    rig.send(40 * RATE, 50 * RATE);
    let playlist = rig.playback().playlist(&range(&rig, 0.0, 50.0), "").unwrap();
    assert_eq!(playlist.matches("#EXT-X-DISCONTINUITY\n").count(), 2, "{playlist}");
    assert!(playlist.contains("#EXT-X-PROGRAM-DATE-TIME:2025-11-24T16:00:40.000Z"));
}

#[test]
fn the_open_segment_plays_up_to_what_is_durable() {
    let mut rig = Rig::new();
    rig.send(0, 5 * RATE);
    let scan = played(&rig, &range(&rig, 0.0, 60.0));
    let end = rig.segments()[0].end;
    assert_eq!(scan.fragments.last().unwrap().start.unwrap(), rig.segments()[0].fragments.last().unwrap().start);
    assert!(end > at(4.0));
    let playlist = rig.playback().playlist(&range(&rig, 0.0, 60.0), "").unwrap();
    assert!(!playlist.contains("ENDLIST"), "the range is not over yet");
}

#[test]
fn a_range_opens_nothing_outside_itself() {
    let mut rig = Rig::new();
    rig.send(0, 130 * RATE);
    let narrow = range(&rig, 30.0, 40.0);
    let wide = rig.playback().playlist(&range(&rig, 0.0, 130.0), "").unwrap();
    let mine = rig.playback().playlist(&narrow, "").unwrap();
    let opened = names(&wide).iter().filter(|name| fetch(&rig, &narrow, name).is_ok()).count();
    assert!(opened <= names(&mine).len() + 1, "{opened} of {}", names(&wide).len());
    let start = at(0.0).micros();
    for name in [
        format!("{start}-0-1.m4s"),
        format!("{start}-60-0.m4s"),
        format!("{start}-60-100000.m4s"),
        format!("{start}-18446744073709551615-1.m4s"),
        format!("{}-0-1.m4s", start + 1),
        format!("init-{}.mp4", at(60.0).micros()),
        "../../index/CURRENT".into(),
        "init-.mp4".into(),
        "-1-2-3.m4s".into(),
        String::new(),
    ] {
        assert!(matches!(fetch(&rig, &narrow, &name), Err(PlaybackError::NoSuchPiece)), "{name}");
    }
    let sub = Range { stream: StreamKey { profile: Profile::Sub, ..narrow.stream.clone() }, ..narrow.clone() };
    assert_eq!(names(&rig.playback().playlist(&sub, "").unwrap()), Vec::<&str>::new());
    assert!(fetch(&rig, &sub, names(&mine)[0]).is_err());
}

#[test]
fn a_deleted_or_damaged_piece_is_an_error_not_a_panic() {
    let mut rig = Rig::new();
    rig.send(0, 130 * RATE);
    let range = range(&rig, 0.0, 130.0);
    let playlist = rig.playback().playlist(&range, "").unwrap();
    let segments = rig.segments();
    fs::remove_file(rig.path(&segments[0])).unwrap();
    fs::write(rig.path(&segments[1]), b"short").unwrap();
    let of = |start: media::wall::Wall| {
        let names = names(&playlist);
        names.into_iter().find(|n| n.starts_with(&start.micros().to_string())).unwrap().to_owned()
    };
    assert!(matches!(fetch(&rig, &range, &of(segments[0].start)), Err(PlaybackError::NoSuchPiece)));
    assert!(matches!(fetch(&rig, &range, &of(segments[1].start)), Err(PlaybackError::Damaged { .. })));
}

/// Pictures and sound from one second to another, a packet of sound with each picture.
fn send_sounding(rig: &mut Rig, seconds: std::ops::Range<i64>) {
    for n in seconds.start * RATE..seconds.end * RATE {
        let picture = frame(n);
        let sound = Frame {
            track: TrackId(1),
            pts: n * 8_000 / RATE,
            payload: vec![7; 8_000 / RATE as usize].into(),
            ..picture.clone()
        };
        rig.send_frame(picture);
        rig.send_frame(sound);
        if n % RATE == RATE - 1 {
            rig.sync();
        }
    }
}

#[test]
fn sound_lasts_longer_before_a_hole_and_nowhere_else() {
    let mut rig = Rig::new();
    let params = CodecParams::G711(g711::Params { law: g711::Law::A, channels: 1, sample_rate: 8_000 });
    let picture = info(1, 640).tracks[0].clone();
    rig.change_info(StreamInfo::shared(1, vec![picture, Track { id: TrackId(1), clock_rate: 8_000, params }]));
    send_sounding(&mut rig, 0..130);
    send_sounding(&mut rig, 140..150);
    let range = range(&rig, 50.0, 149.0);
    let playlist = rig.playback().playlist(&range, "").unwrap();
    assert_eq!(playlist.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{playlist}");
    let sounds: Vec<_> = played(&rig, &range).fragments.iter().filter_map(|f| f.tracks.get(1).copied()).collect();
    let packet = 8_000 / RATE as u64;
    let longer: Vec<_> =
        sounds.iter().map(|span| span.duration as i64 - (span.samples as u64 * packet) as i64).collect();
    let behind = sounds.windows(2).position(|pair| pair[1].decode_time > pair[0].decode_time + 8_000 * 5).unwrap();
    for (place, longer) in longer.iter().enumerate() {
        assert_eq!(*longer, if place == behind { 800 } else { 0 }, "fragment {place} of {}", sounds.len());
    }
}
