//! WebRTC to viewers by WHEP (draft-ietf-wish-whep): an offer comes over HTTP, its answer goes back, and media flows by UDP from
//! one port for all. We are ICE-lite: the browser finds us, we never look for it. Nothing is re-encoded, and nobody is offered
//! a session in turn (no counter-offers).
//!
//! `offer` chooses what of the camera's tracks a browser can play, `answer` agrees on it, `port` and `stun` bring datagrams to the
//! viewer they are for, and `viewer` is the task that feeds him on his stream's core. HTTP itself is the control API's.

mod answer;
mod desk;
mod feed;
pub mod fuzz;
mod metrics;
mod offer;
mod outbound;
mod pace;
mod port;
mod stun;
mod viewer;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use str0m::IceCreds;
use tokio::sync::watch;

use crate::admission::Admitted;
use crate::directory::Stream;
use crate::egress::Stage;
use answer::{Agreed, Terms};
pub use desk::Asker;
use desk::Desk;
use feed::{Feed, Out, Source};
use metrics::Metrics;
pub use offer::OFFER_BYTES_MAX;
use offer::{Choice, NoChoice, Offer};
use port::Port;
use viewer::Viewer;

/// WebRTC towards viewers, listening.
pub struct Whep {
    stage: Arc<Stage>,
    port: Arc<Port>,
    desk: Arc<Desk>,
    metrics: Metrics,
}

/// The port cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} (UDP): {source}; free the port or change whep.listen")]
pub struct CannotBind {
    /// Which.
    pub address: SocketAddr,
    /// Why.
    pub source: io::Error,
}

/// It could not be started.
#[derive(Debug, thiserror::Error)]
pub enum CannotStart {
    /// No port.
    #[error(transparent)]
    Bind(#[from] CannotBind),
    /// A counter of the same name is registered already.
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
}

/// What an offer is answered with.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The answer's SDP.
    pub sdp: String,
    /// The viewer's own name: the last part of his resource's path.
    pub id: String,
    /// The camera's sound that he does not get, since browsers do not play it over WebRTC.
    pub silent: Option<&'static str>,
}

/// Why an offer is not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnswered {
    /// The lease is for a recording.
    #[error("recordings are not played over WebRTC")]
    NotLive,
    /// The camera sends nothing now.
    #[error("the camera sends nothing now")]
    CameraAway,
    /// It is no offer that we understand.
    #[error("{0}")]
    Malformed(String),
    /// Nothing that the camera sends was offered.
    #[error("the camera sends {camera}; the offer has {offered}")]
    NothingFits {
        /// The camera's codec.
        camera: String,
        /// The codecs of the offer.
        offered: String,
    },
    /// As many viewers as may be are here, or the core is at its end.
    #[error("no room for another WebRTC viewer")]
    Full,
}

impl NotAnswered {
    fn label(&self) -> &'static str {
        match self {
            Self::NotLive => "not_live",
            Self::CameraAway => "camera_away",
            Self::Malformed(_) => "malformed",
            Self::NothingFits { .. } => "nothing_fits",
            Self::Full => "full",
        }
    }
}

impl From<NoChoice> for NotAnswered {
    fn from(why: NoChoice) -> Self {
        match why {
            NoChoice::Malformed(what) => Self::Malformed(what.to_owned()),
            NoChoice::NothingFits { camera, offered } => Self::NothingFits { camera, offered },
        }
    }
}

impl Whep {
    /// Opens the port.
    pub fn bind(stage: Arc<Stage>, registry: &Registry) -> Result<Arc<Self>, CannotStart> {
        let metrics = Metrics::register(registry)?;
        let config = &stage.config.whep;
        let port = Port::open(config.listen, config.public_addresses.clone(), metrics.dropped.clone())?;
        let desk = Desk::new(config.viewers_max, metrics.viewers.clone());
        Ok(Arc::new(Self { stage, port, desk, metrics }))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// Hands on what comes in until `stop` is true, or its sender is gone. Viewers end with their leases.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let stopped = async { _ = stop.wait_for(|stop| *stop).await };
        tokio::select! {
            () = stopped => {}
            outcome = self.port.run() => if let Err(error) = outcome {
                tracing::error!(%error, "the WebRTC port cannot be read");
            }
        }
    }

    /// Answers an offer, and begins to send once the browser has found us.
    pub async fn watch(&self, admitted: Admitted, asker: Asker<'_>, sdp: &str) -> Result<Answer, NotAnswered> {
        let answered = self.answer(admitted, asker, sdp).await;
        answered.inspect_err(|why| self.metrics.refused.with_label_values(&[why.label()]).inc())
    }

    async fn answer(&self, admitted: Admitted, asker: Asker<'_>, sdp: &str) -> Result<Answer, NotAnswered> {
        let offer = Offer::read(sdp)?;
        let stream = self.stage.live(&admitted).ok_or(match admitted.content() {
            crate::lease::Content::Live(_) => NotAnswered::CameraAway,
            crate::lease::Content::Playback { .. } => NotAnswered::NotLive,
        })?;
        let info = self.stage.description(&stream).await.ok_or(NotAnswered::CameraAway)?;
        let choice = offer.choose(&info)?;
        let candidates = self.port.candidates(asker.host);
        let name = IceCreds { ufrag: random_hex::<8>(), pass: random_hex::<16>() };
        let began = (tokio::time::Instant::now().into_std(), self.stage.clock.monotonic());
        let terms = Terms { offer: &offer, choice: &choice, name: name.clone(), candidates: &candidates, now: began.0 };
        let agreed = answer::agree(sdp, &terms).map_err(|error| NotAnswered::Malformed(error.to_string()))?;

        let id = random_hex::<16>();
        let (entry, leave) = self.desk.seat(&id, asker, &offer.ufrag).ok_or(NotAnswered::Full)?;
        let berth = self.port.berth(name.ufrag, asker.host);
        let make_feed = self.feed(&stream, &admitted, &choice, &agreed);
        let Agreed { rtc, sdp, .. } = agreed;
        let (stage, metrics) = (Arc::clone(&self.stage), self.metrics.clone());
        let viewer = Viewer { stage, metrics, admitted, rtc, began, berth, candidates, make_feed, leave, entry };
        let core = self.stage.cores.seat(stream.core);
        let handed = self.stage.cores.spawn_on(core, move |local| viewer.run(std::rc::Rc::clone(local)));
        handed.map_err(|error| {
            tracing::warn!(%error, "a WebRTC viewer was turned away");
            NotAnswered::Full
        })?;
        Ok(Answer { sdp, id, silent: choice.silent })
    }

    /// The viewer leaves. False where there is none of that name for this asker.
    pub fn leave(&self, id: &str, asker: Asker<'_>) -> bool {
        self.desk.leave(id, asker)
    }

    /// The name of the browser's side of ICE, as its offer said it; none where there is no such viewer for this asker.
    pub fn ufrag(&self, id: &str, asker: Asker<'_>) -> Option<String> {
        self.desk.ufrag(id, asker)
    }

    /// What makes the viewer's feed once he is connected.
    fn feed(
        &self,
        stream: &Stream,
        admitted: &Admitted,
        choice: &Choice,
        agreed: &Agreed,
    ) -> Box<dyn Fn(Duration) -> Feed + Send> {
        let (hub, budget) = (Arc::clone(&stream.hub), self.stage.budget());
        let (marks, session, metrics) = (self.stage.marks.clone(), admitted.mark(), self.stage.metrics.clone());
        let first = |random: [u8; 2]| u64::from(u16::from_be_bytes(random) & 0x7fff);
        let (video, video_mid) = (choice.video, agreed.video);
        let audio = choice.audio.zip(agreed.audio);
        Box::new(move |now| {
            let source =
                Source { hub: Arc::clone(&hub), budget, marks: marks.clone(), session, metrics: metrics.clone() };
            let out = |(track, codec): (media::frame::TrackId, offer::Codec), mid| Out {
                track,
                mid,
                pt: answer::pt(codec.payload_type),
                sequence: first(random()),
            };
            Feed::new(source, out(video, video_mid), audio.map(|(audio, mid)| out(audio, mid)), now)
        })
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut random = [0; N];
    getrandom::fill(&mut random).expect("the kernel has random bits");
    random
}

fn random_hex<const N: usize>() -> String {
    random::<N>().iter().map(|byte| format!("{byte:02x}")).collect()
}
