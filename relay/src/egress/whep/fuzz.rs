//! Fuzz bodies of what strangers send to WebRTC, here so that they always compile; the targets call them. Each takes any bytes.

use std::net::SocketAddr;
use std::sync::LazyLock;

use media::frame::StreamInfo;
use str0m::IceCreds;

use super::answer::{self, Terms};
use super::offer::Offer;

/// What a browser offers, in short.
const OFFER: &str = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\n\
    a=extmap-allow-mixed\r\na=msid-semantic: WMS\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111 8\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\n\
    a=ice-pwd:0123456789012345678901\r\na=ice-options:trickle\r\n\
    a=fingerprint:sha-256 7B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08\r\n\
    a=setup:actpass\r\na=mid:0\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:8 PCMA/8000\r\n\
    m=video 9 UDP/TLS/RTP/SAVPF 102 103\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n\
    a=fingerprint:sha-256 7B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08\r\n\
    a=setup:actpass\r\na=mid:1\r\na=extmap:3 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n\
    a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=recvonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\n\
    a=rtpmap:102 H264/90000\r\na=rtcp-fb:102 nack\r\na=rtcp-fb:102 nack pli\r\n\
    a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f\r\n\
    a=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n\
    m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\n\
    a=ice-pwd:0123456789012345678901\r\na=setup:actpass\r\na=mid:2\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n";

static STREAM: LazyLock<StreamInfo> = LazyLock::new(|| {
    let clip = crate::sim::demo_clip().expect("the clip is built in");
    StreamInfo { generation: 1, tracks: clip.tracks }
});

/// An offer: it is answered or refused, and an answer names our candidate and no codec but the chosen ones.
pub fn offer(data: &[u8]) {
    let Ok(sdp) = std::str::from_utf8(data) else { return };
    let Ok(offer) = Offer::read(sdp) else { return };
    let Ok(choice) = offer.choose(&STREAM) else { return };
    let name = IceCreds { ufrag: "ours".to_owned(), pass: "0123456789012345678901".to_owned() };
    let candidates = [SocketAddr::from(([192, 0, 2, 1], 8556))];
    let now = tokio::time::Instant::now().into_std();
    let terms = Terms { offer: &offer, choice: &choice, name, candidates: &candidates, now };
    if let Ok(agreed) = answer::agree(sdp, &terms) {
        assert!(agreed.sdp.contains("192.0.2.1 8556 typ host"), "{}", agreed.sdp);
        assert!(!agreed.sdp.contains("opus"), "{}", agreed.sdp);
    }
}

/// Offers to begin with.
pub fn offer_seeds() -> Vec<Vec<u8>> {
    vec![OFFER.into(), OFFER.replace("64001f", "4d001f").into(), OFFER.replace("H264", "H265").into()]
}

/// A datagram: it names somebody or nobody.
pub fn stun(data: &[u8]) {
    if let Some(name) = super::stun::addressee(data) {
        assert!(name.len() + 25 <= data.len(), "header, attribute and colon stand beside it");
    }
}

/// Datagrams to begin with.
pub fn stun_seeds() -> Vec<Vec<u8>> {
    vec![b"\x00\x01\x00\x10\x21\x12\xa4\x42transaction!\x00\x06\x00\x09ours:them\0\0\0".to_vec()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_is_answered() {
        let offer = Offer::read(OFFER).unwrap();
        let choice = offer.choose(&STREAM).unwrap();
        assert_eq!((choice.video.1.payload_type, choice.silent), (102, Some("MPEG4-GENERIC")));
        let name = IceCreds { ufrag: "ours".to_owned(), pass: "0123456789012345678901".to_owned() };
        let candidates = [SocketAddr::from(([192, 0, 2, 1], 8556))];
        let now = tokio::time::Instant::now().into_std();
        let terms = Terms { offer: &offer, choice: &choice, name, candidates: &candidates, now };
        let agreed = answer::agree(OFFER, &terms).unwrap();
        for line in ["a=ice-lite", "a=sendonly", "profile-level-id=64001f", "a=ice-ufrag:ours"] {
            assert!(agreed.sdp.contains(line), "{line} is not in {}", agreed.sdp);
        }
        for seed in offer_seeds() {
            super::offer(&seed);
        }
    }
}
