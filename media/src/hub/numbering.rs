//! The RTP numbers and decode times of a stream's tracks, and which frames carry a mark: fixed when a frame is published, the same for every
//! viewer, so that an image can be built later, once, or never.

use super::decode::DecodeLine;
use crate::fmp4::MediaTime;
use crate::frame::{Frame, Track, TrackId};
use crate::mark;
use crate::rtp::{Cut, RtpStamp};

pub(super) struct Numbering {
    seed: u64,
    tracks: Vec<Running>,
}

/// A track's running numbers.
struct Running {
    ssrc: u32,
    next_sequence: u16,
    timestamp_offset: u32,
    /// The pts of the last frame with a mark.
    marked_at: Option<i64>,
    line: DecodeLine,
}

impl Numbering {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, tracks: Vec::new() }
    }

    pub(super) fn number(&mut self, frame: &Frame, cut: Cut, clock_rate: u32) -> RtpStamp {
        let track = self.running(frame.track);
        let marked = cut.picture && (frame.keyframe || track.is_due(frame.pts, clock_rate));
        if marked {
            track.marked_at = Some(frame.pts);
        }
        let stamp = RtpStamp {
            ssrc: track.ssrc,
            first_sequence: track.next_sequence,
            packets: cut.packets.saturating_add(u16::from(marked)),
            marked,
            timestamp: (frame.pts as u32).wrapping_add(track.timestamp_offset),
        };
        track.next_sequence = track.next_sequence.wrapping_add(stamp.packets);
        stamp
    }

    /// Where a frame stands on its track's line; nowhere where the stream has no such track.
    pub(super) fn place(&mut self, frame: &Frame, track: Option<&Track>) -> MediaTime {
        track.map(|track| self.running(frame.track).line.place(frame, track)).unwrap_or_default()
    }

    /// What a frame of this track would get as its first sequence number and its timestamp.
    pub(super) fn next(&mut self, track: TrackId, pts: i64) -> (u16, u32) {
        let track = self.running(track);
        (track.next_sequence, (pts as u32).wrapping_add(track.timestamp_offset))
    }

    /// A track's numbers; made where it has none yet.
    fn running(&mut self, track: TrackId) -> &mut Running {
        while self.tracks.len() <= track.index() {
            let random = scramble(self.seed.wrapping_add(self.tracks.len() as u64 + 1));
            self.tracks.push(Running {
                ssrc: (random >> 32) as u32,
                next_sequence: (random & 0x7fff) as u16,
                timestamp_offset: scramble(random) as u32,
                marked_at: None,
                line: DecodeLine::default(),
            });
        }
        let Some(running) = self.tracks.get_mut(track.index()) else {
            unreachable!("the loop above made the track's numbering");
        };
        running
    }

    pub(super) fn offset(&self, track: TrackId) -> Option<(u32, u32)> {
        self.tracks.get(track.index()).map(|n| (n.ssrc, n.timestamp_offset))
    }
}

impl Running {
    /// A mark's interval is over, or the line of time has leapt.
    fn is_due(&self, pts: i64, clock_rate: u32) -> bool {
        let interval = i64::from(clock_rate).saturating_mul(mark::INTERVAL_MAX.as_secs() as i64);
        self.marked_at.is_none_or(|at| pts.saturating_sub(at).saturating_abs() >= interval)
    }
}

/// One step of SplitMix64: spreads a seed over all 64 bits.
fn scramble(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wall::Wall;
    use bytes::Bytes;

    const PICTURE: Cut = Cut { packets: 3, picture: true };

    fn frame(pts: i64, keyframe: bool) -> Frame {
        let (track, wall) = (TrackId(0), Wall::EPOCH);
        Frame { track, pts, wall, keyframe, discontinuity: false, payload: Bytes::new() }
    }

    #[test]
    fn keyframes_are_marked_and_so_is_a_picture_every_two_seconds() {
        let mut numbering = Numbering::new(1);
        let mut stamp = |seconds: i64, keyframe| numbering.number(&frame(seconds * 90_000, keyframe), PICTURE, 90_000);
        let first = stamp(0, true);
        assert!(first.marked && first.packets == 4);
        let second = stamp(1, false);
        assert!(!second.marked && second.packets == 3);
        assert_eq!(second.first_sequence, first.first_sequence.wrapping_add(4));
        assert!(stamp(2, false).marked);
        assert!(!stamp(3, false).marked);
        assert!(stamp(3, true).marked);
        assert!(stamp(-50, false).marked, "time that leaps back must not silence it");
    }

    #[test]
    fn sound_and_frames_without_a_picture_are_not_marked() {
        let mut numbering = Numbering::new(1);
        for seconds in 0..10 {
            let cut = Cut { picture: false, ..PICTURE };
            assert!(!numbering.number(&frame(seconds * 90_000, seconds == 0), cut, 90_000).marked);
        }
    }
}
