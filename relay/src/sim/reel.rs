//! A clip made ready to be sent by many cameras: each frame's RTP packets built once, so that a camera copies them and
//! fills in its own numbers.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use media::clip::{Clip, Sample};
use media::codec::CodecParams;
use media::frame::{Frame, StreamInfo, Track};
use media::rtp::{self, RtpStamp};
use media::wall::Wall;

use super::stamp;

/// An interleaved header and the RTP header behind it up to the sequence number.
const SEQUENCE_AT: usize = rtp::INTERLEAVED_HEADER_BYTES + 2;
const TIMESTAMP_AT: usize = SEQUENCE_AT + 2;
const SSRC_AT: usize = TIMESTAMP_AT + 4;

/// The frames of a clip, to be sent in a loop.
pub(super) struct Reel {
    pub(super) info: Arc<StreamInfo>,
    pub(super) shots: Vec<Shot>,
    /// Length of the loop.
    pub(super) lap: Duration,
    pub(super) has_video: bool,
    /// For each shot the first video shot from it on in this lap; the number of shots where none comes.
    next_video: Vec<usize>,
}

/// One frame.
pub(super) struct Shot {
    pub(super) track: usize,
    /// From the beginning of the loop.
    pub(super) due: Duration,
    pub(super) pts: i64,
    pub(super) keyframe: bool,
    pub(super) image: Image,
    /// A keyframe without its parameter sets, for cameras that forget them.
    pub(super) bare: Option<Image>,
}

/// Packets for RTSP over TCP with sequence numbers from 0, timestamp 0 and SSRC 0.
pub(super) struct Image {
    bytes: Bytes,
    packets_at: Vec<usize>,
    /// Where the digits of a stamp stand, where it has one.
    stamp_at: Option<usize>,
}

/// A clip of which no reel can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the clip is shorter than a frame")]
pub struct EmptyClip;

impl Reel {
    /// With `stamped`, one in [`stamp::EVERY`] pictures of H.264 says when it was sent.
    pub(super) fn new(clip: &Clip, stamped: bool) -> Result<Arc<Self>, EmptyClip> {
        let (ticks, rate) = clip.duration();
        let lap = duration(ticks, rate);
        let mut shots = Vec::with_capacity(clip.samples.len());
        let mut pictures = 0_u32;
        for sample in &clip.samples {
            let Some(track) = clip.tracks.get(sample.track.index()) else { continue };
            let due = duration(sample.dts, track.clock_rate);
            // What begins after the loop's end would overlap its beginning.
            if due < lap {
                let stamped = stamped && pictures.is_multiple_of(stamp::EVERY);
                pictures += u32::from(track.params.is_video());
                shots.push(Shot::new(track, sample, due, stamped));
            }
        }
        if shots.is_empty() || lap.is_zero() {
            return Err(EmptyClip);
        }
        let is_video = |shot: &Shot| clip.tracks.get(shot.track).is_some_and(|t| t.params.is_video());
        let mut next_video = vec![shots.len(); shots.len()];
        let mut next = shots.len();
        for (index, shot) in shots.iter().enumerate().rev() {
            next = if is_video(shot) { index } else { next };
            if let Some(place) = next_video.get_mut(index) {
                *place = next;
            }
        }
        let info = StreamInfo::shared(0, clip.tracks.clone());
        Ok(Arc::new(Self { has_video: info.video().is_some(), info, shots, lap, next_video }))
    }

    /// The keyframe at or before a time in the loop; the first shot where there is none.
    pub(super) fn keyframe_before(&self, at: Duration) -> usize {
        let before = self.shots.iter().take_while(|s| s.due <= at).enumerate();
        before.filter(|(_, s)| s.keyframe).last().map_or(0, |(index, _)| index)
    }

    /// The first video shot from this one on in the lap.
    pub(super) fn next_video(&self, shot: usize) -> Option<&Shot> {
        self.shots.get(*self.next_video.get(shot)?)
    }

    pub(super) fn is_video(&self, track: usize) -> bool {
        self.info.tracks.get(track).is_some_and(|t| t.params.is_video())
    }

    /// Ticks of a track in a lap.
    pub(super) fn lap_ticks(&self, track: usize) -> i64 {
        let rate = self.info.tracks.get(track).map_or(0, |t| t.clock_rate);
        (self.lap.as_micros() as i64).saturating_mul(i64::from(rate)) / 1_000_000
    }
}

impl Shot {
    fn new(track: &Track, sample: &Sample, due: Duration, stamped: bool) -> Self {
        let frame = |payload: Bytes, keyframe| Frame {
            track: sample.track,
            pts: 0,
            wall: Wall::EPOCH,
            keyframe,
            discontinuity: false,
            payload,
        };
        let payload = with_parameter_sets(&track.params, sample);
        let payload = if stamped { stamp::put_in(&track.params, payload) } else { payload };
        let with_sets = frame(payload, sample.keyframe);
        // A frame that is not said to be a keyframe gets no parameter sets.
        let bare = sample.keyframe.then(|| Image::new(&track.params, &frame(sample.payload.clone(), false)));
        Self {
            track: sample.track.index(),
            due,
            pts: sample.pts,
            keyframe: sample.keyframe,
            image: Image::new(&track.params, &with_sets),
            bare,
        }
    }
}

/// The payload that a reader of the simulated camera gets for a sample: parameter sets before each keyframe, as cameras
/// send them. MP4 keeps them apart.
pub fn with_parameter_sets(params: &CodecParams, sample: &Sample) -> Bytes {
    let mut payload = BytesMut::with_capacity(sample.payload.len() + 128);
    let mut put = |set: &Bytes| {
        payload.put_u32(set.len() as u32);
        payload.put_slice(set);
    };
    match params {
        CodecParams::H264(p) if sample.keyframe => p.sets().for_each(&mut put),
        CodecParams::H265(p) if sample.keyframe => p.sets().for_each(&mut put),
        _ => return sample.payload.clone(),
    }
    payload.put_slice(&sample.payload);
    payload.freeze()
}

impl Image {
    fn new(params: &CodecParams, frame: &Frame) -> Self {
        let packets = rtp::cut(params, frame).packets;
        let stamp = RtpStamp { ssrc: 0, first_sequence: 0, packets, marked: false, timestamp: 0 };
        let bytes = rtp::Image::build(params, frame, stamp).bytes().clone();
        let lengths = rtp::datagrams(&bytes).map(|packet| rtp::INTERLEAVED_HEADER_BYTES + packet.len());
        let begins = lengths.scan(0, |next, length| {
            let at = *next;
            *next += length;
            Some(at)
        });
        let packets_at = begins.collect();
        let stamp_at = stamp::digits_at(&bytes);
        Self { bytes, packets_at, stamp_at }
    }

    pub(super) fn packets(&self) -> u16 {
        self.packets_at.len() as u16
    }

    /// RTP payload bytes.
    pub(super) fn octets(&self) -> u32 {
        rtp::octets(self.bytes.len(), self.packets()) as u32
    }

    /// Appends the packets with a camera's own numbers, sent at `now`.
    pub(super) fn write(&self, ssrc: u32, first_sequence: u16, timestamp: u32, now: Wall, out: &mut Vec<u8>) {
        let from = out.len();
        out.extend_from_slice(&self.bytes);
        let Some(image) = out.get_mut(from..) else { return };
        if let Some(digits) = self.stamp_at.and_then(|at| image.get_mut(at..at + stamp::DIGITS)) {
            digits.copy_from_slice(&stamp::digits(now));
        }
        for (index, at) in self.packets_at.iter().enumerate() {
            let sequence = first_sequence.wrapping_add(index as u16);
            let Some(header) = image.get_mut(at + SEQUENCE_AT..at + SSRC_AT + 4) else { return };
            let Some((&mut [ref mut a, ref mut b], rest)) = header.split_first_chunk_mut::<2>() else { return };
            [*a, *b] = sequence.to_be_bytes();
            let Some((ticks, id)) = rest.split_first_chunk_mut::<4>() else { return };
            *ticks = u32::from_be_bytes(*ticks).wrapping_add(timestamp).to_be_bytes();
            id.copy_from_slice(&ssrc.to_be_bytes());
        }
    }
}

fn duration(ticks: i64, rate: u32) -> Duration {
    let micros = i128::from(ticks.max(0)) * 1_000_000 / i128::from(rate.max(1));
    Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}
