//! What a viewer's requests do to a playback, and how its frames come to him: into a hub of his own, one at a time and only while he
//! takes them, so that what is recorded is never skipped because he is slow.

use std::sync::Arc;
use std::time::Duration;

use media::rtsp::{self, Asked, InEffect, RequestId, RtpStart, Scale, Status};

use super::playhead::{Next, Told};
use super::{End, Session};

/// When to look again at a viewer who is busy with what was sent.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

impl Session {
    /// Answers with what is known already: reading it again would move what plays.
    pub(super) fn describe_recording(&mut self, request: RequestId) {
        let Some(head) = &mut self.playhead else { return };
        match &self.info {
            Some(info) => {
                let told = Told::Description(request, Ok(Arc::clone(info)));
                self.on_read(told);
            }
            None => head.describe(request),
        }
    }

    pub(super) fn play_recording(&mut self, request: RequestId, range: Option<Asked>, scale: Option<Scale>) {
        let (Some(head), Some(info)) = (&mut self.playhead, self.info.clone()) else {
            return self.server.play(request, Err(Status::ServiceUnavailable));
        };
        if !self.fan.carries_marks(&self.seat, &info) {
            return self.server.play(request, Err(Status::Forbidden));
        }
        if head.goes_on(range, scale) {
            return self.answer_play(request);
        }
        if let Err(status) = head.play(request, range, scale) {
            return self.server.play(request, Err(status));
        }
        // What plays stops here: what comes behind the answer is from the new place.
        self.fan.stop(&self.seat);
    }

    /// A read is over: whoever waited for it is answered.
    pub(super) fn on_read(&mut self, told: Told) {
        match told {
            Told::Nothing => {}
            Told::Description(request, found) => {
                let range = self.playhead.as_ref().map(|head| head.range()).unwrap_or_default();
                let described = found.map(|info| {
                    let sdp = rtsp::describe_recording(&info, self.stream.key.camera.as_str(), range);
                    self.info = Some(info);
                    sdp
                });
                self.server.describe(request, described);
            }
            Told::Found(request, Err(status)) => self.server.play(request, Err(status)),
            Told::Found(request, Ok(_)) => self.answer_play(request),
        }
    }

    fn answer_play(&mut self, request: RequestId) {
        let (Some(head), Some(info)) = (&mut self.playhead, &self.info) else { return };
        let tracks = self.fan.cue_recording(&self.seat, info, self.line_origin);
        let hub = &self.stream.hub;
        let first = |track| head.first_of(track).map(|pts| hub.rtp_next(track, pts));
        let starts: Vec<RtpStart> = tracks.into_iter().map(|track| RtpStart { track, first: first(track) }).collect();
        let (ask, start) = (head.asked(), head.range().0);
        let now = InEffect { unit: ask.unit, start, from: head.here(), to: ask.until, scale: ask.scale };
        self.server.play_recording(request, &starts, now);
        self.cued = true;
    }

    /// Sends what is due, as far as the viewer takes it.
    pub(super) fn feed(&mut self) -> Result<(), End> {
        let now = self.now();
        while let Some(head) = &mut self.playhead {
            self.look_at = None;
            if !head.is_running() {
                break;
            }
            if !self.fan.takes_more(&self.seat) {
                self.look_at = Some(now + LOOK_AGAIN);
                break;
            }
            if self.said_goodbye {
                return Err(End::Played);
            }
            match head.next(now) {
                Next::Frame(info, frame) => {
                    self.stream.hub.publish(frame, &info);
                    self.fan.resume(&self.seat);
                }
                Next::Until(due) => {
                    self.look_at = Some(due);
                    break;
                }
                Next::Later => break,
                // He may go on elsewhere.
                Next::Over if !head.plays_to_the_end() => break,
                Next::Over => {
                    self.fan.say_goodbye(&self.seat, now);
                    self.said_goodbye = true;
                }
            }
        }
        Ok(())
    }
}
