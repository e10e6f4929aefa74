//! The handshake: DESCRIBE, SETUP of every media that is understood, PLAY. Teardown is deliberately absent: closing the
//! connection ends the session, and the library's own TEARDOWN goes on for as long as a hostile camera tells it to.

use std::future::Future;

use media::codec::Depacketizer;
use media::wall::Clock;
use retina::client::{
    InitialSequenceNumberPolicy, InitialTimestampPolicy, PlayOptions, Playing, Session, SessionIdPolicy,
    SessionOptions, SetupOptions, TeardownPolicy, UnassignedChannelDataPolicy, UnknownRtcpSsrcPolicy,
};

use super::errors::IngestErrors;
use super::guard;
use super::reason::Stage;
use super::sdp::Formats;
use super::{Failure, Reason, Source, Transport};

/// Medias set up at most: a camera has a picture and a sound, a panoramic one a few more.
const MEDIAS_MAX: usize = 4;

/// A camera that plays.
pub(super) struct Dialed {
    pub(super) session: Session<Playing>,
    /// What was set up: video before sound, else in the camera's order.
    pub(super) medias: Vec<Media>,
}

/// One media that was set up.
pub(super) struct Media {
    /// The library's number for it.
    pub(super) stream: usize,
    pub(super) is_video: bool,
    pub(super) clock_rate: u32,
    pub(super) depacketizer: Depacketizer,
}

pub(super) async fn dial(source: &Source, errors: &IngestErrors, clock: &dyn Clock) -> Result<Dialed, Failure> {
    let mut session = step(Stage::Describe, clock, Session::describe(source.url().clone(), options(source))).await?;
    let mut medias = understood(&session, errors);
    if medias.is_empty() {
        let offered: Vec<_> = session.streams().iter().map(retina::client::Stream::encoding_name).collect();
        let detail = format!("the camera offers {offered:?}; use H.264, H.265, AAC, G.711 or JPEG");
        return Err(Failure::new(Reason::UnsupportedCodec, detail));
    }
    let mut set_up = Vec::with_capacity(medias.len());
    for media in medias.drain(..) {
        let transport = match source.transport() {
            Transport::Tcp => retina::client::Transport::Tcp(Default::default()),
            Transport::Udp => retina::client::Transport::Udp(Default::default()),
        };
        let setup = session.setup(media.stream, SetupOptions::default().transport(transport));
        match step(Stage::Setup, clock, setup).await {
            Ok(()) => set_up.push(media),
            // Sound that the camera will not send is no reason to go without the picture.
            Err(_) if !media.is_video && set_up.iter().any(|m| m.is_video) => errors.add("media_refused"),
            Err(failure) => return Err(failure),
        }
    }
    let session = step(Stage::Play, clock, session.play(play_options())).await?;
    Ok(Dialed { session, medias: set_up })
}

async fn step<T>(
    stage: Stage,
    clock: &dyn Clock,
    request: impl Future<Output = Result<T, retina::Error>>,
) -> Result<T, Failure> {
    match guard::bounded(request, clock).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Failure::new(Reason::of(stage, &error), error.to_string())),
        Err(endless) => Err(Failure::new(Reason::Protocol, endless.to_string())),
    }
}

fn options(source: &Source) -> SessionOptions {
    let login = source
        .credentials()
        .map(|c| retina::client::Credentials { username: c.user.clone(), password: c.password.clone() });
    SessionOptions::default()
        .creds(login)
        .user_agent(concat!("Sluice/", env!("CARGO_PKG_VERSION")).to_owned())
        .teardown(TeardownPolicy::Never)
        // Some cameras send medias that were not set up, or a new session id with each SETUP.
        .unassigned_channel_data(UnassignedChannelDataPolicy::Ignore)
        .session_id(SessionIdPolicy::UseFirst)
}

/// RTP-Info is wrong on too many cameras to be of use: the first packets and sender reports say what is needed.
fn play_options() -> PlayOptions {
    PlayOptions::default()
        .initial_timestamp(InitialTimestampPolicy::Ignore)
        .initial_seq(InitialSequenceNumberPolicy::Ignore)
        .unknown_rtcp_ssrc(UnknownRtcpSsrcPolicy::ProcessPackets)
}

/// The medias that have a depacketiser.
fn understood(session: &Session<retina::client::Described>, errors: &IngestErrors) -> Vec<Media> {
    let mut formats = Formats::parse(session.sdp());
    let mut medias = Vec::new();
    for (stream, media) in session.streams().iter().enumerate() {
        let is_video = media.media() == "video";
        let fmtp = formats.as_mut().and_then(|f| f.next(media.media(), media.rtp_payload_type()));
        let channels = media.channels().map(std::num::NonZeroU16::get);
        let clock_rate = media.clock_rate_hz();
        let made = Depacketizer::new(media.encoding_name(), clock_rate, channels, fmtp.as_deref());
        match made {
            Ok(depacketizer) if is_video || media.media() == "audio" => {
                medias.push(Media { stream, is_video, clock_rate, depacketizer });
            }
            _ => errors.add("media_unsupported"),
        }
    }
    medias.sort_by_key(|m| !m.is_video);
    if medias.len() > MEDIAS_MAX {
        medias.truncate(MEDIAS_MAX);
        errors.add("media_unsupported");
    }
    medias
}
