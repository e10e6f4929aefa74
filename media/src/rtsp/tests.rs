//! The server as a viewer sees it: bytes in, responses and events out.

use std::time::Duration;

use rtsp_types::{Message, Response};

use super::{
    Event, Fault, HEAD_BYTES_MAX, INBOX_BYTES_MAX, InEffect, Instant, RtpStart, SESSION_TIMEOUT, Server, SetUp, Status,
    Wish,
};
use crate::frame::TrackId;
use crate::wall::Wall;

const URI: &str = "rtsp://relay:8554/s/token";
const START: Duration = Duration::from_secs(100);

struct Viewer {
    server: Server,
    now: Duration,
    cseq: u32,
    session: Option<String>,
}

impl Viewer {
    fn new() -> Self {
        Self { server: Server::new(START, 0xfeed), now: START, cseq: 0, session: None }
    }

    /// A viewer whose stream is admitted, with this many tracks set up.
    fn with_tracks(count: u8, transport: &str) -> Self {
        let mut viewer = Self::new();
        for track in 0..count {
            let event = viewer.ask("SETUP", &format!("/trackID={track}"), &format!("Transport: {transport}\r\n"));
            let Some(Event::SetUp { request, track: Some(asked), .. }) = event else { panic!("{event:?}") };
            assert_eq!(asked, TrackId(track));
            viewer.server.set_up(request, Ok(SetUp { track: asked, ssrc: Some(5), server_ports: Some((7000, 7001)) }));
            let response = viewer.response();
            assert_eq!(response.status(), Status::Ok);
            let session = header(&response, "Session").unwrap();
            assert!(session.ends_with(";timeout=60"), "{session}");
            viewer.session = Some(session.split(';').next().unwrap().to_owned());
        }
        viewer
    }

    fn playing(count: u8, transport: &str) -> Self {
        let mut viewer = Self::with_tracks(count, transport);
        let Some(Event::Play { request, .. }) = viewer.ask("PLAY", "", "") else { panic!("no play") };
        viewer.server.play(request, Ok(&[]));
        assert_eq!(viewer.response().status(), Status::Ok);
        viewer
    }

    /// Sends a request with the session, admits where asked, and gives the event that is left.
    fn ask(&mut self, method: &str, path: &str, headers: &str) -> Option<Event> {
        let session = self.session.as_ref().map(|id| format!("Session: {id}\r\n")).unwrap_or_default();
        self.cseq += 1;
        let request = format!("{method} {URI}{path} RTSP/1.0\r\nCSeq: {}\r\n{session}{headers}\r\n", self.cseq);
        self.send(request.as_bytes());
        self.event()
    }

    fn send(&mut self, bytes: &[u8]) {
        self.server.handle_bytes(self.now, bytes).unwrap();
    }

    fn event(&mut self) -> Option<Event> {
        match self.server.poll_event() {
            Some(Event::Admit { request, path }) => {
                assert_eq!(path, "/s/token");
                self.server.admit(request, Ok(()));
                self.server.poll_event()
            }
            event => event,
        }
    }

    fn response(&mut self) -> Response<Vec<u8>> {
        let bytes = self.server.poll_output().expect("a response waits");
        match Message::parse(&bytes).unwrap() {
            (Message::Response(response), len) if len == bytes.len() => response,
            other => panic!("{other:?}"),
        }
    }

    /// The status that a request gets without the shell being asked.
    fn status_of(&mut self, method: &str, path: &str, headers: &str) -> u16 {
        let event = self.ask(method, path, headers);
        assert_eq!(event, None);
        let response = self.response();
        assert_eq!(header(&response, "CSeq"), Some(self.cseq.to_string().as_str()));
        response.status().into()
    }
}

fn header<'a>(response: &'a Response<Vec<u8>>, name: &'static str) -> Option<&'a str> {
    response.header(&rtsp_types::HeaderName::from_static_str(name).unwrap()).map(|v| v.as_str())
}

const TCP: &str = "RTP/AVP/TCP;unicast;interleaved=8-9";
const UDP: &str = "RTP/AVP;unicast;client_port=5000-5001";

#[test]
fn a_viewing_from_options_to_teardown() {
    let mut viewer = Viewer::new();
    assert_eq!(viewer.status_of("OPTIONS", "", ""), 200);
    let Some(Event::Describe { request }) = viewer.ask("DESCRIBE", "/", "Accept: application/sdp\r\n") else {
        panic!()
    };
    assert!(viewer.server.poll_event().is_none());
    viewer.server.describe(request, Ok("v=0\r\n".to_owned()));
    let described = viewer.response();
    assert_eq!(header(&described, "Content-Base"), Some("rtsp://relay:8554/s/token/"));
    assert_eq!(header(&described, "Content-Type"), Some("application/sdp"));
    assert_eq!(described.body(), b"v=0\r\n");

    let Some(Event::SetUp { request, track, wish }) =
        viewer.ask("SETUP", "/trackID=1", &format!("Transport: {TCP}\r\n"))
    else {
        panic!()
    };
    assert_eq!((track, wish), (Some(TrackId(1)), Wish::Tcp));
    viewer.server.set_up(request, Ok(SetUp { track: TrackId(1), ssrc: Some(0x1234), server_ports: None }));
    let set_up = viewer.response();
    assert_eq!(header(&set_up, "Transport"), Some("RTP/AVP/TCP;unicast;interleaved=2-3;ssrc=00001234"));
    viewer.session = header(&set_up, "Session").map(|s| s.split(';').next().unwrap().to_owned());

    let Some(Event::Play { request, .. }) = viewer.ask("PLAY", "/", "Range: npt=0.000-\r\n") else { panic!() };
    assert!(!viewer.server.is_playing());
    viewer.server.play(request, Ok(&[RtpStart { track: TrackId(1), first: Some((17, 90_000)) }]));
    let played = viewer.response();
    assert_eq!(header(&played, "RTP-Info"), Some("url=rtsp://relay:8554/s/token/trackID=1;seq=17;rtptime=90000"));
    assert_eq!(header(&played, "Range"), Some("npt=0.000-"));
    assert!(viewer.server.is_playing());

    assert_eq!(viewer.status_of("GET_PARAMETER", "", ""), 200);
    assert_eq!(viewer.ask("PAUSE", "", ""), Some(Event::Pause));
    assert_eq!(viewer.response().status(), Status::Ok);
    assert!(!viewer.server.is_playing());
    assert!(matches!(viewer.ask("PLAY", "", ""), Some(Event::Play { .. })));
}

#[test]
fn after_teardown_the_session_id_is_worth_nothing() {
    let mut viewer = Viewer::playing(1, TCP);
    assert_eq!(viewer.ask("TEARDOWN", "", ""), Some(Event::Teardown));
    assert_eq!(viewer.response().status(), Status::Ok);
    assert_eq!(viewer.status_of("PLAY", "", ""), 454);
    let old = viewer.session.take();
    let again = Viewer { session: None, ..viewer };
    let mut viewer = again;
    let Some(Event::SetUp { request, track, .. }) = viewer.ask("SETUP", "/trackID=0", &format!("Transport: {TCP}\r\n"))
    else {
        panic!()
    };
    viewer.server.set_up(request, Ok(SetUp { track: track.unwrap(), ssrc: Some(1), server_ports: None }));
    let made = viewer.response();
    assert_ne!(header(&made, "Session").map(|s| s.split(';').next().unwrap().to_owned()), old);
}

#[test]
fn what_the_state_does_not_allow_has_its_own_status() {
    let mut fresh = Viewer::new();
    for method in ["PLAY", "PAUSE", "TEARDOWN"] {
        assert_eq!(fresh.status_of(method, "", ""), 455, "{method}");
    }
    assert_eq!(fresh.status_of("PLAY", "", "Session: 12345\r\n"), 454);
    let mut two = Viewer::with_tracks(2, TCP);
    assert_eq!(two.status_of("PLAY", "/trackID=0", ""), 460);
    assert_eq!(two.status_of("PLAY", "/trackID=9", ""), 404);
    two.session = None;
    assert_eq!(two.status_of("PLAY", "", ""), 454);
    let mut playing = Viewer::playing(1, TCP);
    assert_eq!(playing.status_of("SETUP", "/trackID=1", &format!("Transport: {TCP}\r\n")), 455);
    assert_eq!(playing.status_of("PLAY", "", ""), 200);
}

#[test]
fn what_is_not_served_has_its_own_status() {
    let mut viewer = Viewer::new();
    assert_eq!(viewer.status_of("SETUP", "/trackID=0", "Transport: RTP/AVP;multicast\r\n"), 461);
    assert_eq!(viewer.status_of("SETUP", "/trackID=0", ""), 400);
    assert_eq!(viewer.status_of("OPTIONS", "", "Require: implicit-play\r\n"), 551);
    assert_eq!(viewer.status_of("ANNOUNCE", "", ""), 405);
    assert_eq!(viewer.status_of("BREW", "", ""), 501);
    assert_eq!(viewer.status_of("DESCRIBE", "", "Accept: application/json\r\n"), 406);
    viewer.send(b"GET_PARAMETER rtsp://relay:8554/s/token RTSP/1.0\r\nCSeq: 90\r\nContent-Length: 4\r\n\r\nname");
    assert_eq!(viewer.event(), None);
    assert_eq!(viewer.response().status(), Status::ParameterNotUnderstood);
    viewer.send(b"OPTIONS * RTSP/2.0\r\nCSeq: 91\r\n\r\n");
    assert_eq!(viewer.event(), None);
    let response = viewer.response();
    assert_eq!((u16::from(response.status()), header(&response, "CSeq")), (505, Some("91")));
    viewer.send(b"OPTIONS rtsp://relay:8554/s/token RTSP/1.0\r\n\r\n");
    assert_eq!(viewer.event(), None);
    assert_eq!(viewer.response().status(), Status::BadRequest);
    let mut udp = Viewer::with_tracks(1, UDP);
    assert_eq!(udp.status_of("SETUP", "/trackID=1", &format!("Transport: {TCP}\r\n")), 461);
}

#[test]
fn udp_answers_with_both_sides_ports() {
    let mut viewer = Viewer::new();
    let event = viewer.ask("SETUP", "", &format!("Transport: {UDP}\r\n"));
    let Some(Event::SetUp { request, track: None, wish: Wish::Udp { rtp: 5000, rtcp: 5001 } }) = event else {
        panic!("{event:?}")
    };
    viewer.server.set_up(request, Ok(SetUp { track: TrackId(0), ssrc: Some(1), server_ports: Some((7000, 7001)) }));
    let transport = "RTP/AVP;unicast;client_port=5000-5001;server_port=7000-7001;ssrc=00000001";
    assert_eq!(header(&viewer.response(), "Transport"), Some(transport));
}

#[test]
fn one_connection_sees_one_stream_and_a_refused_one_is_closed() {
    let mut viewer = Viewer::new();
    assert_eq!(viewer.status_of("OPTIONS", "", ""), 200);
    viewer.send(b"DESCRIBE rtsp://relay:8554/s/other RTSP/1.0\r\nCSeq: 8\r\n\r\n");
    assert_eq!(viewer.event(), None);
    assert_eq!(viewer.response().status(), Status::NotFound);

    let mut refused = Viewer::new();
    refused.send(b"DESCRIBE rtsp://relay:8554/s/made-up RTSP/1.0\r\nCSeq: 1\r\n\r\nDESCRIBE rtsp");
    let Some(Event::Admit { request, path }) = refused.server.poll_event() else { panic!() };
    assert_eq!(path, "/s/made-up");
    refused.server.admit(request, Err(Status::NotFound));
    assert_eq!(refused.server.poll_event(), Some(Event::Close(Fault::NotAdmitted)));
    assert_eq!(refused.response().status(), Status::NotFound);
    assert_eq!(refused.server.poll_output(), None);
    assert_eq!(refused.server.poll_event(), None);
    assert_eq!(refused.server.room(), 0);
}

#[test]
fn garbage_is_answered_once_and_closed() {
    for garbage in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], b"\x16\x03\x01\x00\xf8\x01\x00", b"\0\0\0\0"] {
        let mut viewer = Viewer::new();
        viewer.send(garbage);
        assert_eq!(viewer.event(), Some(Event::Close(Fault::NotRtsp)));
        assert_eq!(viewer.response().status(), Status::BadRequest);
        assert_eq!(viewer.server.handle_bytes(START, b"OPTIONS"), Err(Fault::NotRtsp));
    }
}

#[test]
fn an_endless_head_stops_at_its_bound() {
    let mut viewer = Viewer::new();
    viewer.send(b"OPTIONS * RTSP/1.0\r\n");
    let mut sent = 0;
    while viewer.event().is_none() {
        assert!(viewer.server.handle_bytes(START, b"X-Filler: 0123456789\r\n").is_ok());
        sent += 22;
        assert!(sent < 2 * HEAD_BYTES_MAX, "nothing stopped it");
    }
    assert_eq!(viewer.server.room(), 0);
}

#[test]
fn a_drip_of_bytes_ends_in_time_and_so_does_silence() {
    let mut viewer = Viewer::new();
    let mut dripped = b"OPTIONS rtsp://relay:8554/s/token RTSP/1.0\r\n".iter().cycle();
    let ended = (0..60).find(|second| {
        viewer.now = START + Duration::from_secs(*second);
        viewer.server.handle_timeout(viewer.now);
        viewer.event() == Some(Event::Close(Fault::RequestTimeout)) || {
            viewer.send(&[*dripped.next().unwrap()]);
            viewer.event();
            false
        }
    });
    assert_eq!(ended, Some(10));
    assert_eq!(viewer.response().status(), Status::RequestTimeout);

    let mut silent = Viewer::new();
    let at = silent.server.next_timeout().unwrap();
    silent.server.handle_timeout(at);
    assert_eq!(silent.event(), Some(Event::Close(Fault::RequestTimeout)));
}

#[test]
fn a_session_lives_by_requests_and_reports() {
    let over = SESSION_TIMEOUT + Duration::from_secs(10);
    let mut udp = Viewer::playing(1, UDP);
    udp.server.handle_timeout(START + over);
    assert_eq!(udp.event(), Some(Event::Close(Fault::SessionTimeout)));

    let mut kept = Viewer::playing(1, UDP);
    kept.server.alive(START + over - Duration::from_secs(1));
    kept.server.handle_timeout(START + over);
    assert_eq!(kept.event(), None);

    let mut tcp = Viewer::playing(1, TCP);
    assert_eq!(tcp.server.next_timeout(), None);
    assert_eq!(tcp.ask("PAUSE", "", ""), Some(Event::Pause));
    tcp.now += over - Duration::from_secs(1);
    tcp.send(b"$\x01\x00\x08reported");
    assert_eq!(tcp.event(), None);
    tcp.server.handle_timeout(START + over);
    assert_eq!(tcp.event(), None);
}

#[test]
fn ten_thousand_requests_at_once_end_the_connection_within_bounds() {
    let mut viewer = Viewer::new();
    let flood = "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n".repeat(10_000);
    let mut rest = flood.as_bytes();
    let mut output = 0;
    let fault = loop {
        let (now, later) = rest.split_at(rest.len().min(viewer.server.room()));
        assert!(!now.is_empty(), "the viewer reads, so there must be room");
        viewer.send(now);
        rest = later;
        if let Some(Event::Close(fault)) = viewer.event() {
            break fault;
        }
        while let Some(bytes) = viewer.server.poll_output() {
            output += bytes.len();
        }
    };
    assert_eq!(fault, Fault::TooManyRequests);
    assert!(output < 64 << 10, "{output}");
}

#[test]
fn a_viewer_that_does_not_read_is_not_read_either() {
    let mut viewer = Viewer::new();
    assert_eq!(viewer.status_of("OPTIONS", "", ""), 200);
    let Some(Event::Describe { request }) = viewer.ask("DESCRIBE", "", "") else { panic!() };
    let filler = vec![b'A'; INBOX_BYTES_MAX];
    viewer.send(&filler);
    assert_eq!(viewer.server.room(), 0);
    assert_eq!(viewer.event(), None);
    viewer.server.describe(request, Ok(String::new()));
    assert_eq!(viewer.event(), Some(Event::Close(Fault::HeadTooLarge)));
}

#[test]
fn an_answer_to_a_request_that_is_gone_is_dropped() {
    let mut viewer = Viewer::new();
    let Some(Event::Describe { request }) = viewer.ask("DESCRIBE", "", "") else { panic!() };
    viewer.server.describe(request, Ok(String::new()));
    viewer.response();
    viewer.server.describe(request, Ok(String::new()));
    viewer.server.play(request, Ok(&[]));
    assert_eq!(viewer.server.poll_output(), None);
    assert!(!viewer.server.is_playing());
}

#[test]
fn a_recording_is_sought_while_it_plays_and_told_what_is_in_effect() {
    let mut viewer = Viewer::with_tracks(1, TCP);
    viewer.server.set_seekable();
    let start = Wall::from_micros(847_463_840_000_000);
    let to = Wall::from_micros(start.micros() + 60_000_000);
    let headers = "Range: clock=19961108T143722.500Z-\r\nScale: 100\r\n";
    for _ in 0..2 {
        let Some(Event::Play { request, range, scale }) = viewer.ask("PLAY", "", headers) else { panic!() };
        let (range, scale) = (range.unwrap(), scale.unwrap());
        let from = Wall::from_micros(start.micros() + 2_500_000);
        assert_eq!(range.from, Some(Instant::Clock(from)));
        let starts = [RtpStart { track: TrackId(0), first: Some((3, 4)) }];
        viewer.server.play_recording(request, &starts, InEffect { unit: range.unit, start, from, to, scale });
        let response = viewer.response();
        assert_eq!(header(&response, "Range"), Some("clock=19961108T143722.500Z-19961108T143820.000Z"));
        assert_eq!(header(&response, "Scale"), Some("32.000"));
        assert!(viewer.server.is_playing());
    }
    assert_eq!(viewer.ask("PLAY", "", "Range: smpte=10:00:00-\r\n"), None);
    assert_eq!(viewer.response().status(), Status::NotImplemented);
    assert_eq!(viewer.ask("PLAY", "", "Scale: 0\r\n"), None);
    assert_eq!(viewer.response().status(), Status::BadRequest);
}

#[test]
fn the_fuzz_body_holds_on_seeds_and_their_mutations() {
    let seed = format!(
        "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\nDESCRIBE {URI} RTSP/1.0\r\nCSeq: 2\r\nAccept: application/sdp\r\n\r\n\
         SETUP {URI}/trackID=0 RTSP/1.0\r\nCSeq: 3\r\nTransport: {TCP}\r\n\r\n$\x01\0\x04abcd\
         PLAY {URI} RTSP/1.0\r\nCSeq: 4\r\nSession: {:032x}0\r\nContent-Length: 2\r\n\r\nhi\
         PLAY {URI} RTSP/1.0\r\nCSeq: 4\r\nSession: {:032x}0\r\nRange: clock=19961108T142300.5Z-\r\nScale: -2\r\n\r\n\
         TEARDOWN {URI} RTSP/1.0\r\nCSeq: 5\r\nSession: {:032x}0\r\n\r\n",
        7, 7, 7
    );
    let mut random = 1_u64;
    let mut next = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize
    };
    for _ in 0..2_000 {
        let mut data = vec![next() as u8];
        data.extend_from_slice(seed.as_bytes());
        for _ in 0..next() % 8 {
            let at = next() % data.len();
            match next() % 3 {
                0 => data[at] = next() as u8,
                1 => drop(data.remove(at)),
                _ => data.insert(at, b"\r\n$;=\"0:/ "[next() % 10]),
            }
        }
        super::fuzz::server(&data);
    }
}
