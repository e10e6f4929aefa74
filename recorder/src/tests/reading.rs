//! A disk that gives other bytes than were written, or none: a check says so, playing ends with an error, and nothing is deleted.

use std::path::Path;
use std::sync::Arc;

use media::id::{Profile, StreamKey};
use media::mark::{MarkKey, Pen, SessionMark};
use media::stretch::Seek;
use rustix::io::Errno;

use super::checking::LATER;
use super::faulty::{Call, Fault, Faulty, Mood, Then};
use super::rig::{RATE, Rig, at, frame};
use crate::check::{self, Depth, Finding, check_on};
use crate::disk::Volume;
use crate::playback::{PlaybackError, Range};

/// Three sealed recordings, and their disk.
fn recorded() -> (Rig, Arc<Faulty>) {
    let mut rig = Rig::new();
    rig.send(0, 150 * RATE);
    let rig = rig.stop_and_start();
    let disk = Arc::clone(&rig.disk);
    (rig, disk)
}

fn checked(folder: &Path, disk: &Arc<Faulty>, depth: Depth) -> Vec<Finding> {
    let volume = Volume::on(disk.clone(), &folder.join("recordings"));
    volume.enter_to_read().unwrap();
    check_on(&[volume], &folder.join("index"), depth, LATER, &mut |_| ()).unwrap().findings
}

/// What lies on the volume, by name and length.
fn files(rig: &Rig) -> Vec<(String, u64)> {
    let volume = &rig.volumes.slots[0].volume;
    let bytes = |path: String| (std::fs::metadata(volume.root().join(&path)).unwrap().len(), path);
    volume.files_of(rig.camera.as_str()).unwrap().into_iter().map(bytes).map(|(bytes, path)| (path, bytes)).collect()
}

#[test]
fn a_check_of_everything_finds_each_changed_bit_and_each_refusal_and_takes_nothing_away() {
    let (rig, disk) = recorded();
    let (before, damaged) = (files(&rig), rig.segments()[1].clone());
    // A stretch of numbers that hits headers, heads and media, first and last bytes of what is read at once.
    for place in [0, 1, 5, 4_095, 4_096, 70_001, 1_000_003, usize::MAX] {
        disk.set(&[Fault::new(Call::Read, Then::Flip(place)).at(&damaged.path)]);
        let findings = checked(rig.folder.path(), &disk, Depth::Hash);
        assert!(disk.met(Call::Read) > 0);
        assert_eq!(findings.len(), 1, "{place}: {findings:?}");
        assert_eq!(findings[0].path, damaged.path, "{place}");
    }
    for (call, then) in [
        (Call::OpenToRead, Then::Fail(Errno::IO)),
        (Call::Length, Then::Fail(Errno::IO)),
        (Call::Read, Then::Fail(Errno::IO)),
        (Call::Read, Then::FailAfter(Errno::IO)),
    ] {
        disk.set(&[Fault::new(call, then.clone()).at(&damaged.path)]);
        let findings = checked(rig.folder.path(), &disk, Depth::Hash);
        let found: Vec<_> = findings.iter().map(|finding| (&finding.path, &finding.fault)).collect();
        assert!(
            matches!(found[..], [(path, check::Fault::Unreadable(_))] if *path == damaged.path),
            "{call:?} {then:?}: {found:?}"
        );
    }
    // What comes in part is asked for again.
    disk.set(&[Fault::new(Call::Read, Then::Halve(Errno::INTR)).once_after(2)]);
    assert_eq!(checked(rig.folder.path(), &disk, Depth::Hash), []);
    disk.be(Mood::Well);
    assert_eq!(checked(rig.folder.path(), &disk, Depth::Hash), []);
    assert_eq!(files(&rig), before);
}

fn range(rig: &Rig) -> Range {
    Range { stream: StreamKey { camera: rig.camera.clone(), profile: Profile::Main }, from: at(60.0), to: at(66.0) }
}

/// Plays six seconds. All frames are there, each as long as it was and near its time; a bit of a picture may be another, which no head tells.
fn play(rig: &Rig, way: &str) -> Result<(), PlaybackError> {
    let mut reader = rig.playback().frames(range(rig));
    let mut next = reader.read(Seek::At(at(60.0)))?;
    let mut n = 60 * RATE;
    while let Some(stretch) = next {
        for found in stretch.frames {
            let sent = frame(n);
            assert_eq!(found.payload.len(), sent.payload.len(), "{way}: frame {n}");
            let off = found.wall.micros_since(sent.wall).abs();
            assert!(off < 11_000_000, "{way}: frame {n} is {off} µs off");
            n += 1;
        }
        next = reader.read(Seek::Next)?;
    }
    assert_eq!(n, 66 * RATE, "{way}");
    Ok(())
}

/// The same as a file.
fn download(rig: &Rig) -> Result<Vec<u8>, PlaybackError> {
    let pen = Pen { key: MarkKey::new(&[8; 32]), session: SessionMark([4; 16]) };
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        let mut file = rig.playback().download(range(rig), pen).await?;
        let mut bytes = Vec::new();
        while let Some(part) = file.next().await {
            bytes.extend_from_slice(&part?);
        }
        Ok(bytes)
    })
}

#[test]
fn playing_from_a_disk_that_refuses_ends_with_an_error() {
    let (rig, disk) = recorded();
    let before = files(&rig);
    for then in [Then::Fail(Errno::IO), Then::FailAfter(Errno::IO)] {
        for nth in 0.. {
            let fault = Fault::new(Call::Read, then.clone()).once_after(nth);
            disk.set(std::slice::from_ref(&fault));
            let played = play(&rig, "refused");
            let met = disk.met(Call::Read);
            disk.set(&[fault]);
            let downloaded = download(&rig);
            if met + disk.met(Call::Read) == 0 {
                break;
            }
            assert!(met == 0 || matches!(played, Err(PlaybackError::Read { .. })), "read {nth}: {played:?}");
            let refused = matches!(downloaded, Err(PlaybackError::Read { .. }));
            assert!(disk.met(Call::Read) == 0 || refused, "read {nth}: {:?}", downloaded.err());
        }
    }
    disk.set(&[Fault::new(Call::OpenToRead, Then::Fail(Errno::IO))]);
    assert!(matches!(play(&rig, "not opened"), Err(PlaybackError::Read { .. })));
    assert!(matches!(download(&rig), Err(PlaybackError::Read { .. })));
    disk.be(Mood::Well);
    play(&rig, "well").unwrap();
    assert_eq!(files(&rig), before);
}

#[test]
fn playing_changed_bytes_ends_with_an_error_or_changes_the_media_alone() {
    let (rig, disk) = recorded();
    let (before, whole) = (files(&rig), download(&rig).unwrap());
    let mut refused = 0;
    // Each byte of a head, in the first reads: the header's, a fragment's, and the one after.
    for (nth, place) in (0..4).flat_map(|nth| (0..700).map(move |place| (nth, place))) {
        let way = format!("byte {place} of read {nth}");
        disk.set(&[Fault::new(Call::Read, Then::Flip(place)).once_after(nth)]);
        refused += usize::from(play(&rig, &way).is_err());
        disk.set(&[Fault::new(Call::Read, Then::Flip(place)).once_after(nth)]);
        match download(&rig) {
            Ok(bytes) => assert_eq!(bytes.len(), whole.len(), "{way}"),
            Err(error) => assert!(
                matches!(error, PlaybackError::Damaged { .. } | PlaybackError::Unmarkable { .. }),
                "{way}: {error}"
            ),
        }
    }
    assert!(refused > 500, "{refused} were refused");
    disk.be(Mood::Well);
    assert!(download(&rig).unwrap() == whole);
    assert_eq!(files(&rig), before);
}
