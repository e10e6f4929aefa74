//! Seeds for bodies that bring none: what a well-behaved peer would send.

use std::sync::Arc;

use media::codec::{CodecParams, g711};
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
