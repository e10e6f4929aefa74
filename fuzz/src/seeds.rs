//! Seeds for bodies that bring none: what a well-behaved peer would send.

use std::sync::Arc;

use media::codec::{CodecParams, g711, mjpeg};
use media::fmp4::{Builder, Fragment, Limits, Note, init};
use media::frame::{Frame, StreamInfo, Track, TrackId};
use media::wall::Wall;

/// A viewer's conversation, in cuts of three sizes: the first byte says which.
pub(crate) fn rtsp() -> Vec<Vec<u8>> {
    let requests = b"OPTIONS rtsp://h/s/t RTSP/1.0\r\nCSeq: 1\r\n\r\n\
        DESCRIBE rtsp://h/s/t RTSP/1.0\r\nCSeq: 2\r\nAccept: application/sdp\r\n\r\n\
        SETUP rtsp://h/s/t/track=0 RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n\
        PLAY rtsp://h/s/t RTSP/1.0\r\nCSeq: 4\r\nSession: 1\r\nRange: npt=0-\r\n\r\n\
        $\x01\x00\x08\x81\xc9\x00\x01\x00\x00\x00\x07\
        GET_PARAMETER rtsp://h/s/t RTSP/1.0\r\nCSeq: 5\r\nContent-Length: 3\r\n\r\nabc\
        TEARDOWN rtsp://h/s/t RTSP/1.0\r\nCSeq: 6\r\n\r\n";
    [0u8, 28, 252].map(|cut| [&[cut][..], requests].concat()).to_vec()
}

/// A camera's answers, a packet between them, and a question of its own.
pub(crate) fn camera() -> Vec<Vec<u8>> {
    let words = b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n\r\n\
        RTSP/1.0 200 OK\nCSeq: 2\nContent-Base: rtsp://h/s/\nContent-Length: 5\n\nv=0\r\n\
        RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: 1f;timeout=60\r\n\
        Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=0000002A\r\n\r\n\
        $\x00\x00\x0c\x80\x60\x00\x01\x00\x00\x00\x00\x00\x00\x00\x2a\
        OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n\r\n\
        RTSP/1.0 200 OK\r\nCSeq: 4\r\n\r\n";
    let cut_short = words.get(..words.len() - 30).unwrap_or_default();
    vec![words.to_vec(), cut_short.to_vec()]
}

/// A recorded segment of two fragments of sound, and its header alone.
pub(crate) fn fmp4() -> Vec<Vec<u8>> {
    let params = CodecParams::G711(g711::Params { law: g711::Law::A, channels: 1, sample_rate: 8_000 });
    let info = StreamInfo::shared(1, vec![Track { id: TrackId(0), clock_rate: 8_000, params }]);
    let Ok(header) = init(&info) else { return Vec::new() };
    let note = Note { run_origin: Wall::EPOCH, base_micros: 0 }.encode();
    let mut builder = Builder::new(Arc::clone(&info), Wall::EPOCH, Limits::default());
    let mut fragments: Vec<Fragment> = Vec::new();
    for at in 0..20i64 {
        let frame = Frame {
            track: TrackId(0),
            pts: at * 160,
            wall: Wall::from_micros(at * 20_000),
            keyframe: false,
            discontinuity: false,
            payload: vec![0xd5; 160].into(),
        };
        fragments.extend(builder.push(&frame, frame.wall));
        if at == 9 {
            fragments.extend(builder.cut(None));
        }
    }
    fragments.extend(builder.cut(None));
    let mut segment = [header.as_ref(), &note].concat();
    for fragment in fragments {
        segment.extend_from_slice(&fragment.head);
        fragment.payloads.iter().for_each(|payload| segment.extend_from_slice(payload));
    }
    vec![segment, header.to_vec()]
}

/// Two fragments of pictures and sound behind a byte that says how pictures carry marks, for each way.
pub(crate) fn splice() -> Vec<Vec<u8>> {
    let pictures: [&[u8]; 3] = [
        &[0, 0, 0, 2, 9, 0x10, 0, 0, 0, 4, 0x65, 0x88, 0x84, 0],
        &[0, 0, 0, 3, 0x46, 1, 0x50, 0, 0, 0, 4, 0x26, 1, 0xaf, 9],
        &[0xff, 0xd8, 0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0x5a, 0xff, 0xd9],
    ];
    (0u8..).zip(pictures).map(|(kind, picture)| [vec![kind], pictures_and_sound(picture)].concat()).collect()
}

fn pictures_and_sound(picture: &'static [u8]) -> Vec<u8> {
    let video = CodecParams::Mjpeg(mjpeg::Params { width: 64, height: 64 });
    let sound = CodecParams::G711(g711::Params { law: g711::Law::A, channels: 1, sample_rate: 8_000 });
    let tracks = vec![
        Track { id: TrackId(0), clock_rate: 90_000, params: video },
        Track { id: TrackId(1), clock_rate: 8_000, params: sound },
    ];
    let mut builder = Builder::new(StreamInfo::shared(1, tracks), Wall::EPOCH, Limits::default());
    let mut fragments: Vec<Fragment> = Vec::new();
    for at in 0..16i64 {
        let wall = Wall::from_micros(at * 200_000);
        let payload = if at % 2 == 0 { picture.into() } else { vec![0xd5; 40].into() };
        let (track, pts) = if at % 2 == 0 { (0, at * 18_000) } else { (1, at * 1_600) };
        let frame = Frame { track: TrackId(track), pts, wall, keyframe: at == 0, discontinuity: false, payload };
        fragments.extend(builder.push(&frame, wall));
    }
    fragments.extend(builder.cut(None));
    fragments.into_iter().flat_map(|f| std::iter::once(f.head).chain(f.payloads)).flatten().collect()
}
