//! The `a=fmtp` of each media in a session description: the RTSP library reads the rest and does not give this out.

/// Codec parameters by media, in the order of the description.
pub(super) struct Formats {
    medias: std::vec::IntoIter<sdp_types::Media>,
}

impl Formats {
    /// None where the description does not parse.
    pub(super) fn parse(sdp: &[u8]) -> Option<Self> {
        let session = sdp_types::Session::parse(sdp).ok()?;
        Some(Self { medias: session.medias.into_iter() })
    }

    /// What follows the payload type in the `a=fmtp` of the next media of this kind and payload type. The library leaves
    /// out medias that it cannot read, so some may have to be passed over.
    pub(super) fn next(&mut self, kind: &str, payload_type: u8) -> Option<String> {
        let payload_type = payload_type.to_string();
        let first = |fmt: &str| fmt.split_ascii_whitespace().next() == Some(&payload_type);
        let media = self.medias.by_ref().find(|m| m.media == kind && first(&m.fmt))?;
        let fmtps = media.attributes.iter().filter(|a| a.attribute == "fmtp");
        let mut values = fmtps.filter_map(|a| a.value.as_deref()?.trim_start().split_once(' '));
        values.find(|(number, _)| *number == payload_type).map(|(_, value)| value.trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_media_gets_its_own_parameters() {
        let sdp = b"v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=application 0 RTP/AVP 107\r\n\
            m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1; sprop-parameter-sets=a,b\r\n\
            m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/8000\r\na=fmtp:98 wrong\r\na=fmtp:97 config=1588\r\n";
        let mut formats = Formats::parse(sdp).unwrap();
        assert_eq!(formats.next("video", 96).as_deref(), Some("packetization-mode=1; sprop-parameter-sets=a,b"));
        assert_eq!(formats.next("audio", 97).as_deref(), Some("config=1588"));
        assert_eq!(formats.next("audio", 97), None);
        assert!(Formats::parse(b"garbage").is_none());
    }
}
