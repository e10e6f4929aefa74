//! What a viewer's requests do to its session: describe, set up, play, pause, tear down.

use media::frame::TrackId;
use media::hub::{Budget, Start};
use media::rtsp::{self, Event, RequestId, SetUp, Status, Wish};

use super::{Describing, Session};

impl Session {
    pub(super) fn on_event(&mut self, event: &Event) {
        match *event {
            Event::Describe { request } if self.playhead.is_some() => self.describe_recording(request),
            Event::Describe { request } => {
                let until = self.now() + self.parts.stage.config.describe_timeout;
                let subscriber = self.stream.hub.subscribe(Start::Live, Budget::default());
                let waits = self.stream.hub.info().is_none();
                self.describing = Some(Describing { request, subscriber, until });
                if !waits {
                    self.answer_description();
                }
            }
            Event::SetUp { request, track, wish } => {
                self.torn_down = false;
                let made = self.set_up(track, wish);
                self.server.set_up(request, made);
            }
            Event::Play { request, range, scale } if self.playhead.is_some() => {
                self.play_recording(request, range, scale);
            }
            Event::Play { request, .. } => self.play(request),
            Event::Pause => {
                self.playhead.iter_mut().for_each(|head| head.pause());
                self.cued = false;
                self.fan.stop(&self.seat);
            }
            Event::Teardown => {
                self.playhead.iter_mut().for_each(|head| head.pause());
                self.cued = false;
                self.fan.tear_down(&self.seat);
                self.torn_down = true;
            }
            // Admitted already, and closing is the step's.
            Event::Admit { request, .. } => self.server.admit(request, Err(Status::NotFound)),
            Event::Close(_) => {}
        }
    }

    pub(super) fn answer_description(&mut self) {
        let Some(Describing { request, .. }) = self.describing.take() else { return };
        self.info = self.stream.hub.info();
        let answer = match &self.info {
            Some(info) => Ok(rtsp::describe(info, self.stream.key.camera.as_str())),
            // The camera has not sent its parameters: it is away, or has only just come.
            None => Err(Status::ServiceUnavailable),
        };
        self.server.describe(request, answer);
    }

    fn set_up(&mut self, track: Option<TrackId>, wish: Wish) -> Result<SetUp, Status> {
        if self.info.is_none() {
            self.info = self.stream.hub.info();
        }
        let info = self.info.as_ref().ok_or(Status::ServiceUnavailable)?;
        let track = match (track, info.tracks.as_slice()) {
            (Some(track), _) => track,
            (None, [only]) => only.id,
            (None, _) => return Err(Status::AggregateOperationNotAllowed),
        };
        info.track(track).ok_or(Status::NotFound)?;
        let server_ports = match wish {
            Wish::Tcp => None,
            // By UDP everything would leave in the clear.
            Wish::Udp { .. } if self.seat.is_secure() => return Err(Status::UnsupportedTransport),
            Wish::Udp { rtp, rtcp } => Some(self.aim_udp(track, rtp, rtcp)?),
        };
        self.fan.set_up(&self.seat, track);
        let ssrc = self.stream.hub.rtp_offset(track).map(|(ssrc, _)| ssrc);
        Ok(SetUp { track, ssrc, server_ports })
    }

    fn aim_udp(&mut self, track: TrackId, rtp: u16, rtcp: u16) -> Result<(u16, u16), Status> {
        let range = self.parts.stage.config.udp_ports;
        self.fan.aim(&self.seat, track, self.peer.ip(), (rtp, rtcp), range).map_err(|error| {
            self.parts.stage.metrics.udp_errors.inc();
            tracing::warn!(%error, "no UDP ports for a viewer: widen udp_ports or raise LimitNOFILE");
            Status::ServiceUnavailable
        })
    }

    fn play(&mut self, request: RequestId) {
        let Some(info) = self.info.clone() else {
            return self.server.play(request, Err(Status::ServiceUnavailable));
        };
        match self.fan.cue(&self.seat, info) {
            Some(starts) => {
                self.cued = true;
                self.server.play(request, Ok(&starts));
            }
            // Sound without a picture carries no mark, and nothing leaves without one.
            None => self.server.play(request, Err(Status::Forbidden)),
        }
    }
}
