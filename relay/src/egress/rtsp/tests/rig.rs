//! The house around the RTSP server: leases, a core, a stream, and a camera made of a clip.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use bytes::Bytes;
use media::codec::{CodecParams, g711, h264};
use media::frame::{Frame, StreamInfo, Track, TrackId};
use media::hub::{Hub, HubLimits, Published};
use media::id::{Profile, StreamKey};
use media::mark::{MarkKey, SessionMark};
use media::wall::{Clock, Wall};
use prometheus::Registry;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::tape::{self, Tape};
use crate::config::Config;
use crate::core::Cores;
use crate::directory::{Stream, Streams};
use crate::egress::Stage;
use crate::egress::rtsp::{Parts, RtspServer};
use crate::lease::{
    Content, EventReceiver, Lease, Leases, Priority, Protocol, SessionEvent, SessionId, TOKEN_BYTES, TokenHash,
};
use crate::metrics::EgressMetrics;

pub(super) const VIDEO: u8 = 0;
pub(super) const AUDIO: u8 = 1;
const TOKEN_OF_FIRST: [u8; TOKEN_BYTES] = [7; TOKEN_BYTES];
/// `TOKEN_OF_FIRST` as it stands in a URL.
pub(super) const TOKEN: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
/// Far beyond any healthy step; only a hang reaches it.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// What the appliance makes at its first start.
pub(super) const MARK_SECRET: [u8; 32] = [6; 32];

/// Frames between keyframes in the clip.
const CLIP_GOP: usize = 25;
const FRAME_TICKS: i64 = 3_600;
const FRAME_MICROS: i64 = 40_000;

/// A real clock, since these tests go through real sockets.
struct RealClock(Instant);

#[allow(clippy::disallowed_methods, reason = "the tests' own shell")]
fn real_clock() -> Arc<dyn Clock> {
    Arc::new(RealClock(Instant::now()))
}

impl Clock for RealClock {
    #[allow(clippy::disallowed_methods, reason = "the tests' own shell")]
    fn wall(&self) -> Wall {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        Wall::from_micros(i64::try_from(since.as_micros()).unwrap())
    }
    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

pub(super) struct Rig {
    pub(super) leases: Arc<Leases>,
    pub(super) clock: Arc<dyn Clock>,
    events: EventReceiver,
    cores: Arc<Cores>,
    stream: Stream,
    registry: Registry,
    address: SocketAddr,
    stop: watch::Sender<bool>,
    server: Option<JoinHandle<()>>,
    expiry: JoinHandle<()>,
    camera: Camera,
    pub(super) merge_latency: Duration,
}

struct Camera {
    clip: Vec<(bool, Bytes)>,
    info: Arc<StreamInfo>,
    frames: usize,
    began: Wall,
    /// Of the clip's keyframes, one in so many is announced as one.
    keyframe_every: usize,
}

/// The text of a token.
pub(super) fn token(bytes: [u8; TOKEN_BYTES]) -> String {
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

impl Rig {
    pub(super) async fn start(config: Config) -> Self {
        let config = Config { rtsp_listen: vec![SocketAddr::from(([127, 0, 0, 1], 0))], cores: 1, ..config };
        let (clock, config_merge) = (real_clock(), config.merge_latency);
        let (leases, events) = Leases::new(Arc::clone(&clock), &config);
        let registry = Registry::new();
        let metrics = EgressMetrics::register(&registry, &leases).unwrap();
        let (cores, streams) = (Cores::start(1, crate::core::test_engine(), &clock).unwrap(), Streams::new());
        let key = StreamKey { camera: "cam-1".parse().unwrap(), profile: Profile::Main };
        let stream = Stream { key, hub: Hub::new(HubLimits::default(), 42), core: cores.place(1).core() };
        streams.insert(stream.clone());
        let stage = Arc::new(Stage {
            config,
            clock: Arc::clone(&clock),
            leases: Arc::clone(&leases),
            streams,
            cores: Arc::clone(&cores),
            marks: MarkKey::new(&MARK_SECRET),
            metrics,
        });
        let server = RtspServer::bind(Parts { stage, recordings: Arc::new(Tape::of_clip()), tls: None }).unwrap();
        let address = server.addresses()[0];
        let (stop, stopped) = watch::channel(false);
        let server = Some(tokio::spawn(server.run(stopped, Duration::from_secs(5))));
        let timer = Arc::clone(&leases);
        let expiry = tokio::spawn(async move { timer.run().await });
        let camera = Camera::new(clock.wall());
        let merge_latency = config_merge;
        Self { leases, clock, events, cores, stream, registry, address, stop, server, expiry, camera, merge_latency }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    pub(super) fn hub(&self) -> &Arc<Hub> {
        &self.stream.hub
    }

    /// A lease for this machine under `TOKEN`.
    pub(super) fn lease(&self) -> SessionId {
        self.grant("first", TOKEN_OF_FIRST, IpAddr::from([127, 0, 0, 1]))
    }

    /// The same for another terminal.
    pub(super) fn lease_for(&self, terminal: IpAddr) -> SessionId {
        self.grant("elsewhere", TOKEN_OF_FIRST, terminal)
    }

    pub(super) fn lease_with(&self, session: &str, token: [u8; TOKEN_BYTES]) -> SessionId {
        self.grant(session, token, IpAddr::from([127, 0, 0, 1]))
    }

    /// A lease for the tape between two seconds of it, for this machine under `TOKEN`.
    pub(super) fn lease_recording(&self, from: f64, to: f64) -> SessionId {
        let content = Content::Playback { stream: self.stream.key.clone(), from: tape::at(from), to: tape::at(to) };
        self.grant_of(content, "recorded", TOKEN_OF_FIRST, IpAddr::from([127, 0, 0, 1]))
    }

    fn grant(&self, session: &str, token: [u8; TOKEN_BYTES], terminal: IpAddr) -> SessionId {
        self.grant_of(Content::Live(self.stream.key.clone()), session, token, terminal)
    }

    fn grant_of(&self, content: Content, session: &str, token: [u8; TOKEN_BYTES], terminal: IpAddr) -> SessionId {
        let session = SessionId(session.to_owned());
        let lease = Lease {
            session: session.clone(),
            token: TokenHash::of(&token),
            content,
            terminal,
            protocols: vec![Protocol::Rtsp],
            mark: Self::mark_of(&token),
            merge_latency: self.merge_latency,
            priority: Priority::Ordinary,
            expected_bits: 4_000_000,
            first_byte_by: self.now() + Duration::from_secs(60),
            expires_at: self.now() + Duration::from_secs(600),
        };
        self.leases.grant(lease).unwrap();
        session
    }

    /// The mark of the session with this token.
    pub(super) fn mark_of(token: &[u8; TOKEN_BYTES]) -> SessionMark {
        SessionMark(*token.first_chunk().unwrap())
    }

    /// Publishes so many video frames, and audio beside them; gives the video frames.
    pub(super) fn publish(&mut self, frames: usize) -> Vec<Arc<Published>> {
        (0..frames).map(|_| self.camera.next(&self.stream.hub, 0)).collect()
    }

    /// Frames of 40 KB and more: a filler unit (H.264 type 12) before the clip's own.
    pub(super) fn publish_heavy(&mut self, frames: usize) -> Vec<Arc<Published>> {
        (0..frames).map(|_| self.camera.next(&self.stream.hub, 40_000)).collect()
    }

    /// When the frame with this pts was captured.
    pub(super) fn capture_of(&self, pts: u32) -> Wall {
        self.camera.capture(i64::from(pts) / FRAME_TICKS)
    }

    /// The camera comes back with other parameter sets.
    pub(super) fn new_parameters(&mut self) {
        let mut tracks = self.camera.info.tracks.clone();
        let CodecParams::H264(params) = &mut tracks[usize::from(VIDEO)].params else { panic!("no video") };
        params.more.push(params.pps.clone());
        self.camera.info = StreamInfo::shared(self.camera.info.generation + 1, tracks);
    }

    /// The camera's frames are captured from that long ago on, in groups of three seconds.
    pub(super) fn begin_before(&mut self, ago: Duration) {
        self.camera.keyframe_every = 3;
        let ago = i64::try_from(ago.as_micros()).unwrap();
        self.camera.began = Wall::from_micros(self.clock.wall().micros() - ago);
    }

    /// The camera is heard first in the middle of a GOP.
    pub(super) fn begin_between_keyframes(&mut self) {
        self.camera.frames = 1;
    }

    pub(super) fn become_audio_only(&mut self) {
        let mut audio = self.camera.info.tracks[usize::from(AUDIO)].clone();
        audio.id = TrackId(0);
        self.camera.info = StreamInfo::shared(self.camera.info.generation + 1, vec![audio]);
    }

    /// The sum of a metric over its labels.
    pub(super) fn counter(&self, name: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|f| f.name() == name);
        let values = family.into_iter().flat_map(|f| f.get_metric());
        values.map(|m| m.get_counter().get_value() + m.get_gauge().get_value()).sum()
    }

    pub(super) async fn next_event(&mut self) -> SessionEvent {
        tokio::time::timeout(PATIENCE, self.events.recv()).await.expect("an event in time").unwrap()
    }

    pub(super) fn ready_event(&mut self) -> Option<SessionEvent> {
        self.events.try_recv()
    }

    pub(super) async fn events_until_closed(&mut self) -> Vec<SessionEvent> {
        let mut events = Vec::new();
        loop {
            events.push(self.next_event().await);
            if matches!(events.last(), Some(SessionEvent::Closed { .. })) {
                return events;
            }
        }
    }

    /// Waits until it holds.
    pub(super) async fn until(&self, holds: impl Fn(&Self) -> bool) {
        let look = async {
            while !holds(self) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, look).await.expect("it holds in time");
    }

    pub(super) async fn stop_server(&mut self) {
        self.stop.send_replace(true);
        if let Some(server) = self.server.take() {
            tokio::time::timeout(PATIENCE, server).await.expect("the server stops in time").unwrap();
        }
    }

    pub(super) async fn stop(mut self) {
        self.stop_server().await;
        self.expiry.abort();
        let cores = Arc::clone(&self.cores);
        tokio::task::spawn_blocking(move || cores.join()).await.unwrap();
        assert_eq!(self.hub().readers(), 0);
    }
}

/// Pictures of H.264, each with whether it is a keyframe, and the stream they are of, which has sound too.
pub(super) fn clip() -> (Vec<(bool, Bytes)>, Arc<StreamInfo>) {
    let clip = include_bytes!("../../../../../media/testdata/testsrc2_bframes.h264");
    let units: Vec<_> = annex_b(clip).collect();
    let sets = units.iter().copied().filter(|unit| matches!(unit[0] & 31, 7 | 8));
    let params = h264::Params::from_sets(sets).unwrap();
    let law = g711::Params { law: g711::Law::A, channels: 1, sample_rate: 8_000 };
    let tracks = vec![
        Track { id: TrackId(VIDEO), clock_rate: 90_000, params: CodecParams::H264(params) },
        Track { id: TrackId(AUDIO), clock_rate: 8_000, params: CodecParams::G711(law) },
    ];
    (access_units(&units), StreamInfo::shared(1, tracks))
}

impl Camera {
    fn new(began: Wall) -> Self {
        let (clip, info) = clip();
        Self { clip, info, frames: 0, began, keyframe_every: 1 }
    }

    fn capture(&self, frame: i64) -> Wall {
        Wall::from_micros(self.began.micros() + frame * FRAME_MICROS)
    }

    fn next(&mut self, hub: &Hub, filler_bytes: usize) -> Arc<Published> {
        let (keyframe, unit) = &self.clip[self.frames % self.clip.len()];
        let keyframe = *keyframe && self.frames.is_multiple_of(self.keyframe_every * CLIP_GOP);
        let number = i64::try_from(self.frames).unwrap();
        let wall = self.capture(number);
        self.frames += 1;
        let audio_only = self.info.tracks.len() == 1;
        let audio = Frame {
            track: TrackId(if audio_only { 0 } else { AUDIO }),
            pts: number * 320,
            wall,
            keyframe: false,
            discontinuity: false,
            payload: Bytes::from_static(&[0xd5; 320]),
        };
        if audio_only {
            return hub.publish(audio, &self.info);
        }
        let video = Frame {
            track: TrackId(VIDEO),
            pts: number * FRAME_TICKS,
            wall,
            keyframe,
            discontinuity: false,
            payload: with_filler(unit, filler_bytes),
        };
        let published = hub.publish(video, &self.info);
        hub.publish(audio, &self.info);
        published
    }
}

pub(super) fn with_filler(unit: &Bytes, filler_bytes: usize) -> Bytes {
    if filler_bytes == 0 {
        return unit.clone();
    }
    let mut payload = u32::try_from(filler_bytes).unwrap().to_be_bytes().to_vec();
    payload.push(12);
    payload.resize(4 + filler_bytes, 0xff);
    payload.extend_from_slice(unit);
    payload.into()
}

/// The units between start codes.
fn annex_b(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let starts: Vec<_> = stream.windows(3).enumerate().filter(|(_, w)| w == &[0, 0, 1]).map(|(at, _)| at + 3).collect();
    let ends = starts.clone().into_iter().skip(1).map(|at| at - 3).chain([stream.len()]);
    starts.into_iter().zip(ends).map(|(from, to)| {
        let unit = &stream[from..to];
        &unit[..unit.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1)]
    })
}

/// Slices of a picture together, length-prefixed; parameter sets and SEI are left to the packetiser.
fn access_units(units: &[&[u8]]) -> Vec<(bool, Bytes)> {
    let mut pictures: Vec<(bool, Vec<u8>)> = Vec::new();
    for unit in units.iter().filter(|u| matches!(u[0] & 31, 1 | 5)) {
        // first_mb_in_slice is 0 where the first bit after the header is 1.
        if unit[1] & 0x80 != 0 {
            pictures.push((unit[0] & 31 == 5, Vec::new()));
        }
        let picture = &mut pictures.last_mut().unwrap().1;
        picture.extend_from_slice(&u32::try_from(unit.len()).unwrap().to_be_bytes());
        picture.extend_from_slice(unit);
    }
    pictures.into_iter().map(|(keyframe, payload)| (keyframe, payload.into())).collect()
}
