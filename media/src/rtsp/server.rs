//! The server's side of one RTSP connection (RFC 2326 appendix A.2): bytes and answers in, events and bytes out. At most
//! one request is in work at a time; the next is not even read before it is answered.

mod answers;
mod methods;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use rtsp_types::{Request, StatusCode, headers};

use super::inbox::{Inbox, Item, Uncut, Unserved};
use super::range::{Asked, Scale};
use super::resource::Resource;
use super::response::Reply;
use super::transport::{self, Wish};
use crate::frame::TrackId;

/// What the Session header promises: a session that gives no sign of life for so long is over.
pub const SESSION_TIMEOUT: Duration = Duration::from_secs(60);
/// Added to it, for a keep-alive that is on its way.
const SESSION_SLACK: Duration = Duration::from_secs(5);
/// From the first byte of a request to its last. A slow link needs a second for 8 KiB; one byte a second is no viewer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// From the connection to the first request that names a stream.
const OPENING_TIMEOUT: Duration = Duration::from_secs(10);
/// Requests at once. A player opens a session of many tracks with about 20.
const REQUESTS_BURST: u32 = 64;
/// A request's worth of burst comes back every so often. Players keep alive every 15 to 30 s.
const REQUESTS_REFILL: Duration = Duration::from_millis(100);
/// Response bytes that may wait; no request is read while there are more.
const OUTBOX_BYTES_MAX: usize = 16 << 10;

/// Which request an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(u64);

/// What the shell must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The first request that names a stream: may this connection have it? Answer with `admit`.
    Admit {
        /// To be answered.
        request: RequestId,
        /// Path of the URI, without a track and without a slash at its end.
        path: String,
    },
    /// Answer with `describe`.
    Describe {
        /// To be answered.
        request: RequestId,
    },
    /// Answer with `set_up`.
    SetUp {
        /// To be answered.
        request: RequestId,
        /// None where the URI names the whole stream: fine for a stream of one track, status 459 otherwise.
        track: Option<TrackId>,
        /// How the viewer wants it.
        wish: Wish,
    },
    /// Begin, or go on after a pause. Answer with `play`; frames may follow its response.
    Play {
        /// To be answered.
        request: RequestId,
        /// Which part of a recording, where the request says so. Live is neither asked nor told.
        range: Option<Asked>,
        /// How fast, where the request says so.
        scale: Option<Scale>,
    },
    /// Stop sending; the session stays. Answered already.
    Pause,
    /// Stop sending and forget the session. Answered already.
    Teardown,
    /// Send what is left of the output, then close. Nothing comes after this.
    Close(Fault),
}

/// Why a connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The bytes are not RTSP.
    #[error("not RTSP")]
    NotRtsp,
    /// Request line and headers are too long or too many.
    #[error("request head above its bound")]
    HeadTooLarge,
    /// The body is too long.
    #[error("request body above its bound")]
    BodyTooLarge,
    /// More requests than a player sends.
    #[error("too many requests")]
    TooManyRequests,
    /// More bytes at once than `Server::room` allows.
    #[error("more bytes than there is room for")]
    Overrun,
    /// A request began and did not end, or none came.
    #[error("no whole request in time")]
    RequestTimeout,
    /// No sign of life for `SESSION_TIMEOUT`.
    #[error("no sign of life")]
    SessionTimeout,
    /// The shell refused the stream.
    #[error("not admitted")]
    NotAdmitted,
}

/// The answer to SETUP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetUp {
    /// Which track it is.
    pub track: TrackId,
    /// Its SSRC, where it has sent already.
    pub ssrc: Option<u32>,
    /// Ports for RTP and RTCP on our side; none for TCP.
    pub server_ports: Option<(u16, u16)>,
}

/// Where a track begins, for RTP-Info.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpStart {
    /// Which track.
    pub track: TrackId,
    /// Sequence number and RTP timestamp of its first packet; none where it is not known yet.
    pub first: Option<(u16, u32)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No track is set up.
    Init,
    Ready,
    Playing,
}

/// A request in work.
struct Pending {
    id: RequestId,
    cseq: String,
    resource: Resource,
    wait: Wait,
}

enum Wait {
    Admission(Request<Vec<u8>>),
    Description,
    SetUp(Wish),
    Play,
}

/// One connection.
pub struct Server {
    inbox: Inbox,
    out: VecDeque<Bytes>,
    out_bytes: usize,
    state: State,
    /// Random bits, and the number of the session on this connection: together the session's id.
    session: (u128, u32),
    /// Tracks that are set up, and how.
    tracks: Vec<(TrackId, Wish)>,
    /// The path this connection was admitted to.
    admitted: Option<String>,
    /// What it was admitted to is a recording: PLAY names a place in it, and may come while it plays.
    seekable: bool,
    /// A request that waits to go on after its admission.
    resumed: Option<Request<Vec<u8>>>,
    pending: Option<Pending>,
    requests: u64,
    burst: u32,
    refilled_at: Duration,
    now: Duration,
    opened_at: Duration,
    alive_at: Duration,
    /// When the request that is not whole yet began.
    partial_since: Option<Duration>,
    fault: Option<Fault>,
    fault_told: bool,
}

impl Server {
    /// A fresh connection. `random` becomes the session's id: it must not be guessable.
    pub fn new(now: Duration, random: u128) -> Self {
        Self {
            inbox: Inbox::default(),
            out: VecDeque::new(),
            out_bytes: 0,
            state: State::Init,
            session: (random, 0),
            tracks: Vec::new(),
            admitted: None,
            seekable: false,
            resumed: None,
            pending: None,
            requests: 0,
            burst: REQUESTS_BURST,
            refilled_at: now,
            now,
            opened_at: now,
            alive_at: now,
            partial_since: None,
            fault: None,
            fault_told: false,
        }
    }

    /// What is admitted on this connection is a recording.
    pub fn set_seekable(&mut self) {
        self.seekable = true;
    }

    /// Bytes that `handle_bytes` takes now. Zero means: answer the request in work and send the output first.
    pub fn room(&self) -> usize {
        if self.fault.is_some() { 0 } else { self.inbox.room() }
    }

    /// Takes what the viewer sent; then poll events.
    pub fn handle_bytes(&mut self, now: Duration, bytes: &[u8]) -> Result<(), Fault> {
        self.now = now;
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if !self.inbox.push(bytes) {
            return Err(self.fail(Fault::Overrun));
        }
        if self.partial_since.is_none() && self.inbox.is_partial() {
            self.partial_since = Some(now);
        }
        Ok(())
    }

    /// A sign of life that did not come over this connection, such as RTCP by UDP.
    pub fn alive(&mut self, now: Duration) {
        self.alive_at = now;
    }

    /// Checks the timers; then poll events.
    pub fn handle_timeout(&mut self, now: Duration) {
        self.now = now;
        if self.fault.is_some() || self.next_timeout().is_none_or(|at| at > now) {
            return;
        }
        let alive_by = self.alive_by();
        self.fail(if alive_by.is_some_and(|at| at <= now) { Fault::SessionTimeout } else { Fault::RequestTimeout });
    }

    /// When `handle_timeout` wants to be called, on the line of `now`. None while the shell has a request in work.
    pub fn next_timeout(&self) -> Option<Duration> {
        if self.fault.is_some() || self.pending.is_some() {
            return None;
        }
        let opening = self.admitted.is_none().then_some(self.opened_at + OPENING_TIMEOUT);
        let request = self.partial_since.map(|since| since + REQUEST_TIMEOUT);
        [opening, request, self.alive_by()].into_iter().flatten().min()
    }

    /// While frames flow over TCP the connection itself shows whether the viewer is there.
    fn alive_by(&self) -> Option<Duration> {
        let over_tcp = self.state == State::Playing && self.tracks.iter().all(|(_, wish)| *wish == Wish::Tcp);
        (!over_tcp).then_some(self.alive_at + SESSION_TIMEOUT + SESSION_SLACK)
    }

    /// True between PLAY's response and PAUSE, TEARDOWN or the end.
    pub fn is_playing(&self) -> bool {
        self.state == State::Playing && self.fault.is_none()
    }

    /// The next thing to do. Poll until there is none, then `poll_output`, after every call of any other method.
    pub fn poll_event(&mut self) -> Option<Event> {
        loop {
            if let Some(fault) = self.fault {
                let told = std::mem::replace(&mut self.fault_told, true);
                return (!told).then_some(Event::Close(fault));
            }
            if self.pending.is_some() || self.out_bytes > OUTBOX_BYTES_MAX {
                return None;
            }
            let event = match self.resumed.take() {
                Some(request) => self.serve(request),
                None => match self.inbox.next() {
                    Ok(Some(item)) => self.handle_item(item),
                    Ok(None) => {
                        if !self.inbox.is_partial() {
                            self.partial_since = None;
                        }
                        return None;
                    }
                    Err(uncut) => {
                        self.fail(uncut.into());
                        None
                    }
                },
            };
            if event.is_some() {
                return event;
            }
        }
    }

    /// Bytes to send, in order.
    pub fn poll_output(&mut self) -> Option<Bytes> {
        let bytes = self.out.pop_front()?;
        self.out_bytes -= bytes.len();
        Some(bytes)
    }

    fn handle_item(&mut self, item: Item) -> Option<Event> {
        // Whatever follows begins anew.
        self.partial_since = self.inbox.is_partial().then_some(self.now);
        match item {
            Item::Data { channel } => {
                // Receiver reports come on the RTCP channels; the rest means nothing to a server that plays.
                if self.tracks.iter().any(|(track, _)| transport::rtcp_channel(*track) == channel) {
                    self.alive_at = self.now;
                }
                None
            }
            Item::Refused { why, cseq } => {
                if self.spend_request() {
                    let status = match why {
                        Unserved::Malformed => StatusCode::BadRequest,
                        Unserved::Version => StatusCode::RTSPVersionNotSupported,
                    };
                    self.send(Reply::new(status), cseq.as_deref());
                }
                None
            }
            Item::Request(request) => {
                if !self.spend_request() {
                    return None;
                }
                self.serve(request)
            }
        }
    }

    /// False where the viewer sends more requests than a player would; that is the end.
    fn spend_request(&mut self) -> bool {
        let intervals = (self.now - self.refilled_at.min(self.now)).as_millis() / REQUESTS_REFILL.as_millis();
        let refill = u32::try_from(intervals).unwrap_or(u32::MAX).min(REQUESTS_BURST);
        if refill > 0 {
            self.burst = (self.burst + refill).min(REQUESTS_BURST);
            self.refilled_at = self.now;
        }
        self.requests += 1;
        match self.burst.checked_sub(1) {
            Some(left) => {
                self.burst = left;
                true
            }
            None => {
                self.fail(Fault::TooManyRequests);
                false
            }
        }
    }

    fn fail(&mut self, fault: Fault) -> Fault {
        if self.fault.is_none() {
            self.fault = Some(fault);
            self.pending = None;
            if let Some(status) = fault.status() {
                self.send(Reply::new(status).header(headers::CONNECTION, "close"), None);
            }
        }
        fault
    }

    fn send(&mut self, reply: Reply, cseq: Option<&str>) {
        let bytes = reply.bytes(cseq);
        self.out_bytes += bytes.len();
        self.out.push_back(bytes);
    }

    fn session_id(&self) -> String {
        format!("{:032x}{:x}", self.session.0, self.session.1)
    }
}

impl Fault {
    /// What the viewer is told before the connection closes, where it can still be told anything.
    fn status(self) -> Option<StatusCode> {
        match self {
            Self::NotRtsp | Self::HeadTooLarge => Some(StatusCode::BadRequest),
            Self::BodyTooLarge => Some(StatusCode::RequestMessageBodyTooLarge),
            Self::TooManyRequests => Some(StatusCode::ServiceUnavailable),
            Self::RequestTimeout => Some(StatusCode::RequestTimeout),
            Self::Overrun | Self::SessionTimeout | Self::NotAdmitted => None,
        }
    }
}

impl From<Uncut> for Fault {
    fn from(uncut: Uncut) -> Self {
        match uncut {
            Uncut::NotRtsp => Self::NotRtsp,
            Uncut::HeadTooLarge => Self::HeadTooLarge,
            Uncut::BodyTooLarge => Self::BodyTooLarge,
        }
    }
}
