//! A whole control API for tests: the real router over a real store, ledger and table of leases in a folder of its own, with a
//! clock that is set by hand and the departments' people. Cameras and recordings are what the test says.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use futures_util::future::BoxFuture;
use http_body_util::BodyExt as _;
use media::id::{CameraId, StreamKey};
use media::mark::{MarkKey, Pen};
use media::wall::{Clock, Wall};
use parking_lot::Mutex;
use prometheus::Registry;
use recorder::playback::extract::{Extract, ExtractError, Watch};
use recorder::{PlaybackError, Range};
use relay::core::Cores;
use relay::directory::Streams;
use relay::egress::Stage;
use relay::egress::whep::Whep;
use relay::lease::Leases;
use relay::metrics::EgressMetrics;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::authn::login::{self, Login};
use crate::books::network_zone::{NetworkZone, ZoneState};
use crate::books::staff_statement::{StaffStatement, StaffStatementState};
use crate::books::statement_text::{Signer, StatementText, TextState};
use crate::books::training::{Training, TrainingState};
use crate::books::unit_statement::{StatementState, UnitStatement};
use crate::deps::{Deps, Parts};
use crate::extracts::ExtractPort;
use crate::ledger::{Event, Ledger};
use crate::playback::{Piece, PlaybackPort, WholeFile};
use crate::ports::{
    CameraPort, CameraSetup, DeviceState, DeviceStatus, HeldStretch, KeepRule, Kept, RecordingError, RecordingPort,
    RetentionPort, StreamFacts, Timeline, VolumeOutlook,
};
use crate::register::{Line, Record, RecordId, Register, rows};
use crate::registers::user::{PasswordHash, User, UserState};
use crate::registers::{Role, Roles, Unit, UnitId, unit, user};
use crate::render::Studio;
use crate::store::{Batch, Store};

/// Monday, 1 June 2026, 10:00 in the site's zone.
pub(crate) const START: &str = "2026-06-01T10:00:00+08:00";
/// How long recordings go back.
const DAY: Duration = Duration::from_secs(86_400);
/// The address that everybody works from.
pub(crate) const TERMINAL: &str = "10.0.0.1";
/// The most a test waits for what happens beside its requests.
const PATIENCE: Duration = Duration::from_secs(20);

/// A clock that is set by hand.
pub(crate) struct HandClock(Mutex<(Wall, Duration)>);

impl Clock for HandClock {
    fn wall(&self) -> Wall {
        self.0.lock().0
    }
    fn monotonic(&self) -> Duration {
        self.0.lock().1
    }
}

/// Cameras that are online unless they are said not to be.
#[derive(Default)]
pub(crate) struct Fleet(Mutex<Vec<CameraId>>);

impl CameraPort for Fleet {
    fn add(&self, _: CameraSetup) {}
    fn update(&self, _: CameraSetup) {}
    fn remove(&self, _: &CameraId) {}
    fn stream(&self, _: &StreamKey) -> Option<StreamFacts> {
        None
    }
    fn status(&self, camera: &CameraId) -> Option<DeviceStatus> {
        let offline = self.0.lock().contains(camera);
        let state = if offline { DeviceState::Offline } else { DeviceState::Online };
        Some(DeviceStatus { state, reason: None, since: None })
    }
}

/// A recording of one segment of a megabyte.
pub(crate) struct Tape;

/// Bytes of its segment 0.
pub(crate) const SEGMENT_BYTES: u64 = 1 << 20;

impl RecordingPort for Tape {
    fn timeline(&self, _: &StreamKey, _: Wall, _: Wall) -> Result<Timeline, RecordingError> {
        Ok(Timeline::default())
    }
}

/// It has room for whatever these tests enrol; `tests/api` has a recorder that runs out of it.
impl RetentionPort for Tape {
    fn set_rule(&self, _: &CameraId, _: KeepRule) -> Result<(), RecordingError> {
        Ok(())
    }
    fn set_holds(&self, _: &CameraId, _: &[HeldStretch]) -> Result<(), RecordingError> {
        Ok(())
    }
    fn outlook(&self) -> Result<Vec<VolumeOutlook>, RecordingError> {
        Ok(Vec::new())
    }
    fn has_room_for(&self, _: &KeepRule, _: u64) -> Result<bool, RecordingError> {
        Ok(true)
    }
    fn kept(&self, _: &CameraId, _: Wall, _: Wall) -> Result<Kept, RecordingError> {
        // What lies before this day was deleted.
        Ok(Kept { oldest: Some(START.parse::<crate::stamp::Stamp>().unwrap().0 - DAY), ..Kept::default() })
    }
}

impl PlaybackPort for Tape {
    fn playlist(&self, _: Range) -> BoxFuture<'_, Result<String, PlaybackError>> {
        Box::pin(async { Ok("#EXTM3U\n".into()) })
    }

    fn open<'a>(&'a self, _: Range, name: &'a str, pen: Pen) -> BoxFuture<'a, Result<Box<dyn Piece>, PlaybackError>> {
        Box::pin(async move {
            match name {
                "seg-0.m4s" => Ok(Box::new(Loop(SEGMENT_BYTES)) as _),
                "mark.m4s" => Ok(Box::new(Mark(Some(Bytes::copy_from_slice(&pen.write(Wall::EPOCH))))) as _),
                "sound.m4s" => Err(PlaybackError::Unmarkable { path: "sound.mp4".into() }),
                _ => Err(PlaybackError::NoSuchPiece),
            }
        })
    }

    fn download(&self, range: Range, _: Pen) -> BoxFuture<'_, Result<WholeFile, PlaybackError>> {
        Box::pin(async move {
            // A stretch of exactly a minute is one within which the camera changed.
            if range.to.since(range.from) == Duration::from_secs(60) {
                return Err(PlaybackError::Changes { at: range.from + Duration::from_secs(20) });
            }
            Ok((Box::new(Loop(SEGMENT_BYTES)) as _, 7))
        })
    }
}

/// Nothing of it can be taken out.
impl ExtractPort for Tape {
    fn extract(&self, _: &Range, _: &std::path::Path, _: &mut Watch<'_>) -> Result<Extract, ExtractError> {
        Err(ExtractError::Nothing)
    }
}

/// A piece that is nothing but its copy's mark.
struct Mark(Option<Bytes>);

impl Piece for Mark {
    fn bytes(&self) -> u64 {
        media::mark::TEXT_BYTES as u64
    }

    fn media_type(&self) -> &'static str {
        "video/mp4"
    }

    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, PlaybackError>>> {
        let text = self.0.take();
        Box::pin(async move { text.map(Ok) })
    }
}

/// So many bytes still to come, in parts larger than a chunk.
struct Loop(u64);

impl Piece for Loop {
    fn bytes(&self) -> u64 {
        self.0
    }

    fn media_type(&self) -> &'static str {
        "video/mp4"
    }

    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, PlaybackError>>> {
        let part = self.0.min(300_000);
        self.0 -= part;
        Box::pin(async move { (part > 0).then(|| Ok(vec![7; part as usize].into())) })
    }
}

/// The whole.
pub(crate) struct Scene {
    pub(crate) deps: Arc<Deps>,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) fleet: Arc<Fleet>,
    router: Router,
    folder: tempfile::TempDir,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Answer {
    /// The refusal's code; empty where it is none.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

impl Scene {
    /// The departments, their people and camera `cam-1`; nobody holds a grant.
    pub(crate) async fn new() -> Self {
        Self::with(crate::sessions::Settings::default()).await
    }

    /// As [`Self::new`], with other settings of sessions.
    pub(crate) async fn with(settings: crate::sessions::Settings) -> Self {
        let clock = Self::clock_at_start();
        Self::over(tempfile::tempdir().unwrap(), clock, settings).furnished().await
    }

    /// The same over a ledger whose disk fails when it is told to.
    pub(crate) async fn with_faults() -> (Self, Arc<crate::ledger::faults::Faults>) {
        let mut faults = None;
        let (folder, clock, settings) = (tempfile::tempdir().unwrap(), Self::clock_at_start(), Default::default());
        let scene = Self::over_ledger(folder, clock, settings, |dir, clock, registry| {
            let (ledger, of_disk) = crate::ledger::faults::open(dir, clock, registry).unwrap();
            faults = Some(of_disk);
            ledger
        });
        (scene.furnished().await, faults.unwrap())
    }

    fn clock_at_start() -> Arc<HandClock> {
        let start = START.parse::<crate::stamp::Stamp>().unwrap().0;
        Arc::new(HandClock(Mutex::new((start, Duration::from_secs(1_000)))))
    }

    async fn furnished(self) -> Self {
        let (scene, start) = (self, START.parse::<crate::stamp::Stamp>().unwrap().0);
        crate::bootstrap::seed_units(&scene.deps.store, start).unwrap();
        scene.put_units_in_order();
        for (name, unit, role) in PEOPLE {
            scene.add_user(name, unit, role, UserState::Approved);
        }
        let enrolled = scene.post("keeper", "/api/v1/cameras", camera("cam-1")).await;
        assert_eq!(enrolled.status, StatusCode::CREATED, "{}", enrolled.text);
        scene
    }

    /// What a crash leaves: the files as they are at this moment, and an appliance that starts over them.
    pub(crate) fn crashed_into(&self, folder: tempfile::TempDir) -> Self {
        copy(self.folder.path(), folder.path());
        Self::over(folder, Arc::clone(&self.clock), crate::sessions::Settings::default())
    }

    /// Where its ledger lies.
    pub(crate) fn ledger_folder(&self) -> std::path::PathBuf {
        self.folder.path().join("ledger")
    }

    /// The files as they are at this moment.
    pub(crate) fn copy_into(&self, to: &std::path::Path) {
        copy(self.folder.path(), to);
    }

    /// The time on the clock.
    pub(crate) fn clock_now(&self) -> Wall {
        self.clock.wall()
    }

    fn over(folder: tempfile::TempDir, clock: Arc<HandClock>, settings: crate::sessions::Settings) -> Self {
        Self::over_ledger(folder, clock, settings, |dir, clock, registry| Ledger::open(dir, clock, registry).unwrap())
    }

    fn over_ledger(
        folder: tempfile::TempDir,
        clock: Arc<HandClock>,
        settings: crate::sessions::Settings,
        open: impl FnOnce(&std::path::Path, Arc<HandClock>, &Registry) -> Ledger,
    ) -> Self {
        let registry = Registry::new();
        let (leases, events) = Leases::new(clock.clone(), &relay::config::Config::default());
        let fleet = Arc::new(Fleet::default());
        let stage = stage(clock.clone(), leases, &registry);
        let parts = Parts {
            store: Store::open(&folder.path().join("state")).unwrap(),
            ledger: open(&folder.path().join("ledger"), clock.clone(), &registry),
            clock: clock.clone(),
            whep: Whep::bind(Arc::clone(&stage), &registry).unwrap(),
            stage,
            console: Default::default(),
            log: Default::default(),
            settings: Vec::new(),
            cameras: fleet.clone(),
            recordings: Arc::new(Tape),
            retention: Arc::new(Tape),
            playback: Arc::new(Tape),
            otp_key: crate::authn::otp::OtpKey::new(&[8; 32]),
            exports: crate::exports::Setup {
                folder: folder.path().join("exports"),
                studio: Studio::open("no-such-program".into(), folder.path().join("exports/work"), clock.clone())
                    .unwrap(),
                key: crate::exports::ExportKey::new(&[7; 32]),
                source: Arc::new(Tape),
            },
            config: crate::config::Config {
                password_memory_kib: 64,
                password_passes: 1,
                second_factor: crate::registers::user::means::Reach::Off,
                ..Default::default()
            },
            keeping: crate::retention::Settings::default(),
            sessions: settings,
            policy: crate::policy::book::Setup { folder: None, archive: folder.path().join("policies") },
            clock_trust: crate::clock_trust::Settings::default(),
            witness: None,
            webhooks: crate::webhooks::Settings::default(),
            registry,
        };
        let deps = Deps::new(parts).unwrap();
        let leases = Arc::clone(&deps.leases);
        tokio::spawn(async move { leases.run().await });
        tokio::spawn(Arc::clone(&deps.exports).run(std::future::pending()));
        tokio::spawn(crate::attend::run(Arc::clone(&deps), events, std::future::pending()));
        Self { router: crate::routes::router(Arc::clone(&deps)), deps, clock, fleet, folder }
    }

    /// An account that is signed in; its bearer token is its name.
    pub(crate) fn add_user(&self, name: &str, unit: &str, role: Role, state: UserState) {
        let now = self.clock.wall();
        let user = User {
            id: name.parse().unwrap(),
            login: name.parse().unwrap(),
            name: name.into(),
            staff_no: None,
            unit: unit.parse().unwrap(),
            roles: Roles::try_from(vec![role]).unwrap(),
            state,
            password: PasswordHash("unused".into()),
            must_change_password: false,
            failed_count: 0,
            locked_until: None,
            sign_in_epoch: 0,
            version: 1,
            created_at: now,
            created_by: None,
            changed_at: now,
            means: user::Means::default(),
        };
        let login = Login {
            id: format!("login-{name}").parse().unwrap(),
            user: user.id.clone(),
            terminal: TERMINAL.parse().unwrap(),
            epoch: 0,
            way: login::Way::Password,
            created_at: now,
            expires_at: now + Duration::from_secs(10 * 365 * 24 * 3_600),
            seen_at: now,
        };
        let batch = Batch::new().put_json(user::key(&user.id), &user).unwrap();
        self.deps.store.commit(batch.put_json(login::key(name), &login).unwrap()).unwrap();
        self.put_in_order(&user);
    }

    /// A principal and a signed statement for each unit, texts to be signed, and the network that everybody works in.
    fn put_units_in_order(&self) {
        let bureau: UnitId = unit::BUREAU.parse().unwrap();
        for (signer, version) in [(Signer::Unit, "2026-1"), (Signer::Staff, "2026-1")] {
            let (text_version, hash) = (version.into(), String::new());
            self.file(&bureau, TextState::InForce, StatementText { signer, text_version, text: "文本".into(), hash });
        }
        let (name, cidr) = ("专网".into(), "10.0.0.0/8".parse().unwrap());
        self.file(&bureau, ZoneState::InForce, NetworkZone { name, cidr });
        for unit in unit::shipped(self.clock.wall()) {
            let named = Unit { principal: Some("王局".into()), ..unit };
            self.deps.store.put_json(&unit::key(&named.id), &named).unwrap();
            let signed =
                UnitStatement { text_version: "2026-1".into(), principal: "王局".into(), valid_to: self.in_years(3) };
            self.file(&named.id, StatementState::Signed, signed);
        }
    }

    /// A signed statement and a training for a person.
    fn put_in_order(&self, user: &User) {
        let (text_version, valid_to) = ("2026-1".to_owned(), self.in_years(3));
        let signed = StaffStatement { user: user.id.clone(), text_version, valid_to };
        self.file(&user.unit, StaffStatementState::InForce, signed);
        let (course, trainer, trained_at) = ("上岗".into(), "大数据局".into(), self.clock.wall().into());
        self.file(
            &user.unit,
            TrainingState::InForce,
            Training { user: user.id.clone(), course, trainer, trained_at, valid_to },
        );
    }

    fn in_years(&self, years: u64) -> crate::stamp::Stamp {
        (self.clock.wall() + Duration::from_secs(years * 365 * 24 * 3_600)).into()
    }

    /// A record as it stands, without the way it took there. Gives its id.
    pub(crate) fn file<R: Register>(&self, unit: &UnitId, state: R::State, fields: R) -> RecordId {
        let now = self.clock.wall();
        let id = RecordId(crate::mint::sortable_id(now).unwrap());
        let at = crate::stamp::Stamp(now);
        let line = Line { at, by: None, step: "file".into(), to: state, reason: None, fields: Some(fields.clone()) };
        let (filed_by, hands) = (None, Vec::new());
        let record = Record {
            id: id.clone(),
            unit: unit.clone(),
            state,
            filed_by,
            filed_at: at,
            since: at,
            hands,
            lines: 1,
            fields,
        };
        self.deps.store.commit(rows::kept(None, &record, &line).unwrap()).unwrap();
        id
    }

    /// A record moves to another state, without a step.
    pub(crate) fn restate<R: Register>(&self, id: &RecordId, state: R::State) {
        let row = rows::load::<R>(&self.deps.store, id).unwrap().unwrap();
        let mut next = row.value.clone();
        (next.state, next.lines) = (state, next.lines + 1);
        let at = crate::stamp::Stamp(self.clock.wall());
        let line = Line { at, by: None, step: "test".into(), to: state, reason: None, fields: None };
        self.deps.store.commit(rows::kept(Some(&row), &next, &line).unwrap()).unwrap();
    }

    /// Changes a stored account.
    pub(crate) fn change_user(&self, name: &str, change: impl FnOnce(&mut User)) {
        let id = name.parse().unwrap();
        let mut user = user::load(&self.deps.store, &id).unwrap().unwrap().value;
        change(&mut user);
        self.deps.store.put_json(&user::key(&id), &user).unwrap();
    }

    /// Sets the clock on; sign-ins are used meanwhile, so that none is idle.
    pub(crate) fn pass(&self, time: Duration) {
        let mut now = self.clock.0.lock();
        *now = (now.0 + time, now.1 + time);
        let wall = now.0;
        drop(now);
        for (key, row) in self.deps.store.range_json::<Login>(login::LOGINS, None, 1_000).unwrap() {
            self.deps.store.put_json(&key, &Login { seen_at: wall, ..row.value }).unwrap();
        }
    }

    /// A camera goes away.
    pub(crate) fn lose(&self, camera: &str) {
        self.fleet.0.lock().push(camera.parse().unwrap());
    }

    pub(crate) async fn send(&self, from: &str, request: Request<Body>) -> axum::response::Response {
        let mut request = request;
        let peer = SocketAddr::new(from.parse::<IpAddr>().unwrap(), 40_000);
        request.extensions_mut().insert(ConnectInfo(peer));
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn call(&self, who: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "sluice.test:8080");
        if !who.is_empty() {
            request = request.header("authorization", format!("Bearer {who}"));
        }
        let request = match body {
            Some(json) => {
                let text = json.to_string();
                let request = request.header("content-type", "application/json").header("content-length", text.len());
                request.body(Body::from(text))
            }
            None => request.body(Body::empty()),
        };
        let response = self.send(TERMINAL, request.unwrap()).await;
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Answer { status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null), text }
    }

    pub(crate) async fn post(&self, who: &str, path: &str, body: Value) -> Answer {
        self.call(who, "POST", path, Some(body)).await
    }

    pub(crate) async fn read(&self, who: &str, path: &str) -> Answer {
        self.call(who, "GET", path, None).await
    }

    /// The whole way of a resource application. Gives the application's id and the grant's.
    pub(crate) async fn granted(&self, terms: Value) -> (String, String) {
        let form = json!({
            "responsible_person": "李雷", "contact": "0391-1", "narrative": "东街治安", "terms": terms,
        });
        let filed = self.post("clerk", "/api/v1/applications/resource", form).await;
        assert_eq!(filed.status, StatusCode::CREATED, "{}", filed.text);
        let id = filed.body["id"].as_str().unwrap().to_owned();
        for (who, step) in [("head", "endorse"), ("clerk", "submit"), ("approver", "accept"), ("approver", "approve")] {
            let moved = self.call(who, "POST", &format!("/api/v1/applications/resource/{id}/{step}"), None).await;
            assert_eq!(moved.status, StatusCode::OK, "{step}: {}", moved.text);
        }
        let done = self.read("clerk", &format!("/api/v1/applications/resource/{id}")).await;
        (id, done.body["grant"].as_str().unwrap().to_owned())
    }

    /// A session on `cam-1`, which must be given.
    pub(crate) async fn opened(&self, who: &str) -> Value {
        let opened = self.post(who, "/api/v1/sessions", live("cam-1")).await;
        assert_eq!(opened.status, StatusCode::CREATED, "{}", opened.text);
        opened.body
    }

    /// Waits until a connection is told to stop.
    pub(crate) async fn stopped(&self, running: &relay::admission::Admitted) -> relay::lease::EndReason {
        tokio::time::timeout(PATIENCE, running.ended()).await.expect("the connection runs on")
    }

    /// Waits until a usage record fits: what happens beside the requests takes a moment.
    pub(crate) async fn usage(&self, session: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let id = relay::lease::SessionId(session.into());
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                let record = serde_json::to_value(self.deps.usage.find(&id).unwrap()).unwrap();
                if fits(&record) {
                    return record;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        waited.await.unwrap_or_else(|_| panic!("usage record {:?}", self.deps.usage.find(&id)))
    }

    /// Everything that is on the ledger.
    pub(crate) fn events(&self) -> Vec<Event> {
        let entries = self.deps.ledger.read(0, 1_000).unwrap();
        let opened = |bytes: &[u8]| crate::ledger::vault::read(&self.deps.store, bytes).unwrap().event;
        entries.iter().map(|entry| serde_json::from_value(opened(&entry.bytes)).unwrap()).collect()
    }

    /// Waits until an event is on the ledger.
    pub(crate) async fn event(&self, fits: impl Fn(&Event) -> bool) -> Event {
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(event) = self.events().into_iter().find(|event| fits(event)) {
                    return event;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        waited.await.unwrap_or_else(|_| panic!("no such event in {:#?}", self.events()))
    }
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else if std::fs::copy(entry.path(), &target).is_err() {
            // A file that the store put away between the two calls.
            continue;
        }
    }
}

/// Who there is: the police's people, the Bureau's, and someone of the transport office.
const PEOPLE: [(&str, &str, Role); 9] = [
    ("li", "gaj", Role::Operator),
    ("wang", "gaj", Role::Operator),
    ("clerk", "gaj", Role::UnitAdmin),
    ("head", "gaj", Role::UnitPrincipal),
    ("driver", "jtj", Role::Operator),
    ("approver", "zwj", Role::BureauApprover),
    ("guard", "zwj", Role::SecurityAdmin),
    ("auditor", "zwj", Role::AuditAdmin),
    ("keeper", "zwj", Role::CatalogueAdmin),
];

/// A camera's enrolment.
pub(crate) fn camera(id: &str) -> Value {
    json!({
        "id": id, "name": id, "source": "rtsp://10.9.9.9/main", "resource_category": "治安", "location_name": "东街口",
        "camera_type": "球机", "construction_unit": "公安局", "maintenance_unit": "公安局", "contact": "0391-1",
        "area": "济源/沁园",
    })
}

/// Terms for `cam-1` over this year, all verbs that there are.
pub(crate) fn terms() -> Value {
    json!({
        "cameras": ["cam-1"], "purposes": ["GA-1", "GA-3"], "verbs": ["live", "playback", "raw"],
        "valid_from": "2026-01-01T00:00:00+08:00", "valid_to": "2027-01-01T00:00:00+08:00",
    })
}

/// A live session's request.
pub(crate) fn live(camera: &str) -> Value {
    json!({"camera": camera, "verb": "live", "purpose": "GA-1", "reason": "接警 2026-117"})
}

/// The token within a URL.
pub(crate) fn token(url: &Value) -> String {
    let url = url.as_str().expect("a URL");
    url.split("/s/").nth(1).unwrap().split('/').next().unwrap().to_owned()
}

/// The relay's ways out without a listener and without a camera, on one thread.
fn stage(clock: Arc<dyn Clock>, leases: Arc<Leases>, registry: &Registry) -> Arc<Stage> {
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
