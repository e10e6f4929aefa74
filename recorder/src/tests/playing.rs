//! Playback of a range: names, bytes, times, and what a range does not open.

use std::fs;

use media::fmp4::reader::{Scan, scan_bytes};
use media::id::{Profile, StreamKey};

use super::rig::{RATE, Rig, at, info};
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

fn fetch(rig: &Rig, range: &Range, name: &str) -> Result<Vec<u8>, PlaybackError> {
    run(async {
        let mut media = rig.playback().open(range.clone(), name).await?;
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

#[test]
fn what_is_served_is_the_file_but_for_its_times() {
    let mut rig = Rig::new();
    rig.send(0, 10 * RATE);
    let range = range(&rig, 0.0, 9.0);
    let file = fs::read(rig.path(&rig.segments()[0])).unwrap();
    let playlist = rig.playback().playlist(&range, "").unwrap();
    let mut differs = 0;
    let mut offset = rig.segments()[0].fragments[0].offset as usize;
    for name in names(&playlist) {
        let piece = fetch(&rig, &range, name).unwrap();
        differs += piece.iter().zip(&file[offset..]).filter(|(a, b)| a != b).count();
        offset += piece.len();
    }
    let fragments = rig.segments()[0].fragments.len();
    assert!(differs <= fragments * 16, "two 64-bit times a fragment, {differs} bytes differ");
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
