//! Real receivers over HTTP: one that takes everything, and ones that fail, redirect, answer slowly and hang.

use std::collections::HashMap;
use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State as Extracted;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use media::wall::Wall;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::signing::Secret;
use super::subscription::{cursor, key, put_cursor};
use super::*;
use crate::ledger::{Event, Kind};
use crate::stamp::Stamp;
use crate::store::Batch;

const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Manner {
    Takes,
    Fails,
    Redirects,
    Slow,
    Hangs,
}

#[derive(Default)]
struct Receiver {
    /// What it does next; then it takes everything.
    manners: Mutex<Vec<Manner>>,
    taken: Mutex<Vec<(HeaderMap, Value, Bytes)>>,
    attempts: Mutex<HashMap<String, usize>>,
    elsewhere: Mutex<usize>,
}

impl Receiver {
    async fn start(self: &Arc<Self>) -> (SocketAddr, tokio::task::JoinHandle<()>) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/hook", post(take)).route("/elsewhere", post(elsewhere));
        let router = router.with_state(Arc::clone(self));
        (address, tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }))
    }

    fn indexes(&self) -> Vec<u64> {
        self.taken.lock().iter().map(|(_, body, _)| body["data"]["index"].as_u64().unwrap()).collect()
    }
}

async fn take(Extracted(receiver): Extracted<Arc<Receiver>>, headers: HeaderMap, body: Bytes) -> Response {
    let id = headers["webhook-id"].to_str().unwrap().to_owned();
    *receiver.attempts.lock().entry(id).or_default() += 1;
    let manner = receiver.manners.lock().pop().unwrap_or(Manner::Takes);
    match manner {
        Manner::Fails => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Manner::Redirects => {
            return (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/elsewhere")]).into_response();
        }
        Manner::Hangs => std::future::pending::<()>().await,
        Manner::Slow => tokio::time::sleep(Duration::from_millis(300)).await,
        Manner::Takes => {}
    }
    let json = serde_json::from_slice(&body).unwrap();
    receiver.taken.lock().push((headers, json, body));
    StatusCode::NO_CONTENT.into_response()
}

async fn elsewhere(Extracted(receiver): Extracted<Arc<Receiver>>) -> StatusCode {
    *receiver.elsewhere.lock() += 1;
    StatusCode::OK
}

struct Real;

impl Clock for Real {
    fn wall(&self) -> Wall {
        Wall::from_micros(1_780_000_000_000_000)
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
}

struct Rig {
    folder: tempfile::TempDir,
    store: Store,
    ledger: Ledger,
    receiver: Arc<Receiver>,
    address: SocketAddr,
    serving: tokio::task::JoinHandle<()>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Rig {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("state")).unwrap();
        let ledger = Ledger::open(&folder.path().join("ledger"), Arc::new(Real), &Registry::new()).unwrap();
        ledger.keep_openings(&store);
        let receiver = Arc::new(Receiver::default());
        let (address, serving) = receiver.start().await;
        Self { folder, store, ledger, receiver, address, serving }
    }

    fn subscribe(&self, id: &str, kinds: &[&str], personal: bool) -> Subscription {
        let subscription = Subscription {
            id: id.into(),
            url: Url::parse(&format!("http://{}/hook", self.address)).unwrap(),
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            personal,
            secret: Secret::fresh().unwrap(),
            active: true,
            created_by: "root".parse().unwrap(),
            created_at: Stamp(Wall::EPOCH),
        };
        let batch = put_cursor(Batch::new(), id, 0, Wall::EPOCH).unwrap();
        self.store.commit(batch.put_json(key(id), &subscription).unwrap()).unwrap();
        subscription
    }

    fn webhooks(&self) -> Arc<Webhooks> {
        let settings = Settings { hosts: vec![self.address.to_string()] };
        let (store, ledger) = (self.store.clone(), self.ledger.clone());
        Webhooks::new(settings, store, ledger, Arc::new(Real), Outbound::new(), &Registry::new()).unwrap()
    }

    async fn append(&self, kind: Kind, n: u64) {
        let event = Event::new(kind, Wall::from_micros(1_780_000_000_000_000)).reason("接警").with("n", n);
        self.ledger.append_async(&event).await.unwrap();
    }

    async fn taken(&self, count: usize) {
        let all = async {
            while self.receiver.taken.lock().len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, all).await.unwrap_or_else(|_| panic!("{:?}", self.receiver.indexes()));
    }
}

#[tokio::test]
async fn events_come_in_order_signed_and_without_personal_words() {
    let rig = Rig::new().await;
    let subscription = rig.subscribe("s1", &["login.", "session.opened"], false);
    for (n, kind) in
        [Kind::LOGIN, Kind::DENIED, Kind::SESSION_OPENED, Kind::SESSION_CLOSED, Kind::LOGOUT].into_iter().enumerate()
    {
        rig.append(kind, n as u64).await;
    }
    *rig.receiver.manners.lock() = vec![Manner::Slow, Manner::Takes];
    let running = tokio::spawn(rig.webhooks().run(std::future::pending()));
    rig.taken(3).await;
    running.abort();
    assert_eq!(rig.receiver.indexes(), [0, 2, 4], "what was asked for, in order");
    for (headers, json, body) in rig.receiver.taken.lock().iter() {
        let text = |name: &str| headers[name].to_str().unwrap();
        let at: i64 = text("webhook-timestamp").parse().unwrap();
        assert_eq!(text("webhook-signature"), subscription.secret.sign(text("webhook-id"), at, body));
        assert!(json["data"]["event"]["reason"].as_str().unwrap().starts_with("sha256:"), "{json}");
        assert_eq!(json["type"], json["data"]["event"]["kind"]);
    }
    assert!(rig.receiver.attempts.lock().keys().all(|id| id.starts_with(&rig.ledger.status().origin)));
}

#[tokio::test]
async fn an_event_is_tried_until_it_is_taken_and_none_overtakes_it() {
    let rig = Rig::new().await;
    rig.subscribe("s1", &[], true);
    for n in 0..4 {
        rig.append(Kind::LOGIN, n).await;
    }
    // From the last to the first.
    *rig.receiver.manners.lock() = vec![Manner::Redirects, Manner::Fails, Manner::Takes];
    let running = tokio::spawn(rig.webhooks().run(std::future::pending()));
    rig.taken(4).await;
    assert_eq!(rig.receiver.indexes(), [0, 1, 2, 3]);
    let second = format!("{}.1", rig.ledger.status().origin);
    assert_eq!(rig.receiver.attempts.lock()[&second], 3, "the same id at each attempt");
    assert_eq!(*rig.receiver.elsewhere.lock(), 0, "a redirect is not followed");
    assert_eq!(rig.receiver.taken.lock()[0].1["data"]["event"]["reason"], json!("接警"), "asked for in words");
    running.abort();
}

#[tokio::test]
async fn the_cursor_survives_a_restart_and_moves_only_after_a_2xx() {
    let rig = Rig::new().await;
    rig.subscribe("s1", &[], false);
    rig.append(Kind::LOGIN, 0).await;
    let running = tokio::spawn(rig.webhooks().run(std::future::pending()));
    rig.taken(1).await;
    while cursor(&rig.store, "s1").unwrap().unwrap().next < 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    *rig.receiver.manners.lock() = vec![Manner::Hangs];
    rig.append(Kind::LOGIN, 1).await;
    while rig.receiver.attempts.lock().len() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // It hangs, and the appliance stops.
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    assert_eq!(cursor(&rig.store, "s1").unwrap().unwrap().next, 1);
    let again = tokio::spawn(rig.webhooks().run(std::future::pending()));
    rig.taken(2).await;
    assert_eq!(rig.receiver.indexes(), [0, 1]);
    again.abort();
    assert!(rig.folder.path().is_dir());
}

#[tokio::test]
async fn one_that_hangs_keeps_no_other_waiting_and_one_disabled_gets_nothing() {
    let rig = Rig::new().await;
    let slow = Arc::new(Receiver::default());
    *slow.manners.lock() = vec![Manner::Hangs; 100];
    let (address, serving) = slow.start().await;
    rig.subscribe("s1", &[], false);
    let mut hanging = rig.subscribe("s2", &[], false);
    hanging.url = Url::parse(&format!("http://{address}/hook")).unwrap();
    rig.store.put_json(&key("s2"), &hanging).unwrap();
    let mut off = rig.subscribe("s3", &[], false);
    off.active = false;
    rig.store.put_json(&key("s3"), &off).unwrap();
    for n in 0..10 {
        rig.append(Kind::LOGIN, n).await;
    }
    let settings = Settings { hosts: vec![rig.address.to_string(), address.to_string()] };
    let (store, ledger) = (rig.store.clone(), rig.ledger.clone());
    let webhooks = Webhooks::new(settings, store, ledger, Arc::new(Real), Outbound::new(), &Registry::new()).unwrap();
    let running = tokio::spawn(webhooks.run(std::future::pending()));
    rig.taken(10).await;
    assert_eq!(rig.receiver.indexes(), (0..10).collect::<Vec<_>>(), "once each: the disabled one got nothing");
    assert!(slow.taken.lock().is_empty());
    running.abort();
    serving.abort();
}

#[test]
fn only_named_hosts_are_sent_to() {
    let settings = Settings { hosts: vec!["hooks.example".into(), "10.0.0.9:8080".into(), "[::1]:81".into()] };
    let allows = |url: &str| settings.allows(&Url::parse(url).unwrap());
    assert!(allows("https://hooks.example/a") && allows("http://10.0.0.9:8080/") && allows("http://[::1]:81/x"));
    for url in [
        "http://hooks.example/",
        "https://hooks.example:8443/",
        "https://hooks.example.evil/",
        "http://10.0.0.9/",
        "http://127.0.0.1:8080/",
        "https://user:word@hooks.example/",
        "ftp://hooks.example/",
        "https://hooks.example/#x",
        "http://169.254.169.254/latest/meta-data",
    ] {
        assert!(!allows(url), "{url}");
    }
    assert!(!Settings::default().allows(&Url::parse("https://hooks.example").unwrap()));
}
