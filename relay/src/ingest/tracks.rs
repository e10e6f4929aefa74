//! From RTP packets to frames: each media's line of time and depacketiser, and the stream's description as parameter sets
//! come and change. Nothing is published before every track is known and the picture has reached a keyframe, so that a
//! stream begins with something that can be shown.

use std::sync::Arc;
use std::time::Duration;

use media::codec::{AccessUnit, CodecParams, Depacketizer, RtpPayload};
use media::frame::{Frame, StreamInfo, Track, TrackId};
use media::hub::Hub;
use media::timeline::Timeline;
use media::wall::Wall;

use super::dial::Coded;
use super::errors::IngestErrors;
use super::vitals::Vitals;

/// Longest wait for the parameters of a further track once the first video track has its own.
const PARAMS_WAIT: Duration = Duration::from_secs(5);

/// Numbers further ahead than this are no gap (RFC 3550 appendix A.1).
const DROPOUT_MAX: u16 = 3_000;

/// The lines of time of a stream's medias, by their place in the camera's description. They outlive connections.
#[derive(Default)]
pub(super) struct Lines {
    origin: Option<Wall>,
    lines: Vec<Timeline>,
}

impl Lines {
    /// A new connection with medias of these clock rates.
    fn restart(&mut self, clock_rates: impl Iterator<Item = u32>, now: Wall) {
        let origin = *self.origin.get_or_insert(now);
        for (place, clock_rate) in clock_rates.enumerate() {
            match self.lines.get_mut(place) {
                Some(line) if line.clock_rate() == clock_rate => line.restart(),
                Some(line) => line.restart_at_rate(clock_rate),
                None => self.lines.push(Timeline::new(clock_rate, origin)),
            }
        }
    }

    /// Takes an RTCP sender report of a media.
    pub(super) fn sender_report(&mut self, place: usize, ntp: u64, rtp: u32) {
        if let Some(line) = self.lines.get_mut(place) {
            line.sender_report(ntp, rtp);
        }
    }
}

/// Where frames go and what is told of them.
pub(super) struct Outlet<'a> {
    pub(super) hub: &'a Hub,
    pub(super) vitals: &'a Vitals,
    pub(super) errors: &'a IngestErrors,
    pub(super) info: &'a mut Option<Arc<StreamInfo>>,
    pub(super) lines: &'a mut Lines,
}

/// The medias of one connection.
pub(super) struct Tracks {
    tracks: Vec<Intake>,
    /// The description of this connection, once every track is known.
    current: Option<Arc<StreamInfo>>,
    video_started: bool,
    /// Since when, on the monotonic line, the first video track has been known while others are not.
    waiting_since: Option<Duration>,
    /// When a video unit, or any unit of a camera without video, was last seen. On the monotonic line.
    last_unit: Option<Duration>,
}

/// One media.
struct Intake {
    /// Of the packet that should come next, where one came.
    next_sequence: Option<u16>,
    is_video: bool,
    clock_rate: u32,
    depacketizer: Depacketizer,
    /// Its place among the tracks that are known; none before that, and none for good where it was left out.
    id: Option<TrackId>,
    /// The next frame is the first one after a loss or of this connection.
    discontinuity: bool,
}

/// A packet off the wire.
pub(super) struct Packet<'a> {
    pub(super) sequence: u16,
    pub(super) rtp_timestamp: u32,
    pub(super) marker: bool,
    pub(super) loss: u16,
    pub(super) payload: &'a [u8],
}

/// When something arrived, by both clocks.
#[derive(Clone, Copy)]
pub(super) struct Arrival {
    pub(super) wall: Wall,
    pub(super) monotonic: Duration,
}

impl Tracks {
    pub(super) fn new(medias: Vec<Coded>, lines: &mut Lines, now: Wall) -> Self {
        lines.restart(medias.iter().map(|m| m.clock_rate), now);
        let intake = |m: Coded| Intake {
            next_sequence: None,
            is_video: m.is_video,
            clock_rate: m.clock_rate,
            depacketizer: m.depacketizer,
            id: None,
            discontinuity: true,
        };
        let tracks: Vec<_> = medias.into_iter().map(intake).collect();
        let video_started = tracks.iter().all(|t| !t.is_video);
        Self { tracks, current: None, video_started, waiting_since: None, last_unit: None }
    }

    pub(super) fn has_video(&self) -> bool {
        self.tracks.iter().any(|t| t.is_video)
    }

    /// When the picture (or, without one, the sound) last moved.
    pub(super) fn last_unit(&self) -> Option<Duration> {
        self.last_unit
    }

    /// True once every track has its parameters.
    pub(super) fn are_known(&self) -> bool {
        self.current.is_some()
    }

    /// Packets missing before this one, of a media whose packets come in their order. Numbers that leap are a camera that
    /// counts anew: nobody knows what is missing, so one is.
    pub(super) fn loss(&mut self, place: usize, sequence: u16) -> u16 {
        let Some(intake) = self.tracks.get_mut(place) else { return 0 };
        let expected = intake.next_sequence.replace(sequence.wrapping_add(1));
        match expected.map_or(0, |expected| sequence.wrapping_sub(expected)) {
            missing @ 0..=DROPOUT_MAX => missing,
            _ => 1,
        }
    }

    /// Takes a packet of a media and publishes the frames it completes. Gives their number.
    pub(super) fn packet(&mut self, place: usize, packet: &Packet<'_>, at: Arrival, out: &mut Outlet<'_>) -> usize {
        let (Some(intake), Some(line)) = (self.tracks.get_mut(place), out.lines.lines.get_mut(place)) else { return 0 };
        if packet.loss > 0 {
            out.vitals.lost(u64::from(packet.loss));
        }
        let placed = line.place(packet.rtp_timestamp, at.wall);
        intake.discontinuity |= placed.jump;
        let pushed = intake.depacketizer.push(RtpPayload {
            sequence: packet.sequence,
            timestamp: placed.ticks,
            marker: packet.marker,
            loss: packet.loss,
            payload: packet.payload,
        });
        if let Err(error) = pushed {
            out.errors.depacketize(&error);
        }
        let mut published = 0;
        while let Some(unit) = self.tracks.get_mut(place).and_then(|t| t.depacketizer.pull()) {
            published += usize::from(self.unit(place, unit, at, out));
        }
        published
    }

    /// One access unit: true where it was published.
    fn unit(&mut self, place: usize, unit: AccessUnit, at: Arrival, out: &mut Outlet<'_>) -> bool {
        let has_video = self.has_video();
        let Some(intake) = self.tracks.get(place) else { return false };
        let is_video = intake.is_video;
        if is_video || !has_video {
            self.last_unit = Some(at.monotonic);
        }
        if self.current.is_none() || unit.new_params {
            self.describe(at.monotonic, out);
        }
        let Some(info) = self.current.clone() else { return false };
        let Some(intake) = self.tracks.get_mut(place) else { return false };
        let Some(track) = intake.id else { return false };
        if is_video && unit.keyframe {
            self.video_started = true;
        }
        if !self.video_started {
            return false;
        }
        let wall = out.lines.lines.get(place).map_or(at.wall, |line| line.wall(unit.timestamp, at.wall));
        out.vitals.frame(at.wall, unit.payload.len());
        let frame = Frame {
            track,
            pts: unit.timestamp,
            wall,
            keyframe: unit.keyframe && is_video,
            discontinuity: std::mem::take(&mut intake.discontinuity) || unit.after_loss,
            payload: unit.payload,
        };
        out.hub.publish(frame, &info);
        true
    }

    /// Makes the stream's description anew where enough is known. The generation rises only with a change.
    fn describe(&mut self, now: Duration, out: &mut Outlet<'_>) {
        if self.current.is_none() && !self.enough_known(now) {
            return;
        }
        let first = self.current.is_none();
        let mut tracks = Vec::with_capacity(self.tracks.len());
        for intake in &mut self.tracks {
            if !first && intake.id.is_none() {
                continue;
            }
            let Some(params) = intake.depacketizer.params() else {
                out.errors.add("media_without_parameters");
                continue;
            };
            let id = TrackId(tracks.len() as u8);
            intake.id = Some(id);
            tracks.push(Track { id, clock_rate: intake.clock_rate, params: CodecParams::clone(params) });
        }
        let generation = match out.info.as_ref() {
            Some(old) if old.tracks == tracks => {
                self.current = Some(Arc::clone(old));
                return;
            }
            Some(old) => old.generation.wrapping_add(1),
            None => 0,
        };
        let info = StreamInfo::shared(generation, tracks);
        *out.info = Some(Arc::clone(&info));
        self.current = Some(info);
    }

    fn enough_known(&mut self, now: Duration) -> bool {
        let known = |t: &Intake| t.depacketizer.params().is_some();
        if self.tracks.iter().all(known) {
            return true;
        }
        let first = self.tracks.first().is_some_and(known);
        let since = if first { *self.waiting_since.get_or_insert(now) } else { now };
        now.saturating_sub(since) >= PARAMS_WAIT
    }
}
