//! The shell's answers to events, and the responses they become. An answer to a request that is gone is dropped.

use rtsp_types::{StatusCode, headers};

use super::{Fault, Pending, RequestId, RtpStart, SESSION_TIMEOUT, Server, SetUp, State, Wait};
use crate::rtsp::range::InEffect;
use crate::rtsp::resource::TRACK_PREFIX;
use crate::rtsp::response::Reply;
use crate::rtsp::transport;

impl Server {
    /// The request in work, if it is this one: an answer that comes late is dropped.
    fn take_pending(&mut self, request: RequestId) -> Option<Pending> {
        self.pending.take_if(|pending| pending.id == request)
    }

    /// Answers `Event::Admit`. A refusal is sent and ends the connection.
    pub fn admit(&mut self, request: RequestId, answer: Result<(), StatusCode>) {
        let Some(pending) = self.take_pending(request) else { return };
        let Wait::Admission(held) = pending.wait else { return };
        match answer {
            Ok(()) => {
                self.admitted = Some(pending.resource.path);
                self.alive_at = self.now;
                self.resumed = Some(held);
            }
            Err(status) => {
                self.send(Reply::new(status).header(headers::CONNECTION, "close"), Some(&pending.cseq));
                self.fail(Fault::NotAdmitted);
            }
        }
    }

    /// Answers `Event::Describe` with SDP, or with the status that says why there is none.
    pub fn describe(&mut self, request: RequestId, answer: Result<String, StatusCode>) {
        let Some(pending) = self.take_pending(request) else { return };
        self.alive_at = self.now;
        let reply = match answer {
            Ok(sdp) => Reply::new(StatusCode::Ok)
                .header(headers::CONTENT_BASE, format!("{}/", pending.resource.base))
                .body("application/sdp", sdp),
            Err(status) => Reply::new(status),
        };
        self.send(reply, Some(&pending.cseq));
    }

    /// Answers `Event::SetUp`.
    pub fn set_up(&mut self, request: RequestId, answer: Result<SetUp, StatusCode>) {
        let Some(pending) = self.take_pending(request) else { return };
        let Wait::SetUp(wish) = pending.wait else { return };
        self.alive_at = self.now;
        let reply = match answer {
            Ok(made) => {
                self.tracks.retain(|(track, _)| *track != made.track);
                self.tracks.push((made.track, wish));
                self.state = State::Ready;
                let session = format!("{};timeout={}", self.session_id(), SESSION_TIMEOUT.as_secs());
                Reply::new(StatusCode::Ok)
                    .header(headers::TRANSPORT, transport::granted(wish, made.track, made.ssrc, made.server_ports))
                    .header(headers::SESSION, session)
            }
            Err(status) => Reply::new(status),
        };
        self.send(reply, Some(&pending.cseq));
    }

    /// Answers `Event::Play`. Frames may be sent once the output has been.
    pub fn play(&mut self, request: RequestId, answer: Result<&[RtpStart], StatusCode>) {
        self.answer_play(request, answer, None);
    }

    /// The same for a recording, with the place and pace in effect.
    pub fn play_recording(&mut self, request: RequestId, starts: &[RtpStart], now: InEffect) {
        self.answer_play(request, Ok(starts), Some(now));
    }

    fn answer_play(&mut self, request: RequestId, answer: Result<&[RtpStart], StatusCode>, now: Option<InEffect>) {
        let Some(pending) = self.take_pending(request) else { return };
        self.alive_at = self.now;
        let reply = match answer {
            Ok(starts) => {
                self.state = State::Playing;
                let base = &pending.resource.base;
                let info: Vec<_> = starts.iter().map(|start| start.entry(base)).collect();
                let reply = Reply::new(StatusCode::Ok).header(headers::SESSION, self.session_id());
                let reply = match now {
                    None => reply.header(headers::RANGE, "npt=0.000-"),
                    Some(now) => {
                        reply.header(headers::RANGE, now.range()).header(headers::SCALE, now.scale.to_string())
                    }
                };
                reply.header(headers::RTP_INFO, info.join(","))
            }
            Err(status) => Reply::new(status),
        };
        self.send(reply, Some(&pending.cseq));
    }
}

impl RtpStart {
    /// RFC 2326 section 12.33.
    fn entry(&self, base: &str) -> String {
        let url = format!("url={base}/{TRACK_PREFIX}{}", self.track.0);
        match self.first {
            Some((sequence, timestamp)) => format!("{url};seq={sequence};rtptime={timestamp}"),
            None => url,
        }
    }
}
