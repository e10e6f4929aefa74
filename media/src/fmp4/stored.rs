//! Stored fragments as frames again: what `init` and `fragment` wrote, read back for players that want no MP4. Bytes of any other
//! form give nothing. Deliberately absent: where they are read from, and marks.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use mp4_atom::{Codec, Decode, Moov};

use super::layout::{Layout, RunAt};
use super::micros;
use super::reader::{self, MOOV_BYTES_MAX};
use crate::clip;
use crate::codec::{CodecParams, mjpeg};
use crate::frame::{Frame, StreamInfo, Track, TrackId};
use crate::wall::Wall;

/// Frames taken from one fragment: the builder ends one long before.
const FRAMES_MAX: usize = 1 << 16;

/// The description that a header was made of. None where it is no header of ours.
pub fn stream_info(init: &Bytes, generation: u32) -> Option<Arc<StreamInfo>> {
    let scan = reader::scan_bytes(init).ok()?;
    let moov = moov_at(&scan.init)?;
    let moov = Moov::decode(&mut init.get(moov)?).ok()?;
    let mut tracks = Vec::new();
    for trak in &moov.trak {
        let id = TrackId(u8::try_from(tracks.len()).ok()?);
        if trak.tkhd.track_id != u32::from(id.0) + 1 || trak.mdia.mdhd.timescale == 0 {
            return None;
        }
        let params = match trak.mdia.minf.stbl.stsd.codecs.as_slice() {
            [Codec::Jpeg(entry)] => {
                let (width, height) = (entry.visual.width.into(), entry.visual.height.into());
                CodecParams::Mjpeg(mjpeg::Params { width, height })
            }
            _ => clip::params(trak).ok()??,
        };
        tracks.push(Track { id, clock_rate: trak.mdia.mdhd.timescale, params });
    }
    (!tracks.is_empty()).then(|| StreamInfo::shared(generation, tracks))
}

/// The moov behind the ftyp.
fn moov_at(init: &[u8]) -> Option<Range<usize>> {
    let ftyp = super::boxes::Header::parse(init)?;
    let at = usize::try_from(ftyp.bytes).ok()?;
    let moov = super::boxes::Header::parse(init.get(at..)?)?;
    (moov.bytes <= MOOV_BYTES_MAX).then_some(at..at.checked_add(moov.bytes as usize)?)
}

/// The frames of a whole fragment in the order of decoding, tracks mixed by time. `shift` says how many ticks of a clock rate are added
/// to their places on the line of time. Payloads are slices of it. None where it is not as we write them.
pub fn frames(fragment: &Bytes, info: &StreamInfo, shift: impl Fn(u32) -> i64) -> Option<Vec<Frame>> {
    let layout = Layout::read(fragment).filter(|layout| layout.bytes == fragment.len())?;
    let lead = track_of(info, layout.lead)?;
    let media_time = i64::try_from(layout.media_time).ok()?;
    // The capture time of the line's zero.
    let zero = layout.start.micros().saturating_sub(micros(media_time, lead.clock_rate));
    let mut placed = Vec::new();
    for run in &layout.runs {
        let track = track_of(info, run.track)?;
        take_run(fragment, run, track, (zero, shift(track.clock_rate)), &mut placed)?;
    }
    placed.sort_by_key(|(decoded, _)| *decoded);
    (!placed.is_empty()).then(|| placed.into_iter().map(|(_, frame)| frame).collect())
}

fn track_of(info: &StreamInfo, id: u32) -> Option<&Track> {
    info.track(TrackId(u8::try_from(id.checked_sub(1)?).ok()?))
}

fn take_run(
    fragment: &Bytes,
    run: &RunAt,
    track: &Track,
    (zero, shift): (i64, i64),
    placed: &mut Vec<(i64, Frame)>,
) -> Option<()> {
    let rate = track.clock_rate;
    for sample in run.samples(fragment) {
        let decoded = i64::try_from(sample.decode_time).ok()?;
        let shown = decoded.saturating_add(sample.composition.into());
        let payload = fragment.get(sample.data.clone()).map(|_| fragment.slice(sample.data))?;
        if placed.len() >= FRAMES_MAX {
            return None;
        }
        let frame = Frame {
            track: track.id,
            pts: shown.saturating_add(shift),
            wall: Wall::from_micros(zero.saturating_add(micros(shown, rate))),
            keyframe: sample.sync && track.params.is_video(),
            discontinuity: false,
            payload,
        };
        // A camera can send an empty packet; nobody can be sent one.
        if !frame.payload.is_empty() {
            placed.push((micros(decoded, rate), frame));
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Builder, Limits, init};
    use super::*;
    use crate::codec::g711;

    fn described() -> Arc<StreamInfo> {
        let sound = CodecParams::G711(g711::Params { law: g711::Law::A, channels: 1, sample_rate: 8_000 });
        let picture = CodecParams::Mjpeg(mjpeg::Params { width: 640, height: 480 });
        let track = |id, clock_rate, params| Track { id: TrackId(id), clock_rate, params };
        StreamInfo::shared(3, vec![track(0, 90_000, picture), track(1, 8_000, sound)])
    }

    fn frame(track: u8, n: i64, rate: i64) -> Frame {
        let wall = Wall::from_micros(1_764_000_000_000_000 + n * 40_000);
        let payload = Bytes::from(vec![n as u8 + 1; 100 + n as usize]);
        Frame { track: TrackId(track), pts: n * rate / 25, wall, keyframe: track == 0, discontinuity: false, payload }
    }

    /// Two tracks of ten frames each as one stored fragment.
    fn fragment() -> (Vec<Frame>, Bytes) {
        let sent: Vec<Frame> = (0..10).flat_map(|n| [frame(0, n, 90_000), frame(1, n, 8_000)]).collect();
        let mut builder = Builder::new(described(), sent[0].wall, Limits::default());
        sent.iter().for_each(|f| assert!(builder.push(f, f.wall).is_none()));
        let cut = builder.cut(None).unwrap();
        let bytes = [&[cut.head][..], &cut.payloads].concat().concat();
        (sent, bytes.into())
    }

    #[test]
    fn what_was_written_is_read_back() {
        let info = stream_info(&init(&described()).unwrap(), 3).unwrap();
        assert_eq!(*info, *described());
        let (sent, bytes) = fragment();
        let read = frames(&bytes, &info, |rate| 2 * i64::from(rate)).unwrap();
        assert_eq!(read.len(), sent.len());
        for (read, sent) in read.iter().zip(&sent) {
            let rate = i64::from(info.track(sent.track).unwrap().clock_rate);
            assert_eq!((read.track, read.pts, read.keyframe), (sent.track, sent.pts + 2 * rate, sent.keyframe));
            assert_eq!((read.wall, &read.payload), (sent.wall, &sent.payload));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn damage_gives_frames_or_nothing_and_never_a_panic(at in any::<prop::sample::Index>(), flip in 1u8.., cut in 0usize..40) {
            let (_, bytes) = fragment();
            let mut bytes = bytes.to_vec();
            let at = at.index(bytes.len().min(900));
            bytes[at] ^= flip;
            bytes.truncate(bytes.len() - cut);
            let _ = frames(&bytes.into(), &described(), |_| 0);
            let mut head = init(&described()).unwrap().to_vec();
            let at = at % head.len();
            head[at] ^= flip;
            let _ = stream_info(&head.into(), 0);
        }
    }
}
