//! What a browser's offer says it can play, read from its SDP without trusting it, and which of that the camera sends. Nothing
//! is re-encoded: where nothing fits, the offer is refused with both sides' words.

use media::codec::{CodecParams, h264, h265};
use media::frame::{StreamInfo, TrackId};

/// Longest offer that is read. Chromium's is about 6 KiB.
pub const OFFER_BYTES_MAX: usize = 64 << 10;
/// Lines of an offer at most; Chromium's has about 150.
const LINES_MAX: usize = 2_000;
/// Media sections that may be offered: a picture, a sound, data.
const SECTIONS_MAX: usize = 8;
/// Formats of all sections together; Chromium offers about 60.
const FORMATS_MAX: usize = 256;
/// Profile of an offer of H.264 that names none: baseline (RFC 6184 section 8.1).
const H264_DEFAULT: [u8; 3] = [0x42, 0, 0x0a];
/// Level of an offer of H.265 that names none: 3.1 (RFC 7798 section 7.1).
const H265_DEFAULT_LEVEL: u8 = 93;

/// An offer as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Offer {
    /// The browser's name for its side of ICE.
    pub(super) ufrag: String,
    /// The names of the sections.
    mids: Vec<(usize, String)>,
    formats: Vec<Format>,
}

/// One payload type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Format {
    section: usize,
    payload_type: u8,
    name: String,
    clock_rate: u32,
    parameters: String,
}

/// What is sent to a viewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) video: (TrackId, Codec),
    pub(super) audio: Option<(TrackId, Codec)>,
    /// The camera's sound, where there is one that stays behind.
    pub(super) silent: Option<&'static str>,
}

/// A codec by the offer's own numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Codec {
    /// The section's place among the media sections, from 1.
    section: usize,
    pub(super) payload_type: u8,
    /// The payload type of retransmissions, where they are offered.
    pub(super) resend: Option<u8>,
    pub(super) kind: Kind,
}

/// Which codec, with what the offer says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    H264 { profile_level_id: u32 },
    H265 { profile: u8, tier: u8, level: u8 },
    Pcma,
    Pcmu,
}

/// Why there is no choice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoChoice {
    #[error("the offer is not understood: {0}")]
    Malformed(&'static str),
    #[error("the camera sends {camera}; the offer has {offered}")]
    NothingFits { camera: String, offered: String },
}

impl Offer {
    /// Reads what matters. Whether the rest is SDP is asked of the WebRTC library afterwards.
    pub(super) fn read(sdp: &str) -> Result<Self, NoChoice> {
        let bad = NoChoice::Malformed;
        let mut offer = Self::default();
        let mut sections = 0;
        for (number, line) in sdp.lines().enumerate() {
            if number >= LINES_MAX {
                return Err(bad("too many lines"));
            }
            if line.starts_with("m=") {
                sections += 1;
            } else if let Some(ufrag) = line.strip_prefix("a=ice-ufrag:").filter(|_| offer.ufrag.is_empty()) {
                offer.ufrag = ufrag.trim().to_owned();
            } else if let Some(mid) = line.strip_prefix("a=mid:") {
                offer.mids.push((sections, mid.trim().to_owned()));
            } else if let Some(map) = line.strip_prefix("a=rtpmap:") {
                offer.formats.extend(Format::read(sections, map));
            } else if let Some(parameters) = line.strip_prefix("a=fmtp:") {
                offer.describe(sections, parameters);
            }
            if sections > SECTIONS_MAX {
                return Err(bad("too many media sections"));
            }
            if offer.formats.len() > FORMATS_MAX || offer.mids.len() > SECTIONS_MAX {
                return Err(bad("too many formats"));
            }
        }
        if sections == 0 {
            return Err(bad("no media section"));
        }
        // RFC 8445 section 5.3: 4 to 256 characters.
        if !(4..=256).contains(&offer.ufrag.len()) {
            return Err(bad("no a=ice-ufrag"));
        }
        Ok(offer)
    }

    /// The name of the section that a codec was offered in.
    pub(super) fn mid(&self, codec: &Codec) -> Option<&str> {
        self.mids.iter().find(|(section, _)| *section == codec.section).map(|(_, mid)| mid.as_str())
    }

    fn describe(&mut self, section: usize, line: &str) {
        let Some((payload_type, parameters)) = line.split_once(' ') else { return };
        let Ok(payload_type) = payload_type.parse::<u8>() else { return };
        let format = self.formats.iter_mut().find(|f| f.section == section && f.payload_type == payload_type);
        if let Some(format) = format {
            format.parameters = parameters.to_ascii_lowercase();
        }
    }

    /// What of the stream this browser can play.
    pub(super) fn choose(&self, info: &StreamInfo) -> Result<Choice, NoChoice> {
        let video = info.video();
        let chosen = video.and_then(|track| Some((track.id, self.best(&track.params)?)));
        let Some(video) = chosen else {
            let camera = video.map_or_else(|| "no picture".to_owned(), |track| words(&track.params));
            return Err(NoChoice::NothingFits { camera, offered: self.words() });
        };
        let sound = info.tracks.iter().find(|track| !track.params.is_video());
        let audio = sound.and_then(|track| Some((track.id, self.best(&track.params)?)));
        let silent = sound.filter(|_| audio.is_none()).map(|track| track.params.encoding_name());
        Ok(Choice { video, audio, silent })
    }

    /// The offered format that fits best; the first of equals, as the browser prefers it.
    fn best(&self, params: &CodecParams) -> Option<Codec> {
        let fitting = self.formats.iter().filter_map(|format| Some((format, format.fits(params)?)));
        let (format, (_, kind)) = fitting.min_by_key(|(_, (distance, _))| *distance)?;
        Some(Codec { section: format.section, payload_type: format.payload_type, resend: self.resend(format), kind })
    }

    fn resend(&self, of: &Format) -> Option<u8> {
        let repairs = |format: &&Format| {
            format.section == of.section
                && format.name == "rtx"
                && format.number("apt") == Some(u32::from(of.payload_type))
        };
        self.formats.iter().find(repairs).map(|format| format.payload_type)
    }

    /// The offered codecs, for the refusal.
    fn words(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        for format in self.formats.iter().filter(|format| !format.is_helper()) {
            let word = match format.parameter("profile-level-id") {
                Some(profile) if profile.bytes().all(|b| b.is_ascii_hexdigit()) => format!("{} {profile}", format.name),
                _ => format.name.clone(),
            };
            if !words.contains(&word) && words.len() < 24 {
                words.push(word);
            }
        }
        if words.is_empty() { "no codec".to_owned() } else { words.join(", ") }
    }
}

/// A camera's codec, for the refusal.
fn words(params: &CodecParams) -> String {
    match params {
        CodecParams::H264(p) => format!("H264 {:02x}{:02x}{:02x}", p.profile[0], p.profile[1], p.profile[2]),
        CodecParams::H265(p) => format!("H265 profile {} level {}", p.profile.idc, p.profile.level),
        other => other.encoding_name().to_owned(),
    }
}

impl Format {
    fn read(section: usize, map: &str) -> Option<Self> {
        let (payload_type, coding) = map.split_once(' ')?;
        let mut coding = coding.trim().split('/');
        let name = coding.next().filter(|name| name.len() <= 32 && name.bytes().all(|b| b.is_ascii_graphic()))?;
        let clock_rate = coding.next()?.parse().ok()?;
        let payload_type = payload_type.parse().ok().filter(|number: &u8| *number < 128)?;
        Some(Self { section, payload_type, name: name.to_ascii_lowercase(), clock_rate, parameters: String::new() })
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let pairs = self.parameters.split(';').filter_map(|pair| pair.trim().split_once('='));
        pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    fn number(&self, name: &str) -> Option<u32> {
        self.parameter(name)?.parse().ok()
    }

    /// What repairs or hides losses is no codec.
    fn is_helper(&self) -> bool {
        ["rtx", "red", "ulpfec", "flexfec-03", "cn", "telephone-event"].contains(&self.name.as_str())
    }

    /// How far the format is from what the camera sends; none where a decoder for it need not decode that.
    fn fits(&self, params: &CodecParams) -> Option<(u8, Kind)> {
        match params {
            CodecParams::H264(p) if self.name == "h264" && self.clock_rate == 90_000 => self.fits_h264(p),
            CodecParams::H265(p) if self.name == "h265" && self.clock_rate == 90_000 => self.fits_h265(p),
            CodecParams::G711(p) if p.channels == 1 && p.sample_rate == 8_000 && self.clock_rate == 8_000 => {
                match (self.name.as_str(), params.encoding_name()) {
                    ("pcma", "PCMA") => Some((0, Kind::Pcma)),
                    ("pcmu", "PCMU") => Some((0, Kind::Pcmu)),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// A decoder of a profile decodes the profiles within it. The level is not asked for: browsers offer 3.1 whatever they
    /// can, and play 4K.
    fn fits_h264(&self, camera: &h264::Params) -> Option<(u8, Kind)> {
        if self.number("packetization-mode") != Some(1) {
            return None;
        }
        let named = self.parameter("profile-level-id").map(|text| u32::from_str_radix(text, 16));
        let profile_level_id = match named {
            Some(Ok(id)) if id <= 0x00ff_ffff => id,
            Some(_) => return None,
            None => u32::from_be_bytes([0, H264_DEFAULT[0], H264_DEFAULT[1], H264_DEFAULT[2]]),
        };
        let [_, idc, constraints, _] = profile_level_id.to_be_bytes();
        let distance = rank_h264(idc, constraints)?.checked_sub(rank_h264(camera.profile[0], camera.profile[1])?)?;
        Some((distance, Kind::H264 { profile_level_id }))
    }

    fn fits_h265(&self, camera: &h265::Params) -> Option<(u8, Kind)> {
        let byte = |name, default| self.number(name).map_or(Some(default), |n| u8::try_from(n).ok());
        let (profile, tier) = (byte("profile-id", 1)?, byte("tier-flag", 0)?);
        let level = byte("level-id", H265_DEFAULT_LEVEL)?;
        let fits = profile == camera.profile.idc
            && tier >= u8::from(camera.profile.high_tier)
            && level >= camera.profile.level
            && camera.profile.space == 0;
        fits.then_some((0, Kind::H265 { profile, tier, level }))
    }
}

/// Profiles that browsers know, each of which holds those of lower rank. Baseline without the constraint has tools that the
/// others lack, but no camera uses them, and browsers offer it beside the constrained one.
fn rank_h264(idc: u8, constraints: u8) -> Option<u8> {
    match idc {
        66 => Some(0),
        77 if constraints & 0x80 != 0 => Some(0),
        77 => Some(1),
        100 => Some(2),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use media::frame::Track;

    const BROWSER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-ufrag:abcd\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111 8\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:8 PCMA/8000\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 104 105 106 108 109\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\n\
        a=fmtp:97 apt=96\r\na=rtpmap:102 H264/90000\r\n\
        a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n\
        a=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\na=rtpmap:104 H264/90000\r\n\
        a=fmtp:104 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=64001f\r\n\
        a=rtpmap:105 H264/90000\r\na=fmtp:105 packetization-mode=1;profile-level-id=64001F\r\n\
        a=rtpmap:106 rtx/90000\r\na=fmtp:106 apt=105\r\na=rtpmap:108 H265/90000\r\na=fmtp:108 level-id=180;profile-id=1\r\n";

    fn h264(profile: [u8; 3]) -> CodecParams {
        let clip = crate::sim::demo_clip().unwrap();
        let CodecParams::H264(params) = &clip.tracks[0].params else { panic!("the clip is H.264") };
        CodecParams::H264(h264::Params { profile, ..params.clone() })
    }

    fn stream(video: CodecParams) -> StreamInfo {
        StreamInfo { generation: 1, tracks: vec![Track { id: TrackId(0), clock_rate: 90_000, params: video }] }
    }

    fn chosen(profile: [u8; 3]) -> Option<(u8, Option<u8>)> {
        let choice = Offer::read(BROWSER).unwrap().choose(&stream(h264(profile))).ok()?;
        Some((choice.video.1.payload_type, choice.video.1.resend))
    }

    #[test]
    fn the_nearest_profile_that_holds_the_cameras_is_taken() {
        assert_eq!(chosen([66, 0xc0, 31]), Some((102, Some(103))), "constrained baseline");
        assert_eq!(chosen([77, 0, 40]), Some((105, Some(106))), "main is within high");
        assert_eq!(chosen([100, 0, 40]), Some((105, Some(106))), "high, not by single NAL units");
        assert_eq!(chosen([110, 0, 40]), None, "nobody offers 10 bits");
    }

    #[test]
    fn a_refusal_names_both_sides() {
        let offer = Offer::read(BROWSER).unwrap();
        let NoChoice::NothingFits { camera, offered } = offer.choose(&stream(h264([110, 0, 40]))).unwrap_err() else {
            panic!("malformed")
        };
        assert_eq!(camera, "H264 6e0028");
        assert_eq!(offered, "opus, pcma, vp8, h264 42e01f, h264 64001f, h265");
    }

    #[test]
    fn what_is_no_offer_is_told() {
        for (sdp, why) in [
            ("", "no media section"),
            ("m=video 9 x 1\r\n", "no a=ice-ufrag"),
            (&"m=video\r\n".repeat(9)[..], "too many media sections"),
            (&"a=x\r\n".repeat(2_001)[..], "too many lines"),
            (&["m=video 9\r\n", &"a=rtpmap:96 H264/90000\r\n".repeat(300)].concat()[..], "too many formats"),
        ] {
            assert_eq!(Offer::read(sdp), Err(NoChoice::Malformed(why)));
        }
    }
}
