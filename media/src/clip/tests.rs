//! Clips as ffmpeg writes them, and as nobody should.

use bytes::Bytes;

use super::{Clip, ClipError};

const PROGRESSIVE: &[u8] = include_bytes!("../../../relay/testdata/demo.mp4");
const FRAGMENTED: &[u8] = include_bytes!("../../../relay/testdata/small.mp4");

fn per_track(clip: &Clip) -> Vec<usize> {
    clip.tracks.iter().map(|t| clip.samples.iter().filter(|s| s.track == t.id).count()).collect()
}

fn check_invariants(clip: &Clip) {
    for (index, track) in clip.tracks.iter().enumerate() {
        assert_eq!(track.id.index(), index);
        assert!(track.clock_rate > 0);
    }
    let seconds = |s: &super::Sample| s.dts as f64 / f64::from(clip.tracks[s.track.index()].clock_rate);
    assert!(clip.samples.windows(2).all(|w| seconds(&w[0]) <= seconds(&w[1])));
}

#[test]
fn a_progressive_clip_is_read_whole() {
    let clip = Clip::parse(&Bytes::from_static(PROGRESSIVE)).unwrap();
    check_invariants(&clip);
    assert_eq!(per_track(&clip), [300, 376], "as ffprobe counts them");
    assert_eq!(clip.duration(), (12 * 90_000, 90_000));
    assert_eq!(clip.tracks[0].params.dimensions(), Some((640, 360)));
    assert_eq!(clip.tracks[1].params.sample_rate(), Some(32_000));
    let keyframes: Vec<i64> = clip.samples.iter().filter(|s| s.keyframe).map(|s| s.pts).collect();
    assert_eq!(keyframes, [0, 180_000, 360_000, 540_000, 720_000, 900_000]);
    let first = clip.samples.iter().find(|s| s.keyframe).unwrap();
    assert_eq!(first.payload.len(), 10_999, "as ffprobe says");
}

#[test]
fn a_fragmented_clip_is_read_whole() {
    let clip = Clip::parse(&Bytes::from_static(FRAGMENTED)).unwrap();
    check_invariants(&clip);
    assert_eq!(clip.tracks[0].params.dimensions(), Some((320, 180)));
    assert_eq!(per_track(&clip), [100, 126], "as ffprobe counts them");
    assert_eq!(clip.samples.iter().filter(|s| s.keyframe).count(), 4);
}

#[test]
fn a_clip_cut_short_is_an_error_and_never_a_wrong_clip() {
    for file in [FRAGMENTED, &PROGRESSIVE[..100_000]] {
        for end in (0..file.len()).step_by(997) {
            assert!(Clip::parse(&Bytes::from_static(&file[..end])).is_err(), "cut at {end}");
        }
    }
}

#[test]
fn mutated_clips_never_panic() {
    let mut seed = 1u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize
    };
    // The boxes are at the front of both files; the rest is media data.
    let moov_end = 12_000;
    let (mut read, mut refused) = (0, 0);
    for round in 0..3_000 {
        let original = if round % 2 == 0 { &PROGRESSIVE[..60_000] } else { FRAGMENTED };
        let mut bytes = original.to_vec();
        for _ in 0..1 + random() % 4 {
            let at = random() % moov_end.min(bytes.len());
            bytes[at] = random() as u8;
        }
        match Clip::parse(&Bytes::from(bytes)) {
            Ok(clip) => {
                check_invariants(&clip);
                read += 1;
            }
            Err(_) => refused += 1,
        }
    }
    assert!(read > 100 && refused > 100, "both ways are taken: {read} {refused}");
}

#[test]
fn what_is_no_clip_is_named() {
    assert!(matches!(Clip::parse(&Bytes::new()), Err(ClipError::NoMoov)));
    assert!(matches!(Clip::parse(&Bytes::from_static(b"\0\0\0\x08free")), Err(ClipError::NoMoov)));
    let huge = Bytes::from_static(b"\x7f\xff\xff\xffmoov");
    assert!(matches!(Clip::parse(&huge), Err(ClipError::BoxSize { .. })));
}
