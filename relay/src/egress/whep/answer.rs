//! From a choice to the WebRTC session that sends it, and to the answer that says so. The session knows the chosen formats and
//! no others, so that the answer can name nothing else.

use std::net::SocketAddr;
use std::time::Instant;

use str0m::change::SdpOffer;
use str0m::format::CodecConfig;
use str0m::media::{Direction, Mid, Pt};
use str0m::rtp::Extension;
use str0m::{Candidate, IceCreds, Rtc, RtcError};

use super::offer::{Choice, Codec, Kind, Offer};

/// Packets that can be sent again on request: 2 s of 8 Mbit/s.
const RESEND_PACKETS_MAX: usize = 2_000;

/// A session that was agreed on.
pub(super) struct Agreed {
    pub(super) rtc: Rtc,
    pub(super) sdp: String,
    pub(super) video: Mid,
    pub(super) audio: Option<Mid>,
}

/// What must hold for one.
pub(super) struct Terms<'a> {
    pub(super) offer: &'a Offer,
    pub(super) choice: &'a Choice,
    pub(super) name: IceCreds,
    pub(super) candidates: &'a [SocketAddr],
    pub(super) now: Instant,
}

/// Answers an offer.
pub(super) fn agree(sdp: &str, terms: &Terms<'_>) -> Result<Agreed, RtcError> {
    let offer = SdpOffer::from_sdp_string(sdp).map_err(|error| RtcError::RemoteSdp(error.to_string()))?;
    let mut config = Rtc::builder()
        .set_ice_lite(true)
        .set_rtp_mode(true)
        .set_local_ice_credentials(terms.name.clone())
        .set_send_buffer_video(RESEND_PACKETS_MAX)
        .clear_codecs()
        .clear_extension_map()
        .set_extension(1, Extension::RtpMid)
        .set_extension(2, Extension::PlayoutDelay);
    enable(config.codec_config(), &terms.choice.video.1);
    if let Some((_, codec)) = &terms.choice.audio {
        enable(config.codec_config(), codec);
    }
    let mut rtc = config.build(terms.now);
    for address in terms.candidates {
        rtc.add_local_candidate(Candidate::host(*address, "udp")?);
    }
    let answer = rtc.sdp_api().accept_offer(offer)?;
    let sends = |codec: &Codec| {
        let mid = Mid::from(terms.offer.mid(codec)?);
        let media = rtc.media(mid).filter(|media| media.direction() == Direction::SendOnly)?;
        media.remote_pts().contains(&pt(codec.payload_type)).then_some(mid)
    };
    let video = sends(&terms.choice.video.1);
    let audio = terms.choice.audio.as_ref().and_then(|(_, codec)| sends(codec));
    let video = video.ok_or_else(|| RtcError::RemoteSdp("no video section that receives".to_owned()))?;
    let sdp = answer.to_sdp_string();
    // An offer whose sections are muddled can leave none that says where we are: nothing could ever flow.
    if !sdp.contains("a=candidate:") {
        return Err(RtcError::RemoteSdp("no section that a connection could be made for".to_owned()));
    }
    Ok(Agreed { sdp, rtc, video, audio })
}

pub(super) fn pt(payload_type: u8) -> Pt {
    Pt::from(payload_type)
}

/// Makes a format of the offer one that the session knows, under the offer's own number.
fn enable(config: &mut CodecConfig, codec: &Codec) {
    let (main, resend) = (pt(codec.payload_type), codec.resend.map(pt));
    match codec.kind {
        Kind::H264 { profile_level_id } => config.add_h264(main, resend, true, profile_level_id),
        Kind::H265 { profile, tier, level } => config.add_h265(main, resend, profile, tier, level),
        Kind::Pcma => config.enable_pcma(true, false),
        Kind::Pcmu => config.enable_pcmu(true, false),
    }
}
