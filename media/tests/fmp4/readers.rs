//! Written files in other people's readers: every sample, its bytes, its times, whether decoding can begin at it.

use std::io::Cursor;

use bytes::Bytes;
use media::clip::Clip;
use media::fmp4::{Fragment, init, lengthen, reader, shift};
use media::frame::Frame;
use shiguredo_mp4::demux::Fmp4SegmentDemuxer;

use crate::stream::{self, BEGIN, Stream};

pub(crate) const FRAGMENT_MICROS: i64 = 500_000;

/// One sample as a reader sees it: decode and presentation time, keyframe, bytes.
pub(crate) type Seen = (i64, i64, bool, Vec<u8>);

pub(crate) fn sent(stream: &Stream, track: u8) -> Vec<&Frame> {
    stream.frames.iter().filter(|f| usize::from(track) == f.track.index()).collect()
}

/// Samples agree with the frames sent: order, bytes, presentation, strictly rising decode times.
pub(crate) fn check(stream: &Stream, track: u8, seen: &[Seen]) {
    let frames = sent(stream, track);
    assert_eq!(seen.len(), frames.len(), "track {track}");
    let video = stream.info.tracks[usize::from(track)].params.is_video();
    for ((_, pts, keyframe, bytes), frame) in seen.iter().zip(&frames) {
        assert_eq!(bytes, &frame.payload, "payload");
        assert_eq!(*pts, frame.pts, "presentation time");
        assert_eq!(*keyframe, frame.keyframe || !video);
    }
    assert!(seen.windows(2).all(|w| w[1].0 > w[0].0), "decode times");
}

/// The samples of each track as shiguredo reads these fragments.
pub(crate) fn by_shiguredo(stream: &Stream, fragments: &[Bytes]) -> Vec<Vec<Seen>> {
    let mut demuxer = Fmp4SegmentDemuxer::new();
    demuxer.handle_init_segment(&init(&stream.info).unwrap()).unwrap();
    let mut seen = vec![Vec::new(); stream.info.tracks.len()];
    for bytes in fragments {
        // It wants the moof first; the prft before it is ours.
        let prft = u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
        let bytes = &bytes[prft..];
        for sample in demuxer.handle_media_segment(bytes).unwrap() {
            let data = &bytes[sample.data_offset as usize..][..sample.data_size];
            let decode = sample.timestamp as i64;
            let shown = decode + sample.composition_time_offset.unwrap_or(0);
            seen[sample.track.track_id as usize - 1].push((decode, shown, sample.keyframe, data.to_vec()));
        }
    }
    seen
}

#[test]
fn shiguredo_reads_every_sample() {
    for stream in [stream::h264_aac(), stream::h265_g711()] {
        let fragments = stream::fragments(&stream, FRAGMENT_MICROS);
        let whole = |f: &Fragment| [&f.head[..], &f.payloads.concat()].concat().into();
        let fragments: Vec<Bytes> = fragments.iter().map(whole).collect();
        for (track, seen) in by_shiguredo(&stream, &fragments).iter().enumerate() {
            check(&stream, track as u8, seen);
        }
    }
}

/// The samples of a track as our own reader of clips sees them.
pub(crate) fn of_clip(stream: &Stream, clip: &Clip, track: u8) -> Vec<Seen> {
    let video = stream.info.tracks[usize::from(track)].params.is_video();
    let of_track = clip.samples.iter().filter(|s| s.track.index() == usize::from(track));
    of_track.map(|s| (s.dts, s.pts, s.keyframe || !video, s.payload.to_vec())).collect()
}

#[test]
fn our_clip_reader_agrees() {
    for stream in [stream::h264_aac(), stream::h265_g711()] {
        let clip = Clip::parse(&stream::file(&stream, &stream::fragments(&stream, FRAGMENT_MICROS))).unwrap();
        assert_eq!(clip.tracks, stream.info.tracks);
        for track in 0..2 {
            check(&stream, track, &of_clip(&stream, &clip, track));
        }
    }
}

#[test]
fn the_mp4_crate_reads_header_and_fragments() {
    let stream = stream::h264_aac();
    let fragments = stream::fragments(&stream, FRAGMENT_MICROS);
    let file = stream::file(&stream, &fragments);
    let read = mp4::Mp4Reader::read_header(Cursor::new(&file), file.len() as u64).unwrap();
    let (video, sound) = (&read.tracks()[&1], &read.tracks()[&2]);
    assert_eq!((video.timescale(), video.width(), video.height()), (90_000, 320, 180));
    assert_eq!(video.media_type().unwrap(), mp4::MediaType::H264);
    let media::codec::CodecParams::H264(params) = &stream.info.tracks[0].params else { panic!("H.264") };
    assert_eq!(video.sequence_parameter_set().unwrap(), params.sps.as_ref());
    assert_eq!(video.picture_parameter_set().unwrap(), params.pps.as_ref());
    assert_eq!((sound.timescale(), sound.media_type().unwrap()), (48_000, mp4::MediaType::AAC));
    assert_eq!(sound.sample_freq_index().unwrap().freq(), 48_000);
    assert_eq!(read.moofs.len(), fragments.len());
    let mut end = 0;
    for (place, moof) in read.moofs.iter().enumerate() {
        assert_eq!(moof.mfhd.sequence_number as usize, place + 1);
        let traf = &moof.trafs[0];
        assert_eq!(traf.tfhd.track_id, 1);
        let (tfdt, trun) = (traf.tfdt.as_ref().unwrap(), traf.trun.as_ref().unwrap());
        assert_eq!(tfdt.base_media_decode_time, end, "no hole and no overlap between fragments");
        end += trun.sample_durations.iter().map(|d| u64::from(*d)).sum::<u64>();
    }
    assert_eq!(end, 50 * 3600);
}

#[test]
fn fragments_are_short_begin_at_keyframes_and_tell_the_wall_clock() {
    for stream in [stream::h264_aac(), stream::h265_g711()] {
        let fragments = stream::fragments(&stream, FRAGMENT_MICROS);
        assert_eq!(fragments.iter().filter(|f| f.keyframe).count(), 2, "two GOPs");
        assert!(fragments.iter().all(|f| f.duration_micros <= FRAGMENT_MICROS + 120_000), "reordering adds 3 pictures");
        assert_eq!(fragments[0].start, BEGIN);
        let scan = reader::scan_bytes(&stream::file(&stream, &fragments)).unwrap();
        for (found, written) in scan.fragments.iter().zip(&fragments) {
            assert_eq!(found.start, Some(written.start));
            assert_eq!((found.duration_micros, found.keyframe), (written.duration_micros, written.keyframe));
        }
        assert!(fragments.windows(2).all(|w| w[1].start >= w[0].start));
    }
}

/// A stream of keyframes only must not make a fragment of each frame, and none that begins elsewhere.
#[test]
fn keyframes_in_a_row_share_a_fragment() {
    let mut stream = stream::h264_aac();
    stream.frames.iter_mut().for_each(|f| f.keyframe = f.track.index() == 0);
    let fragments = stream::fragments(&stream, FRAGMENT_MICROS);
    assert!((4..=5).contains(&fragments.len()), "{} for 2 s", fragments.len());
    assert!(fragments.iter().all(|f| f.keyframe));
}

#[test]
fn payloads_are_not_copied() {
    let stream = stream::h264_aac();
    for fragment in stream::fragments(&stream, FRAGMENT_MICROS) {
        for payload in &fragment.payloads {
            assert!(stream.frames.iter().any(|f| f.payload.as_ptr() == payload.as_ptr()));
        }
    }
}

#[test]
fn a_shifted_fragment_has_the_same_samples_at_another_time() {
    let stream = stream::h264_aac();
    let fragment = &stream::fragments(&stream, FRAGMENT_MICROS)[2];
    let init = init(&stream.info).unwrap();
    let bytes: Vec<u8> = std::iter::once(&fragment.head).chain(&fragment.payloads).flatten().copied().collect();
    let mut moved = bytes.clone();
    assert_eq!(shift(&mut moved, |track| if track == 1 { 1 << 33 } else { 7 }), 2);
    let scan = |bytes: &[u8]| reader::scan_bytes(&[&init[..], bytes].concat().into()).unwrap().fragments.remove(0);
    let (before, after) = (scan(&bytes), scan(&moved));
    assert_eq!(after.tracks[0].decode_time, before.tracks[0].decode_time + (1 << 33));
    assert_eq!(after.tracks[1].decode_time, before.tracks[1].decode_time + 7);
    assert_eq!(after.tracks[0].bytes, before.tracks[0].bytes);
}

#[test]
fn a_track_that_lasts_longer_is_the_same_otherwise() {
    let stream = stream::h264_aac();
    let fragment = &stream::fragments(&stream, FRAGMENT_MICROS)[2];
    let init = init(&stream.info).unwrap();
    let bytes: Vec<u8> = std::iter::once(&fragment.head).chain(&fragment.payloads).flatten().copied().collect();
    let scan = |bytes: &[u8]| reader::scan_bytes(&[&init[..], bytes].concat().into()).unwrap().fragments.remove(0);
    let (before, mut long) = (scan(&bytes), bytes.clone());
    assert!(!lengthen(&mut long, 3, 4_410), "there is no such track");
    assert_eq!(long, bytes);
    assert!(lengthen(&mut long, 2, 4_410));
    let after = scan(&long);
    assert_eq!(after.tracks[0], before.tracks[0]);
    assert_eq!(after.tracks[1].duration, before.tracks[1].duration + 4_410);
    let changed = long.iter().zip(&bytes).filter(|(a, b)| a != b).count();
    assert!(changed <= 4, "{changed} bytes");
}
