//! The shell: bodies that are no JSON, repeated POSTs, and connections over a real socket.

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::Method;
use control_api::config::Config;
use control_api::config::player_origin::Origin;
use control_api::http::{HttpMetrics, Shell};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::world::{World, settings};

#[tokio::test]
async fn hostile_bodies_get_a_code_and_the_field() {
    let world = World::new();
    world.everyone();
    let client = world.signed_in("bureau-approver").await;
    let post = |body: Vec<u8>| client.send(Method::POST, "/api/v1/units", Some("application/json"), body);
    let deep = format!("{}1{}", "{\"a\":".repeat(5_000), "}".repeat(5_000));
    post(deep.into_bytes()).await.refused(400, "BAD_REQUEST");
    post(b"{\"id\":\"x\",".to_vec()).await.refused(400, "BAD_REQUEST");
    let list = post(br#"["cgj", "x"]"#.to_vec()).await.refused(422, "INVALID_FIELD");
    assert_eq!(list.json()["field"], "body");
    post(vec![0xff; 100]).await.refused(400, "BAD_REQUEST");
    post(vec![b' '; (1 << 20) + 1]).await.refused(413, "TOO_LARGE");
    let wrong = post(br#"{"id":"cgj","name":17}"#.to_vec()).await.refused(422, "INVALID_FIELD");
    assert_eq!(wrong.json()["field"], "name");
    let unknown =
        post(br#"{"id":"cgj","name":"x","colour":"s3cret-value"}"#.to_vec()).await.refused(422, "INVALID_FIELD");
    assert_eq!(unknown.json()["field"], "colour");
    assert!(!unknown.text.contains("s3cret-value"));
    client
        .send(Method::POST, "/api/v1/units", Some("text/plain"), b"{}".to_vec())
        .await
        .refused(415, "UNSUPPORTED_MEDIA_TYPE");
    client.get("/api/v1/nothing").await.refused(404, "NOT_FOUND");
    client.get("/no-such-page").await.refused(404, "NOT_FOUND");
    let method = client.delete("/api/v1/units").await.refused(405, "METHOD_NOT_ALLOWED");
    assert_eq!(method.headers["allow"], "GET,HEAD,POST", "RFC 9110 section 15.5.6");
}

#[tokio::test]
async fn every_answer_is_named_and_guarded() {
    let world = World::new();
    let answer = world.client().header("x-request-id", "desk-7").get("/api/v1/me").await.refused(401, "AUTH_REQUIRED");
    assert_eq!(
        (answer.json()["request_id"].as_str(), &answer.headers["x-request-id"]),
        (Some("desk-7"), &"desk-7".parse().unwrap())
    );
    assert_eq!(answer.headers["www-authenticate"], "Bearer");
    for name in
        ["x-content-type-options", "x-frame-options", "referrer-policy", "content-security-policy", "cache-control"]
    {
        assert!(answer.headers.contains_key(name), "{name}");
    }
    let odd = world.client().header("x-request-id", "a b<script>").get("/healthz").await.is(200);
    assert_eq!(odd.headers["x-request-id"].len(), 26);
    let chinese = world.client().header("accept-language", "zh-CN,zh;q=0.9").get("/api/v1/me").await;
    assert!(!chinese.json()["remedy"].as_str().unwrap().is_ascii());
    let mut members: Vec<_> = chinese.json().as_object().unwrap().keys().cloned().collect();
    members.sort();
    assert_eq!(members, ["articles", "code", "message", "remedy", "request_id"]);
}

#[tokio::test]
async fn a_repeated_post_gives_the_first_result_to_its_maker_only() {
    let world = World::new();
    world.everyone();
    world.account("second", "zwj", &[control_api::registers::Role::CatalogueAdmin]);
    let keeper = world.signed_in("catalogue-admin").await.header("idempotency-key", "k-1");
    let mut camera = crate::cameras::form("x");
    camera.as_object_mut().unwrap().remove("id");
    let first = keeper.post("/api/v1/cameras", &camera).await.is(201);
    let again = keeper.post("/api/v1/cameras", &camera).await.is(201);
    assert_eq!(first.text, again.text);
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(world.fleet.pulled.lock().len(), 1);
    camera["name"] = json!("另一个");
    let other = keeper.post("/api/v1/cameras", &camera).await.refused(422, "INVALID_FIELD");
    assert_eq!(other.json()["field"], "Idempotency-Key");
    let second = world.signed_in("second").await.header("idempotency-key", "k-1");
    second.post("/api/v1/cameras", &camera).await.is(201);
    assert_eq!(world.fleet.pulled.lock().len(), 2);
    world.clock.advance(Duration::from_secs(24 * 3_600));
    let keeper = world.signed_in("catalogue-admin").await.header("idempotency-key", "k-1");
    keeper.post("/api/v1/cameras", &camera).await.is(201);
    assert_eq!(world.fleet.pulled.lock().len(), 3);
}

#[tokio::test]
async fn a_kept_result_is_sealed_and_a_refusal_is_decided_anew() {
    let world = World::new();
    world.everyone();
    let keeper = world.signed_in("catalogue-admin").await.header("idempotency-key", "k-1");
    let mut bad = crate::cameras::form("c1");
    bad["name"] = json!("");
    keeper.post("/api/v1/cameras", &bad).await.refused(422, "INVALID_FIELD");
    keeper.post("/api/v1/cameras", &crate::cameras::form("c1")).await.is(201);
    let row = &world.deps.store.range("idempotency/", None, 10).unwrap()[0];
    let kept = String::from_utf8_lossy(&row.value);
    assert!(kept.contains("sealed") && !kept.contains("location_name") && !kept.contains("东街口"), "{kept}");
    let elsewhere = world.signed_in("catalogue-admin").await.header("idempotency-key", "k-1");
    elsewhere.post("/api/v1/cameras", &crate::cameras::form("c1")).await.refused(409, "CONFLICT");
    assert_eq!(world.fleet.pulled.lock().len(), 1);
    world.clock.advance(Duration::from_secs(24 * 3_600));
    assert!(control_api::housekeeping::sweep(&world.deps).unwrap() >= 1);
    assert!(world.deps.store.range("idempotency/", None, 10).unwrap().is_empty());
}

#[tokio::test]
async fn a_ledger_that_cannot_write_stops_sign_ins_and_changes() {
    let world = World::new();
    world.everyone();
    let approver = world.signed_in("bureau-approver").await;
    world.deps.ledger.close();
    world.client().login("operator", crate::world::PASSWORD).await.refused(503, "AUDIT_UNAVAILABLE");
    approver.post("/api/v1/units", &json!({"id": "cgj", "name": "x"})).await.refused(503, "AUDIT_UNAVAILABLE");
    world.client().get("/api/v1/me").await.refused(503, "AUDIT_UNAVAILABLE");
    assert!(world.folder().join("ledger").is_dir());
}

/// A served router on a port of its own; `stop` and `done` end it.
struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    done: tokio::task::JoinHandle<()>,
}

async fn served(world: &World, config: Config) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let metrics = HttpMetrics::new(&prometheus::Registry::new()).unwrap();
    let shell = Shell { router: world.router.clone(), config, tls: None, metrics };
    let done = tokio::spawn(async move { shell.serve(listener, async { drop(stopped.await) }).await });
    Served { address, stop, done }
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset instead of an orderly end is fine: what was read counts.
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn a_head_that_drips_is_cut_and_others_are_served_meanwhile() {
    let world = World::new();
    let served = served(&world, Config { header_read_timeout: Duration::from_millis(300), ..settings() }).await;
    let mut slow = TcpStream::connect(served.address).await.unwrap();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nx-slow: ").await.unwrap();
    let mut quick = TcpStream::connect(served.address).await.unwrap();
    quick.write_all(HEALTH).await.unwrap();
    assert!(read_all(&mut quick).await.starts_with("HTTP/1.1 200"));
    let cut = tokio::time::timeout(Duration::from_secs(10), read_all(&mut slow)).await.expect("cut off in time");
    assert!(!cut.contains("200 OK"), "{cut}");
    served.stop.send(()).unwrap();
    served.done.await.unwrap();
}

#[tokio::test]
async fn garbage_and_endless_heads_end_the_connection_only() {
    let world = World::new();
    let served = served(&world, settings()).await;
    let endless = format!("GET / HTTP/1.1\r\n{}", "x: y\r\n".repeat(20_000));
    for garbage in [b"\x16\x03\x01\x02\x00\x01".to_vec(), vec![0; 70_000], endless.into_bytes()] {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        let _ = stream.write_all(&garbage).await;
        let _ = stream.shutdown().await;
        let answer = tokio::time::timeout(Duration::from_secs(10), read_all(&mut stream)).await.expect("ended");
        assert!(!answer.contains("200 OK"), "{answer}");
    }
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream.write_all(HEALTH).await.unwrap();
    assert!(read_all(&mut stream).await.contains("{\"status\":\"ok\"}"));
    served.stop.send(()).unwrap();
    served.done.await.unwrap();
}

#[tokio::test]
async fn one_address_cannot_take_every_place() {
    let world = World::new();
    let served = served(&world, Config { connections_per_address_max: 2, ..settings() }).await;
    let (mut a, _b) =
        (TcpStream::connect(served.address).await.unwrap(), TcpStream::connect(served.address).await.unwrap());
    a.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    a.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    let mut third = TcpStream::connect(served.address).await.unwrap();
    let _ = third.write_all(HEALTH).await;
    assert_eq!(read_all(&mut third).await, "", "the third is closed without an answer");
    drop(a);
    let again = async {
        loop {
            let mut next = TcpStream::connect(served.address).await.unwrap();
            let _ = next.write_all(HEALTH).await;
            if read_all(&mut next).await.starts_with("HTTP/1.1 200") {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), again).await.expect("the place comes free");
    served.stop.send(()).unwrap();
    served.done.await.unwrap();
}

#[tokio::test]
async fn a_stop_ends_idle_connections_and_the_listener() {
    let world = World::new();
    let served = served(&world, settings()).await;
    let mut idle = TcpStream::connect(served.address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();
    served.stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(5), served.done).await.expect("drained").unwrap();
    read_all(&mut idle).await;
    assert!(TcpStream::connect(served.address).await.is_err());
}

#[tokio::test]
async fn pages_of_named_origins_may_play_and_no_page_may_call() {
    let preflight = async |world: &World, path: &str, origin: &str| {
        let client = world.client().header("origin", origin).header("access-control-request-method", "PATCH");
        client.send(Method::OPTIONS, path, None, Vec::new()).await.headers.get("access-control-allow-origin").cloned()
    };
    let named = |text: &str| Config { player_origins: vec![Origin::parse(text).unwrap()], ..settings() };
    let (vms, any, none) = (World::with(named("https://vms.example")), World::with(named("*")), World::new());
    let whep = "/s/token/whep";
    assert_eq!(preflight(&vms, whep, "https://vms.example").await.unwrap(), "https://vms.example");
    assert_eq!(preflight(&vms, whep, "https://other.example").await, None);
    assert_eq!(preflight(&any, whep, "https://other.example").await.unwrap(), "*");
    assert_eq!(preflight(&none, whep, "https://vms.example").await, None);
    for path in ["/api/v1/sessions", "/healthz", "/"] {
        assert_eq!(preflight(&any, path, "https://vms.example").await, None, "{path}");
    }
    // What WHEP takes is asked for by OPTIONS too, and that is no preflight.
    let plain =
        vms.client().header("origin", "https://vms.example").send(Method::OPTIONS, whep, None, Vec::new()).await;
    assert_eq!(plain.is(204).headers["accept-post"], "application/sdp");
    // A page reads why it is refused, too.
    let refused = vms.client().header("origin", "https://vms.example").get("/s/token/index.m3u8").await;
    let refused = refused.refused(404, "SESSION_UNKNOWN");
    assert_eq!(refused.headers["access-control-allow-origin"], "https://vms.example");
    assert!(!refused.headers.contains_key("access-control-allow-credentials"));
}
