//! One appliance's control API in a temporary folder, with a clock that the test moves, and a client that speaks to its router.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use control_api::config::Config;
use control_api::deps::{Deps, Parts};
use control_api::extracts::ExtractPort;
use control_api::ledger::{Event, Ledger};
use control_api::playback::{Piece, PlaybackPort, WholeFile};
use control_api::ports::{
    CameraPort, CameraSetup, DeviceState, DeviceStatus, Missing, Recorded, RecordingError, RecordingPort, StreamFacts,
    Timeline,
};
use control_api::registers::user::means::Reach;
use control_api::registers::user::{User, UserState};
use control_api::registers::{Role, Roles, user};
use control_api::render::Studio;
use control_api::request::cookie::Transport;
use control_api::setting::Setting;
use control_api::store::Store;
use control_api::{bootstrap, routes};
use futures_util::future::BoxFuture;
use http_body_util::BodyExt;
use media::id::{CameraId, StreamKey};
use media::mark::{MarkKey, Pen};
use media::wall::{Clock, Wall};
use parking_lot::Mutex;
use recorder::playback::extract::{Extract, ExtractError, Watch};
use recorder::{PlaybackError, Range};
use relay::core::Cores;
use relay::directory::Streams;
use relay::egress::Stage;
use relay::egress::whep::Whep;
use relay::lease::Leases;
use relay::metrics::EgressMetrics;
use serde_json::Value;
use tower::ServiceExt;

use crate::vault::Vault;

pub(crate) const PASSWORD: &str = "correct horse battery";
/// 2026-03-02T02:00:00Z, a Monday morning in Jiyuan.
pub(crate) const START: Wall = Wall::from_micros(1_772_416_800_000_000);

/// A clock that stands until it is moved.
#[derive(Default)]
pub(crate) struct HandClock {
    passed: Mutex<Duration>,
    /// How far the wall clock is ahead of the time that passed.
    pub(crate) ahead: Mutex<Duration>,
}

impl HandClock {
    pub(crate) fn advance(&self, by: Duration) {
        *self.passed.lock() += by;
    }
}

impl Clock for HandClock {
    fn wall(&self) -> Wall {
        START + *self.passed.lock() + *self.ahead.lock()
    }
    fn monotonic(&self) -> Duration {
        *self.passed.lock()
    }
}

/// The fleet as a table: what the API asked for.
#[derive(Default)]
pub(crate) struct Fleet {
    pub(crate) pulled: Mutex<BTreeMap<CameraId, CameraSetup>>,
    pub(crate) updates: Mutex<usize>,
    pub(crate) online: Mutex<Vec<CameraId>>,
}

impl CameraPort for Fleet {
    fn add(&self, camera: CameraSetup) {
        self.pulled.lock().insert(camera.id.clone(), camera);
    }
    fn update(&self, camera: CameraSetup) {
        *self.updates.lock() += 1;
        self.pulled.lock().insert(camera.id.clone(), camera);
    }
    fn remove(&self, camera: &CameraId) {
        self.pulled.lock().remove(camera);
    }
    fn stream(&self, _: &StreamKey) -> Option<StreamFacts> {
        None
    }
    fn status(&self, camera: &CameraId) -> Option<DeviceStatus> {
        self.pulled.lock().get(camera)?;
        let state = if self.online.lock().contains(camera) { DeviceState::Online } else { DeviceState::Offline };
        let reason = (state == DeviceState::Offline).then(|| "refused".to_owned());
        Some(DeviceStatus { state, reason, since: Some(START.into()) })
    }
}

/// A recording with one gap in the middle of whatever is asked.
struct OneGap;

impl RecordingPort for OneGap {
    fn timeline(&self, stream: &StreamKey, from: Wall, to: Wall) -> Result<Timeline, RecordingError> {
        if stream.camera.as_str() == "broken" {
            return Err(RecordingError("/var/lib/secret/path is gone".into()));
        }
        let (a, b) = (from + Duration::from_secs(10), from + Duration::from_secs(20));
        Ok(Timeline {
            items: vec![Recorded { start: from, end: a, bytes: 1_000 }, Recorded { start: b, end: to, bytes: 2_000 }],
            gaps: vec![Missing { start: a, end: b, reason: "camera_lost".into() }],
        })
    }
}

impl PlaybackPort for OneGap {
    fn playlist(&self, _: Range) -> BoxFuture<'_, Result<String, PlaybackError>> {
        unreachable!("no test here plays a recording back")
    }
    fn open<'a>(&'a self, _: Range, _: &'a str, _: Pen) -> BoxFuture<'a, Result<Box<dyn Piece>, PlaybackError>> {
        unreachable!("no test here plays a recording back")
    }
    fn download(&self, _: Range, _: Pen) -> BoxFuture<'_, Result<WholeFile, PlaybackError>> {
        unreachable!("no test here plays a recording back")
    }
}

impl ExtractPort for OneGap {
    fn extract(&self, _: &Range, _: &std::path::Path, _: &mut Watch<'_>) -> Result<Extract, ExtractError> {
        unreachable!("no test here exports a recording")
    }
}

/// A clerk's answer: status, headers, body.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The code where the answer is a refusal; empty where it is anything else, such as a file.
    pub(crate) fn code_if_any(&self) -> String {
        let body: Value = serde_json::from_str(&self.text).unwrap_or_default();
        body["code"].as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Self {
        let answer = self.is(status);
        assert_eq!(answer.code(), code, "{}", answer.text);
        answer
    }
}

/// The appliance.
pub(crate) struct World {
    pub(crate) deps: Arc<Deps>,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) vault: Arc<Vault>,
    pub(crate) router: Router,
    pub(crate) said: Mutex<Vec<String>>,
    pub(crate) registry: prometheus::Registry,
    folder: tempfile::TempDir,
}

/// Cheap hashes, and no second factor but where a test is about it; all else as shipped.
pub(crate) fn settings() -> Config {
    Config { password_memory_kib: 64, password_passes: 1, second_factor: Reach::Off, ..Config::default() }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(settings())
    }

    pub(crate) fn with(config: Config) -> Self {
        Self::keeping(config, control_api::retention::Settings::default())
    }

    /// With a clock that others go by too, and settings that may name files in its folder.
    pub(crate) fn beside(clock: Arc<HandClock>, config: impl FnOnce(&std::path::Path) -> Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path());
        Self::over(folder, clock, Arc::default(), Arc::default(), config, control_api::retention::Settings::default())
    }

    pub(crate) fn keeping(config: Config, keeping: control_api::retention::Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(HandClock::default());
        let (fleet, vault) = (Arc::new(Fleet::default()), Arc::new(Vault::default()));
        Self::over(folder, clock, fleet, vault, config, keeping)
    }

    /// The same appliance once it was stopped and started again, over the same files, cameras and recordings.
    pub(crate) fn started_again(self) -> Self {
        let Self { deps, clock, fleet, vault, router, folder, .. } = self;
        let (config, keeping) = (deps.config.clone(), deps.retention.settings().clone());
        deps.ledger.close();
        drop((router, deps));
        Self::over(folder, clock, fleet, vault, config, keeping)
    }

    fn over(
        folder: tempfile::TempDir,
        clock: Arc<HandClock>,
        fleet: Arc<Fleet>,
        vault: Arc<Vault>,
        config: Config,
        keeping: control_api::retention::Settings,
    ) -> Self {
        let store = Store::open(&folder.path().join("state")).unwrap();
        std::fs::create_dir_all(folder.path().join("rules")).unwrap();
        let registry = prometheus::Registry::new();
        let ledger = Ledger::open(&folder.path().join("ledger"), clock.clone(), &registry).unwrap();
        let (leases, _events) = Leases::new(clock.clone(), &relay::config::Config::default());
        bootstrap::seed_units(&store, START).unwrap();
        let stage = stage(clock.clone(), leases, &registry);
        let deps = Deps::new(Parts {
            store,
            ledger,
            clock: clock.clone(),
            whep: Whep::bind(Arc::clone(&stage), &registry).unwrap(),
            stage,
            console: Default::default(),
            log: Default::default(),
            settings: vec![Setting { key: "log.level".into(), value: Some("\"info\"".into()), line: Some(3) }],
            cameras: fleet.clone(),
            recordings: Arc::new(OneGap),
            retention: vault.clone(),
            playback: Arc::new(OneGap),
            otp_key: control_api::authn::otp::OtpKey::new(&[8; 32]),
            exports: control_api::exports::Setup {
                folder: folder.path().join("exports"),
                studio: Studio::open("no-such-program".into(), folder.path().join("exports/work"), clock.clone())
                    .unwrap(),
                key: control_api::exports::ExportKey::new(&[7; 32]),
                source: Arc::new(OneGap),
            },
            config,
            keeping,
            sessions: control_api::sessions::Settings::default(),
            policy: control_api::policy::book::Setup {
                folder: Some(folder.path().join("rules")),
                archive: folder.path().join("policies"),
            },
            clock_trust: control_api::clock_trust::Settings::default(),
            witness: None,
            webhooks: control_api::webhooks::Settings { hosts: vec!["hooks.example".into()] },
            registry: registry.clone(),
        });
        let deps = deps.unwrap();
        let router = routes::router(Arc::clone(&deps));
        Self { deps, clock, fleet, vault, router, said: Mutex::default(), registry, folder }
    }

    /// An approved account, its password `PASSWORD`, its id and login name `login`.
    pub(crate) fn account(&self, login: &str, unit: &str, roles: &[Role]) {
        self.account_as(login, unit, roles, UserState::Approved, false);
    }

    pub(crate) fn account_as(
        &self,
        login: &str,
        unit: &str,
        roles: &[Role],
        state: UserState,
        must_change_password: bool,
    ) {
        let user = User {
            id: login.parse().unwrap(),
            login: login.parse().unwrap(),
            name: login.into(),
            staff_no: None,
            unit: unit.parse().unwrap(),
            roles: Roles::try_from(roles.to_vec()).unwrap(),
            state,
            password: self.deps.authn.passwords.hash_now(PASSWORD).unwrap(),
            must_change_password,
            failed_count: 0,
            locked_until: None,
            sign_in_epoch: 0,
            version: 1,
            created_at: START,
            created_by: None,
            changed_at: START,
            means: user::Means::default(),
        };
        self.deps.store.commit(user::creation(&user).unwrap()).unwrap();
    }

    /// One account for each role, named by the role; the Bureau's in the Bureau, the others in the police's unit.
    pub(crate) fn everyone(&self) {
        for role in Role::ALL {
            let unit = if role.is_bureau() { "zwj" } else { "gaj" };
            self.account(&role.text().replace('_', "-"), unit, &[role]);
        }
    }

    pub(crate) fn client(&self) -> Client<'_> {
        Client {
            world: self,
            token: None,
            peer: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
            headers: HeaderMap::new(),
            transport: Transport::Plain,
        }
    }

    pub(crate) async fn signed_in(&self, login: &str) -> Client<'_> {
        let client = self.client();
        let answer = client.login(login, PASSWORD).await.is(200);
        client.with_token(answer.json()["token"].as_str().unwrap())
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let entries = self.deps.ledger.read(events.len() as u64, 1_000).unwrap();
            if entries.is_empty() {
                return events;
            }
            let opened = |bytes: &[u8]| control_api::ledger::vault::read(&self.deps.store, bytes).unwrap().event;
            events.extend(entries.iter().map(|entry| serde_json::from_value::<Event>(opened(&entry.bytes)).unwrap()));
        }
    }

    /// The value of a gauge without labels.
    pub(crate) fn gauge(&self, name: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name).unwrap();
        family.get_metric()[0].get_gauge().get_value()
    }

    /// What is on the ledger, but for the policies that every start takes up.
    pub(crate) fn kinds(&self) -> Vec<String> {
        let kinds = self.events().into_iter().map(|event| event.kind.as_str().to_owned());
        kinds.filter(|kind| kind != "policy.loaded").collect()
    }

    /// All bytes that answers, ledger and store hold, for a search for secrets.
    pub(crate) fn everything_written(&self) -> Vec<(String, Vec<u8>)> {
        let mut all: Vec<_> =
            self.said.lock().iter().map(|text| ("answer".to_owned(), text.clone().into_bytes())).collect();
        let entries = self.deps.ledger.read(0, 1_000).unwrap();
        all.extend(entries.iter().map(|entry| (format!("ledger {}", entry.index), entry.bytes.to_vec())));
        let rows = self.deps.store.range("", None, 10_000).unwrap();
        all.extend(rows.into_iter().map(|row| (row.key, row.value)));
        all
    }

    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}

/// Speaks to the router as one terminal.
#[derive(Clone)]
pub(crate) struct Client<'a> {
    world: &'a World,
    token: Option<String>,
    peer: IpAddr,
    headers: HeaderMap,
    transport: Transport,
}

impl Client<'_> {
    pub(crate) fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.into());
        self
    }

    pub(crate) fn token(&self) -> &str {
        self.token.as_deref().unwrap()
    }

    pub(crate) fn at(mut self, peer: [u8; 4]) -> Self {
        self.peer = IpAddr::from(peer);
        self
    }

    pub(crate) fn over_tls(mut self) -> Self {
        self.transport = Transport::Tls;
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(name, value.parse().unwrap());
        self
    }

    pub(crate) async fn login(&self, user: &str, password: &str) -> Answer {
        let body = serde_json::json!({"user": user, "password": password});
        let bare = Self { token: None, ..self.clone() };
        bare.post("/api/v1/login", &body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, Vec::new()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None, Vec::new()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some("application/json"), body.to_string().into_bytes()).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, Some("application/json"), body.to_string().into_bytes()).await
    }

    pub(crate) async fn csv(&self, body: &str) -> Answer {
        self.send(Method::POST, "/api/v1/cameras/import", Some("text/csv; charset=utf-8"), body.into()).await
    }

    /// The body of an answer that is no text.
    pub(crate) async fn bytes(&self, method: Method, path: &str) -> Vec<u8> {
        let (parts, bytes) = self.sent(method, path, None, Vec::new()).await;
        assert_eq!(parts.status, StatusCode::OK);
        bytes
    }

    pub(crate) async fn send(&self, method: Method, path: &str, content_type: Option<&str>, body: Vec<u8>) -> Answer {
        let (parts, bytes) = self.sent(method, path, content_type, body).await;
        let text = String::from_utf8(bytes).unwrap();
        self.world.said.lock().push(text.clone());
        Answer { status: parts.status, headers: parts.headers, text }
    }

    async fn sent(
        &self,
        method: Method,
        path: &str,
        content_type: Option<&str>,
        body: Vec<u8>,
    ) -> (axum::http::response::Parts, Vec<u8>) {
        let mut request = Request::builder().method(method).uri(path).header(header::CONTENT_LENGTH, body.len());
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut request = request.body(Body::from(body)).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(self.peer, 40_000)));
        request.extensions_mut().insert(self.transport);
        let response = self.world.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        (parts, body.collect().await.unwrap().to_bytes().to_vec())
    }
}

/// The relay's ways out without a listener and without a camera, on one thread.
fn stage(clock: Arc<dyn Clock>, leases: Arc<Leases>, registry: &prometheus::Registry) -> Arc<Stage> {
    let whep = relay::config::Whep { listen: ([127, 0, 0, 1], 0).into(), ..Default::default() };
    let config = relay::config::Config { whep, ..Default::default() };
    Arc::new(Stage {
        streams: Streams::new(),
        cores: Cores::start(1, config.engine, &clock).unwrap(),
        config,
        marks: MarkKey::new(&[6; 32]),
        metrics: EgressMetrics::register(registry, &leases).unwrap(),
        leases,
        clock,
    })
}
