//! One viewer's stream from a simulated camera: which frame is due, and with which numbers it goes out.

use std::sync::Arc;
use std::time::Duration;

use media::frame::TrackId;
use media::rtp;
use media::rtsp::{RtpStart, Wish, rtcp_channel};
use media::wall::Wall;

use super::reel::{Image, Reel, Shot};
use super::switches::Switches;

/// Between sender reports, as RFC 3550 section 6.2 has it for small sessions.
const REPORT_INTERVAL: Duration = Duration::from_secs(5);

/// Timestamps between the last frame of a clip and the first of the next one: a frame of 25 fps.
const CLIP_CHANGE_MS: i64 = 40;

/// Where packets go.
pub(super) trait Carrier {
    /// Whole interleaved packets of one track, one behind the other.
    fn rtp(&mut self, wish: Wish, image: &[u8]);
    /// One RTCP packet.
    fn rtcp(&mut self, wish: Wish, channel: u8, packet: &[u8]);
}

pub(super) struct Playback {
    reel: Arc<Reel>,
    reels: u64,
    outs: Vec<Option<Out>>,
    /// When the shot at the beginning of lap 0 is due, on the monotonic line; before the start where it begins in between.
    base: Duration,
    next: usize,
    lap: u32,
    next_report: Duration,
    /// Video is left out until the next keyframe.
    awaiting_keyframe: bool,
    scratch: Vec<u8>,
}

/// A track's numbers.
struct Out {
    wish: Wish,
    ssrc: u32,
    sequence: u16,
    timestamp_offset: u32,
    /// Timestamp of the newest frame, and when it was due.
    newest: (u32, Duration),
    packets: u32,
    octets: u32,
}

impl Playback {
    /// Begins at the keyframe before the camera's place in the loop, which is due now. `random` makes the numbers.
    pub(super) fn new(
        switches: &Switches,
        set_up: &[(TrackId, Wish)],
        phase: Duration,
        now: Duration,
        random: &mut dyn FnMut() -> u32,
    ) -> Self {
        let (reel, reels) = switches.reel();
        let at = Duration::from_nanos((now + phase).as_nanos().wrapping_rem(reel.lap.as_nanos().max(1)) as u64);
        let next = reel.keyframe_before(at);
        let outs = (0..reel.info.tracks.len()).map(|track| {
            let (_, wish) = set_up.iter().find(|(id, _)| id.index() == track)?;
            Some(Out {
                wish: *wish,
                ssrc: random(),
                sequence: random() as u16,
                timestamp_offset: random(),
                newest: (0, now),
                packets: 0,
                octets: 0,
            })
        });
        let outs = outs.collect();
        let base = now.saturating_sub(reel.shots.get(next).map_or(Duration::ZERO, |s| s.due));
        let scratch = Vec::new();
        Self { reel, reels, outs, base, next, lap: 0, next_report: now, awaiting_keyframe: false, scratch }
    }

    /// For PLAY's RTP-Info.
    pub(super) fn starts(&self) -> Vec<RtpStart> {
        let first = |track: usize, out: &Out| {
            let shot = self.reel.shots.iter().skip(self.next).find(|s| s.track == track)?;
            Some((out.sequence, out.timestamp_offset.wrapping_add(shot.pts as u32)))
        };
        let outs = self.outs.iter().enumerate();
        outs.filter_map(|(i, out)| out.as_ref().map(|out| RtpStart { track: TrackId(i as u8), first: first(i, out) }))
            .collect()
    }

    /// Sends what is due. With a picture, sound waits for the next frame of it: one write instead of two.
    pub(super) fn advance(&mut self, switches: &Switches, now: Duration, wall: Wall, carrier: &mut impl Carrier) {
        if switches.reels() != self.reels {
            self.change_clip(switches, now);
        }
        if switches.is_silent() {
            self.awaiting_keyframe = true;
        }
        while self.is_due(now) {
            self.send_next(switches, wall, carrier);
        }
        if now >= self.next_report && !switches.is_silent() {
            self.next_report = now + REPORT_INTERVAL;
            self.report(now, wall, carrier);
        }
    }

    fn due(&self, shot: &Shot) -> Duration {
        self.base + self.reel.lap * self.lap + shot.due
    }

    fn is_due(&self, now: Duration) -> bool {
        let reel = &*self.reel;
        let shot = if reel.has_video { reel.next_video(self.next) } else { reel.shots.get(self.next) };
        // At the end of a lap there is only sound left: it goes out with the first frame of the next.
        shot.map_or(self.base + reel.lap * (self.lap + 1), |s| self.due(s)) <= now
    }

    fn send_next(&mut self, switches: &Switches, wall: Wall, carrier: &mut impl Carrier) {
        let reel = Arc::clone(&self.reel);
        let Some(shot) = reel.shots.get(self.next) else {
            self.next = 0;
            self.lap += 1;
            return;
        };
        let due = self.due(shot);
        self.next += 1;
        let is_video = reel.is_video(shot.track);
        if is_video {
            self.awaiting_keyframe |= switches.is_video_stalled();
            self.awaiting_keyframe &= !shot.keyframe || switches.is_video_stalled();
        }
        if switches.is_silent() || (is_video && self.awaiting_keyframe) {
            return;
        }
        let image = match &shot.bare {
            Some(bare) if switches.lacks_parameter_sets() => bare,
            _ => &shot.image,
        };
        self.send(shot, image, (due, wall), carrier);
    }

    fn send(&mut self, shot: &Shot, image: &Image, (due, wall): (Duration, Wall), carrier: &mut impl Carrier) {
        let lap_ticks = self.reel.lap_ticks(shot.track).wrapping_mul(i64::from(self.lap));
        let Some(Some(out)) = self.outs.get_mut(shot.track) else { return };
        let timestamp = out.timestamp_offset.wrapping_add(lap_ticks.wrapping_add(shot.pts) as u32);
        self.scratch.clear();
        image.write(out.ssrc, out.sequence, timestamp, wall, &mut self.scratch);
        carrier.rtp(out.wish, &self.scratch);
        out.sequence = out.sequence.wrapping_add(image.packets());
        out.packets = out.packets.wrapping_add(u32::from(image.packets()));
        out.octets = out.octets.wrapping_add(image.octets());
        out.newest = (timestamp, due);
    }

    fn report(&mut self, now: Duration, wall: Wall, carrier: &mut impl Carrier) {
        let tracks = self.reel.info.tracks.iter().zip(&self.outs);
        for (track, out) in tracks.filter_map(|(track, out)| Some((track, out.as_ref()?))) {
            if out.packets == 0 {
                continue;
            }
            let (timestamp, due) = out.newest;
            let since = now.saturating_sub(due).as_micros() as i64 * i64::from(track.clock_rate) / 1_000_000;
            let rtp_now = timestamp.wrapping_add(since as u32);
            let packet = rtp::sender_report(out.ssrc, rtp::ntp_of(wall), rtp_now, out.packets, out.octets, "sim");
            carrier.rtcp(out.wish, rtcp_channel(track.id), &packet);
        }
    }

    /// Another clip: its first keyframe is due now, and the numbers go on.
    fn change_clip(&mut self, switches: &Switches, now: Duration) {
        (self.reel, self.reels) = switches.reel();
        self.next = self.reel.keyframe_before(Duration::ZERO);
        self.lap = 0;
        let first = self.reel.shots.get(self.next);
        self.base = now.saturating_sub(first.map_or(Duration::ZERO, |s| s.due));
        for (track, out) in self.outs.iter_mut().enumerate() {
            let Some(out) = out else { continue };
            let rate = self.reel.info.tracks.get(track).map_or(0, |t| i64::from(t.clock_rate));
            let first = self.reel.shots.iter().skip(self.next).find(|s| s.track == track).map_or(0, |s| s.pts);
            let step = rate * CLIP_CHANGE_MS / 1_000;
            out.timestamp_offset = out.newest.0.wrapping_add(step.wrapping_sub(first) as u32);
        }
    }
}
