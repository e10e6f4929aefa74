//! When each frame of a track is decoded and how long it lasts, for packagings that say so (MP4): settled as the frame is
//! published, so that it is the same for every viewer and an image can be built later, once, or never. Nothing is waited for, so a
//! picture's length is a guess: the longest step of late, since what a browser takes for a gap costs it a group of pictures.

use crate::codec::CodecParams;
use crate::fmp4::MediaTime;
use crate::frame::{Frame, Track};

/// A step longer than this is a hole and says nothing about the pace.
const STEP_SECONDS_MAX: i64 = 1;
/// Pictures per second until two of them have shown it.
const PICTURES_PER_SECOND: i64 = 25;
/// By this share of itself a guess shrinks with each picture that came sooner.
const SHRINK_SHARE: i64 = 16;

/// A track's running times.
#[derive(Debug, Default)]
pub(super) struct DecodeLine {
    last: Option<i64>,
    step: i64,
}

impl DecodeLine {
    /// Places the next frame of the track.
    pub(super) fn place(&mut self, frame: &Frame, track: &Track) -> MediaTime {
        let rate = i64::from(track.clock_rate.max(1));
        let earliest = self.last.map_or(0, |last| last.saturating_add(1));
        let decode = frame.pts.max(earliest);
        if let Some(last) = self.last {
            self.see(decode.saturating_sub(last), rate);
        }
        self.last = Some(decode);
        let duration = match &track.params {
            CodecParams::Aac(params) => params.unit_ticks(track.clock_rate),
            CodecParams::G711(_) => i64::try_from(frame.payload.len()).unwrap_or(rate),
            _ if self.step > 0 => self.step,
            _ => rate / PICTURES_PER_SECOND,
        };
        MediaTime {
            decode: decode.unsigned_abs(),
            composition: i32::try_from(frame.pts.saturating_sub(decode)).unwrap_or(i32::MIN),
            duration: u32::try_from(duration.max(1)).unwrap_or(u32::MAX),
        }
    }

    fn see(&mut self, step: i64, rate: i64) {
        if step <= rate.saturating_mul(STEP_SECONDS_MAX) {
            self.step = step.max(self.step - self.step / SHRINK_SHARE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{g711, mjpeg};
    use crate::frame::TrackId;
    use crate::wall::Wall;
    use bytes::Bytes;

    fn frame(pts: i64) -> Frame {
        let payload = Bytes::from_static(&[0; 160]);
        Frame { track: TrackId(0), pts, wall: Wall::EPOCH, keyframe: false, discontinuity: false, payload }
    }

    fn video() -> Track {
        let params = CodecParams::Mjpeg(mjpeg::Params { width: 64, height: 64 });
        Track { id: TrackId(0), clock_rate: 90_000, params }
    }

    #[test]
    fn a_picture_lasts_as_long_as_the_longest_step_of_late() {
        let (mut line, track) = (DecodeLine::default(), video());
        let mut place = |pts| line.place(&frame(pts), &track);
        assert_eq!(place(0), MediaTime { decode: 0, composition: 0, duration: 3_600 });
        assert_eq!(place(9_000).duration, 9_000);
        assert_eq!(place(12_000).duration, 9_000 - 9_000 / 16);
        assert_eq!(place(12_000 + 900_000).duration, 9_000 - 9_000 / 16, "a hole of ten seconds");
    }

    #[test]
    fn decode_times_rise_where_pictures_are_reordered_and_where_time_leaps() {
        let (mut line, track) = (DecodeLine::default(), video());
        let mut last = None;
        for pts in [-7, 0, 10_800, 3_600, 7_200, 21_600, i64::MIN, 1 << 60, 5] {
            let time = line.place(&frame(pts), &track);
            assert!(last.is_none_or(|last| time.decode > last), "{pts}");
            last = Some(time.decode);
            if (0..=21_600).contains(&pts) && time.decode < 1 << 40 {
                assert_eq!(time.decode.saturating_add_signed(time.composition.into()), pts.unsigned_abs());
            }
        }
    }

    #[test]
    fn sound_lasts_as_long_as_its_samples() {
        let params = CodecParams::G711(g711::Params { law: g711::Law::A, channels: 1, sample_rate: 8_000 });
        let track = Track { id: TrackId(0), clock_rate: 8_000, params };
        let mut line = DecodeLine::default();
        assert_eq!(line.place(&frame(0), &track).duration, 160);
        assert_eq!(line.place(&frame(400), &track).duration, 160);
    }
}
