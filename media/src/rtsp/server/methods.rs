//! What each method does (RFC 2326 section 10), in the order in which a request is checked.

use rtsp_types::{Method, Request, StatusCode, headers};

use super::{Event, Pending, RequestId, Server, State, Wait};
use crate::rtsp::inbox::sound_cseq;
use crate::rtsp::range::{Asked, Scale, Unplayable};
use crate::rtsp::resource::Resource;
use crate::rtsp::response::{METHODS, Reply};
use crate::rtsp::transport::{self, Wish};

impl Server {
    pub(super) fn serve(&mut self, request: Request<Vec<u8>>) -> Option<Event> {
        let Some(cseq) = request.header(&headers::CSEQ).and_then(|v| sound_cseq(v.as_str().as_bytes())) else {
            self.send(Reply::new(StatusCode::BadRequest), None);
            return None;
        };
        let (reply, event) = match self.check(request, &cseq) {
            Ok(event) => return event,
            Err(Answer::Reply(reply)) => (reply, None),
            Err(Answer::ReplyThen(reply, event)) => (reply, Some(event)),
        };
        self.send(reply, Some(&cseq));
        event
    }

    fn check(&mut self, request: Request<Vec<u8>>, cseq: &str) -> Result<Option<Event>, Answer> {
        if let Some(required) = request.header(&headers::REQUIRE) {
            return Err(Reply::new(StatusCode::OptionNotSupported)
                .header(headers::UNSUPPORTED, required.as_str())
                .into());
        }
        let resource = match (Resource::of(request.request_uri()), request.method()) {
            (Some(resource), _) => resource,
            (None, Method::Options) => return Err(options()),
            (None, _) => return Err(StatusCode::NotFound.into()),
        };
        match &self.admitted {
            Some(path) if *path == resource.path => {}
            // One connection, one lease: another stream needs another connection.
            Some(_) => return Err(StatusCode::NotFound.into()),
            None => {
                let path = resource.path.clone();
                let id = self.wait(cseq, resource, Wait::Admission(request));
                return Ok(Some(Event::Admit { request: id, path }));
            }
        }
        self.check_session(&request)?;
        self.alive_at = self.now;
        self.dispatch(&request, resource, cseq)
    }

    /// A Session header must name the session of this connection, and what works on a session must have one.
    fn check_session(&self, request: &Request<Vec<u8>>) -> Result<(), Answer> {
        let needed = matches!(request.method(), Method::Play | Method::Pause | Method::Teardown);
        match request.header(&headers::SESSION) {
            Some(given) => {
                let id = given.as_str().split(';').next().unwrap_or_default().trim();
                let known = self.state != State::Init && id == self.session_id();
                if known { Ok(()) } else { Err(StatusCode::SessionNotFound.into()) }
            }
            None if needed && self.state == State::Init => Err(StatusCode::MethodNotValidInThisState.into()),
            None if needed => Err(StatusCode::SessionNotFound.into()),
            None => Ok(()),
        }
    }

    fn dispatch(
        &mut self,
        request: &Request<Vec<u8>>,
        resource: Resource,
        cseq: &str,
    ) -> Result<Option<Event>, Answer> {
        match request.method() {
            Method::Options => Err(options()),
            Method::Describe => self.on_describe(request, resource, cseq),
            Method::Setup => self.on_setup(request, resource, cseq),
            Method::Play => self.on_play(request, resource, cseq),
            Method::Pause => self.on_pause(&resource),
            Method::Teardown => self.on_teardown(&resource),
            // Empty ones keep the session alive; there are no parameters to read or set.
            Method::GetParameter | Method::SetParameter if request.body().is_empty() => Err(self.ok().into()),
            Method::GetParameter | Method::SetParameter => Err(StatusCode::ParameterNotUnderstood.into()),
            Method::Announce | Method::Record | Method::Redirect | Method::PlayNotify => {
                Err(Reply::new(StatusCode::MethodNotAllowed).header(headers::ALLOW, METHODS).into())
            }
            Method::Extension(_) => Err(Reply::new(StatusCode::NotImplemented).header(headers::PUBLIC, METHODS).into()),
        }
    }

    fn on_describe(
        &mut self,
        request: &Request<Vec<u8>>,
        resource: Resource,
        cseq: &str,
    ) -> Result<Option<Event>, Answer> {
        let accepts = request.header(&headers::ACCEPT).is_none_or(|accept| {
            let accept = accept.as_str().to_ascii_lowercase();
            accept.contains("application/sdp") || accept.contains("*/*") || accept.contains("application/*")
        });
        if !accepts {
            return Err(StatusCode::NotAcceptable.into());
        }
        let id = self.wait(cseq, resource, Wait::Description);
        Ok(Some(Event::Describe { request: id }))
    }

    fn on_setup(
        &mut self,
        request: &Request<Vec<u8>>,
        resource: Resource,
        cseq: &str,
    ) -> Result<Option<Event>, Answer> {
        if self.state == State::Playing {
            return Err(StatusCode::MethodNotValidInThisState.into());
        }
        let Some(header) = request.header(&headers::TRANSPORT) else { return Err(StatusCode::BadRequest.into()) };
        let wish = transport::choose(header.as_str()).ok_or(StatusCode::UnsupportedTransport)?;
        // All tracks of a session go the same way: players do not mix, and it keeps the sending simple.
        let mixed = self.tracks.iter().any(|(_, other)| (*other == Wish::Tcp) != (wish == Wish::Tcp));
        if mixed {
            return Err(StatusCode::UnsupportedTransport.into());
        }
        let track = resource.track;
        let id = self.wait(cseq, resource, Wait::SetUp(wish));
        Ok(Some(Event::SetUp { request: id, track, wish }))
    }

    fn on_play(&mut self, request: &Request<Vec<u8>>, resource: Resource, cseq: &str) -> Result<Option<Event>, Answer> {
        self.check_aggregate(&resource)?;
        let (mut range, mut scale) = (None, None);
        if self.seekable {
            range = request.header(&headers::RANGE).map(|text| Asked::parse(text.as_str())).transpose()?;
            scale = request.header(&headers::SCALE).map(|text| Scale::parse(text.as_str())).transpose()?;
        } else if self.state == State::Playing {
            // Live goes on where it is.
            return Err(self.ok().into());
        }
        let id = self.wait(cseq, resource, Wait::Play);
        Ok(Some(Event::Play { request: id, range, scale }))
    }

    fn on_pause(&mut self, resource: &Resource) -> Result<Option<Event>, Answer> {
        self.check_aggregate(resource)?;
        let was_playing = self.state == State::Playing;
        self.state = State::Ready;
        if was_playing { Err(Answer::ReplyThen(self.ok(), Event::Pause)) } else { Err(self.ok().into()) }
    }

    fn on_teardown(&mut self, resource: &Resource) -> Result<Option<Event>, Answer> {
        self.check_aggregate(resource)?;
        let reply = self.ok();
        self.state = State::Init;
        self.tracks.clear();
        self.session.1 = self.session.1.wrapping_add(1);
        Err(Answer::ReplyThen(reply, Event::Teardown))
    }

    /// PLAY, PAUSE and TEARDOWN of one of several tracks: RFC 2326 section 11.3.6.
    fn check_aggregate(&self, resource: &Resource) -> Result<(), Answer> {
        match resource.track {
            Some(track) if !self.tracks.iter().any(|(set_up, _)| *set_up == track) => Err(StatusCode::NotFound.into()),
            Some(_) if self.tracks.len() > 1 => Err(StatusCode::OnlyAggregateOperationAllowed.into()),
            _ => Ok(()),
        }
    }

    fn wait(&mut self, cseq: &str, resource: Resource, wait: Wait) -> RequestId {
        let id = RequestId(self.requests);
        // An admitted request goes on under a number of its own.
        self.requests += 1;
        self.pending = Some(Pending { id, cseq: cseq.to_owned(), resource, wait });
        id
    }

    fn ok(&self) -> Reply {
        match self.state {
            State::Init => Reply::new(StatusCode::Ok),
            State::Ready | State::Playing => Reply::new(StatusCode::Ok).header(headers::SESSION, self.session_id()),
        }
    }
}

/// A request that is answered at once.
enum Answer {
    Reply(Reply),
    ReplyThen(Reply, Event),
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}

impl From<StatusCode> for Answer {
    fn from(status: StatusCode) -> Self {
        Self::Reply(Reply::new(status))
    }
}

impl From<Unplayable> for Answer {
    fn from(why: Unplayable) -> Self {
        match why {
            Unplayable::Unit => StatusCode::NotImplemented.into(),
            Unplayable::Malformed => StatusCode::BadRequest.into(),
        }
    }
}

fn options() -> Answer {
    Reply::new(StatusCode::Ok).header(headers::PUBLIC, METHODS).into()
}
