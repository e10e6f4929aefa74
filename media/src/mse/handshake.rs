//! What is said before the first fragment, and beside them. The viewer sends `{"type":"mse","value":"avc1.640029,mp4a.40.2"}`: what it
//! can play, by the names of RFC 6381; it is answered `{"type":"mse","value":"video/mp4; codecs=\"avc1.4d401f\""}` and binary messages
//! follow. Players of several open servers say the same. `ended`, `notice` and `error` are our own; players pass over them.

use serde::Deserialize;
use serde_json::json;

use crate::codec::CodecParams;
use crate::frame::{StreamInfo, TrackId};

/// Characters of a viewer's list; a browser that knows everything names some 30 codecs.
const LIST_CHARS_MAX: usize = 4_096;

/// What a viewer can play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Playable(Vec<String>);

#[derive(Deserialize)]
struct Said {
    r#type: String,
    #[serde(default)]
    value: String,
}

/// What it will get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// These tracks.
    Plays {
        /// Tracks that go out.
        tracks: Vec<TrackId>,
        /// What is said before the header.
        reply: String,
        /// Codecs of tracks that are left out.
        left_out: Vec<String>,
    },
    /// No picture that it can show.
    Nothing {
        /// What the camera sends.
        codec: String,
    },
}

impl Playable {
    /// Reads what the viewer said; none where it is not the message that begins.
    pub fn parse(text: &str) -> Option<Self> {
        let said: Said = serde_json::from_str(text).ok().filter(|_| text.len() <= LIST_CHARS_MAX)?;
        let names = said.value.split(',').map(|name| name.trim().to_ascii_lowercase()).filter(|name| !name.is_empty());
        (said.r#type == "mse").then(|| Self(names.collect()))
    }

    /// A list that names nothing is one that leaves it to us. Profiles and levels are for the viewer's decoder to say: a family that it
    /// names is one it can play.
    fn takes(&self, params: &CodecParams) -> bool {
        let families: &[&str] = match params {
            CodecParams::H264(_) => &["avc1", "avc3"],
            CodecParams::H265(_) => &["hvc1", "hev1"],
            CodecParams::Aac(_) => &["mp4a"],
            // Sent only to those that ask for it by name: no browser is known to take it in MP4.
            CodecParams::G711(_) => return self.0.contains(&params.rfc6381()),
            // There is no way to say a JPEG sequence to a media source.
            CodecParams::Mjpeg(_) => return false,
        };
        self.0.is_empty() || self.0.iter().any(|name| families.iter().any(|family| name.starts_with(family)))
    }
}

/// What a stream can give to this viewer. There is always a picture: a copy without a mark must not leave, and sound carries none.
pub fn choose(info: &StreamInfo, playable: &Playable) -> Answer {
    let picture = info.tracks.iter().find(|track| track.params.is_video() && playable.takes(&track.params));
    let Some(picture) = picture else {
        let codec = info.video().map_or_else(|| "no video".into(), |track| track.params.rfc6381());
        return Answer::Nothing { codec };
    };
    let sound = info.tracks.iter().filter(|track| !track.params.is_video());
    let (sound, left_out): (Vec<_>, Vec<_>) = sound.partition(|track| playable.takes(&track.params));
    let chosen: Vec<_> = std::iter::once(picture).chain(sound).collect();
    let codecs: Vec<String> = chosen.iter().map(|track| track.params.rfc6381()).collect();
    let mime = format!("video/mp4; codecs=\"{}\"", codecs.join(","));
    Answer::Plays {
        tracks: chosen.iter().map(|track| track.id).collect(),
        reply: json!({ "type": "mse", "value": mime }).to_string(),
        left_out: left_out.iter().map(|track| track.params.rfc6381()).collect(),
    }
}

/// Nothing that the viewer can show, with what the camera sends.
pub fn unplayable(codec: &str) -> String {
    let (zh, en) = (
        format!("此浏览器无法播放该摄像机的编码({codec});请改用 WebRTC 播放,或请管理员启用 H.264 码流。"),
        format!("This browser cannot play what the camera sends ({codec}); use WebRTC, or ask for an H.264 stream."),
    );
    let message = json!({ "zh": zh, "en": en });
    json!({ "type": "error", "value": en, "code": "CODEC_NOT_PLAYABLE", "codec": codec, "message": message })
        .to_string()
}

/// The session is over, for this reason.
pub fn ended(reason: &str) -> String {
    json!({ "type": "ended", "value": { "reason": reason } }).to_string()
}

/// Something that the viewer should hear and that ends nothing: tracks left out (`audio_left_out`), frames skipped (`skipped`).
pub fn notice(code: &str, detail: &serde_json::Value) -> String {
    json!({ "type": "notice", "value": { "code": code, "detail": detail } }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clip::Clip;
    use crate::codec::{g711, mjpeg};
    use crate::frame::Track;

    fn track(id: u8, params: CodecParams) -> Track {
        Track { id: TrackId(id), clock_rate: 90_000, params }
    }

    fn g711() -> CodecParams {
        CodecParams::G711(g711::Params { law: g711::Law::A, channels: 1, sample_rate: 8_000 })
    }

    fn h264() -> CodecParams {
        let file = bytes::Bytes::from_static(include_bytes!("../../../relay/testdata/demo.mp4"));
        Clip::parse(&file).unwrap().tracks[0].params.clone()
    }

    fn info(tracks: Vec<Track>) -> StreamInfo {
        StreamInfo { generation: 1, tracks }
    }

    #[test]
    fn a_player_of_another_server_gets_what_it_names() {
        let said = r#"{"type":"mse","value":"avc1.640029,avc1.64002A,hvc1.1.6.L153.B0,mp4a.40.2,flac,opus"}"#;
        let playable = Playable::parse(said).unwrap();
        let stream = info(vec![track(0, g711()), track(1, h264())]);
        let Answer::Plays { tracks, reply, left_out } = choose(&stream, &playable) else { panic!("it plays H.264") };
        assert_eq!(tracks, [TrackId(1)]);
        assert!(reply.starts_with(r#"{"type":"mse","value":"video/mp4; codecs=\"avc1."#), "{reply}");
        assert_eq!(left_out, ["alaw"]);
        let wants_sound = Playable::parse(r#"{"type":"mse","value":"avc1.42e01e,alaw"}"#).unwrap();
        assert!(matches!(choose(&stream, &wants_sound), Answer::Plays { tracks, .. } if tracks.len() == 2));
    }

    #[test]
    fn what_cannot_be_shown_is_named() {
        let jpeg = CodecParams::Mjpeg(mjpeg::Params { width: 64, height: 64 });
        let all = Playable(Vec::new());
        assert_eq!(choose(&info(vec![track(0, jpeg)]), &all), Answer::Nothing { codec: "jpeg".into() });
        assert_eq!(choose(&info(vec![track(0, g711())]), &all), Answer::Nothing { codec: "no video".into() });
        let hevc_only = Playable::parse(r#"{"type":"mse","value":"hvc1.1.6.L93.B0"}"#).unwrap();
        assert!(matches!(choose(&info(vec![track(0, h264())]), &hevc_only), Answer::Nothing { .. }));
    }

    #[test]
    fn other_words_are_no_beginning() {
        for said in ["", "mse", "[]", r#"{"type":"webrtc/offer","value":""}"#, r#"{"type":"mse","value":7}"#] {
            assert_eq!(Playable::parse(said), None, "{said}");
        }
        let long = format!(r#"{{"type":"mse","value":"{}"}}"#, "a".repeat(LIST_CHARS_MAX));
        assert_eq!(Playable::parse(&long), None);
    }
}
