//! What is read from real parameter sets, beside what ffprobe says of the same files.

use media::codec::{CodecParams, Depacketizer, h264, h265};

use crate::fixture::{self, H264, H264_1080P, H265};

#[test]
fn h264_with_b_frames() {
    let params = fixture::h264_params(H264);
    assert_eq!(params.dimensions(), Some((320, 180)));
    assert_eq!(params.frame_rate(), Some((25, 1)));
    assert_eq!(params.rfc6381(), "avc1.64000c");
    let CodecParams::H264(p) = params else { unreachable!() };
    assert_eq!((p.chroma_format, p.bit_depth_luma, p.bit_depth_chroma), (1, 8, 8));
    assert_eq!(p.reorder_frames_max, Some(1));
}

#[test]
fn h264_of_1080_lines_is_cropped() {
    let params = fixture::h264_params(H264_1080P);
    assert_eq!(params.dimensions(), Some((1920, 1080)));
    assert_eq!(params.frame_rate(), Some((30, 1)));
    assert!(!params.reorders());
}

#[test]
fn h265_with_b_frames() {
    let params = fixture::h265_params(H265);
    assert_eq!(params.dimensions(), Some((320, 180)));
    assert_eq!(params.frame_rate(), Some((25, 1)));
    assert_eq!(params.rfc6381(), "hvc1.1.6.L60.90");
    let CodecParams::H265(p) = params else { unreachable!() };
    assert_eq!((p.chroma_format, p.bit_depth_luma, p.bit_depth_chroma, p.temporal_layers), (1, 8, 8, 1));
    assert_eq!(p.reorder_frames_max, Some(2));
}

#[test]
fn sdp_parameters_come_back() {
    for params in [fixture::h264_params(H264), fixture::h264_params(H264_1080P), fixture::h265_params(H265)] {
        let fmtp = params.fmtp().unwrap();
        let back = Depacketizer::new(params.encoding_name(), 90_000, None, Some(&fmtp)).unwrap();
        assert_eq!(back.params(), Some(&params));
    }
    // Some cameras leave out base64's padding.
    let params = fixture::h264_params(H264);
    let fmtp = params.fmtp().unwrap().replace('=', "\u{1}").replacen('\u{1}', "=", 3).replace('\u{1}', "");
    let back = Depacketizer::new("H264", 90_000, None, Some(&fmtp)).unwrap();
    assert_eq!(back.params(), Some(&params));
    let aac = Depacketizer::new("mpeg4-generic", 48_000, Some(2), Some(fixture::AAC_FMTP)).unwrap();
    assert_eq!(aac.params().unwrap().fmtp().as_deref(), Some(fixture::AAC_FMTP));
    assert_eq!(aac.params().unwrap().rfc6381(), "mp4a.40.2");
    assert_eq!(aac.params().unwrap().rtpmap(48_000), "MPEG4-GENERIC/48000/2");
}

#[test]
fn payload_types_are_static_where_they_can_be() {
    let of = |name, rate, channels| {
        let depacketizer = Depacketizer::new(name, rate, channels, None).unwrap();
        let params = depacketizer.params().unwrap().clone();
        (params.payload_type(1), params.rtpmap(rate))
    };
    assert_eq!(of("PCMU", 8_000, None), (0, "PCMU/8000".to_owned()));
    assert_eq!(of("pcma", 8_000, Some(1)), (8, "PCMA/8000".to_owned()));
    assert_eq!(of("PCMA", 16_000, Some(1)), (97, "PCMA/16000".to_owned()));
    assert_eq!(of("PCMA", 8_000, Some(2)), (97, "PCMA/8000/2".to_owned()));
    assert_eq!(fixture::h264_params(H264).payload_type(0), 96);
}

#[test]
fn tracks_that_cannot_be_taken_are_named() {
    let refused = |name, rate, channels, fmtp| Depacketizer::new(name, rate, channels, fmtp).unwrap_err().to_string();
    assert!(refused("H263-1998", 90_000, None, None).contains("H263-1998"));
    assert!(refused("MPEG4-GENERIC", 48_000, None, None).contains("a=fmtp"));
    assert!(refused("MPEG4-GENERIC", 48_000, None, Some("mode=AAC-lbr;config=1190")).contains("mode=AAC-lbr"));
    assert!(refused("MPEG4-GENERIC", 48_000, None, Some("mode=AAC-hbr")).contains("config"));
    assert!(refused("MPEG4-GENERIC", 48_000, None, Some("mode=AAC-hbr;config=119")).contains("config"));
    assert!(refused("PCMA", 0, None, None).contains("clock rate"));
    assert!(refused("PCMA", 8_000, Some(100), None).contains("channels"));
    assert!(refused("H265", 90_000, None, Some("sprop-max-don-diff=1")).contains("decoding order"));
}

#[test]
fn every_truncation_of_a_set_is_an_error_or_smaller_knowledge_never_a_panic() {
    for stream in [H264, H264_1080P] {
        let sps = set(stream, h264::nal_type, h264::NAL_SPS);
        let whole = h264::Sps::parse(sps).unwrap();
        for length in 0..sps.len() {
            if let Ok(cut) = h264::Sps::parse(&sps[..length]) {
                assert_eq!((cut.width, cut.height), (whole.width, whole.height), "cut to {length}");
            }
        }
        assert!(h264::Sps::parse(&sps[..6]).is_err());
    }
    let sps = set(H265, h265::nal_type, h265::NAL_SPS);
    let whole = h265::Sps::parse(sps).unwrap();
    for length in 0..sps.len() {
        if let Ok(cut) = h265::Sps::parse(&sps[..length]) {
            assert_eq!((cut.width, cut.height), (whole.width, whole.height), "cut to {length}");
        }
    }
    assert!(h265::Sps::parse(&sps[..12]).is_err());
}

fn set(stream: &'static [u8], kind: fn(u8) -> u8, wanted: u8) -> &'static [u8] {
    fixture::nals(stream).into_iter().find(|nal| kind(nal[0]) == wanted).unwrap()
}

#[test]
fn a_set_with_a_start_code_inside_is_refused() {
    let sets = fixture::nals(H264);
    let glued = [sets[0], &[0, 0, 0, 1], sets[1]].concat();
    let fault = h264::Params::from_sets([&glued[..], sets[1]]).unwrap_err();
    assert_eq!(fault.to_string(), "parameter set has a start code inside");
}
