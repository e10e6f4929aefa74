//! A stretch taken out: whole files, times true to the wall clock across holes, and hashes of what is on disk.

use std::fs;

use media::fmp4::reader::scan_bytes;
use media::id::{Profile, StreamKey};

use super::rig::{RATE, Rig, at, info};
use crate::playback::Range;
use crate::playback::extract::{Extract, ExtractError};

fn take(rig: &Rig, from: f64, to: f64, folder: &std::path::Path) -> Result<Extract, ExtractError> {
    let stream = StreamKey { camera: rig.camera.clone(), profile: Profile::Main };
    rig.playback().extract(&Range { stream, from: at(from), to: at(to) }, folder, &mut |_, _| true)
}

#[test]
fn a_hole_stays_a_hole_and_each_fragment_stands_where_it_was_captured() {
    let mut rig = Rig::new();
    rig.send(0, 70 * RATE);
    rig.send(100 * RATE, 130 * RATE);
    let folder = tempfile::tempdir().unwrap();
    let extract = take(&rig, 50.0, 110.0, folder.path()).unwrap();
    assert_eq!(extract.parts.len(), 1, "the same parameters throughout");
    let part = &extract.parts[0];
    let scan = scan_bytes(&fs::read(folder.path().join(&part.name)).unwrap().into()).unwrap();
    assert_eq!(scan.torn, None);
    let rate = i64::from(scan.tracks[0].timescale);
    let mut last_end = 0;
    for fragment in &scan.fragments {
        let span = fragment.tracks[0];
        let stands = span.decode_time as i64 * 1_000_000 / rate;
        let captured = fragment.start.unwrap().micros_since(part.zero);
        assert!((stands - captured).abs() <= 1_000, "{stands} for {captured}");
        assert!(span.decode_time >= last_end, "nothing overlaps");
        last_end = span.decode_time + span.duration;
    }
    let samples: usize = scan.fragments.iter().map(|f| f.tracks[0].samples).sum();
    assert_eq!(samples as i64, 30 * RATE, "20 s before the hole and 10 s behind it");
    assert!(last_end as i64 / rate >= 59, "the hole is kept: {last_end}");
}

#[test]
fn every_source_is_named_with_the_hash_of_its_file() {
    let mut rig = Rig::new();
    rig.send(0, 130 * RATE);
    let folder = tempfile::tempdir().unwrap();
    let extract = take(&rig, 50.0, 125.0, folder.path()).unwrap();
    assert_eq!(extract.sources.len(), 3);
    for (source, segment) in extract.sources.iter().zip(rig.segments()) {
        let file = fs::read(rig.path(&segment)).unwrap();
        let hashed = &file[..source.bytes as usize];
        assert_eq!(source.blake3, blake3::hash(hashed).to_hex().to_string());
        assert!(!source.sealed || hashed.len() == file.len());
        assert_eq!((&source.path, source.start), (&segment.path, segment.start));
    }
}

#[test]
fn other_parameters_make_another_file() {
    let mut rig = Rig::new();
    rig.send(0, 20 * RATE);
    rig.change_info(info(2, 1280));
    rig.send(20 * RATE, 40 * RATE);
    let folder = tempfile::tempdir().unwrap();
    let extract = take(&rig, 0.0, 39.0, folder.path()).unwrap();
    let names: Vec<_> = extract.parts.iter().map(|part| part.name.as_str()).collect();
    assert_eq!(names, ["part-1.mp4", "part-2.mp4"]);
    assert_eq!(extract.parts[1].start, at(20.0));
}

#[test]
fn nothing_recorded_and_a_call_off_are_told_apart() {
    let mut rig = Rig::new();
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(take(&rig, 0.0, 9.0, folder.path()), Err(ExtractError::Nothing)));
    rig.send(0, 20 * RATE);
    let stream = StreamKey { camera: rig.camera.clone(), profile: Profile::Main };
    let range = Range { stream, from: at(0.0), to: at(9.0) };
    let off = rig.playback().extract(&range, folder.path(), &mut |_, _| false);
    assert!(matches!(off, Err(ExtractError::Stopped)));
}
