//! A range as one file: whole, in parts, across segments and gaps, and what no file can be made of.

use std::fs;

use media::fmp4::reader::scan_bytes;
use media::id::{Profile, StreamKey};
use media::mark::{Finder, MarkKey, Pen, SessionMark};

use super::rig::{RATE, Rig, at, info};
use crate::playback::{Download, PlaybackError, Range};

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

fn range(rig: &Rig, from: f64, to: f64) -> Range {
    Range { stream: StreamKey { camera: rig.camera.clone(), profile: Profile::Main }, from: at(from), to: at(to) }
}

fn download(rig: &Rig, from: f64, to: f64) -> Result<Download, PlaybackError> {
    let pen = Pen { key: MarkKey::new(&[8; 32]), session: SessionMark([4; 16]) };
    run(rig.playback().download(range(rig, from, to), pen))
}

/// From this byte on.
fn rest(mut file: Download, from: u64) -> Result<Vec<u8>, PlaybackError> {
    let skip = from - file.seek(from);
    run(async {
        let mut bytes = Vec::new();
        while let Some(part) = file.next().await {
            bytes.extend_from_slice(&part?);
        }
        Ok(bytes.split_off(skip as usize))
    })
}

#[test]
fn a_file_is_whole_marked_and_the_same_from_any_byte_on() {
    let mut rig = Rig::new();
    rig.send(0, 70 * RATE);
    rig.send(100 * RATE, 130 * RATE);
    let stored: Vec<Vec<u8>> = rig.segments().iter().map(|s| fs::read(rig.path(s)).unwrap()).collect();
    let file = download(&rig, 50.0, 110.0).unwrap();
    let (length, name) = (file.bytes(), file.fingerprint());
    let whole = rest(file, 0).unwrap();
    assert_eq!(whole.len() as u64, length);
    for from in [1, 500, 40_000, length / 2, length - 1, length] {
        let again = download(&rig, 50.0, 110.0).unwrap();
        assert_eq!(again.fingerprint(), name);
        assert!(rest(again, from).unwrap() == whole[from as usize..], "from byte {from}");
    }
    let scan = scan_bytes(&whole.clone().into()).unwrap();
    assert_eq!(scan.torn, None);
    let spans: Vec<_> = scan.fragments.iter().map(|fragment| fragment.tracks[0]).collect();
    assert_eq!(spans.iter().map(|span| span.samples).sum::<usize>() as i64, 30 * RATE);
    let holes: Vec<_> = spans.windows(2).map(|w| w[1].decode_time - w[0].decode_time - w[0].duration).collect();
    assert_eq!(holes.iter().filter(|hole| **hole > 0).collect::<Vec<_>>(), [&(30 * 90_000)], "the gap is a gap");
    let (mut finder, mut marks) = (Finder::default(), 0);
    finder.push(&whole, &mut |_| marks += 1);
    assert!(marks >= scan.fragments.len(), "{marks} marks in {} fragments", scan.fragments.len());
    let after: Vec<Vec<u8>> = rig.segments().iter().map(|s| fs::read(rig.path(s)).unwrap()).collect();
    assert_eq!(after, stored, "nothing is written");
}

#[test]
fn where_the_camera_changed_the_error_says_where_to_divide() {
    let mut rig = Rig::new();
    rig.send(0, 10 * RATE);
    rig.change_info(info(2, 1280));
    rig.send(10 * RATE, 20 * RATE);
    let Err(PlaybackError::Changes { at: change }) = download(&rig, 5.0, 15.0) else { panic!("one header for two") };
    assert_eq!(change, at(10.0));
    assert!(download(&rig, 5.0, 10.0).is_ok());
    assert!(download(&rig, 10.0, 15.0).is_ok());
    assert!(matches!(download(&rig, 30.0, 40.0), Err(PlaybackError::NoSuchPiece)));
}

#[test]
fn what_is_deleted_meanwhile_breaks_off_and_what_is_open_is_read_to_its_end() {
    let mut rig = Rig::new();
    rig.send(0, 130 * RATE);
    let mut file = download(&rig, 0.0, 130.0).unwrap();
    let whole = file.bytes();
    let segments = rig.segments();
    let begun = run(async { [file.next().await.unwrap().unwrap(), file.next().await.unwrap().unwrap()].concat() });
    segments.iter().for_each(|segment| fs::remove_file(rig.path(segment)).unwrap());
    let mut bytes = begun.len() as u64;
    let end = run(async {
        loop {
            match file.next().await {
                Some(Ok(part)) => bytes += part.len() as u64,
                other => break other,
            }
        }
    });
    assert!(matches!(end, Some(Err(PlaybackError::NoSuchPiece))), "it must not look whole");
    assert!(bytes > segments[0].bytes && bytes < whole, "{bytes} of {whole}");
    assert!(run(file.next()).is_none());
}
