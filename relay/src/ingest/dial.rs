//! The handshake: DESCRIBE, SETUP of every media that is understood, PLAY.

use std::net::IpAddr;
use std::time::Duration;

use media::codec::Depacketizer;
use media::rtsp::client::{Granted, Response, Wanted};

use super::conversation::Conversation;
use super::datagrams::Ports;
use super::errors::IngestErrors;
use super::reason::Stage;
use super::sdp::{Description, Offered};
use super::{Failure, Reason, Source, Transport};

/// Medias set up at most: a camera has a picture and a sound, a panoramic one a few more.
const MEDIAS_MAX: usize = 4;
/// A session that is not kept alive lasts so long where the camera does not say (RFC 2326 section 12.37).
const SESSION_SECONDS: u32 = 60;
/// What a camera may ask for, within reason.
const KEEPALIVE: std::ops::RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_secs(30);

/// A camera that plays.
pub(super) struct Dialed {
    pub(super) conversation: Conversation,
    /// What was set up: video before sound, else in the camera's order.
    pub(super) medias: Vec<Media>,
    pub(super) keepalive: KeepAlive,
}

/// How the session is kept alive.
pub(super) struct KeepAlive {
    pub(super) method: &'static str,
    pub(super) url: String,
    pub(super) every: Duration,
}

/// One media that was set up.
pub(super) struct Media {
    pub(super) way: Way,
    pub(super) coded: Coded,
}

/// What its packets hold.
pub(super) struct Coded {
    pub(super) is_video: bool,
    pub(super) clock_rate: u32,
    pub(super) depacketizer: Depacketizer,
}

/// How its packets come.
pub(super) enum Way {
    /// On these channels of the connection: RTP, RTCP.
    Channels(u8, u8),
    Ports(Box<Ports>),
}

struct Wish {
    offered: Offered,
    depacketizer: Depacketizer,
    is_video: bool,
}

pub(super) async fn dial(source: &Source, errors: &IngestErrors) -> Result<Dialed, Failure> {
    let mut conversation = Conversation::connect(source).await?;
    let url = source.url().as_str();
    let peer = conversation.socket.peer_addr().map_err(|error| Failure::of_io(&error))?.ip().to_canonical();
    let accept = [("Accept", "application/sdp")];
    let described = conversation.ask(Stage::Describe, "DESCRIBE", url, &accept).await?;
    let description = Description::parse(&described.body, base(&described, url))
        .ok_or_else(|| Failure::new(Reason::BadSdp, "the description does not parse"))?;
    let wishes = understood(&description.medias, errors);
    if wishes.is_empty() {
        let offered: Vec<_> = description.medias.iter().map(|m| m.encoding.as_str()).collect();
        if offered.is_empty() {
            return Err(Failure::new(Reason::BadSdp, "the description holds no media"));
        }
        let detail = format!("the camera offers {offered:?}; use H.264, H.265, AAC, G.711 or JPEG");
        return Err(Failure::new(Reason::UnsupportedCodec, detail));
    }
    let mut medias: Vec<Media> = Vec::with_capacity(wishes.len());
    let mut timeout = SESSION_SECONDS;
    for wish in wishes {
        let is_video = wish.is_video;
        match set_up(&mut conversation, source.transport(), peer, wish, medias.len()).await {
            Ok((media, seconds)) => {
                timeout = seconds.unwrap_or(timeout);
                medias.push(media);
            }
            // Sound that the camera will not send is no reason to go without the picture.
            Err(_) if !is_video && medias.iter().any(|m| m.coded.is_video) => errors.add("media_refused"),
            Err(failure) => return Err(failure),
        }
    }
    conversation.ask(Stage::Play, "PLAY", &description.control, &[("Range", "npt=0.000-")]).await?;
    let every = (Duration::from_secs(u64::from(timeout)) / 2).clamp(*KEEPALIVE.start(), *KEEPALIVE.end());
    let parameters = described.header("Public").is_some_and(|public| public.contains("GET_PARAMETER"));
    let method = if parameters { "GET_PARAMETER" } else { "OPTIONS" };
    Ok(Dialed { conversation, medias, keepalive: KeepAlive { method, url: description.control, every } })
}

/// What relative control attributes are below (RFC 2326 appendix C.1.1).
fn base<'a>(described: &'a Response, url: &'a str) -> &'a str {
    described.header("Content-Base").or(described.header("Content-Location")).filter(|b| !b.is_empty()).unwrap_or(url)
}

/// The medias that have a depacketiser, video first.
fn understood(offered: &[Offered], errors: &IngestErrors) -> Vec<Wish> {
    let mut wishes = Vec::new();
    for media in offered {
        let is_video = media.kind == "video";
        let made = Depacketizer::new(&media.encoding, media.clock_rate, media.channels, media.fmtp.as_deref());
        match made {
            Ok(depacketizer) if is_video || media.kind == "audio" => {
                wishes.push(Wish { offered: media.clone(), depacketizer, is_video });
            }
            _ => errors.add("media_unsupported"),
        }
    }
    wishes.sort_by_key(|wish| !wish.is_video);
    if wishes.len() > MEDIAS_MAX {
        wishes.truncate(MEDIAS_MAX);
        errors.add("media_unsupported");
    }
    wishes
}

/// One SETUP. Gives the media, and the session's time-out where the camera named one.
async fn set_up(
    conversation: &mut Conversation,
    transport: Transport,
    peer: IpAddr,
    wish: Wish,
    place: usize,
) -> Result<(Media, Option<u32>), Failure> {
    let local = conversation.socket.local_addr().map_err(|error| Failure::of_io(&error))?.ip();
    let mut ports = match transport {
        Transport::Tcp => None,
        Transport::Udp => Some(Ports::open(local).map_err(|error| {
            Failure::new(Reason::Config, format!("no UDP ports for a camera: {error}; raise LimitNOFILE"))
        })?),
    };
    let channel = u8::try_from(2 * place).unwrap_or(0);
    let wanted = match &ports {
        Some(ports) => Wanted::Udp { rtp: ports.local().0, rtcp: ports.local().1 },
        None => Wanted::Tcp { channel },
    };
    let header = wanted.header();
    let answer =
        conversation.ask(Stage::Setup, "SETUP", &wish.offered.control, &[("Transport", header.as_str())]).await?;
    let granted = answer.header("Transport").map(Granted::parse).unwrap_or_default();
    let way = match ports.take() {
        Some(mut ports) => {
            ports.aim(peer, granted.server_ports);
            Way::Ports(Box::new(ports))
        }
        None => {
            let (rtp, rtcp) = granted.channels.unwrap_or((channel, channel + 1));
            Way::Channels(rtp, rtcp)
        }
    };
    let (clock_rate, is_video) = (wish.offered.clock_rate, wish.is_video);
    let media = Media { way, coded: Coded { is_video, clock_rate, depacketizer: wish.depacketizer } };
    Ok((media, answer.session().and_then(|(_, timeout)| timeout)))
}
