//! A camera's session description (RFC 8866): its medias, where each is set up, and how its packets are coded.

use media::rtsp::client::control_url;

/// Medias looked at in one description.
const MEDIAS_MAX: usize = 32;

/// One media as it is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Offered {
    /// `video`, `audio` or another.
    pub(super) kind: String,
    /// Where it is set up.
    pub(super) control: String,
    /// Name, clock rate and channels of `a=rtpmap`, or what RFC 3551 says of its payload type.
    pub(super) encoding: String,
    pub(super) clock_rate: u32,
    pub(super) channels: Option<u16>,
    /// What follows the payload type in `a=fmtp`.
    pub(super) fmtp: Option<String>,
}

/// A description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Description {
    /// Where the presentation as a whole is played.
    pub(super) control: String,
    /// Its medias, in its order.
    pub(super) medias: Vec<Offered>,
}

impl Description {
    /// Reads a description; `base` is what relative control attributes are below. None where it does not parse.
    pub(super) fn parse(sdp: &[u8], base: &str) -> Option<Self> {
        let session = sdp_types::Session::parse(sdp).ok()?;
        let control = |attributes: &[sdp_types::Attribute]| {
            let attribute = attributes.iter().find(|a| a.attribute == "control");
            attribute.and_then(|a| a.value.clone()).unwrap_or_default()
        };
        let whole = control_url(base, &control(&session.attributes));
        let medias = session.medias.iter().take(MEDIAS_MAX);
        let medias =
            medias.filter_map(|media| offered(media, control_url(base, &control(&media.attributes)))).collect();
        Some(Self { control: whole, medias })
    }
}

fn offered(media: &sdp_types::Media, control: String) -> Option<Offered> {
    let payload_type: u8 = media.fmt.split_ascii_whitespace().next()?.parse().ok()?;
    let of_type = |name: &str| {
        let values = media.attributes.iter().filter(|a| a.attribute == name);
        let mut values = values.filter_map(|a| a.value.as_deref()?.trim_start().split_once(' '));
        let found = values.find(|(number, _)| number.trim().parse() == Ok(payload_type));
        found.map(|(_, value)| value.trim().to_owned())
    };
    let (encoding, clock_rate, channels) = match of_type("rtpmap") {
        Some(map) => rtpmap(&map)?,
        None => static_type(payload_type)?,
    };
    Some(Offered { kind: media.media.clone(), control, encoding, clock_rate, channels, fmtp: of_type("fmtp") })
}

/// `name/rate` or `name/rate/channels` (RFC 8866 section 6.6).
fn rtpmap(map: &str) -> Option<(String, u32, Option<u16>)> {
    let mut parts = map.split('/').map(str::trim);
    let (name, rate) = (parts.next()?.to_owned(), parts.next()?.parse().ok()?);
    Some((name, rate, parts.next().and_then(|channels| channels.parse().ok())))
}

/// Payload types that need no `a=rtpmap` (RFC 3551 section 6), those that are understood.
fn static_type(payload_type: u8) -> Option<(String, u32, Option<u16>)> {
    let (name, rate) = match payload_type {
        0 => ("PCMU", 8_000),
        8 => ("PCMA", 8_000),
        26 => ("JPEG", 90_000),
        _ => return None,
    };
    Some((name.to_owned(), rate, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_media_has_its_own_parameters_and_place() {
        let sdp = b"v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=control:*\r\nm=application 0 RTP/AVP 107\r\n\
            m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1; sprop-parameter-sets=a,b\r\n\
            a=control:trackID=1\r\nm=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/8000/2\r\na=fmtp:98 wrong\r\n\
            a=fmtp:97 config=1588\r\na=control:rtsp://other/2\r\nm=audio 0 RTP/AVP 8\r\n";
        let description = Description::parse(sdp, "rtsp://h/a/").unwrap();
        assert_eq!(description.control, "rtsp://h/a/");
        let [video, aac, alaw] = description.medias.as_slice() else { panic!("{description:?}") };
        assert_eq!(video.fmtp.as_deref(), Some("packetization-mode=1; sprop-parameter-sets=a,b"));
        assert_eq!((video.control.as_str(), video.clock_rate), ("rtsp://h/a/trackID=1", 90_000));
        assert_eq!((aac.control.as_str(), aac.channels), ("rtsp://other/2", Some(2)));
        assert_eq!(aac.fmtp.as_deref(), Some("config=1588"));
        assert_eq!((alaw.encoding.as_str(), alaw.clock_rate, alaw.control.as_str()), ("PCMA", 8_000, "rtsp://h/a/"));
        assert!(Description::parse(b"garbage", "rtsp://h/").is_none());
    }
}
