//! Fuzz bodies, here so that they always compile; the targets call them.

use std::time::Duration;

use rtsp_types::Message;

use super::client::{self, Cut, Granted};
use super::{Event, INBOX_BYTES_MAX, InEffect, RtpStart, SCALE_MILLI_MAX, SCALE_MILLI_MIN, Server, SetUp, Status};
use crate::frame::TrackId;
use crate::wall::Wall;

/// Any bytes in any cuts: the server never panics, keeps within its bounds, and what it sends is RTSP.
/// The first byte says how the rest is cut and answered.
pub fn server(data: &[u8]) {
    let Some((how, data)) = data.split_first() else { return };
    let cut = usize::from(how >> 2) + 1;
    let mut server = Server::new(Duration::ZERO, 7);
    if how & 1 != 0 {
        server.set_seekable();
    }
    let mut now = Duration::ZERO;
    for chunk in data.chunks(cut) {
        now += Duration::from_millis(u64::from(*how));
        server.handle_timeout(now);
        let open = server.room();
        let taken = server.handle_bytes(now, chunk);
        assert!(taken.is_ok() || open < chunk.len(), "bytes within the room were refused");
        drain(&mut server, *how);
        assert!(server.room() <= INBOX_BYTES_MAX);
    }
    server.handle_timeout(now + Duration::from_secs(3_600));
    drain(&mut server, *how);
    let silent_over_tcp = server.is_playing();
    assert!(silent_over_tcp || server.room() == 0, "an hour of silence must end whoever does not play");
}

fn drain(server: &mut Server, how: u8) {
    while let Some(event) = server.poll_event() {
        let refuse = how & 2 != 0;
        match event {
            Event::Admit { request, path } => {
                assert!(path.starts_with('/') && !path.ends_with('/'));
                server.admit(request, if how & 3 == 3 { Err(Status::NotFound) } else { Ok(()) });
            }
            Event::Describe { request } if refuse => server.describe(request, Err(Status::ServiceUnavailable)),
            Event::Describe { request } => server.describe(request, Ok("v=0\r\n".to_owned())),
            Event::SetUp { request, track, .. } => {
                let track = track.unwrap_or(TrackId(0));
                server.set_up(request, Ok(SetUp { track, ssrc: Some(1), server_ports: Some((2, 3)) }));
            }
            Event::Play { request, range, scale } => {
                let starts = [RtpStart { track: TrackId(0), first: Some((1, 2)) }];
                let (unit, scale) = (range.map(|r| r.unit).unwrap_or_default(), scale.unwrap_or_default());
                assert!((SCALE_MILLI_MIN..=SCALE_MILLI_MAX).contains(&scale.milli().abs()));
                let now = InEffect { unit, start: Wall::EPOCH, from: Wall::EPOCH, to: Wall::EPOCH, scale };
                server.play_recording(request, &starts, now);
                assert!(server.is_playing());
            }
            Event::Pause | Event::Teardown => assert!(!server.is_playing()),
            Event::Close(_) => assert_eq!(server.room(), 0),
        }
        check_output(server);
    }
    check_output(server);
}

fn check_output(server: &mut Server) {
    while let Some(bytes) = server.poll_output() {
        let parsed = Message::<Vec<u8>>::parse(&bytes);
        let whole = matches!(&parsed, Ok((Message::Response(_), consumed)) if *consumed == bytes.len());
        assert!(whole, "not one response: {bytes:?}");
    }
}

/// A camera's bytes: whatever is cut off lies within them and moves on, what is not whole yet is bounded, and more bytes behind
/// a whole thing change nothing about it.
pub fn client(data: &[u8]) {
    let mut rest = data;
    while let Ok(cut) = client::cut(rest) {
        let used = match &cut {
            Cut::Partial => return check_partial(rest),
            Cut::Data { packet, used, .. } => {
                assert!(packet.len() < *used, "a packet without its header");
                *used
            }
            Cut::Response { response, used } => {
                assert!(response.body.len() <= client::BODY_BYTES_MAX);
                // Whatever it says.
                let _ = (response.cseq(), response.session(), response.header("Transport").map(Granted::parse));
                *used
            }
            Cut::Request { used } => *used,
        };
        assert!(used > 0 && used <= rest.len(), "{used} of {}", rest.len());
        let (whole, behind) = rest.split_at(used);
        assert_eq!(client::cut(whole).as_ref(), Ok(&cut), "it is whole without what follows");
        rest = behind;
    }
}

fn check_partial(rest: &[u8]) {
    let blank = rest.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let waiting = rest.len() - blank;
    assert!(waiting < client::HEAD_BYTES_MAX + client::BODY_BYTES_MAX, "{waiting} bytes, and not enough yet");
}
